/** Fingerprints find what chunks have in common, wherever it stands in them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fingerprintsOf } from '../../src/codec/fingerprints.js'
import { pseudoRandom, pseudoText } from './inputs.js'

function of(bytes: Uint8Array, bits = 4): number[] {
  const found: number[] = []
  fingerprintsOf(bytes, bits, found)
  return found
}

test('there are about as many as asked for, and 0 is none of them', () => {
  for (const bits of [3, 7, 10]) {
    const { length } = of(pseudoRandom(400_000, 7), bits)
    expect(length).toBeGreaterThan((0.8 * 400_000) / 2 ** bits)
    expect(length).toBeLessThan((1.2 * 400_000) / 2 ** bits)
  }
  expect(of(pseudoRandom(400_000, 7)).includes(0)).toBe(false)
  expect(of(pseudoText(100_000, 7)).includes(0)).toBe(false)
})

test('they are those of the bytes alone: what is put before or behind takes none away', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 200, maxLength: 600 }),
      fc.uint8Array({ maxLength: 100 }),
      fc.uint8Array({ maxLength: 100 }),
      (middle, front, back) => {
        const around = new Set(of(Buffer.concat([front, middle, back]), 2))
        for (const fingerprint of of(middle, 2)) expect(around.has(fingerprint)).toBe(true)
      },
    ),
  )
})

test('an edit changes those beside it, and no others', () => {
  const text = pseudoText(20_000, 3)
  const edited = Buffer.concat([text.subarray(0, 9000), Buffer.from('something else'), text.subarray(9000)])
  const after = new Set(of(edited))
  const lost = new Set(of(text).filter((fingerprint) => !after.has(fingerprint)))
  expect(lost.size).toBeLessThan(10)
  const others = new Set(of(pseudoRandom(20_000, 5)))
  expect(of(text).filter((fingerprint) => others.has(fingerprint)).length).toBeLessThan(5)
})

test('what is shorter than a window has none; what is added goes behind what was there', () => {
  expect(of(new Uint8Array(31), 1)).toEqual([])
  expect(of(new Uint8Array(0), 1)).toEqual([])
  const out = [1, 2]
  fingerprintsOf(pseudoRandom(1000, 1), 4, out)
  expect(out.slice(0, 2)).toEqual([1, 2])
  expect(out.slice(2)).toEqual(of(pseudoRandom(1000, 1)))
})
