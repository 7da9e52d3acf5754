/** vg recover: the file of the catalog is gone. */
import { randomBytes } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
const CATALOG = '.varve/store.varve'

beforeEach(async () => {
  bench = new Workbench()
  await bench.ok('init')
  bench.write('tree/a', 'a')
  await bench.ok('vg', 'extend', 'one.pv')
})
afterEach(() => bench.remove())

function lose(): void {
  for (const end of ['', '-wal', '-shm']) rmSync(bench.path(`${CATALOG}${end}`), { force: true })
}

test('makes the catalog anew, and the working folder goes on', async () => {
  await bench.ok('pv', 'change', '0', '--allocatable', 'n')
  await bench.commit('tree', 'x')
  const log = await bench.json('log')
  lose()
  await bench.fails(3, 'STORE_NOT_FOUND', 'log')
  expect(await bench.ok('vg', 'recover', '-n', 'one.pv')).toMatch(
    /^would make the catalog .*store\.varve: \d+ extents?, .* stored, on 1 volume\n1 branch, 0 tags, last moved /,
  )
  expect(existsSync(bench.path(CATALOG))).toBe(false)
  expect(await bench.ok('vg', 'recover', 'one.pv')).toMatch(
    /^made the catalog .*\n1 branch, 0 tags, .*\nall that history names is there\n$/,
  )
  expect(await bench.json('log')).toEqual(log)
  expect(await bench.json('verify')).toMatchObject({ ok: true })
  await bench.fails(4, 'STORE_EXISTS', 'vg', 'recover', 'one.pv')
  await bench.fails(2, 'INVALID_ARGUMENT', 'vg', 'recover', CATALOG)
  await bench.fails(3, 'STORE_NOT_FOUND', 'vg', 'recover', 'nowhere')
})

test('says what is gone', async () => {
  await bench.ok('pv', 'change', '0', '--allocatable', 'n')
  await bench.commit('tree', 'x')
  await bench.ok('pv', 'change', '0', '--allocatable', 'y')
  await bench.ok('pv', 'change', '1', '--allocatable', 'n')
  bench.write('tree/b', randomBytes(300_000))
  await bench.commit('tree', 'y')
  lose()
  const { status, out, err } = await bench.run('vg', 'recover', 'one.pv')
  expect(err).toMatch(/^warning: branch main was at [0-9a-f]{12}, which is gone: it is at [0-9a-f]{12}\n$/)
  expect(out).toContain('all that history names is there')
  expect(status).toBe(5)
  expect(await bench.json<unknown[]>('log')).toHaveLength(1)
})

test('does without a volume where that is said', async () => {
  await bench.ok('vg', 'extend', 'two.pv')
  await bench.ok('lv', 'convert', 'default', '-m', '1', '1', '2')
  await bench.commit('tree', 'x')
  lose()
  renameSync(bench.path('two.pv'), bench.path('away'))
  const refused = await bench.fails(5, 'PV_MISSING', 'vg', 'recover', 'one.pv')
  expect(refused.hint).toContain('--partial')
  const report = await bench.json('vg', 'recover', '--partial', 'one.pv')
  expect(report).toMatchObject({ dryRun: false, missing: [{ number: 2 }], branches: 1, moved: [], problems: [] })
  expect(await bench.json<unknown[]>('pv')).toHaveLength(2)
})
