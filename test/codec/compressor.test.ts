import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KIB, MIB } from '../../src/base/units.js'
import {
  CODEC,
  type Compression,
  decodeFrame,
  decodeFrameAsync,
  encodeFrame,
  encodeFrameAsync,
  formatCompression,
  parseCompression,
} from '../../src/codec/compressor.js'
import { pseudoRandom, pseudoText } from './inputs.js'

const ZSTD: Compression = { codec: 'zstd', level: 3 }
const LZ4: Compression = { codec: 'lz4', level: 0 }
const NONE: Compression = { codec: 'none', level: 0 }
const corrupt = expect.objectContaining({ name: 'CorruptionError', code: 'CORRUPT_EXTENT' })

const inputs = fc
  .record({
    textBytes: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 300_000 })),
    randomBytes: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 100_000 })),
    seed: fc.integer({ min: 1 }),
  })
  .map(({ textBytes, randomBytes, seed }) =>
    Buffer.concat([pseudoText(textBytes, seed), pseudoRandom(randomBytes, seed)]),
  )

describe.each([
  ['zstd:1', parseCompression('zstd:1')],
  ['zstd', ZSTD],
  ['zstd:9', parseCompression('zstd:9')],
  ['lz4', LZ4],
  ['none', NONE],
])('%s', (_name, compression) => {
  test('round-trips, never longer than raw, in this thread and in the pool', async () => {
    await fc.assert(
      fc.asyncProperty(inputs, async (raw) => {
        const { codec, frame } = encodeFrame(raw, compression)
        expect(frame.length).toBeLessThanOrEqual(raw.length)
        const pooled = await encodeFrameAsync(raw, compression)
        expect(pooled.frame.length).toBeLessThanOrEqual(raw.length)
        expect(decodeFrame(pooled.codec, pooled.frame, raw.length).equals(raw)).toBe(true)
        expect(decodeFrame(codec, frame, raw.length).equals(raw)).toBe(true)
        expect((await decodeFrameAsync(codec, frame, raw.length)).equals(raw)).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  test('plain Uint8Arrays are as good as Buffers', () => {
    const raw = new Uint8Array(pseudoText(10_000, 4))
    const { codec, frame } = encodeFrame(raw, compression)
    expect(decodeFrame(codec, new Uint8Array(frame), raw.length)).toEqual(Buffer.from(raw))
  })
})

test('many at once in the thread pool', async () => {
  const raws = Array.from({ length: 40 }, (_, at) => pseudoText(50_000 + at, at + 1))
  const frames = await Promise.all(raws.map((raw, at) => encodeFrameAsync(raw, at % 2 === 0 ? ZSTD : LZ4)))
  const decoded = await Promise.all(
    frames.map(({ codec, frame }, at) => decodeFrameAsync(codec, frame, raws[at]?.length ?? 0)),
  )
  expect(decoded.every((raw, at) => raw.equals(raws[at] ?? raw.subarray(1)))).toBe(true)
})

test('a setting says what comes out', () => {
  const raw = pseudoText(100_000, 1)
  expect(encodeFrame(raw, ZSTD).codec).toBe(CODEC.zstd)
  expect(encodeFrame(raw, LZ4).codec).toBe(CODEC.lz4)
  const none = encodeFrame(raw, NONE)
  expect(none.codec).toBe(CODEC.none)
  expect(none.frame).toBe(raw)
  expect(encodeFrame(raw, parseCompression('zstd:19')).frame.length).toBeLessThan(encodeFrame(raw, ZSTD).frame.length)
})

describe('what does not compress', () => {
  test.each([0, 1, 100, 4096, 40_000, MIB])('%d random bytes are stored as they are', (bytes) => {
    const raw = pseudoRandom(bytes, 77)
    for (const compression of [ZSTD, LZ4]) {
      const { codec, frame } = encodeFrame(raw, compression)
      expect(codec).toBe(CODEC.none)
      expect(frame).toBe(raw)
    }
  })

  test('a compressible stretch anywhere is reason to compress it all', () => {
    for (const at of [0, 300_000, MIB - 100_000]) {
      const raw = pseudoRandom(MIB, 5)
      pseudoText(100_000, 6).copy(raw, at)
      expect(encodeFrame(raw, ZSTD).frame.length).toBeLessThan(MIB - 60_000)
    }
  })

  test('bytes without repeats, but with favourites, are compressed', () => {
    // Hex digits: nothing for lz4 to find, half the size with entropy coding.
    const digits = Buffer.from(pseudoRandom(64 * KIB, 9).toString('hex'))
    expect(encodeFrame(digits, ZSTD).frame.length).toBeLessThan(0.6 * digits.length)
  })

  test('bytes without favourites, but with repeats, are compressed', () => {
    // Every byte value once, in some order, over and over.
    const order = Array.from(pseudoRandom(256, 3)).map((key, value) => ({ key, value }))
    const page = Buffer.from(order.sort((a, b) => a.key - b.key).map(({ value }) => value))
    const pages = Buffer.alloc(MIB, page)
    expect(encodeFrame(pages, ZSTD).frame.length).toBeLessThan(MIB / 10)
    expect(encodeFrame(pages, LZ4).frame.length).toBeLessThan(MIB / 10)
  })
})

describe('a dictionary', () => {
  const base = pseudoRandom(200_000, 13)
  const pieces = [base.subarray(0, 70_000), base.subarray(70_000)]
  const edited = Buffer.from(base)
  for (let at = 500; at < edited.length; at += 10_000) edited.write('edited', at)

  test('carries over what looks random alone', async () => {
    const { codec, frame } = encodeFrame(edited, ZSTD, pieces)
    expect(codec).toBe(CODEC.zstd)
    expect(frame.length).toBeLessThan(2000)
    const pooled = await encodeFrameAsync(edited, ZSTD, pieces)
    expect(pooled.frame.length).toBeLessThan(2000)
    expect(decodeFrame(pooled.codec, pooled.frame, edited.length, pieces).equals(edited)).toBe(true)
    expect(decodeFrame(codec, frame, edited.length, pieces).equals(edited)).toBe(true)
    expect((await decodeFrameAsync(codec, frame, edited.length, pieces)).equals(edited)).toBe(true)
  })

  test('works for lz4, as far as its window reaches', async () => {
    const text = pseudoText(30_000, 2)
    const changed = Buffer.concat([text.subarray(0, 10_000), Buffer.from('!'), text.subarray(10_000)])
    const { codec, frame } = encodeFrame(changed, LZ4, [text])
    expect(codec).toBe(CODEC.lz4)
    expect(frame.length).toBeLessThan(encodeFrame(changed, LZ4).frame.length / 2)
    expect(decodeFrame(codec, frame, changed.length, [text]).equals(changed)).toBe(true)
    expect((await decodeFrameAsync(codec, frame, changed.length, [text])).equals(changed)).toBe(true)
  })

  test.each([
    ['the magic of trained dictionaries', Buffer.from([0x37, 0xa4, 0x30, 0xec])],
    ['the magic of frames', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
    ['nothing at all', Buffer.alloc(0)],
  ])('may begin with %s', async (_what, head) => {
    for (const tail of [Buffer.alloc(0), pseudoText(20_000, 3)]) {
      const dictionary = [head, tail]
      const raw = Buffer.concat([pseudoText(20_000, 3), head])
      for (const compression of [ZSTD, LZ4]) {
        const { codec, frame } = encodeFrame(raw, compression, dictionary)
        const pooled = await encodeFrameAsync(raw, compression, dictionary)
        expect(decodeFrame(pooled.codec, pooled.frame, raw.length, dictionary).equals(raw)).toBe(true)
        expect(decodeFrame(codec, frame, raw.length, dictionary).equals(raw)).toBe(true)
        expect((await decodeFrameAsync(codec, frame, raw.length, dictionary)).equals(raw)).toBe(true)
      }
    }
  })

  test('that is missing or another is noticed, or gives other bytes that no id will match', () => {
    const { codec, frame } = encodeFrame(edited, ZSTD, pieces)
    for (const wrong of [undefined, Buffer.alloc(10), pseudoRandom(200_000, 14)]) {
      let decoded: Buffer
      try {
        decoded = decodeFrame(codec, frame, edited.length, wrong && [wrong])
      } catch (error) {
        expect(error).toEqual(corrupt)
        continue
      }
      expect(decoded.equals(edited)).toBe(false)
    }
  })
})

describe('settings in words', () => {
  test.each(['zstd:1', 'zstd:3', 'zstd:19', 'lz4', 'none'])('%s', (text) => {
    expect(formatCompression(parseCompression(text))).toBe(text)
  })

  test('zstd is level 3', () => {
    expect(parseCompression('zstd')).toEqual({ codec: 'zstd', level: 3 })
  })

  test.each([
    '',
    'gzip',
    'zstd:',
    'zstd:0',
    'zstd:20',
    'zstd:-1',
    'zstd:3.5',
    'zstd:003',
    'lz4:1',
    'none:1',
    ' zstd',
    'ZSTD',
  ])('not %j', (text) => {
    expect(() => parseCompression(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('zstd:1 to zstd:19') }),
    )
  })
})

test('an unknown codec is not damage', async () => {
  expect(() => decodeFrame(3, Buffer.alloc(4), 4)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  await expect(decodeFrameAsync(3, Buffer.alloc(4), 4)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})
