import { appendFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isVarveError, type VarveError } from '../../src/base/errors.js'
import type { FileSystem } from '../../src/base/filesystem.js'
import { MIB } from '../../src/base/units.js'
import { writeContent } from '../../src/history/contentWrite.js'
import { requireRecorded } from '../../src/history/listing.js'
import { parsePath } from '../../src/history/paths.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { type StoreTreeOptions, storeTree } from '../../src/worktree/storeTree.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { directory, file, makeTree, symlink } from '../support/trees.js'
import { failing, type Hook, hooked, systemError } from './faultyFileSystem.js'

const LARGE = 3 * MIB
const objects = await createMemoryObjects()

function sample(): string {
  const root = join(tempFolder(), 'root')
  makeTree(
    root,
    directory({
      a: file('aaa'),
      d: directory({ inner: file('iii') }),
      large: file(Buffer.alloc(LARGE, 7)),
      link: symlink('a'),
      z: file('zzz'),
    }),
  )
  return root
}

function store(root: string, hook: Hook, options: StoreTreeOptions = {}) {
  return storeTree(objects, hooked(hook), root, options)
}

async function failureOf(run: Promise<unknown>): Promise<VarveError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isVarveError(error)) throw error ?? new Error('it did not fail')
  return error
}

/** Once, as soon as the bytes of a file are being read. */
function whileReading(name: string, change: () => void, times = 1): Hook {
  let left = times
  return (call, path) => {
    if (call === 'file.read' && path.endsWith(`/${name}`) && left-- > 0) change()
  }
}

describe('what cannot be read', () => {
  test('all of it is named, with the reason of each, and nothing comes of the rest', async () => {
    const root = sample()
    const error = await failureOf(
      store(root, (call, path) => {
        if (call === 'open' && path.endsWith('/a')) throw systemError('EACCES')
        if (call === 'list' && path.endsWith('/d')) throw systemError('EIO')
        if (call === 'file.read' && path.endsWith('/large')) throw systemError('EIO')
        if (call === 'readlink') throw systemError('EIO')
        if (call === 'open' && path.endsWith('/z')) rmSync(path)
      }),
    )
    expect(error.code).toBe('UNREADABLE_FILES')
    expect(error.details.paths).toEqual(['d', 'a', 'large', 'link', 'z'])
    expect(error.details.reasons).toEqual([
      { path: 'd', code: 'EIO', reason: expect.stringContaining('input/output error') },
      { path: 'a', code: 'EACCES', reason: expect.stringContaining('permission denied') },
      { path: 'large', code: 'EIO', reason: expect.stringContaining('input/output error') },
      { path: 'link', code: 'EIO', reason: expect.stringContaining('input/output error') },
      { path: 'z', code: 'ENOENT', reason: expect.stringContaining('vanished') },
    ])
    expect(error.message).toContain('5 files or folders')
    expect(error.hint).toBeDefined()
  })

  test('is left out and reported where that is asked for', async () => {
    const root = sample()
    const hook = failing('EACCES', (call, path) => call === 'open' && /\/(a|inner)$/.test(path))
    const stored = await store(root, hook, { skipUnreadable: true })
    expect(stored.skipped.map(({ path, code }) => [path, code])).toEqual([
      ['a', 'EACCES'],
      ['d/inner', 'EACCES'],
    ])
    expect(stored).toMatchObject({ files: 3, directories: 1 })
  })

  test.each(['EACCES', 'EIO', 'EMFILE'])('a folder that cannot be listed (%s) is never read as empty', async (code) => {
    const root = sample()
    const hook = failing(code, (call, path) => call === 'list' && path.endsWith('/d'))
    expect((await failureOf(store(root, hook))).details.paths).toEqual(['d'])
    const stored = await store(root, hook, { skipUnreadable: true })
    await expect(requireRecorded(objects, stored, parsePath('d'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
    expect(stored.skipped).toMatchObject([{ path: 'd', code }])
  })

  test('the root has to be readable even where the rest need not be', async () => {
    const root = sample()
    const hook = failing('EACCES', (call, path) => call === 'list' && path === root)
    const error = await failureOf(store(root, hook, { skipUnreadable: true }))
    expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: ['.'] } })
  })

  test('an ignore file has to be readable: without it too much would be taken', async () => {
    const root = sample()
    writeFileSync(join(root, 'd/.gitignore'), 'secret')
    const hook = failing('EACCES', (call, path) => call === 'open' && path.endsWith('/.gitignore'))
    const error = await failureOf(store(root, hook, { skipUnreadable: true, ignoreFiles: true }))
    expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: ['d/.gitignore'] } })
  })

  test('a folder that vanished is named', async () => {
    const root = sample()
    const gone: Hook = (call, path) => {
      if (call === 'open' && path.endsWith('/a')) rmSync(join(root, 'd'), { recursive: true })
    }
    expect((await failureOf(store(root, gone))).details.reasons).toMatchObject([{ path: 'd', code: 'ENOENT' }])
  })

  test('what the store throws is no trouble with a file', async () => {
    const failingStore = Object.assign(await createMemoryObjects(), {
      put: () => Promise.reject(systemError('ENOSPC')),
    })
    const run = storeTree(failingStore, nodeFileSystem, sample(), { skipUnreadable: true })
    await expect(run).rejects.toMatchObject({ code: 'ENOSPC' })
  })
})

describe('what changes while it is read', () => {
  test.each(['a', 'large'])('is read once more: %s', async (name) => {
    const root = sample()
    const path = join(root, name)
    const stored = await store(
      root,
      whileReading(name, () => writeFileSync(path, Buffer.alloc(LARGE, 9))),
    )
    expect(stored.skipped).toEqual([])
    const { entry } = await requireRecorded(objects, stored, parsePath(name))
    expect(entry.content).toEqual(await writeContent(objects, Buffer.alloc(LARGE, 9)))
  })

  test.each(['a', 'large'])('is named when it changes again: %s grew', async (name) => {
    const root = sample()
    const grows = whileReading(name, () => appendFileSync(join(root, name), 'x'), Number.POSITIVE_INFINITY)
    const error = await failureOf(store(root, grows))
    expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: [name] } })
    expect(error.details.reasons).toMatchObject([{ code: 'FILE_CHANGED' }])
  })

  test.each(['a', 'large'])('is named when it changes again: %s shrank', async (name) => {
    const root = sample()
    let size = name === 'a' ? 3 : LARGE
    const shrinks: Hook = (call, path) => {
      if (call !== 'file.read' || path !== join(root, name)) return
      size = Math.max(0, size - (name === 'a' ? 1 : MIB))
      truncateSync(path, size)
    }
    const error = await failureOf(store(root, shrinks))
    expect(error.details.reasons).toMatchObject([{ path: name, code: 'FILE_CHANGED' }])
  })

  test.each(['a', 'large'])('is seen by its time where the size is the same: %s', async (name) => {
    const root = sample()
    let seconds = 1_000_000
    const touched = whileReading(name, () => utimesSync(join(root, name), 1, seconds++), Number.POSITIVE_INFINITY)
    const error = await failureOf(store(root, touched))
    expect(error.details.reasons).toMatchObject([{ path: name, code: 'FILE_CHANGED' }])
  })

  test.each(['a', 'large'])('a file that ends before its size says is not taken for all of it: %s', async (name) => {
    const inner = hooked(() => undefined)
    const short: FileSystem = {
      ...inner,
      open(path, how) {
        const opened = inner.open(path, how)
        if (!path.toString().endsWith(`/${name}`)) return opened
        return { ...opened, readSync: () => 0, read: () => Promise.resolve(0) }
      },
    }
    const error = await failureOf(storeTree(objects, short, sample()))
    expect(error.details.reasons).toMatchObject([{ path: name, code: 'FILE_CHANGED' }])
  })

  test('a folder that took the place of another is not taken for it', async () => {
    const root = sample()
    const error = await failureOf(
      store(root, (call, path) => {
        if (call !== 'list' || !path.endsWith('/d')) return
        renameSync(path, join(root, '../aside'))
        makeTree(path, directory({ other: file('') }))
      }),
    )
    expect(error.details.reasons).toMatchObject([{ path: 'd', code: 'FILE_CHANGED' }])
  })

  test('a journal of the store that comes while the tree is read is not part of it', async () => {
    const root = sample()
    const journal = join(root, 'd/store.varve-journal')
    const stored = await store(
      root,
      (call, path) => {
        if (call === 'list' && path.endsWith('/d')) writeFileSync(journal, 'pages')
      },
      { storeFiles: [journal] },
    )
    expect(stored).toMatchObject({ files: 5, skipped: [] })
  })

  test('another file that took its place is read instead', async () => {
    const root = sample()
    writeFileSync(join(root, '../new'), 'new content')
    const stored = await store(
      root,
      whileReading('a', () => renameSync(join(root, '../new'), join(root, 'a'))),
    )
    const { entry } = await requireRecorded(objects, stored, parsePath('a'))
    expect(entry.content.size).toBe('new content'.length)
  })

  test('a symlink that took the place of a file or a folder is not followed', async () => {
    const root = sample()
    const outside = tempFolder()
    writeFileSync(join(outside, 'secret'), 's')
    const swapped: Hook = (call, path) => {
      if (call === 'open' && path.endsWith('/a')) makeSymlinkAt(path, join(outside, 'secret'))
      if (call === 'list' && path.endsWith('/d')) makeSymlinkAt(path, outside)
    }
    const error = await failureOf(store(root, swapped))
    expect(error.details.paths).toEqual(['d', 'a'])
    const stored = await store(sample(), swapped, { skipUnreadable: true })
    await expect(requireRecorded(objects, stored, parsePath('d/secret'))).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
    })
  })
})

function makeSymlinkAt(path: string, target: string): void {
  rmSync(path, { recursive: true, force: true })
  makeTree(path, symlink(target))
}
