/** What every format of varve keeps, as one conformance suite: encodings round-trip, and what decodes is canonical. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'

export interface Format<Value> {
  readonly values: fc.Arbitrary<Value>
  encode(value: Value): Buffer
  decode(bytes: Buffer): Value
  /** Fewer where encodings are long: each run tries every byte. */
  readonly numRuns?: number
}

/** Damaged bytes either do not decode, or they are the encoding of another value. */
function decodesCanonically<Value>(format: Format<Value>, bytes: Buffer): void {
  let value: Value
  try {
    value = format.decode(bytes)
  } catch (error) {
    if (isVarveError(error, 'CORRUPT_OBJECT', 'FORMAT_NEWER')) return
    throw error
  }
  const encoded = format.encode(value)
  if (!encoded.equals(bytes)) {
    expect.fail(`${bytes.toString('hex')} decodes, and encodes to ${encoded.toString('hex')}`)
  }
}

export function provesCanonical<Value>(name: string, format: Format<Value>): void {
  const runs = format.numRuns === undefined ? {} : { numRuns: format.numRuns }
  describe(`${name} (F-CANONICAL)`, () => {
    test('round-trips', () => {
      fc.assert(
        fc.property(format.values, (value) => {
          const bytes = format.encode(value)
          const decoded = format.decode(bytes)
          expect(decoded).toEqual(value)
          expect(format.encode(decoded)).toEqual(bytes)
        }),
      )
    })

    test('cut off at any byte', () => {
      fc.assert(
        fc.property(format.values, (value) => {
          const bytes = format.encode(value)
          for (let length = 0; length < bytes.length; length++) decodesCanonically(format, bytes.subarray(0, length))
        }),
        runs,
      )
    })

    test('one byte changed, at any place', () => {
      fc.assert(
        fc.property(format.values, fc.integer({ min: 1, max: 255 }), (value, change) => {
          const bytes = format.encode(value)
          for (let at = 0; at < bytes.length; at++) {
            for (const mask of [change, 1, 0x80]) {
              const damaged = Buffer.from(bytes)
              damaged[at] = (bytes[at] ?? 0) ^ mask
              decodesCanonically(format, damaged)
            }
          }
        }),
        runs,
      )
    })

    test('one byte more, one byte less, at any place', () => {
      fc.assert(
        fc.property(format.values, fc.integer({ min: 0, max: 255 }), (value, added) => {
          const bytes = format.encode(value)
          for (let at = 0; at <= bytes.length; at++) {
            const before = bytes.subarray(0, at)
            decodesCanonically(format, Buffer.concat([before, Buffer.from([added]), bytes.subarray(at)]))
            decodesCanonically(format, Buffer.concat([before, bytes.subarray(at + 1)]))
          }
        }),
        runs,
      )
    })

    test('arbitrary bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodesCanonically(format, Buffer.from(bytes))),
        { numRuns: 1000 },
      )
    })
  })
}
