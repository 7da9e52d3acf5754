import { afterEach, beforeEach, describe, expect, test } from 'vitest'
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

async function targets(): Promise<Record<string, string>> {
  const branches = await bench.json<{ name: string; target: string }[]>('branch')
  return Object.fromEntries(branches.map((branch) => [branch.name, branch.target]))
}

test('lists', async () => {
  await bench.ok('branch', 'topic', 'main~1')
  expect(await bench.json('branch')).toEqual([
    { name: 'main', target: ids[1], time: expect.stringMatching(/^\d{4}-.*Z$/), default: true, subject: 'second' },
    { name: 'topic', target: ids[0], time: expect.any(String), default: false, subject: 'first' },
  ])
  const out = await bench.ok('branch', 'list')
  expect(out).toMatch(/^\* main {3}[0-9a-f]{12} {2}.* {2}second\n {2}topic {2}[0-9a-f]{12} {2}.* {2}first\n$/)
})

test('marks where the folder stands; of a store that is named, the default branch', async () => {
  await bench.ok('switch', '-q', '-f', '-c', 'topic')
  expect(await bench.ok('branch')).toMatch(/^ {2}main .*\n\* topic /)
  expect(await bench.ok('branch', '--store', '.varve/store.varve')).toMatch(/^\* main .*\n {2}topic /)
  await bench.ok('switch', '-q', '--detach', 'main')
  expect(await bench.ok('branch')).not.toContain('*')
})

test('creates, at HEAD or elsewhere', async () => {
  expect(await bench.ok('branch', 'topic')).toBe(`created branch topic at ${ids[1]!.slice(0, 12)}\n`)
  expect(await bench.json('branch', 'old', 'main~1')).toEqual({
    action: 'created',
    name: 'old',
    target: ids[0],
    was: null,
  })
  expect(await targets()).toEqual({ main: ids[1], topic: ids[1], old: ids[0] })
})

test('moves a branch only when forced', async () => {
  await bench.ok('branch', 'topic')
  await bench.fails(4, 'REF_EXISTS', 'branch', 'topic', 'main~1')
  expect(await bench.json('branch', '-f', 'topic', 'main~1')).toEqual({
    action: 'moved',
    name: 'topic',
    target: ids[0],
    was: ids[1],
  })
  expect(await bench.ok('branch', '-f', 'topic')).toMatch(/^moved branch topic to .* \(was .*\)\n$/)
})

test('renames', async () => {
  await bench.ok('branch', 'topic')
  expect(await bench.json('branch', '-m', 'topic', 'theme')).toEqual({
    action: 'renamed',
    name: 'theme',
    target: ids[1],
    was: 'topic',
  })
  expect(Object.keys(await targets())).toEqual(['main', 'theme'])
  await bench.fails(4, 'REF_EXISTS', 'branch', '-m', 'theme', 'main')
  await bench.fails(3, 'REF_NOT_FOUND', 'branch', '-m', 'nothing', 'x')
})

describe('deletes', () => {
  test('and says what was there', async () => {
    await bench.ok('branch', 'topic', 'main~1')
    expect(await bench.ok('branch', '-d', 'topic')).toBe(`deleted branch topic (was ${ids[0]!.slice(0, 12)})\n`)
    expect(Object.keys(await targets())).toEqual(['main'])
    await bench.ok('branch', 'rescued', ids[0]!)
  })

  test('in JSON', async () => {
    await bench.ok('branch', 'topic')
    expect(await bench.json('branch', '-d', 'topic')).toEqual({
      action: 'deleted',
      name: 'topic',
      target: null,
      was: ids[1],
    })
  })

  test('nothing that is not there', async () => {
    await bench.fails(3, 'REF_NOT_FOUND', 'branch', '-d', 'nothing')
  })
})

test.each(['a..b', '-x', 'a b', 'a~1', '.hidden', 'a.lock', 'a//b', '@', 'a\u0007'])('%j is no name', async (name) => {
  await bench.fails(2, 'INVALID_REF_NAME', 'branch', '--', name)
})

test('an unknown start', async () => {
  await bench.fails(3, 'UNKNOWN_REVISION', 'branch', 'x', 'nothing')
})
