import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { ENTRIES_MAX, HashIndex, prefixOf } from '../../src/volume/hashIndex.js'

const hashOf = (text: string): Hash => createHash('sha256').update(text).digest('hex') as Hash
const prefixes = (hashes: readonly Hash[]): Uint32Array => Uint32Array.from(hashes, prefixOf)

test('whoever was given a hash is named, as often as owners come, grow and go', () => {
  const index = new HashIndex<object>()
  const owned = new Map<object, Set<Hash>>()
  const dropped = new Set<object>()
  for (let round = 0; round < 400; round++) {
    const owner = round % 5 === 4 ? ([...owned.keys()][round % owned.size] as object) : { round }
    const hashes = Array.from({ length: (round * 37) % 150 }, (_, at) => hashOf(`${(round * at) % 5000}`))
    expect(index.add(owner, prefixes(hashes))).toBe(true)
    owned.set(owner, new Set([...(owned.get(owner) ?? []), ...hashes]))
    if (round % 3 === 2) {
      const [gone] = owned.keys()
      index.drop(gone as object)
      owned.delete(gone as object)
      dropped.add(gone as object)
    }
  }
  const asked = Array.from({ length: 6000 }, (_, at) => hashOf(`${at}`))
  for (const hash of asked) {
    const expected = [...owned].filter(([, hashes]) => hashes.has(hash)).map(([owner]) => owner)
    const named = index.ownersOf(hash)
    expect(new Set(named).size).toBe(named.length)
    expect(named).toEqual(expect.arrayContaining(expected))
    // Six thousand of four billion: none begins as another does.
    expect(named).toHaveLength(expected.length)
    expect(named.some((owner) => dropped.has(owner))).toBe(false)
  }
})

test('hashes that begin alike, or with nothing but zeros, are found', () => {
  const index = new HashIndex<string[]>()
  const [one, other] = [['one'], ['other']]
  const [zeros, alike] = ['0'.repeat(64), `${'0'.repeat(8)}${'f'.repeat(56)}`] as [Hash, Hash]
  index.add(one, prefixes([zeros, zeros, alike]))
  index.add(other, prefixes([alike]))
  expect(index.ownersOf(zeros)).toEqual([one, other])
  expect(index.ownersOf('f'.repeat(64) as Hash)).toEqual([])
})

test('what there is no room for is refused as a whole, and has room once others went', () => {
  const index = new HashIndex<string[]>()
  const [large, small] = [['large'], ['small']]
  const counting = new Uint32Array(ENTRIES_MAX)
  for (let at = 0; at < counting.length; at++) counting[at] = at + 1
  expect(index.add(large, counting)).toBe(true)
  const hash = hashOf('small')
  expect(index.add(small, prefixes([hash]))).toBe(false)
  expect(index.ownersOf(hash)).not.toContain(small)
  index.drop(large)
  expect(index.add(small, prefixes([hash]))).toBe(true)
  expect(index.ownersOf(hash)).toEqual([small])
})
