/** Frames that lie, are cut off or damaged: refused before they cost memory, and never bytes of another length. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { MIB } from '../../src/base/units.js'
import { CODEC, decodeFrame, decodeFrameAsync, encodeFrame, parseCompression } from '../../src/codec/compressor.js'
import { packagedZstd, runtimeZstd, type Zstd, zstd } from '../../src/codec/zstd.js'
import { withContentSize, zstdFrameProblem } from '../../src/codec/zstdFrame.js'
import { pseudoRandom, pseudoText } from './inputs.js'

const corrupt = expect.objectContaining({ name: 'CorruptionError', code: 'CORRUPT_EXTENT' })
const raw = pseudoText(100_000, 1)
const settings = ['zstd', 'lz4', 'none'].map((text) => ({ text, ...encodeFrame(raw, parseCompression(text)) }))

describe.each(settings)('$text', ({ codec, frame }) => {
  test.each([0, 1, raw.length - 1, raw.length + 1, 2 ** 32 + raw.length])('is not %d bytes', async (rawBytes) => {
    expect(() => decodeFrame(codec, frame, rawBytes)).toThrow(corrupt)
    await expect(decodeFrameAsync(codec, frame, rawBytes)).rejects.toEqual(corrupt)
  })

  test('cut off anywhere, or with more behind it', () => {
    for (let length = 0; length < frame.length; length += length < 50 ? 1 : 997) {
      expect(() => decodeFrame(codec, frame.subarray(0, length), raw.length)).toThrow(corrupt)
    }
    expect(() => decodeFrame(codec, frame.subarray(0, frame.length - 1), raw.length)).toThrow(corrupt)
    if (codec === CODEC.lz4) return
    expect(() => decodeFrame(codec, Buffer.concat([frame, Buffer.alloc(1)]), raw.length)).toThrow(corrupt)
    expect(() => decodeFrame(codec, Buffer.concat([frame, frame]), raw.length)).toThrow(corrupt)
  })

  test('damaged anywhere: an error, or other bytes of the same length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: frame.length - 1 })),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const damaged = Buffer.from(frame)
          damaged[at] = (frame[at] ?? 0) ^ change
          const results = await Promise.allSettled([
            new Promise<Buffer>((resolve) => resolve(decodeFrame(codec, damaged, raw.length))),
            decodeFrameAsync(codec, damaged, raw.length),
          ])
          for (const result of results) {
            if (result.status === 'rejected') expect(isVarveError(result.reason, 'CORRUPT_EXTENT')).toBe(true)
            else expect(result.value.length).toBe(raw.length)
          }
        },
      ),
    )
  })
})

describe('a zstd frame', () => {
  const [{ frame } = { frame: Buffer.alloc(0) }] = settings

  test('as both libraries write it declares its size', () => {
    for (const library of libraries()) {
      for (const bytes of [1, 255, 256, 257, 65_791, 65_792, 65_793, MIB]) {
        const input = pseudoText(bytes, 5)
        expect(zstdFrameProblem(library.encode(input, 3, undefined), bytes)).toBeUndefined()
        expect(zstdFrameProblem(library.encode(pseudoRandom(bytes, 5), 3, undefined), bytes)).toBeUndefined()
      }
    }
  })

  test('ends where its last block ends', () => {
    const longer = Buffer.concat([frame, Buffer.alloc(1)])
    expect(zstdFrameProblem(longer, raw.length)).toBe('does not end where its last block ends')
    expect(zstdFrameProblem(frame.subarray(0, frame.length - 1), raw.length)).toBeDefined()
  })

  test('that does not declare its size is refused', () => {
    const undeclared = Buffer.concat([frame.subarray(0, 4), Buffer.from([0]), frame.subarray(5, 6), frame.subarray(10)])
    if (runtimeZstd === undefined) expect(withContentSize(undeclared, raw.length)).toEqual(frame)
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58])
    // One raw block of one byte, the last.
    const bare = Buffer.concat([header, Buffer.from([0x09, 0, 0, 0x61])])
    expect(zstdFrameProblem(bare, 1)).toBe('does not declare its size')
    expect(zstd.decode(withContentSize(bare, 1), 1, undefined).toString()).toBe('a')
    expect(() => decodeFrame(CODEC.zstd, bare, 1)).toThrow(corrupt)
  })

  /** A frame that declares `declaredBytes` and holds these blocks. */
  function frameOf(declaredBytes: number, blocks: readonly Buffer[]): Buffer {
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58, 0, 0, 0, 0])
    header.writeUInt32LE(declaredBytes, 6)
    return Buffer.concat([header, ...blocks])
  }

  function runBlock(bytes: number, last: boolean): Buffer {
    const block = Buffer.alloc(4, 0x61)
    block.writeUIntLE((bytes << 3) | 2 | (last ? 1 : 0), 0, 3)
    return block
  }

  test('of runs is what it seems', () => {
    const frame = frameOf(100_001, [runBlock(100_000, false), runBlock(1, true)])
    expect(decodeFrame(CODEC.zstd, frame, 100_001)).toEqual(Buffer.alloc(100_001, 0x61))
  })

  test('that holds more than it declares is refused before decoding', () => {
    const blocks = Array.from({ length: 8000 }, () => runBlock(131_072, false))
    const bomb = frameOf(1000, [...blocks, runBlock(131_072, true)])
    expect(zstdFrameProblem(bomb, 1000)).toBe('decodes to more than it declares')
    expect(() => decodeFrame(CODEC.zstd, bomb, 1000)).toThrow(corrupt)
  })

  test('of very many compressed blocks is refused before decoding', () => {
    // Inspection does not look into compressed blocks: it counts them.
    const compressed = Buffer.from([(2 << 3) | 4, 0, 0, 0, 0])
    const last = Buffer.from([(2 << 3) | 5, 0, 0, 0, 0])
    const bomb = frameOf(1000, [...Array.from({ length: 5000 }, () => compressed), last])
    expect(zstdFrameProblem(bomb, 1000)).toBe('has too many blocks')
    expect(zstdFrameProblem(frameOf(1000, [compressed, last]), 1000)).toBeUndefined()
  })

  test('with an impossible block or header is refused', () => {
    expect(zstdFrameProblem(frameOf(1, [Buffer.from([0x0f, 0, 0, 0])]), 1)).toBe('has an impossible block')
    const tooLong = Buffer.alloc(3)
    tooLong.writeUIntLE((131_073 << 3) | 1, 0, 3)
    expect(zstdFrameProblem(frameOf(131_073, [tooLong]), 131_073)).toBe('has an impossible block')
    expect(zstdFrameProblem(Buffer.from('not a frame at all'), 1)).toBe('has no zstd frame header')
    const reserved = Buffer.from(frame)
    reserved[4] = (reserved[4] ?? 0) | 8
    expect(zstdFrameProblem(reserved, raw.length)).toBe('has no zstd frame header')
  })
})

test('an lz4 block that declares gigabytes is refused before they are allocated', () => {
  const [, lz4] = settings
  const lying = Buffer.from(lz4?.frame ?? [])
  lying.writeUInt32LE(0xffff_fff0, 0)
  const before = process.memoryUsage.rss()
  expect(() => decodeFrame(CODEC.lz4, lying, raw.length)).toThrow(corrupt)
  expect(process.memoryUsage.rss() - before).toBeLessThan(500 * MIB)
})

function libraries(): Zstd[] {
  return runtimeZstd === undefined ? [packagedZstd] : [packagedZstd, runtimeZstd]
}

test('libraries read each other’s frames', async () => {
  const dictionary = [raw.subarray(0, 20_000), raw.subarray(20_000, 50_000)]
  for (const writer of libraries()) {
    for (const reader of libraries()) {
      for (const base of [undefined, dictionary]) {
        const encoded = writer.encode(raw, 3, base)
        for (const frame of [encoded, await writer.encodeAsync(raw, 3, base)]) {
          expect(zstdFrameProblem(frame, raw.length)).toBeUndefined()
          expect(reader.decode(frame, raw.length, base).equals(raw)).toBe(true)
          expect((await reader.decodeAsync(frame, raw.length, base)).equals(raw)).toBe(true)
        }
      }
    }
  }
})
