/** Writers after something failed half-way, and the memory they hand out. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { VarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { verifyStore } from '../../src/upkeep/verify.js'
import { withVolume } from '../../src/volume/groupInfo.js'
import { listLeases } from '../../src/volume/lease.js'
import { createGroup, createStore, nothingElse, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'

const random = seededRandom('writer failures')

test('a small publish that fails half-way and is tried again stores each chunk once', async () => {
  const { store, group } = await createStore({ volumes: 1 })
  const writer = writerOf(store)
  const ids: Hash[] = []
  for (let index = 0; index < 5; index++) ids.push(await writer.put(KIND.chunk, random.bytes(10_000)))
  const lookupNow = group.home.lookupNow.bind(group.home)
  let lookups = 0
  group.home.lookupNow = (hash) => {
    if (++lookups === 3) throw new VarveError('STORAGE_IO', 'disk I/O error')
    return lookupNow(hash)
  }
  await expect(publishOnly(writer)).rejects.toMatchObject({ code: 'STORAGE_IO' })
  await publishOnly(writer)
  const report = await verifyStore({
    store,
    roots: () => [],
    checkRows: [() => group.catalog.checkTotals([0])],
    pruned: new Set(),
  })
  expect(report.problems).toEqual([])
  expect(report.checked.chunks).toBe(5)
  expect((await store.find(ids)).size).toBe(5)
})

test('an abandon that failed can be repeated, drops what was staged and ends the lease', async () => {
  let failures = 1
  const { group } = await createGroup({
    volumes: 2,
    open: {
      wrapVolume: (volume) =>
        hookedVolume(volume, {
          async remove(target, eids) {
            if (failures-- > 0) throw new VarveError('STORE_LOCKED', 'somebody else is writing')
            return target.remove(eids)
          },
        }),
    },
  })
  await group.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  for (let index = 0; index < 20; index++) await writer.put(KIND.chunk, random.bytes(60_000))
  const apply = (): void => {
    throw new VarveError('REF_CONFLICT', 'the branch moved')
  }
  await expect(writer.publish({ apply, reach: nothingElse })).rejects.toMatchObject({ code: 'REF_CONFLICT' })
  expect(await group.volume(1)?.list(0, 1e9)).not.toEqual([])
  await expect(writer.abandon()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await expect(writer.put(KIND.chunk, random.bytes(10))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await writer.abandon()
  expect(await group.volume(1)?.list(0, 1e9)).toEqual([])
  expect(listLeases(group.catalog)).toEqual([])
  await writer.abandon()
})

test('bytes that a writer handed out stay what they were when its memory is used again', async () => {
  const { store } = await createStore({ volumes: 1 })
  const writer = writerOf(store)
  const bytes = random.bytes(60_000)
  const held = await writer.get(KIND.chunk, await writer.put(KIND.chunk, bytes))
  const filler = random.bytes(64_000)
  const fillers = 540
  for (let index = 0; index < fillers; index++) {
    filler.writeUInt32BE(index)
    await writer.put(KIND.chunk, filler)
  }
  // More than one batch: the first was published on the way.
  expect(store.group.catalog.get('SELECT 1 FROM extent')).toBeDefined()
  expect(held.equals(bytes)).toBe(true)
  await writer.abandon()
})
