import { SqlDatabase } from '../../../src/volume/sqlite.js'
import { listen, say } from './say.js'

/** Holds the write lock of a SQLite file from one line to the next, as any other program could. */
export async function holdLock(path = ''): Promise<void> {
  const database = SqlDatabase.open(path, { lockTimeoutMs: 10_000 })
  database.run('BEGIN IMMEDIATE')
  say('held')
  const orders = listen()
  await orders.next()
  orders.close()
  database.run('ROLLBACK')
  database.close()
  say('released')
}
