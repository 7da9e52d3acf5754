import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Repository } from '../../src/repository.js'
import { recoverVolumeGroup } from '../../src/upkeep/recoverGroup.js'
import { expireReflog, newestEntry } from '../../src/upkeep/reflogTerm.js'
import { knowsUses } from '../../src/volume/extentUses.js'
import { UpkeepState } from '../../src/volume/upkeepState.js'
import { WorkingFolder } from '../../src/workingFolder.js'
import { expectAllKept, expectKept } from '../support/kept.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { content, copiesOf, expectSound, threeVolumes } from '../support/threeVolumes.js'

const named = async (repo: Repository, name: string) => {
  const found = (await repo.logicalVolumes()).find((volume) => volume.name === name)
  if (!found) throw new Error(`there is no logical volume ${name}`)
  return found
}

/** More by hand: VARVE_TEST_RUNS. */
const RUNS = Number(process.env.VARVE_TEST_RUNS ?? 6)

const twice = async (repo: Repository): Promise<number> => copiesOf(repo).filter((pvs) => pvs.length === 2).length

describe('a branch that is kept in a logical volume of its own', () => {
  test('what is known already, but lies once, is stored where it is asked for; the rest stays as it is', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitFiles(repo, { f: content(2), g: content(50) }, 'mine', 'precious')
    await expectAllKept(repo)
    const safe = await named(repo, 'safe')
    expect(safe).toMatchObject({ copies: 2, branches: ['precious'], lackingCopies: 0 })
    expect(safe.storedBytes).toBe(2 * safe.usedBytes)
    expect(await twice(repo)).toBe(safe.extents)
    await expectSound(repo)
  })

  test('what lies as safely as is asked for is not stored again', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitFiles(repo, { g: content(50) }, 'mine', 'precious')
    const before = await named(repo, 'default')
    const storedBytes = async () =>
      (await repo.volumeGroup()).physicalVolumes.reduce((sum, pv) => sum + pv.storedBytes, 0)
    const stored = await storedBytes()
    await commitFiles(repo, { g: content(50) }, 'the same', 'main')
    expect((await storedBytes()) - stored).toBeLessThan(20_000)
    // It counts as used by both.
    expect((await named(repo, 'default')).usedBytes - before.usedBytes).toBeGreaterThan(150_000)
    await expectAllKept(repo)
  })

  test('that was there before: all that it reaches comes, and goes again when it is kept elsewhere', async () => {
    const { repo } = await threeVolumes()
    await commitFiles(repo, { h: content(60) }, 'other', 'side')
    await repo.createLogicalVolume('safe', { copies: 2 })
    const plan = await repo.assignLogicalVolume('safe', ['main'], { dryRun: true })
    expect(await repo.assignedLogicalVolumes()).toEqual([])
    const report = await repo.assignLogicalVolume('safe', ['main'])
    expect(report.added).toEqual(plan.added)
    await expectAllKept(repo)
    expect(await twice(repo)).toBe((await named(repo, 'safe')).extents)
    expect(copiesOf(repo).some((pvs) => pvs.length === 1)).toBe(true)
    await repo.assignLogicalVolume('default', ['main'])
    expect(await repo.assignedLogicalVolumes()).toEqual([])
    expect(await twice(repo)).toBe(0)
    expect(await named(repo, 'safe')).toMatchObject({ extents: 0, usedBytes: 0, branches: [] })
    await expectSound(repo)
  })

  test('is meant with all branches below it', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['team'])
    await repo.assignLogicalVolume('default', ['team/scratch'])
    await commitFiles(repo, { a: content(70) }, 'a', 'team/docs')
    await commitFiles(repo, { a: content(71) }, 'a', 'team/scratch/mine')
    await commitFiles(repo, { a: content(72) }, 'a', 'teams')
    const before = await named(repo, 'safe')
    expect(before.usedBytes).toBeGreaterThan(150_000)
    expect(before.usedBytes).toBeLessThan(200_000)
    await expectAllKept(repo)
  })

  test('that is led to what was written for others: it is told, and repaired', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    await repo.createBranch('precious', 'main~1')
    await expect(expectKept(repo, 'precious')).rejects.toThrow(/in safe/)
    const topics = async () => (await repo.doctor()).findings.map(({ topic }) => topic)
    expect(await topics()).toContain('copies-lacking')
    const { lackingCopies } = await repo.convertLogicalVolume('safe')
    expect(lackingCopies).toBe(0)
    await expectAllKept(repo)
    expect(await topics()).not.toContain('copies-lacking')
  })

  test('gc, pack and defragmentation leave it as safe as it is', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    for (let number = 0; number < 4; number++)
      await commitFiles(repo, { f: content(number), g: content(80 + number) }, `${number}`, 'precious')
    await commitFiles(repo, { f: content(1), g: content(81) }, 'shared', 'main')
    await commitFiles(repo, { x: content(90) }, 'gone', 'gone')
    await repo.deleteBranch('gone')
    await repo.pack()
    await expectAllKept(repo)
    await repo.defragment()
    await expectAllKept(repo)
    await repo.gc({ now: true })
    await expectAllKept(repo)
    // What main alone uses lies once.
    expect(copiesOf(repo).some((pvs) => pvs.length === 1)).toBe(true)
  })

  test('two that may use different volumes both have what they share', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('one', { physicalVolumes: ['1'] })
    await repo.createLogicalVolume('two', { physicalVolumes: ['2'] })
    await repo.assignLogicalVolume('one', ['a'])
    await repo.assignLogicalVolume('two', ['b'])
    await commitFiles(repo, { f: content(40) }, 'a', 'a')
    await commitFiles(repo, { f: content(40), g: content(41) }, 'b', 'b')
    await expectAllKept(repo)
    await repo.balanceVolumeGroup()
    await expectAllKept(repo)
    await repo.pack()
    await expectAllKept(repo)
  })

  test('converting one leaves the others what they ask for', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitFiles(repo, { f: content(2), g: content(50) }, 'mine', 'precious')
    await repo.convertLogicalVolume('default', { physicalVolumes: ['0'] })
    await expectAllKept(repo)
    await repo.convertLogicalVolume('safe', { copies: 1 })
    await expectAllKept(repo)
    await repo.convertLogicalVolume('default', { copies: 3, physicalVolumes: [] })
    await expectAllKept(repo)
  })
})

describe('logical volumes come and go', () => {
  test('refused, and nothing changed: names, copies, sizes that make no sense, what is in use', async () => {
    const { repo } = await threeVolumes()
    const before = await repo.logicalVolumes()
    const refused = async (work: Promise<unknown>, code: string): Promise<void> => {
      await expect(work).rejects.toMatchObject({ code })
      expect(await repo.logicalVolumes()).toEqual(before)
    }
    await refused(repo.createLogicalVolume('default'), 'ALREADY_EXISTS')
    for (const name of ['', 'a b', '-m', 'all', 'a/b'])
      await refused(repo.createLogicalVolume(name), 'INVALID_ARGUMENT')
    await refused(repo.createLogicalVolume('a', { copies: 4 }), 'INVALID_ARGUMENT')
    await refused(repo.createLogicalVolume('a', { physicalVolumes: ['9'] }), 'PV_NOT_FOUND')
    await refused(repo.createLogicalVolume('a', { tags: ['nobody'] }), 'INVALID_ARGUMENT')
    for (const virtualBytes of [0, -1, 1.5, Number.NaN])
      await refused(repo.createLogicalVolume('a', { virtualBytes }), 'INVALID_ARGUMENT')
    await refused(repo.createLogicalVolume('a', { reserved: true }), 'INVALID_ARGUMENT')
    await refused(repo.createLogicalVolume('a', { reserved: true, virtualBytes: 1000 }), 'INVALID_ARGUMENT')
    await refused(repo.removeLogicalVolume('default'), 'INVALID_ARGUMENT')
    await refused(repo.removeLogicalVolume('nobody'), 'PV_NOT_FOUND')
    await refused(repo.assignLogicalVolume('nobody', ['main']), 'PV_NOT_FOUND')
    await refused(repo.resizeLogicalVolume('default', { virtualBytes: 1000 }), 'INVALID_ARGUMENT')
    expect(knowsUses(repo.parts.group.catalog)).toBe(false)
  })

  test('one that a branch is kept in stays; without it, all is as if it had never been', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.createLogicalVolume('other')
    await repo.assignLogicalVolume('safe', ['main'])
    await expect(repo.removeLogicalVolume('safe')).rejects.toMatchObject({
      code: 'LV_IN_USE',
      details: { actual: ['main'] },
    })
    await repo.assignLogicalVolume('default', ['main'])
    // Still used by nobody else: garbage of a branch that is gone.
    await repo.assignLogicalVolume('safe', ['gone'])
    await commitFiles(repo, { x: content(90) }, 'gone', 'gone')
    await repo.assignLogicalVolume('default', ['gone'])
    await repo.removeLogicalVolume('other')
    await repo.removeLogicalVolume('safe')
    expect(await twice(repo)).toBe(0)
    expect(knowsUses(repo.parts.group.catalog)).toBe(false)
    await expectSound(repo)
  })

  test('another program takes up a logical volume that came while it had the store open', async () => {
    const { repo, path } = await threeVolumes()
    const other = await openRepository(path)
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitFiles(other, { f: content(2), g: content(51) }, 'mine', 'precious')
    await expectAllKept(repo)
    await repo.assignLogicalVolume('default', ['precious'])
    await repo.removeLogicalVolume('safe')
    await commitFiles(other, { g: content(52) }, 'mine', 'precious')
    await expectAllKept(repo)
  })

  test('a catalog that is lost and made anew: all lies as it did, for the branches that it was for', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2, physicalVolumes: ['1', '2'] })
    await repo.convertLogicalVolume('default', { physicalVolumes: ['1', '2'] })
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitFiles(repo, { f: content(2), g: content(50) }, 'mine', 'precious')
    await repo.close()
    rmSync(path)
    await recoverVolumeGroup(join(folder, 'one.varve'))
    const again = await openRepository(path)
    await again.convertLogicalVolume('safe')
    await again.convertLogicalVolume('default')
    await expectAllKept(again)
    const [, safe] = await again.logicalVolumes()
    expect(safe?.usedBytes).toBeGreaterThan(250_000)
    expect(safe?.usedBytes).toBeLessThan(500_000)
  })
})

describe('a size', () => {
  test('what would exceed it is refused before anything is visible; giving up and gc make room', async () => {
    const { repo } = await threeVolumes()
    await repo.createLogicalVolume('small', { virtualBytes: 400_000 })
    await expect(repo.assignLogicalVolume('small', ['main'])).rejects.toMatchObject({ code: 'LV_FULL' })
    expect(await repo.assignedLogicalVolumes()).toEqual([])
    await repo.assignLogicalVolume('small', ['tenant'])
    await commitFiles(repo, { a: content(100) }, 'one', 'tenant')
    await commitFiles(repo, { a: content(101) }, 'two', 'tenant')
    const tip = (await repo.commit('tenant')).id
    await expect(commitFiles(repo, { a: content(102) }, 'three', 'tenant')).rejects.toMatchObject({
      code: 'LV_FULL',
      details: { expected: 400_000 },
    })
    expect((await repo.commit('tenant')).id).toBe(tip)
    // What others have stored counts all the same.
    await expect(commitFiles(repo, { a: content(3) }, 'three', 'tenant')).rejects.toMatchObject({ code: 'LV_FULL' })
    // Others go on.
    await commitFiles(repo, { z: content(103) }, 'other', 'main')
    await repo.resizeLogicalVolume('small', { virtualBytes: 700_000 })
    await commitFiles(repo, { a: content(102) }, 'three', 'tenant')
    expect((await repo.verify()).problems).toEqual([])
  })
})

test('what nobody reaches any more is used with all that it is decoded through, as long as it is there', async () => {
  const { repo } = await threeVolumes()
  const { catalog } = repo.parts.group
  await repo.createLogicalVolume('safe', { copies: 2 })
  await commitFiles(repo, { f: content(90) }, 'one', 'x')
  const changed = Buffer.from(content(90))
  changed.fill(0, 1000, 1100)
  await commitFiles(repo, { f: changed }, 'two', 'x')
  await repo.createBranch('precious', 'x~1')
  await repo.deleteBranch('x')
  catalog.write((tx) => expireReflog(tx, new UpkeepState(catalog), 1 + newestEntry(tx)))
  await repo.assignLogicalVolume('safe', ['precious'])
  await expectAllKept(repo)
})

test('a branch that is renamed into another logical volume is told of, and repaired', async () => {
  const { repo } = await threeVolumes()
  await repo.createLogicalVolume('safe', { copies: 2 })
  await repo.assignLogicalVolume('safe', ['team'])
  await commitFiles(repo, { f: content(90) }, 'one', 'x')
  await repo.renameBranch('x', 'team/x')
  expect((await repo.doctor()).findings.map(({ topic }) => topic)).toContain('copies-lacking')
  await repo.convertLogicalVolume('safe')
  await expectAllKept(repo)
})

test('a working folder uses the logical volume of the branch that it is on', async () => {
  const { repo, path, folder } = await threeVolumes()
  await using tree = await WorkingFolder.add(path, join(folder, 'tree'), 'main')
  await repo.createLogicalVolume('safe', { copies: 2 })
  await repo.assignLogicalVolume('safe', ['main'])
  expect(await named(repo, 'default')).toMatchObject({ extents: 0, usedBytes: 0 })
  writeFileSync(join(tree.path, 'f'), content(0))
  await tree.commit({ message: 'mine', author: 'Test <test@example.org>' })
  await repo.convertLogicalVolume('safe')
  expect(await named(repo, 'default')).toMatchObject({ extents: 0, usedBytes: 0 })
  await expectAllKept(repo)
})

test('what a branch shared with others takes up nothing of a size any more, once it is given up', async () => {
  const { repo } = await threeVolumes()
  await repo.createLogicalVolume('small', { virtualBytes: 400_000 })
  await repo.assignLogicalVolume('small', ['tenant'])
  await commitFiles(repo, { a: content(2), b: content(3) }, 'known', 'tenant')
  await repo.deleteBranch('tenant')
  await repo.gc({ now: true })
  expect((await named(repo, 'small')).usedBytes).toBe(0)
  await commitFiles(repo, { a: content(100), b: content(101) }, 'new', 'tenant')
  await expectAllKept(repo)
})

test('what is kept free for others stands in the way of no logical volume without it, nor of keeping less free', async () => {
  const { repo, folder } = await threeVolumes()
  for (const pv of ['0', '1', '2']) await repo.changePhysicalVolume(pv, { capacityBytes: 5_000_000 })
  for (const name of ['a', 'b']) await repo.createLogicalVolume(name, { virtualBytes: 2_000_000, reserved: true })
  await repo.extendVolumeGroup(join(folder, 'unlimited.varve'))
  await repo.createLogicalVolume('c')
  await repo.resizeLogicalVolume('c', { virtualBytes: 1_000_000 })
  await repo.resizeLogicalVolume('a', { virtualBytes: 1_000_000, reserved: true })
  await repo.resizeLogicalVolume('b', { virtualBytes: null })
  await expect(repo.resizeLogicalVolume('a', { virtualBytes: 1_000_001, reserved: true })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
})

test('an erasure is not refused for a logical volume that is full and has no part in it', async () => {
  const { repo } = await threeVolumes()
  await repo.createLogicalVolume('small', { copies: 2 })
  await repo.assignLogicalVolume('small', ['tenant'])
  await commitFiles(repo, { a: content(100) }, 'one', 'tenant')
  await repo.resizeLogicalVolume('small', { virtualBytes: (await named(repo, 'small')).usedBytes })
  await commitFiles(repo, { secret: 'a password' }, 'by mistake')
  await repo.erase({ paths: ['secret'] })
  await expectAllKept(repo)
})

test('what a volume gives away goes where those may use it that need it', async () => {
  const { repo } = await threeVolumes()
  await repo.convertLogicalVolume('default', { physicalVolumes: ['2'] })
  await repo.createLogicalVolume('later', { physicalVolumes: ['1', '2'] })
  await repo.assignLogicalVolume('later', ['precious'])
  await commitFiles(repo, { a: content(100) }, 'one', 'precious')
  await repo.movePhysicalVolume('1')
  await expectAllKept(repo)
})

test('whatever happens, and in whichever order: each branch is kept as it is to be', async () => {
  const branch = fc.constantFrom('main', 'precious', 'team/docs')
  const volume = fc.constantFrom('default', 'safe', 'two')
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('commit' as const), branch, content: fc.integer({ min: 0, max: 5 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('assign' as const), branch, volume }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('convert' as const), volume, copies: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('pack' as const, 'gc' as const, 'balance' as const, 'reset' as const),
        branch,
      }),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), async (steps) => {
      const { repo } = await threeVolumes()
      await repo.createLogicalVolume('safe', { copies: 2 })
      await repo.createLogicalVolume('two', { physicalVolumes: ['2'] })
      for (const [number, each] of steps.entries()) {
        if (each.kind === 'commit')
          await commitFiles(
            repo,
            { number: `${number}`, [`f${each.content % 2}`]: content(each.content) },
            'c',
            each.branch,
          )
        else if (each.kind === 'assign') await repo.assignLogicalVolume(each.volume, [each.branch])
        else if (each.kind === 'convert' && each.volume !== 'two')
          await repo.convertLogicalVolume(each.volume, { copies: each.copies })
        else if (each.kind === 'pack') await repo.pack()
        else if (each.kind === 'gc') await repo.gc({ now: true })
        else if (each.kind === 'balance') await repo.balanceVolumeGroup()
        else if (each.kind === 'reset') {
          await repo.createBranch(each.branch, 'main~1', { force: true })
          await repo.convertLogicalVolume(repo.parts.branchVolumes.of(each.branch))
        }
        for (const { name } of await repo.branches()) await expectKept(repo, name)
      }
      await expectAllKept(repo)
      await repo.close()
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
})
