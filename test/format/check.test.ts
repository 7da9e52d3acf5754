import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RowField, rowCheck } from '../../src/format/check.js'

const fields: fc.Arbitrary<RowField> = fc.oneof(
  fc.constant(null),
  fc.string(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array(),
)

/** Equal for rows that SQL holds as equal. */
function asStored(row: readonly RowField[]): string {
  return JSON.stringify(
    row.map((field) => {
      if (typeof field === 'number' || typeof field === 'bigint') return ['integer', String(field)]
      return field instanceof Uint8Array ? ['bytes', Buffer.from(field).toString('hex')] : field
    }),
  )
}

test('rows that differ, even in where fields end or in their types, have other checks (F-ROWCHECK)', () => {
  const rows = fc.array(fields, { maxLength: 5 })
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      expect(rowCheck(...a) === rowCheck(...b)).toBe(asStored(a) === asStored(b))
    }),
    { numRuns: 1000 },
  )
  const alike: RowField[][] = [
    [],
    [null],
    [''],
    ['', ''],
    [0],
    ['0'],
    [Buffer.alloc(0)],
    [Buffer.from('0')],
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc'],
    [null, null],
    [1, null],
    [null, 1],
    [-1],
    [2 ** 32 - 1],
    [2 ** 32],
  ]
  expect(new Set(alike.map((row) => rowCheck(...row))).size).toBe(alike.length)
})

test('one flipped bit shows', () => {
  const frame = Buffer.alloc(10_000, 7)
  const check = rowCheck(1, 'name', frame, null)
  for (let at = 0; at < frame.length; at += 97) {
    frame[at] = 7 ^ 0x10
    expect(rowCheck(1, 'name', frame, null)).not.toBe(check)
    frame[at] = 7
  }
  expect(rowCheck(1, 'name', frame, null)).toBe(check)
})

test('golden', () => {
  expect(rowCheck()).toBe(0)
  // CRC-32 of 00, of 01 and eight bytes, of 02 and 03 with their lengths.
  expect(rowCheck(null)).toBe(0xd202ef8d)
  expect(rowCheck(1)).toBe(0x3dd80073)
  expect(rowCheck('a')).toBe(0xfbdf78d6)
  expect(rowCheck(Buffer.from('a'))).toBe(0x3083ab73)
})

test('is the checksum of all fields together, short and long', () => {
  const asOne = (...fields: readonly Buffer[]): number =>
    crc32(
      Buffer.concat(
        fields.flatMap((bytes) => {
          const header = Buffer.from([3, 0, 0, 0, 0])
          header.writeUInt32LE(bytes.length, 1)
          return [header, bytes]
        }),
      ),
    )
  const lengths = [0, 1, 32, 511, 512, 513, 4000, 5000]
  for (const first of lengths) {
    for (const second of lengths) {
      const row = [Buffer.alloc(first, 1), Buffer.alloc(second, 2), Buffer.alloc(32, 3)]
      expect(rowCheck(...row)).toBe(asOne(...row))
      const many = Array.from({ length: 40 }, () => row).flat()
      expect(rowCheck(...many)).toBe(asOne(...many))
    }
  }
})

test('numbers and bigints are one', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(rowCheck(value)).toBe(rowCheck(BigInt(value)))
    }),
  )
})

test('many and long fields', () => {
  const many = Array.from({ length: 5000 }, (_, at) => at)
  expect(rowCheck(...many)).not.toBe(rowCheck(...many.slice(1)))
  const long = 'x'.repeat(100_000)
  expect(rowCheck(long, 'a', 1)).not.toBe(rowCheck(long, 'a', 2))
  expect(rowCheck(long, 'a', 1)).toBe(rowCheck(long, 'a', 1))
})

test.each([0.5, Number.NaN, 2 ** 53, 2n ** 63n])('%d is no integer of a row', (value) => {
  expect(() => rowCheck(value)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
