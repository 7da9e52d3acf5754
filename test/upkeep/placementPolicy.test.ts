/** What a logical volume can ask for beside the number of copies: more of objects, so many stripes, volumes with a tag. */
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Repository } from '../../src/repository.js'
import { recoverVolumeGroup } from '../../src/upkeep/recoverGroup.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { pseudoRandom } from '../codec/inputs.js'
import { goldenFolder } from '../golden/makeStore.js'
import { collect, commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { content, expectSound, theOne, threeVolumes } from '../support/threeVolumes.js'

function placesByClass(repo: Repository): { data: number[][]; object: number[][] } {
  const places = { data: [] as number[][], object: [] as number[][] }
  repo.parts.group.catalog.eachExtent(({ record, pvs }) => {
    places[record.class === EXTENT_CLASS.object ? 'object' : 'data'].push([...pvs])
  })
  return places
}

describe('objects', () => {
  test('are kept more often than contents, what is there and what comes', async () => {
    const { repo } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped' })
    const report = await repo.convertLogicalVolume('default', { objectCopies: 3 })
    expect(report).toMatchObject({ type: 'striped', copies: 1, objectCopies: 3, lackingCopies: 0 })
    await commitFiles(repo, { g: content(40) }, 'and on', 'side')
    const { data, object } = placesByClass(repo)
    for (const pvs of data) expect(pvs).toHaveLength(1)
    for (const pvs of object) expect(pvs).toEqual([0, 1, 2])
    expect(await theOne(repo)).toMatchObject({ objectCopies: 3, lackingCopies: 0 })
    await expectSound(repo)
    // gc, pack and rewrites place them so as well.
    await repo.pack()
    await repo.gc({ now: true })
    for (const pvs of placesByClass(repo).object) expect(pvs).toHaveLength(3)
    const back = await repo.convertLogicalVolume('default', { objectCopies: null })
    expect(back).toMatchObject({ objectCopies: 1, lackingCopies: 0 })
    for (const pvs of placesByClass(repo).object) expect(pvs).toHaveLength(1)
    await expectSound(repo)
  })

  test('are all there after the catalog was lost with a third of the contents', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { type: 'striped', objectCopies: 2 })
    for (const number of [0, 1, 2]) await commitFiles(repo, { [`x${number}`]: pseudoRandom(80_000, 300 + number) })
    const log = await collect(repo.log())
    await repo.close()
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
    expect((await recoverVolumeGroup(join(folder, 'one.varve'))).moved).toEqual([])
    const again = await openRepository(path)
    expect(await collect(again.log())).toEqual(log)
    const { problems } = await again.verify({ quick: true })
    expect(problems.length).toBeGreaterThan(0)
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['MISSING_CHUNK']))
    // Of the newest commit these are named; what older ones had is not.
    expect(problems.some(({ paths }) => paths?.some((path) => path.startsWith('main:')))).toBe(true)
  })

  test('are never fewer than contents', async () => {
    const { repo } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2 })
    const refused = repo.convertLogicalVolume('default', { objectCopies: 1 })
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const tooMany = repo.convertLogicalVolume('default', { objectCopies: 4 })
    await expect(tooMany).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { actual: 3 } })
    // More copies of everything: what was asked of objects is in it.
    await repo.convertLogicalVolume('default', { copies: 1, objectCopies: 2 })
    await repo.convertLogicalVolume('default', { copies: 2 })
    expect(await theOne(repo)).toMatchObject({ copies: 2, objectCopies: 2, lackingCopies: 0 })
  })
})

describe('stripes', () => {
  test('are as many as was said, and others take the place of one that is full', async () => {
    const { repo } = await threeVolumes()
    await repo.convertLogicalVolume('default', { stripes: 2 })
    expect(await theOne(repo)).toMatchObject({ type: 'striped', stripes: 2 })
    const last = repo.parts.group.catalog.counter('next_eid')
    const since = (): Set<number> => {
      const pvs = new Set<number>()
      repo.parts.group.catalog.eachExtent(({ record, pvs: own }) => {
        if (record.eid >= last) for (const pv of own) pvs.add(pv)
      })
      return pvs
    }
    for (let number = 0; number < 6; number++) await commitFiles(repo, { g: content(50 + number) })
    expect(since()).toEqual(new Set([0, 1]))
    await repo.changePhysicalVolume('0', { allocatable: false })
    for (let number = 0; number < 4; number++) await commitFiles(repo, { g: content(60 + number) })
    expect(since()).toEqual(new Set([0, 1, 2]))
    const refused = repo.convertLogicalVolume('default', { stripes: 3 })
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('3 stripes'),
    })
    await repo.convertLogicalVolume('default', { stripes: null })
    expect((await theOne(repo)).stripes).toBe(null)
    await repo.convertLogicalVolume('default', { copies: 2 })
    // Copies do not go with something else.
    await expect(repo.convertLogicalVolume('default', { stripes: 2 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    for (const pvs of placesByClass(repo).data) expect(pvs).toHaveLength(2)
    expect(await repo.convertLogicalVolume('default', { copies: 1, stripes: 2 })).toMatchObject({ type: 'striped' })
    await expect(repo.convertLogicalVolume('default', { type: 'linear', stripes: 2 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })
})

describe('tags', () => {
  test('say which volumes are used: what lies elsewhere goes there, and what comes', async () => {
    const { repo } = await threeVolumes()
    await repo.changePhysicalVolume('1', { tags: ['ssd', 'near'] })
    await repo.convertLogicalVolume('default', { tags: ['ssd'] })
    await commitFiles(repo, { g: content(70) }, 'and on', 'side')
    const { data, object } = placesByClass(repo)
    for (const pvs of [...data, ...object]) expect(pvs).toEqual([1])
    await expect(repo.convertLogicalVolume('default', { copies: 2 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('ssd'),
    })
    await expect(repo.changePhysicalVolume('1', { tags: ['near'] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await repo.changePhysicalVolume('2', { tags: ['ssd'] })
    await repo.convertLogicalVolume('default', { copies: 2 })
    for (const pvs of placesByClass(repo).data) expect(pvs).toEqual([1, 2])
    // The two that it needs.
    await expect(repo.reduceVolumeGroup('2')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await repo.convertLogicalVolume('default', { copies: 1, tags: [] })
    await expectSound(repo)
  })

  test('are words', async () => {
    const { repo, folder } = await threeVolumes()
    for (const tags of [[''], ['two words'], ['@x']]) {
      await expect(repo.changePhysicalVolume('1', { tags })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      await expect(repo.convertLogicalVolume('default', { tags })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      const file = join(folder, 'new.varve')
      await expect(repo.extendVolumeGroup(file, { tags })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('a store of an older format', () => {
  function copyOfGolden(): string {
    const folder = tempFolder()
    const names = ['group.varve', 'group-1.varve', 'group-2.varve']
    for (const name of names) copyFileSync(join(goldenFolder(3), name), join(folder, name))
    return join(folder, 'group.varve')
  }
  const formatOf = ({ parts }: Repository): number =>
    parts.group.catalog.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0

  test('is used as it is until something is asked for that older programs do not know, and then upgraded', async () => {
    const path = copyOfGolden()
    const repo = await openRepository(path)
    await repo.convertLogicalVolume('default', { type: 'linear' })
    await commitFiles(repo, { 'new.txt': 'new' })
    expect(formatOf(repo)).toBe(3)
    const other = await openRepository(path)
    await expect(repo.convertLogicalVolume('default', { objectCopies: 2 })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
    })
    expect(formatOf(repo)).toBe(3)
    await other.close()
    await repo.convertLogicalVolume('default', { objectCopies: 2 })
    expect(formatOf(repo)).toBe(4)
    expect((await repo.verify()).problems).toEqual([])
    await repo.close()
    expect(await theOne(await openRepository(path))).toMatchObject({ objectCopies: 2, lackingCopies: 0 })
  })
})
