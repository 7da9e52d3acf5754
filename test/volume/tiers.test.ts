/** Which tier a new extent comes to. */
import { expect, test } from 'vitest'
import type { LogicalVolumeLayout, PhysicalVolumeLayout, VolumeGroupLayout } from '../../src/format/layout.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { arePlaced, Placement } from '../../src/volume/placement.js'
import type { Tier } from '../../src/volume/tiers.js'

function volume(number: number, tag: string, capacityBytes: number | null = null): PhysicalVolumeLayout {
  return { number, uuid: `${number}`, path: `${number}`, capacityBytes, allocatable: true, tags: [tag] }
}

const POLICY: LogicalVolumeLayout = {
  name: 'default',
  uuid: 'u',
  type: 'linear',
  physicalVolumes: [],
  copies: 1,
  virtualBytes: null,
  tags: [],
  tiers: { fast: 'ssd', slow: 'hdd' },
}
const MIRRORED = { ...POLICY, type: 'mirrored', copies: 2 } as const

function placing(
  volumes: readonly PhysicalVolumeLayout[],
  policies: readonly LogicalVolumeLayout[] = [POLICY],
): { place: (bytes: number, tier?: Tier, beside?: readonly number[]) => number[]; used: Map<number, number> } {
  const used = new Map<number, number>()
  const layout = { physicalVolumes: volumes, logicalVolumes: policies } as unknown as VolumeGroupLayout
  const placement = new Placement(layout, policies, used, 0)
  return { used, place: (bytes, tier, beside = []) => placement.place(EXTENT_CLASS.data, bytes, beside, tier) }
}

test('the fast one below its mark, then the slow one, then whatever has room', () => {
  const { place } = placing([volume(0, 'hdd', 30), volume(1, 'ssd', 100), volume(2, 'other')])
  for (let count = 0; count < 9; count++) expect(place(10)).toEqual([1])
  // 100 would be above 95.
  for (let count = 0; count < 3; count++) expect(place(10)).toEqual([0])
  expect(place(10)).toEqual([1])
  expect(() => place(10)).toThrow(expect.objectContaining({ code: 'VG_FULL' }))
})

test('the slow one first, for what is not new', () => {
  const { place } = placing([volume(0, 'hdd', 20), volume(1, 'ssd', 100)])
  expect(place(20, 'slow')).toEqual([0])
  expect(place(20, 'slow')).toEqual([1])
})

test('without a capacity there is no mark', () => {
  const { place } = placing([volume(0, 'hdd'), volume(1, 'ssd')])
  for (let count = 0; count < 50; count++) expect(place(1_000_000)).toEqual([1])
})

test('all copies in one tier, beside what they are decoded through only if that is in it', () => {
  const volumes = [volume(0, 'hdd'), volume(1, 'ssd', 50), volume(2, 'hdd'), volume(3, 'ssd', 50), volume(4, 'ssd', 50)]
  const { place } = placing(volumes, [MIRRORED])
  expect(place(10, 'fast', [0, 2])).toEqual([1, 3])
  expect(place(10, 'fast', [3, 4])).toEqual([3, 4])
  // Of 150 there may be 142: with two more of 60 each there would be 160.
  expect(place(60)).toEqual([0, 2])
  const layout = { physicalVolumes: volumes }
  expect(arePlaced(layout, [MIRRORED], EXTENT_CLASS.data, [1, 3])).toBe(true)
  expect(arePlaced(layout, [MIRRORED], EXTENT_CLASS.data, [0, 1])).toBe(false)
})

test('what another logical volume asks for as well is counted only where it is in the tier', () => {
  const volumes = [volume(0, 'hdd'), volume(1, 'ssd'), volume(2, 'ssd')]
  const other: LogicalVolumeLayout = { ...MIRRORED, name: 'other', number: 1, physicalVolumes: [0, 1] }
  const { tiers: _, ...everywhere } = other
  const { place } = placing(volumes, [POLICY, everywhere])
  // Two for the other; of these one is all that the first asks for.
  expect(place(10)).toEqual([0, 1])
  const slow = placing(volumes, [POLICY, { ...everywhere, physicalVolumes: [0], copies: 1, type: 'linear' }])
  expect([...slow.place(10)].sort()).toEqual([0, 1])
})
