import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunkWhole } from '../../src/codec/chunker.js'
import type { Content } from '../../src/format/content.js'
import { makeProfile } from '../../src/format/profile.js'
import { readContent, readWhole, spliceContent, truncateContent, writeContent } from '../../src/history/manifest.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise, TINY_CHUNKS, textured } from './bytes.js'
import { collect } from './trees.js'

/** Where an edit goes, in a file whose size the edits before it decide. */
type Place = { readonly at: number; readonly to: 'anywhere' | 'cut' | 'beforeCut' | 'afterCut' | 'end' | 'behind' }
type Step =
  | { readonly do: 'write'; readonly place: Place; readonly bytes: Buffer }
  | { readonly do: 'truncate'; readonly place: Place }

const place: fc.Arbitrary<Place> = fc.record({
  at: fc.nat(),
  to: fc.constantFrom(
    'anywhere' as const,
    'cut' as const,
    'beforeCut' as const,
    'afterCut' as const,
    'end' as const,
    'behind' as const,
  ),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), place, bytes: textured(3000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), place, bytes: textured(8) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), place }) },
)

function offsetOf({ at, to }: Place, bytes: Buffer, objects: MemoryObjects): number {
  if (to === 'end' || bytes.length === 0) return bytes.length
  if (to === 'behind') return bytes.length + (at % 20_000)
  if (to === 'anywhere') return at % bytes.length
  const chunks = chunkWhole(bytes, objects.profile.chunker).slice(0, at % 100)
  const cut = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return Math.max(0, cut + (to === 'cut' ? 0 : to === 'beforeCut' ? -1 : 1))
}

function written(bytes: Buffer, offset: number, more: Buffer): Buffer {
  if (more.length === 0) return bytes
  const after = Buffer.alloc(Math.max(bytes.length, offset + more.length))
  after.set(bytes)
  after.set(more, offset)
  return after
}

function truncated(bytes: Buffer, size: number): Buffer {
  return size <= bytes.length ? bytes.subarray(0, size) : written(bytes, size - 1, Buffer.alloc(1))
}

/** What the splice builds on. If the chunker ever breaks it, this is the failure to look at first. */
test('where the chunker cuts depends on nothing behind the cut', () => {
  const { chunker } = makeProfile(TINY_CHUNKS)
  const ends = (bytes: Buffer): number[] => {
    let end = 0
    return chunkWhole(bytes, chunker).map((chunk) => {
      end += chunk.length
      return end
    })
  }
  const parts = fc.array(textured(3000), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(parts, textured(2000), fc.nat(), fc.boolean(), (of, more, at, isAtCut) => {
      const bytes = Buffer.concat(of)
      const cuts = ends(bytes).slice(0, -1)
      const kept = (isAtCut ? cuts[at % cuts.length] : undefined) ?? at % (bytes.length + 1)
      const changed = Buffer.concat([bytes.subarray(0, kept), more])
      const known = cuts.filter((cut) => cut < kept || (cut === kept && changed.length > kept))
      expect(ends(changed).slice(0, known.length)).toEqual(known)
    }),
    { numRuns: 500 },
  )
})

describe('edits of any bytes', () => {
  test.each([
    ['small chunks in deep manifests', TINY_CHUNKS],
    ['chunks of one length mostly', { ...TINY_CHUNKS, chunker: { minBytes: 300, averageBytes: 1024, maxBytes: 1024 } }],
  ])('give what writing the result as a whole gives: %s', async (_what, profile) => {
    const objects = await createMemoryObjects(profile)
    const first = fc.array(textured(8000), { maxLength: 4 }).map((parts) => Buffer.concat(parts))
    await fc.assert(
      fc.asyncProperty(first, fc.array(step, { minLength: 1, maxLength: 6 }), async (start, steps) => {
        let bytes: Buffer = start
        let content = await writeContent(objects, bytes)
        for (const each of steps) {
          const offset = offsetOf(each.place, bytes, objects)
          if (each.do === 'write') {
            bytes = written(bytes, offset, each.bytes)
            content = await spliceContent(objects, content, offset, each.bytes)
          } else {
            bytes = truncated(bytes, offset)
            content = await truncateContent(objects, content, offset)
          }
          expect(content).toEqual(await writeContent(objects, bytes))
        }
        expect((await readWhole(objects, content)).equals(bytes)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  test('give the same with the default sizes', async () => {
    const objects = await createMemoryObjects()
    const bytes = Buffer.concat([noise(300_000, 1), Buffer.alloc(400_000), noise(300_000, 2)])
    const content = await writeContent(objects, bytes)
    for (const offset of [0, 1, 150_000, 299_999, 300_000, 450_000, 699_999, 700_000, 999_990, 1_000_000, 1_200_000]) {
      const more = noise(11, offset)
      const edited = await spliceContent(objects, content, offset, more)
      expect(edited).toEqual(await writeContent(objects, written(bytes, offset, more)))
      const cut = await truncateContent(objects, content, offset)
      expect(cut).toEqual(await writeContent(objects, truncated(bytes, offset)))
    }
  })
})

describe('an edit', () => {
  test('that changes nothing writes nothing', async () => {
    const objects = await createMemoryObjects()
    const bytes = noise(1_000_000, 3)
    const content = await writeContent(objects, bytes)
    objects.resetCounts()
    expect(await spliceContent(objects, content, 400_000, bytes.subarray(400_000, 500_000))).toEqual(content)
    expect(await spliceContent(objects, content, 2_000_000, Buffer.alloc(0))).toEqual(content)
    expect(await truncateContent(objects, content, bytes.length)).toEqual(content)
    expect(objects.newObjects + objects.newChunks).toBe(0)
  })

  test('that leaves one chunk leaves no manifest', async () => {
    const objects = await createMemoryObjects()
    const bytes = noise(100_000, 3)
    const content = await writeContent(objects, bytes)
    const [first] = chunkWhole(bytes, objects.profile.chunker)
    const size = first!.length
    const expected = await writeContent(objects, bytes.subarray(0, size))
    expect(expected.shape).toBe(1)
    expect(await truncateContent(objects, content, size)).toEqual(expected)
    const zeros = await writeContent(objects, Buffer.alloc(3 * objects.profile.chunker.maxBytes))
    expect(await truncateContent(objects, zeros, objects.profile.chunker.maxBytes)).toMatchObject({ shape: 1 })
  })

  test('reads and writes the chunks around it alone', async () => {
    const objects = await createMemoryObjects()
    const content = await writeContent(objects, noise(4_000_000, 4))
    objects.resetCounts()
    await spliceContent(objects, content, 2_000_000, Buffer.from('x'))
    expect(objects.newChunks).toBeLessThanOrEqual(3)
    expect(objects.chunkGets).toBeLessThanOrEqual(12)
    objects.resetCounts()
    await spliceContent(objects, content, 4_000_000, Buffer.from('x'))
    expect(objects.chunkGets).toBe(1)
    expect(objects.newChunks).toBeLessThanOrEqual(2)
  })

  test('refuses offsets and sizes that are none', async () => {
    const objects = await createMemoryObjects()
    const content = await writeContent(objects, Buffer.from('hello'))
    for (const offset of [-1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER]) {
      const failure = spliceContent(objects, content, offset, Buffer.from('xx'))
      await expect(failure).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) {
      await expect(truncateContent(objects, content, size)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('a gap of terabytes', () => {
  const TERABYTES = 3 * 2 ** 40 + 12_345

  async function sparse(objects: MemoryObjects): Promise<Content> {
    const small = await writeContent(objects, noise(100_000, 5))
    return spliceContent(objects, small, TERABYTES, Buffer.from('the end'))
  }

  test('costs a few chunks and nodes', async () => {
    const objects = await createMemoryObjects()
    const content = await sparse(objects)
    expect(content.size).toBe(TERABYTES + 7)
    expect(objects.newChunks).toBeLessThan(25)
    expect(objects.newObjects).toBeLessThan(5)
    const tail = await collect(readContent(objects, content, TERABYTES - 3))
    expect(Buffer.concat(tail).toString()).toBe('\0\0\0the end')
    const head = await collect(readContent(objects, content, 0, 100_010))
    expect(Buffer.concat(head).equals(Buffer.concat([noise(100_000, 5), Buffer.alloc(10)]))).toBe(true)
  })

  test('can be written into, cut and grown at the same price', async () => {
    const objects = await createMemoryObjects()
    const content = await sparse(objects)
    objects.resetCounts()
    const edited = await spliceContent(objects, content, 2 ** 40 + 777, Buffer.from('here'))
    const cut = await truncateContent(objects, edited, 2 ** 40 + 800)
    const grown = await truncateContent(objects, cut, 5 * 2 ** 40)
    expect(objects.newChunks).toBeLessThan(15)
    expect(objects.chunkGets).toBeLessThan(40)
    expect(objects.newObjects).toBeLessThan(10)
    const [read] = await collect(readContent(objects, grown, 2 ** 40 + 777, 4))
    expect(read?.toString()).toBe('here')
    const rest = await collect(readContent(objects, grown, 2 ** 40 + 781, 100_000))
    expect(Buffer.concat(rest).equals(Buffer.alloc(100_000))).toBe(true)
    // The way there does not show.
    const small = await writeContent(objects, noise(100_000, 5))
    const direct = await truncateContent(objects, small, 5 * 2 ** 40)
    expect(await spliceContent(objects, direct, 2 ** 40 + 777, Buffer.from('here'))).toEqual(grown)
  })
})
