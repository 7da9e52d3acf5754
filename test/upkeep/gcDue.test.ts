/** When gc is due, who keeps it from running, and what is remembered of a run that failed. */
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { failedGc } from '../../src/upkeep/lastGc.js'
import { Lease, listLeases } from '../../src/volume/lease.js'
import { UpkeepState } from '../../src/volume/upkeepState.js'
import { pseudoRandom } from '../codec/inputs.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

/** A store in which gc has nothing to do, and whose clock the test moves. */
async function newStore() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const store = await createRepository({ clock })
  const { repo } = store
  await repo.config.set('reflog-keep', '0')
  for (const seed of [1, 2, 3]) await commitFiles(repo, { kept: pseudoRandom(50_000, seed) }, `${seed}`)
  await repo.gc()
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { ...store, clock, catalog: repo.parts.group.catalog, pass }
}

/** An extent whose objects nobody can read, until it is mended. */
async function damage({ parts }: Repository, id: Hash): Promise<() => void> {
  const { catalog } = parts.group
  const [{ eid = 0 } = {}] = await parts.group.lookup([id])
  const { frame } = catalog.get<{ frame: Buffer }>('SELECT frame FROM payload WHERE eid = ?', eid) ?? {}
  const put = (bytes: Buffer) => catalog.write((tx) => tx.run('UPDATE payload SET frame = ? WHERE eid = ?', bytes, eid))
  put(Buffer.alloc(frame?.length ?? 0))
  return () => put(frame as Buffer)
}

describe('gc is due', () => {
  test('a day after the last, when something changed', async () => {
    const { repo, pass } = await newStore()
    await commitFiles(repo, { kept: 'x' })
    expect(await repo.isGcDue()).toBe(false)
    pass(DAY_MS)
    expect(await repo.isGcDue()).toBe(true)
    await repo.gc()
    pass(10 * DAY_MS)
    expect(await repo.isGcDue()).toBe(false)
  })

  test('when commits were pruned, though no branch moved', async () => {
    const { repo, pass } = await newStore()
    pass(2 * DAY_MS)
    expect(await repo.isGcDue()).toBe(false)
    await repo.prune({ keepLast: 1 })
    expect(await repo.isGcDue()).toBe(true)
  })

  test('night by night where nobody commits, until what the reflog kept is gone', async () => {
    const { repo, pass } = await newStore()
    await repo.config.set('reflog-keep', '5d')
    await repo.config.set('gc-grace', '3d')
    const gone = await commitFiles(repo, { gone: pseudoRandom(100_000, 9) }, 'gone', 'side')
    await repo.deleteBranch('side')
    await repo.gc()
    let runs = 0
    for (let night = 0; night < 20; night++) {
      pass(DAY_MS)
      if (!(await repo.isGcDue())) continue
      runs++
      await repo.gc()
    }
    await expect(repo.commit(gone)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    expect(runs).toBeGreaterThan(7)
    expect(runs).toBeLessThan(12)
  })

  test('in a store in which it never ran, after a hundred changes', async () => {
    const { repo } = await createRepository()
    const id = await commitFiles(repo, { kept: 'x' })
    for (let change = 2; change < 100; change++) await repo.createBranch(`b${change}`, id)
    expect(await repo.isGcDue()).toBe(false)
    await repo.createBranch('last', id)
    expect(await repo.isGcDue()).toBe(true)
  })

  test('and runs, where the note of the last one is damaged', async () => {
    const { repo, catalog, pass } = await newStore()
    catalog.write((tx) => tx.run("UPDATE upkeep SET row_check = row_check + 1 WHERE name = 'gc'"))
    pass(2 * DAY_MS)
    expect(await repo.isGcDue()).toBe(true)
    await repo.gc()
    expect(await repo.isGcDue()).toBe(false)
  })
})

describe('gc is not due', () => {
  test('while one is at work', async () => {
    const { repo, catalog, clock, pass } = await newStore()
    await commitFiles(repo, { kept: 'x' })
    pass(2 * DAY_MS)
    const lease = Lease.take(catalog, 'upkeep', clock)
    expect(await repo.isGcDue()).toBe(false)
    catalog.write((tx) => lease.release(tx))
    expect(await repo.isGcDue()).toBe(true)
  })

  test('again on the day on which it failed', async () => {
    const { repo, path, clock, pass } = await newStore()
    await commitFiles(repo, { kept: 'x' })
    pass(2 * DAY_MS)
    await damage(repo, (await repo.resolve('main~2')) as Hash)
    const again = await openRepository(path, { clock })
    expect(await again.isGcDue()).toBe(true)
    await expect(again.gc({ now: true })).rejects.toThrow('gc dropped nothing')
    expect(await again.isGcDue()).toBe(false)
    pass(DAY_MS)
    expect(await again.isGcDue()).toBe(true)
  })
})

test('a gc that failed leaves its problem, until one comes to its end', async () => {
  const { repo, path, clock, catalog, pass } = await newStore()
  const state = new UpkeepState(catalog)
  const mend = await damage(repo, (await repo.resolve('main~1')) as Hash)
  pass(HOUR_MS)
  const again = await openRepository(path, { clock })
  await expect(again.gc({ now: true })).rejects.toThrow('gc dropped nothing')
  expect(failedGc(state)).toEqual({ ms: clock.nowMs(), problem: expect.stringContaining('needed by main') })
  mend()
  await (await openRepository(path, { clock })).gc({ now: true })
  expect(failedGc(state)).toBeUndefined()
  // Whoever stopped it knows.
  await expect(repo.gc({ now: true, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(failedGc(state)).toBeUndefined()
})

describe('upkeep of another machine', () => {
  /** Says that it was begun now. */
  function elsewhere({ catalog, clock }: Awaited<ReturnType<typeof newStore>>): Lease {
    const lease = Lease.take(catalog, 'upkeep', clock)
    catalog.write((tx) => tx.run('UPDATE lease SET host = ? WHERE id = ?', `not-${hostname()}`, lease.id))
    return lease
  }

  test('keeps others out while it was heard of within a day, and not for ever', async () => {
    const store = await newStore()
    const { repo, catalog, pass } = store
    const { id } = elsewhere(store)
    pass(23 * HOUR_MS)
    await expect(repo.gc()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    pass(2 * HOUR_MS)
    await repo.gc()
    expect(listLeases(catalog).filter((lease) => lease.id === id)).toEqual([])
  })

  test('hears now and then of a gc that takes long', async () => {
    const { repo, catalog, clock, pass } = await newStore()
    await commitFiles(repo, { gone: pseudoRandom(100_000, 9) }, 'gone', 'side')
    await repo.deleteBranch('side')
    const silent: number[] = []
    const onProgress = () => {
      silent.push(clock.nowMs() - (listLeases(catalog).find(({ kind }) => kind === 'upkeep')?.startedMs ?? 0))
      pass(11 * MINUTE_MS)
    }
    await repo.gc({ now: true, onProgress })
    expect(silent.length).toBeGreaterThan(1)
    expect(Math.max(...silent)).toBeLessThan(11 * MINUTE_MS)
  })
})
