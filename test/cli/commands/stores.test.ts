/** Stores that are none, or not in order: every command says the same about them. */
import { truncateSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(() => {
  bench = new Workbench()
})
afterEach(() => bench.remove())

test('a file that is no store', async () => {
  bench.write('file', 'not a store at all\n'.repeat(1000))
  await bench.fails(3, 'NOT_A_STORE', '--store', 'file', 'log')
  bench.write('empty', '')
  await bench.fails(3, 'NOT_A_STORE', '--store', 'empty', 'log')
})

test('a folder is no store', async () => {
  bench.write('folder/a', 'a')
  expect((await bench.run('--store', 'folder', 'log')).status).toBe(3)
})

test('a truncated store is damage, and nothing is written to it', async () => {
  await bench.ok('init')
  bench.write('tree/a', 'a')
  await bench.commit('tree', 'one')
  truncateSync(bench.path('.varve/store.varve'), 8192)
  expect([3, 5]).toContain((await bench.run('log')).status)
  expect([3, 5]).toContain((await bench.run('commit', '--from', 'tree', '-m', 'x')).status)
})

describe('the store', () => {
  beforeEach(async () => {
    await bench.init()
    bench.write('tree/a', 'a')
    await bench.commit('tree', 'one')
  })

  test('is found from a folder below, from elsewhere by -C, --store and VARVE_STORE', async () => {
    bench.write('deep/er/x', 'x')
    const elsewhere = new Workbench()
    const store = bench.path('.varve/store.varve')
    expect(await bench.ok('-C', 'deep/er', 'log', '--oneline')).toContain('one')
    expect(await elsewhere.ok('log', '--oneline', '-C', bench.folder)).toContain('one')
    expect(await elsewhere.ok('log', '--oneline', '--store', store)).toContain('one')
    expect((await elsewhere.runWith({ env: { VARVE_STORE: store } }, 'log', '--oneline')).out).toContain('one')
    elsewhere.remove()
  })

  test('has suggestions for a revision that is not there, candidates for one that is two', async () => {
    const unknown = await bench.run('show', 'mainn')
    expect(unknown).toMatchObject({ status: 3, out: '' })
    expect(unknown.err).toMatch(/^varve: .*mainn/)
    expect(unknown.err).toContain('main')
    // Among seventeen ids two begin alike at least; four digits are too many to hope for, so ids are made until they do.
    const seen = new Map<string, string>()
    for (let number = 0; number < 2000; number++) {
      bench.write('tree/a', String(number))
      const id = await bench.commit('tree', String(number))
      const twin = seen.get(id.slice(0, 4))
      seen.set(id.slice(0, 4), id)
      if (twin === undefined) continue
      const error = await bench.fails(3, 'AMBIGUOUS_REVISION', 'show', id.slice(0, 4))
      expect(JSON.stringify(error)).toContain(id.slice(0, 12))
      expect(JSON.stringify(error)).toContain(twin.slice(0, 12))
      const run = await bench.run('show', id.slice(0, 4))
      expect(run.err).toContain(twin.slice(0, 12))
      return
    }
    throw new Error('no two ids begin alike')
  })
})
