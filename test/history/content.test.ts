import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHash } from '../../src/base/hash.js'
import { chunkWhole } from '../../src/codec/chunker.js'
import type { Content } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import { decodeManifestNode, encodeManifestLeaf } from '../../src/format/manifest.js'
import { readContent, readWhole, writeContent, writeSymlinkTarget } from '../../src/history/manifest.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise, TINY_CHUNKS, textured } from './bytes.js'
import { collect } from './trees.js'

const parts = fc.array(textured(6000), { maxLength: 5 })

async function* slices(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0
  for (const cut of [...new Set(cuts.map((each) => each % (bytes.length + 1)))].sort((a, b) => a - b)) {
    yield new Uint8Array(bytes.subarray(from, cut))
    from = cut
  }
  yield bytes.subarray(from)
}

async function ids(objects: MemoryObjects, bytes: Buffer): Promise<string[]> {
  return Promise.all(chunkWhole(bytes, objects.profile.chunker).map((chunk) => objects.put(KIND.chunk, chunk)))
}

describe('writing', () => {
  test('gives back the bytes, and the same content however they come', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    await fc.assert(
      fc.asyncProperty(parts, fc.array(fc.nat()), async (of, cuts) => {
        const bytes = Buffer.concat(of)
        const content = await writeContent(objects, bytes)
        expect(content.size).toBe(bytes.length)
        expect(await writeContent(objects, slices(bytes, cuts))).toEqual(content)
        expect((await readWhole(objects, content)).equals(bytes)).toBe(true)
      }),
    )
  })

  test('makes nothing of nothing, one chunk of one chunk, a manifest of two', async () => {
    const objects = await createMemoryObjects()
    expect(await writeContent(objects, Buffer.alloc(0))).toEqual({ shape: 0, size: 0 })
    expect(objects.newChunks).toBe(0)
    const small = await writeContent(objects, Buffer.from('hello'))
    expect(small).toEqual({ shape: 1, size: 5, id: await objects.put(KIND.chunk, Buffer.from('hello')) })
    expect(objects.newObjects).toBe(0)
    const { maxBytes } = objects.profile.chunker
    expect(await writeContent(objects, Buffer.alloc(maxBytes))).toMatchObject({ shape: 1 })
    expect(await writeContent(objects, Buffer.alloc(maxBytes + 1))).toMatchObject({ shape: 2 })
  })

  test('counts equal neighbours once', async () => {
    const objects = await createMemoryObjects()
    const { maxBytes } = objects.profile.chunker
    const content = await writeContent(objects, Buffer.alloc(5 * maxBytes + 10))
    const [zeros, rest] = await ids(objects, Buffer.alloc(maxBytes + 10))
    expect(decodeManifestNode(await objects.get(KIND.manifest, content.id!))).toEqual({
      level: 0,
      entries: [
        { id: zeros, length: maxBytes, repeat: 5 },
        { id: rest, length: 10, repeat: 1 },
      ],
    })
    // A run alone is a manifest of one entry: no chunk stands for it.
    const run = await writeContent(objects, Buffer.alloc(2 * maxBytes))
    expect(run).toMatchObject({ shape: 2, size: 2 * maxBytes })
  })

  test('tells longest chunks apart', async () => {
    const objects = await createMemoryObjects()
    const { maxBytes } = objects.profile.chunker
    const bytes = Buffer.concat([
      Buffer.alloc(2 * maxBytes, 1),
      Buffer.alloc(2 * maxBytes, 2),
      Buffer.alloc(maxBytes, 1),
    ])
    const content = await writeContent(objects, bytes)
    expect((await readWhole(objects, content)).equals(bytes)).toBe(true)
  })

  test('never holds more of a stream than a few windows', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const given = 200
    let mostHeldBytes = 0
    async function* source(): AsyncGenerator<Buffer> {
      for (let index = 0; index < given; index++) {
        mostHeldBytes = Math.max(mostHeldBytes, index * 65536 - objects.newChunkBytes)
        yield noise(65536, index)
      }
    }
    const content = await writeContent(objects, source())
    expect(content.size).toBe(given * 65536)
    expect(mostHeldBytes).toBeGreaterThan(0)
    expect(mostHeldBytes).toBeLessThan(3 * 1024 * 1024)
  })

  test('stops when it is told to', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const controller = new AbortController()
    async function* source(): AsyncGenerator<Buffer> {
      for (let index = 0; ; index++) {
        if (index === 100) controller.abort()
        yield noise(65536, index)
      }
    }
    await expect(writeContent(objects, source(), { signal: controller.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    await expect(writeContent(objects, Buffer.from('x'), { signal: controller.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
  })

  test('keeps a symlink’s target in one chunk', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const target = noise(1000, 1)
    expect(chunkWhole(target, objects.profile.chunker).length).toBeGreaterThan(1)
    expect(await writeSymlinkTarget(objects, target)).toMatchObject({ shape: 1, size: 1000 })
    for (const length of [0, 1025]) {
      const failure = writeSymlinkTarget(objects, Buffer.alloc(length))
      await expect(failure).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('reading', () => {
  test('gives any range', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    await fc.assert(
      fc.asyncProperty(parts, fc.nat(30_000), fc.nat(30_000), async (of, offset, length) => {
        const bytes = Buffer.concat(of)
        const content = await writeContent(objects, bytes)
        const read = Buffer.concat(await collect(readContent(objects, content, offset, length)))
        expect(read.equals(bytes.subarray(offset, offset + length))).toBe(true)
        const rest = Buffer.concat(await collect(readContent(objects, content, offset)))
        expect(rest.equals(bytes.subarray(offset))).toBe(true)
      }),
    )
  })

  test('of a range loads no other chunks, and of a run one', async () => {
    const objects = await createMemoryObjects()
    const { maxBytes } = objects.profile.chunker
    const content = await writeContent(objects, Buffer.concat([noise(500_000, 1), Buffer.alloc(100 * maxBytes)]))
    objects.resetCounts()
    await collect(readContent(objects, content, 250_000, 10))
    expect(objects.chunkGets).toBeLessThanOrEqual(2)
    objects.resetCounts()
    const zeros = await collect(readContent(objects, content, 500_000 + 2 * maxBytes, 90 * maxBytes))
    expect(Buffer.concat(zeros)).toHaveLength(90 * maxBytes)
    expect(objects.chunkGets).toBe(1)
  })

  test('as a whole is the caller’s to change', async () => {
    const objects = await createMemoryObjects()
    const content = await writeContent(objects, Buffer.from('hello'))
    const whole = await readWhole(objects, content)
    whole.fill(0)
    expect((await readWhole(objects, content)).toString()).toBe('hello')
  })

  test('refuses offsets and lengths that are none, and wholes beyond a buffer', async () => {
    const objects = await createMemoryObjects()
    const content = await writeContent(objects, Buffer.from('hello'))
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      const failure = collect(readContent(objects, content, offset, length))
      await expect(failure).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    const huge = { ...content, size: 2 ** 52 } as Content
    await expect(readWhole(objects, huge)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  test('refuses chunks that are not as long as the manifest says', async () => {
    const objects = await createMemoryObjects()
    const id = await objects.put(KIND.chunk, Buffer.from('abc'))
    await expect(readWhole(objects, { shape: 1, size: 4, id })).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
    const leaf = encodeManifestLeaf([{ id, length: 4, repeat: 2 }])
    const content: Content = { shape: 2, size: 8, id: await objects.put(KIND.manifest, leaf) }
    await expect(readWhole(objects, content)).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
    await expect(readWhole(objects, { ...content, size: 6 })).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
  })

  test('passes on what the store says of a chunk that is not there', async () => {
    const objects = await createMemoryObjects()
    const content: Content = { shape: 1, size: 4, id: parseHash('ab'.repeat(32)) }
    await expect(readWhole(objects, content)).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
  })
})
