import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
})
afterEach(() => bench.remove())

test('lists what there is', async () => {
  const entries = await bench.json<{ name: string }[]>('config')
  expect(await bench.json('config', 'list')).toEqual(entries)
  const description = expect.any(String)
  expect(entries).toEqual(
    expect.arrayContaining([
      { name: 'default-branch', value: 'main', source: 'default', description },
      { name: 'compression', value: 'zstd:3', source: 'default', description },
      { name: 'author', value: '', source: 'default', description },
      { name: 'attributes', value: 'mtime,mode,links', source: 'default', description },
    ]),
  )
  expect(await bench.ok('config')).toMatch(/^default-branch +main +default +\S/m)
})

test('gets, sets and unsets', async () => {
  expect(await bench.json('config', 'set', 'author', 'Ann')).toEqual({ name: 'author', value: 'Ann', source: 'local' })
  expect(await bench.ok('config', 'get', 'author')).toBe('Ann\n')
  expect(await bench.json('config', 'get', 'author')).toEqual({ name: 'author', value: 'Ann', source: 'local' })
  expect(await bench.json('config', 'unset', 'author')).toEqual({ name: 'author', value: '', source: 'default' })
  expect(await bench.ok('config', 'get', 'author')).toBe('\n')
  expect(await bench.ok('config', 'set', 'default-branch', 'trunk')).toBe('default-branch = trunk\n')
  expect(await bench.ok('config', 'unset', 'default-branch')).toBe('default-branch = main (default)\n')
})

test('another default branch is the one that HEAD means', async () => {
  bench.write('tree/a', 'a')
  await bench.commit('tree', 'x', '-b', 'trunk')
  await bench.fails(3, 'UNKNOWN_REVISION', 'log')
  await bench.ok('config', 'set', 'default-branch', 'trunk')
  expect(await bench.json<unknown[]>('log')).toHaveLength(1)
})

test('what is no setting, or no value for it', async () => {
  await bench.fails(2, 'INVALID_ARGUMENT', 'config', 'get', 'colour')
  await bench.fails(2, 'INVALID_ARGUMENT', 'config', 'set', 'colour', 'blue')
  await bench.fails(2, 'INVALID_ARGUMENT', 'config', 'set', 'compression', 'zip')
  const error = await bench.fails(2, 'INVALID_ARGUMENT', 'config', 'unset', 'authr')
  expect(JSON.stringify(error)).toContain('author')
})
