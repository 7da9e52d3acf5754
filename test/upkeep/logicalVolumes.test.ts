import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../src/base/errors.js'
import type { LogicalVolumeLayout } from '../../src/format/layout.js'
import { planPolicies } from '../../src/upkeep/copyPlans.js'
import { pseudoRandom } from '../codec/inputs.js'
import { change, flip } from '../support/mirrored.js'
import { commitFiles, openRepository } from '../support/repositories.js'

import {
  COMMITS,
  content,
  copiesOf,
  expectReadable,
  expectSound,
  theOne,
  threeVolumes,
} from '../support/threeVolumes.js'

describe('converting', () => {
  test('to two copies and back: what was there comes, what comes is there, and the use of volumes adds up', async () => {
    const { repo } = await threeVolumes()
    const before = await theOne(repo)
    expect(before).toMatchObject({ name: 'default', type: 'linear', copies: 1, lackingCopies: 0 })
    const plan = await repo.convertLogicalVolume('default', { copies: 2, dryRun: true })
    expect((await theOne(repo)).copies).toBe(1)
    const report = await repo.convertLogicalVolume('default', { copies: 2 })
    expect(report).toMatchObject({ type: 'mirrored', copies: 2, dropped: [], lackingCopies: 0, notes: [] })
    expect(report.added).toEqual(plan.added)
    expect(plan.lackingCopies).toBe(before.extents)
    await commitFiles(repo, { g: content(77) })
    for (const pvs of copiesOf(repo)) expect(pvs).toHaveLength(2)
    const mirrored = await theOne(repo)
    const { physicalVolumes } = await repo.volumeGroup()
    expect(physicalVolumes.reduce((sum, { storedBytes }) => sum + storedBytes, 0)).toBe(mirrored.storedBytes)
    await repo.createBranch('side', 'main~1')
    await commitFiles(repo, { f: content(5), g: null })

    const back = await repo.convertLogicalVolume('default', { copies: 1 })
    expect(back).toMatchObject({ type: 'linear', copies: 1, added: [], lackingCopies: 0 })
    for (const pvs of copiesOf(repo)) expect(pvs).toHaveLength(1)
    const { problems } = await repo.verify()
    expect(problems).toEqual([])
  })

  test('to volumes that it names: what lies elsewhere goes there', async () => {
    const { repo } = await threeVolumes()
    const report = await repo.convertLogicalVolume('default', { physicalVolumes: ['1', '2'], type: 'striped' })
    expect(report.dropped).toMatchObject([{ pv: 0 }])
    expect(report.added.map(({ pv }) => pv)).toEqual([1, 2])
    await commitFiles(repo, { f: content(COMMITS - 1), g: 'new' })
    for (const pvs of copiesOf(repo)) expect(pvs).not.toContain(0)
    const { problems } = await repo.verify()
    expect(problems).toEqual([])
    await repo.convertLogicalVolume('default', { copies: 2 })
    for (const pvs of copiesOf(repo)) expect(pvs).toEqual([1, 2])
    await repo.convertLogicalVolume('default', { physicalVolumes: [], copies: 3 })
    for (const pvs of copiesOf(repo)) expect(pvs).toEqual([0, 1, 2])
  })

  test('others read and commit meanwhile', async () => {
    const { repo, path } = await threeVolumes()
    const other = await openRepository(path)
    const work = repo.convertLogicalVolume('default', { copies: 2 })
    for (let number = 0; number < COMMITS; number++) {
      await commitFiles(other, { g: pseudoRandom(100_000, 200 + number) }, 'beside', 'side')
      await expectReadable(other)
    }
    await work
    expect(await repo.convertLogicalVolume('default')).toMatchObject({ lackingCopies: 0 })
    expect((await theOne(repo)).lackingCopies).toBe(0)
    await expectSound(repo)
    await expectSound(other)
  })

  test('what is compressed against something never has more copies than that, step by step', async () => {
    const { repo } = await threeVolumes()
    const text = Buffer.from(content(1))
    for (let number = 0; number < 5; number++) {
      text.write(`edit ${number}`, 9000 * number)
      await commitFiles(repo, { text: Buffer.from(text) }, 'an edit')
    }
    const { group } = repo.parts
    const [volume] = group.layout.logicalVolumes
    for (const copies of [3, 2, 1]) {
      const policy = { ...(volume as LogicalVolumeLayout), type: 'mirrored' as const, copies }
      const held = new Map<number, number>()
      const bases = new Map<number, number[]>()
      group.catalog.eachExtent(({ record, pvs }) => {
        held.set(record.eid, pvs.length)
        bases.set(
          record.eid,
          record.bases.map(({ eid }) => eid),
        )
      })
      expect([...bases.values()].flat().length).toBeGreaterThan(3)
      for (const { eid, add, drop } of planPolicies(group, [policy])) {
        held.set(eid, (held.get(eid) ?? 0) + add.length - drop.length)
        for (const [dependant, below] of bases)
          for (const base of below) expect(held.get(base)).toBeGreaterThanOrEqual(held.get(dependant) ?? 0)
      }
      for (const count of held.values()) expect(count).toBe(copies)
      await repo.convertLogicalVolume('default', { copies })
    }
    expect((await repo.verify()).problems).toEqual([])
  })

  test('onto a disk that is full: what is new comes as asked, and it is said what does the rest', async () => {
    const { repo } = await threeVolumes()
    const [, volume] = repo.parts.group.volumes
    if (!volume) throw new Error('there are three')
    const { stage } = volume
    volume.stage = async () => {
      throw new VarveError('STORAGE_FULL', 'made to fail', { hint: 'Make room.' })
    }
    const error = await repo.convertLogicalVolume('default', { copies: 3 }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'STORAGE_FULL',
      hint: expect.stringMatching(/^Make room\. .*`varve lv convert default --repair`/),
    })
    volume.stage = stage
    await repo.convertLogicalVolume('default')
    for (const pvs of copiesOf(repo)) expect(pvs).toHaveLength(3)
    await expectSound(repo)
  })

  test('broken off between the two steps: the same again does the rest', async () => {
    const { repo } = await threeVolumes()
    const stop = new AbortController()
    stop.abort()
    await expect(repo.convertLogicalVolume('default', { copies: 2, signal: stop.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect((await theOne(repo)).lackingCopies).toBeGreaterThan(0)
    expect(await repo.convertLogicalVolume('default')).toMatchObject({ copies: 2, lackingCopies: 0 })
    await expectSound(repo)
  })
})

describe('is refused, and nothing is changed', () => {
  test.each([
    [{ copies: 4 }, 'INVALID_ARGUMENT'],
    [{ copies: 0 }, 'INVALID_ARGUMENT'],
    [{ copies: 1.5 }, 'INVALID_ARGUMENT'],
    [{ type: 'mirrored', copies: 1 }, 'INVALID_ARGUMENT'],
    [{ type: 'striped', copies: 2 }, 'INVALID_ARGUMENT'],
    [{ type: 'round' as 'linear' }, 'INVALID_ARGUMENT'],
    [{ physicalVolumes: ['7'] }, 'PV_NOT_FOUND'],
    [{ physicalVolumes: ['1', '1'] }, 'INVALID_ARGUMENT'],
    [{ physicalVolumes: ['1'], copies: 2 }, 'INVALID_ARGUMENT'],
  ] as const)('%j', async (change, code) => {
    const { repo } = await threeVolumes()
    const before = await repo.volumeGroup()
    await expect(repo.convertLogicalVolume('default', change)).rejects.toMatchObject({ code })
    expect(await repo.volumeGroup()).toEqual(before)
  })

  test('a name that nobody has, and what does not fit', async () => {
    const { repo } = await threeVolumes()
    await expect(repo.convertLogicalVolume('other', { copies: 2 })).rejects.toMatchObject({ code: 'PV_NOT_FOUND' })
    for (const pv of ['1', '2']) await repo.changePhysicalVolume(pv, { capacityBytes: 300_000 })
    const before = await repo.volumeGroup()
    await expect(repo.convertLogicalVolume('default', { copies: 2 })).rejects.toMatchObject({ code: 'VG_FULL' })
    expect(await repo.volumeGroup()).toEqual(before)
  })
})

describe('a damaged copy', () => {
  test('is never the one that is kept alone, whichever it is', async () => {
    for (const pv of [0, 1, 2]) {
      const { repo, path } = await threeVolumes()
      await repo.convertLogicalVolume('default', { copies: 3 })
      const { catalog } = repo.parts.group
      const eid = catalog.get<{ eid: number }>('SELECT min(eid) AS eid FROM extent')?.eid ?? 0
      const file = repo.parts.group.volume(pv)?.location ?? ''
      await repo.close()
      change(file, flip(eid))
      const again = await openRepository(path)
      const { notes } = await again.convertLogicalVolume('default', { copies: 1 })
      await expectReadable(again)
      if (notes.length === 0) continue
      expect(notes).toEqual([expect.stringContaining(`extent ${eid} was left where it is`)])
      expect((await again.verify({ heal: true })).problems).toEqual([])
      expect(await again.convertLogicalVolume('default')).toMatchObject({ notes: [], lackingCopies: 0 })
      await expectSound(again)
    }
  })
})

describe('evening out', () => {
  test.each([1, 2])(
    'what volumes hold, with %i copies: none twice on one, and nothing more to do after it',
    async (copies) => {
      const { repo, folder } = await threeVolumes()
      await repo.convertLogicalVolume('default', { copies })
      await commitFiles(repo, { f: content(COMMITS - 1), g: pseudoRandom(2_000_000, 8) })
      await repo.extendVolumeGroup(join(folder, 'three.varve'))
      const before = await theOne(repo)
      const { dropped, added } = await repo.balanceVolumeGroup()
      const moved = (tallies: typeof added) => tallies.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
      expect(moved(added)).toBeGreaterThan(0)
      expect(moved(added)).toBe(moved(dropped))
      expect(await theOne(repo)).toEqual(before)
      const held = (await repo.volumeGroup()).physicalVolumes.map(({ storedBytes }) => storedBytes)
      // An extent holds about 1 MB.
      expect(Math.max(...held) - Math.min(...held)).toBeLessThan(2_200_000)
      for (const pvs of copiesOf(repo)) expect(new Set(pvs).size).toBe(copies)
      expect(await repo.balanceVolumeGroup()).toMatchObject({ added: [], dropped: [] })
      expect((await repo.verify()).problems).toEqual([])
    },
  )

  test('only among volumes that take new extents, and as far as they may', async () => {
    const { repo } = await threeVolumes()
    await repo.changePhysicalVolume('1', { allocatable: false })
    await repo.changePhysicalVolume('2', { capacityBytes: 300_000 })
    await repo.balanceVolumeGroup()
    const { physicalVolumes } = await repo.volumeGroup()
    expect(physicalVolumes[1]).toMatchObject({ extents: 0 })
    expect(physicalVolumes[2]?.storedBytes).toBeGreaterThan(0)
    expect(physicalVolumes[2]?.storedBytes).toBeLessThanOrEqual(300_000)
    expect((await repo.verify()).problems).toEqual([])
  })
})
