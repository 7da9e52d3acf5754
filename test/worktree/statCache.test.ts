import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileStat } from '../../src/base/filesystem.js'
import { type ByteName, nameFromText } from '../../src/base/names.js'
import { type Content, EMPTY_CONTENT } from '../../src/format/content.js'
import { StatCache, StatCacheBuilder } from '../../src/worktree/statCache.js'
import { idOf } from '../refs/catalogs.js'

const STORE = 'a store'
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
  .map((bytes) => Buffer.from(bytes).toString('latin1') as ByteName)
const files = fc.uniqueArray(fc.tuple(names, stats, contents), { selector: ([name]) => name, maxLength: 12 })
const directories = fc.uniqueArray(fc.tuple(names, files), { selector: ([path]) => path, maxLength: 8 })

function encoded(all: readonly (readonly [ByteName, readonly (readonly [ByteName, FileStat, Content])[]])[]): Buffer {
  const builder = new StatCacheBuilder(STORE, BEGAN_NS)
  for (const [path, held] of all) {
    builder.enter(path)
    for (const file of held) builder.add(...file)
    builder.leave()
  }
  return builder.finish()
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
    const stat: FileStat = {
      type: 'file',
      size: 1,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtimeNs: 0n,
      ctimeNs: 0n,
      dev: 1n,
      ino: 2n,
      nlink: 1,
    }
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
    const stat: FileStat = {
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
