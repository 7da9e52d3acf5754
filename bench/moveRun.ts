/**
 * One way of bringing what a volume holds to another file, in this process. Started by move.ts, prints one line of JSON.
 * `tsx bench/moveRun.ts move STORE FROM TO | copy FILE TO | rows FILE TO`
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import { PAGE_BYTES, PAYLOAD_SCHEMA } from '../src/volume/schema.js'
import { openBuilt } from './builtLibrary.js'

export interface MoveRun {
  /** Without starting the process, and opening the store. */
  readonly seconds: number
  /** User and system time of the process in that time, all threads. */
  readonly cpuSeconds: number
}

const PIECE_BYTES = 2 ** 20
/** Extents that come in one transaction, of about a megabyte each. */
const STEP_EXTENTS = 32

async function moved(store: string, from: string, to: string): Promise<MoveRun> {
  const { Repository } = await openBuilt()
  const repository = await Repository.open(store)
  try {
    return await timed(async () => {
      const { moved, leftExtents, notes } = await repository.movePhysicalVolume(from, { to: [to] })
      if (moved.length === 0 || leftExtents > 0) throw new Error(`not everything was moved: ${notes[0]}`)
    })
  } finally {
    await repository.close()
  }
}

/** Read, written and synced: what `cp` does, and a sync of the file. */
function copied(from: string, to: string): Promise<MoveRun> {
  const piece = Buffer.alloc(PIECE_BYTES)
  return timed(async () => {
    const [source, target] = [openSync(from, 'r'), openSync(to, 'wx')]
    for (let read = readSync(source, piece); read > 0; read = readSync(source, piece)) writeSync(target, piece, 0, read)
    fsyncSync(target)
    closeSync(source)
    closeSync(target)
  })
}

/** As SQLite alone does it: rows go from file to file, nothing in them is looked at, and nothing is dropped. */
async function rowsCopied(from: string, to: string): Promise<MoveRun> {
  const database = new Database(to)
  try {
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = TRUNCATE`)
    database.exec(`PRAGMA synchronous = FULL; PRAGMA cache_spill = OFF; ${PAYLOAD_SCHEMA}`)
    database.prepare('ATTACH ? AS source').run(from)
    const eids = database.prepare('SELECT eid FROM source.payload ORDER BY eid').pluck().all() as number[]
    const payload = database.prepare('INSERT INTO payload SELECT * FROM source.payload WHERE eid BETWEEN ? AND ?')
    const chunks = database.prepare(
      'INSERT INTO chunk SELECT * FROM source.chunk WHERE eid BETWEEN ? AND ? ORDER BY hash, eid',
    )
    const step = database.transaction((first: number, last: number) => {
      payload.run(first, last)
      chunks.run(first, last)
    })
    return await timed(async () => {
      for (let at = 0; at < eids.length; at += STEP_EXTENTS) {
        const some = eids.slice(at, at + STEP_EXTENTS)
        step.immediate(some[0] as number, some.at(-1) as number)
      }
    })
  } finally {
    database.close()
  }
}

async function timed(body: () => Promise<void>): Promise<MoveRun> {
  const before = process.cpuUsage()
  const startedMs = performance.now()
  await body()
  const seconds = (performance.now() - startedMs) / 1000
  const { user, system } = process.cpuUsage(before)
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}

const [way, first = '', second = '', third = ''] = process.argv.slice(2)
const run =
  way === 'move' ? moved(first, second, third) : way === 'copy' ? copied(first, second) : rowsCopied(first, second)
process.stdout.write(JSON.stringify(await run))
