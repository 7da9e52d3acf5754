/** Numbers of chunks: those that sets do not hold, those that writers give back, and chunks that are stored under two of them. */
import { expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.js'
import { DAY_MS } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { parseCompression } from '../../src/codec/compressor.js'
import { KIND } from '../../src/format/kinds.js'
import { rewriteExtents } from '../../src/upkeep/rewrite.js'
import { Lease } from '../../src/volume/lease.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { extentsOf, groupOptions, publishOnly, writerOf } from '../support/groups.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

/** A store whose reflog keeps nothing, and in which days pass with a gc each. */
async function newStore() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const { repo, path } = await createRepository({ clock, compression: 'none' })
  await repo.config.set('reflog-keep', '0')
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  const gcDaily = async (days: number) => {
    const reports = []
    for (let day = 0; day < days; day++) {
      nowMs += DAY_MS
      reports.push(await repo.gc())
    }
    return reports
  }
  return { repo, path, group, store: await ChunkStore.open(group, systemClock), gcDaily }
}

type Store = Awaited<ReturnType<typeof newStore>>

/** The next chunks get numbers that sets do not hold; no root needs them. */
async function litterHigh({ repo, group }: Store): Promise<void> {
  group.catalog.write((tx) => tx.advance('next_chunk_id', 2 ** 32))
  await commitFiles(repo, { gone: pseudoRandom(200_000, 1) }, 'gone', 'side')
  await repo.deleteBranch('side')
}

/** Chunks that are stored more than once, and their numbers. */
function doubles({ group }: Store) {
  return group.catalog.all<{ low: number; high: number }>(
    'SELECT min(chunk_id) AS low, max(chunk_id) AS high FROM chunk GROUP BY hash HAVING count(*) > 1',
  )
}

/** Moves all chunks of some extents of files into new ones, those stored twice into one. */
async function rewrite({ store, group }: Store, eids?: readonly number[]): Promise<void> {
  const ofFiles = extentsOf(group).filter(({ record }) => record.class === 0)
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  const everything = { lease, compression: parseCompression('none'), keeps: () => true, allows: () => true }
  await rewriteExtents(store, eids ?? ofFiles.map(({ record }) => record.eid), everything)
  group.catalog.write((tx) => lease.release(tx))
}

/** Two writers at once store the same file; the branch of the second is gone at the end. */
async function commitTwice({ repo, path }: Store, isFirstLate: boolean) {
  const other = await openRepository(path)
  const [one, two] = [await repo.draft('main'), await other.draft('side')]
  const big = pseudoRandom(1_500_000, 7)
  // Who writes first has the lower numbers.
  for (const draft of isFirstLate ? [two, one] : [one, two]) await draft.write('dir/big', big)
  await two.write('more', 'm')
  await one.commit({ message: '1' })
  await repo.gc()
  return async () => {
    await two.commit({ message: '2' })
    await repo.deleteBranch('side')
  }
}

test('what no root reaches may have numbers that sets do not hold', async () => {
  const store = await newStore()
  const { repo, gcDaily } = store
  await repo.config.set('gc-grace', '0')
  await commitFiles(repo, { kept: 'x' })
  await gcDaily(1)
  await commitFiles(repo, { low: pseudoRandom(200_000, 2) }, 'low', 'side')
  await repo.deleteBranch('side')
  await litterHigh(store)
  // The others bring a walk, which finds these.
  const reports = await gcDaily(2)
  const bytes = reports.map(({ dropped, rewritten }) => dropped.bytes + rewritten.bytes)
  expect(bytes.reduce((sum, each) => sum + each)).toBeGreaterThan(400_000)
  expect(reports.flatMap(({ notes }) => notes)).toEqual([])
})

test('and no owner of space needs it', async () => {
  const store = await newStore()
  await commitFiles(store.repo, { kept: 'x' })
  const { total } = await store.repo.space()
  await litterHigh(store)
  expect((await store.repo.space()).total).toMatchObject({ chunks: total.chunks, rawBytes: total.rawBytes })
})

test('a writer gives back the numbers that it did not take', async () => {
  const { repo, group } = await newStore()
  const before = group.catalog.counter('next_chunk_id')
  // More than an extent each: smaller ones take their numbers when they are published.
  for (let seed = 0; seed < 3; seed++) await commitFiles(repo, { f: pseudoRandom(1_200_000, seed) })
  const taken = group.catalog.counter('next_chunk_id') - before
  const { chunks } = group.catalog.get<{ chunks: number }>('SELECT count(*) AS chunks FROM chunk') ?? { chunks: 0 }
  expect(taken).toBeLessThan(2 * chunks)
})

test('what is dead and was stored twice goes, though a rewrite made one of it meanwhile', async () => {
  const made = await newStore()
  const { repo, store, group, gcDaily } = made
  await repo.config.set('gc-grace', '3d')
  await commitFiles(repo, { kept: pseudoRandom(100_000, 5) })
  const writers = [writerOf(store), writerOf(store)]
  for (const writer of writers) {
    for (let seed = 100; seed < 140; seed++) await writer.put(KIND.chunk, pseudoRandom(40_000, seed))
  }
  for (const writer of writers) await publishOnly(writer)
  const twice = doubles(made)
  expect(twice.length).toBeGreaterThan(10)
  // Those with the low numbers come last then, and the others are condemned.
  const low = new Set(twice.map((each) => each.low))
  const rows = group.catalog.all<{ eid: number; chunk_id: number }>('SELECT eid, chunk_id FROM chunk')
  await rewrite(made, [...new Set(rows.filter((row) => low.has(row.chunk_id)).map(({ eid }) => eid))])
  expect((await gcDaily(1))[0]?.condemned.chunks).toBeGreaterThan(0)
  await rewrite(made)
  expect(doubles(made)).toEqual([])
  expect((await gcDaily(10)).at(-1)?.waiting.chunks).toBe(0)
})

test('what is live and was stored twice is not condemned', async () => {
  const made = await newStore()
  await (await commitTwice(made, false))()
  expect(doubles(made).length).toBeGreaterThan(0)
  const reports = await made.gcDaily(6)
  const [first = 0, ...later] = reports.map(({ condemned }) => condemned.chunks)
  // The commit, its trees and its own file.
  expect(first).toBeLessThan(10)
  expect(later).toEqual([0, 0, 0, 0, 0])
  expect(reports.flatMap(({ notes }) => notes)).toEqual([])
})

test('a rewrite that makes one of two leaves no set that lacks it', async () => {
  const made = await newStore()
  const { repo, gcDaily } = made
  await repo.config.set('gc-grace', '0')
  const end = await commitTwice(made, true)
  const before = (await repo.space()).owners[0]
  await end()
  expect(doubles(made).length).toBeGreaterThan(0)
  await rewrite(made)
  expect((await repo.space()).owners[0]?.all.rawBytes).toBe(before?.all.rawBytes)
  const reports = await gcDaily(2)
  expect(reports.flatMap(({ notes }) => notes)).toEqual([])
  expect((await repo.verify()).problems).toEqual([])
})
