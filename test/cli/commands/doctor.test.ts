import { renameSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('tree/a', 'a')
  await bench.commit('tree', 'first')
})
afterEach(() => bench.remove())

interface Report {
  ok: boolean
  findings: { topic: string; message: string; advice: string; path?: string }[]
}

/** What is to be done about the store: how full the disk of this machine is, is not its business. */
async function findings(): Promise<Report['findings']> {
  const run = await bench.run('doctor', '--json')
  const report = JSON.parse(run.out) as Report
  expect(run.status).toBe(report.ok ? 0 : 1)
  expect(report.ok).toBe(report.findings.length === 0)
  return report.findings.filter(({ topic }) => topic !== 'disk-full')
}

test('a new store needs nothing', async () => {
  expect(await findings()).toEqual([])
  const run = await bench.run('doctor')
  expect(run.out).toMatch(run.status === 0 ? /^nothing is to be done\n$/ : /^disk-full: /)
})

test('says what is to be done, for people and for programs', async () => {
  await bench.ok('vg', 'extend', bench.path('more.pv'))
  renameSync(bench.path('more.pv'), bench.path('away'))
  expect(await findings()).toEqual([
    { topic: 'volume-missing', message: expect.any(String), advice: expect.any(String), path: bench.path('more.pv') },
  ])
  const run = await bench.run('doctor')
  expect(run.status).toBe(1)
  expect(run.out).toMatch(/^volume-missing: .*more\.pv.*\n {2}\S/)
  // Nothing for people, all the same.
  expect((await bench.run('doctor', '-q')).status).toBe(1)
})

test('refuses what makes no sense', async () => {
  expect(await bench.run('doctor', 'who')).toMatchObject({ status: 2 })
  expect(await bench.run('doctor', '--store', 'nowhere.varve')).toMatchObject({ status: 3 })
})
