/** Volumes that are lost, come back, are taken out, or are changed by others meanwhile. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { VarveError } from '../../src/base/errors.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { Repository } from '../../src/repository.js'
import { moveCopies } from '../../src/upkeep/moveCopies.js'
import { Lease } from '../../src/volume/lease.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { groupOptions } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

import {
  COMMITS,
  content,
  copiesOf,
  expectReadable,
  expectSound,
  theOne,
  threeVolumes,
} from '../support/threeVolumes.js'

/** Of no process. */
const DEAD_PID = 2 ** 30

describe('beside others', () => {
  /** With volumes whose calls are looked at. */
  async function over(path: string, wrapVolume: (volume: PhysicalVolume) => PhysicalVolume): Promise<ChunkStore> {
    const group = await VolumeGroup.open(path, { ...groupOptions, isAlive: () => true, wrapVolume })
    onTestFinished(() => group.close())
    return ChunkStore.open(group, systemClock)
  }

  test('what a dead writer left is swept, but not a copy of it that is on its way', async () => {
    const { repo, path } = await threeVolumes()
    const { group } = repo.parts
    // All that is there was written by it, and others may use it.
    const dead = Lease.take(group.catalog, 'writer', systemClock)
    const first = dead.takeEid(0)
    group.catalog.write((tx) => {
      tx.run('UPDATE reservation SET first_eid = 1, count = ? WHERE first_eid = ?', first, first)
      tx.run('UPDATE lease SET pid = ?', DEAD_PID)
    })
    const other = await VolumeGroup.open(path, { ...groupOptions, isAlive: (pid) => pid !== DEAD_PID })
    onTestFinished(() => other.close())
    let swept = 0
    const store = await over(path, (volume) =>
      hookedVolume(volume, {
        async stage(target, ...parameters) {
          const staged = await target.stage(...parameters)
          swept += await other.sweep()
          return staged
        },
      }),
    )
    expect(await moveCopies(store, 0)).toMatchObject({ leftExtents: 0, notes: [] })
    expect(swept).toBe(0)
    await expectSound(repo)
  })

  test.each(['STORAGE_READ_ONLY', 'STORAGE_IO', 'STORAGE_FULL'] as const)(
    'an empty volume that cannot be written (%s) is taken out all the same',
    async (code) => {
      const { repo, path } = await threeVolumes()
      await repo.movePhysicalVolume('1')
      await repo.close()
      const { group } = await over(path, (volume) =>
        hookedVolume(volume, {
          async writeLayout() {
            if (volume.number === 1) throw new VarveError(code, 'as its disk says')
          },
        }),
      )
      await group.reduce(1)
      expect(group.layout.physicalVolumes.map(({ number }) => number)).toEqual([0, 2])
      const after = await openRepository(path)
      await expectSound(after)
    },
  )

  test('a small commit of a process that knew one file comes as it is asked for by then', async () => {
    const path = join(tempFolder(), 'store.varve')
    const repo = await Repository.create(path, {})
    onTestFinished(() => repo.close().catch(() => undefined))
    await commitFiles(repo, { f: content(1) })
    const server = await openRepository(path)
    await commitFiles(server, { f: content(2) })
    for (const name of ['one', 'two']) await repo.extendVolumeGroup(`${path}.${name}`)
    await repo.convertLogicalVolume('default', { copies: 2, physicalVolumes: ['1', '2'] })
    await commitFiles(server, { f: content(3) })
    for (const pvs of copiesOf(repo)) expect(pvs).toEqual([1, 2])
    expect((await server.logicalVolumes())[0]?.copies).toBe(2)
    expect((await server.verify()).problems).toEqual([])
  })

  test('a commit at work while its volume is taken out comes elsewhere, whoever takes it out', async () => {
    const { repo, path, folder } = await threeVolumes()
    const other = await openRepository(path)
    for (const by of [repo, other]) {
      await repo.convertLogicalVolume('default', { type: 'striped' })
      const { number } = await repo.extendVolumeGroup(join(folder, `for-${by === repo}.varve`))
      const draft = await repo.draft('main')
      for (let file = 0; file < 6; file++)
        await draft.write(`${by === repo}-${file}`, pseudoRandom(1_200_000, file + 40))
      await by.reduceVolumeGroup(String(number))
      await repo.volumeGroup()
      await draft.commit({ message: 'big', author: 'Test <test@example.org>' })
      for (const pvs of copiesOf(repo)) expect(pvs).not.toContain(number)
      expect((await repo.verify()).problems).toEqual([])
    }
  })

  test('a process that was there before reads and commits without a volume that came and went', async () => {
    const { repo, path, folder } = await threeVolumes()
    const server = await openRepository(path)
    await repo.convertLogicalVolume('default', { copies: 2 })
    const { number } = await repo.extendVolumeGroup(join(folder, 'late.varve'))
    for (const pv of ['1', '2']) await repo.changePhysicalVolume(pv, { allocatable: false })
    await commitFiles(repo, { g: content(70) })
    expect(copiesOf(repo).some((pvs) => pvs.includes(number))).toBe(true)
    await repo.close()
    rmSync(join(folder, 'late.varve'))
    expect((await (await server.at('main')).read('g')).equals(content(70))).toBe(true)
    expect(server.absentVolumes).toHaveLength(1)
  })
})

describe('places and room', () => {
  test('the place of a lost volume is kept, until it is taken out', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 3 })
    await repo.close()
    rmSync(join(folder, 'one.varve'))
    const degraded = await openRepository(path)
    const again = () => degraded.extendVolumeGroup(join(folder, 'one.varve'))
    await expect(again()).rejects.toMatchObject({ code: 'PV_DUPLICATE', hint: expect.stringContaining('--missing') })
    // Too few are left for three copies; others come.
    await degraded.reduceVolumeGroup('1', { missing: true })
    expect(await again()).toMatchObject({ number: 3 })
    expect(await degraded.convertLogicalVolume('default')).toMatchObject({ lackingCopies: 0 })
    await expectSound(degraded)
  })

  test('a volume is not looked for in the place of another of its name', async () => {
    const folder = tempFolder()
    const path = join(folder, 'store.varve')
    mkdirSync(join(folder, 'elsewhere'))
    const repo = await Repository.create(path, {})
    onTestFinished(() => repo.close().catch(() => undefined))
    await repo.extendVolumeGroup(join(folder, 'photos.pv'))
    await repo.extendVolumeGroup(join(folder, 'elsewhere/photos.pv'))
    await commitFiles(repo, { f: content(1) })
    await repo.convertLogicalVolume('default', { copies: 3 })
    await repo.close()
    rmSync(join(folder, 'elsewhere/photos.pv'))
    const degraded = await openRepository(path)
    expect(degraded.absentVolumes).toEqual([expect.objectContaining({ code: 'PV_MISSING' })])
    expect((await (await degraded.at('main')).read('f')).equals(content(1))).toBe(true)
  })

  test('mirroring that ends while a volume is missing leaves a store that opens', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2, physicalVolumes: ['0', '1'] })
    await repo.close()
    rmSync(join(folder, 'one.varve'))
    const degraded = await openRepository(path)
    await degraded.convertLogicalVolume('default', { copies: 1 })
    await degraded.close()
    const again = await openRepository(path)
    await again.reduceVolumeGroup('1', { missing: true })
    await expectSound(again)
  })

  test('one that is missing beside another is not taken for elsewhere, and one that is back is not taken out', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2, physicalVolumes: ['1', '2'] })
    await repo.close()
    for (const name of ['one', 'two']) renameSync(join(folder, `${name}.varve`), join(folder, `${name}.away`))
    const partial = await openRepository(path, { partial: true })
    await expect(partial.reduceVolumeGroup('1', { missing: true })).rejects.toMatchObject({ code: 'PV_IN_USE' })
    for (const name of ['one', 'two']) renameSync(join(folder, `${name}.away`), join(folder, `${name}.varve`))
    await expect(partial.reduceVolumeGroup('1', { missing: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await partial.close()
    await expectSound(await openRepository(path))
  })

  test('what goes makes no room for what comes before it: nothing is changed', async () => {
    const { repo } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2, physicalVolumes: ['1', '2'] })
    const stop = new AbortController()
    stop.abort()
    await expect(
      repo.convertLogicalVolume('default', { copies: 1, physicalVolumes: ['0'], signal: stop.signal }),
    ).rejects.toMatchObject({ code: 'CANCELLED' })
    await commitFiles(repo, { more: pseudoRandom(900_000, 80) })
    for (const { number, storedBytes } of (await repo.volumeGroup()).physicalVolumes)
      if (number !== 0) await repo.changePhysicalVolume(String(number), { capacityBytes: storedBytes })
    const { layout } = repo.parts.group
    const back = repo.convertLogicalVolume('default', { copies: 1, physicalVolumes: ['1', '2'] })
    await expect(back).rejects.toMatchObject({ code: 'VG_FULL' })
    expect(repo.parts.group.layout).toEqual(layout)
    expect(await repo.convertLogicalVolume('default')).toMatchObject({ lackingCopies: 0 })
  })
})

describe('a volume that is lost', () => {
  test('of two copies: the store is read and written without it, and what is written lies twice', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2 })
    await repo.close()
    renameSync(join(folder, 'one.varve'), join(folder, 'away'))
    const degraded = await openRepository(path)
    expect(degraded.absentVolumes).toEqual([expect.objectContaining({ code: 'PV_MISSING' })])
    await expectReadable(degraded)
    await commitFiles(degraded, { f: content(COMMITS - 1), g: content(50) }, 'without it')
    for (const pvs of copiesOf(degraded).slice(-2)) expect(pvs).toEqual([0, 2])
    // What takes things away waits for it.
    await expect(degraded.gc({ now: true })).rejects.toMatchObject({ code: 'PV_MISSING' })
    await expect(degraded.movePhysicalVolume('1')).rejects.toMatchObject({ code: 'PV_MISSING' })
    // And what lay there as well lies twice without it, when it is asked for.
    expect((await theOne(degraded)).lackingCopies).toBeGreaterThan(0)
    expect(await degraded.convertLogicalVolume('default')).toMatchObject({ lackingCopies: 0, dropped: [] })
    for (const pvs of copiesOf(degraded)) expect(pvs.filter((pv) => pv !== 1)).toHaveLength(2)
    await degraded.close()

    renameSync(join(folder, 'away'), join(folder, 'one.varve'))
    const whole = await openRepository(path)
    expect(whole.absentVolumes).toEqual([])
    expect((await whole.verify()).problems).toEqual([])
    // Now there are too many.
    expect(await whole.convertLogicalVolume('default')).toMatchObject({ added: [], lackingCopies: 0 })
    for (const pvs of copiesOf(whole)) expect(pvs).toHaveLength(2)
    expect((await whole.verify()).problems).toEqual([])
  })

  test('for good: another takes its place, and all lies twice again', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2 })
    await repo.close()
    rmSync(join(folder, 'one.varve'))
    const degraded = await openRepository(path)
    await degraded.extendVolumeGroup(join(folder, 'new.varve'))
    await expect(degraded.reduceVolumeGroup('2', { missing: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await degraded.reduceVolumeGroup('1', { missing: true })
    expect(degraded.absentVolumes).toEqual([])
    expect((await theOne(degraded)).lackingCopies).toBeGreaterThan(0)
    expect(await degraded.convertLogicalVolume('default')).toMatchObject({ lackingCopies: 0, notes: [] })
    for (const pvs of copiesOf(degraded)) expect(pvs).toHaveLength(2)
    const { physicalVolumes } = await degraded.volumeGroup()
    const stored = physicalVolumes.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    expect(stored).toBe((await theOne(degraded)).storedBytes)
    await expectSound(degraded)
    await degraded.close()
    await expectSound(await openRepository(path))
  })

  test('and put back from an older copy: it is done without, brought up to date, and used again', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2 })
    await commitFiles(repo, { g: pseudoRandom(700_000, 60) }, 'before', 'side')
    await repo.close()
    const file = join(folder, 'one.varve')
    copyFileSync(file, `${file}.old`)
    const later = await openRepository(path)
    await commitFiles(later, { g: pseudoRandom(700_000, 61) }, 'after', 'side')
    await commitFiles(later, { g: pseudoRandom(700_000, 62) }, 'after', 'side')
    await later.config.set('reflog-keep', '0')
    await later.deleteBranch('side')
    await later.gc({ now: true })
    await commitFiles(later, { f: content(COMMITS - 1), h: pseudoRandom(700_000, 63) }, 'the last')
    await expect(later.restorePhysicalVolume('1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await later.close()
    renameSync(`${file}.old`, file)

    const degraded = await openRepository(path)
    expect(degraded.absentVolumes).toEqual([expect.objectContaining({ code: 'PV_STALE' })])
    const plan = await degraded.restorePhysicalVolume('1', { dryRun: true })
    expect(plan.extents).toBeGreaterThan(0)
    expect(plan.droppedExtents).toBeGreaterThan(0)
    // Broken off, it is too old still.
    const stop = new AbortController()
    stop.abort()
    await expect(degraded.restorePhysicalVolume('1', { signal: stop.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    await degraded.close()
    const again = await openRepository(path)
    expect(again.absentVolumes).toHaveLength(1)
    expect(await again.restorePhysicalVolume('1')).toMatchObject({
      extents: plan.extents,
      droppedExtents: 0,
      notes: [],
    })
    expect(again.absentVolumes).toEqual([])
    expect((await again.verify()).problems).toEqual([])
    await again.close()
    const whole = await openRepository(path)
    expect(whole.absentVolumes).toEqual([])
    expect((await theOne(whole)).lackingCopies).toBe(0)
    expect((await whole.verify()).problems).toEqual([])
  })

  test('and something lay there alone: it is not taken out', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped' })
    await commitFiles(repo, { more: pseudoRandom(3_000_000, 51) })
    await repo.close()
    renameSync(join(folder, 'one.varve'), join(folder, 'away'))
    const partial = await openRepository(path, { partial: true })
    await expect(partial.reduceVolumeGroup('1', { missing: true })).rejects.toMatchObject({ code: 'PV_IN_USE' })
    expect((await partial.volumeGroup()).physicalVolumes).toHaveLength(3)
    await partial.close()
    renameSync(join(folder, 'away'), join(folder, 'one.varve'))
    expect((await (await openRepository(path)).verify()).problems).toEqual([])
  })

  test('where there are as many copies as volumes: it is read, and takes no new contents', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 3 })
    await repo.close()
    renameSync(join(folder, 'one.varve'), join(folder, 'away'))
    const degraded = await openRepository(path)
    await expectReadable(degraded)
    await expect(commitFiles(degraded, { g: content(50) })).rejects.toMatchObject({ code: 'VG_FULL' })
  })

  test('without copies of all it held, the store does not open', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped' })
    await commitFiles(repo, { more: content(51) })
    const stop = new AbortController()
    stop.abort()
    // Asked for, and not there yet.
    await expect(repo.convertLogicalVolume('default', { copies: 2, signal: stop.signal })).rejects.toThrow()
    const held = copiesOf(repo).flat()
    await repo.close()
    const lost = held.includes(1) ? 'one' : 'two'
    rmSync(join(folder, `${lost}.varve`))
    await expect(openRepository(path)).rejects.toMatchObject({ code: 'PV_MISSING' })
  })
})

describe('taking a volume out of the group', () => {
  test('once nothing lies there: its file stays, and the group does without it', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.changePhysicalVolume('1', { allocatable: false })
    await repo.movePhysicalVolume('1')
    await repo.reduceVolumeGroup('1')
    expect((await repo.volumeGroup()).physicalVolumes.map(({ number }) => number)).toEqual([0, 2])
    expect(existsSync(join(folder, 'one.varve'))).toBe(true)
    rmSync(join(folder, 'one.varve'))
    await commitFiles(repo, { f: content(COMMITS - 1), g: 'more' })
    await repo.close()
    const again = await openRepository(path)
    const { problems } = await again.verify()
    expect(problems).toEqual([])
    // Numbers are never used again.
    expect(await again.extendVolumeGroup(join(folder, 'three.varve'))).toMatchObject({ number: 3 })
    await again.reduceVolumeGroup('3')
    expect(await again.extendVolumeGroup(join(folder, 'four.varve'))).toMatchObject({ number: 4 })
  })

  test('is refused while something lies there, for the catalog, and where copies need it', async () => {
    const { repo } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped' })
    await commitFiles(repo, { more: pseudoRandom(3_000_000, 9) })
    const before = repo.parts.group.layout
    await expect(repo.reduceVolumeGroup('1')).rejects.toMatchObject({ code: 'PV_IN_USE' })
    await expect(repo.reduceVolumeGroup('0')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(repo.reduceVolumeGroup('7')).rejects.toMatchObject({ code: 'PV_NOT_FOUND' })
    expect(repo.parts.group.layout).toEqual(before)
    await repo.convertLogicalVolume('default', { copies: 3 })
    await expect(repo.reduceVolumeGroup('2')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a writer that brought something there before it went stores it elsewhere', async () => {
    const { repo, path } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped', physicalVolumes: ['0', '1'] })
    await repo.changePhysicalVolume('1', { allocatable: false })
    await repo.movePhysicalVolume('1', { to: ['2'] })
    await repo.changePhysicalVolume('1', { allocatable: true })
    const group = await VolumeGroup.open(path, groupOptions)
    onTestFinished(() => group.close())
    const other = await openRepository(path)
    const draft = await other.draft('main')
    await draft.write('big', pseudoRandom(5_000_000, 3))
    // Staged there, not published.
    const stageOn = other.parts.group.stageOn.bind(other.parts.group)
    other.parts.group.stageOn = async (pv, extents) => {
      const staged = await stageOn(pv, extents)
      if (pv !== 1) return staged
      other.parts.group.stageOn = stageOn
      await repo.convertLogicalVolume('default', { physicalVolumes: [] })
      await repo.reduceVolumeGroup('1')
      return staged
    }
    await draft.commit({ message: 'big', author: 'Test <test@example.org>' })
    for (const pvs of copiesOf(repo)) expect(pvs).not.toContain(1)
    expect((await (await repo.at('main')).read('big')).equals(pseudoRandom(5_000_000, 3))).toBe(true)
    expect((await other.verify()).problems).toEqual([])
  })
})

describe('a volume that is given up', () => {
  test('takes with it what lay there alone and what is decoded through that, and nothing else', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped', objectCopies: 3 })
    // Compressed against what lies on other volumes.
    for (let number = 0; number < 4; number++) {
      const changed = Buffer.concat([content(0).subarray(0, 100_000 + number), content(90 + number)])
      await commitFiles(repo, { [`g${number}`]: changed, h: content(number) }, `more ${number}`)
    }
    const log = (await repo.log().next()).value
    await repo.close()
    rmSync(join(folder, 'one.varve'))
    await expect(openRepository(path)).rejects.toMatchObject({ code: 'PV_MISSING' })
    const partial = await openRepository(path, { partial: true })
    await expect(partial.reduceVolumeGroup('1', { force: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const there = { missing: true, force: true, dryRun: true }
    await expect(partial.reduceVolumeGroup('2', there)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const { group } = partial.parts
    const alone = group.catalog.all(
      'SELECT eid FROM copy WHERE pv = 1 AND NOT EXISTS (SELECT 1 FROM copy AS other WHERE other.eid = copy.eid AND other.pv <> 1)',
    )
    const planned = await partial.reduceVolumeGroup('1', { missing: true, force: true, dryRun: true })
    expect(planned.lostExtents).toBeGreaterThanOrEqual(alone.length)
    expect(group.layout.physicalVolumes).toHaveLength(3)
    const before = copiesOf(partial).length
    expect(await partial.reduceVolumeGroup('1', { missing: true, force: true })).toEqual({ ...planned, dryRun: false })
    expect(copiesOf(partial)).toHaveLength(before - planned.lostExtents)
    for (const pvs of copiesOf(partial)) expect(pvs).not.toContain(1)
    await partial.close()

    const again = await openRepository(path)
    expect((await again.log().next()).value).toEqual(log)
    const { problems } = await again.verify()
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['MISSING_CHUNK']))
    // What was lost can be brought back by committing it anew, once not more copies are asked for than there are volumes.
    await expect(commitFiles(again, { f: 'f' })).rejects.toMatchObject({
      code: 'VG_FULL',
      hint: expect.stringContaining('lv convert'),
    })
    await again.convertLogicalVolume('default', { objectCopies: 2 })
    const files = Object.fromEntries(Array.from({ length: COMMITS }, (_, number) => [`f${number}`, content(number)]))
    await commitFiles(again, files, 'brought back', 'rescue')
    for (let number = 0; number < COMMITS; number++) {
      // In the commits that had lost it.
      const read = await (await again.at(`main~${4 + COMMITS - 1 - number}`)).read('f')
      expect(read.equals(content(number))).toBe(true)
    }
  })
})
