/** S-6: damage put exactly where a check must notice it; damage.test.ts puts it anywhere. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { SqlDatabase, type SqlValue } from '../../src/volume/sqlite.js'
import type { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createGroup, createStore, publishOnly, writerOf } from '../support/groups.js'
import { noise } from './support/chance.js'

const BYTES = [noise('first', 20_000), noise('second', 20_000)] as const

async function stored(store: ChunkStore): Promise<{ ids: Hash[]; eid: number; pvs: number[] }> {
  const writer = writerOf(store)
  const ids: Hash[] = []
  for (const bytes of BYTES) ids.push(await writer.put(KIND.chunk, bytes))
  await publishOnly(writer)
  const eid = (await store.find(ids)).get(ids[0] as Hash)?.eid ?? 0
  return { ids, eid, pvs: store.group.catalog.copies(eid) }
}

/** As a disk would: behind varve's back. */
function damage(group: VolumeGroup, pv: number, sql: string, ...parameters: SqlValue[]): void {
  const database = SqlDatabase.open(group.volume(pv)?.location ?? '', { lockTimeoutMs: 1000 })
  expect(database.run(sql, ...parameters).changes).toBe(1)
  database.close()
}

const FLIP_FRAME =
  'UPDATE payload SET frame = CAST(substr(frame, 1, 99) || ? || substr(frame, 101) AS BLOB) WHERE eid = ?'

test('a chunk table that points at another chunk is noticed by the id', async () => {
  const { store, group } = await createStore()
  const { ids, eid, pvs } = await stored(store)
  const [first, second] = ids as [Hash, Hash]
  damage(group, pvs[0] as number, 'UPDATE chunk SET slot = 1 WHERE slot = 0 AND hash = ?', hashToBytes(first))
  const reader = await ChunkStore.open(group, systemClock)
  await expect(reader.get(KIND.chunk, first)).rejects.toMatchObject({
    code: 'CORRUPT_CHUNK',
    details: { id: first, extent: eid, path: group.volume(pvs[0] as number)?.location },
  })
  expect((await reader.get(KIND.chunk, second)).equals(BYTES[1])).toBe(true)
})

test('stored bytes that changed are noticed by their checksum', async () => {
  const { store, group } = await createStore()
  const { ids, eid, pvs } = await stored(store)
  damage(group, pvs[0] as number, FLIP_FRAME, Buffer.from([0x55]), eid)
  const reader = await ChunkStore.open(group, systemClock)
  await expect(reader.get(KIND.chunk, ids[0] as Hash)).rejects.toMatchObject({
    code: 'CORRUPT_EXTENT',
    details: { extent: eid, path: group.volume(pvs[0] as number)?.location },
  })
})

test('an object that is damaged is not said to be unknown', async () => {
  const { store, group } = await createStore()
  const writer = writerOf(store)
  const id = await writer.put(KIND.commit, noise('an object', 2000))
  await publishOnly(writer)
  const location = (await store.find([id])).get(id)
  damage(group, location?.pv ?? 0, FLIP_FRAME, Buffer.from([0x55]), location?.eid ?? 0)
  const reader = await ChunkStore.open(group, systemClock)
  await expect(reader.findByPrefix(KIND.commit, id.slice(0, 8))).rejects.toMatchObject({
    code: 'CORRUPT_EXTENT',
    details: { extent: location?.eid },
  })
})

test('a damaged copy is passed over for a sound one', async () => {
  const { group } = await createGroup({ volumes: 3 })
  await group.changeLayout((layout) => ({
    ...layout,
    logicalVolumes: layout.logicalVolumes.map((volume) => ({ ...volume, type: 'mirrored' as const, copies: 2 })),
  }))
  const store = await ChunkStore.open(group, systemClock)
  const { ids, eid, pvs } = await stored(store)
  expect(pvs).toHaveLength(2)
  const read = async (): Promise<Buffer> => (await ChunkStore.open(group, systemClock)).get(KIND.chunk, ids[0] as Hash)
  damage(group, pvs[0] ?? -1, FLIP_FRAME, Buffer.from([0x55]), eid)
  expect((await read()).equals(BYTES[0])).toBe(true)
  for (const pv of pvs) damage(group, pv, FLIP_FRAME, Buffer.from([0x55]), eid)
  await expect(read()).rejects.toMatchObject({ code: 'CORRUPT_EXTENT' })
})
