import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { makeProfile } from '../../src/format/profile.js'
import { extentMap, findVolume, groupInfo, withVolume } from '../../src/volume/groupInfo.js'
import { CATALOG_FORMAT } from '../../src/volume/schema.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createGroup, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3')
const random = seededRandom('volume group')

async function fill(group: VolumeGroup, chunks = 60): Promise<Hash[]> {
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  const ids: Hash[] = []
  for (let index = 0; index < chunks; index++) ids.push(await writer.put(KIND.chunk, random.bytes(60_000)))
  await publishOnly(writer)
  return ids
}

async function readAll(group: VolumeGroup, ids: readonly Hash[]): Promise<number> {
  const store = await ChunkStore.open(group, systemClock)
  let bytes = 0
  for await (const batch of store.getMany(KIND.chunk, [ids])) for (const chunk of batch) bytes += chunk.length
  return bytes
}

describe('a group of three volumes', () => {
  test('opens through any of its files, and every file carries the whole layout', async () => {
    const { group, folder, path } = await createGroup({ volumes: 3 })
    const ids = await fill(group)
    const { layout } = group
    for (const volume of group.volumes) expect(await volume.layout()).toEqual(layout)
    await group.close()
    for (const file of [path, join(folder, 'pv1.varve'), join(folder, 'pv2.varve')]) {
      const opened = await VolumeGroup.open(file, groupOptions)
      expect(opened.layout).toEqual(layout)
      expect(await readAll(opened, ids)).toBe(ids.length * 60_000)
      await opened.close()
    }
  })

  test('striped: extents on all volumes in turn; linear: the first with room; the map shows both', async () => {
    const { group } = await createGroup({ volumes: 3 })
    await fill(group)
    const striped = await groupInfo(group)
    for (const volume of striped.physicalVolumes) expect(volume.extents).toBeGreaterThan(0)
    await group.changeLayout((layout) => ({
      ...layout,
      logicalVolumes: layout.logicalVolumes.map((volume) => ({ ...volume, type: 'linear' as const })),
    }))
    await fill(group)
    const linear = await groupInfo(group)
    expect(linear.physicalVolumes[1]?.extents).toBe(striped.physicalVolumes[1]?.extents)
    expect(linear.physicalVolumes[0]?.extents).toBeGreaterThan(striped.physicalVolumes[0]?.extents ?? 0)
    const map = extentMap(group, undefined)
    for (const volume of linear.physicalVolumes) {
      const rows = map.filter((row) => row.pv === volume.number)
      expect(rows.reduce((sum, row) => sum + row.extents, 0)).toBe(volume.extents)
      expect(rows.reduce((sum, row) => sum + row.storedBytes, 0)).toBe(volume.storedBytes)
    }
  })

  test('a volume that is full or not allocatable is passed over, and a full group says so', async () => {
    const { group } = await createGroup({ volumes: 2 })
    await group.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
    await group.changeLayout((layout) => withVolume(layout, 1, { capacityBytes: 2_000_000 }))
    await fill(group, 30)
    const info = await groupInfo(group)
    expect(info.physicalVolumes[0]?.extents).toBe(0)
    expect(info.physicalVolumes[1]?.freeBytes).toBe(2_000_000 - (info.physicalVolumes[1]?.storedBytes ?? 0))
    const writer = writerOf(await ChunkStore.open(group, systemClock))
    const tooMuch = async (): Promise<void> => {
      for (let index = 0; index < 60; index++) await writer.put(KIND.chunk, random.bytes(60_000))
      await publishOnly(writer)
    }
    await expect(tooMuch()).rejects.toMatchObject({ code: 'VG_FULL' })
    await writer.abandon()
    expect((await groupInfo(group)).physicalVolumes[1]?.extents).toBe(info.physicalVolumes[1]?.extents)
  })

  test('moved together, it is found again and the volumes lead to the new place', async () => {
    const { group, folder } = await createGroup({ volumes: 3 })
    const ids = await fill(group)
    await group.close()
    const elsewhere = join(tempFolder(), 'moved')
    mkdirSync(elsewhere)
    for (const name of readdirSync(folder)) renameSync(join(folder, name), join(elsewhere, name))
    const opened = await VolumeGroup.open(join(elsewhere, 'pv2.varve'), groupOptions)
    expect(await readAll(opened, ids)).toBe(ids.length * 60_000)
    await opened.close()
  })

  test('a working folder moved with a volume in another of its folders leads both ways', async () => {
    const whole = join(tempFolder(), 'whole')
    mkdirSync(join(whole, '.varve'), { recursive: true })
    mkdirSync(join(whole, 'disk'))
    const group = await VolumeGroup.create(join(whole, '.varve', 'store.varve'), makeProfile(), groupOptions)
    await group.extend(join(whole, 'disk', 'pv1.varve'), { capacityBytes: null, tags: [] })
    await group.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
    const ids = await fill(group)
    await group.close()
    const moved = join(tempFolder(), 'moved')
    renameSync(whole, moved)
    for (const file of [join(moved, 'disk', 'pv1.varve'), join(moved, '.varve', 'store.varve')]) {
      const opened = await VolumeGroup.open(file, groupOptions)
      expect(await readAll(opened, ids)).toBe(ids.length * 60_000)
      await opened.close()
    }
  })

  test('a volume is named by number, UUID or path', async () => {
    const { group } = await createGroup({ volumes: 2 })
    const second = group.layout.physicalVolumes[1]
    for (const name of ['1', second?.uuid ?? '', second?.path ?? '', group.volume(1)?.location ?? '']) {
      expect(findVolume(group, name).number).toBe(1)
    }
    expect(() => findVolume(group, 'nonsense')).toThrow(expect.objectContaining({ code: 'PV_NOT_FOUND' }))
  })
})

describe('what does not belong is recognised', () => {
  async function closedGroup(): Promise<{ folder: string; path: string; ids: Hash[] }> {
    const { group, folder, path } = await createGroup({ volumes: 3 })
    const ids = await fill(group)
    await group.close()
    return { folder, path, ids }
  }

  test('a missing volume: refused by name; a partial open shows it and reads what is elsewhere', async () => {
    const { folder, path } = await closedGroup()
    rmSync(join(folder, 'pv1.varve'))
    await expect(VolumeGroup.open(path, groupOptions)).rejects.toMatchObject({ code: 'PV_MISSING' })
    const partial = await VolumeGroup.open(path, { ...groupOptions, partial: true })
    const info = await groupInfo(partial)
    expect(info.physicalVolumes.map((volume) => volume.problem?.code)).toEqual([undefined, 'PV_MISSING', undefined])
    await partial.close()
  })

  test('a stale volume: put back from an old copy', async () => {
    const { folder, path } = await closedGroup()
    copyFileSync(join(folder, 'pv1.varve'), join(folder, 'old'))
    const group = await VolumeGroup.open(path, groupOptions)
    await fill(group)
    await group.close()
    renameSync(join(folder, 'old'), join(folder, 'pv1.varve'))
    await expect(VolumeGroup.open(path, groupOptions)).rejects.toMatchObject({ code: 'PV_STALE' })
  })

  test('a stale catalog: put back from an old copy', async () => {
    const { folder, path } = await closedGroup()
    copyFileSync(path, join(folder, 'old'))
    const group = await VolumeGroup.open(path, groupOptions)
    await fill(group)
    await fill(group)
    await group.close()
    renameSync(join(folder, 'old'), path)
    await expect(VolumeGroup.open(path, groupOptions)).rejects.toMatchObject({ code: 'CATALOG_STALE' })
  })

  test('a foreign volume in a member’s place', async () => {
    const ours = await closedGroup()
    const theirs = await closedGroup()
    copyFileSync(join(theirs.folder, 'pv1.varve'), join(ours.folder, 'pv1.varve'))
    await expect(VolumeGroup.open(ours.path, groupOptions)).rejects.toMatchObject({ code: 'PV_FOREIGN' })
    copyFileSync(join(ours.folder, 'pv2.varve'), join(ours.folder, 'pv1.varve'))
    await expect(VolumeGroup.open(ours.path, groupOptions)).rejects.toMatchObject({ code: 'PV_FOREIGN' })
  })

  test('a copied volume beside the original, opened or added', async () => {
    const { folder, path } = await closedGroup()
    const copy = join(folder, 'copy.varve')
    copyFileSync(join(folder, 'pv1.varve'), copy)
    await expect(VolumeGroup.open(copy, groupOptions)).rejects.toMatchObject({ code: 'PV_DUPLICATE' })
    const group = await VolumeGroup.open(path, groupOptions)
    const extend = (file: string): Promise<void> => group.extend(file, { capacityBytes: null, tags: [] })
    await expect(extend(copy)).rejects.toMatchObject({ code: 'PV_DUPLICATE' })
    await expect(extend(join(folder, 'pv1.varve'))).rejects.toMatchObject({ code: 'PV_IN_USE' })
    await expect(extend(path)).rejects.toMatchObject({ code: 'PV_IN_USE' })
    writeFileSync(join(folder, 'letter.txt'), 'dear reader')
    await expect(extend(join(folder, 'letter.txt'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    const other = await closedGroup()
    await expect(extend(join(other.folder, 'pv1.varve'))).rejects.toMatchObject({ code: 'PV_FOREIGN' })
    expect(group.layout.physicalVolumes).toHaveLength(3)
    await group.close()
  })

  test('a catalog that is gone: the volume says where it was, and still tells the layout', async () => {
    const { folder, path } = await closedGroup()
    rmSync(path)
    const opening = VolumeGroup.open(join(folder, 'pv1.varve'), groupOptions)
    await expect(opening).rejects.toMatchObject({ code: 'CATALOG_MISSING', details: { expected: path } })
  })

  test('no store, not a store, another program’s database, a newer format, a truncated file', async () => {
    const { folder, path } = await closedGroup()
    const open = (file: string): Promise<VolumeGroup> => VolumeGroup.open(file, groupOptions)
    await expect(open(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    await expect(open(folder)).rejects.toMatchObject({ code: 'NOT_A_STORE' })
    writeFileSync(join(folder, 'text'), 'just some text '.repeat(1000))
    await expect(open(join(folder, 'text'))).rejects.toMatchObject({ code: 'NOT_A_STORE' })
    writeFileSync(join(folder, 'empty'), '')
    await expect(open(join(folder, 'empty'))).rejects.toMatchObject({ code: 'NOT_A_STORE' })
    const foreign = new Database(join(folder, 'foreign.db'))
    foreign.exec('CREATE TABLE t (x)')
    foreign.close()
    await expect(open(join(folder, 'foreign.db'))).rejects.toMatchObject({ code: 'NOT_A_STORE' })
    const newer = new Database(path)
    newer.pragma(`user_version = ${CATALOG_FORMAT + 1}`)
    newer.close()
    const versions = { expected: CATALOG_FORMAT, actual: CATALOG_FORMAT + 1 }
    await expect(open(path)).rejects.toMatchObject({ code: 'FORMAT_NEWER', details: versions })
  })
})

test('extending survives being killed before the catalog knew of the new file', async () => {
  const { group, folder, path } = await createGroup({ volumes: 2 })
  const ids = await fill(group)
  const { layout } = group
  await group.close()
  copyFileSync(path, join(folder, 'before'))
  const extending = await VolumeGroup.open(path, groupOptions)
  await extending.extend(join(folder, 'pv2.varve'), { capacityBytes: null, tags: [] })
  await extending.close()
  // The kill: the new file is there, the catalog and the older volume know nothing of it.
  renameSync(join(folder, 'before'), path)
  const member = new Database(join(folder, 'pv1.varve'))
  const before = new Database(path)
  const row = before.prepare('SELECT sequence, layout, row_check FROM pv_layout').get() as Record<string, unknown>
  member
    .prepare('UPDATE pv_layout SET sequence = ?, layout = ?, row_check = ?')
    .run(row.sequence, row.layout, row.row_check)
  member.close()
  before.close()

  const opened = await VolumeGroup.open(path, groupOptions)
  expect(opened.layout).toEqual(layout)
  expect(await readAll(opened, ids)).toBe(ids.length * 60_000)
  const again = opened.extend(join(folder, 'pv2.varve'), { capacityBytes: null, tags: [] })
  await expect(again).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  await opened.extend(join(folder, 'pv3.varve'), { capacityBytes: null, tags: ['fast'] })
  expect(opened.layout.physicalVolumes.map((volume) => volume.number)).toEqual([0, 1, 2])
  await opened.close()
})

test('another process’s new volume is taken up by a store that was open before', async () => {
  const { group, folder, path } = await createGroup({ volumes: 1 })
  const other = await VolumeGroup.open(path, groupOptions)
  await other.extend(join(folder, 'pv1.varve'), { capacityBytes: null, tags: [] })
  await other.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
  const ids = await fill(other)
  expect(await readAll(group, ids)).toBe(ids.length * 60_000)
  await other.close()
})

test('a group opened read-only writes nothing', async () => {
  const { group, path } = await createGroup({ volumes: 3 })
  const ids = await fill(group)
  await group.close()
  const reader = await VolumeGroup.open(path, { ...groupOptions, readOnly: true })
  expect(await readAll(reader, ids)).toBe(ids.length * 60_000)
  expect(() => reader.catalog.write((tx) => tx.advance('next_eid', 1))).toThrow(
    expect.objectContaining({ code: 'STORAGE_READ_ONLY' }),
  )
  await reader.close()
})
