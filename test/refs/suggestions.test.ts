import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editDistance, suggest } from '../../src/refs/suggestions.js'

test.each([
  ['main', 'main', 0],
  ['main', 'mian', 1],
  ['main', 'man', 1],
  ['main', 'mains', 1],
  ['main', 'maim', 1],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
])('from %j to %j it is %d', (a, b, distance) => {
  expect(editDistance(a, b, 10)).toBe(distance)
  expect(editDistance(b, a, 10)).toBe(distance)
})

test('distances above the bound are only said to be above it', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), fc.nat(8), (a, b, most) => {
      const exact = editDistance(a, b, 100)
      const bounded = editDistance(a, b, most)
      if (exact <= most) expect(bounded).toBe(exact)
      else expect(bounded).toBeGreaterThan(most)
    }),
  )
})

describe('suggest', () => {
  test('names the nearest first, three at most, each once', () => {
    const names = ['master', 'main', 'maine', 'mainly', 'mains', 'other', 'main']
    expect(suggest('mian', names)).toEqual(['main'])
    expect(suggest('Mainy', names)).toEqual(['main', 'maine', 'mainly'])
    expect(suggest('nothing', names)).toEqual([])
  })
})
