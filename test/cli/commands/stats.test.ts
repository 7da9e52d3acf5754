import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES, Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/a.txt', 'the same line over and over\n'.repeat(2000))
  bench.write('tree/copy.txt', 'the same line over and over\n'.repeat(2000))
  await bench.commit('tree', 'first')
  bench.write('tree/b', 'b')
  await bench.commit('tree', 'second')
})
afterAll(() => bench.remove())

const NUMBER = expect.any(Number)

test('counts and measures', async () => {
  const stats = await bench.json<Record<string, number>>('stats')
  expect(stats).toEqual({
    commits: 2,
    logicalFiles: 5,
    logicalBytes: 2 * 112_000 + 1,
    chunks: NUMBER,
    uniqueBytes: NUMBER,
    objects: NUMBER,
    objectBytes: NUMBER,
    extents: NUMBER,
    storedBytes: NUMBER,
    fileBytes: NUMBER,
    savedBy: { dedupBytes: NUMBER, compressionBytes: NUMBER, basesBytes: NUMBER },
    volumes: expect.arrayContaining([
      expect.objectContaining({ number: 0, path: expect.any(String), extents: NUMBER, problem: null }),
    ]),
    lastScrub: null,
  })
  expect(stats.uniqueBytes).toBeLessThanOrEqual(56_001)
})

test('shows people where the bytes went', async () => {
  const lines = (await bench.ok('stats')).split('\n')
  expect(lines[0]).toMatch(/^logical +219 KiB {2}2 commits, 5 files$/)
  for (const word of ['unique', 'objects', 'stored', 'on disk', '  dedup', '  compression', '  bases']) {
    expect(
      lines.some((line) => line.startsWith(word)),
      word,
    ).toBe(true)
  }
  expect(lines.some((line) => line.startsWith('pv'))).toBe(VOLUMES > 1)
})

test('an empty store has none', async () => {
  const empty = new Workbench()
  await empty.init()
  expect(await empty.json('stats')).toMatchObject({ commits: 0, logicalBytes: 0, uniqueBytes: 0 })
  expect((await empty.ok('stats')).split('\n')[0]).toMatch(/^logical +0 B {2}0 commits, 0 files$/)
  empty.remove()
})
