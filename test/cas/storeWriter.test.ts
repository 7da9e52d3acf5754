import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { VarveError } from '../../src/base/errors.js'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import { MIB } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import {
  createGroup,
  createStore,
  extentsOf,
  groupOptions,
  nothingElse,
  publishOnly,
  seededRandom,
  VOLUMES,
  writerOf,
} from '../support/groups.js'

const random = seededRandom('store writer')

/** As gc will: whole extents disappear from catalog and volume, and the epoch grows. */
async function collect(group: VolumeGroup, eids: readonly number[]): Promise<void> {
  const copies = eids.map((eid) => group.catalog.copies(eid))
  group.catalog.write((tx) => {
    for (const eid of eids) {
      tx.run('DELETE FROM extent WHERE eid = ?', eid)
      tx.run('DELETE FROM copy WHERE eid = ?', eid)
    }
    tx.advance('gc_epoch', 1)
  })
  for (const [index, eid] of eids.entries()) {
    for (const pv of copies[index] ?? []) await group.volume(pv)?.remove([eid])
  }
}

function condemn(group: VolumeGroup, ids: readonly Hash[]): void {
  group.catalog.write((tx) => {
    const epoch = tx.advance('gc_epoch', 1) + 1
    for (const id of ids) {
      tx.run(
        'INSERT INTO condemned (hash, chunk_id, gc_epoch, condemned_ms) VALUES (?, 0, ?, 0)',
        hashToBytes(id),
        epoch,
      )
    }
  })
}

function condemnedCount(group: VolumeGroup): number {
  return group.catalog.get<{ n: number }>('SELECT count(*) AS n FROM condemned')?.n ?? -1
}

function visibleExtents(group: VolumeGroup): number[] {
  return extentsOf(group).map(({ record }) => record.eid)
}

describe('putting and publishing', () => {
  test('what was published is read back by another process’s store, small and large', async () => {
    const { store, group, path } = await createStore()
    const contents = [
      Buffer.from('a'),
      random.bytes(60_000),
      Buffer.alloc(40_000, 7),
      ...Array.from({ length: 40 }, () => random.bytes(65_536)),
    ]
    const small = writerOf(store)
    const smallId = await small.put(KIND.chunk, Buffer.from('small'))
    await publishOnly(small)
    const writer = writerOf(store)
    const ids: Hash[] = []
    for (const bytes of contents) ids.push(await writer.put(KIND.chunk, bytes))
    const object = await writer.put(KIND.tree, Buffer.from('object'))
    await publishOnly(writer)
    await group.close()

    const reopened = await VolumeGroup.open(path, groupOptions)
    const reader = await ChunkStore.open(reopened, systemClock)
    for (const [index, id] of ids.entries())
      expect((await reader.get(KIND.chunk, id)).equals(contents[index] as Buffer)).toBe(true)
    const many: Buffer[] = []
    for await (const batch of reader.getMany(KIND.chunk, [ids])) many.push(...batch)
    expect(Buffer.concat(many).equals(Buffer.concat(contents))).toBe(true)
    expect((await reader.get(KIND.chunk, smallId)).toString()).toBe('small')
    expect((await reader.get(KIND.tree, object)).toString()).toBe('object')
    // The same bytes under another kind are another thing.
    await expect(reader.get(KIND.chunk, object)).rejects.toMatchObject({ code: 'CORRUPT_CHUNK' })
    await reopened.close()
  })

  test('the same bytes are stored once, within a batch, across writers, and across ways of writing', async () => {
    const { store, group } = await createStore()
    const bytes = random.bytes(50_000)
    const first = writerOf(store)
    const id = await first.put(KIND.chunk, bytes)
    expect(await first.put(KIND.chunk, bytes)).toBe(id)
    await publishOnly(first)
    expect(first.stats).toMatchObject({ newChunks: 1, newBytes: 50_000, knownChunks: 1 })
    const before = visibleExtents(group)

    const inline = writerOf(store)
    await inline.put(KIND.chunk, bytes)
    await publishOnly(inline)
    const leased = writerOf(store)
    for (let index = 0; index < 40; index++) await leased.put(KIND.chunk, index === 0 ? bytes : random.bytes(65_000))
    await publishOnly(leased)
    expect(inline.stats).toMatchObject({ newChunks: 0, knownChunks: 1 })
    expect(leased.stats).toMatchObject({ newChunks: 39, knownChunks: 1, knownBytes: 50_000 })
    const rows = (await Promise.all(group.volumes.map((volume) => volume.lookup([id])))).flat()
    expect(rows).toHaveLength(1)
    expect(visibleExtents(group).length).toBeGreaterThan(before.length)
  })

  test('a writer reads its own writes before and after they are published', async () => {
    const { store } = await createStore()
    const writer = writerOf(store)
    const id = await writer.put(KIND.tree, Buffer.from('mine'))
    expect((await writer.get(KIND.tree, id)).toString()).toBe('mine')
    await expect(store.get(KIND.tree, id)).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
    await publishOnly(writer)
    expect((await store.get(KIND.tree, id)).toString()).toBe('mine')
    // Cached or not, an id is good for its own kind alone.
    await expect(store.get(KIND.commit, id)).rejects.toMatchObject({ code: 'CORRUPT_CHUNK' })
  })

  test('abandoned work is never visible and leaves nothing in the volumes', async () => {
    const { store, group } = await createStore()
    const writer = writerOf(store)
    const ids: Hash[] = []
    for (let index = 0; index < 60; index++) ids.push(await writer.put(KIND.chunk, random.bytes(65_000)))
    await writer.abandon()
    expect(visibleExtents(group)).toEqual([])
    for (const volume of group.volumes) expect(await volume.list(0, 1e9)).toEqual([])
    expect(group.catalog.all('SELECT * FROM lease')).toEqual([])
    expect(await store.find(ids)).toEqual(new Map())
  })

  test('more than a batch is published in steps and reads back whole', async () => {
    const { store, group } = await createStore()
    const writer = writerOf(store)
    const ids: Hash[] = []
    // Compressible, so that the test is quick: 1100 × 64 KiB is more than one batch of 64 MiB.
    for (let index = 0; index < 1100; index++) {
      const bytes = Buffer.alloc(65_536, index & 0xff)
      bytes.writeUInt32LE(index, 0)
      ids.push(await writer.put(KIND.chunk, bytes))
    }
    expect(visibleExtents(group).length).toBeGreaterThan(50)
    await publishOnly(writer)
    for (const index of [0, 500, 1099])
      expect((await store.get(KIND.chunk, ids[index] as Hash)).readUInt32LE(0)).toBe(index)
    expect(group.catalog.all('SELECT * FROM lease')).toEqual([])
  })
})

describe('S-1: payload is durable before the catalog names it', () => {
  test('the catalog names nothing while volumes are still writing', async () => {
    const seen: number[] = []
    let catalogOf: VolumeGroup | undefined
    const { group } = await createGroup({
      volumes: 3,
      open: {
        wrapVolume: (volume) =>
          new Proxy(volume, {
            get(target, key) {
              if (key === 'stage') {
                return async (...parameters: Parameters<PhysicalVolume['stage']>) => {
                  const staged = await target.stage(...parameters)
                  // What this call wrote must be readable from the volume now, and still invisible.
                  if (target.number !== 0)
                    for (const { eid } of parameters[0]) expect(await target.read(eid)).toBeDefined()
                  for (const { eid } of parameters[0]) expect(catalogOf?.catalog.isVisible(eid)).toBe(false)
                  seen.push(parameters[0].length)
                  return staged
                }
              }
              const value = Reflect.get(target, key) as unknown
              return typeof value === 'function' ? value.bind(target) : value
            },
          }),
      },
    })
    catalogOf = group
    const store = await ChunkStore.open(group, systemClock)
    const writer = writerOf(store)
    for (let index = 0; index < 60; index++) await writer.put(KIND.chunk, random.bytes(65_000))
    await publishOnly(writer)
    expect(seen.length).toBeGreaterThan(1)
  })

  test('a failing publish leaves nothing visible', async () => {
    const { store, group } = await createStore()
    const writer = writerOf(store)
    const id = await writer.put(KIND.chunk, random.bytes(3 * 1000))
    const failing = writer.publish({
      apply: () => {
        throw new VarveError('REF_CONFLICT', 'somebody else was first')
      },
      reach: async function* () {
        yield id
      },
    })
    await expect(failing).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    await writer.abandon()
    expect(visibleExtents(group)).toEqual([])
    await expect(store.get(KIND.chunk, id)).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
  })
})

describe('a publish that failed is tried again', () => {
  for (const chunks of [3, 60]) {
    test(`with ${chunks} chunks: everything is there, and counted once`, async () => {
      const { store } = await createStore()
      const writer = writerOf(store)
      const ids: Hash[] = []
      for (let index = 0; index < chunks; index++) ids.push(await writer.put(KIND.chunk, random.bytes(60_000)))
      let attempts = 0
      const apply = (): void => {
        if (attempts++ === 0) throw new VarveError('REF_CONFLICT', 'the branch moved')
      }
      await expect(writer.publish({ apply, reach: nothingElse })).rejects.toMatchObject({ code: 'REF_CONFLICT' })
      ids.push(await writer.put(KIND.chunk, random.bytes(1000)))
      await writer.publish({ apply, reach: nothingElse })
      for (const id of ids) expect((await store.get(KIND.chunk, id)).length).toBeGreaterThan(0)
      expect(writer.stats.newChunks).toBe(chunks + 1)
    })
  }
})

test('a volume that fails once while extents are staged: the next try publishes everything', async () => {
  let failures = 1
  const { group } = await createGroup({
    volumes: 3,
    open: {
      wrapVolume: (volume) =>
        new Proxy(volume, {
          get(target, key) {
            if (key === 'stage' && target.number === 2) {
              return async (...parameters: Parameters<PhysicalVolume['stage']>) => {
                if (failures-- > 0) throw new VarveError('STORAGE_FULL', 'no space left')
                return target.stage(...parameters)
              }
            }
            const value = Reflect.get(target, key) as unknown
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
    },
  })
  const store = await ChunkStore.open(group, systemClock)
  const writer = writerOf(store)
  const ids: Hash[] = []
  for (let index = 0; index < 60; index++) ids.push(await writer.put(KIND.chunk, random.bytes(60_000)))
  await expect(publishOnly(writer)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
  expect(visibleExtents(group)).toEqual([])
  await publishOnly(writer)
  const reader = await ChunkStore.open(group, systemClock)
  for (const id of ids) expect((await reader.get(KIND.chunk, id)).length).toBe(60_000)
})

describe('S-2: leases', () => {
  test('a large writer has its lease row before its first lookup', async () => {
    const leasesAtLookup: number[] = []
    let opened: VolumeGroup | undefined
    const { group } = await createGroup({
      open: {
        wrapVolume: (volume) =>
          new Proxy(volume, {
            get(target, key) {
              if (key === 'lookup') {
                return (hashes: readonly Hash[]) => {
                  leasesAtLookup.push(opened?.catalog.all('SELECT id FROM lease').length ?? -1)
                  return target.lookup(hashes)
                }
              }
              const value = Reflect.get(target, key) as unknown
              return typeof value === 'function' ? value.bind(target) : value
            },
          }),
      },
    })
    opened = group
    const writer = writerOf(await ChunkStore.open(group, systemClock))
    for (let index = 0; index < 60; index++) await writer.put(KIND.chunk, random.bytes(65_000))
    await publishOnly(writer)
    expect(leasesAtLookup.length).toBeGreaterThan(0)
    expect(new Set(leasesAtLookup)).toEqual(new Set([1]))
  })

  test('a writer whose lease was ended publishes nothing', async () => {
    const { store, group } = await createStore()
    const writer = writerOf(store)
    for (let index = 0; index < 60; index++) await writer.put(KIND.chunk, random.bytes(65_000))
    group.catalog.write((tx) => tx.run('DELETE FROM lease'))
    await expect(publishOnly(writer)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await writer.abandon()
    expect(visibleExtents(group)).toEqual([])
  })

  test('what a killed writer left is swept when the next large writer begins, and not before its process is gone', async () => {
    let alive = true
    const { group } = await createGroup({ open: { isAlive: () => alive } })
    const store = await ChunkStore.open(group, systemClock)
    const lost = writerOf(store)
    for (let index = 0; index < 60; index++) await lost.put(KIND.chunk, random.bytes(65_000))
    // Stage without publishing, as a kill between the two leaves it.
    const publish = lost.publish({
      apply: () => {
        throw new VarveError('CANCELLED', 'killed')
      },
      reach: nothingElse,
    })
    await expect(publish).rejects.toThrow('killed')
    const held = async (): Promise<number> =>
      (await Promise.all(group.volumes.map((volume) => volume.list(0, 1e9)))).flat().length
    if (VOLUMES > 1) expect(await held()).toBeGreaterThan(0)
    expect(await group.sweep()).toBe(0)
    alive = false
    await group.sweep()
    expect(await held()).toBe(0)
    expect(group.catalog.all('SELECT * FROM lease')).toEqual([])
  })

  test('a reader whose data went away gets SNAPSHOT_GONE, not damage', async () => {
    const { store, group } = await createStore()
    const writer = writerOf(store)
    const id = await writer.put(KIND.chunk, random.bytes(1000))
    await publishOnly(writer)
    await collect(group, visibleExtents(group))
    await expect(store.get(KIND.chunk, id)).rejects.toMatchObject({ code: 'SNAPSHOT_GONE' })
  })
})

describe('S-3: dedup hits are checked again when publishing', () => {
  async function storeWithBytes(): Promise<{ store: ChunkStore; group: VolumeGroup; bytes: Buffer; id: Hash }> {
    const { store, group } = await createStore()
    const bytes = random.bytes(40_000)
    const first = writerOf(store)
    const id = await first.put(KIND.chunk, bytes)
    await publishOnly(first)
    return { store, group, bytes, id }
  }

  for (const filler of [0, 3 * MIB]) {
    const way = filler === 0 ? 'small' : 'large'
    test(`a hit that gc took after the lookup is stored again (${way})`, async () => {
      const { store, group, bytes, id } = await storeWithBytes()
      const second = writerOf(store)
      await second.put(KIND.chunk, bytes)
      for (let have = 0; have < filler; have += 60_000) await second.put(KIND.chunk, random.bytes(60_000))
      await collect(group, visibleExtents(group))
      await publishOnly(second)
      const fresh = await ChunkStore.open(group, systemClock)
      expect((await fresh.get(KIND.chunk, id)).equals(bytes)).toBe(true)
    })

    test(`a condemned hit is revived (${way})`, async () => {
      const { store, group, bytes, id } = await storeWithBytes()
      condemn(group, [id])
      const second = writerOf(store)
      await second.put(KIND.chunk, bytes)
      for (let have = 0; have < filler; have += 60_000) await second.put(KIND.chunk, random.bytes(60_000))
      await publishOnly(second)
      expect(condemnedCount(group)).toBe(0)
    })

    test(`a hit condemned after its lookup is revived (${way})`, async () => {
      const { store, group, bytes, id } = await storeWithBytes()
      const second = writerOf(store)
      await second.put(KIND.chunk, bytes)
      for (let have = 0; have < filler; have += 60_000) await second.put(KIND.chunk, random.bytes(60_000))
      condemn(group, [id])
      await publishOnly(second)
      expect(condemnedCount(group)).toBe(0)
    })
  }
})

describe('S-4: whatever becomes reachable is revived', () => {
  test('a chunk condemned while its writer was at work is revived when the ref moves', async () => {
    const { store, group } = await createStore()
    const writer = writerOf(store)
    const ids: Hash[] = []
    for (let index = 0; index < 60; index++) ids.push(await writer.put(KIND.chunk, random.bytes(65_000)))
    condemn(group, [ids[0] as Hash])
    let moved = 0
    await writer.publish({
      apply: () => {
        moved++
      },
      reach: async function* () {
        yield* ids
      },
    })
    expect(moved).toBe(1)
    expect(condemnedCount(group)).toBe(0)
  })

  test('what is taken over from elsewhere is revived, and refused when it is gone', async () => {
    const { store, group } = await createStore()
    const first = writerOf(store)
    const adopted = await first.put(KIND.chunk, random.bytes(2000))
    await publishOnly(first)
    condemn(group, [adopted])
    const reach = async function* (): AsyncIterable<Hash> {
      yield adopted
    }
    const second = writerOf(store)
    await second.put(KIND.tree, Buffer.from('takes it over'))
    await second.publish({ apply: () => undefined, reach, adopted: reach })
    expect(condemnedCount(group)).toBe(0)

    await collect(group, visibleExtents(group))
    const third = writerOf(store)
    await third.put(KIND.tree, Buffer.from('too late'))
    let moved = 0
    const refused = third.publish({ apply: () => moved++, reach, adopted: reach })
    await expect(refused).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
    await third.abandon()
    expect(moved).toBe(0)
  })
})

test('two stores on one group of files write at the same time without loss', async () => {
  const { store, group, path } = await createStore()
  const other = await VolumeGroup.open(path, groupOptions)
  const otherStore = await ChunkStore.open(other, systemClock)
  const shared = random.bytes(30_000)
  const ids = await Promise.all(
    [store, otherStore].map(async (target) => {
      const writer = writerOf(target)
      const mine: Hash[] = [await writer.put(KIND.chunk, shared)]
      for (let index = 0; index < 50; index++) mine.push(await writer.put(KIND.chunk, random.bytes(60_000)))
      await publishOnly(writer)
      return mine
    }),
  )
  const reader = await ChunkStore.open(group, systemClock)
  for (const id of ids.flat()) expect((await reader.get(KIND.chunk, id)).length).toBeGreaterThan(0)
  await other.close()
  expect(join(path)).toBe(group.catalog.path)
})
