/** gc (safety rule 5): what goes, what stays, when. */
import { copyFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { Lease } from '../../src/volume/lease.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { groupOptions, VOLUMES } from '../support/groups.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'

const GRACE_DAYS = 14

/** A store whose clock the test moves, a day at a time: more would count for less. */
async function newStore() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const store = await createRepository({ clock })
  const { repo, path } = store
  return {
    ...store,
    clock,
    leap: (days: number) => {
      nowMs += days * DAY_MS
    },
    /** Runs gc once a day. */
    async gcDaily(days: number) {
      for (let day = 0; day < days; day++) {
        nowMs += DAY_MS
        await repo.gc()
      }
      return repo.gc()
    },
    peek: async () => {
      const group = await VolumeGroup.open(path, groupOptions)
      onTestFinished(() => group.close())
      return group
    },
  }
}

const bytes = (seed: number, length = 200_000): Buffer => pseudoRandom(length, seed)

/** Nothing needs `gone` any more but the reflog. */
async function withGarbage() {
  const store = await newStore()
  const { repo } = store
  await commitFiles(repo, { kept: bytes(1) }, 'kept')
  const gone = await commitFiles(repo, { gone: bytes(2), kept: bytes(1) }, 'gone', 'side')
  await repo.deleteBranch('side')
  return { ...store, gone }
}

async function isSound(repo: Awaited<ReturnType<typeof newStore>>['repo']): Promise<void> {
  expect((await repo.verify()).problems).toEqual([])
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}

describe('what nothing reaches', () => {
  test('S-5: is condemned when the reflog forgets it, kept for the grace period, then dropped', async () => {
    const { repo, gone, gcDaily } = await withGarbage()
    await repo.config.set('reflog-keep', '5d')
    expect(await repo.gc()).toMatchObject({ condemned: { chunks: 0 }, dropped: { extents: 0 } })
    const stillThere = await gcDaily(4)
    expect(stillThere.condemned.chunks + stillThere.waiting.chunks).toBe(0)
    const condemned = await gcDaily(2)
    expect(condemned.waiting.bytes).toBeGreaterThan(200_000)
    expect(condemned.dropped.extents + condemned.rewritten.extents).toBe(0)
    // All that it holds can still be read, and brought back.
    expect((await repo.commit(gone)).message).toBe('gone')
    await gcDaily(GRACE_DAYS - 3)
    await repo.createBranch('back', gone)
    expect((await gcDaily(GRACE_DAYS + 2)).live.bytes).toBeGreaterThan(400_000)
    expect(await collect(repo.log({ from: 'back' }))).toHaveLength(1)
    await isSound(repo)
    await repo.deleteBranch('back')
    await gcDaily(6 + GRACE_DAYS + 2)
    await expect(repo.commit(gone)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    await isSound(repo)
  })

  test('goes at once with `now`, and its space goes back to the file system', async () => {
    const { repo, folder, gone } = await newStoreWithMuch()
    const before = sizeOf(folder)
    const dry = await repo.gc({ dryRun: true, now: true })
    expect(dry.dropped.extents + dry.rewritten.extents).toBeGreaterThan(0)
    expect(sizeOf(folder)).toBe(before)
    const report = await repo.gc({ now: true })
    expect(report.condemned.bytes).toBeGreaterThan(3_000_000)
    expect(report.dropped.extents).toBe(dry.dropped.extents)
    expect(report.rewritten.extents).toBe(dry.rewritten.extents)
    expect(before - sizeOf(folder)).toBeGreaterThan(2_700_000)
    expect(report.returnedBytes).toBeGreaterThan(2_700_000)
    await expect(repo.commit(gone)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    expect((await (await repo.at('main')).read('kept')).equals(bytes(1))).toBe(true)
    await isSound(repo)
    // What only the reflog names is gone: that is no damage to the next run.
    expect(await repo.gc()).toMatchObject({ condemned: { chunks: 0 }, waiting: { chunks: 0 }, dropped: { extents: 0 } })
  })

  test('a dry run changes nothing, not even what time it is', async () => {
    const { repo, peek } = await withGarbage()
    const group = await peek()
    const counters = () => group.catalog.all('SELECT name, value FROM counter ORDER BY name')
    const before = counters()
    const report = await repo.gc({ dryRun: true, now: true })
    expect(report.condemned.bytes).toBeGreaterThan(200_000)
    expect(counters()).toEqual(before)
    expect(group.catalog.all('SELECT * FROM condemned')).toEqual([])
    expect(group.catalog.all('SELECT * FROM upkeep')).toEqual([])
  })
})

async function newStoreWithMuch() {
  const store = await newStore()
  const { repo } = store
  await commitFiles(repo, { kept: bytes(1) }, 'kept')
  const gone = await commitFiles(repo, { gone: bytes(2, 3_500_000), kept: bytes(1) }, 'gone', 'side')
  await repo.deleteBranch('side')
  return { ...store, gone }
}

describe('what is kept', () => {
  test('all history of branches and tags, and what a detached folder stands at', async () => {
    const { repo, peek } = await newStore()
    const ids: string[] = []
    for (let number = 0; number < 5; number++) ids.push(await commitFiles(repo, { f: bytes(number) }, `${number}`))
    const tagged = await commitFiles(repo, { t: bytes(50) }, 'tagged', 'side')
    await repo.createTag('v1', tagged)
    const detached = await commitFiles(repo, { d: bytes(60) }, 'detached', 'other')
    const group = await peek()
    repo.parts.worktrees.add(group.catalog, {
      id: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
      path: '/somewhere',
      branch: undefined,
      head: detached as Hash,
    })
    await repo.deleteBranch('side')
    await repo.deleteBranch('other')
    await repo.gc({ now: true })
    for (const [number, id] of ids.entries()) {
      expect((await (await repo.at(id)).read('f')).equals(bytes(number))).toBe(true)
    }
    expect((await (await repo.at('v1')).read('t')).equals(bytes(50))).toBe(true)
    expect((await (await repo.at(detached)).read('d')).equals(bytes(60))).toBe(true)
    await isSound(repo)
  })

  test('S-5: what is condemned after a lease began stays as long as that lives', async () => {
    const { repo, gone, peek, clock } = await withGarbage()
    const group = await peek()
    const lease = Lease.take(group.catalog, 'reader', clock)
    const held = await repo.gc({ now: true })
    expect(held.dropped.extents + held.rewritten.extents).toBe(0)
    expect(held.waiting.bytes).toBeGreaterThan(200_000)
    expect(held.heldBy).toMatchObject([{ kind: 'reader', id: lease.id }])
    expect((await repo.commit(gone)).message).toBe('gone')
    group.catalog.write((tx) => lease.release(tx))
    const freed = await repo.gc({ now: true })
    expect(freed.dropped.bytes + freed.rewritten.bytes).toBeGreaterThan(200_000)
    await isSound(repo)
  })

  test('S-5: a clock that leaps by years brings nothing to its end', async () => {
    const { repo, gone, leap, gcDaily } = await withGarbage()
    await repo.config.set('reflog-keep', '0')
    await gcDaily(1)
    leap(365 * 10)
    const leapt = await repo.gc()
    expect(leapt.dropped.extents + leapt.rewritten.extents).toBe(0)
    leap(-365 * 20)
    await gcDaily(2)
    expect((await repo.commit(gone)).message).toBe('gone')
    await gcDaily(GRACE_DAYS)
    await expect(repo.commit(gone)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
  })

  test('the newest entries of the reflog, however the clock leaps', async () => {
    const { repo, gone, leap } = await withGarbage()
    await repo.gc()
    leap(365 * 10)
    expect(await repo.gc()).toMatchObject({ condemned: { chunks: 0 }, waiting: { chunks: 0 } })
    expect((await repo.commit(gone)).message).toBe('gone')
  })
})

describe('extents of which something is dead', () => {
  test('are rewritten once enough of them is, and what is left reads as before', async () => {
    const { repo, folder } = await newStore()
    const files = Object.fromEntries([...Array(40).keys()].map((number) => [`f${number}`, bytes(number, 20_000)]))
    const first = await commitFiles(repo, files, 'all', 'side')
    // Every second one lives on.
    const kept = Object.fromEntries(Object.entries(files).filter((_, index) => index % 2 === 0))
    await commitFiles(repo, kept, 'half')
    await repo.deleteBranch('side')
    const before = sizeOf(folder)
    await repo.config.set('gc-waste', '90%')
    expect(await repo.gc({ now: true })).toMatchObject({ rewritten: { extents: 0 } })
    await repo.config.set('gc-waste', '20%')
    const report = await repo.gc({ now: true })
    expect(report.rewritten.extents).toBeGreaterThan(0)
    expect(report.rewritten.bytes).toBeGreaterThan(350_000)
    expect(report.rewritten.storedBytes - report.rewritten.newStoredBytes).toBeGreaterThan(350_000)
    expect(sizeOf(folder)).toBeLessThan(before)
    const snapshot = await repo.at('main')
    for (const [path, content] of Object.entries(kept)) expect((await snapshot.read(path)).equals(content)).toBe(true)
    await expect(repo.commit(first)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    await isSound(repo)
    // The next has nothing to do.
    expect(await repo.gc({ now: true })).toMatchObject({ rewritten: { extents: 0 }, dropped: { extents: 0 } })
  })

  test('chunks keep their numbers', async () => {
    const { repo, peek } = await newStore()
    await commitFiles(repo, { a: bytes(1), b: bytes(2) }, 'both', 'side')
    await commitFiles(repo, { a: bytes(1) }, 'one')
    await repo.deleteBranch('side')
    const group = await peek()
    const rows = async () => {
      const all = await Promise.all(group.volumes.map((volume) => volume.chunkRows(undefined, 10_000)))
      return new Map(all.flat().map(({ hash, chunkId }) => [hash, chunkId]))
    }
    const before = await rows()
    expect((await repo.gc({ now: true })).rewritten.extents).toBeGreaterThan(0)
    const after = await rows()
    expect(after.size).toBeLessThan(before.size)
    for (const [hash, chunkId] of after) expect(before.get(hash)).toBe(chunkId)
  })
})

describe('gc drops nothing and says why', () => {
  test('when an object that is needed is damaged', async () => {
    const { repo, path } = await withGarbage()
    const group = await VolumeGroup.open(path, groupOptions)
    const eid = group.catalog.get<{ eid: number }>('SELECT min(eid) AS eid FROM extent WHERE class = 1')?.eid as number
    for (const volume of group.volumes) {
      const extent = await volume.read(eid)
      if (extent) await volume.remove([eid])
    }
    await group.close()
    const again = await openRepository(path)
    await expect(again.gc({ now: true })).rejects.toMatchObject({
      message: expect.stringMatching(/^gc dropped nothing: .*needed by main/),
    })
    expect((await repo.stats().catch(() => undefined))?.extents ?? 1).toBeGreaterThan(0)
  })

  test('when a chunk that is needed is in no chunk table', async () => {
    const { repo, path, peek } = await withGarbage()
    const group = await peek()
    const extents = group.catalog.all<{ eid: number }>('SELECT eid FROM extent WHERE class = 0 ORDER BY eid')
    const before = extents.length
    // Rows that a damaged page lost.
    for (const volume of group.volumes) {
      const rows = await volume.chunkRowsOf([extents[0]?.eid as number])
      const [row] = rows
      if (row) await damageRow(path, group, row.pv, row.hash)
    }
    await expect(repo.gc({ now: true })).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
    expect(group.catalog.all('SELECT eid FROM extent WHERE class = 0')).toHaveLength(before)
  })

  test('while another one is at work; one that was killed is none', async () => {
    const { repo, peek, clock } = await withGarbage()
    const group = await peek()
    const lease = group.catalog.write(() => Lease.take(group.catalog, 'upkeep', clock))
    await expect(repo.gc()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    group.catalog.write((tx) => tx.run('UPDATE lease SET pid = 999999999 WHERE id = ?', lease.id))
    await repo.gc()
  })

  test('on a store opened for reading', async () => {
    const { repo, path } = await withGarbage()
    await repo.close()
    const again = await openRepository(path, { readOnly: true })
    await expect(again.gc()).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
  })
})

async function damageRow(_path: string, group: VolumeGroup, pv: number, hash: Hash): Promise<void> {
  const volume = group.volume(pv)
  const tables = (volume as unknown as { database: { run(sql: string, ...values: unknown[]): void } }).database
  tables.run('DELETE FROM chunk WHERE hash = ?', hashToBytes(hash))
}

// In a store of one file the same transaction does both.
if (VOLUMES > 1) {
  test('what a killed gc left in a volume is dropped by the next', async () => {
    const { repo, peek } = await newStoreWithMuch()
    const group = await peek()
    const orphan = group.catalog
      .all<{ eid: number; pv: number }>('SELECT eid, pv FROM copy ORDER BY eid DESC')
      .find(({ pv }) => pv > 0)
    await repo.gc({ now: true })
    const volume = group.volume(orphan?.pv as number)
    expect(await volume?.list(orphan?.eid as number, (orphan?.eid as number) + 1)).toEqual([])
  })
}

test('S-5: a store of format 1 is upgraded by gc', async () => {
  const folder = new URL('../golden/store-v1/', import.meta.url)
  const { folder: target } = await createRepository()
  copyFileSync(new URL('one.varve', folder), join(target, 'old.varve'))
  const repo = await openRepository(join(target, 'old.varve'))
  const before = await repo.verify()
  await repo.gc({ now: true })
  expect((await repo.verify()).problems).toEqual(before.problems)
  const group = await VolumeGroup.open(join(target, 'old.varve'), groupOptions)
  onTestFinished(() => group.close())
  expect(group.catalog.hasUpkeep).toBe(true)
})
