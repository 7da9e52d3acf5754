/** The engine that moves chunks into new extents. */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { compressNow, ExtentBuilder, finishExtent } from '../../src/cas/extentBuilder.js'
import { theChecksum } from '../../src/codec/checksum.js'
import { KIND } from '../../src/format/kinds.js'
import { rewriteExtents } from '../../src/upkeep/rewrite.js'
import { Lease } from '../../src/volume/lease.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { groupOptions } from '../support/groups.js'
import { createRepository } from '../support/repositories.js'

const NO_COMPRESSION = { codec: 'none', level: 0 } as const

async function openStore() {
  const { repo, path } = await createRepository({ compression: 'none' })
  await repo.close()
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  const store = await ChunkStore.open(group, systemClock)
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  /** Makes an extent of these texts, with these numbers. */
  const publish = async (texts: readonly string[], numbers: readonly number[]): Promise<number> => {
    const builder = new ExtentBuilder(EXTENT_CLASS.data, 65_536, [])
    for (const text of texts) builder.add(KIND.chunk, idOf(text), Buffer.from(text))
    const full = builder.take()
    if (!full) throw new Error('nothing to publish')
    const left = [...numbers]
    const frame = compressNow(full, NO_COMPRESSION)
    const ids = { takeEid: () => lease.takeEid(), takeChunkId: () => left.shift() as number }
    const extent = finishExtent(full, frame, ids, await theChecksum())
    const stage = await group.stage([{ extent, pvs: [0] }])
    group.catalog.write(() => stage.publish())
    return extent.eid
  }
  const idOf = (text: string): Hash => store.hasher.id(KIND.chunk, Buffer.from(text))
  return { group, store, lease, publish, idOf }
}

test('a chunk that is there twice is written once, under its lowest number', async () => {
  const { group, store, lease, publish, idOf } = await openStore()
  // As after a rewrite: the lower number lies in the later extent.
  const eids = [await publish(['a', 'b'], [50, 51]), await publish(['b', 'c'], [10, 11])]
  const keeps = () => true
  const options = { lease, compression: NO_COMPRESSION, keeps, allows: () => true }
  expect(await rewriteExtents(store, eids, options)).toMatchObject({ isDone: true, newExtents: 1 })
  const rows = await group.lookup(['a', 'b', 'c'].map(idOf))
  expect(rows.map(({ hash, chunkId }) => [hash, chunkId]).sort()).toEqual(
    [
      [idOf('a'), 50],
      [idOf('b'), 10],
      [idOf('c'), 11],
    ].sort(),
  )
  for (const text of ['a', 'b', 'c']) expect((await store.get(KIND.chunk, idOf(text))).toString()).toBe(text)
  expect(eids.filter((eid) => group.catalog.isVisible(eid))).toEqual([])
})

test('what may not go after all stays as it is, and nothing is left of the attempt', async () => {
  const { group, store, lease, publish, idOf } = await openStore()
  const eid = await publish(['a', 'b'], [1, 2])
  const options = { lease, compression: NO_COMPRESSION, keeps: ({ hash }: { hash: Hash }) => hash !== idOf('b') }
  const told: Hash[][] = []
  const refused = await rewriteExtents(store, [eid], {
    ...options,
    allows: (_, dropped) => {
      told.push(dropped.map(({ hash }) => hash))
      return false
    },
  })
  expect(refused.isDone).toBe(false)
  expect(told).toEqual([[idOf('b')]])
  expect(group.catalog.isVisible(eid)).toBe(true)
  const held = await Promise.all(group.volumes.map((volume) => volume.list(0, Number.MAX_SAFE_INTEGER)))
  expect(held.flat()).toEqual([eid])
})

test('an extent that is not what its chunk table says is left alone', async () => {
  const { group, store, lease, publish } = await openStore()
  const eid = await publish(['a', 'b'], [1, 2])
  const tables = group.home as unknown as { database: { run(sql: string, ...values: unknown[]): void } }
  tables.database.run('UPDATE chunk SET slot = 1 - slot WHERE eid = ?', eid)
  const options = { lease, compression: NO_COMPRESSION, keeps: () => true, allows: () => true }
  await expect(rewriteExtents(store, [eid], options)).rejects.toMatchObject({ code: 'CORRUPT_EXTENT' })
  expect(group.catalog.isVisible(eid)).toBe(true)
})

test('what is not worth it is taken back, and nothing is left of the attempt', async () => {
  const { group, store, lease, publish, idOf } = await openStore()
  const eid = await publish(['aaa', 'b'], [1, 2])
  const told: number[][] = []
  const result = await rewriteExtents(store, [eid], {
    lease,
    compression: NO_COMPRESSION,
    keeps: ({ hash }) => hash !== idOf('b'),
    allows: () => true,
    isEnough: (...bytes) => {
      told.push(bytes)
      return false
    },
  })
  expect(result).toMatchObject({ isDone: false, isTooLittle: true })
  expect(told).toEqual([[4, 3]])
  const held = await Promise.all(group.volumes.map((volume) => volume.list(0, Number.MAX_SAFE_INTEGER)))
  expect(held.flat()).toEqual([eid])
})
