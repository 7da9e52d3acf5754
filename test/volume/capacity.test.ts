/** The capacity of a volume holds whoever writes, and in whichever way. */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { groupInfo, withVolume } from '../../src/volume/groupInfo.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createStore, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'

const random = seededRandom('capacity')

test('two leased writers that each fit, but not both: the second is refused, and nothing of it stays', async () => {
  const { store, group, path } = await createStore({ volumes: 1 })
  const capacityBytes = 4_000_000
  await group.changeLayout((layout) => withVolume(layout, 0, { capacityBytes }))
  const other = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => other.close())
  const writers = [writerOf(store), writerOf(await ChunkStore.open(other, systemClock))] as const
  // In turns: both have chosen where to write before either publishes.
  for (let index = 0; index < 40; index++) {
    for (const writer of writers) await writer.put(KIND.chunk, random.bytes(65_000))
  }
  await publishOnly(writers[0])
  await expect(publishOnly(writers[1])).rejects.toMatchObject({ code: 'VG_FULL' })
  await writers[1].abandon()
  const volume = (await groupInfo(group)).physicalVolumes[0]
  expect(volume?.storedBytes).toBeGreaterThan(40 * 65_000 - 1)
  expect(volume?.storedBytes).toBeLessThanOrEqual(capacityBytes)
})

test.each([{ allocatable: false }, { capacityBytes: 1000 }])(
  'a small commit into one file obeys too: %j',
  async (change) => {
    const { store, group } = await createStore({ volumes: 1 })
    await group.changeLayout((layout) => withVolume(layout, 0, change))
    const writer = writerOf(store)
    await writer.put(KIND.chunk, random.bytes(20_000))
    await expect(publishOnly(writer)).rejects.toMatchObject({ code: 'VG_FULL' })
    expect((await groupInfo(group)).physicalVolumes[0]?.extents).toBe(0)
  },
)
