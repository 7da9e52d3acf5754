/** Files that change, vanish or become something else while a working folder is read. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isVarveError, type WorkingFolder } from '../../src/index.js'
import { type Call, type Hook, systemError } from '../worktree/faultyFileSystem.js'
import {
  changesOf,
  clockGoesOn,
  committed,
  committedFolder,
  failureOf,
  filesIn,
  opened,
  openedWithHook,
  write,
} from './folders.js'

const BEFORE = 'as it was before anything happened'

/** What somebody does to a file while it is read. */
const CHANGES: Readonly<Record<string, (path: string) => void>> = {
  grows: (path) => appendFileSync(path, ' and more'),
  shrinks: (path) => truncateSync(path, 5),
  'is written anew': (path) => writeFileSync(path, BEFORE.toUpperCase()),
  'is replaced': (path) => {
    writeFileSync(`${path}.new`, BEFORE.toUpperCase())
    renameSync(`${path}.new`, path)
  },
  vanishes: (path) => rmSync(path),
  'becomes a folder': (path) => {
    rmSync(path)
    mkdirSync(path)
    writeFileSync(join(path, 'inside'), 'i')
  },
  'becomes a symlink': (path) => {
    rmSync(path)
    symlinkSync('other', path)
  },
  'becomes a pipe': (path) => {
    rmSync(path)
    execFileSync('mkfifo', [path])
  },
}

/** The calls that reading one file takes. */
const MOMENTS: readonly Call[] = ['lstat', 'open', 'file.stat', 'file.read', 'file.close']

/** Changes it once, at the `nth` such call. */
function once(moment: Call, path: string, change: () => void, nth = 1): Hook {
  let left = nth
  return (call, where) => {
    if (call !== moment || where !== path || --left !== 0) return
    change()
  }
}

/** What a comparison by hand finds: paths that differ between the commit and the folder. */
async function differing(folder: WorkingFolder, dir: string): Promise<string[]> {
  const [before, now] = [await committed(folder), filesIn(dir)]
  const paths = new Set([...Object.keys(before), ...Object.keys(now)])
  const isPipe = (path: string) => existsSync(join(dir, path)) && lstatSync(join(dir, path)).isFIFO()
  return [...paths].filter((path) => before[path] !== (isPipe(path) ? undefined : now[path])).sort()
}

const NO_PIPES = process.platform === 'win32'

describe.each(Object.keys(CHANGES).filter((name) => !(NO_PIPES && name.includes('pipe'))))('a file that %s', (name) => {
  const change = CHANGES[name] as (path: string) => void

  test.each(MOMENTS)(
    'while it is read, at %s: a state it had, or its name; and the next status knows',
    async (moment) => {
      for (const nth of moment === 'file.stat' ? [1, 2] : [1]) {
        const dir = await committedFolder({ f: 'first', other: 'o' })
        const { folder, set } = await openedWithHook(dir)
        const path = join(dir, 'f')
        const about = `${moment} ${nth}`

        writeFileSync(path, BEFORE)
        await clockGoesOn()
        set(once(moment, path, () => change(path), nth))
        await folder.status()
        set(() => undefined)
        const told = (await folder.status()).changes.map((one) => one.path)
        expect([...new Set(told)].sort(), about).toEqual(await differing(folder, dir))

        rmSync(path, { recursive: true, force: true })
        writeFileSync(path, BEFORE)
        await clockGoesOn()
        set(once(moment, path, () => change(path), nth))
        const failed = await folder.commit({ message: 'Second' }).catch((error: unknown) => error)
        set(() => undefined)
        if (isVarveError(failed)) {
          expect(failed, about).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: ['f'] } })
          expect((await committed(folder)).f).toBe('first')
        } else if (failed instanceof Error) throw failed
        const { f } = await committed(folder)
        expect(['first', BEFORE, stateOf(path)], about).toContain(f)
        const after = (await folder.status()).changes.map((one) => one.path)
        expect([...new Set(after)].sort(), about).toEqual(await differing(folder, dir))
      }
    },
  )
})

/** As a commit would have it. */
function stateOf(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isSymbolicLink()) return 'no file'
  return stat?.isFile() ? readFileSync(path, 'utf8') : undefined
}

describe('what keeps changing', () => {
  test('is named, and nothing is committed; without it, what the commit before has stays', async () => {
    const dir = await committedFolder({ f: 'first', other: 'o' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { f: 'second', other: 'changed' })
    const restless: Hook = (call, path) => {
      if (call === 'file.read' && path === join(dir, 'f')) appendFileSync(path, '+')
    }
    set(restless)
    const error = await failureOf(folder.commit({ message: 'x' }))
    expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: ['f'] } })
    expect(await committed(folder)).toEqual({ f: 'first', other: 'o' })
    expect((await folder.status()).unreadable).toMatchObject([{ path: 'f', code: 'FILE_CHANGED' }])

    const { skipped } = await folder.commit({ message: 'x', skipUnreadable: true })
    expect(skipped).toMatchObject([{ path: 'f', code: 'FILE_CHANGED' }])
    expect(await committed(folder)).toEqual({ f: 'first', other: 'changed' })
    set(() => undefined)
    expect(await changesOf(folder)).toEqual(['modified f'])
  })

  test('a symlink that is led elsewhere while it is read is read once more', async () => {
    const dir = await committedFolder({ a: 'a' })
    const { folder, set } = await openedWithHook(dir)
    const link = join(dir, 'link')
    symlinkSync('a', link)
    lutimesSync(link, 1, 1)
    let left = 1
    set((call, path) => {
      if (call !== 'readlink' || path !== link || left-- === 0) return
      rmSync(link)
      symlinkSync('elsewhere', link)
    })
    await folder.commit({ message: 'Link' })
    const { target, attributes } = await (await folder.repository.at('HEAD')).stat('link')
    expect(target).toBe('elsewhere')
    expect(attributes.mtimeNs).toBe(lstatSync(link, { bigint: true }).mtimeNs)
    set(() => undefined)
    expect(await changesOf(folder)).toEqual([])
  })
})

/** As taking away the right to list it does: a folder that looks as it did need not be listed. */
function touchFolder(path: string): void {
  chmodSync(path, statSync(path).mode)
}

describe('what cannot be read', () => {
  test('is not taken for removed: not by status, and not by a commit that does without it', async () => {
    const dir = await committedFolder({ f: 'first', 'd/a': 'a', 'd/deep/b': 'b', other: 'o' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { f: 'changed', 'd/a': 'changed', other: 'changed', new: 'n' })
    touchFolder(join(dir, 'd'))
    set((call, path) => {
      if (call === 'open' && (path === join(dir, 'f') || path === join(dir, 'new'))) throw systemError('EACCES')
      if (call === 'list' && path === join(dir, 'd')) throw systemError('EIO')
    })
    const status = await folder.status()
    expect(status.changes).toMatchObject([{ kind: 'modified', path: 'other' }])
    expect(status.unreadable.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
      'd EIO',
      'f EACCES',
      'new EACCES',
    ])
    const error = await failureOf(folder.commit({ message: 'x' }))
    expect(error).toMatchObject({ code: 'UNREADABLE_FILES', hint: expect.any(String) })
    expect(error.details.paths).toEqual(['d', 'f', 'new'])

    const done = await folder.commit({ message: 'x', skipUnreadable: true })
    expect(done.skipped).toHaveLength(3)
    expect(await committed(folder)).toEqual({ f: 'first', 'd/a': 'a', 'd/deep/b': 'b', other: 'changed' })
    set(() => undefined)
    expect(await changesOf(folder)).toEqual(['modified d/a', 'modified f', 'added new'])
  })

  test.each([false, true])(
    'a folder is named although nothing looks changed (known from before: %s)',
    async (isKnown) => {
      const dir = await committedFolder({ a: 'a', 'd/b': 'b', 'd/deep/c': 'c' })
      const { folder, set } = await openedWithHook(dir)
      await clockGoesOn()
      if (isKnown) for (let look = 0; look < 2; look++) expect(await changesOf(folder)).toEqual([])
      for (const unlisted of ['d', 'd/deep']) {
        set((call, path) => {
          if (call === 'list' && path === join(dir, unlisted)) throw systemError('EACCES')
        })
        touchFolder(join(dir, unlisted))
        expect(await folder.status()).toMatchObject({ changes: [], unreadable: [{ path: unlisted, code: 'EACCES' }] })
        const error = await failureOf(folder.commit({ message: 'x' }))
        expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: [unlisted] } })
      }
    },
  )

  test('nothing but that changed: no commit is made without it', async () => {
    const dir = await committedFolder({ f: 'first', other: 'o' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { f: 'changed' })
    set((call, path) => {
      if (call === 'open' && path === join(dir, 'f')) throw systemError('EACCES')
    })
    await expect(folder.commit({ message: 'x' })).rejects.toMatchObject({ code: 'UNREADABLE_FILES' })
    expect((await folder.commit({ message: 'x', skipUnreadable: true })).commit).toBeUndefined()
  })

  test('an ignore file is named, and what it would leave out is not shown as new', async () => {
    const dir = await committedFolder({ a: 'a', 'd/.varveignore': 'secret' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { 'd/secret': 's' })
    set((call, path) => {
      if (call === 'open' && path.endsWith('/.varveignore')) throw systemError('EACCES')
    })
    for (const run of [folder.status(), folder.diff(), folder.commit({ message: 'x', skipUnreadable: true })]) {
      const error = await failureOf(run)
      expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: ['d/.varveignore'] } })
    }
  })
})

describe('what vanishes between being listed and being read', () => {
  test('was removed, and a commit says so', async () => {
    const dir = await committedFolder({ a: 'a', f: 'first', 'd/x': 'x', z: 'z' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { a: 'changed', f: 'changed', 'd/new': 'n' })
    const vanish: Hook = (call, path) => {
      if (call !== 'open' || path !== join(dir, 'a')) return
      rmSync(join(dir, 'f'), { force: true })
      rmSync(join(dir, 'd'), { recursive: true, force: true })
    }
    set(vanish)
    const { changes, unreadable } = await folder.status()
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(
      expect.arrayContaining(['modified a', 'removed f']),
    )
    expect([...changes, ...unreadable].map(({ path }) => path.split('/')[0])).toContain('d')
    write(dir, { f: 'changed', 'd/x': 'x', 'd/new': 'n' })
    const { commit, warnings, skipped } = await folder.commit({ message: 'x' })
    expect(commit).toBeDefined()
    expect(skipped).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('"d" vanished'), expect.stringContaining('"f" vanished')])
    expect(await committed(folder)).toEqual({ a: 'changed', z: 'z' })
  })

  test('what no commit has is nobody’s loss', async () => {
    const dir = await committedFolder({ a: 'a' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { a: 'changed', 'tmp.swp': 't' })
    set((call, path) => {
      if (call === 'open' && path === join(dir, 'a')) rmSync(join(dir, 'tmp.swp'), { force: true })
    })
    expect(await folder.commit({ message: 'x' })).toMatchObject({ warnings: [], skipped: [] })
  })
})

test('a file is replaced by a folder and the reverse between commits, with and without the other gone first', async () => {
  const dir = await committedFolder({ x: 'file', 'y/inside': 'i', z: 'z' })
  const folder = await opened(dir)
  rmSync(join(dir, 'x'))
  rmSync(join(dir, 'y'), { recursive: true })
  write(dir, { 'x/deep/er': 'now a folder', y: 'now a file' })
  expect(await changesOf(folder)).toEqual(['removed x', 'added x/deep/er', 'added y', 'removed y/inside'])
  await folder.commit({ message: 'Second', paths: ['x'] })
  expect(await committed(folder)).toEqual({ 'x/deep/er': 'now a folder', 'y/inside': 'i', z: 'z' })
  await folder.commit({ message: 'Third' })
  expect(await committed(folder)).toEqual({ 'x/deep/er': 'now a folder', y: 'now a file', z: 'z' })
  expect(await changesOf(folder)).toEqual([])
  await folder.switchTo('HEAD~2', { detach: true })
  expect(filesIn(dir)).toEqual({ x: 'file', 'y/inside': 'i', z: 'z' })
  await folder.switchTo('main')
  expect(filesIn(dir)).toEqual({ 'x/deep/er': 'now a folder', y: 'now a file', z: 'z' })
})
