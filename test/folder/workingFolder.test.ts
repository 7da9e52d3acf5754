import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WorkingFolder } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'

async function folderOf(files: Readonly<Record<string, string>> = {}): Promise<{ folder: WorkingFolder; dir: string }> {
  const dir = join(tempFolder(), 'work')
  const folder = await WorkingFolder.init(dir)
  onTestFinished(() => folder.close())
  for (let number = 1; number < VOLUMES; number++)
    await folder.repository.extendVolumeGroup(join(dir, '..', `pv${number}.varve`))
  if (VOLUMES > 1) await folder.repository.convertLogicalVolume('default', { type: 'striped' })
  write(dir, files)
  return { folder, dir }
}

function write(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
}

/** Everything in the folder but its state: paths and texts. */
function filesIn(dir: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(join(dir, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (path === '.varve') continue
    if (entry.isDirectory()) Object.assign(found, filesIn(dir, path))
    else found[path] = entry.isSymbolicLink() ? 'symlink' : readFileSync(join(dir, path), 'utf8')
  }
  return found
}

async function changesOf(folder: WorkingFolder): Promise<string[]> {
  return (await folder.status()).changes.map(({ kind, path }) => `${kind} ${path}`)
}

describe('status', () => {
  test('tells what was added, changed, removed, and what became something else', async () => {
    const { folder, dir } = await folderOf({ 'a.txt': 'a', 'b.txt': 'b', 'd/c.txt': 'c', x: 'x', 'y/z': 'z' })
    expect(await changesOf(folder)).toEqual(['added a.txt', 'added b.txt', 'added d/c.txt', 'added x', 'added y/z'])
    await folder.commit({ message: 'First' })
    expect(await folder.status()).toMatchObject({ changes: [], files: 5, branch: 'main', tip: undefined })

    write(dir, { 'a.txt': 'other', 'new/n.txt': 'n' })
    rmSync(join(dir, 'b.txt'))
    chmodSync(join(dir, 'd/c.txt'), 0o755)
    rmSync(join(dir, 'x'))
    write(dir, { 'x/inside': 'i' })
    rmSync(join(dir, 'y'), { recursive: true })
    symlinkSync('a.txt', join(dir, 'y'))
    mkdirSync(join(dir, 'empty'))
    expect(await changesOf(folder)).toEqual([
      'modified a.txt',
      'removed b.txt',
      'mode-changed d/c.txt',
      'added empty',
      'added new/n.txt',
      'removed x',
      'added x/inside',
      'added y',
      'removed y/z',
    ])
    const { commit } = await folder.commit({ message: 'Second' })
    expect(commit?.parents).toHaveLength(1)
    expect(await changesOf(folder)).toEqual([])
  })

  test('what ignore files name is left out, unless the commit has it', async () => {
    const { folder, dir } = await folderOf({ 'kept.log': '1', 'src/a.c': 'a' })
    await folder.commit({ message: 'First' })
    write(dir, { '.gitignore': '*.log\nbuild/\n', 'other.log': '2', 'build/out.o': 'o', 'kept.log': 'changed' })
    expect(await changesOf(folder)).toEqual(['added .gitignore', 'modified kept.log'])
    const { ignored } = await folder.commit({ message: 'Second' })
    expect(ignored).toBe(2)
    expect(await changesOf(folder)).toEqual([])
    rmSync(join(dir, 'kept.log'))
    expect(await changesOf(folder)).toEqual(['removed kept.log'])
  })

  test('a repository of Git is left alone, here and below', async () => {
    const { folder, dir } = await folderOf({ a: 'a', '.git/HEAD': 'h', 'sub/.git/HEAD': 'h', 'sub/b': 'b' })
    expect(await changesOf(folder)).toEqual(['added a', 'added sub/b'])
    await folder.commit({ message: 'First' })
    expect((await folder.repository.at('main')).info.tree.files).toBe(2)
    await folder.switchTo('HEAD', { create: 'other' })
    expect(filesIn(dir)).toHaveProperty(['.git/HEAD'], 'h')
  })

  test('a file that was changed without a trace in size and time is noticed all the same', async () => {
    const { folder, dir } = await folderOf({ a: 'one' })
    await folder.commit({ message: 'First' })
    // Within the same tick of the clock as the commit, as far as anybody can tell.
    for (const text of ['two', 'six', 'ten']) {
      write(dir, { a: text })
      expect(await changesOf(folder)).toEqual(['modified a'])
      write(dir, { a: 'one' })
      expect(await changesOf(folder)).toEqual([])
    }
  })

  test('works on a store that is opened for reading only', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    await folder.commit({ message: 'First' })
    await folder.close()
    write(dir, { a: 'changed' })
    const reading = await WorkingFolder.open(join(dir), { readOnly: true })
    onTestFinished(() => reading.close())
    expect(await changesOf(reading)).toEqual(['modified a'])
    await expect(reading.commit({ message: 'no' })).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
  })
})

describe('commit', () => {
  test('nothing changed: no commit is made; a new time alone is nothing', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    const first = await folder.commit({ message: 'First' })
    writeFileSync(join(dir, 'a'), 'a')
    expect((await folder.commit({ message: 'Second' })).commit).toBeUndefined()
    expect(folder.head.id).toBe(first.commit?.id)
  })

  test('only named paths are taken', async () => {
    const { folder, dir } = await folderOf({ a: 'a', 'd/b': 'b', 'd/c': 'c' })
    await folder.commit({ message: 'First' })
    write(dir, { a: 'A', 'd/b': 'B', 'd/new': 'n' })
    rmSync(join(dir, 'd/c'))
    await folder.commit({ message: 'd alone', paths: ['d'] })
    expect(await changesOf(folder)).toEqual(['modified a'])
    await expect(folder.commit({ message: 'x', paths: ['nowhere'] })).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
    // Gone from the folder, but not from the commit before.
    rmSync(join(dir, 'd'), { recursive: true })
    await folder.commit({ message: 'no d', paths: ['d'] })
    expect(await changesOf(folder)).toEqual(['modified a'])
  })

  test('a branch that others moved is not overrun', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    await folder.commit({ message: 'First' })
    const draft = await folder.repository.draft('main')
    await draft.write('from-elsewhere', 'x')
    const elsewhere = await draft.commit({ message: 'Elsewhere' })
    expect(await folder.status()).toMatchObject({ changes: [], tip: elsewhere.id })
    write(dir, { a: 'changed' })
    await expect(folder.commit({ message: 'Mine' })).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    expect(await changesOf(folder)).toEqual(['modified a'])
    // Bringing the folder up to date keeps what was changed.
    await folder.switchTo('main')
    expect(filesIn(dir)).toEqual({ a: 'changed', 'from-elsewhere': 'x' })
    expect((await folder.commit({ message: 'Mine' })).commit?.parents).toEqual([elsewhere.id])
  })

  test('unchanged files are not opened', async () => {
    const { folder, dir } = await folderOf({ a: 'a', b: 'b' })
    await folder.commit({ message: 'First' })
    // The clock has to go on for a file to be known for unchanged.
    await new Promise((resolve) => setTimeout(resolve, 30))
    await folder.status()
    const opened: string[] = []
    const { fileSystem } = folder.repository.parts
    const open = fileSystem.open.bind(fileSystem)
    fileSystem.open = (path, how) => {
      if (!path.toString().includes('/.varve/')) opened.push(path.toString())
      return open(path, how)
    }
    try {
      expect(await changesOf(folder)).toEqual([])
      expect((await folder.commit({ message: 'Second' })).commit).toBeUndefined()
      expect(opened).toEqual([])
      write(dir, { b: 'B' })
      await folder.commit({ message: 'Second' })
      expect(opened).toEqual([join(dir, 'b')])
    } finally {
      fileSystem.open = open
    }
  })
})

describe('switch', () => {
  async function twoBranches() {
    const made = await folderOf({ same: 's', changed: '1', gone: 'g', 'd/deep': 'd', 'e/only': 'e' })
    const { folder, dir } = made
    await folder.commit({ message: 'First' })
    const one = filesIn(dir)
    await folder.switchTo('HEAD', { create: 'two' })
    rmSync(join(dir, 'gone'))
    rmSync(join(dir, 'e'), { recursive: true })
    write(dir, { changed: '2', 'new/file': 'n', e: 'a file now' })
    chmodSync(join(dir, 'd/deep'), 0o755)
    await folder.commit({ message: 'Second' })
    return { ...made, one, two: filesIn(dir) }
  }

  test('goes there and back, and the folder is as it was', async () => {
    const { folder, dir, one, two } = await twoBranches()
    const { written, removed } = await folder.switchTo('main')
    expect(filesIn(dir)).toEqual(one)
    expect(existsSync(join(dir, 'new'))).toBe(false)
    expect(statSync(join(dir, 'd/deep')).mode & 0o100).toBe(0)
    expect([written, removed]).toEqual([4, 2])
    expect(await folder.status()).toMatchObject({ branch: 'main', changes: [] })
    await folder.switchTo('two')
    expect(filesIn(dir)).toEqual(two)
    expect(await folder.status()).toMatchObject({ branch: 'two', changes: [] })
  })

  test('carries along what is not in the way, and refuses the rest with a list', async () => {
    const { folder, dir, two } = await twoBranches()
    write(dir, { same: 'edited', untracked: 'u' })
    await folder.switchTo('main')
    expect(filesIn(dir)).toMatchObject({ same: 'edited', untracked: 'u', changed: '1' })
    write(dir, { changed: 'mine', 'new/file': 'mine too' })
    const before = filesIn(dir)
    await expect(folder.switchTo('two')).rejects.toMatchObject({
      code: 'UNCOMMITTED_CHANGES',
      details: { paths: ['changed', 'new/file'] },
    })
    expect(filesIn(dir)).toEqual(before)
    expect(folder.head.branch).toBe('main')
    await folder.switchTo('two', { force: true })
    expect(filesIn(dir)).toEqual({ ...two, untracked: 'u' })
  })

  test('an untracked file is not lost to a directory, nor a directory with something in it to a file', async () => {
    const { folder, dir } = await twoBranches()
    await folder.switchTo('main')
    write(dir, { 'e/untracked': 'u' })
    await expect(folder.switchTo('two')).rejects.toMatchObject({ details: { paths: ['e/untracked'] } })
    rmSync(join(dir, 'e/untracked'))
    write(dir, { new: 'in the way of a folder' })
    await expect(folder.switchTo('two')).rejects.toMatchObject({ details: { paths: ['new'] } })
    rmSync(join(dir, 'new'))
    await folder.switchTo('two')
    expect(readFileSync(join(dir, 'e'), 'utf8')).toBe('a file now')
  })

  test('never through a symlink', async () => {
    const { folder, dir } = await twoBranches()
    const outside = join(dir, '..', 'outside')
    write(outside, { deep: 'precious', file: 'precious' })
    renameSync(join(dir, 'new'), join(dir, '..', 'kept'))
    symlinkSync(outside, join(dir, 'new'))
    await folder.switchTo('main').catch(() => undefined)
    await folder.switchTo('main', { force: true }).catch(() => undefined)
    expect(filesIn(outside)).toEqual({ deep: 'precious', file: 'precious' })
    expect(lstatSync(join(dir, 'new')).isSymbolicLink()).toBe(true)
  })

  test('detached: commits move no branch; a branch is in one folder only', async () => {
    const { folder, dir } = await twoBranches()
    const { id } = await folder.switchTo('main', { detach: true })
    expect(folder.head).toEqual({ branch: undefined, id })
    write(dir, { changed: 'detached' })
    const { commit } = await folder.commit({ message: 'Nobody’s' })
    expect(folder.head.id).toBe(commit?.id)
    expect(await folder.repository.resolve('main')).toBe(id)
    expect(await folder.repository.resolve('HEAD')).toBe(commit?.id)
    await expect(folder.switchTo('HEAD~1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(folder.switchTo('nowhere')).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    await expect(folder.switchTo('HEAD', { create: 'two' })).rejects.toMatchObject({ code: 'REF_EXISTS' })
  })

  test('one that was interrupted is told of, gone on with, or back on', async () => {
    const { folder, dir, one, two } = await twoBranches()
    const { fileSystem } = folder.repository.parts
    const rename = fileSystem.rename.bind(fileSystem)
    const failAfter = (times: number): void => {
      let left = times
      fileSystem.rename = (from, to) => {
        if (!to.toString().includes('/.varve/') && left-- === 0) throw Object.assign(new Error('x'), { code: 'EIO' })
        rename(from, to)
      }
    }
    try {
      failAfter(0)
      await expect(folder.switchTo('main')).rejects.toMatchObject({ code: 'STORAGE_IO' })
      fileSystem.rename = rename
      expect(await folder.status()).toMatchObject({ branch: 'two', interrupted: { branch: 'main' } })
      await expect(folder.commit({ message: 'x' })).rejects.toMatchObject({ code: 'SWITCH_INTERRUPTED' })
      await expect(folder.switchTo('main')).rejects.toMatchObject({ code: 'SWITCH_INTERRUPTED' })
      await folder.abortSwitch()
      expect(filesIn(dir)).toEqual(two)
      expect(await folder.status()).toMatchObject({ branch: 'two', changes: [], interrupted: undefined })

      failAfter(0)
      await expect(folder.switchTo('main')).rejects.toMatchObject({ code: 'STORAGE_IO' })
      fileSystem.rename = rename
      await folder.continueSwitch()
      expect(filesIn(dir)).toEqual(one)
      expect(await folder.status()).toMatchObject({ branch: 'main', changes: [], interrupted: undefined })
      await expect(folder.continueSwitch()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    } finally {
      fileSystem.rename = rename
    }
  })
})

describe('restore', () => {
  test('brings files and folders back, whatever was done to them', async () => {
    const { folder, dir } = await folderOf({ a: 'a1', 'd/b': 'b1', 'd/c': 'c1' })
    await folder.commit({ message: 'First' })
    write(dir, { a: 'a2', 'd/new': 'n' })
    rmSync(join(dir, 'd/b'))
    await folder.commit({ message: 'Second' })
    write(dir, { a: 'edited', 'd/untracked': 'u' })
    rmSync(join(dir, 'd/c'))
    expect(await folder.restore(['a', 'd'])).toMatchObject({ removed: 0 })
    expect(filesIn(dir)).toEqual({ a: 'a2', 'd/c': 'c1', 'd/new': 'n', 'd/untracked': 'u' })
    expect(await folder.restore(['a', 'd'], { from: 'HEAD~1' })).toMatchObject({ removed: 1 })
    expect(filesIn(dir)).toEqual({ a: 'a1', 'd/b': 'b1', 'd/c': 'c1', 'd/untracked': 'u' })
    await expect(folder.restore(['nowhere'])).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
  })
})

describe('the folder itself', () => {
  test('is found from below, and after it was moved', async () => {
    const { folder, dir } = await folderOf({ 'd/e/f': 'f' })
    await folder.commit({ message: 'First' })
    await folder.close()
    const moved = `${dir}-moved`
    renameSync(dir, moved)
    const again = await WorkingFolder.open(join(moved, 'd/e'))
    onTestFinished(() => again.close())
    expect(again.path).toBe(moved)
    expect(await changesOf(again)).toEqual([])
    expect(again.pathWithin('f', join(moved, 'd/e'))).toBe('d/e/f')
    expect(() => again.pathWithin('../../../x', join(moved, 'd/e'))).toThrow(
      expect.objectContaining({ code: 'INVALID_PATH' }),
    )
  })

  test('nowhere: says so', async () => {
    await expect(WorkingFolder.open(tempFolder())).rejects.toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
  })

  test('what says where it stands, or what a switch was about, is damaged: that is said', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    await folder.commit({ message: 'First' })
    for (const note of ['', '{', '{}', '{"from":null,"to":"x","branch":null}']) {
      writeFileSync(join(dir, '.varve/switch'), note)
      await expect(folder.status()).rejects.toMatchObject({
        code: 'CORRUPT',
        hint: expect.stringContaining('.varve/switch'),
      })
    }
    rmSync(join(dir, '.varve/switch'))
    await folder.close()
    for (const text of ['', 'x', '{}', '{"id":1,"store":"store.varve"}']) {
      writeFileSync(join(dir, '.varve/worktree'), text)
      await expect(WorkingFolder.open(dir)).rejects.toMatchObject({ code: 'CORRUPT' })
    }
  })

  test('two commands at once: the second is told to wait; one left by a process that is gone is taken over', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    writeFileSync(join(dir, '.varve/lock'), JSON.stringify({ pid: process.pid, host: 'another' }))
    await expect(folder.commit({ message: 'x' })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    const { hostname } = await import('node:os')
    writeFileSync(join(dir, '.varve/lock'), JSON.stringify({ pid: 2 ** 22 - 1, host: hostname() }))
    await folder.commit({ message: 'x' })
    expect(existsSync(join(dir, '.varve/lock'))).toBe(false)
  })
})

describe('the branch a folder stands on', () => {
  test('is renamed with the folder on it, and not deleted under it', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    await folder.commit({ message: 'First' })
    await folder.repository.renameBranch('main', 'trunk')
    const again = await WorkingFolder.open(dir)
    onTestFinished(() => again.close())
    expect(again.head.branch).toBe('trunk')
    write(dir, { a: 'b' })
    await again.commit({ message: 'Second' })
    await again.switchTo('HEAD', { create: 'idea' })
    await expect(again.repository.deleteBranch('idea')).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    expect(again.head.branch).toBe('idea')
    await again.switchTo('trunk')
    await again.repository.deleteBranch('idea')
  })

  test('none: what it stands at is verified all the same', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    await folder.commit({ message: 'First' })
    await folder.switchTo('HEAD', { detach: true })
    write(dir, { a: 'b' })
    await folder.commit({ message: 'On no branch' })
    expect((await folder.repository.verify()).checked.commits).toBe(2)
  })
})

describe('several folders on one store', () => {
  test('each stands on its own; a branch is in one of them', async () => {
    const { folder, dir } = await folderOf({ a: 'a', 'd/b': 'b' })
    await folder.commit({ message: 'First' })
    const store = folder.repository.path
    const beside = join(dir, '..', 'beside')
    await expect(WorkingFolder.add(store, beside, 'main')).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    expect(existsSync(join(beside, '.varve'))).toBe(false)
    rmSync(beside, { recursive: true, force: true })
    const second = await WorkingFolder.add(store, beside, 'main', { create: 'second' })
    onTestFinished(() => second.close())
    expect(filesIn(beside)).toEqual({ a: 'a', 'd/b': 'b' })
    write(beside, { a: 'from the second' })
    await second.commit({ message: 'Second' })
    expect(await changesOf(folder)).toEqual([])
    await expect(folder.switchTo('second')).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    expect((await folder.status()).interrupted).toBeUndefined()
    expect(WorkingFolder.list(folder.repository)).toMatchObject([
      { path: beside, branch: 'second', isThere: true },
      { path: dir, branch: 'main', isThere: true },
    ])
    write(beside, { a: 'uncommitted' })
    await expect(WorkingFolder.remove(folder.repository, beside)).rejects.toMatchObject({
      code: 'UNCOMMITTED_CHANGES',
      details: { paths: ['a'] },
    })
    await WorkingFolder.remove(folder.repository, beside, { force: true })
    expect(filesIn(beside)).toEqual({ a: 'uncommitted', 'd/b': 'b' })
    expect(WorkingFolder.list(folder.repository)).toHaveLength(1)
    await expect(WorkingFolder.open(beside)).rejects.toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
    await expect(WorkingFolder.remove(folder.repository, beside)).rejects.toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
    await folder.switchTo('second')
  })

  test('one that the store does not know says so, and can be made known again', async () => {
    const { folder, dir } = await folderOf({ a: 'a' })
    await folder.commit({ message: 'First' })
    const { group } = folder.repository.parts
    group.catalog.write((tx) =>
      folder.repository.parts.worktrees.list().map(({ id }) => folder.repository.parts.worktrees.remove(tx, id)),
    )
    await folder.close()
    await expect(WorkingFolder.open(dir)).rejects.toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
    const again = await WorkingFolder.repair(dir)
    expect(again.head.branch).toBe('main')
    expect(await changesOf(again)).toEqual([])
    await again.close()
    await (await WorkingFolder.open(dir)).close()
  })
})
