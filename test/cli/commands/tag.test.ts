import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
let ids: string[]
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  ids = []
  for (const message of ['first', 'second']) {
    bench.write('tree/a', message)
    ids.push(await bench.commit('tree', message))
  }
})
afterEach(() => bench.remove())

test('creates and lists', async () => {
  expect(await bench.ok('tag', 'v2', '-m', 'as delivered')).toBe(`tagged ${ids[1]!.slice(0, 12)} as v2\n`)
  expect(await bench.json('tag', 'v1', 'main~1')).toEqual({ action: 'created', name: 'v1', target: ids[0], was: null })
  expect(await bench.json('tag')).toEqual([
    { name: 'v1', kind: 'tag', target: ids[0], message: null, time: expect.any(String) },
    { name: 'v2', kind: 'tag', target: ids[1], message: 'as delivered', time: expect.any(String) },
  ])
  expect(await bench.ok('tag', 'list')).toMatch(
    /^v1 {2}[0-9a-f]{12} {2}.*\nv2 {2}[0-9a-f]{12} {2}.* {2}as delivered\n$/,
  )
  expect(await bench.json('log', 'v1')).toHaveLength(1)
})

test('a tag stays where it is unless forced', async () => {
  await bench.ok('tag', 'v1')
  await bench.fails(4, 'REF_EXISTS', 'tag', 'v1', 'main~1')
  expect(await bench.json('tag', '-f', 'v1', 'main~1')).toEqual({
    action: 'moved',
    name: 'v1',
    target: ids[0],
    was: ids[1],
  })
})

test('deletes', async () => {
  await bench.ok('tag', 'v1')
  expect(await bench.ok('tag', '-d', 'v1')).toBe(`deleted tag v1 (was ${ids[1]!.slice(0, 12)})\n`)
  expect(await bench.ok('tag')).toBe('')
  await bench.fails(3, 'REF_NOT_FOUND', 'tag', '-d', 'v1')
})

test('names and revisions that cannot be', async () => {
  await bench.fails(2, 'INVALID_REF_NAME', 'tag', 'a..b')
  await bench.fails(3, 'UNKNOWN_REVISION', 'tag', 'v1', 'nothing')
})
