import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import fastcdc from 'fastcdc-wasm'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { KIB, MIB } from '../../src/base/units.js'
import { Chunker, chunkStream, chunkWhole } from '../../src/codec/chunker.js'
import { type ChunkerProfile, DEFAULT_PROFILE, makeProfile } from '../../src/format/profile.js'
import { goldenInputs } from '../golden/regenerate.js'
import { pseudoRandom, pseudoText } from './inputs.js'

interface GoldenBoundaries {
  readonly chunker: ChunkerProfile
  readonly inputs: readonly { readonly name: string; readonly lengths: readonly number[] }[]
}

const golden = JSON.parse(
  readFileSync(new URL('../golden/boundaries.json', import.meta.url), 'utf8'),
) as GoldenBoundaries[]

const tiny = makeProfile({ chunker: { minBytes: 64, averageBytes: 256, maxBytes: 1024 } }).chunker
const usual = DEFAULT_PROFILE.chunker
const large = makeProfile({ chunker: { minBytes: 32 * KIB, averageBytes: 128 * KIB, maxBytes: 256 * KIB } }).chunker

/** What the algorithm says of the whole input at once: the definition. */
function lengthsOfWhole(bytes: Buffer, { minBytes, averageBytes, maxBytes }: ChunkerProfile): number[] {
  const cuts = [...fastcdc.get_chunks(Buffer.from(bytes), minBytes, averageBytes, maxBytes)]
  return cuts.slice(1).map((cut, index) => cut - (cuts[index] ?? 0))
}

/** Pushes in slices of the given lengths, over and over; checks that the chunks are the input's bytes. */
function lengthsOfSlices(bytes: Buffer, chunker: Chunker, sliceBytes: readonly number[]): number[] {
  const lengths: number[] = []
  let position = 0
  const take = (chunks: Buffer[]) => {
    for (const chunk of chunks) {
      if (!chunk.equals(bytes.subarray(position, position + chunk.length))) expect.fail(`wrong bytes at ${position}`)
      lengths.push(chunk.length)
      position += chunk.length
    }
  }
  // As a reader does: one buffer, used again for each slice.
  const slice = Buffer.alloc(Math.max(...sliceBytes))
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = bytes.copy(slice, 0, at, at + (sliceBytes[turn % sliceBytes.length] ?? 1))
    take(chunker.push(slice.subarray(0, length)))
    slice.fill(0xee)
    at += length
  }
  take(chunker.end())
  expect(position).toBe(bytes.length)
  return lengths
}

/** Random bytes, text and runs, so that long repeats begin and end anywhere. */
const inputs = fc
  .array(
    fc.record({
      what: fc.constantFrom('random', 'text', 'run', 'period'),
      bytes: fc.oneof(fc.nat({ max: 3000 }), fc.nat({ max: 600_000 }), fc.nat({ max: 3_000_000 })),
      seed: fc.integer({ min: 1 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) =>
    Buffer.concat(
      parts.map(({ what, bytes, seed }) => {
        if (what === 'random') return pseudoRandom(bytes, seed)
        if (what === 'text') return pseudoText(bytes, seed)
        if (what === 'run') return Buffer.alloc(bytes, seed & 0xff)
        return Buffer.alloc(bytes, pseudoRandom(1 + (seed % 100_000), seed))
      }),
    ),
  )
const slicings = fc.array(fc.oneof(fc.integer({ min: 400, max: 5000 }), fc.integer({ min: 1, max: 5 * MIB })), {
  minLength: 1,
  maxLength: 4,
})

describe('golden boundaries (F-CHUNK)', () => {
  for (const { chunker, inputs: expected } of golden) {
    test.each(goldenInputs())(`$name, average ${chunker.averageBytes}`, ({ name, bytes }) => {
      const lengths = expected.find((entry) => entry.name === name)?.lengths
      expect(chunkWhole(bytes, chunker).map((chunk) => chunk.length)).toEqual(lengths)
      expect(lengthsOfWhole(bytes, chunker)).toEqual(lengths)
      expect(lengthsOfSlices(bytes, new Chunker(chunker), [65_536])).toEqual(lengths)
    })
  }
})

describe.each([
  ['tiny', tiny],
  ['usual', usual],
  ['large', large],
])('%s chunks', (_size, profile) => {
  test('are those of the whole input, however it is sliced', () => {
    const reused = new Chunker(profile)
    fc.assert(
      fc.property(inputs, slicings, (bytes, sliceBytes) => {
        const expected = lengthsOfWhole(bytes, profile)
        expect(chunkWhole(bytes, profile).map((chunk) => chunk.length)).toEqual(expected)
        expect(lengthsOfSlices(bytes, reused, sliceBytes)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  test('are not changed by what the repeat shortcut skips', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.integer({ min: 1, max: 70_000 }), (seed, period) => {
        // A period is found again and again at the same cuts; one changed byte ends the run.
        const bytes = Buffer.alloc(4 * MIB, pseudoRandom(period, seed))
        bytes[3 * MIB + (seed % MIB)] = (bytes[3 * MIB + (seed % MIB)] ?? 0) ^ 1
        const expected = lengthsOfWhole(bytes, profile)
        expect(chunkWhole(bytes, profile).map((chunk) => chunk.length)).toEqual(expected)
        expect(lengthsOfSlices(bytes, new Chunker(profile), [2_500_000])).toEqual(expected)
      }),
      { numRuns: 20 },
    )
  })

  test('lie between minimum and maximum, but for the last', () => {
    const lengths = chunkWhole(pseudoRandom(4 * MIB, 99), profile).map((chunk) => chunk.length)
    for (const length of lengths.slice(0, -1)) expect(length).toBeGreaterThanOrEqual(profile.minBytes)
    for (const length of lengths) expect(length).toBeLessThanOrEqual(profile.maxBytes)
  })

  test('are found again behind an edit', () => {
    const bytes = pseudoRandom(4 * MIB, 5)
    const edited = Buffer.concat([bytes.subarray(0, 100), Buffer.from('inserted'), bytes.subarray(100)])
    const before = new Set(chunkWhole(bytes, profile).map((chunk) => chunk.toString('latin1')))
    const fresh = chunkWhole(edited, profile).filter((chunk) => !before.has(chunk.toString('latin1')))
    expect(fresh.length).toBeLessThanOrEqual(8)
  })
})

test.each([2047, 2048, 2049, 65_535, 65_536, 65_537])('an input of %d bytes', (bytes) => {
  const input = pseudoRandom(bytes, 11)
  const expected = lengthsOfWhole(input, usual)
  expect(chunkWhole(input, usual).map((chunk) => chunk.length)).toEqual(expected)
  expect(lengthsOfSlices(input, new Chunker(usual), [1000])).toEqual(expected)
})

test('nothing has no chunks', () => {
  expect(chunkWhole(Buffer.alloc(0), usual)).toEqual([])
  const chunker = new Chunker(usual)
  expect(chunker.push(Buffer.alloc(0))).toEqual([])
  expect(chunker.end()).toEqual([])
})

test('chunks of bytes at hand are views, and the bytes stay as they are', () => {
  const bytes = pseudoRandom(MIB, 8)
  const copy = Buffer.from(bytes)
  for (const chunk of chunkWhole(bytes, usual)) expect(chunk.buffer).toBe(bytes.buffer)
  expect(bytes.equals(copy)).toBe(true)
})

test('all chunks of one push are valid together', () => {
  const bytes = pseudoRandom(7 * MIB, 21)
  const chunker = new Chunker(usual)
  for (const first of [0, 1000, 100_000, 2_000_000, 2_090_000]) {
    const before = Buffer.concat(chunker.push(bytes.subarray(0, first)))
    const joined = Buffer.concat([before, ...chunker.push(bytes.subarray(first))])
    expect(joined.equals(bytes.subarray(0, joined.length))).toBe(true)
    expect(joined.length).toBeGreaterThan(6 * MIB)
    expect(Buffer.concat([joined, ...chunker.end()]).equals(bytes)).toBe(true)
  }
})

test('the last chunk is kept, not looked up in the caller’s buffer, which holds other bytes by then', () => {
  const slice = pseudoRandom(3 * MIB, 31)
  const first = Buffer.from(slice)
  const chunker = new Chunker(usual)
  const last = chunker.push(slice).at(-1)
  const start = (last?.byteOffset ?? 0) - slice.byteOffset
  const end = start + (last?.length ?? 0)
  const carried = first.subarray(end)
  // The next slice has, where the last chunk was, just what follows the last chunk.
  const second = pseudoRandom(3 * MIB, 32)
  second.set(Buffer.concat([carried, second]).subarray(0, end - start), start)
  second.copy(slice)
  const lengths = [...chunker.push(slice), ...chunker.end()].map((chunk) => chunk.length)
  expect(lengths).toEqual(lengthsOfWhole(Buffer.concat([carried, second]), usual))
})

describe('long runs', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test.each([
    ['at hand', (zeros: Buffer) => chunkWhole(zeros, usual)],
    ['in one slice', (zeros: Buffer) => new Chunker(usual).push(zeros)],
    [
      'in small slices',
      (zeros: Buffer) => {
        const chunker = new Chunker(usual)
        const slices = Array.from({ length: 64 }, (_, at) => zeros.subarray(at * MIB, (at + 1) * MIB))
        return slices.flatMap((slice) => chunker.push(slice))
      },
    ],
  ])('%s are compared, not rolled over', (_how, chunk) => {
    const rolling = vi.spyOn(fastcdc, 'get_chunks')
    expect(chunk(Buffer.alloc(64 * MIB)).length).toBeGreaterThan(900)
    expect(rolling.mock.calls.length).toBeLessThanOrEqual(2)
  })
})

describe('chunkStream', () => {
  async function* slicesOf(bytes: Buffer, sliceBytes: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes)
  }

  test('gives the chunks of the whole, several streams at once', async () => {
    const read = (seeds: readonly number[]) =>
      Promise.all(
        seeds.map(async (seed) => {
          const bytes = pseudoRandom(5 * MIB + seed, seed)
          const copies: Buffer[] = []
          for await (const chunks of chunkStream(slicesOf(bytes, 300_000 + seed), usual)) {
            copies.push(...chunks.map((chunk) => Buffer.from(chunk)))
          }
          expect(copies.map((chunk) => chunk.length)).toEqual(lengthsOfWhole(bytes, usual))
          expect(Buffer.concat(copies).equals(bytes)).toBe(true)
        }),
      )
    await read([1, 2, 3, 4, 5])
    // These get the memory of the ones before.
    await read([6, 7, 8, 9])
  })

  test('a failing source fails the stream', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10)
      throw new Error('unplugged')
    }
    const reading = async () => {
      for await (const chunks of chunkStream(failing(), usual)) {
        for (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0)
      }
    }
    await expect(reading()).rejects.toThrow('unplugged')
  })

  test('of nothing is nothing', async () => {
    const chunks: Buffer[] = []
    for await (const some of chunkStream(slicesOf(Buffer.alloc(0), 1), usual)) chunks.push(...some)
    expect(chunks).toEqual([])
  })
})
