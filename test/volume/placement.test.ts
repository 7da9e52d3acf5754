/** Which volumes extents go to, by turns. */
import { expect, test } from 'vitest'
import { makeProfile } from '../../src/format/profile.js'
import { firstLayout } from '../../src/volume/firstLayout.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { DEFAULT_LOGICAL_VOLUME, logicalVolume, Placement } from '../../src/volume/placement.js'
import { seededRandom } from '../support/groups.js'

const LONG_BYTES = 64 * 1024

function placementOf(type: 'linear' | 'striped' | 'mirrored', turn = 0): Placement {
  const first = firstLayout('/a', makeProfile({}), 0, seededRandom('placement'))
  const [home] = first.physicalVolumes
  if (!home) throw new Error('a layout has a volume')
  const layout = {
    ...first,
    physicalVolumes: [0, 1, 2].map((number) => ({ ...home, number })),
    logicalVolumes: first.logicalVolumes.map((volume) => ({ ...volume, type, copies: type === 'mirrored' ? 2 : 1 })),
  }
  return new Placement(layout, [logicalVolume(layout, DEFAULT_LOGICAL_VOLUME)], new Map(), turn)
}

test('long extents go to one volume after the other', () => {
  const placement = placementOf('striped')
  expect([0, 1, 2, 3].map(() => placement.place(EXTENT_CLASS.data, LONG_BYTES))).toEqual([[0], [1], [2], [0]])
})

test('the few short extents of a small commit go to one volume, and those of the next to another', () => {
  const sizes = [3000, 500]
  const [first, second] = [placementOf('striped', 4), placementOf('striped', 5)]
  expect(sizes.map((bytes) => first.place(EXTENT_CLASS.data, bytes))).toEqual([[1], [1]])
  expect(sizes.map((bytes) => second.place(EXTENT_CLASS.data, bytes))).toEqual([[2], [2]])
})

test('many short ones are spread as few long ones', () => {
  const placement = placementOf('striped')
  const given = [0, 0, 0]
  for (let number = 0; number < 96; number++) {
    for (const pv of placement.place(EXTENT_CLASS.data, LONG_BYTES / 8)) given[pv] = (given[pv] ?? 0) + 1
  }
  expect(given).toEqual([32, 32, 32])
})

test('copies of short extents lie on the same volumes, and of long ones on all by turns', () => {
  const placement = placementOf('mirrored')
  const sizes = [100, 200, LONG_BYTES, LONG_BYTES, LONG_BYTES]
  expect(sizes.map((bytes) => placement.place(EXTENT_CLASS.data, bytes))).toEqual([
    [0, 1],
    [0, 1],
    [0, 1],
    [1, 2],
    [2, 0],
  ])
})
