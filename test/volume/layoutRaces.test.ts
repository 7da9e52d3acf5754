/** Layouts that two processes change, or open while they change. Two groups open in one process take turns at each await. */
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { createFreeVolumes, freeVolumeAt } from '../../src/volume/freeVolume.js'
import { withVolume } from '../../src/volume/groupInfo.js'
import type { OpenGroupOptions } from '../../src/volume/groupOptions.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createGroup, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { tempFolder } from '../support/tempFolder.js'

const random = seededRandom('layout races')
const details = { capacityBytes: null, tags: [] }

async function openGroup(path: string, options: Partial<OpenGroupOptions> = {}): Promise<VolumeGroup> {
  const group = await VolumeGroup.open(path, { ...groupOptions, ...options })
  onTestFinished(() => group.close().catch(() => undefined))
  return group
}

async function fill(group: VolumeGroup, chunks: number): Promise<Hash[]> {
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  const ids: Hash[] = []
  for (let index = 0; index < chunks; index++) ids.push(await writer.put(KIND.chunk, random.bytes(5000)))
  await publishOnly(writer)
  return ids
}

test('an extend that loses the race leaves no member and no file, and can be repeated', async () => {
  const { group: winner, folder, path } = await createGroup({ volumes: 1 })
  const loser = await openGroup(path)
  const theirs = join(folder, 'theirs.varve')
  const mine = join(folder, 'mine.varve')
  const results = await Promise.allSettled([winner.extend(theirs, details), loser.extend(mine, details)])
  expect(results).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'REF_CONFLICT' } }])
  expect(existsSync(mine)).toBe(false)
  expect(loser.volume(1)).toBeUndefined()

  // What it writes now goes where the catalog says.
  await loser.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
  expect(loser.volume(1)?.location).toBe(theirs)
  const ids = await fill(loser, 3)
  const reader = await ChunkStore.open(await openGroup(path), systemClock)
  for (const id of ids) expect((await reader.get(KIND.chunk, id)).length).toBe(5000)

  await loser.extend(mine, details)
  expect(loser.layout.physicalVolumes.map(({ path: recorded }) => recorded)).toEqual(['', 'theirs.varve', 'mine.varve'])
})

test('a volume that belongs to no group is given back by the extend that loses, and two groups do not both take it', async () => {
  const { group: winner, folder, path } = await createGroup({ volumes: 1 })
  const loser = await openGroup(path)
  const file = join(folder, 'free.pv')
  const [free] = await createFreeVolumes([file], 70_000, groupOptions)
  const theirs = join(folder, 'theirs.varve')
  const results = await Promise.allSettled([winner.extend(theirs, details), loser.extend(file, details)])
  expect(results).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'REF_CONFLICT' } }])
  expect(freeVolumeAt(file, groupOptions)).toEqual(free)

  const { group: stranger } = await createGroup({ volumes: 1 })
  const both = [loser, stranger]
  const taken = await Promise.allSettled(both.map((group) => group.extend(file, details)))
  const reasons = taken.map((result) => (result.status === 'rejected' ? result.reason.code : undefined))
  expect([...reasons].sort()).toEqual(['PV_FOREIGN', undefined])
  for (const [index, { layout }] of both.entries()) {
    const uuids = layout.physicalVolumes.map(({ uuid }) => uuid)
    expect(uuids.includes(free?.uuid ?? '')).toBe(reasons[index] === undefined)
  }
})

test('finds at the same time both see a volume that another process added', async () => {
  const { group, folder, path } = await createGroup({ volumes: 1 })
  const store = await ChunkStore.open(await openGroup(path), systemClock)
  await group.extend(join(folder, 'added.varve'), details)
  await group.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
  const ids = await fill(group, 6)
  const found = await Promise.all([store.find(ids.slice(0, 3)), store.find(ids.slice(3))])
  expect(found.map((locations) => locations.size)).toEqual([3, 3])
})

test('a refresh that cannot open a new volume says so each time, until the volume is back', async () => {
  const { group, folder, path } = await createGroup({ volumes: 1 })
  const behind = await openGroup(path)
  const added = join(folder, 'added.varve')
  await group.extend(added, details)
  await group.close()
  renameSync(added, join(folder, 'hidden'))
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(behind.refresh()).rejects.toMatchObject({ code: 'PV_MISSING' })
    expect(behind.layout.physicalVolumes).toHaveLength(1)
  }
  renameSync(join(folder, 'hidden'), added)
  expect(await behind.refresh()).toBe(true)
  expect(behind.volume(1)?.location).toBe(added)
})

test('a moved group is opened by two at once, and both find the new place', async () => {
  const { group, folder } = await createGroup({ volumes: 3 })
  const ids = await fill(group, 3)
  await group.close()
  const moved = join(tempFolder(), 'moved')
  mkdirSync(moved)
  for (const name of readdirSync(folder)) renameSync(join(folder, name), join(moved, name))
  const path = join(moved, 'store.varve')
  // Both have read the old layout before either writes the new one.
  let arrived = 0
  let go: () => void = () => undefined
  const bothThere = new Promise<void>((resolve) => {
    go = resolve
  })
  const wrapVolume = (volume: PhysicalVolume): PhysicalVolume =>
    hookedVolume(volume, {
      async layoutSequence(target) {
        if (target.number === 2 && ++arrived === 2) go()
        if (target.number === 2) await bothThere
        return target.layoutSequence()
      },
    })
  const opened = await Promise.all([openGroup(path, { wrapVolume }), openGroup(path, { wrapVolume })])
  for (const one of opened) {
    const store = await ChunkStore.open(one, systemClock)
    expect((await store.find(ids)).size).toBe(3)
    await one.refresh()
    expect(one.layout.physicalVolumes[0]?.catalogPath).toBe(path)
  }
})

test('another way to the same file is no move: the layout stays as it is', async () => {
  const { group, folder, path } = await createGroup({ volumes: 2 })
  const { sequence } = group.layout
  await group.close()
  const link = join(tempFolder(), 'link')
  symlinkSync(folder, link)
  for (const way of [join(link, 'store.varve'), path, join(link, 'store.varve')]) {
    const opened = await openGroup(way)
    expect(opened.layout.sequence).toBe(sequence)
    await opened.close()
  }
})
