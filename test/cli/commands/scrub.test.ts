import { renameSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Interruption } from '../../../cli/interrupt.js'
import { flipContent } from '../damage.js'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init('--compression', 'none')
  bench.write('tree/precious', CONTENT)
  await bench.commit('tree', 'first')
})
afterEach(() => bench.remove())

const CONTENT = Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * index * 31) >> 5))
const NUMBER = expect.any(Number)
const CHECKED = { volumes: NUMBER, extents: NUMBER, chunks: NUMBER, commits: 1, objects: NUMBER, bytes: NUMBER }

test('checks everything, and remembers it', async () => {
  expect(await bench.ok('scrub', '--status')).toBe('never finished\n')
  expect(await bench.json('scrub', '--status')).toEqual({ problems: [] })
  expect(await bench.ok('stats')).toContain('last scrub never\n')
  expect(await bench.ok('scrub')).toMatch(/^checked .*\nno problems found\n$/)
  expect(await bench.json('scrub', '--rate', '50M')).toEqual({
    ok: true,
    startedMs: NUMBER,
    finishedMs: NUMBER,
    checked: CHECKED,
    problems: [],
    healed: [],
    notes: [],
  })
  const status = await bench.ok('scrub', '--status')
  expect(status).toMatch(/^last: just now: no problems, in 0:0\d; \d+ extents?, .* read\nno damage is known\n$/)
  expect(await bench.json('scrub', '--status')).toEqual({
    last: { startedMs: NUMBER, finishedMs: NUMBER, checked: CHECKED, healed: 0, problems: 0 },
    problems: [],
  })
  expect(await bench.ok('stats')).toContain('last scrub just now: no problems\n')
})

test('interrupted, it says where it is and goes on from there', async () => {
  const stop = new AbortController()
  const options = {
    signal: stop.signal,
    nowMs: () => {
      if (!stop.signal.aborted) stop.abort(new Interruption('SIGINT', 130))
      return Date.now()
    },
    stderrIsTerminal: true,
  }
  expect((await bench.runWith(options, 'scrub')).status).toBe(130)
  expect(await bench.ok('scrub', '--status')).toMatch(
    /^interrupted, begun just now; at extent \d+ of \d+, .* read, 0 copies mended\nnever finished\n$/,
  )
  expect(await bench.json('scrub', '--status')).toMatchObject({ current: { nextExtent: NUMBER, lastExtent: NUMBER } })
  expect(await bench.ok('scrub')).toMatch(/^going on with the scrub begun just now\nchecked /)
  expect(await bench.ok('scrub', '--restart')).toMatch(/^checked /)
})

test('damage is told, remembered, and known until it is gone', async () => {
  flipContent(bench, CONTENT.subarray(1000, 1040))
  const run = await bench.run('scrub', '--no-heal')
  expect(run.status).toBe(5)
  expect(run.out).toMatch(/^CORRUPT_\w+ {2}.*\n(.*\n)*? {2}main:precious\n/m)
  expect(await bench.ok('scrub', '--status')).toMatch(/^last: just now: \d+ problems?.*\n(.*\n)*?CORRUPT_/)
  expect(await bench.ok('stats')).toMatch(/^last scrub just now: \d+ problems?$/m)
  expect((await bench.json<{ lastScrub: object }>('stats')).lastScrub).toEqual({
    startedMs: NUMBER,
    finishedMs: NUMBER,
    healed: 0,
    problems: NUMBER,
  })
  const doctor = await bench.run('doctor')
  expect(doctor.status).toBe(1)
  expect(doctor.out).toContain('damage: the last scrub found damage: ')
  flipContent(bench, Buffer.concat([Buffer.from([CONTENT[1000]! ^ 1]), CONTENT.subarray(1001, 1040)]))
  expect((await bench.run('scrub')).status).toBe(0)
  expect(await bench.ok('scrub', '--status')).toContain('no damage is known')
})

test.each([
  ['scrub', '--rate', '0'],
  ['scrub', '--rate', 'fast'],
  ['scrub', '--status', '--restart'],
  ['scrub', '--status', '--no-heal'],
  ['scrub', '--status', '--rate', '1M'],
  ['scrub', 'everything'],
])('refuses %s %s %s', async (...argv) => {
  const { status, err } = await bench.run(...argv.filter((word) => word !== undefined))
  expect(status).toBe(2)
  expect(err).not.toBe('')
  expect(await bench.json('scrub', '--status')).toEqual({ problems: [] })
})

test('a store that is not there, or misses a volume, is not scrubbed', async () => {
  await bench.fails(3, 'STORE_NOT_FOUND', 'scrub', '--store', 'nowhere.varve')
  await bench.ok('vg', 'extend', bench.path('more.pv'))
  await bench.putOnLast()
  renameSync(bench.path('more.pv'), bench.path('away'))
  await bench.fails(5, 'PV_MISSING', 'scrub')
  // How the last one went can be asked all the same.
  expect(await bench.ok('scrub', '--status')).toBe('never finished\n')
})
