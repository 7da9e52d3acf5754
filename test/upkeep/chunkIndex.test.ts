import { expect, test } from 'vitest'
import { type Hash, hashFromBytes } from '../../src/base/hash.js'
import { ChunkIndex } from '../../src/upkeep/chunkIndex.js'
import { pseudoRandom } from '../codec/inputs.js'

/** @param like the first bytes of all of them */
function rows(count: number, like = Buffer.alloc(0)) {
  return Array.from({ length: count }, (_, index) => ({
    hash: hashFromBytes(Buffer.concat([like, pseudoRandom(32, index + 1)]).subarray(0, 32)),
    eid: 2 ** 40 + ((index * 7919) % 100),
    slot: index,
    length: (index * 31) % 65_536,
    chunkId: 2 ** 45 + index,
  }))
}

test.each([
  ['evenly spread', Buffer.alloc(0)],
  ['of which the first bytes are all the same', Buffer.from([1, 2, 3, 4])],
])('holds many more than it began with, ids %s', (_, like) => {
  const index = new ChunkIndex()
  const all = rows(like.length > 0 ? 1100 : 5000, like)
  for (const [at, row] of all.entries()) {
    expect(index.add(row)).toBe(true)
    expect(index.count).toBe(at + 1)
  }
  for (const [at, { hash, eid, slot, length, chunkId }] of all.entries()) {
    expect(index.indexOf(hash)).toBe(at)
    expect(index.id(at)).toBe(hash)
    expect([index.eid(at), index.slot(at), index.length(at), index.chunkId(at)]).toEqual([eid, slot, length, chunkId])
  }
})

test('knows nothing of what was not added, and of two under one id the first', () => {
  const index = new ChunkIndex()
  const [first, second] = rows(2)
  expect(index.indexOf(first?.hash as Hash)).toBe(-1)
  expect(index.add(first as NonNullable<typeof first>)).toBe(true)
  expect(index.add({ ...(second as NonNullable<typeof second>), hash: first?.hash as Hash })).toBe(false)
  expect(index.count).toBe(1)
  expect(index.slot(0)).toBe(first?.slot)
  expect(index.indexOf(second?.hash as Hash)).toBe(-1)
})
