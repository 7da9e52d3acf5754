/** Extents that are compressed against others: how they come about, how deep they go, and what becomes of bases that go meanwhile. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { KIB } from '../../src/base/units.js'
import { decodedBytes } from '../../src/cas/bases.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { KIND } from '../../src/format/kinds.js'
import { rewriteExtents } from '../../src/upkeep/rewrite.js'
import { Lease } from '../../src/volume/lease.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { basedExtents, versionOf } from '../support/basedStores.js'
import { createGroup, createStore, extentsOf, groupOptions, publishOnly, VOLUMES } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

const COMPRESSION = { codec: 'zstd', level: 1 } as const
const MIB = 1024 * 1024

/** Deeper, and through more, nothing is written. */
const DEPTH_MAX = 6
const SMALL_DEPTH_MAX = 24
const DECODED_MAX = 16 * MIB

const SIZES = [
  { size: 'small', bytes: 40_000 },
  { size: 'large', bytes: 3 * MIB },
]

describe.each(SIZES)('an edit of a $size file', ({ bytes }) => {
  test('is stored against what it takes the place of, and both read back', async () => {
    const { repo, path } = await createRepository({ compression: 'zstd' })
    await commitFiles(repo, { f: versionOf(1, 0, bytes) })
    expect(basedExtents(repo).filter((record) => record.class === 0)).toEqual([])
    await commitFiles(repo, { f: versionOf(1, 3, bytes) })
    const based = basedExtents(repo).filter((record) => record.class === 0)
    expect(based.length).toBeGreaterThan(0)
    for (const { rawBytes, storedBytes } of based) expect(storedBytes).toBeLessThan(rawBytes / 20)
    await repo.close()
    const again = await openRepository(path)
    expect((await (await again.at('main')).read('f')).equals(versionOf(1, 3, bytes))).toBe(true)
    expect((await (await again.at('main~1')).read('f')).equals(versionOf(1, 0, bytes))).toBe(true)
    expect((await again.verify()).problems).toEqual([])
  })

  test('is stored alone without compression', async () => {
    const { repo } = await createRepository({ compression: 'none' })
    for (const version of [0, 3]) await commitFiles(repo, { f: versionOf(1, version, bytes) })
    expect(basedExtents(repo)).toEqual([])
    expect((await (await repo.at('main')).read('f')).equals(versionOf(1, 3, bytes))).toBe(true)
  })

  test('is stored alone by who asked for that', async () => {
    const { store, group } = await createStore()
    const length = Math.min(bytes, 50_000)
    const put = async (version: number, bases: boolean, of?: Hash): Promise<Hash> => {
      const writer = new StoreWriter(store, { compression: COMPRESSION, bases })
      const id = await writer.put(KIND.chunk, versionOf(2, version, length), of && (() => [of]))
      // Beside it, so that it is written as large ones are.
      if (length < bytes) await writer.put(KIND.chunk, versionOf(3 + version, 0, 1_200_000))
      await publishOnly(writer)
      return id
    }
    const first = await put(0, true)
    await put(1, false, first)
    expect(extentsOf(group).filter(({ record }) => record.bases.length > 0)).toEqual([])
    const third = await put(2, true, first)
    expect(extentsOf(group).filter(({ record }) => record.bases.length > 0)).toHaveLength(1)
    expect((await store.get(KIND.chunk, third)).equals(versionOf(2, 2, length))).toBe(true)
  })
})

test('a long history: no extent is decoded through more than a few others, and every version reads back', {
  timeout: 240_000,
}, async () => {
  const commits = VOLUMES > 1 ? 100 : 500
  const { repo, path } = await createRepository({ compression: 'zstd' })
  const ids: string[] = []
  for (let version = 0; version < commits; version++)
    ids.push(await commitFiles(repo, { 'd/f': versionOf(5, version, 30_000) }, `${version}`))
  const { bounds } = repo.parts.store
  const found = basedExtents(repo).map(({ eid }) => bounds.of(eid))
  const deepest = Math.max(...found.map((bound) => bound?.depth ?? Number.NaN))
  expect(deepest).toBeGreaterThan(1)
  // What is small may be deeper.
  expect(deepest).toBeLessThanOrEqual(SMALL_DEPTH_MAX)
  const large = found.filter((bound) => (bound?.rawBytes ?? 0) > 32 * KIB)
  for (const bound of large) expect(bound?.depth).toBeLessThanOrEqual(DEPTH_MAX)
  for (const bound of found) expect(decodedBytes(bound as NonNullable<typeof bound>)).toBeLessThanOrEqual(DECODED_MAX)
  await repo.close()
  const again = await openRepository(path)
  for (const [version, id] of ids.entries())
    expect((await (await again.at(id)).read('d/f')).equals(versionOf(5, version, 30_000))).toBe(true)
})

test('many megabytes of small files, changed again and again: decoding stays bounded in bytes', async () => {
  const { repo } = await createRepository({ compression: 'zstd' })
  const names = Array.from({ length: 60 }, (_, index) => `${index % 6}/${index}`)
  const length = 120_000
  for (let version = 0; version < 6; version++) {
    const files = names.map((name, index) => [name, versionOf(100 + index, version, length)] as const)
    await commitFiles(repo, Object.fromEntries(files))
  }
  const { bounds } = repo.parts.store
  for (const { eid } of basedExtents(repo)) {
    const bound = bounds.of(eid)
    expect(bound?.depth).toBeLessThanOrEqual(DEPTH_MAX)
    expect(bound && decodedBytes(bound)).toBeLessThanOrEqual(DECODED_MAX)
  }
  for (const [index, name] of names.entries())
    expect((await (await repo.at('main~2')).read(name)).equals(versionOf(100 + index, 3, length))).toBe(true)
})

test('what was published since a writer reserved its numbers is a base for it, and has the lower number', async () => {
  const { store, group, path } = await createStore()
  const writer = new StoreWriter(store, { compression: COMPRESSION })
  const large = versionOf(9, 0, 1_200_000)
  const beside = await writer.put(KIND.chunk, large)
  const other = new StoreWriter(store, { compression: COMPRESSION })
  const before = await other.put(KIND.chunk, versionOf(8, 0))
  await publishOnly(other)
  const after = await writer.put(KIND.chunk, versionOf(8, 1), () => [before])
  await publishOnly(writer)
  const based = extentsOf(group).filter(({ record }) => record.bases.length > 0)
  expect(based).toHaveLength(1)
  for (const { record } of based) for (const { eid } of record.bases) expect(eid).toBeLessThan(record.eid)
  await expectReadable(path, [
    [before, versionOf(8, 0)],
    [after, versionOf(8, 1)],
    [beside, large],
  ])
})

// ---- bases that go between being chosen and being published ----

/** Takes a base away, as gc and whoever else moves chunks do. */
const WAYS = ['rewritten', 'dropped'] as const

async function takeAway(store: ChunkStore, eid: number, way: (typeof WAYS)[number]): Promise<void> {
  const { group } = store
  if (way === 'dropped') {
    const retired = group.catalog.write((tx) => {
      tx.advance('gc_epoch', 1)
      return group.retire([eid])
    })
    await group.dropRetired(retired)
    return
  }
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  const all = { lease, compression: COMPRESSION, keeps: () => true, allows: () => true }
  expect((await rewriteExtents(store, [eid], all)).isDone).toBe(true)
  group.catalog.write((tx) => lease.release(tx))
}

async function expectReadable(path: string, wanted: readonly (readonly [Hash, Buffer])[]): Promise<void> {
  const group = await VolumeGroup.open(path, groupOptions)
  const store = await ChunkStore.open(group, systemClock)
  for (const [id, bytes] of wanted) expect((await store.get(KIND.chunk, id)).equals(bytes)).toBe(true)
  group.catalog.checkTotals(group.layout.physicalVolumes.map(({ number }) => number))
  await group.close()
}

describe.each(WAYS)('a base that is %s between being chosen and being published', (way) => {
  test('small: what was to be compressed against it is published all the same', async () => {
    const { store, group, path } = await createStore({ volumes: 1 })
    const first = new StoreWriter(store, { compression: COMPRESSION })
    const before = await first.put(KIND.chunk, versionOf(7, 0))
    await publishOnly(first)
    const [base] = extentsOf(group)
    const writer = new StoreWriter(store, { compression: COMPRESSION })
    const after = await writer.put(KIND.chunk, versionOf(7, 1), () => [before])
    const inside = writer as unknown as { compressor: { choose(items: unknown): Promise<Map<Hash, unknown>> } }
    const choose = inside.compressor.choose.bind(inside.compressor)
    let chosen = 0
    inside.compressor.choose = async (items) => {
      const result = await choose(items)
      chosen = result.size
      await takeAway(store, base?.record.eid ?? 0, way)
      return result
    }
    await publishOnly(writer)
    expect(chosen).toBe(1)
    const kept = way === 'dropped' ? [] : [[before, versionOf(7, 0)] as const]
    await expectReadable(path, [[after, versionOf(7, 1)], ...kept])
  })

  test('large: what was compressed against it is stored once more', async () => {
    let onStaged: (() => Promise<void>) | undefined
    const { group, path } = await createGroup({
      open: {
        wrapVolume: (volume) =>
          hookedVolume(volume, {
            async stage(target, ...parameters) {
              const result = await target.stage(...parameters)
              const act = onStaged
              onStaged = undefined
              await act?.()
              return result
            },
          }),
      },
    })
    const store = await ChunkStore.open(group, systemClock)
    const first = new StoreWriter(store, { compression: COMPRESSION })
    const before = await first.put(KIND.chunk, versionOf(8, 0))
    await publishOnly(first)
    const [base] = extentsOf(group)
    const writer = new StoreWriter(store, { compression: COMPRESSION })
    const other = versionOf(9, 0, 1_200_000)
    const beside = await writer.put(KIND.chunk, other)
    const after = await writer.put(KIND.chunk, versionOf(8, 1), () => [before])
    let isTaken = false
    onStaged = async () => {
      isTaken = true
      await takeAway(store, base?.record.eid ?? 0, way)
    }
    await publishOnly(writer)
    expect(isTaken).toBe(true)
    const kept = way === 'dropped' ? [] : [[before, versionOf(8, 0)] as const]
    await expectReadable(path, [[after, versionOf(8, 1)], [beside, other], ...kept])
    expect(await group.dropOrphans()).toBe(0)
  })
})
