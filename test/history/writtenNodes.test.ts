import { expect, test } from 'vitest'
import { type Hash, parseHash } from '../../src/base/hash.js'
import { KIND } from '../../src/format/kinds.js'
import { WrittenNodes } from '../../src/history/nodeCache.js'

const idOf = (number: number): Hash => parseHash(number.toString(16).padStart(64, '0'))

test('a node that was written needs no decoding, if its bytes are the very ones', () => {
  const nodes = new WrittenNodes()
  const items = [1, 2, 3]
  const bytes = Buffer.from('as it was written')
  nodes.add(idOf(1), { kind: KIND.tree, level: 0, bytes, items })
  expect(nodes.get(KIND.tree, 0, idOf(1), Buffer.from(bytes))).toBe(items)
  // Replaced: something else is answered for the id.
  expect(nodes.get(KIND.tree, 0, idOf(1), Buffer.from('what took its place'))).toBeUndefined()
  expect(nodes.get(KIND.tree, 1, idOf(1), bytes)).toBeUndefined()
  expect(nodes.get(KIND.manifest, 0, idOf(1), bytes)).toBeUndefined()
  expect(nodes.get(KIND.tree, 0, idOf(2), bytes)).toBeUndefined()
})

test('attributes are decoded: they hold bytes of whoever wrote them', () => {
  const nodes = new WrittenNodes()
  const bytes = Buffer.from('attributes')
  nodes.add(idOf(1), { kind: KIND.attributes, level: 0, bytes, items: [1] })
  expect(nodes.get(KIND.attributes, 0, idOf(1), bytes)).toBeUndefined()
})

test('the ones that were written first go first', () => {
  const nodes = new WrittenNodes()
  const items = Array.from({ length: 1000 }, (_, index) => index)
  const bytes = Buffer.from('many')
  for (let number = 0; number < 10; number++) nodes.add(idOf(number), { kind: KIND.tree, level: 0, bytes, items })
  const kept = Array.from({ length: 10 }, (_, number) => nodes.get(KIND.tree, 0, idOf(number), bytes) !== undefined)
  expect(kept).toEqual([false, false, true, true, true, true, true, true, true, true])
})
