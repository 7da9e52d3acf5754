import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AdaptiveCache } from '../../src/cas/adaptiveCache.js'
import { PaperArc } from './paperArc.js'

interface Value {
  readonly of: number
}

/** @returns whether it was a hit */
function use(cache: AdaptiveCache<number, Value>, key: number, weight = 1): boolean {
  const value = cache.get(key)
  if (value) expect(value.of).toBe(key)
  else cache.set(key, { of: key }, weight)
  return value !== undefined
}

/** Keys that come back, by themselves and in runs, so that all of the paper's cases are met. */
const requests = fc
  .array(
    fc.oneof(
      fc.nat(30).map((key) => [key]),
      fc.nat(6).map((key) => [key]),
      fc.tuple(fc.nat(60), fc.nat(15)).map(([from, count]) => Array.from({ length: count }, (_, step) => from + step)),
    ),
    { maxLength: 120 },
  )
  .map((runs) => runs.flat())

test('with weights of one it is the algorithm of the paper: same hits, same contents, in the same order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), requests, (c, keys) => {
      const paper = new PaperArc(c)
      const cache = new AdaptiveCache<number, Value>(c)
      for (const key of keys) {
        expect(use(cache, key)).toBe(paper.request(key))
        expect([...cache.keys()]).toEqual([...paper.t2.toReversed(), ...paper.t1.toReversed()])
        expect(cache.ghosts).toBe(paper.b1.length + paper.b2.length)
      }
    }),
    { numRuns: 300 },
  )
})

test('the same over long times, in which what is wanted changes: all of its cases are met', () => {
  let state = 1
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  for (const c of [3, 8, 20]) {
    const paper = new PaperArc(c)
    const cache = new AdaptiveCache<number, Value>(c)
    for (let step = 0; step < 6000; step++) {
      const key = Math.floor(step / 500) % 2 === 0 ? below(1 + below(4 * c)) : below(2 * c) + Math.floor(step / 40)
      expect(use(cache, key)).toBe(paper.request(key))
      if (step % 10 === 0) expect([...cache.keys()]).toEqual([...paper.t2.toReversed(), ...paper.t1.toReversed()])
    }
  }
})

test('a larger unit changes nothing: it counts bytes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), requests, (c, keys) => {
      const [small, large] = [new AdaptiveCache<number, Value>(c), new AdaptiveCache<number, Value>(c * 4096)]
      for (const key of keys) expect(use(large, key, 4096)).toBe(use(small, key))
      expect([...large.keys()]).toEqual([...small.keys()])
    }),
  )
})

const weighted = fc.record({
  key: fc.nat(40),
  weight: fc.oneof(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 9 })),
  what: fc.constantFrom('use', 'use', 'use', 'set', 'delete', 'reserve'),
})

test('whatever the weights are, bytes and ghosts stay within their bounds, and the sums are those of what is there', () => {
  fc.assert(
    fc.property(fc.array(weighted, { maxLength: 200 }), (steps) => {
      const held = new Map<number, number>()
      const cache = new AdaptiveCache<number, Value>(100, { maxGhosts: 9, onEvict: (key) => held.delete(key) })
      let reserved = 0
      for (const { key, weight, what } of steps) {
        if (what === 'delete') {
          cache.delete(key)
          held.delete(key)
        } else if (what === 'reserve') {
          reserved = weight % 60
          cache.reserve(reserved)
        } else if (what === 'set' || cache.get(key) === undefined) {
          held.set(key, weight)
          cache.set(key, { of: key }, weight)
          if (weight > 100 - reserved) held.delete(key)
        }
        const bytes = [...held.values()].reduce((sum, each) => sum + each, 0)
        expect(new Set(cache.keys())).toEqual(new Set(held.keys()))
        expect(cache.stats).toMatchObject({ bytes, entries: held.size, maxBytes: 100 })
        expect(bytes).toBeLessThanOrEqual(100 - reserved)
        expect(cache.ghosts).toBeLessThanOrEqual(9)
      }
    }),
    { numRuns: 300 },
  )
})

test('what is read once does not put out what is used again and again', () => {
  const cache = new AdaptiveCache<number, Value>(1000)
  const often = Array.from({ length: 80 }, (_, key) => key)
  for (const key of [...often, ...often]) use(cache, key, 10)
  for (let key = 1000; key < 5000; key++) use(cache, key, 10)
  expect(often.filter((key) => cache.peek(key)).length).toBe(often.length)
})

test('what is asked for again soon after it went makes room for what was used lately, and the other way round', () => {
  const cache = new AdaptiveCache<number, Value>(10)
  const turn = (from: number) => Array.from({ length: 10 }, (_, step) => from + step)
  for (const key of [...turn(0), ...turn(0)]) use(cache, key)
  // Twice as many, each twice and then never again: what was used often is given up for them.
  let hits = 0
  for (let from = 100; from < 400; from += 10) {
    for (const key of [...turn(from).slice(0, 6), ...turn(from).slice(0, 6)]) if (use(cache, key)) hits++
  }
  expect(turn(0).filter((key) => cache.peek(key))).toEqual([])
  expect(hits).toBeGreaterThan(0.8 * 6 * 30)
})

test('ghosts are limited in number as well', () => {
  const ghostsOf = (maxGhosts?: number) => {
    const cache = new AdaptiveCache<number, Value>(20, { maxGhosts })
    for (const key of [1, 2, 3, 1, 2, 3]) use(cache, key)
    for (let key = 100; key < 200; key++) use(cache, key)
    return cache.ghosts
  }
  expect(ghostsOf(2)).toBe(2)
  expect(ghostsOf()).toBe(3)
})

test('counts hits, misses and what was put out; looking counts nothing', () => {
  const cache = new AdaptiveCache<string, object>(10)
  cache.countMiss(6)
  cache.set('a', {}, 6)
  cache.get('a')
  cache.get('b')
  cache.peek('a')
  cache.set('b', {}, 6)
  expect(cache.stats).toEqual({
    hits: 1,
    misses: 1,
    fetchedBytes: 6,
    evictions: 1,
    entries: 1,
    bytes: 6,
    maxBytes: 10,
  })
})

test('what was deleted is as if it had never been there', () => {
  const cache = new AdaptiveCache<number, Value>(2)
  for (const key of [1, 1, 2, 3]) use(cache, key)
  const ghosts = cache.ghosts
  for (const key of [1, 2, 3]) cache.delete(key)
  expect(cache.stats).toMatchObject({ entries: 0, bytes: 0 })
  expect(ghosts).toBe(1)
  expect(cache.ghosts).toBe(0)
})
