/** Files written anew: nothing of what was removed is left in them, and all else is as it was. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/volume/driver.js'
import { requireRebuildRoom } from '../../src/volume/rebuild.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { secret } from '../upkeep/erasedStores.js'

test('pages out of use, unused ends of pages, logs and journals hold nothing', async () => {
  const { repo, path } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { 'keep.bin': Buffer.alloc(300_000, 'keep') })
  const { volumes } = repo.parts.group
  for (const volume of volumes) {
    const database = openDatabase(volume.location, {})
    database.exec('CREATE TABLE loose (x); CREATE TABLE more (x)')
    for (let row = 0; row < 50; row++) database.prepare('INSERT INTO loose VALUES (?)').run(secret(`${row}`))
    // In pages of a table that stays, too.
    database.exec("DELETE FROM loose WHERE rowid % 2 = 0; INSERT INTO more VALUES ('kept'); DROP TABLE loose")
    database.close()
    const parts = ['', '-wal', '-journal'].map((end) => `${volume.location}${end}`)
    const isIn = (file: string): boolean =>
      statSync(file, { throwIfNoEntry: false }) !== undefined && readFileSync(file).includes('SECRET-')
    expect(parts.filter(isIn)).not.toEqual([])
    expect((await volume.remains()).freeBytes).toBeGreaterThan(0)
    await volume.rebuild()
    expect(parts.filter(isIn)).toEqual([])
    expect(await volume.remains()).toEqual({ freeBytes: 0, logBytes: 0 })
    expect(await volume.integrityProblems()).toEqual([])
    // What lets a file get shorter later is still there.
    const again = openDatabase(volume.location, { readonly: true })
    expect(again.pragma('auto_vacuum', { simple: true })).toBe(2)
    expect(again.pragma('page_size', { simple: true })).toBe(4096)
    again.close()
  }
  await repo.close()
  const opened = await openRepository(path)
  expect((await opened.verify()).problems).toEqual([])
})

test('while somebody reads, it says so', async () => {
  const { repo, path } = await createRepository()
  await commitFiles(repo, { 'keep.txt': 'kept' })
  await repo.close()
  const own = await openRepository(path, { lockTimeoutMs: 50 })
  const reader = openDatabase(path, { readonly: true })
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM ref').get()
  await expect(own.parts.group.volume(0)?.rebuild()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  reader.exec('COMMIT')
  reader.close()
  await own.parts.group.volume(0)?.rebuild()
})

test('where next to nothing is left, all spare pages are given back at once; while others read, page by page', async () => {
  const { repo } = await createRepository({ compression: 'none', lockTimeoutMs: 50 })
  await repo.extendVolumeGroup(`${dirname(repo.parts.group.catalog.path)}/other.varve`)
  const { group } = repo.parts
  for (const number of [0, group.layout.physicalVolumes.length - 1]) {
    const volume = group.volume(number)
    if (!volume) throw new Error(`volume ${number} is not open`)
    for (const isRead of [false, true]) {
      const database = openDatabase(volume.location, {})
      database.exec('CREATE TABLE loose (x); INSERT INTO loose VALUES (zeroblob(20000000)); DROP TABLE loose')
      const spare = await volume.spareBytes()
      expect(spare).toBeGreaterThan(20_000_000)
      // What is not wanted back stays.
      await volume.giveBack(spare / 2)
      expect(await volume.spareBytes()).toBeGreaterThan(5_000_000)
      const reader = openDatabase(volume.location, { readonly: true })
      if (isRead && number === 0) reader.exec('BEGIN; SELECT count(*) FROM ref')
      await volume.giveBack(await volume.spareBytes())
      expect(await volume.spareBytes()).toBe(0)
      reader.close()
      database.close()
      await volume.giveBack(Number.MAX_SAFE_INTEGER)
      expect(statSync(volume.location).size).toBeLessThan(2_000_000)
      expect(await volume.integrityProblems()).toEqual([])
    }
  }
  expect((await repo.verify()).problems).toEqual([])
})

test('room is asked for on every disk it takes', async () => {
  const { repo, folder } = await createRepository()
  const { location } = repo.parts.group.volume(0) ?? { location: '' }
  const asked: string[] = []
  const enough = (path: string) => {
    asked.push(path)
    return { totalBytes: 2 ** 40, freeBytes: 2 ** 39 }
  }
  requireRebuildRoom([location], enough)
  expect(asked.length).toBeGreaterThan(0)
  expect(asked).toContain(location)
  // Nobody can tell: then it is tried.
  requireRebuildRoom([location], () => undefined)
  expect(() => requireRebuildRoom([location], () => ({ totalBytes: 1, freeBytes: 1 }))).toThrow('nothing was changed')
  expect(() => requireRebuildRoom([join(folder, 'none')], enough)).not.toThrow()
})
