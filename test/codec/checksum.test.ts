import { expect, test } from 'vitest'
import { CHECKSUM_BYTES, createChecksum } from '../../src/codec/checksum.js'
import { pseudoRandom } from './inputs.js'

test('XXH3-64, canonical', async () => {
  const checksum = await createChecksum()
  // The value that the algorithm's specification gives for empty input.
  expect(checksum.of(Buffer.alloc(0)).toString('hex')).toBe('2d06800538d394c2')
  expect(checksum.of(Buffer.from('a')).toString('hex')).toBe('e6c632b61e964e1f')
})

test('results are kept apart, and any flipped bit shows', async () => {
  const checksum = await createChecksum()
  const bytes = pseudoRandom(5000, 1)
  const before = checksum.of(bytes)
  expect(before.length).toBe(CHECKSUM_BYTES)
  for (let at = 0; at < bytes.length; at += 61) {
    const byte = bytes[at] ?? 0
    bytes[at] = byte ^ 4
    expect(checksum.of(bytes)).not.toEqual(before)
    bytes[at] = byte
  }
  expect(checksum.of(bytes)).toEqual(before)
})
