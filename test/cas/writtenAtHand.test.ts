/** What a small commit wrote is at hand for the next: neither decoded nor looked up again, until gc was at work. */
import { expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { createStore, extentsOf, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'

const random = seededRandom('written at hand')

async function written(store: ChunkStore, bytes: Buffer, ...bases: readonly Hash[]): Promise<Hash> {
  const writer = writerOf(store)
  const id = await writer.put(KIND.chunk, bytes, () => bases)
  await publishOnly(writer)
  return id
}

function edited(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.write('another line', at)
  return copy
}

test('the next commit is compressed against it, and no extent is read for that', async () => {
  const { store, group } = await createStore({ volumes: 1 })
  const bytes = random.bytes(10_000)
  const first = await written(store, bytes)
  const second = await written(store, edited(bytes, 500), first)
  await written(store, edited(bytes, 5000), second)
  expect(store.cacheStats.extents.misses).toBe(0)
  expect(extentsOf(group).map(({ record }) => record.bases.map(({ eid }) => eid))).toEqual([[], [1], [2]])
  expect(await store.get(KIND.chunk, second)).toEqual(edited(bytes, 500))
  expect(store.cacheStats.extents.misses).toBe(0)
  // As another process reads it, from the volume.
  const other = await ChunkStore.open(group, groupOptions.clock)
  expect(await other.get(KIND.chunk, second)).toEqual(edited(bytes, 500))
})

test('once gc removed something, places are looked up anew', async () => {
  const { store, group } = await createStore({ volumes: 1 })
  const bytes = random.bytes(10_000)
  const first = await written(store, bytes)
  group.catalog.write((tx) => {
    tx.run('DELETE FROM extent WHERE eid = 1')
    tx.run('DELETE FROM copy WHERE eid = 1')
    tx.advance('gc_epoch', 1)
  })
  await group.volume(0)?.remove([1])
  const second = await written(store, edited(bytes, 500), first)
  expect(await store.findBases([first, second])).toEqual(new Map([[second, { eid: 2, slot: 0, length: 10_000 }]]))
  expect(extentsOf(group).map(({ record }) => record.bases)).toEqual([[]])
})

test('who hands over what it put gives its memory to the next, and no copy with it', async () => {
  const { store } = await createStore({ volumes: 1 })
  const bytes = random.bytes(1000)
  const writer = writerOf(store)
  await writer.put(KIND.chunk, bytes)
  const copies = (writer.untouched ?? []).map((item) => Buffer.from(item.bytes))
  await writer.handOver()
  await expect(writer.put(KIND.chunk, bytes)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  const next = writerOf(store)
  const id = await next.put(KIND.chunk, edited(bytes, 100))
  expect(copies).toEqual([bytes])
  await publishOnly(next)
  expect(await store.get(KIND.chunk, id)).toEqual(edited(bytes, 100))
})
