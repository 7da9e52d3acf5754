/** Tiers of a logical volume: where new extents go, what counts as use, and what moves. */
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { HOUR_MS } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { pseudoRandom } from '../codec/inputs.js'
import { collect, commitFiles } from '../support/repositories.js'
import { commitNumbered, FILE_BYTES, heatByFile, placesOf, TIERS, TieredStore } from '../support/tieredStore.js'

/** Room for about ten files. */
const TEN_BYTES = 10 * FILE_BYTES

async function expectSound(repo: Repository, numbers: Iterable<number>): Promise<void> {
  expect((await repo.verify()).problems).toEqual([])
  for (const number of numbers) {
    expect((await (await repo.at('main')).read(String(number))).equals(pseudoRandom(FILE_BYTES, number))).toBe(true)
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

/** With twenty files: what is there when tiers begin is in the slow one. */
async function twenty(
  fast: readonly (number | null)[] = [TEN_BYTES],
): Promise<{ store: TieredStore; repo: Repository }> {
  const store = new TieredStore()
  const repo = await store.create(fast)
  await repo.changePhysicalVolume('1', { allocatable: false })
  await commitNumbered(repo, range(0, 20))
  await repo.changePhysicalVolume('1', { allocatable: true })
  await repo.convertLogicalVolume('default', { tiers: TIERS })
  return { store, repo }
}

describe('what is new', () => {
  test('comes to the fast tier while it has room, and to the slow one then: nothing is refused', async () => {
    const store = new TieredStore()
    const repo = await store.create([TEN_BYTES])
    await repo.convertLogicalVolume('default', { tiers: TIERS })
    await commitNumbered(repo, range(0, 15))
    const places = Object.values(await placesOf(repo))
    expect(places.slice(0, 8)).toEqual(Array(8).fill([1]))
    expect(places.slice(10)).toEqual(Array(5).fill([0]))
    const [volume] = await repo.logicalVolumes()
    expect(volume?.lackingCopies).toBe(0)
    expect(volume?.tiers?.fast).toMatchObject({ tag: 'ssd', capacityBytes: TEN_BYTES })
    expect(volume?.tiers?.fast.usedBytes).toBeLessThanOrEqual(0.95 * TEN_BYTES)
    expect(volume?.tiers?.slow).toMatchObject({ tag: 'hdd', capacityBytes: null })
    expect(volume?.tiers?.isDue).toBe(true)
    const map = await collect(repo.extentMap())
    expect(new Set(map.map(({ pv, tier }) => `${pv} ${tier}`))).toEqual(new Set(['0 slow', '1 fast']))
    await expectSound(repo, range(0, 15))
  })

  test('F-TIERS: lies in one tier with all its copies', async () => {
    const store = new TieredStore()
    const repo = await store.create([TEN_BYTES, TEN_BYTES], 1)
    await repo.convertLogicalVolume('default', { copies: 2, tiers: TIERS })
    await commitNumbered(repo, range(0, 14))
    const places = Object.values(await placesOf(repo))
    expect(new Set(places.map(String))).toEqual(new Set(['1,2', '0,3']))
    await repo.tierLogicalVolume('default')
    repo.parts.group.catalog.eachExtent(({ pvs }) => expect(['1,2', '0,3']).toContain(String(pvs)))
    expect((await repo.logicalVolumes())[0]).toMatchObject({ lackingCopies: 0, tiers: { isDue: false } })
    await expectSound(repo, range(0, 14))
  })

  test('what is there already stays in its tier; what was in neither comes to the slow one', async () => {
    const store = new TieredStore()
    const repo = await store.create([null, null])
    await repo.changePhysicalVolume('2', { tags: [] })
    for (const [pv, numbers] of [
      ['0', range(0, 3)],
      ['1', range(3, 6)],
      ['2', range(6, 9)],
    ] as const) {
      for (const other of ['0', '1', '2']) await repo.changePhysicalVolume(other, { allocatable: other === pv })
      await commitNumbered(repo, numbers)
    }
    for (const other of ['0', '1', '2']) await repo.changePhysicalVolume(other, { allocatable: true })
    await repo.convertLogicalVolume('default', { tiers: TIERS })
    expect(Object.values(await placesOf(repo)).map(String)).toEqual(['0', '0', '0', '1', '1', '1', '0', '0', '0'])
    // And counts as just written.
    expect(await repo.tierLogicalVolume('default')).toMatchObject({ demoted: { extents: 0 }, promoted: { extents: 0 } })
  })
})

describe('use', () => {
  test('is what readers load, once a sitting; what is read twice comes up, with what it is decoded through', async () => {
    const { store, repo } = await twenty()
    await repo.close()
    await store.read('3')
    let again = await store.open()
    expect(await heatByFile(again)).toMatchObject({ 3: 1, 4: 0 })
    expect(await again.tierLogicalVolume('default')).toMatchObject({ promoted: { extents: 0 } })
    await again.close()
    await store.read('3')
    again = await store.open()
    const { promoted, demoted } = await again.tierLogicalVolume('default', { dryRun: true })
    expect(demoted).toEqual({ extents: 0, storedBytes: 0 })
    expect(await placesOf(again)).toMatchObject({ 3: [0], 4: [0] })
    // With the tree and the commit that lead to it.
    expect(await again.tierLogicalVolume('default')).toMatchObject({ promoted, dryRun: false })
    expect(promoted.extents).toBeGreaterThan(1)
    expect(await placesOf(again)).toMatchObject({ 3: [1], 4: [0] })
    expect(await again.tierLogicalVolume('default')).toMatchObject({ promoted: { extents: 0 } })
    await expectSound(again, range(0, 20))
  })

  test('is also what an extent is decoded through', async () => {
    const store = new TieredStore()
    const repo = await store.create([null])
    await repo.changePhysicalVolume('1', { allocatable: false })
    const before = pseudoRandom(60_000, 1)
    await commitFiles(repo, { f: before })
    await commitFiles(repo, {
      f: Buffer.concat([before.subarray(0, 30_000), Buffer.from('x'), before.subarray(30_000)]),
    })
    await repo.changePhysicalVolume('1', { allocatable: true })
    await repo.convertLogicalVolume('default', { tiers: TIERS })
    await repo.close()
    for (let time = 0; time < 2; time++) await store.read('f')
    const again = await store.open()
    const based: number[] = []
    again.parts.group.catalog.eachExtent(({ record }) => {
      if (record.class === EXTENT_CLASS.data && record.bases.length > 0)
        based.push(...record.bases.map(({ eid }) => eid))
    })
    expect(based.length).toBeGreaterThan(0)
    await again.tierLogicalVolume('default')
    for (const eid of based) expect(again.parts.group.catalog.copies(eid)).toEqual([1])
  })

  test('is nothing that upkeep reads, nothing that is read only, and nothing without tiers', async () => {
    const { store, repo } = await twenty()
    await repo.close()
    for (let time = 0; time < 2; time++) {
      const again = await store.open()
      await again.verify()
      await again.scrub()
      await again.stats()
      await again.gc({ now: true })
      await again.close()
      await store.read('5', { readOnly: true })
    }
    const again = await store.open()
    expect(Object.values(await heatByFile(again))).toEqual(Array(20).fill(0))
    await again.convertLogicalVolume('default', { tiers: null })
    await again.close()
    await store.read('5')
    const last = await store.open()
    expect(last.parts.group.catalog.all('SELECT eid FROM heat')).toEqual([])
  })

  test('waits for nobody and fails nobody: another writer has the lock', async () => {
    const { store, repo } = await twenty()
    await repo.close()
    // Longer than this test may take.
    const reading = await store.open({ lockTimeoutMs: 70_000 })
    await (await reading.at('main')).read('7')
    const other = new Database(store.path)
    other.exec('BEGIN IMMEDIATE')
    reading.parts.store.reads?.write()
    other.exec('ROLLBACK')
    other.close()
    await reading.close()
    expect((await heatByFile(await store.open()))['7']).toBe(0)
  })

  test('fades: half of it is forgotten in a week', async () => {
    const { store, repo } = await twenty()
    await repo.close()
    for (let time = 0; time < 4; time++) await store.read('3')
    store.passDays(7)
    const again = await store.open()
    expect((await heatByFile(again))['3']).toBeCloseTo(2, 1)
    store.passDays(7)
    expect(await again.tierLogicalVolume('default', { dryRun: true })).toMatchObject({ promoted: { extents: 0 } })
  })
})

describe('lv tier', () => {
  test('makes room when the fast tier is nearly full: what is coldest goes down, and stays there', async () => {
    const store = new TieredStore()
    const repo = await store.create([TEN_BYTES])
    await repo.convertLogicalVolume('default', { tiers: TIERS })
    await commitNumbered(repo, range(0, 12))
    await repo.close()
    store.passDays(1)
    for (let time = 0; time < 2; time++) for (const name of ['0', '1']) await store.read(name)
    const again = await store.open()
    expect((await again.doctor()).findings.map(({ topic }) => topic)).toContain('tiers-due')
    const { demoted, promoted, tiers } = await again.tierLogicalVolume('default')
    expect(demoted.extents).toBeGreaterThan(0)
    expect(promoted.extents).toBe(0)
    expect(tiers.fast.usedBytes).toBeLessThanOrEqual(0.7 * TEN_BYTES)
    expect(tiers.isDue).toBe(false)
    const places = await placesOf(again)
    for (const name of ['0', '1']) expect(places[name]).toEqual([1])
    expect(places['2']).toEqual([0])
    expect(await again.tierLogicalVolume('default')).toMatchObject({ added: [], dropped: [] })
    expect((await again.doctor()).findings.map(({ topic }) => topic)).not.toContain('tiers-due')
    await expectSound(again, range(0, 12))
    // Read at once again and again, it stays a while.
    await again.close()
    for (let time = 0; time < 15; time++) await store.read('2')
    store.nowMs += HOUR_MS
    const soon = await store.open()
    expect(await soon.tierLogicalVolume('default')).toMatchObject({ promoted: { extents: 0 } })
    store.passDays(1)
    await soon.tierLogicalVolume('default')
    expect((await placesOf(soon))['2']).toEqual([1])
  })

  test('broken off anywhere, the next run ends where one alone would have', async () => {
    const run = async (stopAfter: number | undefined): Promise<{ places: unknown; broken: boolean }> => {
      const store = new TieredStore()
      const repo = await store.create([TEN_BYTES])
      await repo.convertLogicalVolume('default', { tiers: TIERS })
      await commitNumbered(repo, range(0, 12))
      store.passDays(1)
      const stop = new AbortController()
      let batches = 0
      const onProgress = (): void => {
        if (++batches === stopAfter) stop.abort()
      }
      let broken = false
      try {
        // Few at a time.
        await repo.tierLogicalVolume('default', { signal: stop.signal, rateBytes: 10_000_000, onProgress })
      } catch (error) {
        expect(error).toMatchObject({ code: 'CANCELLED' })
        broken = true
        const [volume] = await repo.logicalVolumes()
        expect(volume?.tiers?.isDue).toBe(true)
        expect((await repo.doctor()).findings.map(({ topic }) => topic)).toContain('tiers-due')
        await repo.tierLogicalVolume('default')
      }
      expect((await repo.logicalVolumes())[0]).toMatchObject({ lackingCopies: 0, tiers: { isDue: false } })
      await expectSound(repo, range(0, 12))
      return { places: await placesOf(repo), broken }
    }
    const whole = await run(undefined)
    expect(whole.broken).toBe(false)
    const broken = await run(1)
    expect(broken).toEqual({ places: whole.places, broken: true })
  })

  test('is refused without tiers', async () => {
    const store = new TieredStore()
    const repo = await store.create([null])
    await expect(repo.tierLogicalVolume('default')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(repo.tierLogicalVolume('other')).rejects.toMatchObject({ code: 'PV_NOT_FOUND' })
  })
})

describe('others leave copies in their tier', () => {
  async function spread(): Promise<{
    store: TieredStore
    repo: Repository
    before: Record<string, readonly number[]>
  }> {
    const store = new TieredStore()
    const repo = await store.create([6 * FILE_BYTES, 6 * FILE_BYTES], 1)
    await repo.convertLogicalVolume('default', { type: 'striped', tiers: TIERS })
    await commitNumbered(repo, range(0, 20))
    return { store, repo, before: await placesOf(repo) }
  }
  const tierOf = (pvs: readonly number[] | undefined): string =>
    [...new Set((pvs ?? []).map((pv) => (pv === 1 || pv === 2 ? 'fast' : 'slow')))].join()

  function expectSameTiers(before: Record<string, readonly number[]>, after: Record<string, readonly number[]>): void {
    for (const [name, pvs] of Object.entries(before))
      expect(`${name} ${tierOf(after[name])}`).toBe(`${name} ${tierOf(pvs)}`)
  }

  test('stripes are within a tier', async () => {
    const { before } = await spread()
    expect(new Set(Object.values(before).map(String))).toEqual(new Set(['0', '1', '2', '3']))
  })

  test('lv convert --repair, mirrors that come and go', async () => {
    const { repo, before } = await spread()
    for (const pv of ['1', '2']) await repo.changePhysicalVolume(pv, { capacityBytes: null })
    await repo.convertLogicalVolume('default', { copies: 2 })
    const mirrored = await placesOf(repo)
    expectSameTiers(before, mirrored)
    for (const pvs of Object.values(mirrored)) expect(pvs).toHaveLength(2)
    expect(await repo.convertLogicalVolume('default')).toMatchObject({ added: [], dropped: [] })
    await repo.convertLogicalVolume('default', { copies: 1 })
    expectSameTiers(before, await placesOf(repo))
    expect((await repo.logicalVolumes())[0]).toMatchObject({ lackingCopies: 0 })
    await expectSound(repo, range(0, 20))
  })

  test('a mirror for which its tier has no room goes to the other, with all copies', async () => {
    const { repo } = await spread()
    const { lackingCopies } = await repo.convertLogicalVolume('default', { copies: 2 })
    expect(lackingCopies).toBe(0)
    for (const pvs of Object.values(await placesOf(repo))) expect(['1,2', '0,3']).toContain(String(pvs))
    expect((await repo.doctor()).findings.map(({ topic }) => topic)).not.toContain('copies-lacking')
  })

  test('vg balance', async () => {
    const { store, repo } = await spread()
    await repo.extendVolumeGroup(`${store.folder}/more-slow.varve`, { tags: ['hdd'] })
    const before = await placesOf(repo)
    await repo.balanceVolumeGroup()
    const after = await placesOf(repo)
    expect(Object.values(after).map(String)).toContain('4')
    expectSameTiers(before, after)
  })

  test('pv move, unless volumes are named; vg reduce', async () => {
    const { repo, before } = await spread()
    await repo.changePhysicalVolume('3', { allocatable: false })
    await repo.movePhysicalVolume('3')
    expectSameTiers(before, await placesOf(repo))
    await expect(repo.movePhysicalVolume('1')).rejects.toMatchObject({
      code: 'VG_FULL',
      hint: expect.stringContaining('pv move PV TO'),
    })
    await repo.reduceVolumeGroup('3')
    await repo.changePhysicalVolume('1', { allocatable: false })
    await repo.movePhysicalVolume('1', { to: ['0'] })
    await repo.reduceVolumeGroup('1')
    // The last one of its tier.
    await expect(repo.reduceVolumeGroup('2')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect((await repo.logicalVolumes())[0]).toMatchObject({ lackingCopies: 0 })
    await expectSound(repo, range(0, 20))
  })

  test('pack and gc: what is written anew is not new', async () => {
    const { store, repo } = await twenty([null])
    const draft = await repo.draft('main')
    for (const number of range(0, 10)) await draft.remove(String(number))
    await draft.commit({ message: 'fewer', author: 'Test <test@example.org>' })
    store.passDays(60)
    await repo.pack()
    await repo.gc({ now: true })
    const places = new Set<string>()
    repo.parts.group.catalog.eachExtent(({ record, pvs }) => {
      if (record.class === EXTENT_CLASS.data) places.add(String(pvs))
    })
    expect(places).toEqual(new Set(['0']))
    await expectSound(repo, range(10, 20))
  })
})

describe('tiers are refused, and nothing is changed', () => {
  test.each([
    ['equal tags', { tiers: { fast: 'ssd', slow: 'ssd' } }, 'both tiers'],
    ['a tag that nobody has', { tiers: { fast: 'nvme', slow: 'hdd' } }, 'no volume has the tag nvme'],
    ['what is no tag', { tiers: { fast: 's s', slow: 'hdd' } }, 'cannot be the tag'],
    [
      'more copies than a tier has volumes',
      { tiers: TIERS, copies: 2 },
      '2 volumes, one for each copy, with the tag ssd',
    ],
    ['more copies of objects', { tiers: TIERS, objectCopies: 2 }, '2 volumes'],
    ['no volume of a tier among those with a tag', { tiers: TIERS, tags: ['ssd'] }, 'among those with the tag ssd'],
    ['no volume of a tier among those it may use', { tiers: TIERS, physicalVolumes: ['0'] }, 'with the tag ssd'],
  ] as const)('%s', async (_name, change, message) => {
    const store = new TieredStore()
    const repo = await store.create([null])
    const before = await repo.volumeGroup()
    await expect(repo.convertLogicalVolume('default', change)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    })
    expect(await repo.volumeGroup()).toEqual(before)
  })

  test('a volume in both, and one that a tier needs', async () => {
    const store = new TieredStore()
    const repo = await store.create([null, null])
    await repo.changePhysicalVolume('1', { tags: ['ssd', 'hdd'] })
    await expect(repo.convertLogicalVolume('default', { tiers: TIERS })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await repo.changePhysicalVolume('1', { tags: ['ssd', 'near'] })
    await repo.convertLogicalVolume('default', { tiers: TIERS })
    await expect(repo.changePhysicalVolume('1', { tags: ['ssd', 'hdd'] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    const both = { tags: ['ssd', 'hdd'] }
    await expect(repo.extendVolumeGroup(`${store.folder}/both`, both)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(repo.changePhysicalVolume('0', { tags: [] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      hint: expect.stringContaining('--tiers none'),
    })
    // A tag beside says which of them: here one alone.
    await repo.changePhysicalVolume('0', { tags: ['hdd', 'near'] })
    await repo.convertLogicalVolume('default', { tags: ['near'] })
    await commitNumbered(repo, range(0, 3))
    expect(new Set(Object.values(await placesOf(repo)).map(String))).toEqual(new Set(['1']))
    await repo.convertLogicalVolume('default', { tiers: null, tags: [] })
    expect((await repo.logicalVolumes())[0]?.tiers).toBe(null)
  })
})
