/** When a writer goes without bases, and when it tries again. */
import { expect, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import { BaseGain } from '../../src/cas/baseGain.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'

const { data, object } = EXTENT_CLASS

/** Extents of 1 MiB, each with bases where they are worth trying. @returns the numbers of those that were tried */
function tries(gain: BaseGain, count: number, aloneBytes: (index: number) => number): number[] {
  const tried: number[] = []
  for (let index = 0; index < count; index++) {
    if (!gain.isWorthTrying(data)) {
      gain.passedBy(data, MIB)
      continue
    }
    tried.push(index)
    if (gain.needsProof(data)) gain.look(data, 100, aloneBytes(index))
  }
  return tried
}

test('bases that save much are tried for ever, and compared with none only now and then', () => {
  const gain = new BaseGain()
  const compared: number[] = []
  for (let index = 0; index < 20; index++) {
    expect(gain.isWorthTrying(data)).toBe(true)
    if (!gain.needsProof(data)) continue
    compared.push(index)
    expect(gain.look(data, 100, 1000)).toBe(true)
  }
  expect(compared).toEqual([0, 8, 16])
})

test('after a few that saved next to nothing there is a pause, longer each time', () => {
  const gain = new BaseGain()
  expect(tries(gain, 300, () => 104)).toEqual([0, 1, 2, 3, 10, 23, 48, 97, 162, 227, 292])
})

test('the first one after a pause that saves much ends the habit', () => {
  const gain = new BaseGain()
  tries(gain, 10, () => 104)
  expect(tries(gain, 20, () => 1000)).toEqual(Array.from({ length: 20 }, (_, index) => index))
  // And pauses are short again.
  const again = tries(gain, 30, () => 104)
  expect(again[again.length - 2]).toBe((again[again.length - 1] as number) - 13)
})

test('one that saves nothing is no habit yet, and what is of another class has its own', () => {
  const gain = new BaseGain()
  expect(tries(gain, 12, (index) => (index % 3 === 0 ? 104 : 1000))).toHaveLength(12)
  for (let miss = 0; miss < 4; miss++) gain.look(data, 100, 104)
  expect(gain.isWorthTrying(data)).toBe(false)
  expect(gain.isWorthTrying(object)).toBe(true)
})
