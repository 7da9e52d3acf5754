/** When packing is due: for stores that are not large, when much was written, and not again and again. */
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { DAY_MS, MIB } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { pseudoText } from '../codec/inputs.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

/** A store that gc has looked at, and whose clock the test moves; with so many commits, each of them two extents. */
async function newStore(commits: number) {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const store = await createRepository({ clock })
  const { repo } = store
  const pass = (ms: number): void => {
    nowMs += ms
  }
  await repo.gc()
  await grow(repo, commits)
  return { ...store, clock, catalog: repo.parts.group.catalog, pass }
}

let seed = 1
async function grow(repo: Repository, commits: number): Promise<void> {
  for (let count = 0; count < commits; count++) await commitFiles(repo, { [`f${count % 5}`]: pseudoText(2000, seed++) })
}

describe('packing is due', () => {
  test('once there are many extents, and again when the store has grown by as much', async () => {
    const { repo, pass } = await newStore(40)
    expect(await repo.isPackDue()).toBe(false)
    await grow(repo, 15)
    expect(await repo.isPackDue()).toBe(true)
    expect(await repo.pack()).toMatchObject({ isPacked: true })
    pass(2 * DAY_MS)
    expect(await repo.isPackDue()).toBe(false)
    await grow(repo, 45)
    expect(await repo.isPackDue()).toBe(false)
    await grow(repo, 10)
    expect(await repo.isPackDue()).toBe(true)
  })

  test('not when what is new is little beside what is there', async () => {
    const { repo, catalog, pass } = await newStore(60)
    await repo.pack()
    pass(2 * DAY_MS)
    await grow(repo, 60)
    expect(await repo.isPackDue()).toBe(true)
    catalog.write((tx) => tx.run('UPDATE extent SET stored_bytes = ? WHERE eid = (SELECT min(eid) FROM extent)', MIB))
    expect(await repo.isPackDue()).toBe(false)
  })

  test('not for a large store, nor where other upkeep is at work, nor for a store that no upkeep ever saw', async () => {
    const { repo, catalog, path } = await newStore(60)
    expect(await repo.isPackDue()).toBe(true)
    let during: boolean | undefined
    const other = await openRepository(path)
    await repo.pack({
      onProgress: () => {
        during ??= catalog.get('SELECT 1 FROM lease') !== undefined
      },
    })
    expect(during).toBe(true)
    expect(await other.isPackDue()).toBe(false)
    const large = await newStore(60)
    large.catalog.write((tx) => tx.run('UPDATE extent SET raw_bytes = ? WHERE eid = 1', 512 * MIB))
    large.catalog.write((tx) => tx.run('UPDATE extent SET raw_bytes = ?', 10 * MIB))
    expect(await large.repo.isPackDue()).toBe(false)
    const { repo: untouched } = await createRepository()
    expect(await untouched.isPackDue()).toBe(false)
  })

  test('a day after one that came to no end at the soonest', async () => {
    const { repo, pass } = await newStore(60)
    const controller = new AbortController()
    const work = repo.pack({ signal: controller.signal, onProgress: () => controller.abort() })
    await expect(work).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await repo.isPackDue()).toBe(false)
    pass(DAY_MS)
    expect(await repo.isPackDue()).toBe(true)
    // A clock that was set back must not put it off for years.
    await repo.pack({ signal: AbortSignal.abort() }).catch(() => undefined)
    pass(-400 * DAY_MS)
    expect(await repo.isPackDue()).toBe(true)
  })

  test('after one that found nothing to save, when something was written since', async () => {
    const { repo, pass } = await newStore(60)
    await repo.pack({ archive: true })
    expect(await repo.pack()).toMatchObject({ isPacked: false })
    pass(2 * DAY_MS)
    expect(await repo.isPackDue()).toBe(false)
    await grow(repo, 60)
    expect(await repo.isPackDue()).toBe(true)
  })

  test('though what is remembered of the last is damaged', async () => {
    const { repo, catalog } = await newStore(60)
    await repo.pack()
    await grow(repo, 60)
    catalog.write((tx) => tx.run("UPDATE upkeep SET value = '{' WHERE name = 'packed'"))
    expect(await repo.isPackDue()).toBe(true)
    expect(await repo.pack()).toMatchObject({ isPacked: true })
    expect(await repo.isPackDue()).toBe(false)
  })
})
