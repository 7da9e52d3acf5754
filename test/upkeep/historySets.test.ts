/** Kept sets of histories over many runs of gc: how many there are, what making them costs, and when they are called wrong. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { Bitmap } from '../../src/codec/bitmap.js'
import { rowCheck } from '../../src/format/check.js'
import { KIND } from '../../src/format/kinds.js'
import { readCommit, writeCommit } from '../../src/history/commits.js'
import type { Repository } from '../../src/repository.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { groupOptions, publishOnly, writerOf } from '../support/groups.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

/** A store whose clock the test moves. */
async function newStore() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const store = await createRepository({ clock })
  const pass = (days: number): void => {
    nowMs += days * DAY_MS
  }
  return { ...store, clock, catalog: store.repo.parts.group.catalog, pass }
}

type Store = Awaited<ReturnType<typeof newStore>>

/** Kept sets of roots and along the way. */
function sets({ catalog }: Store) {
  return catalog.all<{ commit_id: Buffer; bytes: Buffer }>('SELECT * FROM bitmap WHERE length(commit_id) = 33')
}

/** Told before each object is read of which bytes are answered. */
function onRead({ parts }: Repository, told: (kind: number) => void): void {
  const { originals } = parts.store
  const get = originals.get.bind(originals)
  Object.assign(originals, {
    get: (...given: Parameters<typeof get>) => {
      told(given[0])
      return get(...given)
    },
  })
}

/** Done once, when the chunk tables are looked through the next time: that is after sets were asked, and before a walk. */
function beforeWalk({ parts }: Repository, act: () => Promise<unknown>): void {
  const volume = parts.group.volumes[0] as VolumeGroup['volumes'][number]
  const packedChunkRows = volume.packedChunkRows.bind(volume)
  Object.assign(volume, {
    packedChunkRows: async (...given: Parameters<typeof packedChunkRows>) => {
      const rows = await packedChunkRows(...given)
      Object.assign(volume, { packedChunkRows })
      await act()
      return rows
    },
  })
}

/** Commits without changes, each on the one before; most of them are not published one by one. */
async function chain({ repo, path }: Store, count: number) {
  await commitFiles(repo, { f: 'x' })
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  const store = await ChunkStore.open(group, systemClock)
  const first = (await repo.resolve('main')) as Hash
  const model = await readCommit(store, first)
  const ids = [first]
  const writer = writerOf(store)
  const add = (parent: Hash, message: string) => writeCommit(writer, { ...model, parents: [parent], message })
  for (let number = 1; number < count; number++) ids.push(await add(ids.at(-1) as Hash, `${number}`))
  return { ids, add, publish: () => publishOnly(writer) }
}

describe('making sets', () => {
  test('can be cancelled at any object', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`d${index}/f`, `${index}`])))
    const abort = new AbortController()
    let reads = 0
    onRead(repo, () => {
      if (++reads === 20) abort.abort()
    })
    await expect(repo.gc({ signal: abort.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(reads).toBe(20)
  })

  test('is told of', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, Object.fromEntries(Array.from({ length: 1100 }, (_, index) => [`d${index}/f`, `${index}`])))
    const told: (string | undefined)[] = []
    await repo.gc({ onProgress: ({ current }) => told.push(current) })
    expect(told[0]).toBe('making sets of what histories need')
  })

  test('that is interrupted keeps those that were made', async () => {
    const store = await newStore()
    const { repo } = store
    const { ids, publish } = await chain(store, 4200)
    await publish()
    await repo.createBranch('long', ids.at(-1) as Hash)
    const abort = new AbortController()
    let reads = 0
    onRead(repo, (kind) => {
      // Down to the first one, and most of the way up.
      if (kind === KIND.commit && ++reads === 2 * ids.length - 20) abort.abort()
    })
    await expect(repo.gc({ signal: abort.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(sets(store).length).toBeGreaterThan(0)
  })
})

describe('sets are few', () => {
  test('however often gc runs while branches move', async () => {
    const store = await newStore()
    const { repo, pass } = store
    const counts: number[] = []
    for (let round = 0; round < 12; round++) {
      await commitFiles(repo, { [`f${round}`]: pseudoRandom(2000, round) })
      await commitFiles(repo, { [`f${round}`]: pseudoRandom(2000, round + 100) }, 'x', 'other')
      pass(1)
      await repo.gc()
      counts.push(sets(store).length)
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(4)
  })

  test('however many tags are on commits beside the branches', async () => {
    const store = await newStore()
    const { repo } = store
    const { ids, add, publish } = await chain(store, 60)
    const sides: Hash[] = []
    for (const [index, id] of ids.entries()) sides.push(await add(id, `side ${index}`))
    await publish()
    await repo.createBranch('long', ids.at(-1) as Hash)
    for (const [index, id] of sides.entries()) await repo.createTag(`t${index}`, id)
    await repo.gc()
    expect(sets(store).length).toBeLessThanOrEqual(4)
    expect(await repo.gc()).toMatchObject({ condemned: { chunks: 0 }, notes: [] })
  })
})

describe('sets and the walk after them', () => {
  /** Something is ripe, so that a walk comes. */
  async function withRipe() {
    const store = await newStore()
    const { repo, pass } = store
    await repo.config.set('reflog-keep', '0')
    await repo.config.set('gc-grace', '0')
    for (const seed of [1, 2, 3]) await commitFiles(repo, { kept: pseudoRandom(100_000, seed) }, `${seed}`)
    await repo.gc()
    await commitFiles(repo, { gone: pseudoRandom(100_000, 9) }, 'gone', 'side')
    await repo.deleteBranch('side')
    pass(1)
    return store
  }

  test('a prune between the two is no reason to call sets wrong', async () => {
    const { repo, path, clock } = await withRipe()
    const other = await openRepository(path, { clock })
    beforeWalk(repo, () => other.prune({ keepLast: 1 }))
    const report = await repo.gc()
    expect(report.notes).toEqual([])
    expect(report.dropped.bytes + report.rewritten.bytes).toBeGreaterThan(100_000)
    // It was done.
    expect(await repo.prune({ keepLast: 1 })).toMatchObject({ pruned: [] })
    expect((await repo.verify()).problems).toEqual([])
  })

  test('a commit between the two costs no set', async () => {
    const store = await withRipe()
    const { repo, path, clock, pass } = store
    // Condemned now, ripe the next day: whoever condemns looks at the roots again.
    await repo.config.set('gc-grace', '1d')
    await repo.gc()
    pass(1)
    const other = await openRepository(path, { clock })
    const before = sets(store)
    beforeWalk(repo, () => commitFiles(other, { more: 'x' }, 'more', 'other'))
    const { notes, dropped, rewritten } = await repo.gc()
    expect(notes).toEqual([])
    expect(dropped.chunks + rewritten.chunks).toBeGreaterThan(0)
    expect(before).toHaveLength(1)
    expect(sets(store)).toEqual(before)
    expect(await repo.log({ from: 'other' }).next()).toMatchObject({ done: false })
  })

  test('sets that have too much are forgotten, though somebody commits before each walk', async () => {
    const store = await newStore()
    const { repo, path, clock, catalog, pass } = store
    await repo.config.set('reflog-keep', '0')
    await repo.config.set('gc-grace', '1d')
    await commitFiles(repo, { kept: pseudoRandom(100_000, 1) })
    await commitFiles(repo, { gone: pseudoRandom(300_000, 2) }, 'gone', 'side')
    await repo.gc()
    await repo.deleteBranch('side')
    const numbers = catalog.all<{ chunk_id: number }>('SELECT chunk_id FROM chunk').map(({ chunk_id }) => chunk_id)
    const all = Bitmap.of(Uint32Array.from(numbers)).serialize()
    catalog.write((tx) => {
      for (const { commit_id: id } of sets(store)) {
        const check = rowCheck(id, null, all)
        tx.run('UPDATE bitmap SET bytes = ?, row_check = ? WHERE commit_id = ?', all, check, id)
      }
    })
    const other = await openRepository(path, { clock })
    let [gone, commits] = [0, 0]
    for (let day = 0; day < 36; day++) {
      pass(1)
      beforeWalk(repo, () => commitFiles(other, { more: `${++commits}` }, 'more'))
      const { dropped, rewritten } = await repo.gc()
      gone += dropped.bytes + rewritten.bytes
    }
    expect(commits).toBe(36)
    expect(gone).toBeGreaterThan(300_000)
  })

  test('what sets condemn by mistake is not told of as condemned', async () => {
    const store = await withRipe()
    const { repo, catalog } = store
    catalog.write((tx) => {
      const none = Bitmap.of(new Uint32Array()).serialize()
      for (const { commit_id: id } of sets(store)) {
        tx.run('UPDATE bitmap SET bytes = ?, row_check = ? WHERE commit_id = ?', none, rowCheck(id, null, none), id)
      }
    })
    const { condemned, dropped, rewritten, notes } = await repo.gc()
    expect(notes).toHaveLength(1)
    expect(condemned.chunks).toBe(dropped.chunks + rewritten.chunks)
    expect((await repo.verify()).problems).toEqual([])
  })
})
