/** Stores that are none, or not in order: every command says the same about them. */
import { truncateSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Repository } from '../../../src/index.js'
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

  test('has suggestions for a revision that is not there', async () => {
    const unknown = await bench.run('show', 'mainn')
    expect(unknown).toMatchObject({ status: 3, out: '' })
    expect(unknown.err).toMatch(/^varve: .*mainn/)
    expect(unknown.err).toContain('main')
  })

  test('has candidates for an id that is two', async () => {
    const clock = { nowMs: () => 1_000_000_000_000, zoneMinutes: () => 0 }
    const repository = await Repository.open(bench.path('.varve/store.varve'), { clock })
    const seen = new Map<string, string>()
    let twins: [string, string] | undefined
    // The first two begin alike; should ids ever be computed otherwise, some two will within a few hundred.
    for (const number of [...TWINS, ...Array(2000).keys()]) {
      const draft = await repository.draft(`b${number}`)
      const { id } = await draft.commit({ message: `number ${number}`, author: 'Ann', allowEmpty: true })
      const twin = seen.get(id.slice(0, 4))
      if (twin !== undefined && twin !== id) {
        twins = [twin, id]
        break
      }
      seen.set(id.slice(0, 4), id)
    }
    await repository.close()
    const [one, other] = twins!
    const run = await bench.run('show', one.slice(0, 4))
    expect(run).toMatchObject({ status: 3, out: '' })
    for (const id of [one, other]) expect(run.err).toContain(id.slice(0, 12))
    const error = await bench.fails(3, 'AMBIGUOUS_REVISION', 'show', one.slice(0, 4))
    expect(error.details?.candidates).toEqual([one, other].toSorted())
    expect(await bench.json('show', one)).toMatchObject({ commit: { id: one } })
  })
})

/** Messages whose commits, made at one time by one author without parents, have ids that begin alike. */
const TWINS = [53, 187]
