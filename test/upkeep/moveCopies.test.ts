/** Copies of extents taken from one volume to others: what stays true meanwhile, and after a break at any step. */
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { Repository } from '../../src/repository.js'
import { LeavingCopies } from '../../src/upkeep/leavingCopies.js'
import { moveCopies } from '../../src/upkeep/moveCopies.js'
import { takeUpkeep } from '../../src/volume/lease.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { groupOptions } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { change, flip } from '../support/mirrored.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

const COMMITS = 8
const content = (number: number): Buffer => pseudoRandom(150_000, number)

/** Three volumes in turn, and commits that lie on all of them. */
async function striped() {
  const folder = tempFolder()
  const path = `${folder}/store.varve`
  const repo = await Repository.create(path, {})
  onTestFinished(() => repo.close().catch(() => undefined))
  for (const name of ['one', 'two']) await repo.extendVolumeGroup(`${folder}/${name}.varve`)
  await repo.convertLogicalVolume('default', { type: 'striped' })
  for (let number = 0; number < COMMITS; number++) await commitFiles(repo, { f: content(number) }, `${number}`)
  return { repo, path, folder }
}

const extentsOf = async (repo: Repository, pv: number): Promise<number> =>
  (await repo.volumeGroup()).physicalVolumes.find(({ number }) => number === pv)?.extents ?? -1

async function expectSound(repo: Repository): Promise<void> {
  expect((await repo.verify()).problems).toEqual([])
  for (let number = 0; number < COMMITS; number++) {
    const read = await (await repo.at(`main~${COMMITS - 1 - number}`)).read('f')
    expect(Buffer.from(read).equals(content(number))).toBe(true)
  }
}

test.each([0, 1, 2])('volume %i becomes empty, all is read as before, and its space is given back', async (from) => {
  const { repo } = await striped()
  const before = (await repo.volumeGroup()).physicalVolumes
  const had = before.find(({ number }) => number === from)
  const plan = await repo.movePhysicalVolume(String(from), { dryRun: true })
  // Which of the others hold least hangs on how well times were compressed.
  expect(plan.moved.length).toBeGreaterThan(0)
  for (const { pv } of plan.moved) expect([0, 1, 2].filter((other) => other !== from)).toContain(pv)
  expect(plan.moved.reduce((sum, { storedBytes }) => sum + storedBytes, 0)).toBe(had?.storedBytes)
  expect(await extentsOf(repo, from)).toBe(had?.extents)
  const report = await repo.movePhysicalVolume(String(from))
  expect(report).toEqual({ ...plan, dryRun: false })
  const after = (await repo.volumeGroup()).physicalVolumes
  expect(after.find(({ number }) => number === from)).toMatchObject({ extents: 0, storedBytes: 0 })
  const total = (volumes: typeof before) => volumes.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  expect(total(after)).toBe(total(before))
  if (from !== 0) expect(after.find(({ number }) => number === from)?.fileBytes).toBeLessThan((had?.fileBytes ?? 0) / 2)
  await expectSound(repo)
  expect(await repo.movePhysicalVolume(String(from))).toMatchObject({ moved: [], leftExtents: 0 })
})

test('goes where it is told to, in steps, and what gc knows stays true', async () => {
  const { repo } = await striped()
  await repo.config.set('reflog-keep', '0')
  await commitFiles(repo, { gone: pseudoRandom(400_000, 99) }, 'gone', 'side')
  await repo.deleteBranch('side')
  const { waiting } = await repo.gc()
  const report = await repo.movePhysicalVolume('1', { to: ['0'], rateBytes: 2 ** 30 })
  expect(report.moved.map(({ pv }) => pv)).toEqual([0])
  expect((await repo.gc()).waiting).toEqual(waiting)
  expect((await repo.gc({ now: true })).dropped.extents).toBeGreaterThan(0)
  await expectSound(repo)
})

test('others read and commit meanwhile', async () => {
  const { repo, path } = await striped()
  const other = await openRepository(path)
  const work = repo.movePhysicalVolume('1')
  for (let number = 0; number < COMMITS; number++) {
    const read = await (await other.at(`main~${COMMITS - 1 - number}`)).read('f')
    expect(Buffer.from(read).equals(content(number))).toBe(true)
    await commitFiles(other, { g: pseudoRandom(100_000, 200 + number) }, 'beside', 'side')
  }
  await work
  await repo.changePhysicalVolume('1', { allocatable: false })
  expect(await repo.movePhysicalVolume('1')).toMatchObject({ leftExtents: 0 })
  await expectSound(repo)
  await expectSound(other)
})

test('an extent that moves after its reader looked into the catalog is read where it is then', async () => {
  const { repo, path } = await striped()
  let move: (() => Promise<unknown>) | undefined = () => repo.movePhysicalVolume('1')
  const wrapVolume = (volume: PhysicalVolume) =>
    hookedVolume(volume, {
      async read(target, ...parameters) {
        const now = target.number === 1 ? move : undefined
        if (now) move = undefined
        await now?.()
        return target.read(...parameters)
      },
    })
  const reader = await VolumeGroup.open(path, { ...groupOptions, wrapVolume })
  onTestFinished(() => reader.close())
  const eids: number[] = []
  reader.catalog.eachExtent(({ record, pvs }) => {
    if (pvs.includes(1)) eids.push(record.eid)
  })
  for (const eid of eids) expect((await reader.readExtent(eid))?.eid).toBe(eid)
  expect(eids.length).toBeGreaterThan(0)
  expect(move).toBeUndefined()
})

test('in short steps: copies that go are dropped together', async () => {
  const { repo, path } = await striped()
  await commitFiles(repo, { large: pseudoRandom(8_000_000, 300) }, 'large', 'side')
  await repo.close()
  const removed: { eids: number; chunks: number | undefined }[] = []
  const wrapVolume = (volume: PhysicalVolume) =>
    hookedVolume(volume, {
      async remove(target, eids, chunks) {
        if (target.number === 1) removed.push({ eids: eids.length, chunks: chunks?.length })
        return target.remove(eids, chunks)
      },
    })
  const group = await VolumeGroup.open(path, { ...groupOptions, wrapVolume })
  try {
    const store = await ChunkStore.open(group, systemClock)
    const steps: number[] = []
    const onProgress = ({ itemsDone }: { itemsDone: number }) => steps.push(itemsDone)
    const { moved, leftExtents } = await moveCopies(store, 1, { rateBytes: 2 ** 23, onProgress })
    expect(leftExtents).toBe(0)
    expect(steps.length).toBeGreaterThan(1)
    const extents = moved.reduce((sum, tally) => sum + tally.extents, 0)
    expect(steps.at(-1)).toBe(extents)
    // All of it: a scan finds that sooner.
    expect(removed).toEqual([{ eids: extents, chunks: undefined }])
  } finally {
    await group.close()
  }
  await expectSound(await openRepository(path))
})

test('few of many are dropped by their chunks, where all of these are known', async () => {
  const { repo, path } = await striped()
  await repo.close()
  const removed: { eids: readonly number[]; chunks: number | undefined }[] = []
  const wrapVolume = (volume: PhysicalVolume) =>
    hookedVolume(volume, {
      async remove(_, eids, chunks) {
        removed.push({ eids, chunks: chunks?.length })
      },
    })
  const group = await VolumeGroup.open(path, { ...groupOptions, wrapVolume })
  try {
    const lease = takeUpkeep(group.catalog, systemClock)
    const leaving = new LeavingCopies(group, lease)
    const [eid = 0] = await (group.volume(1) as PhysicalVolume).list(0, Number.MAX_SAFE_INTEGER)
    const stored = await group.readExtent(eid)
    if (!stored) throw new Error('volume 1 is empty')
    const extent = { ...stored, hashes: (await group.volume(1)?.chunksOf(eid)) ?? [] }
    leaving.add(1, eid, 1, extent)
    await leaving.drop()
    leaving.add(1, eid, 1, extent)
    leaving.add(1, eid + 1, 1)
    await leaving.drop()
    await leaving.drop()
    expect(removed).toEqual([
      { eids: [eid], chunks: stored.slots.length },
      { eids: [eid, eid + 1], chunks: undefined },
    ])
    group.catalog.write((tx) => lease.release(tx))
    leaving.add(1, eid, 1, extent)
    await expect(leaving.drop()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(removed).toHaveLength(2)
  } finally {
    await group.close()
  }
})

test('a chunk table with a wrong id: what comes elsewhere has the right one', async () => {
  const { repo, path } = await striped()
  const file = repo.parts.group.volume(1)?.location ?? ''
  await repo.close()
  change(file, "UPDATE chunk SET hash = CAST(x'00' || substr(hash, 2) AS BLOB) WHERE slot = 0")
  const again = await openRepository(path)
  expect((await again.verify()).problems).not.toEqual([])
  expect(await again.movePhysicalVolume('1')).toMatchObject({ leftExtents: 0, notes: [] })
  await expectSound(again)
})

describe('broken off', () => {
  test('by a signal, after some of it: what went is dropped, and the same again does the rest', async () => {
    const { repo } = await striped()
    await commitFiles(repo, { large: pseudoRandom(8_000_000, 300) }, 'large', 'side')
    const stop = new AbortController()
    const had = await extentsOf(repo, 1)
    const work = repo.movePhysicalVolume('1', {
      rateBytes: 2 ** 23,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    })
    await expect(work).rejects.toMatchObject({ code: 'CANCELLED' })
    const { group } = repo.parts
    const left = await extentsOf(repo, 1)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(had)
    for (const volume of group.volumes) {
      for (const eid of await volume.list(0, Number.MAX_SAFE_INTEGER))
        expect(group.catalog.hasCopy(eid, volume.number)).toBe(true)
    }
    await expectSound(repo)
    expect(await repo.movePhysicalVolume('1')).toMatchObject({ leftExtents: 0 })
    await expectSound(repo)
  })

  /** The process is gone at this call: nothing that comes after it is done either. */
  async function movedWith(
    path: string,
    dies: (volume: PhysicalVolume, call: 'stage' | 'remove') => 'before' | 'after' | undefined,
  ) {
    let isDead = false
    const wrapVolume = (volume: PhysicalVolume): PhysicalVolume =>
      new Proxy(volume, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          if (name !== 'stage' && name !== 'remove') return value.bind(target)
          return async (...args: unknown[]) => {
            const when = dies(target, name)
            isDead ||= when === 'before'
            if (isDead) throw new Error('killed')
            const result: unknown = await value.apply(target, args)
            isDead ||= when === 'after'
            if (isDead) throw new Error('killed')
            return result
          }
        },
      })
    const group = await VolumeGroup.open(path, { ...groupOptions, wrapVolume })
    try {
      const store = await ChunkStore.open(group, systemClock)
      await expect(moveCopies(store, 1)).rejects.toThrow('killed')
    } finally {
      await group.close()
    }
  }

  test.each([
    ['before it is brought', 'stage', 'before'],
    ['when it was brought and is not named', 'stage', 'after'],
    ['when it is named there and still lies here', 'remove', 'before'],
    ['when it was dropped here', 'remove', 'after'],
  ] as const)('%s: nothing is lost, and the next run does the rest', async (_, call, when) => {
    const { repo, path } = await striped()
    await repo.close()
    await movedWith(path, (volume, name) => {
      if (name !== call) return undefined
      return (call === 'stage' ? volume.number === 2 : volume.number === 1) ? when : undefined
    })
    const again = await openRepository(path)
    const { problems } = await again.verify()
    expect(problems).toEqual([])
    expect(await again.movePhysicalVolume('1')).toMatchObject({ leftExtents: 0, notes: [] })
    await expectSound(again)
    const group = await VolumeGroup.open(path, groupOptions)
    onTestFinished(() => group.close())
    // Nothing is left of the first attempt.
    for (const volume of group.volumes) {
      for (const eid of await volume.list(0, Number.MAX_SAFE_INTEGER)) {
        expect(group.catalog.hasCopy(eid, volume.number)).toBe(true)
      }
    }
  })
})

describe('is refused, or leaves alone', () => {
  test('what does not fit: nothing is moved', async () => {
    const { repo } = await striped()
    for (const { number, storedBytes } of (await repo.volumeGroup()).physicalVolumes) {
      if (number !== 1) await repo.changePhysicalVolume(String(number), { capacityBytes: storedBytes + 1000 })
    }
    const extents = await extentsOf(repo, 1)
    await expect(repo.movePhysicalVolume('1')).rejects.toMatchObject({ code: 'VG_FULL' })
    await expect(repo.movePhysicalVolume('1', { dryRun: true })).rejects.toMatchObject({ code: 'VG_FULL' })
    expect(await extentsOf(repo, 1)).toBe(extents)
  })

  test('a volume to itself, one that is not there, a store of one file, other upkeep at work, a signal', async () => {
    const { repo, path } = await striped()
    await expect(repo.movePhysicalVolume('1', { to: ['1'] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(repo.movePhysicalVolume('7')).rejects.toMatchObject({ code: 'PV_NOT_FOUND' })
    await expect(repo.movePhysicalVolume('1', { to: ['7'] })).rejects.toMatchObject({ code: 'PV_NOT_FOUND' })
    await expect(repo.movePhysicalVolume('1', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    const group = await VolumeGroup.open(path, groupOptions)
    onTestFinished(() => group.close())
    const lease = takeUpkeep(group.catalog, systemClock)
    await expect(repo.movePhysicalVolume('1')).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    group.catalog.write((tx) => lease.release(tx))
    const alone = await Repository.create(`${tempFolder()}/alone.varve`, {})
    onTestFinished(() => alone.close())
    await commitFiles(alone, { f: content(1) })
    await expect(alone.movePhysicalVolume('0')).rejects.toMatchObject({ code: 'VG_FULL' })
    await expectSound(repo)
  })

  test('an extent that is damaged: it stays, and it says so', async () => {
    const { repo, path } = await striped()
    const group = await VolumeGroup.open(path, groupOptions)
    onTestFinished(() => group.close())
    const { catalog, volumes } = group
    const [first] = catalog.all<{ eid: number }>('SELECT eid FROM copy WHERE pv = 1 ORDER BY eid LIMIT 1')
    const file = new Database(volumes.find(({ number }) => number === 1)?.location ?? '')
    file.exec(flip(first?.eid as number))
    file.close()
    const report = await (await openRepository(path)).movePhysicalVolume('1')
    expect(report.leftExtents).toBe(1)
    expect(report.notes).toEqual([expect.stringContaining(`extent ${first?.eid} was left where it is`)])
    expect((await repo.verify()).problems.length).toBeGreaterThan(0)
  })
})
