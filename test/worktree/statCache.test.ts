import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileStat } from '../../src/base/filesystem.js'
import { type ByteName, nameFromText } from '../../src/base/names.js'
import { type Content, EMPTY_CONTENT } from '../../src/format/content.js'
import { StatCache, StatCacheBuilder } from '../../src/worktree/statCache.js'
import { idOf } from '../refs/catalogs.js'

const STORE = 'a store'
const FILE: FileStat = {
  type: 'file',
  size: 1,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeNs: 5n,
  ctimeNs: 5n,
  dev: 1n,
  ino: 2n,
  nlink: 1,
}
const BEGAN_NS = 1_000_000_000n

const times = fc.bigInt({ min: -BEGAN_NS, max: BEGAN_NS - 1n })
const number64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const stats: fc.Arbitrary<FileStat> = fc.record({
  type: fc.constantFrom('file' as const, 'symlink' as const),
  size: fc.maxSafeNat(),
  mode: fc.nat(0o7777),
  uid: fc.nat(),
  gid: fc.nat(),
  mtimeNs: times,
  ctimeNs: times,
  dev: number64,
  ino: number64,
  nlink: fc.constant(1),
})
const contents: fc.Arbitrary<Content> = fc.oneof(
  fc.constant(EMPTY_CONTENT),
  fc.record({
    shape: fc.integer({ min: 1, max: 5 }),
    size: fc.integer({ min: 1, max: 1e9 }),
    id: fc.constant(idOf('a')),
  }),
)
const names = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('/', '_') as ByteName)
const files = fc.uniqueArray(fc.tuple(names, stats, contents), { selector: ([name]) => name, maxLength: 12 })
const directories = fc.uniqueArray(fc.tuple(names, files), { selector: ([path]) => path, maxLength: 8 })

function newBuilder(): StatCacheBuilder {
  const builder = new StatCacheBuilder(STORE, () => ({ nowNs: BEGAN_NS, listsByTime: 1n }))
  builder.begin()
  return builder
}

function encoded(all: readonly (readonly [ByteName, readonly (readonly [ByteName, FileStat, Content])[]])[]): Buffer {
  const builder = newBuilder()
  for (const [path, held] of all) {
    builder.enter(path)
    for (const file of held) builder.add(...file, false)
    builder.leave(false)
  }
  return builder.finish(undefined)
}

describe('what was learned', () => {
  test('comes back, for files that look the same in every respect', () => {
    fc.assert(
      fc.property(directories, (all) => {
        const cache = StatCache.decode(encoded(all), STORE)
        for (const [path, held] of all) {
          const directory = cache.directory(path)
          for (const [name, stat, content] of held) {
            expect(directory.contentOf(name, stat)).toEqual(content)
            const others: FileStat[] = [
              { ...stat, size: stat.size === 0 ? 1 : stat.size - 1 },
              { ...stat, mtimeNs: stat.mtimeNs - 1n },
              { ...stat, ctimeNs: stat.ctimeNs - 1n },
              { ...stat, ino: stat.ino ^ 1n },
              { ...stat, dev: stat.dev ^ 1n },
              { ...stat, mode: stat.mode ^ 0o100 },
              { ...stat, uid: stat.uid ^ 1 },
              { ...stat, gid: stat.gid ^ 1 },
              { ...stat, type: stat.type === 'file' ? 'symlink' : 'file' },
            ]
            for (const other of others) expect(directory.contentOf(name, other)).toBeUndefined()
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('of a file whose times are not older than the reading is not kept', () => {
    const [name] = [nameFromText('a')]
    const stat = FILE
    for (const [times, isKept] of [
      [{ mtimeNs: BEGAN_NS - 1n }, true],
      [{ mtimeNs: BEGAN_NS }, false],
      [{ ctimeNs: BEGAN_NS }, false],
      // A clock that was set back makes files of the future.
      [{ mtimeNs: BEGAN_NS * 9n }, false],
    ] as const) {
      const file = { ...stat, ...times }
      const cache = StatCache.decode(encoded([[nameFromText(''), [[name, file, EMPTY_CONTENT]]]]), STORE)
      expect(cache.directory(nameFromText('')).contentOf(name, file)).toEqual(isKept ? EMPTY_CONTENT : undefined)
    }
  })

  test('is nothing when it is another store’s, cut short, damaged, or nothing at all', () => {
    const [name, path] = [nameFromText('a'), nameFromText('d')]
    const stat = FILE
    const bytes = encoded([[path, [[name, stat, EMPTY_CONTENT]]]])
    const known = (changed: Buffer | undefined, store = STORE): Content | undefined =>
      StatCache.decode(changed, store).directory(path).contentOf(name, stat)
    expect(known(bytes)).toEqual(EMPTY_CONTENT)
    expect(known(bytes, 'another')).toBeUndefined()
    expect(known(undefined)).toBeUndefined()
    for (let length = 0; length < bytes.length; length++) expect(known(bytes.subarray(0, length))).toBeUndefined()
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 0x10
      expect(known(damaged)).toBeUndefined()
    }
  })
})

describe('what was seen to be as a tree has it', () => {
  const tree = { tree: { shape: 1, size: 3, id: idOf('a') }, files: 1, attributes: EMPTY_CONTENT }
  const [path, name, below] = [nameFromText(''), nameFromText('b'), nameFromText('a')]
  const stat = FILE
  const racy = { ...stat, mtimeNs: BEGAN_NS }
  const directory: FileStat = { ...racy, type: 'directory' }

  function cacheOf(build: (builder: StatCacheBuilder) => void): StatCache {
    const builder = newBuilder()
    builder.enter(path)
    build(builder)
    return StatCache.decode(builder.finish(tree), STORE)
  }

  test('is told of that tree alone', () => {
    const cache = cacheOf((builder) => builder.leave(true))
    expect(cache.isAbout(tree)).toBe(true)
    expect(cache.isAbout({ ...tree, attributes: tree.tree })).toBe(false)
    expect(cache.isAbout({ ...tree, tree: { ...tree.tree, id: idOf('b') } })).toBe(false)
    const builder = newBuilder()
    expect(StatCache.decode(builder.finish(undefined), STORE).isAbout(tree)).toBe(false)
  })

  test('is told of its commit, too, if that is known', () => {
    const tree = { tree: { shape: 1, size: 5, id: idOf('a') }, files: 300, attributes: EMPTY_CONTENT }
    const [commit, other] = [idOf('c'), idOf('d')]
    const bytes = newBuilder().finish(tree, commit)
    const cache = StatCache.decode(bytes, STORE)
    expect(cache.treeOf(commit)).toEqual(tree)
    expect(cache.treeOf(other)).toBeUndefined()
    expect(StatCache.decode(cache.carriedTo(tree, [], STORE, other), STORE).treeOf(other)).toEqual(tree)
    expect(StatCache.decode(newBuilder().finish(tree), STORE).treeOf(commit)).toBeUndefined()
    expect(StatCache.decode(newBuilder().finish(undefined, commit), STORE).treeOf(commit)).toBeUndefined()
    expect(StatCache.empty.treeOf(commit)).toBeUndefined()
  })

  test('is whole if all of it was kept', () => {
    const isWhole = (build: (builder: StatCacheBuilder) => void): boolean => cacheOf(build).directory(path).isWhole
    const add = (of: FileStat, isAsInTree: boolean) => (builder: StatCacheBuilder) => {
      builder.add(name, of, EMPTY_CONTENT, isAsInTree)
      builder.leave(true)
    }
    expect(isWhole(add(stat, true))).toBe(true)
    expect(isWhole(add(racy, true))).toBe(false)
    expect(isWhole(add(racy, false))).toBe(true)
    expect(isWhole((builder) => builder.leave(false))).toBe(false)
    expect(cacheOf((builder) => builder.leave(true)).directory(name).isWhole).toBe(false)
  })

  test('goes from cache to cache, names in order, of directories only mode and owner', () => {
    const first = cacheOf((builder) => {
      builder.add(name, stat, tree.tree, true)
      builder.add(below, directory, EMPTY_CONTENT, true)
      builder.leave(true)
    })
    const known = first.directory(path)
    const again = cacheOf((builder) => builder.leaveAs(known)).directory(path)
    const copied = cacheOf((builder) => {
      builder.copy(known, 1)
      builder.copy(known, 0)
      builder.leave(true)
    }).directory(path)
    for (const held of [known, again, copied]) {
      expect(held.names).toEqual([below, name])
      expect([held.isWhole, held.countAsInTree]).toEqual([true, 2])
      expect(held.looksTheSame(0, { ...directory, mtimeNs: 77n, ino: 99n, size: 3 })).toBe(true)
      expect(held.looksTheSame(0, { ...directory, mode: 0o700 })).toBe(false)
      expect(held.contentOf(name, stat)).toEqual(tree.tree)
      expect(held.isAsInTree(1)).toBe(true)
    }
  })
})

describe('what is in a directory', () => {
  const [path, name] = [nameFromText('d'), nameFromText('a')]
  const stat = FILE
  const directory: FileStat = { ...stat, type: 'directory', ino: 3n }

  function listed(of: FileStat, count: number, listsByTime: bigint | null = 1n, isKnown = false) {
    const builder = new StatCacheBuilder(STORE, () => ({ nowNs: BEGAN_NS, listsByTime: listsByTime ?? undefined }))
    builder.begin()
    builder.enter(path)
    builder.add(name, stat, EMPTY_CONTENT, false)
    builder.leave(false, { stat: of, count }, isKnown)
    return StatCache.decode(builder.finish(undefined), STORE).directory(path)
  }

  test('is known as long as the directory looks the same', () => {
    const known = listed(directory, 1)
    expect(known.listing(directory)).toEqual([{ name, type: 'file' }])
    expect(known.contentOf(name, stat)).toEqual(EMPTY_CONTENT)
    for (const other of [
      { ...directory, mtimeNs: 6n },
      { ...directory, ctimeNs: 6n },
      { ...directory, ino: 4n },
      { ...directory, dev: 2n },
    ]) {
      expect(known.listing(other)).toBeUndefined()
    }
  })

  test('is not known if not all of it was kept, or if times do not tell', () => {
    expect(listed(directory, 2).listing(directory)).toBeUndefined()
    expect(listed(directory, 1, null).listing(directory)).toBeUndefined()
    const elsewhere = { ...directory, dev: 2n }
    expect(listed(elsewhere, 1).listing(elsewhere)).toBeUndefined()
    const young = { ...directory, mtimeNs: BEGAN_NS }
    expect(listed(young, 1).listing(young)).toBeUndefined()
    expect(listed(young, 1, 1n, true).listing(young)).toBeDefined()
  })
})
