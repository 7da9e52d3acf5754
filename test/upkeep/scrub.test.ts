/** Scrub: what it reads, mends and remembers; that it goes on where it was; and that it is in nobody's way. */

import { rename } from 'node:fs/promises'
import { hostname } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.js'
import { systemRandomness } from '../../src/base/random.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { PrunedCommits } from '../../src/refs/pruned.js'
import { Refs } from '../../src/refs/refs.js'
import type { Repository } from '../../src/repository.js'
import { type ScrubContext, type ScrubOptions, scrubStore } from '../../src/upkeep/scrub.js'
import { type ScrubStatus, scrubStatus } from '../../src/upkeep/scrubState.js'
import { Throttle } from '../../src/upkeep/throttle.js'
import { type LeaseKind, listLeases } from '../../src/volume/lease.js'
import { UpkeepState } from '../../src/volume/upkeepState.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { groupOptions, seededRandom } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { change, copyOf, createMirrored, dataExtents, flip } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

const random = seededRandom('scrub')

/** Extents of 64 KiB, a good dozen of them. */
async function newStore() {
  const made = await createRepository({ compression: 'none', chunkBytes: 1024, extentBytes: 65_536 })
  await commitFiles(made.repo, { a: random.bytes(400_000), b: random.bytes(400_000) })
  return made
}

interface Scrubber {
  readonly group: VolumeGroup
  /** Numbers of the extents read while extents were scrubbed. */
  readonly read: number[]
  /** Held while history was walked. */
  readonly leases: readonly LeaseKind[]
  scrub(options?: ScrubOptions): ReturnType<typeof scrubStore>
  status(): ScrubStatus
}

/** Opens a closed store so that the test is told of each extent that is about to be read. */
async function scrubber(
  path: string,
  onRead: (eid: number, group: VolumeGroup) => Promise<void> | void = () => undefined,
  context: Partial<ScrubContext> & { readonly clock?: Clock } = {},
): Promise<Scrubber> {
  const read: number[] = []
  const group: VolumeGroup = await VolumeGroup.open(path, {
    ...groupOptions,
    wrapVolume: (volume) =>
      hookedVolume(volume, {
        read: async (real, eid) => {
          read.push(eid)
          await onRead(eid, group)
          return real.read(eid)
        },
      }),
  })
  onTestFinished(() => group.close())
  const clock = context.clock ?? systemClock
  const store = await ChunkStore.open(group, clock)
  const leases: LeaseKind[] = []
  const roots = () => {
    leases.push(...listLeases(group.catalog).map(({ kind }) => kind))
    const refs = new Refs(group.catalog, clock).list()
    return refs.map(({ name, target }) => ({ name: name.slice('heads/'.length), id: target }))
  }
  const subject = { store, roots, checkRows: [], pruned: new PrunedCommits(group.catalog) }
  return {
    group,
    read,
    leases,
    scrub: (options) => scrubStore({ subject, random: systemRandomness, ...context }, options),
    status: () => scrubStatus(group.catalog),
  }
}

/** Scrubs until `count` extents were read, then stops as Ctrl-C would. */
async function interrupted(path: string, count: number, options: ScrubOptions = {}): Promise<ScrubStatus> {
  const stop = new AbortController()
  const { group, read, scrub, status } = await scrubber(path, () => {
    if (read.length === count) stop.abort()
  })
  await expect(scrub({ ...options, signal: stop.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(read).toHaveLength(count)
  const left = status()
  await group.close()
  return left
}

describe('a round', () => {
  test('checks what verify checks, and is remembered', async () => {
    const { repo } = await newStore()
    expect(await repo.scrubStatus()).toEqual({ current: undefined, atWork: undefined, last: undefined, problems: [] })
    const report = await repo.scrub()
    expect(report).toMatchObject({ ok: true, problems: [], healed: [], notes: [] })
    expect(report.checked).toEqual((await repo.verify()).checked)
    const { startedMs, finishedMs, checked } = report
    expect(await repo.scrubStatus()).toEqual({
      current: undefined,
      atWork: undefined,
      last: { startedMs, finishedMs, checked, healed: 0, problems: 0 },
      problems: [],
    })
  })

  test('that was interrupted goes on where it was, and reports on all of it', async () => {
    const { repo, path } = await newStore()
    const { checked, ...whole } = await repo.verify()
    const eids = dataExtents(repo)
    const hit = eids[1] ?? 0
    change(copyOf(repo, hit).file, flip(hit))
    await repo.close()

    const left = await interrupted(path, 5)
    expect(left.atWork).toBeUndefined()
    expect(left.current?.checked.extents).toBe(5)
    expect(left.problems).toEqual([expect.objectContaining({ code: 'CORRUPT_EXTENT', extent: hit })])
    const next = left.current?.nextExtent ?? 0

    const { read, scrub, status, group } = await scrubber(path)
    const seen: number[] = []
    const report = await scrub({
      onProgress: ({ current = '', itemsTotal }) => {
        if (current.startsWith('extent ')) seen.push(read.at(-1) ?? next)
        expect(itemsTotal).toBe(checked.extents)
      },
    })
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(next)
    expect(report.startedMs).toBe(left.current?.startedMs)
    expect(report.checked.extents).toBe(checked.extents)
    expect(report.checked.bytes).toBeLessThan(checked.bytes)
    expect(report.ok).toBe(false)
    // The file is named, though the damage was found in another session.
    const found = report.problems.filter(({ code }) => code === 'CORRUPT_EXTENT')
    expect(found).toEqual([expect.objectContaining({ extent: hit, paths: [expect.stringMatching(/^main:[ab]$/)] })])
    expect(status()).toMatchObject({ last: { problems: report.problems.length }, problems: report.problems })
    expect(whole.ok).toBe(true)
    await group.close()
  })

  test('that is interrupted at every extent comes to its end all the same', async () => {
    const { repo, path } = await newStore()
    const { checked } = await repo.verify()
    await repo.close()
    for (let session = 1; session < checked.extents; session++) {
      expect((await interrupted(path, 1)).current?.checked.extents).toBe(session)
    }
    const again = await openRepository(path)
    expect((await again.scrub()).checked).toEqual(checked)
  })

  test('ends with what was there when it began', async () => {
    const { repo, path } = await newStore()
    const before = (await repo.verify()).checked.extents
    await repo.close()
    await interrupted(path, 3)
    const writing = await openRepository(path)
    await commitFiles(writing, { c: random.bytes(400_000) })
    expect((await writing.scrub()).checked.extents).toBe(before)
    expect((await writing.scrub()).checked.extents).toBeGreaterThan(before)
  })

  test('begins anew with `restart`', async () => {
    const { repo, path } = await newStore()
    const { checked } = await repo.verify()
    await repo.close()
    await interrupted(path, 5)
    const { scrub, status, group } = await scrubber(path)
    const report = await scrub({ restart: true })
    expect(report.checked).toEqual(checked)
    expect(status().current).toBeUndefined()
    await group.close()
  })
})

describe('damage', () => {
  test('is mended from the other copy, unless told otherwise', async () => {
    const { repo } = await createMirrored()
    const content = random.bytes(300_000)
    await commitFiles(repo, { a: content })
    const eid = dataExtents(repo)[1] ?? 0
    const { file, uuid } = copyOf(repo, eid)
    change(file, flip(eid))
    const found = await repo.scrub({ heal: false })
    expect(found).toMatchObject({ ok: false, healed: [], problems: [{ extent: eid, pv: uuid, mendable: true }] })
    const healed = await repo.scrub()
    expect(healed).toMatchObject({ ok: true, healed: [{ extent: eid, pv: uuid }], problems: [] })
    expect(await repo.scrubStatus()).toMatchObject({ last: { healed: 1, problems: 0 }, problems: [] })
    expect(await repo.verify()).toMatchObject({ ok: true, healed: [] })
    expect(await repo.scrub()).toMatchObject({ ok: true, healed: [] })
  })

  test('is known until a later round finds it gone, and not only until one begins', async () => {
    const { repo, path } = await newStore()
    const eid = dataExtents(repo).at(-1) ?? 0
    const { file } = copyOf(repo, eid)
    change(file, `CREATE TABLE aside AS SELECT frame FROM payload WHERE eid = ${eid}; ${flip(eid)}`)
    const { problems } = await repo.scrub()
    expect(problems[0]).toMatchObject({ extent: eid })
    await repo.close()
    change(file, `UPDATE payload SET frame = (SELECT frame FROM aside) WHERE eid = ${eid}; DROP TABLE aside`)

    const left = await interrupted(path, 2)
    expect(left.problems).toEqual(problems)
    const again = await openRepository(path)
    expect(await again.scrub()).toMatchObject({ ok: true, problems: [] })
    expect((await again.scrubStatus()).problems).toEqual([])
  })

  test('on a volume that is not there stays known', async () => {
    const { repo, path } = await createMirrored()
    await commitFiles(repo, { a: random.bytes(300_000) })
    const { group } = repo.parts
    const eid = dataExtents(repo).find((each) => group.catalog.copies(each).includes(2)) ?? 0
    const file = group.volume(2)?.location ?? ''
    const uuid = group.volume(2)?.uuid
    change(file, flip(eid))
    await repo.scrub({ heal: false })
    await repo.close()
    await rename(file, `${file}.away`)
    // All of it lies elsewhere as well.
    const partial = await openRepository(path)
    expect(partial.absentVolumes).toEqual([expect.objectContaining({ code: 'PV_MISSING' })])
    const report = await partial.scrub()
    expect(report.problems).toEqual([expect.objectContaining({ code: 'PV_MISSING' })])
    const known = (await partial.scrubStatus()).problems
    expect(known).toContainEqual(expect.objectContaining({ code: 'CORRUPT_EXTENT', extent: eid, pv: uuid }))
    await partial.close()
    await rename(`${file}.away`, file)
    const whole = await openRepository(path)
    expect(await whole.scrub()).toMatchObject({ ok: true, healed: [{ extent: eid, pv: uuid }] })
    expect((await whole.scrubStatus()).problems).toEqual([])
  })
})

describe('others', () => {
  test('gc runs meanwhile, and what it drops is not missed', async () => {
    const { repo, path } = await newStore()
    await commitFiles(repo, { gone: random.bytes(400_000) }, 'gone', 'side')
    await repo.deleteBranch('side')
    await repo.close()
    const { scrub, group, leases } = await scrubber(path, async () => {
      if (isDone) return
      isDone = true
      const other = await openRepository(path)
      dropped = (await other.gc({ now: true })).dropped.extents
      await other.close()
    })
    let isDone = false
    let dropped = 0
    expect(await scrub()).toMatchObject({ ok: true, problems: [] })
    expect(dropped).toBeGreaterThan(0)
    // What history needs stays while it is walked, whatever becomes of the refs.
    expect(leases).toEqual(['reader'])
    expect(listLeases(group.catalog)).toEqual([])
    await group.close()
  })

  test('a second scrub is refused while one is at work, and its end leaves nothing behind', async () => {
    const { repo, path } = await newStore()
    await repo.close()
    let refusal: unknown
    let atWork: ScrubStatus['atWork']
    const { scrub, group } = await scrubber(path, async () => {
      if (refusal !== undefined) return
      const other = await openRepository(path)
      refusal = await other.scrub().catch((error: unknown) => error)
      atWork = (await other.scrubStatus()).atWork
      await other.close()
    })
    expect((await scrub()).ok).toBe(true)
    expect(refusal).toMatchObject({ code: 'STORE_LOCKED' })
    expect(atWork).toEqual({ host: hostname(), pid: process.pid })
    expect((await scrub()).ok).toBe(true)
    await group.close()
  })

  test('one that is begun with `restart` takes over, and the other leaves it alone', async () => {
    const { repo, path } = await newStore()
    await repo.close()
    let isDone = false
    const { scrub, group, status } = await scrubber(path, async () => {
      if (isDone) return
      isDone = true
      const other = await openRepository(path)
      await other.scrub({ restart: true })
      await other.close()
    })
    await expect(scrub()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(status()).toMatchObject({ current: undefined, last: { problems: 0 } })
    await group.close()
  })

  test.each([
    { what: 'this machine, that is gone', host: hostname(), pid: 2 ** 22 + 1 },
    { what: 'another machine', host: 'elsewhere', pid: 1 },
  ])('a round of a process of $what is gone on with', async ({ host, pid }) => {
    const { repo, path } = await newStore()
    const { checked } = await repo.verify()
    await repo.close()
    const left = await interrupted(path, 5)
    const again = await openRepository(path)
    const { catalog } = again.parts.group
    const state = new UpkeepState(catalog)
    const before = state.read('scrub') as object
    catalog.write((tx) => state.write(tx, 'scrub', { ...before, worker: { host, pid, token: 'a' } }))
    expect((await again.scrubStatus()).atWork).toEqual(host === 'elsewhere' ? { host, pid } : undefined)
    const report = await again.scrub()
    expect(report.checked).toEqual(checked)
    expect(report.startedMs).toBe(left.current?.startedMs)
  })
})

describe('the rate', () => {
  function timeless() {
    let nowMs = 0
    const waits: number[] = []
    const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
    const pause = async (durationMs: number) => {
      waits.push(durationMs)
      nowMs += Math.ceil(durationMs)
    }
    return { clock, pause, waits, pass: (ms: number) => (nowMs += ms) }
  }

  test('is kept on the average: what reading itself takes counts', async () => {
    const { clock, pause, waits, pass } = timeless()
    const throttle = new Throttle(1000, clock, pause)
    for (let step = 0; step < 100; step++) {
      pass(4)
      await throttle.took(10, undefined)
    }
    const waited = waits.reduce((sum, each) => sum + each, 0)
    expect(waited).toBeGreaterThan(570)
    expect(waited).toBeLessThanOrEqual(600)
    // Small waits are put together.
    expect(waits.length).toBeLessThan(60)
  })

  test('survives a clock that leaps', async () => {
    const { clock, pause, waits, pass } = timeless()
    const throttle = new Throttle(1000, clock, pause)
    pass(-1e9)
    await throttle.took(100, undefined)
    pass(1e9)
    // A second's worth is made up for, and no more.
    for (let step = 0; step < 11; step++) await throttle.took(100, undefined)
    expect(waits).toEqual([100, 100])
  })

  test('is that of the extents read', async () => {
    const { repo, path } = await newStore()
    const { storedBytes } = await repo.stats()
    await repo.close()
    const { clock, pause, waits } = timeless()
    const { scrub, group } = await scrubber(path, undefined, { clock, pause })
    await scrub({ rateBytes: 100_000 })
    const waitedMs = waits.reduce((sum, each) => sum + each, 0)
    expect(Math.abs(waitedMs - storedBytes / 100)).toBeLessThan(50)
    await group.close()
  })

  test('can be interrupted while it waits', async () => {
    const { repo } = await newStore()
    const stop = new AbortController()
    const scrub = repo.scrub({ rateBytes: 1, signal: stop.signal, onProgress: () => setTimeout(() => stop.abort(), 5) })
    await expect(scrub).rejects.toMatchObject({ code: 'CANCELLED' })
    expect((await repo.scrubStatus()).current?.checked.extents).toBeGreaterThan(0)
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%s is none', async (rateBytes) => {
    const { repo } = await createRepository()
    await expect(repo.scrub({ rateBytes })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect((await repo.scrubStatus()).current).toBeUndefined()
  })
})

describe('stores that are not as others', () => {
  test('one opened for reading only is left alone', async () => {
    const { repo, path } = await newStore()
    await repo.close()
    const toRead = await openRepository(path, { readOnly: true })
    await expect(toRead.scrub()).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    expect((await toRead.scrubStatus()).last).toBeUndefined()
  })

  test('one of the first format is brought to the newest', async () => {
    const { repo, path } = await newStore()
    await repo.close()
    change(
      path,
      'DELETE FROM upkeep; DROP TABLE upkeep; DROP TABLE pruned; DROP TABLE replacement; DROP TABLE base; PRAGMA user_version = 1',
      0,
    )
    const old = await openRepository(path)
    expect(await old.scrubStatus()).toMatchObject({ last: undefined, problems: [] })
    expect((await old.scrub()).ok).toBe(true)
    expect((await old.scrubStatus()).last?.problems).toBe(0)
  })

  test('one whose memory of scrubs is damaged says so, and begins anew when told to', async () => {
    const { repo, path } = await newStore()
    await repo.scrub()
    change(path, "UPDATE upkeep SET value = value || ' ' WHERE name = 'scrub'")
    await expect(repo.scrub()).rejects.toMatchObject({ code: 'CORRUPT_CATALOG' })
    await expect(repo.scrubStatus()).rejects.toMatchObject({ code: 'CORRUPT_CATALOG' })
    expect(await repo.scrub({ restart: true })).toMatchObject({ ok: true })
    expect((await repo.scrubStatus()).last?.problems).toBe(0)
  })

  test('an empty one is sound', async () => {
    const { repo }: { repo: Repository } = await createRepository()
    expect(await repo.scrub()).toMatchObject({ ok: true, checked: { extents: 0, commits: 0 } })
  })
})
