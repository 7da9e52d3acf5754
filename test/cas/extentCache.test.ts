import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import type { DecodedExtent } from '../../src/cas/decodedExtent.js'
import { ExtentCache } from '../../src/cas/extentCache.js'
import { ExtentSpill } from '../../src/cas/extentSpill.js'
import { KIND } from '../../src/format/kinds.js'
import { ScratchFile } from '../../src/volume/scratchFile.js'
import { tempFolder } from '../support/tempFolder.js'

const BYTES = 10

function cacheOf(maxBytes: number, bytesOf = (_eid: number) => BYTES): { cache: ExtentCache; loads: number[] } {
  const loads: number[] = []
  const cache = new ExtentCache(maxBytes, async (eid) => {
    loads.push(eid)
    if (eid < 0) return undefined
    const raw = Buffer.alloc(bytesOf(eid))
    return { eid, raw, slots: [{ kind: KIND.chunk, length: raw.length, chunkId: eid }], offsets: [0], reads: 0 }
  })
  return { cache, loads }
}

const idOf = (eid: number) => String(eid).padStart(64, '0') as Hash

test('a run of reads is one use; the next in the same extent is a hit once another came between', async () => {
  const { cache, loads } = cacheOf(100)
  const one = (await cache.get(1)) as DecodedExtent
  for (let read = 0; read < 5; read++) cache.touch(one)
  expect(cache.stats).toMatchObject({ hits: 0, misses: 1, fetchedBytes: BYTES, bytes: BYTES })
  await cache.get(2)
  cache.touch(one)
  expect(await cache.get(1)).toBe(one)
  expect(cache.stats).toMatchObject({ hits: 1, misses: 2, entries: 2 })
  expect(loads).toEqual([1, 2])
})

test('loads of the same extent are shared, ahead or not; what is not visible is asked for again', async () => {
  const { cache, loads } = cacheOf(100)
  const ahead = cache.loadAhead(1)
  expect(cache.loads).toBe(1)
  const [one, again] = await Promise.all([cache.get(1), cache.get(1), ahead])
  expect(one).toBe(again)
  await cache.loadAhead(1)
  expect(loads).toEqual([1])
  expect(await cache.get(-1)).toBeUndefined()
  expect(await cache.get(-1)).toBeUndefined()
  expect(loads).toEqual([1, -1, -1])
  expect(cache.stats.hits).toBe(0)
})

test('what was loaded ahead is there when it is read, however much is used again and again meanwhile', async () => {
  const { cache, loads } = cacheOf(100)
  for (const eid of [1, 2, 3, 4, 1, 2, 3, 4]) await cache.get(eid)
  for (const eid of [11, 12, 13, 14, 15]) await cache.loadAhead(eid)
  for (const eid of [21, 22, 23]) await cache.get(eid)
  const before = loads.length
  for (const eid of [11, 12, 13, 14, 15]) await cache.get(eid)
  expect(loads.length).toBe(before)
  // Their loads were counted, and their first read is no hit.
  expect(cache.stats.hits).toBe(4)
})

test('what was loaded ahead for somebody who has gone does not take its room for ever', async () => {
  const { cache } = cacheOf(100)
  for (const eid of [1, 2, 3, 4, 5]) await cache.loadAhead(eid)
  for (let eid = 100; eid < 200; eid++) await cache.get(eid)
  expect([1, 2, 3, 4, 5].filter((eid) => cache.has(eid))).toEqual([])
  expect(cache.stats.bytes).toBe(100)
})

test('ids are found as long as their extent is here', async () => {
  const { cache } = cacheOf(30)
  const one = (await cache.get(1)) as DecodedExtent
  cache.remember(one, [idOf(1)])
  expect(cache.find(idOf(1))).toEqual({ extent: one, slot: 0 })
  for (const eid of [2, 3, 4]) await cache.get(eid)
  expect(cache.find(idOf(1))).toBeUndefined()
  cache.remember(one, [idOf(1)])
  expect(cache.find(idOf(1))).toBeUndefined()
  const two = (await cache.get(2)) as DecodedExtent
  cache.remember(two, [idOf(2)])
  cache.drop(2)
  expect([cache.find(idOf(2)), cache.has(2)]).toEqual([undefined, false])
  expect(await cache.get(2)).not.toBe(two)
})

test('the last extent that is longer than the cache stays, alone', async () => {
  const { cache, loads } = cacheOf(25, (eid) => (eid >= 50 ? 40 : BYTES))
  for (const eid of [1, 50, 50, 1, 50, 51, 50]) await cache.get(eid)
  expect(loads).toEqual([1, 50, 51, 50])
  expect(cache.stats.bytes).toBe(BYTES + 40)
  cache.drop(50)
  expect(cache.stats.bytes).toBe(BYTES)
})

test('its bytes are bounded, and an extent that it gives out is the one that was asked for', async () => {
  const step = fc.record({ eid: fc.nat(30), what: fc.constantFrom('get', 'get', 'ahead', 'drop') })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
      const { cache } = cacheOf(100, (eid) => 1 + ((eid * 13) % 100))
      for (const { eid, what } of steps) {
        if (what === 'ahead') await cache.loadAhead(eid)
        else if (what === 'drop') cache.drop(eid)
        else expect((await cache.get(eid))?.eid).toBe(eid)
        expect(cache.stats.bytes).toBeLessThanOrEqual(100)
      }
    }),
  )
})

test('with room on the disk an extent is loaded once, whatever became of it in memory, until it is dropped', async () => {
  const loads: number[] = []
  const cache = new ExtentCache(2 * BYTES, async (eid) => {
    loads.push(eid)
    const raw = Buffer.alloc(BYTES, eid)
    const slots = [4, 6].map((length) => ({ kind: KIND.chunk, length, chunkId: eid }))
    return { eid, raw, slots, offsets: [0, 4], reads: 0 }
  })
  const file = ScratchFile.open(join(tempFolder(), 'store.varve'), 5 * BYTES) as ScratchFile
  const spill = new ExtentSpill(file)
  cache.spill = spill
  for (const eid of [1, 2, 3, 4, 1, 2, 3, 4]) {
    const extent = await cache.get(eid)
    expect(extent).toMatchObject({ eid, raw: Buffer.alloc(BYTES, eid), offsets: [0, 4] })
  }
  expect(loads).toEqual([1, 2, 3, 4])
  expect(spill.slot(3, 1, (length) => Buffer.alloc(length))).toEqual({
    kind: KIND.chunk,
    bytes: Buffer.alloc(6, 3),
  })
  expect(spill.slot(3, 2, (length) => Buffer.alloc(length))).toBeUndefined()
  expect(spill.slot(9, 0, (length) => Buffer.alloc(length))).toBeUndefined()
  cache.drop(1)
  await cache.get(1)
  // The file is full now: what comes is loaded again when memory has lost it.
  for (const eid of [6, 7, 8, 6]) await cache.get(eid)
  expect(loads).toEqual([1, 2, 3, 4, 1, 6, 7, 8, 6])
  file.close()
})

test('what the disk does not give back is loaded again', async () => {
  const { cache, loads } = cacheOf(2 * BYTES)
  const file = ScratchFile.open(join(tempFolder(), 'store.varve'), 100) as ScratchFile
  cache.spill = new ExtentSpill(file)
  for (const eid of [1, 2, 3]) await cache.get(eid)
  file.read = () => false
  await cache.get(1)
  expect(loads).toEqual([1, 2, 3, 1])
  file.close()
})
