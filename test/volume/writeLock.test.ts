/** The write lock of a file is waited for in short steps, and what a commit waits for as long as ever. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { type WaitingTime, waitForLock } from '../../src/volume/writeLock.js'
import { tempFolder } from '../support/tempFolder.js'

const HOLDER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const database = new (require('better-sqlite3'))(workerData.path)
  for (const sql of workerData.begin) {
    const statement = database.prepare(sql)
    if (statement.reader) statement.all()
    else statement.run()
  }
  parentPort.postMessage('held')
  setTimeout(() => {
    database.exec('COMMIT')
    database.close()
  }, 100)
`

function databaseOf(journal: 'wal' | 'truncate', lockTimeoutMs: number): SqlDatabase {
  const database = SqlDatabase.create(
    join(tempFolder(), 'file.db'),
    {
      lockTimeoutMs,
      applicationId: 1,
      userVersion: 1,
      pageBytes: 4096,
      journal,
      schema: 'CREATE TABLE t (n INTEGER) STRICT',
    },
    () => undefined,
  )
  onTestFinished(() => database.close())
  return database
}

/** Another connection, in another thread, that has a lock for a while. */
async function heldBy(path: string, begin: readonly string[]): Promise<void> {
  const holder = new Worker(HOLDER, { eval: true, workerData: { path, begin } })
  onTestFinished(() => once(holder, 'exit').then(() => undefined))
  await once(holder, 'message')
}

const rows = (database: SqlDatabase): number => database.all('SELECT n FROM t').length

test.each(['wal', 'truncate'] as const)('a writer waits until another has ended (%s)', async (journal) => {
  const database = databaseOf(journal, 10_000)
  await heldBy(database.path, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1)'])
  let runs = 0
  database.write(() => {
    runs++
    expect(rows(database)).toBe(1)
    database.run('INSERT INTO t VALUES (2)')
  })
  expect([runs, rows(database)]).toEqual([1, 2])
})

test('a commit waits for readers of a file without a log', async () => {
  const database = databaseOf('truncate', 10_000)
  await heldBy(database.path, ['BEGIN', 'SELECT n FROM t'])
  database.write(() => database.run('INSERT INTO t VALUES (1)'))
  expect(rows(database)).toBe(1)
})

test('a writer whose time is over changes nothing, and can write later', () => {
  const database = databaseOf('wal', 20)
  const other = SqlDatabase.open(database.path, { lockTimeoutMs: 0 })
  onTestFinished(() => other.close())
  let runs = 0
  const insert = (): void => {
    runs++
    database.run('INSERT INTO t VALUES (1)')
  }
  other.write(() => {
    expect(() => database.write(insert)).toThrow(expect.objectContaining({ code: 'STORE_LOCKED' }))
  })
  expect([runs, rows(database)]).toEqual([0, 0])
  database.write(insert)
  expect([runs, rows(database)]).toEqual([1, 1])
})

/** A clock that only pauses move. */
function fakeTime(): WaitingTime & { readonly pauses: number[] } {
  const pauses: number[] = []
  let now = 0
  return {
    pauses,
    nowMs: () => now,
    pause(ms) {
      pauses.push(ms)
      now += ms
    },
  }
}

test('who has waited for long asks as often as who has just come', () => {
  const time = fakeTime()
  let left = 5000
  expect(waitForLock(() => (--left === 0 ? { value: 'mine' } : { busy: 'taken' }), 60_000, time)).toBe('mine')
  expect(time.pauses).toHaveLength(4999)
  expect(Math.max(...time.pauses)).toBeLessThanOrEqual(1)
})

test('it asks once at least, a last time when its time is over, and then throws what it was told', () => {
  for (const timeoutMs of [0, 100]) {
    const time = fakeTime()
    let asked = 0
    const busy = new Error('taken')
    const attempt = () => {
      asked++
      return { busy }
    }
    expect(() => waitForLock(attempt, timeoutMs, time)).toThrow(busy)
    expect(asked).toBe(time.pauses.length + 1)
    expect(time.nowMs()).toBeCloseTo(timeoutMs, 6)
  }
})

test('what fails otherwise is not tried again', () => {
  const time = fakeTime()
  const attempt = (): never => {
    throw new Error('no disk')
  }
  expect(() => waitForLock(attempt, 1000, time)).toThrow('no disk')
  expect(time.pauses).toEqual([])
})
