import { expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { ObjectCache } from '../../src/cas/objectCache.js'
import { KIND } from '../../src/format/kinds.js'

const [A, B] = ['a', 'b'].map((digit) => digit.repeat(64)) as [Hash, Hash]

test('an id is good for the kind that it was made with', () => {
  const cache = new ObjectCache(100_000)
  const bytes = Buffer.from('tree')
  cache.fill(KIND.tree, A, bytes)
  expect(cache.get(KIND.manifest, A)).toBeUndefined()
  expect([cache.has(KIND.tree, A), cache.has(KIND.manifest, A)]).toEqual([true, false])
  expect(cache.get(KIND.tree, A)).toBe(bytes)
  expect(cache.stats).toMatchObject({ hits: 1, misses: 1, fetchedBytes: 4, entries: 1 })
})

test('what is made here is no miss; what is long is counted and not kept', () => {
  const cache = new ObjectCache(100_000)
  cache.set(KIND.tree, A, Buffer.alloc(10))
  cache.fill(KIND.tree, B, Buffer.alloc(12_501))
  expect(cache.get(KIND.tree, B)).toBeUndefined()
  expect(cache.stats).toMatchObject({ hits: 0, misses: 1, fetchedBytes: 12_501, entries: 1 })
})

test('many short ones take more than their bytes, and count so', () => {
  const cache = new ObjectCache(100_000)
  for (let number = 0; number < 5000; number++) {
    cache.set(KIND.commit, String(number).padStart(64, '0') as Hash, Buffer.alloc(1))
  }
  expect(cache.stats.entries).toBeLessThan(400)
  expect(cache.stats.bytes).toBeLessThanOrEqual(100_000)
})
