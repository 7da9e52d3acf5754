import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { cutKernelSource } from '../../cli/build/cutKernel.js'
import { KIB } from '../../src/base/units.js'
import { type FindCuts, kernelCuts, PIECE_BYTES, packagedCuts } from '../../src/codec/cutKernel.js'
import { type ChunkerProfile, makeProfile } from '../../src/format/profile.js'
import { pseudoRandom, pseudoText } from './inputs.js'

afterEach(() => {
  vi.unstubAllGlobals()
})

function startedKernel(): FindCuts {
  const started = kernelCuts()
  if (!started) throw new Error('the kernel does not start here')
  return started
}

const kernel = startedKernel()

/** Averages that lie between powers of two, and lengths that fall together, decide where rounding and limits are. */
const profiles = fc
  .record({
    averageBytes: fc.oneof(
      fc.constantFrom(256, 8 * KIB, 11_585, 11_586, 128 * KIB),
      fc.integer({ min: 256, max: 64 * KIB }),
    ),
    minShare: fc.constantFrom(0, 0.25, 0.5, 2 / 3, 0.67, 1),
    maxFactor: fc.constantFrom(1, 1.5, 4, 8),
  })
  .map(({ averageBytes, minShare, maxFactor }): ChunkerProfile => {
    const maxBytes = Math.min(256 * KIB, Math.max(KIB, Math.floor(averageBytes * maxFactor)))
    const minBytes = Math.max(64, Math.floor(averageBytes * minShare))
    return makeProfile({ chunker: { minBytes, averageBytes, maxBytes } }).chunker
  })

const pieces = fc
  .record({
    what: fc.constantFrom('random', 'text', 'run', 'period'),
    bytes: fc.oneof(
      fc.nat({ max: 300 }),
      fc.nat({ max: 100_000 }),
      fc.nat({ max: PIECE_BYTES }),
      fc.constant(PIECE_BYTES),
    ),
    seed: fc.integer({ min: 1 }),
  })
  .map(({ what, bytes, seed }) => {
    if (what === 'random') return pseudoRandom(bytes, seed)
    if (what === 'text') return pseudoText(bytes, seed)
    if (what === 'run') return Buffer.alloc(bytes, seed & 0xff)
    return Buffer.alloc(bytes, pseudoRandom(1 + (seed % 10_000), seed))
  })

test('the committed kernel is what its source assembles to', () => {
  const committed = readFileSync(new URL('../../src/codec/cutKernelBytes.ts', import.meta.url), 'utf8')
  expect(committed.replaceAll('\r\n', '\n')).toBe(cutKernelSource())
})

test('the kernel cuts where the package does', () => {
  fc.assert(
    fc.property(pieces, profiles, fc.boolean(), (piece, profile, atEnd) => {
      const before = Buffer.from(piece)
      expect([...kernel(piece, atEnd, profile)]).toEqual([...packagedCuts(Buffer.from(piece), atEnd, profile)])
      expect(piece.equals(before)).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('what was cut before leaves nothing behind', () => {
  const { chunker } = makeProfile({})
  const short = pseudoText(9_000, 3)
  const alone = [...kernel(short, true, chunker)]
  kernel(pseudoRandom(PIECE_BYTES, 5), true, chunker)
  expect([...kernel(short, true, chunker)]).toEqual(alone)
})

test('the smallest chunks of the longest piece fit in', () => {
  const { chunker } = makeProfile({ chunker: { minBytes: 64, averageBytes: 256, maxBytes: 1024 } })
  const cuts = kernel(pseudoRandom(PIECE_BYTES, 11), true, chunker)
  expect(cuts.at(-1)).toBe(PIECE_BYTES)
  expect(cuts.length).toBeGreaterThan(PIECE_BYTES / 512)
})

test('where WebAssembly gives no memory the package cuts', async () => {
  vi.stubGlobal('WebAssembly', {
    Module: class {},
    Instance: class {
      constructor() {
        throw new RangeError('could not allocate memory')
      }
    },
  })
  expect(kernelCuts()).toBeUndefined()
  const { chunker } = makeProfile({})
  const text = pseudoText(500_000, 7)
  const fresh = await freshFindCuts()
  expect([...fresh(text, true, chunker)]).toEqual([...packagedCuts(text, true, chunker)])
})

/** Which way is taken is settled once for all. */
async function freshFindCuts(): Promise<FindCuts> {
  // The package starts when it is loaded, and is not what is to fail.
  packagedCuts(Buffer.alloc(10), true, makeProfile({}).chunker)
  vi.resetModules()
  return (await import('../../src/codec/cutKernel.js')).findCuts
}
