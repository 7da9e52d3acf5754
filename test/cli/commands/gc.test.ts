import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/base/units.js'
import { Repository } from '../../../src/repository.js'
import { pseudoRandom } from '../../codec/inputs.js'
import { Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/kept', 'kept\n'.repeat(1000))
  await bench.commit('tree', 'first')
  await bench.ok('branch', 'side')
  bench.write('tree/gone', Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index * 31) >> 3)))
  await bench.ok('commit', '-q', '--from', 'tree', '-b', 'side', '-m', 'second')
  await bench.ok('branch', '-d', 'side')
})
afterAll(() => bench.remove())

test('says what it would do, condemns nothing while the reflog remembers, and frees with --now', async () => {
  expect(await bench.ok('gc')).toContain('nothing to collect')
  const dry = await bench.ok('gc', '-n', '--now')
  expect(dry).toMatch(/^would condemn \d+ chunks, [\d.]+ KiB raw$/m)
  expect(dry).toMatch(/^would (drop|rewrite) \d+ extents?/m)
  expect(await bench.ok('gc', '-n', '--now')).toBe(dry)
  const done = await bench.ok('gc', '--now')
  expect(done).toMatch(/^condemned \d+ chunks/m)
  expect(done).toMatch(/^(dropped|rewrote) \d+ extents?/m)
  expect(await bench.ok('gc', '--now')).toContain('nothing to collect')
  expect((await bench.run('verify')).status).toBe(0)
  expect(await bench.ok('cat', 'main:kept')).toBe('kept\n'.repeat(1000))
})

test('tells a program all of it', async () => {
  const report = await bench.json<Record<string, unknown>>('gc', '-n')
  expect(report).toMatchObject({
    dryRun: true,
    live: { chunks: expect.any(Number), bytes: expect.any(Number) },
    condemned: { chunks: 0, bytes: 0 },
    waiting: { chunks: 0, bytes: 0 },
    dropped: { extents: 0, chunks: 0, bytes: 0, storedBytes: 0 },
    rewritten: { extents: 0, chunks: 0, bytes: 0, storedBytes: 0, newStoredBytes: 0 },
    heldBy: [],
    notes: [],
  })
})

test('refuses what makes no sense', async () => {
  expect(await bench.run('gc', 'everything')).toMatchObject({ status: 2 })
  expect(await bench.run('config', 'set', 'gc-grace', 'soon')).toMatchObject({ status: 2 })
  expect(await bench.run('config', 'set', 'gc-waste', '0%')).toMatchObject({ status: 2 })
  expect(await bench.run('gc', '--store', 'nowhere.varve')).toMatchObject({ status: 3 })
  expect(await bench.run('config', 'set', 'gc-auto', 'perhaps')).toMatchObject({ status: 2 })
  expect(await bench.run('gc', '--rate', '0')).toMatchObject({ status: 2 })
  for (const option of ['--now', '--dry-run', '--explain=main:kept']) {
    expect(await bench.run('gc', '--auto', option)).toMatchObject({ status: 2 })
  }
  await bench.ok('config', 'set', 'gc-grace', '48h')
  expect(await bench.ok('config', 'get', 'gc-grace')).toBe('2d\n')
})

test('a commit starts it in the background when it did not run for a day, unless told not to', async () => {
  const daysAgo = async (days: number) => {
    const nowMs = () => Date.now() - days * DAY_MS
    const repo = await Repository.open(bench.path('.varve', 'store.varve'), { clock: { nowMs, zoneMinutes: () => 0 } })
    await repo.gc()
    await repo.close()
  }
  const started: (readonly string[])[] = []
  const startInBackground = async (args: readonly string[]) => {
    started.push(args)
  }
  const commit = async (text: string) => {
    bench.write('tree/kept', text)
    const run = await bench.runWith({ startInBackground }, 'commit', '-q', '--from', 'tree', '-m', text)
    expect(run.status).toBe(0)
    return started.splice(0)
  }
  await daysAgo(0.5)
  expect(await commit('too early')).toEqual([])
  expect(await bench.ok('gc', '--auto')).toContain('not due')
  await daysAgo(1.5)
  const [args = []] = await commit('in time')
  await bench.ok('config', 'set', 'gc-auto', 'off')
  expect(await commit('told not to')).toEqual([])
  await bench.ok('config', 'unset', 'gc-auto')
  expect(args).toContain('--auto')
  expect(await bench.ok(...args)).toBe('')
  expect(await commit('it ran')).toEqual([])
  expect((await bench.run('verify')).status).toBe(0)
})

test('by itself, it packs a store in which much was written, unless told not to', async () => {
  const own = new Workbench()
  try {
    await own.init()
    const repo = await Repository.open(own.path('.varve', 'store.varve'))
    // Of a store that was just tidied.
    await repo.gc()
    for (let count = 0; count < 60; count++) {
      const draft = await repo.draft('main')
      await draft.write('file', pseudoRandom(500, count + 1))
      await draft.commit({ message: `${count}`, author: 'Test <test@example.org>' })
    }
    await repo.close()
    await own.ok('config', 'set', 'pack-auto', 'off')
    expect(await own.ok('gc', '--auto')).toContain('not due')
    await own.ok('config', 'unset', 'pack-auto')
    const started: (readonly string[])[] = []
    own.write('tree/file', 'x')
    await own.runWith(
      { startInBackground: async (args) => void started.push(args) },
      ...['commit', '-q', '--from', 'tree', '-m', 'x'],
    )
    expect(started).toHaveLength(1)
    const { packed, ...collected } = await own.json('gc', '--auto')
    expect(collected).toEqual({})
    expect(packed).toMatchObject({ dryRun: false, isPacked: true })
    expect(await own.ok('gc', '--auto')).toContain('not due')
    expect((await own.run('verify')).status).toBe(0)
    expect(await own.run('config', 'set', 'pack-auto', 'perhaps')).toMatchObject({ status: 2 })
  } finally {
    own.remove()
  }
})
