/** Sets of what commits need with all their history: checked against a plain walk, and by what gc makes of wrong ones. */
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { Bitmap } from '../../src/codec/bitmap.js'
import { rowCheck } from '../../src/format/check.js'
import { KIND } from '../../src/format/kinds.js'
import { readCommit, writeCommit } from '../../src/history/commits.js'
import { reachable } from '../../src/history/reach.js'
import type { Repository } from '../../src/repository.js'
import { HistoryBitmaps, type PrunedView } from '../../src/upkeep/historyBitmaps.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { Chance } from '../crash/support/chance.js'
import { groupOptions } from '../support/groups.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

const NONE = { has: () => false, stamp: '' }

function idsOf(bitmap: Bitmap): number[] {
  return [...bitmap.batches()].flatMap((batch) => [...batch])
}

async function walked(store: ChunkStore, roots: readonly Hash[], pruned = NONE): Promise<number[]> {
  const numbers = new Set<number>()
  for await (const { id } of reachable(store, roots, { parents: true, pruned })) {
    for (const { chunkId } of await store.group.lookup([id])) numbers.add(chunkId)
  }
  return [...numbers].sort((a, b) => a - b)
}

async function made(store: ChunkStore, roots: readonly Hash[], pruned: PrunedView = NONE) {
  const sets = new HistoryBitmaps(store, pruned, { keeps: true })
  const live = Bitmap.of(new Uint32Array())
  for (const root of roots) await sets.addTo(live, { kind: KIND.commit, id: root })
  sets.write()
  return idsOf(live)
}

async function peek(path: string) {
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  return { group, store: await ChunkStore.open(group, systemClock) }
}

const rows = (group: VolumeGroup) => group.catalog.all<{ commit_id: Buffer; bytes: Buffer }>('SELECT * FROM bitmap')

async function* nothing(): AsyncGenerator<Hash> {
  yield* []
}

/** A commit with the files of `at`, and these parents. */
async function mergeOf(store: ChunkStore, at: Hash, parents: readonly Hash[]): Promise<Hash> {
  const writer = new StoreWriter(store, { compression: { codec: 'none' } as never })
  const id = await writeCommit(writer, { ...(await readCommit(store, at)), parents: [...parents], message: 'merge' })
  await writer.publish({ apply: () => undefined, reach: () => nothing() })
  return id
}

/** Branches that grow, fork and join; ids in the order of making. */
async function tangle(repo: Repository, store: ChunkStore, seed: number, commits: number): Promise<Hash[]> {
  const chance = new Chance('tangle', seed)
  const ids: Hash[] = []
  for (let number = 0; number < commits; number++) {
    const branch = `b${chance.below(3)}`
    const files = {
      [`d${chance.below(3)}/f${chance.below(4)}`]: pseudoRandom(chance.between(1, 40_000), chance.below(30)),
      [`d${chance.below(3)}/g`]: pseudoRandom(200_000, chance.below(4)),
    }
    ids.push((await commitFiles(repo, files, `${number}`, branch)) as Hash)
    if (ids.length > 2 && chance.below(3) === 0) {
      const [ours, theirs] = [chance.below(ids.length), chance.below(ids.length)].map((index) => ids[index] as Hash)
      if (ours !== theirs) ids.push(await mergeOf(store, ours as Hash, [ours as Hash, theirs as Hash]))
    }
  }
  return ids
}

describe('the set of a history', () => {
  test.each([1, 2, 3])('is what a plain walk finds, whatever was kept before (%i)', async (seed) => {
    const { repo, path } = await createRepository()
    const { store, group } = await peek(path)
    const ids = await tangle(repo, store, seed, 14)
    const chance = new Chance('roots', seed)
    for (let round = 0; round < 12; round++) {
      const roots = ids.filter(() => chance.below(4) === 0)
      expect(await made(store, roots)).toEqual(await walked(store, roots))
    }
    expect(rows(group).length).toBeGreaterThan(2)
    // Each kept one is that of its commit, and no more.
    for (const id of ids) expect(await made(store, [id])).toEqual(await walked(store, [id]))
  })

  test('is kept along the way of a long one, and a branch that goes back starts from there', async () => {
    const { repo, path } = await createRepository()
    const ids: Hash[] = []
    for (let number = 0; number < 150; number++) {
      ids.push((await commitFiles(repo, { f: Buffer.from(`${number}`) }, `${number}`)) as Hash)
    }
    const { store, group } = await peek(path)
    await made(store, [ids.at(-1) as Hash])
    expect(rows(group)).toHaveLength(3)
    for (const id of [ids[149], ids[140], ids[63], ids[20]]) {
      expect(await made(store, [id as Hash])).toEqual(await walked(store, [id as Hash]))
    }
  })

  test('that is damaged or lost is made anew', async () => {
    const { repo, path } = await createRepository()
    for (const number of [1, 2, 3]) await commitFiles(repo, { f: pseudoRandom(50_000, number) }, `${number}`)
    const { store, group } = await peek(path)
    const tip = (await repo.commit('main')).id
    const sound = await made(store, [tip])
    for (const damage of [
      'UPDATE bitmap SET row_check = row_check + 1',
      "UPDATE bitmap SET bytes = x'00'",
      'DELETE FROM bitmap',
    ]) {
      group.catalog.write((tx) => tx.run(damage))
      expect(await made(store, [tip])).toEqual(sound)
    }
  })

  test('of commits that lose their files meanwhile is not kept', async () => {
    const { repo, path } = await createRepository()
    for (const number of [1, 2, 3]) await commitFiles(repo, { f: pseudoRandom(50_000, number) }, `${number}`)
    const { store, group } = await peek(path)
    const tip = (await repo.commit('main')).id
    const sets = new HistoryBitmaps(store, repo.parts.pruned, { keeps: true })
    await sets.addTo(Bitmap.of(new Uint32Array()), { kind: KIND.commit, id: tip })
    await repo.prune({ keepLast: 1 })
    sets.write()
    expect(rows(group)).toEqual([])
    await made(store, [tip], repo.parts.pruned)
    expect(rows(group)).toHaveLength(1)
    await commitFiles(repo, { g: pseudoRandom(50_000, 4) }, '4')
    await repo.prune({ keepLast: 1 })
    expect(rows(group)).toEqual([])
  })
})

describe('gc', () => {
  async function newStore() {
    let nowMs = Date.UTC(2026, 0, 1)
    const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
    const { repo, path } = await createRepository({ clock })
    await repo.config.set('reflog-keep', '0')
    await commitFiles(repo, { first: pseudoRandom(200_000, 1) }, 'first')
    await commitFiles(repo, { first: pseudoRandom(200_000, 2), dir: Buffer.from('x') }, 'second')
    const { group, store } = await peek(path)
    const later = async (days: number) => {
      for (let day = 0; day < days; day++) {
        nowMs += DAY_MS
        await repo.gc()
      }
      nowMs += DAY_MS
      return repo.gc()
    }
    /** A branch of its own, and the loss of it. */
    const litter = async (seed: number) => {
      await commitFiles(repo, { gone: pseudoRandom(300_000, seed) }, 'gone', 'side')
      await repo.deleteBranch('side')
    }
    return { repo, group, store, later, litter }
  }

  /** Kept sets with sound checks, in which something is wrong. */
  function falsify(group: VolumeGroup, change: (set: Bitmap) => void): void {
    group.catalog.write((tx) => {
      for (const { commit_id, bytes } of rows(group)) {
        const set = Bitmap.deserialize(bytes)
        change(set)
        const wrong = set.serialize()
        const check = rowCheck(commit_id, null, wrong)
        tx.run('UPDATE bitmap SET bytes = ?, row_check = ? WHERE commit_id = ?', wrong, check, commit_id)
      }
    })
  }

  test('condemns by sets, and reads no tree of what it knows', async () => {
    const { repo, group, store, litter } = await newStore()
    await repo.gc()
    expect(rows(group).length).toBeGreaterThan(0)
    await litter(3)
    const { tree } = await readCommit(store, (await repo.commit('main')).id)
    const [row] = await group.lookup([tree.id as Hash])
    // Whoever reads it fails; and nobody does before something is to be dropped.
    const file = new Database(group.volumes.find(({ number }) => number === row?.pv)?.location ?? '')
    file.prepare('UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ?').run(row?.eid)
    file.close()
    const again = await openRepository(group.catalog.path)
    expect((await again.gc()).condemned.bytes).toBeGreaterThan(300_000)
    await expect(again.gc({ now: true })).rejects.toThrow('gc dropped nothing')
  })

  test('S-5: what a wrong set calls dead is condemned at most, and kept by the walk', async () => {
    const { repo, group, later, litter } = await newStore()
    await repo.gc()
    falsify(group, (set) => set.and(Bitmap.of(new Uint32Array())))
    expect((await repo.gc()).condemned.bytes).toBeGreaterThan(400_000)
    await litter(3)
    const notes: string[] = []
    for (let day = 0; day < 20; day++) notes.push(...(await later(0)).notes)
    expect(notes.filter((note) => note.includes('sets'))).toHaveLength(1)
    expect((await repo.verify()).problems).toEqual([])
    const report = await repo.gc()
    expect(report.waiting.chunks).toBe(0)
    expect(report.live.bytes).toBeGreaterThan(400_000)
  })

  test('what a wrong set calls alive is found dead by the walk of each month, and the set forgotten', async () => {
    const { repo, group, later, litter } = await newStore()
    await repo.gc()
    await litter(3)
    falsify(group, (set) => set.addMany(Uint32Array.from({ length: 500 }, (_, id) => id)))
    expect((await repo.gc()).condemned.chunks).toBe(0)
    const condemned: number[] = []
    const notes: string[] = []
    for (let day = 0; day < 32; day++) {
      const report = await later(0)
      condemned.push(report.condemned.chunks)
      notes.push(...report.notes)
    }
    expect(condemned.reduce((sum, chunks) => sum + chunks, 0)).toBeGreaterThan(0)
    expect(notes.filter((note) => note.includes('sets'))).toHaveLength(1)
    await later(15)
    expect((await repo.verify()).problems).toEqual([])
    expect((await repo.gc({ dryRun: true, now: true })).condemned.chunks).toBe(0)
  })
})
