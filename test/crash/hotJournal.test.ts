/** A volume whose writer was killed in the middle of a transaction: reading commands open the store all the same. */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Repository } from '../../src/index.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { tempFolder } from '../support/tempFolder.js'
import { noise } from './support/chance.js'
import { createSpread, STORE_NAME } from './support/stores.js'

/** Writes into a file until its journal is on the disk and its pages are as well, and is killed before it commits. */
const KILLED = `
import Database from 'better-sqlite3'
const database = new Database(process.argv[1])
database.exec('PRAGMA cache_size = 1; PRAGMA cache_spill = 1; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; DELETE FROM payload')
for (let eid = 1; eid < 200; eid++) {
  database.exec('CREATE TABLE IF NOT EXISTS spill (bytes)')
  database.prepare('INSERT INTO spill VALUES (randomblob(20000))').run()
}
process.kill(process.pid, 'SIGKILL')
`

function killWhileWriting(volume: string): void {
  const args = ['--input-type=module', '-e', KILLED, volume]
  const { signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(`${signal}${stderr}`).toBe('SIGKILL')
  // Else these tests show nothing.
  expect(statSync(`${volume}-journal`).size).toBeGreaterThan(0)
}

test('opened for reading only, what a killed writer left half done in a volume is rolled back first', async () => {
  const folder = tempFolder()
  const repo = await createSpread(folder, 3)
  const draft = await repo.draft('main')
  for (let file = 0; file < 9; file++) await draft.write(`${file}.bin`, noise(`${file}`, 900_000))
  await draft.commit({ message: 'before' })
  await repo.close()
  const volume = join(folder, 'pv1.varve')
  killWhileWriting(volume)
  await using reader = await Repository.open(join(folder, STORE_NAME), { readOnly: true })
  expect((await reader.verify()).problems).toEqual([])
  for (let file = 0; file < 9; file++) {
    expect((await (await reader.at('main')).read(`${file}.bin`)).equals(noise(`${file}`, 900_000))).toBe(true)
  }
})

test('a reader that had it open before goes on as well', async () => {
  const folder = tempFolder()
  const repo = await createSpread(folder, 3)
  await repo.close()
  const volume = join(folder, 'pv1.varve')
  const reader = SqlDatabase.open(volume, { lockTimeoutMs: 1000, readOnly: true })
  const count = () => reader.get('SELECT count(*) AS rows FROM payload')
  expect(count()).toEqual({ rows: 0 })
  killWhileWriting(volume)
  expect(count()).toEqual({ rows: 0 })
  killWhileWriting(volume)
  expect(reader.snapshot(() => [count(), count()])).toEqual([{ rows: 0 }, { rows: 0 }])
  expect(() => reader.run('DELETE FROM payload')).toThrow('cannot be written')
  reader.close()
})
