import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunkWhole } from '../../src/codec/chunker.js'
import { changedBytes, spliceContent, truncateContent, writeContent } from '../../src/history/manifest.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise, TINY_CHUNKS, textured } from './bytes.js'

/** From whole chunk lists. */
function model(objects: MemoryObjects, a: Buffer, b: Buffer): { added: number; removed: number } {
  const surplus = new Map<string, number>()
  for (const [bytes, sign] of [
    [a, 1],
    [b, -1],
  ] as const) {
    for (const chunk of chunkWhole(bytes, objects.profile.chunker)) {
      const key = chunk.toString('latin1')
      surplus.set(key, (surplus.get(key) ?? 0) + sign)
    }
  }
  let added = 0
  let removed = 0
  for (const [key, count] of surplus) {
    added += Math.max(0, -count) * key.length
    removed += Math.max(0, count) * key.length
  }
  return { added, removed }
}

describe('changedBytes', () => {
  test('says what whole chunk lists say, wherever equal parts stand', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const piece = fc.constantFrom(noise(3000, 1), noise(9000, 2), noise(100, 3), Buffer.alloc(5000), Buffer.alloc(20))
    const parts = fc.array(fc.oneof(piece, textured(2000)), { maxLength: 6 }).map((of) => Buffer.concat(of))
    await fc.assert(
      fc.asyncProperty(parts, parts, async (a, b) => {
        const [before, after] = [await writeContent(objects, a), await writeContent(objects, b)]
        expect(await changedBytes(objects, before, after)).toEqual(model(objects, a, b))
      }),
    )
  })

  test('reads only what differs, where all behind the edit has moved', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const bytes = noise(1_000_000, 1)
    const before = await writeContent(objects, bytes)
    const after = await writeContent(
      objects,
      Buffer.concat([bytes.subarray(0, 500_000), Buffer.from('x'), bytes.subarray(500_000)]),
    )
    objects.resetCounts()
    const { added, removed } = await changedBytes(objects, before, after)
    expect(added - removed).toBe(1)
    expect(removed).toBeLessThan(3000)
    expect(objects.chunkGets).toBe(0)
    expect(objects.objectGets).toBeLessThan(8 * (before.shape - 1))
  })

  test('reads only what differs, where one manifest is higher', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const after = await writeContent(objects, noise(2_000_000, 1))
    let before = after
    for (let size = 1_000_000; before.shape === after.shape; size /= 2) {
      before = await truncateContent(objects, after, Math.floor(size))
    }
    objects.resetCounts()
    const { removed } = await changedBytes(objects, before, after)
    expect(removed).toBeLessThanOrEqual(1024)
    const edited = await spliceContent(objects, after, 2_000_000, Buffer.from('x'))
    objects.resetCounts()
    await changedBytes(objects, after, edited)
    expect(objects.objectGets).toBeLessThanOrEqual(4 * (after.shape - 1))
  })

  test('reads nothing of equal contents', async () => {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const content = await writeContent(objects, noise(10_000, 1))
    objects.resetCounts()
    expect(await changedBytes(objects, content, content)).toEqual({ added: 0, removed: 0 })
    expect(objects.objectGets).toBe(0)
  })
})
