/** Ids computed in a thread are those that are computed here, whatever becomes of the thread. */
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { createHasher } from '../../src/codec/hasher.js'
import { type HashedPart, HashThread, type HashThreadOptions } from '../../src/codec/hashThread.js'
import { KIND } from '../../src/format/kinds.js'
import type { HashName } from '../../src/format/profile.js'
import { pseudoRandom } from './inputs.js'

const MOST_BYTES = 1 << 18
/** Some are hashed in one shot, and some are not; one is the shortest there can be. */
const parts: HashedPart[] = [64, 1000, 16_384, 16_385, 100_000, 0, 1].map((length, index) => ({
  kind: index % 2 === 0 ? KIND.chunk : KIND.tree,
  length,
}))
const raw = pseudoRandom(
  parts.reduce((sum, { length }) => sum + length, 0),
  1,
)

async function threadOf(name: HashName = 'sha256', options: HashThreadOptions = {}) {
  const hasher = await createHasher(name)
  const here = vi.fn(hasher.id)
  const thread = new HashThread({ name, id: here }, MOST_BYTES, { firstBytes: 0, ...options })
  onTestFinished(() => thread.stop())
  const expected = (bytes: Buffer, of: readonly HashedPart[]): Hash[] => {
    let offset = 0
    return of.map(({ kind, length }) => {
      offset += length
      return hasher.id(kind, bytes.subarray(offset - length, offset))
    })
  }
  return { thread, here, expected }
}

test('are those that are computed here, of many at once', async () => {
  const { thread, here, expected } = await threadOf()
  const several = Array.from({ length: 4 }, (_, seed) => pseudoRandom(raw.length, seed + 2))
  const found = await Promise.all(several.map((bytes) => thread.ids(bytes, parts)))
  expect(found).toEqual(several.map((bytes) => expected(bytes, parts)))
  expect(here).not.toHaveBeenCalled()
  expect(await thread.ids(Buffer.alloc(0), [])).toEqual([])
})

test('of more than it has room for, the rest is computed here', async () => {
  const { thread, here, expected } = await threadOf()
  const found = await Promise.all(Array.from({ length: 9 }, () => thread.ids(raw, parts)))
  for (const ids of found) expect(ids).toEqual(expected(raw, parts))
  expect(here).toHaveBeenCalledTimes(5 * parts.length)
  const long = pseudoRandom(MOST_BYTES + 1, 3)
  const one = [{ kind: KIND.tree, length: long.length }]
  expect(await thread.ids(long, one)).toEqual(expected(long, one))
  expect(await thread.ids(raw, parts)).toEqual(expected(raw, parts))
})

test('with more room, more is left to it', async () => {
  const { thread, here, expected } = await threadOf('sha256', { memories: 9 })
  const found = await Promise.all(Array.from({ length: 9 }, () => thread.ids(raw, parts)))
  for (const ids of found) expect(ids).toEqual(expected(raw, parts))
  expect(here).not.toHaveBeenCalled()
})

test('the first are computed here, before there is a thread', async () => {
  const { thread, here, expected } = await threadOf('sha256', { firstBytes: raw.length + 1 })
  for (let count = 0; count < 4; count++) expect(await thread.ids(raw, parts)).toEqual(expected(raw, parts))
  expect(here).toHaveBeenCalledTimes(2 * parts.length)
})

test('without a thread, they are computed here', async () => {
  const { thread, here, expected } = await threadOf()
  const asked = thread.ids(raw, parts)
  await thread.stop()
  expect(await asked).toEqual(expected(raw, parts))
  here.mockClear()
  expect(await thread.ids(raw, parts)).toEqual(expected(raw, parts))
  expect(here).toHaveBeenCalledTimes(parts.length)
})

test('another hash than the runtime has is computed here', async () => {
  const { thread, here, expected } = await threadOf('blake3')
  expect(await thread.ids(raw, parts)).toEqual(expected(raw, parts))
  expect(here).toHaveBeenCalledTimes(parts.length)
})
