import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptionError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import type { ByteName } from '../../src/base/names.js'
import { ByteReader, ByteWriter, ZIGZAG_MAX, ZIGZAG_MIN } from '../../src/format/bytes.js'
import { provesCanonical } from './canonical.js'

const corrupt = expect.objectContaining({ code: 'CORRUPT_OBJECT' })
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

function whole<Value>(read: (reader: ByteReader) => Value): (bytes: Buffer) => Value {
  return (bytes) => {
    const reader = new ByteReader(bytes)
    const value = read(reader)
    reader.end()
    return value
  }
}

provesCanonical('varint', {
  values: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 31 - 1 }), fc.maxSafeNat()),
  encode: (value) => new ByteWriter().varint(value).finish(),
  decode: whole((reader) => reader.varint()),
})

provesCanonical('zigzag', {
  values: fc.oneof(fc.integer(), fc.integer({ min: ZIGZAG_MIN, max: ZIGZAG_MAX })),
  encode: (value) => new ByteWriter().zigzag(value).finish(),
  decode: whole((reader) => reader.zigzag()),
})

provesCanonical<Buffer>('blob', {
  values: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  encode: (value) => new ByteWriter().blob(value).finish(),
  decode: whole((reader) => reader.blob()),
})

provesCanonical('text', {
  values: fc.string({ unit: 'grapheme' }),
  encode: (value) => new ByteWriter().text(value).finish(),
  decode: whole((reader) => reader.text()),
})

provesCanonical('name', {
  values: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1') as ByteName),
  encode: (value) => new ByteWriter().name(value).finish(),
  decode: whole((reader) => reader.name()),
})

describe('varint', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [2 ** 31 - 1, 'ffffffff07'],
    [2 ** 31, '8080808008'],
    [2 ** 32, '8080808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('%d is %s', (value, hex) => {
    expect(new ByteWriter().varint(value).finish().toString('hex')).toBe(hex)
    expect(new ByteReader(Buffer.from(hex, 'hex')).varint()).toBe(value)
  })

  test.each(['8000', 'ff00', '80808080808080808001', 'ffffffffffffff10', 'ffffffffffffffff0f', '80', ''])(
    '%s is refused',
    (hex) => {
      expect(() => new ByteReader(Buffer.from(hex, 'hex')).varint()).toThrow(corrupt)
    },
  )

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%d cannot be encoded', (value) => {
    expect(() => new ByteWriter().varint(value)).toThrow(invalid)
  })
})

describe('zigzag', () => {
  test.each([
    [0, 0],
    [-1, 1],
    [1, 2],
    [-2, 3],
    [ZIGZAG_MAX, Number.MAX_SAFE_INTEGER - 1],
    [ZIGZAG_MIN, Number.MAX_SAFE_INTEGER],
  ])('%d is the varint %d', (value, varint) => {
    expect(new ByteWriter().zigzag(value).finish()).toEqual(new ByteWriter().varint(varint).finish())
  })

  test.each([ZIGZAG_MAX + 1, ZIGZAG_MIN - 1, 0.5])('%d cannot be encoded', (value) => {
    expect(() => new ByteWriter().zigzag(value)).toThrow(invalid)
  })
})

test('ids are 32 raw bytes; what is no id cannot be encoded', () => {
  const id = 'ab'.repeat(32) as Hash
  const bytes = new ByteWriter().hash(id).finish()
  expect(bytes).toEqual(Buffer.alloc(32, 0xab))
  expect(new ByteReader(bytes).hash()).toBe(id)
  expect(() => new ByteReader(bytes.subarray(1)).hash()).toThrow(corrupt)
  for (const wrong of ['ab'.repeat(31), 'ab'.repeat(33), `${'ab'.repeat(31)}zz`, '']) {
    expect(() => new ByteWriter().hash(wrong as Hash)).toThrow(invalid)
  }
})

test('text must be well-formed on both sides', () => {
  expect(() => new ByteWriter().text('a\ud800')).toThrow(invalid)
  expect(() => new ByteReader(Buffer.from([1, 0xff])).text()).toThrow(corrupt)
  // A byte-order mark is a character like any other.
  const marked = '\ufeffa'
  expect(new ByteReader(new ByteWriter().text(marked).finish()).text()).toBe(marked)
})

test('names are bytes: characters beyond U+00FF are not', () => {
  expect(() => new ByteWriter().name('\u0100' as ByteName)).toThrow(invalid)
})

test('a length that cannot be true is refused before anything is read', () => {
  const lying = new ByteWriter()
    .varint(2 ** 40)
    .bytes(Buffer.alloc(10))
    .finish()
  expect(() => new ByteReader(lying).blob()).toThrow(corrupt)
  expect(() => new ByteReader(lying).name()).toThrow(corrupt)
  expect(() => new ByteReader(lying).text()).toThrow(corrupt)
})

test('errors name what was read, and where', () => {
  const reader = new ByteReader(Buffer.from([1, 2]), 'a thing')
  reader.u8()
  expect(() => reader.end()).toThrow(CorruptionError)
  expect(() => reader.end()).toThrow('a thing has 1 bytes after its end (before byte 1)')
})

test('a writer grows past its first buffer', () => {
  const writer = new ByteWriter(1)
  for (let value = 0; value < 10_000; value++) writer.varint(value)
  const reader = new ByteReader(writer.finish())
  for (let value = 0; value < 10_000; value++) expect(reader.varint()).toBe(value)
  reader.end()
})
