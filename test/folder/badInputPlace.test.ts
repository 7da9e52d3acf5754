/** Working folders, and their stores, that are gone, moved, replaced, or not to be written to. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Repository, WorkingFolder } from '../../src/index.js'
import { tempFolder } from '../support/tempFolder.js'
import { type Hook, hooked, systemError } from '../worktree/faultyFileSystem.js'
import {
  changesOf,
  committed,
  committedFolder,
  type Files,
  failureOf,
  filesIn,
  opened,
  openedWithHook,
  write,
} from './folders.js'

/** A folder of a store that lies outside of it, at a branch of its own. */
async function folderOfStore(files: Files): Promise<{ base: string; store: string; dir: string }> {
  const base = tempFolder()
  const [store, dir] = [join(base, 'store.varve'), join(base, 'work')]
  const repository = await Repository.create(store)
  const draft = await repository.draft('main')
  for (const [path, text] of Object.entries(files)) await draft.write(path, text)
  await draft.commit({ message: 'First' })
  await repository.close()
  await (await WorkingFolder.add(store, dir, 'main', { create: 'work' })).close()
  return { base, store, dir }
}

async function secondStore(path: string): Promise<void> {
  const other = await Repository.create(path)
  const draft = await other.draft('main')
  await draft.write('theirs', 't')
  await draft.commit({ message: 'Theirs' })
  await other.close()
}

describe('the store', () => {
  test('was deleted: it is named, and how to go on; another can be begun', async () => {
    const dir = await committedFolder({ a: 'a' })
    const store = join(dir, '.varve/store.varve')
    rmSync(store)
    for (const run of [
      WorkingFolder.open(dir),
      WorkingFolder.repair(dir),
      WorkingFolder.open(dir, { readOnly: true }),
    ]) {
      const error = await failureOf(run)
      expect(error).toMatchObject({ code: 'STORE_NOT_FOUND', details: { path: store, folder: dir } })
      expect(error.message).toContain(store)
      expect(error.hint).toContain('varve init')
    }
    await (await WorkingFolder.init(dir)).close()
    expect(await changesOf(await opened(dir))).toEqual(['added a'])
  })

  test.each(['a folder', 'nothing but zeros', 'empty'])('is %s: it is named, and how to go on', async (what) => {
    const dir = await committedFolder({ a: 'a' })
    const store = join(dir, '.varve/store.varve')
    rmSync(store)
    if (what === 'a folder') mkdirSync(store)
    else writeFileSync(store, what === 'empty' ? '' : Buffer.alloc(8192))
    const error = await failureOf(WorkingFolder.open(dir))
    expect(error).toMatchObject({ code: 'NOT_A_STORE', hint: expect.stringContaining('from a copy') })
    expect(error.message).toContain(store)
    expect(filesIn(dir)).toEqual({ a: 'a' })
  })

  test('was moved: it is named where it was, and the folder can be told where it is', async () => {
    const { base, store, dir } = await folderOfStore({ a: 'a', 'd/b': 'b' })
    write(dir, { a: 'uncommitted' })
    const moved = join(base, 'far/moved.varve')
    mkdirSync(join(base, 'far'))
    renameSync(store, moved)
    const error = await failureOf(WorkingFolder.open(join(dir, 'd')))
    expect(error).toMatchObject({ code: 'STORE_NOT_FOUND', details: { path: store, folder: dir } })
    expect(error.hint).toContain('varve worktree repair --store')
    await expect(WorkingFolder.repair(dir)).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    await expect(WorkingFolder.repair(dir, { store })).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })

    const repaired = await WorkingFolder.repair(join(dir, 'd'), { store: moved })
    expect(repaired).toMatchObject({ path: dir, head: { branch: 'work' } })
    await repaired.close()
    const again = await opened(dir)
    expect(again.repository.path).toBe(moved)
    expect(await changesOf(again)).toEqual(['modified a'])
  })

  test('is another one now: it is not taken for the folder’s own, unless it is named', async () => {
    const { base, store, dir } = await folderOfStore({ a: 'a' })
    renameSync(store, join(base, 'own.varve'))
    await secondStore(store)
    for (const run of [WorkingFolder.open(dir), WorkingFolder.repair(dir)]) {
      const error = await failureOf(run)
      expect(error).toMatchObject({ code: 'STORE_NOT_FOUND', details: { path: store, folder: dir } })
      expect(error.message).toContain('another store')
      expect(error.hint).toContain('varve worktree repair --store')
    }
    await (await WorkingFolder.repair(dir, { store: join(base, 'own.varve') })).close()
    expect((await opened(dir)).head.branch).toBe('work')
    await (await WorkingFolder.repair(dir, { store })).close()
    const theirs = await opened(dir)
    expect(theirs.head.branch).toBe('main')
    expect(await changesOf(theirs)).toEqual(['added a', 'removed theirs'])
  })

  test('was put back from an older copy: what came since shows as changes, and nothing in the folder is lost', async () => {
    const { base, store, dir } = await folderOfStore({ a: 'one' })
    const old = join(base, 'old.varve')
    cpSync(store, old)
    const folder = await WorkingFolder.open(dir)
    write(dir, { a: 'two', b: 'new' })
    await folder.commit({ message: 'Second' })
    await folder.status()
    await folder.close()
    cpSync(old, store)
    const back = await opened(dir)
    expect(await changesOf(back)).toEqual(['modified a', 'added b'])
    await back.commit({ message: 'Second again' })
    expect(await committed(back)).toEqual({ a: 'two', b: 'new' })
    expect((await back.repository.verify()).ok).toBe(true)
  })

  test('was put back from a copy of before the folder: it is said, and mended', async () => {
    const base = tempFolder()
    const [store, old, dir] = [join(base, 's.varve'), join(base, 'old.varve'), join(base, 'work')]
    await secondStore(store)
    cpSync(store, old)
    await (await WorkingFolder.add(store, dir, 'main', { create: 'work' })).close()
    cpSync(old, store)
    const error = await failureOf(WorkingFolder.open(dir))
    expect(error).toMatchObject({ code: 'WORKTREE_NOT_FOUND', hint: expect.stringContaining('worktree repair') })
    await (await WorkingFolder.repair(dir)).close()
    expect(await changesOf(await opened(dir))).toEqual([])
  })

  test('is a copy: what it knows of folders is not theirs', async () => {
    const { base, store, dir } = await folderOfStore({ a: 'a' })
    cpSync(store, join(base, 'copy.varve'))
    const copy = await Repository.open(join(base, 'copy.varve'))
    onTestFinished(() => copy.close())
    await WorkingFolder.remove(copy, dir)
    expect(WorkingFolder.list(copy)).toEqual([])
    expect((await opened(dir)).repository.path).toBe(store)
  })
})

describe('what says which folder it is', () => {
  test.each(['damaged', 'gone', 'gone with its .varve'])('is %s: repair brings it back', async (how) => {
    const { store, dir } = await folderOfStore({ a: 'a' })
    write(dir, { a: 'uncommitted' })
    if (how === 'damaged') writeFileSync(join(dir, '.varve/worktree'), 'null')
    else rmSync(join(dir, how === 'gone' ? '.varve/worktree' : '.varve'), { recursive: true })
    const error = await failureOf(WorkingFolder.open(dir))
    expect(error.code).toBe(how === 'damaged' ? 'CORRUPT' : 'WORKTREE_NOT_FOUND')
    if (how === 'damaged') expect(error.hint).toContain('worktree repair')
    await (await WorkingFolder.repair(dir, { store })).close()
    const folder = await opened(dir)
    expect(folder.head.branch).toBe('work')
    expect(await changesOf(folder)).toEqual(['modified a'])
  })

  test('is gone, and the folder was moved: it is one that the store has yet to know', async () => {
    const { base, store, dir } = await folderOfStore({ a: 'a' })
    const moved = join(base, 'moved')
    renameSync(dir, moved)
    rmSync(join(moved, '.varve/worktree'))
    await (await WorkingFolder.repair(moved, { store })).close()
    const folder = await opened(moved)
    expect(folder.head.branch).toBe('main')
    expect(await changesOf(folder)).toEqual([])
  })

  test('is damaged beside a store of its own: repair needs to be told nothing', async () => {
    const dir = await committedFolder({ a: 'a' })
    writeFileSync(join(dir, '.varve/worktree'), '{"id":')
    const { head, close } = await WorkingFolder.repair(dir).then((folder) => ({
      head: folder.head,
      close: () => folder.close(),
    }))
    expect(head.branch).toBe('main')
    await close()
    expect(await changesOf(await opened(dir))).toEqual([])
  })

  test('nothing is there to be repaired', async () => {
    const { store, base } = await folderOfStore({ a: 'a' })
    const error = await failureOf(WorkingFolder.repair(base, { store }))
    expect(error).toMatchObject({ code: 'WORKTREE_NOT_FOUND', hint: expect.stringContaining('worktree add') })
    await expect(WorkingFolder.repair(base)).rejects.toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
  })

  test('a folder of one store does not become another one’s by `init`', async () => {
    const { store, dir } = await folderOfStore({ a: 'a' })
    const error = await failureOf(WorkingFolder.init(dir))
    expect(error).toMatchObject({ code: 'STORE_EXISTS', hint: expect.stringContaining(join(dir, '.varve')) })
    expect(error.message).toContain(store)
    expect((await opened(dir)).head.branch).toBe('work')
  })
})

describe('a folder by two names', () => {
  test('through a symlink it is the same folder, and no copy', async () => {
    const { base, dir } = await folderOfStore({ a: 'a', 'd/b': 'b' })
    const link = join(base, 'link')
    symlinkSync('work', link)
    const folder = await opened(link)
    expect(await changesOf(folder)).toEqual([])
    write(dir, { a: 'changed' })
    expect(await changesOf(folder)).toEqual(['modified a'])
    await folder.commit({ message: 'Second' })
    await folder.switchTo('HEAD~1', { detach: true })
    expect(filesIn(dir)).toEqual({ a: 'a', 'd/b': 'b' })
    await folder.restore(['a'], { from: 'work' })
    expect(filesIn(dir)).toEqual({ a: 'changed', 'd/b': 'b' })
    expect((await opened(dir)).head.branch).toBeUndefined()
    expect(WorkingFolder.list(folder.repository)).toMatchObject([{ path: dir, isThere: true }])
  })
})

/** Done once, at a call that comes after the folder was listed. */
function inTheMiddle(dir: string, change: () => void): Hook {
  let isDone = false
  return (call, path) => {
    if (isDone || call !== 'lstat' || path !== join(dir, 'a')) return
    isDone = true
    change()
  }
}

describe('the folder goes away under a command', () => {
  const GOING: Readonly<Record<string, (dir: string) => void>> = {
    deleted: (dir) => rmSync(dir, { recursive: true }),
    moved: (dir) => renameSync(dir, `${dir}-moved`),
    'unmounted, and an empty folder is in its place': (dir) => {
      renameSync(dir, `${dir}-unmounted`)
      mkdirSync(dir)
    },
    'replaced by another folder': (dir) => {
      renameSync(dir, `${dir}-aside`)
      cpSync(`${dir}-aside`, dir, { recursive: true })
      rmSync(join(dir, 'b'))
    },
    'replaced by a symlink': (dir) => {
      renameSync(dir, `${dir}-aside`)
      mkdirSync(`${dir}-other`)
      symlinkSync(`${dir}-other`, dir)
    },
    'emptied of its .varve': (dir) => rmSync(join(dir, '.varve'), { recursive: true }),
  }

  test.each(Object.keys(GOING))('%s: nothing is taken for removed, and nothing is recorded', async (name) => {
    const go = GOING[name] as (dir: string) => void
    for (const verb of ['status', 'diff', 'commit', 'commit without what cannot be read'] as const) {
      const { dir, store } = await folderOfStore({ a: 'a', b: 'b', 'd/c': 'c' })
      const { folder, set } = await openedWithHook(dir)
      write(dir, { a: 'changed' })
      set(inTheMiddle(dir, () => go(dir)))
      const run =
        verb === 'status'
          ? folder.status()
          : verb === 'diff'
            ? folder.diff()
            : folder.commit({ message: 'x', skipUnreadable: verb !== 'commit' })
      const error = await failureOf(run)
      expect(error, verb).toMatchObject({ code: 'WORKTREE_NOT_FOUND', details: { path: dir } })
      expect(error.hint, verb).toContain('Nothing was recorded')
      set(() => undefined)
      const repository = await Repository.open(store, { readOnly: true })
      expect((await repository.at('work')).info.message).toBe('First')
      await repository.close()
    }
  })

  test.each(Object.keys(GOING).filter((name) => !name.includes('another')))(
    '%s before it begins: it fails',
    async (name) => {
      const { dir } = await folderOfStore({ a: 'a', b: 'b' })
      const folder = await opened(dir)
      ;(GOING[name] as (dir: string) => void)(dir)
      const runs = [
        () => folder.status(),
        () => folder.commit({ message: 'x' }),
        () => folder.switchTo('HEAD', { create: 'x' }),
        () => folder.restore(['a']),
      ]
      for (const run of runs) expect(await failureOf(run())).toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
    },
  )

  test('a folder in it that vanishes is just that', async () => {
    const dir = await committedFolder({ a: 'a', 'd/c': 'c' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { a: 'changed' })
    set(inTheMiddle(dir, () => rmSync(join(dir, 'd'), { recursive: true })))
    await folder.commit({ message: 'Second' })
    expect(await committed(folder)).toEqual({ a: 'changed' })
  })
})

describe('what may not be written', () => {
  const refusing =
    (code: string, below: string): Hook =>
    (call, path, detail) => {
      const writes = ['mkdir', 'rename', 'unlink', 'symlink', 'link', 'chmod'].includes(call) || detail === 'create'
      if (writes && (path === below || path.startsWith(`${below}/`))) throw systemError(code)
    }

  test.each([
    ['EACCES', 'STORAGE_DENIED'],
    ['EROFS', 'STORAGE_READ_ONLY'],
  ])('the .varve (%s): status works, the rest says what to do and changes nothing', async (system, code) => {
    const dir = await committedFolder({ a: 'a', b: 'b' })
    write(dir, { a: 'changed' })
    const folder = await opened(dir, { fileSystem: hooked(refusing(system, join(dir, '.varve'))) })
    for (let look = 0; look < 2; look++) expect(await changesOf(folder)).toEqual(['modified a'])
    const runs = [
      () => folder.commit({ message: 'x' }),
      () => folder.switchTo('HEAD', { create: 'x' }),
      () => folder.restore(['a']),
    ]
    for (const run of runs) {
      const error = await failureOf(run())
      expect(error).toMatchObject({ code, hint: expect.any(String) })
      expect(error.message).toContain(join(dir, '.varve'))
    }
    expect(filesIn(dir)).toEqual({ a: 'changed', b: 'b' })
    expect((await folder.repository.at('main')).info.message).toBe('First')
  })

  test('the folder: status and commit work, and a restore changes nothing', async () => {
    const dir = await committedFolder({ a: 'a', 'd/b': 'b' })
    write(dir, { a: 'changed' })
    const notIn = (hook: Hook): Hook => {
      return (call, path, detail) => {
        if (!path.startsWith(join(dir, '.varve'))) hook(call, path, detail)
      }
    }
    const folder = await opened(dir, { fileSystem: hooked(notIn(refusing('EACCES', dir))) })
    expect(await changesOf(folder)).toEqual(['modified a'])
    await folder.commit({ message: 'Second' })
    expect(await failureOf(folder.restore(['a'], { from: 'HEAD~1' }))).toMatchObject({
      code: 'STORAGE_DENIED',
      hint: expect.any(String),
    })
    expect(filesIn(dir)).toEqual({ a: 'changed', 'd/b': 'b' })
  })

  test('a stat cache that cannot be read is none', async () => {
    const dir = await committedFolder({ a: 'a' })
    const folder = await opened(dir, {
      fileSystem: hooked((call, path, detail) => {
        if (call === 'open' && detail === 'read' && path.endsWith('/stat-cache')) throw systemError('EIO')
      }),
    })
    expect(await changesOf(folder)).toEqual([])
    expect((await folder.commit({ message: 'x' })).commit).toBeUndefined()
  })

  test('a place for a new store: it says so, and leaves nothing', async () => {
    const base = tempFolder()
    const dir = join(base, 'new')
    const fileSystem = hooked(refusing('EACCES', dir))
    const error = await failureOf(WorkingFolder.init(dir, { fileSystem }))
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', hint: expect.any(String) })
    expect(error.message).toContain(join(dir, '.varve'))
    expect(existsSync(dir)).toBe(false)
    writeFileSync(join(base, 'file'), '')
    expect((await failureOf(WorkingFolder.init(join(base, 'file')))).message).toContain(join(base, 'file'))
  })
})

test('a folder that cannot be made into a working folder is left as it was', async () => {
  const { base, store } = await folderOfStore({ a: 'a', 'd/b': 'b', c: 'c' })
  let room = 2
  const fileSystem = hooked((call, path, detail) => {
    const isFile = call === 'open' && detail === 'create' && !path.includes('.varve/')
    if (isFile && path.startsWith(join(base, 'new')) && room-- === 0) throw systemError('ENOSPC')
  })
  for (const isThere of [false, true]) {
    const dir = join(base, `new-${isThere}`)
    if (isThere) mkdirSync(dir)
    room = 2
    const error = await failureOf(WorkingFolder.add(store, dir, 'main', { create: 'another', fileSystem }))
    expect(error).toMatchObject({ code: 'STORAGE_FULL' })
    expect(existsSync(dir)).toBe(isThere)
    if (isThere) expect(filesIn(dir)).toEqual({})
    expect(existsSync(join(dir, '.varve'))).toBe(false)
  }
  const repository = await Repository.open(store)
  onTestFinished(() => repository.close())
  expect((await repository.branches()).map(({ name }) => name)).toEqual(['main', 'work'])
  expect(WorkingFolder.list(repository)).toHaveLength(1)
  const made = await WorkingFolder.add(store, join(base, 'new'), 'main', { create: 'another' })
  expect(readFileSync(join(base, 'new/c'), 'utf8')).toBe('c')
  await made.close()
})
