import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/f', 'f\n')
  await bench.commit('tree', 'first')
  bench.write('tree/f', 'another\n')
  await bench.commit('tree', 'second')
  await bench.ok('branch', 'side', 'main~1')
})
afterAll(() => bench.remove())

test('shows branches, or the commits of one', async () => {
  const lines = (await bench.ok('space')).split('\n')
  expect(lines[0]).toMatch(/^ *unique +stored +raw *$/)
  expect(lines[1]).toMatch(/ branch main$/)
  expect(lines[2]).toMatch(/^ *0 B .* branch side$/)
  expect(lines[3]).toMatch(/ needed by several$/)
  expect(lines[4]).toMatch(/ all together$/)
  const commits = (await bench.ok('space', '--by', 'commit')).split('\n')
  expect(commits[1]).toMatch(/ [0-9a-f]{12} second$/)
  expect(commits[2]).toMatch(/ [0-9a-f]{12} first$/)
  expect(await bench.json('space', '--by', 'commit', '--branch', 'side')).toMatchObject({
    owners: [{ name: expect.stringMatching(/^[0-9a-f]{64}$/), unique: { rawBytes: expect.any(Number) } }],
  })
})

test('says in what two revisions differ', async () => {
  const { owners, shared } = await bench.json<{
    owners: { name: string; all: { chunks: number }; unique: { chunks: number; rawBytes: number } }[]
    shared: { chunks: number }
  }>('space', 'main~1', 'main')
  expect(owners.map(({ name }) => name)).toEqual(['main~1', 'main'])
  for (const { all, unique } of owners) expect(unique.chunks + shared.chunks).toBe(all.chunks)
  // The file, its tree and the commit; what is recorded of it may be the same.
  expect(owners[1]?.unique.chunks).toBeGreaterThanOrEqual(3)
  expect((await bench.ok('space', 'main~1', 'main')).split('\n')[2]).toMatch(/ main$/)
  expect(await bench.json('space', 'main', 'side')).toMatchObject({ owners: [{ name: 'main' }, { name: 'side' }] })
})

test('refuses what makes no sense', async () => {
  for (const argv of [
    ['main', '--by', 'commit'],
    ['--by', 'day'],
    ['--branch', 'side'],
  ]) {
    expect({ argv, status: (await bench.run('space', ...argv)).status }).toEqual({ argv, status: 2 })
  }
  await bench.fails(3, 'REF_NOT_FOUND', 'space', '--by', 'commit', '--branch', 'nope')
  await bench.fails(3, 'UNKNOWN_REVISION', 'space', 'main', 'nope')
  expect((await bench.run('space', '--store', 'nowhere')).status).toBe(3)
})
