import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { blake3 } from 'hash-wasm'
import { describe, expect, test } from 'vitest'
import { createHasher } from '../../src/codec/hasher.js'
import { KIND } from '../../src/format/kinds.js'
import { HASH_NAMES, type HashName } from '../../src/format/profile.js'
import { goldenObjects } from '../golden/regenerate.js'
import { pseudoRandom } from './inputs.js'

type GoldenId = { readonly name: string; readonly bytes?: string } & Readonly<Record<HashName, string>>

const golden = JSON.parse(readFileSync(new URL('../golden/ids.json', import.meta.url), 'utf8')) as GoldenId[]

describe('golden ids (F-ID, F-KIND)', () => {
  test('are of every object there is', () => {
    expect(golden.map(({ name }) => name)).toEqual(goldenObjects().map(({ name }) => name))
    expect(new Set(goldenObjects().map(({ kind }) => kind))).toEqual(new Set(Object.values(KIND)))
  })

  test.each(goldenObjects())('$name', async ({ name, kind, bytes }) => {
    const expected = golden.find((entry) => entry.name === name)
    if (expected?.bytes !== undefined) expect(bytes.toString('hex')).toBe(expected.bytes)
    for (const hash of HASH_NAMES) expect((await createHasher(hash)).id(kind, bytes)).toBe(expected?.[hash])
  })
})

const references: Record<HashName, (bytes: Buffer) => Promise<string> | string> = {
  sha256: (bytes) => createHash('sha256').update(bytes).digest('hex'),
  blake3: (bytes) => blake3(bytes),
}

describe.each(HASH_NAMES)('%s', (name) => {
  test('an id is the hash of kind byte and bytes', async () => {
    const hasher = await createHasher(name)
    expect(hasher.name).toBe(name)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.values(KIND)),
        fc.oneof(fc.nat({ max: 200 }), fc.integer({ min: 16_000, max: 17_000 }), fc.nat({ max: 200_000 })),
        fc.integer({ min: 1 }),
        async (kind, length, seed) => {
          const bytes = pseudoRandom(length, seed)
          expect(hasher.id(kind, bytes)).toBe(await references[name](Buffer.concat([Buffer.from([kind]), bytes])))
        },
      ),
    )
  })

  test('the same bytes have another id as another kind', async () => {
    const hasher = await createHasher(name)
    const ids = Object.values(KIND).map((kind) => hasher.id(kind, Buffer.from('tree')))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('plain Uint8Arrays, and views into larger ones', async () => {
    const hasher = await createHasher(name)
    const large = pseudoRandom(50_000, 3)
    for (const length of [0, 10, 20_000]) {
      const view = new Uint8Array(large.buffer, large.byteOffset + 100, length)
      expect(hasher.id(KIND.chunk, view)).toBe(hasher.id(KIND.chunk, Buffer.from(view)))
    }
  })
})

test('an unknown hash is refused', async () => {
  await expect(createHasher('md5' as HashName)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})
