/** Hard links come along when a folder goes from commit to commit, and never carry a change to where it does not belong. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changesOf, contentsOf, empty, newFolder, type WorkFolder, write } from '../support/workFolders.js'

/** `a=b=c d` are two files, the first with three names. Each has a text of its own, unless one is given: `a=b:text`. */
function make(dir: string, files: string): void {
  empty(dir)
  for (const file of files.split(' ').filter((part) => part !== '')) {
    const [names = '', text = names] = file.split(':')
    const [first = '', ...others] = names.split('=')
    write(dir, { [first]: text })
    for (const name of others) {
      mkdirSync(dirname(join(dir, name)), { recursive: true })
      linkSync(join(dir, first), join(dir, name))
    }
  }
}

/** Which names are names of one file, as `make` takes it, without texts. */
function linksIn(dir: string): string {
  const byInode = new Map<number, string[]>()
  for (const path of Object.keys(contentsOf(dir))) {
    const { ino } = lstatSync(join(dir, path))
    byInode.set(ino, [...(byInode.get(ino) ?? []), path])
  }
  return [...byInode.values()]
    .map((names) => names.sort().join('='))
    .sort()
    .join(' ')
}

/** Commits on branches `b0`, `b1` … and the folder at the last. */
async function committed(...trees: readonly string[]): Promise<WorkFolder> {
  const made = await newFolder()
  for (const [index, tree] of trees.entries()) {
    if (index > 0) await made.folder.switchTo('HEAD', { create: `b${index}` })
    make(made.dir, tree)
    await made.folder.commit({ message: tree })
    if (index === 0) await made.folder.repository.renameBranch('main', 'b0')
  }
  return made
}

/** Nothing that a commit would record: no text, no mode, no link. */
async function expectNoChange({ folder }: WorkFolder): Promise<void> {
  expect(await changesOf(folder)).toEqual([])
  expect((await folder.commit({ message: 'Nothing?' })).commit).toBeUndefined()
}

describe('switch', () => {
  test.each([
    ['comes', 'x', 'x a=b=d/c'],
    ['goes', 'x a=b=d/c', 'x'],
    ['gets another name', 'a=b', 'a=b=c'],
    ['gets a name that comes first', 'b=c', 'a=b=c:b=c'],
    ['loses a name', 'a=b=c:1', 'a=b:1'],
    ['loses its first name', 'a=b=c:1', 'b=c:1'],
    ['loses all names but one', 'a=b:1', 'b:1'],
    ['becomes files of their own', 'a=b=d/c:1', 'a:1 b:1 d/c:1'],
    ['is split', 'a=b=c=d:1', 'a=b:1 c=d:1'],
    ['is split the other way', 'a=b=c=d:1', 'a=d:1 b=c:1'],
    ['is sewn together', 'a:1 b:1 c:1', 'a=b=c:1'],
    ['is one of two that merge', 'a=b:1 c=d:1', 'a=b=c=d:1'],
    ['exchanges names with another', 'a=b:1 c=d:1', 'a=c:1 b=d:1'],
    ['gets another text', 'a=b=d/c:1', 'a=b=d/c:2'],
    ['gets another text at one name', 'a=b=c:1', 'a=b:1 c:2'],
    ['takes in what had another text', 'a=b:1 c:2', 'a=b=c:1'],
    ['moves', 'a=b', 'x/a=x/b:a=b'],
    ['is empty', 'x', 'a=b: x'],
    ['loses one of two names, and another file gets it', 'a=b:1 c:2', 'a:1 b=c:2'],
  ])('a file of several names %s: %s -> %s, and back', async (_what, one, two) => {
    const made = await committed(one, two)
    const { folder, dir } = made
    const [there, texts] = [linksIn(dir), contentsOf(dir)]
    await folder.switchTo('b0')
    expect(contentsOf(dir)).toEqual(textsOf(one))
    expect(linksIn(dir)).toEqual(namesOf(one))
    await expectNoChange(made)
    await folder.switchTo('b1')
    expect(contentsOf(dir)).toEqual(texts)
    expect(linksIn(dir)).toEqual(there)
    await expectNoChange(made)
  })

  test('what stays is not written anew: the others become names of it', async () => {
    const { folder, dir } = await committed('a=b:1', 'a=b=c:1')
    await folder.switchTo('b0')
    const before = statSync(join(dir, 'b'))
    expect(await folder.switchTo('b1')).toMatchObject({ written: 1, warnings: [] })
    expect(statSync(join(dir, 'b'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
    expect(linksIn(dir)).toBe('a=b=c')
  })

  test('a change in a name that stays, made beside: it is kept, and linked to nothing', async () => {
    const made = await committed('a=b=c:1', 'a=b=c=d:1')
    const { folder, dir } = made
    await folder.switchTo('b0')
    rmSync(join(dir, 'a'))
    write(dir, { a: 'mine' })
    await folder.switchTo('b1')
    expect(contentsOf(dir)).toEqual({ a: 'mine', b: '1', c: '1', d: '1' })
    expect(linksIn(dir)).toBe('a b=c=d')
  })

  test('a change that was made in place, so in all names: none of them is linked to', async () => {
    const { folder, dir } = await committed('a=b:1', 'a=b=c:1')
    await folder.switchTo('b0')
    write(dir, { a: 'mine' })
    await folder.switchTo('b1')
    expect(contentsOf(dir)).toEqual({ a: 'mine', b: 'mine', c: '1' })
    expect(linksIn(dir)).toBe('a=b c')
  })

  test('an untracked name of a file is not written to when the file changes, nor does it get its mode', async () => {
    const { folder, dir } = await committed('a=b:1', 'a=b:2')
    await folder.switchTo('b0')
    linkSync(join(dir, 'a'), join(dir, 'mine'))
    linkSync(join(dir, 'a'), join(dir, '..', 'outside'))
    await folder.switchTo('b1')
    expect(contentsOf(dir)).toEqual({ a: '2', b: '2', mine: '1' })
    expect(readFileSync(join(dir, '..', 'outside'), 'utf8')).toBe('1')
    expect(linksIn(dir)).toBe('a=b mine')
  })

  test('a name is not reached through another that is in the way: nothing is changed', async () => {
    const { folder, dir } = await committed('a=b:1', 'a:1 b:2')
    await folder.switchTo('b0')
    write(dir, { a: 'mine' })
    await expect(folder.switchTo('b1')).rejects.toMatchObject({ details: { paths: ['b'] } })
    expect(contentsOf(dir)).toEqual({ a: 'mine', b: 'mine' })
    expect(linksIn(dir)).toBe('a=b')
    await folder.switchTo('b1', { force: true })
    expect(contentsOf(dir)).toEqual({ a: '1', b: '2' })
    expect(linksIn(dir)).toBe('a b')
  })

  test('--force gives up a change and makes it a name of the file again', async () => {
    const made = await committed('a=b=c:1', 'a=b=c:1 new')
    const { folder, dir } = made
    rmSync(join(dir, 'b'))
    write(dir, { b: 'mine' })
    await folder.switchTo('b0', { force: true })
    expect(linksIn(dir)).toBe('a=b=c')
    await expectNoChange(made)
  })

  test('a mode that changes is not set through another name', async () => {
    const made = await committed('a=b:1 c:1')
    const { folder, dir } = made
    await folder.switchTo('HEAD', { create: 'private' })
    for (const name of ['a', 'c']) chmodSync(join(dir, name), 0o600)
    await folder.commit({ message: 'Private' })
    await folder.switchTo('b0')
    expect(['a', 'b', 'c'].map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual([0o644, 0o644, 0o644])
    linkSync(join(dir, 'c'), join(dir, 'mine'))
    linkSync(join(dir, 'a'), join(dir, '..', 'outside'))
    await folder.switchTo('private')
    expect(statSync(join(dir, '..', 'outside')).mode & 0o777).toBe(0o644)
    expect(statSync(join(dir, 'mine')).mode & 0o777).toBe(0o644)
    expect(linksIn(dir)).toBe('a=b c mine')
    rmSync(join(dir, 'mine'))
    await expectNoChange(made)
  })

  test('a member that lies behind a symlink is no file of the folder', async () => {
    const { folder, dir } = await committed('b x/a', 'b=x/a:1 c', 'b=c=x/a:1')
    await folder.switchTo('b1')
    const outside = join(dir, '..', 'elsewhere')
    renameSync(join(dir, 'x'), outside)
    symlinkSync(outside, join(dir, 'x'))
    rmSync(join(dir, 'b'))
    write(dir, { b: '1' })
    const before = lstatSync(join(outside, 'a'))
    await folder.switchTo('b2')
    expect(lstatSync(join(outside, 'a'))).toMatchObject({ nlink: 1, mtimeMs: before.mtimeMs, ino: before.ino })
    expect(readFileSync(join(dir, 'c'), 'utf8')).toBe('1')
  })

  test('an interrupted one is gone on with, or back on, with all links', async () => {
    const made = await committed('a=b=c=d:1 e=f:2 x', 'a=b:3 c=d:1 e=f=x:2')
    const { folder, dir } = made
    const { fileSystem } = folder.repository.parts
    const rename = fileSystem.rename.bind(fileSystem)
    try {
      for (let after = 0; after < 3; after++) {
        for (const goesOn of [true, false]) {
          let left = after
          fileSystem.rename = (from, to) => {
            if (!to.toString().includes('/.varve/') && left-- === 0)
              throw Object.assign(new Error('x'), { code: 'EIO' })
            rename(from, to)
          }
          await expect(folder.switchTo('b0'), `${after} renames`).rejects.toMatchObject({ code: 'STORAGE_IO' })
          fileSystem.rename = rename
          await (goesOn ? folder.continueSwitch() : folder.abortSwitch())
          expect(linksIn(dir)).toBe(goesOn ? 'a=b=c=d e=f x' : 'a=b c=d e=f=x')
          expect((await folder.status()).interrupted).toBeUndefined()
          await expectNoChange(made)
          if (goesOn) await folder.switchTo('b1')
        }
      }
    } finally {
      fileSystem.rename = rename
    }
  })

  test('where links are not recorded, they are left as they are', async () => {
    const { folder, dir } = await newFolder()
    await folder.repository.config.set('attributes', 'mtime,mode')
    make(dir, 'a=b:1 c')
    await folder.commit({ message: 'First' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { c: 'other' })
    await folder.commit({ message: 'Second' })
    await folder.switchTo('main')
    expect(linksIn(dir)).toBe('a=b c')
    await folder.restore(['a'])
    expect(linksIn(dir)).toBe('a=b c')
  })

  const NAMES = ['a', 'b', 'c', 'd/e', 'd/f']
  /** For each name which of a few files it is of, or none. */
  const tree = fc.array(fc.constantFrom(undefined, 0, 1, 2), { minLength: NAMES.length, maxLength: NAMES.length })
  /** Of each file one of two texts and modes. */
  const kinds = fc.array(fc.nat(3), { minLength: 3, maxLength: 3 })

  function makeRandom(dir: string, files: readonly (number | undefined)[], kindOf: readonly number[]): void {
    empty(dir)
    mkdirSync(join(dir, 'd'))
    for (const [index, name] of NAMES.entries()) {
      const which = files[index]
      if (which === undefined) continue
      const first = NAMES[files.indexOf(which)] as string
      if (first !== name) linkSync(join(dir, first), join(dir, name))
      else {
        const kind = kindOf[which] ?? 0
        writeFileSync(join(dir, name), `text ${kind % 2}`)
        chmodSync(join(dir, name), kind > 1 ? 0o600 : 0o644)
      }
    }
  }

  // The first of these seeds once found a name that was taken for another file's, because the others were not met.
  test.each([-940995052, undefined])('any two trees of linked files, there and back (seed %s)', async (seed) => {
    const made = await newFolder()
    const { folder, dir } = made
    let round = 0
    await fc.assert(
      fc.asyncProperty(tree, kinds, tree, kinds, async (filesA, kindsA, filesB, kindsB) => {
        const id = round++
        const seen: unknown[] = []
        for (const [name, files, kindOf] of [
          ['a', filesA, kindsA],
          ['b', filesB, kindsB],
        ] as const) {
          await folder.switchTo('HEAD', { create: `${name}${id}` }).catch(() => undefined)
          makeRandom(dir, files, kindOf)
          await folder.commit({ message: name, allowEmpty: true })
          seen.push({ texts: contentsOf(dir), links: linksIn(dir), modes: modesIn(dir) })
        }
        if (id === 0) return
        for (const [index, name] of [
          [0, 'a'],
          [1, 'b'],
          [0, 'a'],
        ] as const) {
          await folder.switchTo(`${name}${id}`)
          expect({ texts: contentsOf(dir), links: linksIn(dir), modes: modesIn(dir) }).toEqual(seen[index])
          await expectNoChange(made)
        }
      }),
      seed === undefined ? { numRuns: 60 } : { numRuns: 60, seed },
    )
  })
})

function modesIn(dir: string): number[] {
  return Object.keys(contentsOf(dir)).map((path) => statSync(join(dir, path)).mode & 0o777)
}

/** As `contentsOf` gives them. */
function textsOf(files: string): Record<string, string> {
  const texts = files.split(' ').flatMap((file) => {
    const [names = '', text = names] = file.split(':')
    return names.split('=').map((name): [string, string] => [name, text])
  })
  return Object.fromEntries(texts)
}

/** As `linksIn` gives them. */
function namesOf(files: string): string {
  return files
    .split(' ')
    .map((file) => file.split(':', 1)[0]?.split('=').sort().join('='))
    .sort()
    .join(' ')
}

describe('restore', () => {
  test.each([
    ['a name that was changed beside', 'b', ['b']],
    ['the first name', 'a', ['a']],
    ['all', 'a', ['']],
  ])('%s', async (_what, changed, paths) => {
    const made = await committed('a=b=d/c:1 x')
    const { folder, dir } = made
    rmSync(join(dir, changed))
    write(dir, { [changed]: 'mine' })
    expect(await folder.restore(paths)).toEqual({ written: 1, removed: 0, warnings: [] })
    expect(linksIn(dir)).toBe('a=b=d/c x')
    await expectNoChange(made)
  })

  test('one of several names that were changed in place gets the text, and the others keep theirs', async () => {
    const made = await committed('a=b=c:1')
    const { folder, dir } = made
    write(dir, { a: 'mine' })
    await folder.restore(['b'])
    expect(contentsOf(dir)).toEqual({ a: 'mine', b: '1', c: 'mine' })
    await folder.restore(['c'])
    expect(linksIn(dir)).toBe('a b=c')
    await folder.restore(['a'])
    expect(linksIn(dir)).toBe('a=b=c')
    await expectNoChange(made)
  })

  test('a link that was broken is made again, one that was added is undone', async () => {
    const made = await committed('a=b:1 x:1')
    const { folder, dir } = made
    rmSync(join(dir, 'b'))
    write(dir, { b: '1' })
    await folder.restore(['b'])
    expect(linksIn(dir)).toBe('a=b x')
    rmSync(join(dir, 'x'))
    linkSync(join(dir, 'a'), join(dir, 'x'))
    await folder.restore(['x'])
    expect(linksIn(dir)).toBe('a=b x')
    await expectNoChange(made)
  })

  test('nothing is written where everything is as it was, names outside or not', async () => {
    const { folder, dir } = await committed('a=b:1 c')
    linkSync(join(dir, 'a'), join(dir, '..', 'outside'))
    await folder.commit({ message: 'Its third name lies outside' })
    const before = ['a', 'b', 'c'].map((name) => statSync(join(dir, name)).mtimeMs)
    expect(await folder.restore([''])).toEqual({ written: 0, removed: 0, warnings: [] })
    expect(['a', 'b', 'c'].map((name) => statSync(join(dir, name)).mtimeMs)).toEqual(before)
    expect(statSync(join(dir, '..', 'outside')).nlink).toBe(3)
  })

  test('from another commit', async () => {
    const made = await committed('a=b:1 c:2', 'a:3 b=c:3')
    const { folder, dir } = made
    await folder.restore(['a', 'b'], { from: 'b0' })
    expect(contentsOf(dir)).toEqual({ a: '1', b: '1', c: '3' })
    expect(linksIn(dir)).toBe('a=b c')
  })
})

describe('another folder', () => {
  test('gets the same links', async () => {
    const { folder, dir } = await committed('a=b=d/c:1 e=f: x')
    const { WorkingFolder } = await import('../../src/index.js')
    const beside = join(dir, '..', 'beside')
    const second = await WorkingFolder.add(folder.repository.path, beside, 'HEAD', { detach: true }).catch(() =>
      WorkingFolder.add(folder.repository.path, beside, 'b0', { detach: true }),
    )
    try {
      expect(linksIn(beside)).toBe('a=b=d/c e=f x')
      expect(existsSync(join(beside, 'd/c'))).toBe(true)
      await expectNoChange({ folder: second, dir: beside })
    } finally {
      await second.close()
    }
  })
})
