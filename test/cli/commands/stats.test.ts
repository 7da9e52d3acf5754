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

test('--cache reads revisions, and tells of extents and objects', async () => {
  const of = { hits: NUMBER, misses: NUMBER, fetchedBytes: NUMBER, evictions: 0, entries: NUMBER, bytes: NUMBER }
  const report = await bench.json<Record<string, Record<string, number>[]>>('stats', '--cache', 'main~1', 'main')
  expect(report).toEqual({
    read: [
      { revision: 'main~1', files: 2, bytes: 112_000, fetchedBytes: NUMBER },
      { revision: 'main', files: 3, bytes: 112_001, fetchedBytes: NUMBER },
    ],
    extents: { ...of, maxBytes: 32 * 2 ** 20 },
    objects: { ...of, maxBytes: 16 * 2 ** 20 },
  })
  // What the first read took is in memory for the second.
  expect(report.read?.[1]?.fetchedBytes).toBeLessThan(report.read?.[0]?.fetchedBytes ?? 0)
})

test('--cache for people, of HEAD, with the memory that was asked for', async () => {
  const lines = (await bench.ok('stats', '--cache', '--cache-size', '1M')).split('\n')
  expect(lines[0]).toMatch(/^HEAD: 3 files, 109 KiB read; \d+.* of extents fetched$/)
  expect(lines[2]).toMatch(/^ +hits +misses +hit rate +put out +held$/)
  expect(lines[3]).toMatch(/^extents +\d+ +\d+ .* of 1\.00 MiB$/)
  expect(lines[4]).toMatch(/^objects +\d+ +\d+ .* of 16\.0 MiB$/)
})

test.each([
  [['stats', 'main'], 2, /revisions go with --cache/],
  [['stats', '--cache-size', '1M'], 2, /--cache-size goes with --cache/],
  [['stats', '--cache', '--cache-size', '0'], 2, /at least 1 byte/],
  [['stats', '--cache', '--cache-size', 'much'], 2, /number of bytes/],
  [['stats', '--cache', 'nowhere'], 3, /nowhere/],
])('%j is refused', async (args, status, message) => {
  const { status: ended, err } = await bench.run(...args)
  expect(err).toMatch(message)
  expect(ended).toBe(status)
})
