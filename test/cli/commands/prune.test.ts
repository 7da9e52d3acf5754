import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  for (let number = 0; number < 5; number++) {
    bench.write('tree/f', `${number}\n`)
    await bench.commit('tree', `number ${number}`)
  }
  await bench.ok('tag', 'v1', 'main~3')
})
afterAll(() => bench.remove())

test('shows what stays and why, and with -n does nothing', async () => {
  const table = (await bench.ok('prune', '-n', '--keep-last', '2')).split('\n')
  expect(table[0]).toBe('main: 5 commits')
  expect(table[1]).toMatch(/^ {2}stays {2}[0-9a-f]{12} {2}[\d: -]{16} {2}number 4 {2}tip of main, last 1$/)
  expect(table[3]).toMatch(/^ {2}goes .* number 2 *$/)
  expect(table[4]).toMatch(/^ {2}stays .* number 1 +tag v1$/)
  expect(table[6]).toBe('2 commits would lose their files')
  expect(await bench.ok('prune', '-n', '--keep-last', '2')).toContain('2 commits would lose their files')
})

test('prunes; log and show say so, and other commands name the reason', async () => {
  const report = await bench.json<{ pruned: string[] }>('prune', '--keep-last', '2', '--keep-within', '0d')
  expect(report).toMatchObject({ dryRun: false, policy: 'keep last 2', branches: [{ name: 'main' }] })
  expect(report.pruned).toHaveLength(2)
  await bench.ok('gc', '--now')
  expect(await bench.ok('log')).toMatch(/^Pruned: \d{4}-\d\d-\d\d, its files are gone: keep last 2$/m)
  expect(await bench.ok('show', 'main~2')).toMatch(/^Pruned: /m)
  // The commit after it is compared with the nearest that has files.
  expect(await bench.ok('show', 'main~1')).toMatch(/compared with [0-9a-f]{12}[\s\S]*\n-1\n\+3\n/)
  const failure = await bench.fails(3, 'PRUNED', 'cat', 'main~2:f')
  expect(failure.hint).toContain('varve log')
  expect((await bench.run('verify')).status).toBe(0)
  const [, pruned] = (await bench.ok('log', '--json')).match(/"pruned":\{"time":"([^"]+)"/) ?? []
  expect(pruned).toMatch(/^\d{4}-/)
})

test('refuses what would keep nothing, or names nothing', async () => {
  expect(await bench.run('prune')).toMatchObject({ status: 2, err: expect.stringContaining('keeps nothing') })
  for (const argv of [
    ['--keep-last', '-1'],
    ['--keep-last', 'some'],
    ['--keep-within', 'long'],
    ['--keep-last', '1', '--branch', 'nope'],
    ['--keep-tag', 'nope*'],
    ['--keep-last', '1', 'main'],
  ]) {
    expect({ argv, status: (await bench.run('prune', ...argv)).status }).toEqual({ argv, status: 2 })
  }
  expect((await bench.run('prune', '--keep-last', '1', '--store', 'nowhere')).status).toBe(3)
})

test('runs gc as well when told to', async () => {
  const other = new Workbench()
  await other.init()
  for (let number = 0; number < 3; number++) {
    other.write('tree/f', `${number}\n`.repeat(1000))
    await other.commit('tree', `number ${number}`)
  }
  const said = await other.ok('prune', '--keep-last', '2', '--gc')
  expect(said).toMatch(/^1 commit lost its files\ncondemned \d+ chunks, /m)
  expect(await other.json('prune', '--keep-last', '1', '--gc')).toMatchObject({
    pruned: [expect.any(String)],
    gc: { dryRun: false, condemned: { chunks: expect.any(Number) }, dropped: { extents: 0 } },
  })
  expect(await other.run('prune', '-n', '--gc', '--keep-last', '1')).toMatchObject({ status: 2 })
  other.remove()
})
