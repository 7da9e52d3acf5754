/** Files written anew: nothing of what was removed is left in them, and all else is as it was. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
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
