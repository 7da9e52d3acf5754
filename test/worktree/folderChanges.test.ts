/** What is remembered of a folder saves looking, and never changes what is found. */
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../src/base/filesystem.js'
import type { ByteName } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { diffRecorded } from '../../src/history/recordedDiff.js'
import { type FolderChanges, folderChanges, unchangedFolder } from '../../src/worktree/folderChanges.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { StatCache, StatCacheBuilder } from '../../src/worktree/statCache.js'
import { storeTree } from '../../src/worktree/storeTree.js'
import { TreeBeside } from '../../src/worktree/treeBeside.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { hooked } from './faultyFileSystem.js'

const objects = await createMemoryObjects()
const STORE = 'a store'
const OPTIONS = { ignoreFiles: true }
/** Longer than the tick of any clock that gives files their times here. */
const TICK_MS = 25

/** What temporary folders are on. */
const DEVICE = nodeFileSystem.lstat(Buffer.from(tmpdir()))?.dev

type Edit = (root: string) => void

const PATHS = ['a', 'b', 'd/a', 'd/b', 'd/e/a', 'd/e/f/a', 'g/a', 'g/ignored', 'h/a.o', '.gitignore', 'g/.gitignore']
const path = fc.constantFrom(...PATHS)
const place = fc.constantFrom(...PATHS, 'd', 'd/e', 'g', 'h', 'new/a', 'd/e/new')
const text = fc.constantFrom('', 'one', 'two', 'ignored\n', '*.o\n', 'a\n!/a\n')

/** Makes room for something at a path. */
function clear(root: string, at: string): void {
  for (let end = at.indexOf('/'); end > 0; end = at.indexOf('/', end + 1)) {
    const above = join(root, at.slice(0, end))
    if (isDirectory(above)) continue
    rmSync(above, { force: true })
    mkdirSync(above)
  }
  rmSync(join(root, at), { force: true, recursive: true })
}

function write(root: string, at: string, content: string): void {
  clear(root, at)
  writeFileSync(join(root, at), content)
}

function isDirectory(at: string): boolean {
  return nodeFileSystem.lstat(Buffer.from(at))?.type === 'directory'
}

function ifThere(at: string, body: () => void): void {
  const type = nodeFileSystem.lstat(Buffer.from(at))?.type
  if (type === 'file' || type === 'directory') body()
}

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, text).map(
    ([at, content]): Edit =>
      (root) =>
        write(root, at, content),
  ),
  path.map((at): Edit => {
    return (root) => {
      const isFile = nodeFileSystem.lstat(Buffer.from(join(root, at)))?.type === 'file'
      if (isFile) writeFileSync(join(root, at), 'changed in place')
    }
  }),
  place.map((at): Edit => {
    return (root) => ifThere(join(root, at), () => rmSync(join(root, at), { recursive: true }))
  }),
  place.map(
    (at): Edit =>
      (root) =>
        ifThere(join(root, at), () => chmodSync(join(root, at), isDirectory(join(root, at)) ? 0o700 : 0o755)),
  ),
  place.map((at): Edit => {
    return (root) => {
      clear(root, at)
      symlinkSync('nowhere', join(root, at))
    }
  }),
  place.map((at): Edit => {
    return (root) => {
      clear(root, at)
      mkdirSync(join(root, at))
    }
  }),
  fc.tuple(place, place).map(([from, to]): Edit => {
    return (root) => {
      if (to.startsWith(from) || from.startsWith(to)) return
      ifThere(join(root, from), () => {
        renameSync(join(root, from), join(root, 'moved'))
        clear(root, to)
        renameSync(join(root, 'moved'), join(root, to))
      })
    }
  }),
)

/** A builder for which nothing on the disk is too young. */
function newBuilder(): StatCacheBuilder {
  return new StatCacheBuilder(STORE, () => ({ nowNs: BigInt(Date.now() + 60_000) * 1_000_000n, listsByTime: DEVICE }))
}

async function find(root: string, tree: TreeRoot, cache: StatCache): Promise<[FolderChanges, StatCache]> {
  const learn = newBuilder()
  const found = await folderChanges(objects, nodeFileSystem, Buffer.from(root), tree, { ...OPTIONS, cache, learn })
  return [found, found.isNews ? StatCache.decode(learn.finish(tree), STORE) : cache]
}

function plain({ isNews: _, ...found }: FolderChanges): Omit<FolderChanges, 'isNews'> {
  return found
}

/** The tree of a folder, and what a commit remembers of it. */
async function commit(root: string): Promise<{ tree: TreeRoot; cache: StatCache }> {
  const learn = newBuilder()
  const empty: TreeRoot = { tree: EMPTY_CONTENT, files: 0, attributes: EMPTY_CONTENT }
  const beside = new TreeBeside(objects, empty, StatCache.empty, learn)
  const tree = await storeTree(objects, nodeFileSystem, root, { ...OPTIONS, beside })
  return { tree, cache: StatCache.decode(learn.finish(tree), STORE) }
}

describe('what is remembered', () => {
  test('changes nothing of what is found, whatever is done to the folder', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(edits, { minLength: 1, maxLength: 12 }),
        fc.array(fc.array(edits, { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
        async (first, rounds) => {
          const root = join(tempFolder(), 'root')
          mkdirSync(root)
          for (const at of PATHS) if (!at.endsWith('.gitignore')) write(root, at, at)
          for (const edit of first) edit(root)
          const { tree, cache: committed } = await commit(root)
          let cache = committed
          for (const round of rounds) {
            await setTimeout(TICK_MS)
            for (const edit of round) edit(root)
            const [expected] = await find(root, tree, StatCache.empty)
            const [found, learned] = await find(root, tree, cache)
            expect(plain(found)).toEqual(plain(expected))
            const [again] = await find(root, tree, learned)
            expect(plain(again)).toEqual(plain(expected))
            expect(again.isNews).toBe(false)
            const options = { ...OPTIONS, cache: learned }
            const unchanged = await unchangedFolder(objects, nodeFileSystem, Buffer.from(root), tree, options)
            expect(unchanged && plain(unchanged)).toEqual(expected.changes.length === 0 ? plain(expected) : undefined)
            cache = learned
          }
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  test('is carried to another tree that the folder is brought to, and changes nothing of what is found', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { maxLength: 6 }), fc.array(edits, { maxLength: 4 }), async (first, then) => {
        const root = join(tempFolder(), 'root')
        mkdirSync(root)
        for (const at of PATHS) if (!at.endsWith('.gitignore')) write(root, at, at)
        const before = await commit(root)
        await setTimeout(TICK_MS)
        for (const edit of first) edit(root)
        const after = await commit(root)
        const differing: ByteName[] = []
        for await (const { path: at } of diffRecorded(objects, before.tree, after.tree)) {
          differing.push(at.slice(0, Math.max(0, at.lastIndexOf('/'))) as ByteName)
        }
        const bytes = before.cache.carriedTo(after.tree, differing, STORE)
        const cache = StatCache.decode(bytes, STORE)
        expect(cache.isAbout(after.tree)).toBe(true)
        for (const edit of then) edit(root)
        const [expected] = await find(root, after.tree, StatCache.empty)
        const [found] = await find(root, after.tree, cache)
        expect(plain(found)).toEqual(plain(expected))
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  test('of an unchanged folder neither a file nor an object of the store is opened', async () => {
    const root = join(tempFolder(), 'root')
    mkdirSync(root)
    for (const at of ['a', 'd/b', 'd/e/c']) write(root, at, at)
    const { tree, cache } = await commit(root)
    const opened: string[] = []
    const fs: FileSystem = hooked((call, at) => {
      if (call === 'open') opened.push(at.toString())
    })
    const closed = new Proxy(objects, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'get' && name !== 'getMany') return value
        return () => opened.push(`object by ${String(name)}`)
      },
    })
    const [, compared] = await find(root, tree, StatCache.empty)
    for (const known of [cache, compared]) {
      const found = await folderChanges(closed, fs, Buffer.from(root), tree, { ...OPTIONS, cache: known })
      expect([found.changes, found.files, opened, found.isNews]).toEqual([[], 3, [], false])
    }
    write(root, 'd/e/c', 'changed')
    await folderChanges(closed, fs, Buffer.from(root), tree, { ...OPTIONS, cache }).catch(() => undefined)
    expect(opened.length).toBeGreaterThan(0)
  })
})
