import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { LiveIds } from '../../src/upkeep/liveIds.js'

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex') as Hash
/** All in the same places of the table, and apart in one digit alone. */
const collidingId = (number: number) => `00000000${'ab'.repeat(20)}${String(number).padStart(16, '0')}` as Hash

test('a set of ids, and which of them were found', () => {
  const id = fc.nat(40).map((number) => (number < 20 ? hashOf(`${number}`) : collidingId(number)))
  const step = fc.record({ do: fc.constantFrom('add', 'find', 'has'), id })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ids = new LiveIds()
      const model = new Map<Hash, boolean>()
      for (const { do: what, id } of steps) {
        const isThere = model.has(id)
        if (what === 'add') expect(ids.add(id)).toBe(!isThere)
        else expect(ids[what as 'find' | 'has'](id)).toBe(isThere)
        if (what === 'add' && !isThere) model.set(id, false)
        if (what === 'find' && isThere) model.set(id, true)
      }
      expect(ids.size).toBe(model.size)
      expect([...ids.missing()].sort()).toEqual([...model].flatMap(([key, isFound]) => (isFound ? [] : [key])).sort())
    }),
  )
})

test('grows, and forgets nothing', () => {
  const ids = new LiveIds()
  const all = Array.from({ length: 20_000 }, (_, number) => hashOf(`${number}`))
  for (const id of all) expect(ids.add(id)).toBe(true)
  for (const id of all) expect(ids.add(id)).toBe(false)
  for (const id of all.slice(1)) expect(ids.find(id)).toBe(true)
  expect(ids.size).toBe(20_000)
  expect(ids.has(hashOf('another'))).toBe(false)
  expect([...ids.missing()]).toEqual([all[0]])
})
