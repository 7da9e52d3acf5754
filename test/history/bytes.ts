/** Bytes for content tests: repeatable, of several textures. */
import fc from 'fast-check'
import type { ProfileOptions } from '../../src/format/profile.js'

/** The shortest chunks that are allowed, so that few bytes make many; small nodes, so that these make deep manifests. */
export const TINY_CHUNKS: ProfileOptions = {
  chunker: { minBytes: 64, averageBytes: 256, maxBytes: 1024 },
  splitter: { averageFanout: 4, maxFanout: 8 },
}

/** A small generator of good enough noise (xorshift32). */
export function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  for (let index = 0; index < length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state >>> 16
  }
  return bytes
}

/** Noise, zeros, or a short pattern again and again: runs are where edits are hardest. */
export function textured(maxLength: number): fc.Arbitrary<Buffer> {
  const seed = fc.nat(1000)
  const length = fc.nat(maxLength)
  return fc.oneof(
    fc.tuple(length, seed).map(([bytes, from]) => noise(bytes, from)),
    length.map((bytes) => Buffer.alloc(bytes)),
    fc.tuple(length, seed, fc.integer({ min: 1, max: 1500 })).map(([bytes, from, period]) => {
      return bytes === 0 ? Buffer.alloc(0) : Buffer.alloc(bytes, noise(period, from))
    }),
  )
}
