import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KIB, MIB } from '../../src/base/units.js'
import { chunkWhole } from '../../src/codec/chunker.js'
import {
  DEFAULT_PROFILE,
  decodeProfile,
  encodeProfile,
  makeProfile,
  type ProfileOptions,
  sameIdentity,
} from '../../src/format/profile.js'
import { pseudoRandom } from '../codec/inputs.js'
import { provesCanonical } from './canonical.js'

const profiles = fc
  .record({
    hash: fc.constantFrom('sha256' as const, 'blake3' as const),
    fanoutBits: fc.integer({ min: 2, max: 11 }),
    peBits: fc.integer({ min: 16, max: 20 }),
    sizes: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
  })
  .map(({ hash, fanoutBits, peBits, sizes }) => {
    const peSize = 2 ** peBits
    const maxBytes = 1024 + (sizes[0] % (peSize / 4 - 1023))
    const averageBytes = 256 + (sizes[1] % (maxBytes - 255))
    const minBytes = 64 + (sizes[2] % (averageBytes - 63))
    const splitter = { averageFanout: 2 ** fanoutBits, maxFanout: 2 ** (fanoutBits + 1) }
    return makeProfile({ hash, peSize, chunker: { minBytes, averageBytes, maxBytes }, splitter })
  })

provesCanonical('profile', { values: profiles, encode: encodeProfile, decode: decodeProfile, numRuns: 20 })

test('the chunker takes every profile that can be made', () => {
  const bytes = pseudoRandom(300 * KIB, 7)
  const tight = [
    { minBytes: 64, averageBytes: 256, maxBytes: 1024 },
    { minBytes: 1024, averageBytes: 1024, maxBytes: 1024 },
    { minBytes: 256 * KIB, averageBytes: 256 * KIB, maxBytes: 256 * KIB },
    { minBytes: 64, averageBytes: 256, maxBytes: 256 * KIB },
  ].map((chunker) => makeProfile({ chunker }))
  for (const { chunker } of tight) expect(Buffer.concat(chunkWhole(bytes, chunker))).toEqual(bytes)
  fc.assert(
    fc.property(profiles, ({ chunker }) => {
      const chunks = chunkWhole(bytes, chunker)
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
      expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(chunker.maxBytes)
    }),
  )
})

test('the default profile is one that can be made', () => {
  expect(makeProfile()).toEqual(DEFAULT_PROFILE)
  expect(makeProfile({ hash: 'blake3' })).toEqual({ ...DEFAULT_PROFILE, hash: 'blake3' })
})

test.each<[string, ProfileOptions]>([
  ['hash', { hash: 'md5' as 'sha256' }],
  ['peSize', { peSize: 32 * KIB }],
  ['peSize', { peSize: 2 * MIB }],
  ['peSize', { peSize: MIB - 1 }],
  ['chunker.maxBytes', { chunker: { maxBytes: 256 * KIB + 1 } }],
  ['chunker.maxBytes', { peSize: 128 * KIB }],
  ['chunker.maxBytes', { chunker: { minBytes: 64, averageBytes: 256, maxBytes: 1023 } }],
  ['chunker.averageBytes', { chunker: { minBytes: 64, averageBytes: 255 } }],
  ['chunker.averageBytes', { chunker: { averageBytes: 65537 } }],
  ['chunker.minBytes', { chunker: { minBytes: 63 } }],
  ['chunker.minBytes', { chunker: { minBytes: 8193 } }],
  ['chunker.minBytes', { chunker: { minBytes: 100.5 } }],
  ['splitter.averageFanout', { splitter: { averageFanout: 48 } }],
  ['splitter.averageFanout', { splitter: { averageFanout: 2 } }],
  ['splitter.maxFanout', { splitter: { maxFanout: 64 } }],
  ['splitter.maxFanout', { splitter: { maxFanout: 4097 } }],
])('%s out of range: %j', (option, options) => {
  expect(() => makeProfile(options)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining(option) }),
  )
})

describe('decoding', () => {
  const text = encodeProfile(DEFAULT_PROFILE).toString()

  test('is of plain JSON', () => {
    expect(text).toBe(
      '{"chunker":{"algorithm":"fastcdc-ronomon","averageBytes":8192,"maxBytes":65536,"minBytes":2048,"seed":0},' +
        '"cipher":"none","encoding":1,"hash":"sha256","keyMode":"none","peSize":1048576,' +
        '"splitter":{"averageFanout":64,"maxFanout":256}}',
    )
  })

  test.each([
    ['another encoding', '"encoding":1', '"encoding":2', 'FORMAT_NEWER'],
    ['encoding 0', '"encoding":1', '"encoding":0', 'CORRUPT_OBJECT'],
    ['an unknown hash', 'sha256', 'sha512', 'CORRUPT_OBJECT'],
    ['a cipher', '"cipher":"none"', '"cipher":"some"', 'CORRUPT_OBJECT'],
    ['a seed', '"seed":0', '"seed":1', 'CORRUPT_OBJECT'],
    ['a size out of range', '"minBytes":2048', '"minBytes":20', 'CORRUPT_OBJECT'],
    ['a size as text', '"minBytes":2048', '"minBytes":"2048"', 'CORRUPT_OBJECT'],
    ['a missing field', '"keyMode":"none",', '', 'CORRUPT_OBJECT'],
    ['an unknown field', '"keyMode":"none",', '"keyMode":"none","more":1,', 'CORRUPT_OBJECT'],
    ['spaces', '"encoding":1', '"encoding": 1', 'CORRUPT_OBJECT'],
    ['a field twice', '"encoding":1', '"encoding":1,"encoding":1', 'CORRUPT_OBJECT'],
    ['no object', text, '[]', 'CORRUPT_OBJECT'],
    ['no JSON', text, '{', 'CORRUPT_OBJECT'],
    ['a pit of brackets', text, '['.repeat(100_000) + ']'.repeat(100_000), 'CORRUPT_OBJECT'],
  ])('refuses %s', (_what, from, to, code) => {
    expect(text).toContain(from)
    expect(() => decodeProfile(Buffer.from(text.replace(from, to)))).toThrow(expect.objectContaining({ code }))
  })
})

test('identity is what ids depend on: the extent size is no part of it', () => {
  expect(sameIdentity(DEFAULT_PROFILE, makeProfile({ peSize: 256 * KIB }))).toBe(true)
  const others: ProfileOptions[] = [
    { hash: 'blake3' },
    { chunker: { minBytes: 1024 } },
    { chunker: { averageBytes: 4096 } },
    { chunker: { maxBytes: 32 * KIB } },
    { splitter: { averageFanout: 32 } },
    { splitter: { maxFanout: 512 } },
  ]
  for (const options of others) expect(sameIdentity(DEFAULT_PROFILE, makeProfile(options))).toBe(false)
})
