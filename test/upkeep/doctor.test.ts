/** Doctor: each thing that is to be done is said, and nothing else. */
import { existsSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { DAY_MS, MIB } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { type DoctorContext, type DoctorFinding, examine } from '../../src/upkeep/doctor.js'
import { diskSpace } from '../../src/volume/diskSpace.js'
import { WorkingFolder } from '../../src/workingFolder.js'
import { pseudoRandom } from '../codec/inputs.js'
import { seededRandom } from '../support/groups.js'
import { change, copyOf, createMirrored, dataExtents, flip } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

const random = seededRandom('doctor')
const GIB = 1024 * MIB
const PLENTY = { totalBytes: 1000 * GIB, freeBytes: 500 * GIB }

/** A store whose clock the test moves. */
async function newStore() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const made = await createRepository({ clock, compression: 'none' })
  await commitFiles(made.repo, { a: random.bytes(50_000) })
  return {
    ...made,
    clock,
    pass: (days: number) => {
      nowMs += days * DAY_MS
    },
  }
}

function look({ parts }: Repository, change: Partial<DoctorContext> = {}): readonly DoctorFinding[] {
  const { group, pruned, clock, branchVolumes } = parts
  const base = { group, pruned, clock, branchVolumes, fullPart: 0.8 }
  const { ok, findings } = examine({ ...base, folders: () => [], diskSpace: () => PLENTY, ...change })
  expect(ok).toBe(findings.length === 0)
  for (const { message, advice } of findings) expect(`${message} ${advice}`).not.toMatch(/undefined|NaN/)
  return findings
}

const topics = (findings: readonly DoctorFinding[]): string[] => findings.map(({ topic }) => topic)

test('a new store is fine', async () => {
  const { repo } = await newStore()
  expect(look(repo)).toEqual([])
  expect(topics((await repo.doctor()).findings)).not.toContain('scrub-due')
})

test('a scrub is due 30 days after the last one, or after the store was made', async () => {
  const { repo, pass } = await newStore()
  pass(29)
  expect(look(repo)).toEqual([])
  pass(1)
  expect(look(repo)).toEqual([
    expect.objectContaining({
      topic: 'scrub-due',
      message: expect.stringContaining('30 days old, and was never read'),
    }),
  ])
  await repo.scrub()
  pass(29)
  expect(look(repo)).toEqual([])
  pass(2)
  expect(look(repo)).toMatchObject([{ topic: 'scrub-due', message: 'the last scrub was 31 days ago' }])
  const stop = new AbortController()
  await repo.scrub({ signal: stop.signal, onProgress: () => stop.abort() }).catch(() => undefined)
  expect(look(repo)).toMatchObject([{ topic: 'scrub-due', advice: expect.stringContaining('Go on') }])
})

test('what the last scrub found is told until it is gone', async () => {
  const { repo } = await createMirrored()
  await commitFiles(repo, { a: random.bytes(50_000) })
  const [eid = 0] = dataExtents(repo)
  change(copyOf(repo, eid).file, flip(eid))
  expect(look(repo)).toEqual([])
  await repo.scrub({ heal: false })
  expect(look(repo)).toMatchObject([{ topic: 'damage', message: expect.stringContaining(`extent ${eid}`) }])
  await repo.scrub()
  expect(look(repo)).toEqual([])
})

test('gc is due when something waits and it has not run for a week', async () => {
  const { repo, pass } = await newStore()
  await commitFiles(repo, { b: random.bytes(100_000) }, 'gone', 'side')
  await repo.deleteBranch('side')
  await repo.config.set('reflog-keep', '0')
  await repo.gc()
  expect((await repo.gc()).waiting.bytes).toBeGreaterThan(100_000)
  pass(6)
  expect(look(repo)).toEqual([])
  pass(2)
  expect(look(repo)).toMatchObject([
    { topic: 'gc-due', message: expect.stringMatching(/^9[89]\.\d KiB wait.* 8 days ago$/) },
  ])
  await repo.gc({ now: true })
  pass(8)
  expect(look(repo)).toEqual([])
})

test('gc is due after prune', async () => {
  const { repo, pass } = await newStore()
  await repo.gc()
  pass(1)
  await commitFiles(repo, { a: random.bytes(50_000) })
  await repo.prune({ keepLast: 1 })
  expect(look(repo)).toMatchObject([{ topic: 'gc-due', message: expect.stringMatching(/^1 commits lost/) }])
  pass(1)
  await repo.gc()
  expect(look(repo)).toEqual([])
})

test('a gc that came to no end is told, until one does', async () => {
  const { repo, path } = await newStore()
  change(repo.parts.group.volumes[0]?.location ?? path, 'UPDATE chunk SET hash = zeroblob(32) WHERE slot = 0', 0)
  await expect(repo.gc({ now: true })).rejects.toThrow('gc dropped nothing')
  expect(look(repo)).toMatchObject([
    { topic: 'gc-due', message: expect.stringMatching(/^gc came to no end on 2026-01-01: /) },
  ])
})

test('leases of dead processes and old ones are told', async () => {
  const { repo, clock } = await newStore()
  const { catalog } = repo.parts.group
  const put = (id: number, kind: string, host: string, pid: number, startedMs: number) =>
    catalog.write((tx) => tx.run('INSERT INTO lease VALUES (?, ?, ?, ?, ?, 0)', id, kind, host, pid, startedMs))
  const nowMs = clock.nowMs()
  put(101, 'writer', hostname(), process.pid, nowMs)
  put(102, 'reader', 'elsewhere', 1, nowMs - 6 * DAY_MS)
  expect(look(repo)).toEqual([])
  put(103, 'writer', hostname(), 2 ** 22 + 1, nowMs)
  put(104, 'swept', 'elsewhere', 4, nowMs)
  put(105, 'reader', 'elsewhere', 5, nowMs - 8 * DAY_MS)
  put(106, 'reader', hostname(), process.pid, nowMs - 8 * DAY_MS)
  const found = look(repo)
  expect(topics(found)).toEqual(['lease', 'lease', 'lease', 'lease'])
  expect(found.map(({ message }) => /is gone|at work since/.exec(message)?.[0])).toEqual([
    'is gone',
    'is gone',
    'at work since',
    'at work since',
  ])
  expect(found[2]?.advice).toContain('on elsewhere')
  expect(found[3]?.advice).toContain('end it')
})

test('volumes that are nearly full are told, unless they take nothing new anyway', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  const extra = (await repo.volumeGroup()).physicalVolumes.filter(({ number }) => number > 0)
  for (const { number } of extra) await repo.changePhysicalVolume(String(number), { allocatable: false })
  await commitFiles(repo, { a: random.bytes(960_000) })
  await repo.changePhysicalVolume('0', { capacityBytes: 2_000_000 })
  expect(look(repo)).toEqual([])
  await repo.changePhysicalVolume('0', { capacityBytes: 1_000_000 })
  expect(look(repo)).toMatchObject([{ topic: 'volume-full', message: expect.stringMatching(/^volume 0 has .* left/) }])
  await repo.changePhysicalVolume('0', { allocatable: false })
  expect(look(repo)).toEqual([])
})

test('a disk that is nearly full is told once; a little of a large disk is much', async () => {
  const { repo } = await createMirrored()
  const of = (totalBytes: number, freeBytes: number) => look(repo, { diskSpace: () => ({ totalBytes, freeBytes }) })
  expect(of(100 * GIB, 6 * GIB)).toEqual([])
  expect(of(10_000 * GIB, 21 * GIB)).toEqual([])
  expect(of(100 * GIB, 4 * GIB)).toMatchObject([
    { topic: 'disk-full', message: expect.stringContaining('4.00 GiB left') },
  ])
  expect(look(repo, { diskSpace: () => undefined })).toEqual([])
})

test('the system is asked for the room on a disk', () => {
  const file = join(tempFolder(), 'file')
  writeFileSync(file, '')
  const { totalBytes, freeBytes } = diskSpace(file) ?? { totalBytes: 0, freeBytes: 0 }
  expect(freeBytes).toBeGreaterThan(0)
  expect(totalBytes).toBeGreaterThan(freeBytes)
  expect(() => diskSpace(join(tempFolder(), 'not', 'there'))).toThrow(expect.objectContaining({ code: 'STORAGE_IO' }))
})

test('a store of the first format is told', async () => {
  const { repo, path } = await newStore()
  await repo.close()
  change(
    path,
    'DROP TABLE base; DROP TABLE upkeep; DROP TABLE pruned; DROP TABLE replacement; PRAGMA user_version = 1',
    0,
  )
  const old = await openRepository(path)
  expect(topics(look(old))).toContain('format')
  await old.scrub()
  expect(look(old)).toEqual([])
})

test('much in one file is told', async () => {
  const { repo } = await createRepository()
  const { group } = repo.parts
  group.catalog.write(() => group.catalog.writeVolumeUse({ pv: 0, transactions: 0, storedBytes: 200 * GIB }))
  expect(topics(look(repo))).toEqual(group.isOneFile ? ['one-copy'] : [])
})

test('a volume that is missing is told, and so is a catalog that cannot be read', async () => {
  const { repo, path } = await createMirrored()
  const file = repo.parts.group.volume(2)?.location ?? ''
  await repo.scrub()
  await repo.close()
  await rename(file, `${file}.away`)
  const partial = await openRepository(path, { partial: true, readOnly: true })
  expect(look(partial)).toMatchObject([{ topic: 'volume-missing', path: file }])
  change(path, "UPDATE upkeep SET value = value || ' ' WHERE name = 'scrub'")
  expect(topics(look(partial))).toEqual(['volume-missing', 'damage'])
})

test('copies that lack are told, until they are there', async () => {
  const { repo, path } = await createMirrored()
  const file = repo.parts.group.volume(2)?.location ?? ''
  await commitFiles(repo, { a: pseudoRandom(300_000, 1) })
  await repo.scrub()
  await repo.close()
  await rename(file, `${file}.away`)
  const again = await openRepository(path)
  await again.reduceVolumeGroup('2', { missing: true })
  expect(look(again)).toMatchObject([
    {
      topic: 'copies-lacking',
      message: expect.stringMatching(/^\d+ extents? l/),
      advice: expect.stringContaining('--repair'),
    },
  ])
  await again.convertLogicalVolume('default')
  expect(topics(look(again))).toEqual([])
})

test('folders that are gone or were left in the middle of a switch are told', async () => {
  const dir = join(tempFolder(), 'work')
  const folder = await WorkingFolder.init(dir)
  onTestFinished(() => folder.close())
  writeFileSync(join(dir, 'a'), 'a')
  await folder.commit({ message: 'first' })
  const { repository } = folder
  const other = join(dir, '..', 'other')
  await (await WorkingFolder.add(repository.path, other, 'main', { detach: true })).close()
  const about = async () => (await repository.doctor()).findings.filter(({ topic }) => topic === 'folder')
  expect(await about()).toEqual([])

  const note = join(dir, '.varve', 'switch')
  writeFileSync(note, '{}')
  const lock = join(dir, '.varve', 'lock')
  writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }))
  expect(await about()).toEqual([])
  writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }))
  expect(await about()).toMatchObject([{ path: dir, message: expect.stringContaining('interrupted') }])
  await rm(lock)
  await rm(note)
  expect(await about()).toEqual([])

  await rm(other, { recursive: true })
  expect(existsSync(other)).toBe(false)
  expect(await about()).toMatchObject([{ path: other, message: expect.stringContaining('not there') }])
})
