/** Leases that somebody else ended. */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { withVolume } from '../../src/volume/groupInfo.js'
import { Lease, listLeases } from '../../src/volume/lease.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createGroup, extentsOf, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'

const random = seededRandom('leases')

test('the number of a lease is never given again, so that a lost lease is not mistaken for another’s', async () => {
  const { group } = await createGroup({ volumes: 1 })
  const lost = Lease.take(group.catalog, 'writer', systemClock)
  group.catalog.write((tx) => lost.release(tx))
  const next = Lease.take(group.catalog, 'writer', systemClock)
  expect(next.id).not.toBe(lost.id)
  expect(() => group.catalog.write((tx) => lost.require(tx))).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }))
  expect(group.catalog.write((tx) => next.require(tx))).toBeUndefined()
})

test('a living writer that is taken for dead while it publishes gets LEASE_LOST; nothing visible is lost', async () => {
  let beforePublish: (() => Promise<void>) | undefined
  const { group, path } = await createGroup({
    volumes: 2,
    open: {
      wrapVolume: (volume) =>
        hookedVolume(volume, {
          async stage(target, ...parameters) {
            const staged = await target.stage(...parameters)
            await beforePublish?.()
            return staged
          },
        }),
    },
  })
  await group.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
  const store = await ChunkStore.open(group, systemClock)
  const safe = writerOf(store)
  const safeId = await safe.put(KIND.chunk, random.bytes(50_000))
  await publishOnly(safe)

  let reached: () => void = () => undefined
  const sweeperIsRemoving = new Promise<void>((resolve) => {
    reached = resolve
  })
  let publishing: Promise<unknown> = Promise.resolve()
  const sweeper = await VolumeGroup.open(path, {
    ...groupOptions,
    isAlive: () => false,
    wrapVolume: (volume) =>
      hookedVolume(volume, {
        // It has seen what no catalog row names; now the writer has its chance to publish just that.
        async remove(target, eids) {
          reached()
          await publishing.catch(() => undefined)
          return target.remove(eids)
        },
      }),
  })
  onTestFinished(() => sweeper.close())
  const writer = writerOf(store)
  const id = await writer.put(KIND.chunk, random.bytes(50_000))
  let sweeping: Promise<number> = Promise.resolve(-1)
  beforePublish = async () => {
    sweeping = sweeper.sweep()
    await sweeperIsRemoving
  }
  publishing = publishOnly(writer)
  await expect(publishing).rejects.toMatchObject({ code: 'LEASE_LOST' })
  expect(await sweeping).toBeGreaterThan(0)
  await writer.abandon()

  const reader = await ChunkStore.open(sweeper, systemClock)
  expect((await reader.get(KIND.chunk, safeId)).length).toBe(50_000)
  expect([...(await reader.find([id as Hash]))]).toEqual([])
  for (const { record, pvs } of extentsOf(group)) {
    for (const pv of pvs) expect(await group.volume(pv)?.read(record.eid)).toBeDefined()
  }
  expect(listLeases(group.catalog)).toEqual([])
})
