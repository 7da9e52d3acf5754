import { expect, test } from 'vitest'
import { ByteWriter, ZIGZAG_MAX } from '../../src/format/bytes.js'
import { KIND, type Kind } from '../../src/format/kinds.js'
import {
  decodeBases,
  decodeSlots,
  type ExtentBase,
  encodeBases,
  encodeSlots,
  type Slot,
} from '../../src/format/slots.js'
import { bases, slots } from './arbitraries.js'
import { provesCanonical } from './canonical.js'

const corrupt = expect.objectContaining({ code: 'CORRUPT_OBJECT' })
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

provesCanonical('slots', { values: slots, encode: encodeSlots, decode: decodeSlots })
provesCanonical('bases', { values: bases, encode: encodeBases, decode: decodeBases })

test('consecutive chunk ids cost a byte each', () => {
  const list = Array.from({ length: 100 }, (_, at) => ({ kind: KIND.chunk, length: 100, chunkId: 1_000_000 + at }))
  // Count, then kind, length and step, where the first step is three bytes long.
  expect(encodeSlots(list).length).toBe(1 + 3 * 100 + 2)
})

test.each<[string, Slot]>([
  ['of unknown kind', { kind: 1 as Kind, length: 1, chunkId: 1 }],
  ['of length 0', { kind: KIND.chunk, length: 0, chunkId: 1 }],
  ['with a negative chunk id', { kind: KIND.chunk, length: 1, chunkId: -1 }],
  ['with a chunk id beyond 2^52', { kind: KIND.chunk, length: 1, chunkId: ZIGZAG_MAX + 1 }],
])('no slot %s', (_what, slot) => {
  expect(() => encodeSlots([slot])).toThrow(invalid)
  if (slot.chunkId > ZIGZAG_MAX) return
  const bytes = new ByteWriter().varint(1).u8(slot.kind).varint(slot.length).zigzag(slot.chunkId).finish()
  expect(() => decodeSlots(bytes)).toThrow(corrupt)
})

test('the greatest steps between chunk ids fit', () => {
  const list = [0, ZIGZAG_MAX, 0].map((chunkId) => ({ kind: KIND.tree, length: 1, chunkId }))
  expect(decodeSlots(encodeSlots(list))).toEqual(list)
})

test('a count that cannot be true is refused before anything is read for it', () => {
  const lying = new ByteWriter().varint(2 ** 50).finish()
  expect(() => decodeSlots(lying)).toThrow(corrupt)
  expect(() => decodeBases(lying)).toThrow(corrupt)
  expect(() =>
    decodeBases(
      new ByteWriter()
        .varint(1)
        .varint(7)
        .varint(2 ** 50)
        .finish(),
    ),
  ).toThrow(corrupt)
})

test.each<[string, ExtentBase[]]>([
  ['without slots', [{ eid: 1, slots: [] }]],
  [
    'twice in a row',
    [
      { eid: 1, slots: [0] },
      { eid: 1, slots: [1] },
    ],
  ],
  ['with a negative slot', [{ eid: 1, slots: [-1] }]],
  ['with a negative number', [{ eid: -1, slots: [0] }]],
])('no base %s', (_what, list) => {
  expect(() => encodeBases(list)).toThrow(invalid)
})

test('a base may come back after another', () => {
  const list = [1, 2, 1].map((eid) => ({ eid, slots: [3, 1] }))
  expect(decodeBases(encodeBases(list))).toEqual(list)
})
