import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { KIB } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { ComingIds } from '../../src/cas/comingIds.js'
import { MANY_AT_ONCE } from '../../src/cas/objects.js'
import { KIND } from '../../src/format/kinds.js'
import { createGroup, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'

const random = seededRandom('reading many')
const CHUNK_BYTES = 8 * KIB

async function storeOf(
  chunks: number,
  peSize = 256 * KIB,
): Promise<{ store: ChunkStore; ids: Hash[]; lookedUp: () => number }> {
  let lookedUp = 0
  const { group } = await createGroup({
    profile: { peSize },
    open: {
      wrapVolume: (volume) =>
        hookedVolume(volume, {
          lookup: (target, hashes) => {
            lookedUp += hashes.length
            return target.lookup(hashes)
          },
        }),
    },
  })
  const store = await ChunkStore.open(group, systemClock, { extentCacheBytes: 8 * peSize })
  const writer = writerOf(store)
  const ids: Hash[] = []
  for (let index = 0; index < chunks; index++) ids.push(await writer.put(KIND.chunk, random.bytes(CHUNK_BYTES)))
  await publishOnly(writer)
  lookedUp = 0
  return { store, ids, lookedUp: () => lookedUp / group.volumes.length }
}

async function idsRead(store: ChunkStore, batches: readonly (readonly Hash[])[]): Promise<Hash[]> {
  const read: Hash[] = []
  for await (const found of store.getMany(KIND.chunk, batches)) {
    expect(found.length).toBeGreaterThan(0)
    expect(found.length).toBeLessThanOrEqual(MANY_AT_ONCE)
    for (const bytes of found) read.push(store.hasher.id(KIND.chunk, bytes))
  }
  return read
}

test('chunks read in the order they were stored are not looked up one by one', async () => {
  const { store, ids, lookedUp } = await storeOf(2400, 1024 * KIB)
  expect(await idsRead(store, [ids])).toEqual(ids)
  expect(lookedUp()).toBeLessThan(ids.length / 2)
})

test('any order, repeats and batches, through a cache that holds a part of it', async () => {
  const { store, ids } = await storeOf(400)
  const batch = fc.array(fc.oneof(fc.nat(399), fc.nat(20)), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 12 }), async (batches) => {
      const wanted = batches.map((indexes) => indexes.map((index) => ids[index] as Hash))
      expect(await idsRead(store, wanted)).toEqual(wanted.flat())
    }),
    { numRuns: 40 },
  )
})

test('what cannot be read fails in its turn, after all that comes before it', async () => {
  const { store, ids } = await storeOf(100)
  const missing = 'ab'.repeat(32) as Hash
  const read: Hash[] = []
  const reading = (async () => {
    for await (const found of store.getMany(KIND.chunk, [[...ids.slice(0, 50), missing, ...ids.slice(50)]]))
      read.push(...found.map((bytes) => store.hasher.id(KIND.chunk, bytes)))
  })()
  await expect(reading).rejects.toMatchObject({ code: 'MISSING_CHUNK', details: { id: missing } })
  expect(read).toEqual(ids.slice(0, 50))
})

test('a reader that leaves early ends the source of its ids', async () => {
  const { store, ids } = await storeOf(40)
  let ended = false
  async function* source(): AsyncGenerator<Hash[]> {
    try {
      for (;;) yield ids
    } finally {
      ended = true
    }
  }
  for await (const _ of store.getMany(KIND.chunk, source())) break
  expect(ended).toBe(true)
})

test('ids that are coming keep their order, and probes are never behind the reader', async () => {
  const ids = Array.from({ length: 5000 }, (_, index) => index.toString(16).padStart(64, '0') as Hash)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 20 }), async (sizes) => {
      const rest = [...ids]
      const batches = sizes.map((size) => rest.splice(0, size))
      const coming = new ComingIds(batches)
      const read: Hash[] = []
      while (await coming.fill()) {
        for (let steps = 0; steps < 7 && coming.first !== undefined; steps++) {
          const { probe } = coming
          if (probe !== undefined) expect(probe >= coming.first).toBe(true)
          if (steps % 3 === 0) coming.passProbe(true)
          read.push(coming.first)
          coming.shift()
        }
      }
      expect(read).toEqual(batches.flat())
    }),
    { numRuns: 50 },
  )
})
