/**
 * A volume as a disk that takes its time: it does one thing at a time, and each takes a fixed delay more. Nothing else waits
 * meanwhile, so volumes that are asked together take the time of one.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import type { PhysicalVolume } from '../src/volume/physicalVolume.js'

export interface Delays {
  /** For each staged transaction. */
  readonly stageMs?: number | undefined
  /** For each extent in it. */
  readonly extentMs?: number | undefined
  /** For each extent read. */
  readonly readMs?: number | undefined
  /** For each extent in a staged transaction, as SQLite waits for a disk: whatever thread writes does nothing else meanwhile. */
  readonly blockMs?: number | undefined
  /** Whether volumes may have threads; default: true. */
  readonly threads?: boolean | undefined
}

/** Stages that are larger may be written by a thread, which waits by `slowDriver`. */
const THREAD_BYTES = 2 ** 18

export function slowVolume(volume: PhysicalVolume, delays: Delays): PhysicalVolume {
  const { stageMs = 0, extentMs = 0, readMs = 0, blockMs = 0, threads = true } = delays
  let turn: Promise<unknown> = Promise.resolve()
  const slowly = <T>(ms: number, body: () => Promise<T>): Promise<T> => {
    if (ms === 0) return body()
    const done = turn.then(async () => {
      await delay(ms)
      return body()
    })
    turn = done.catch(() => undefined)
    return done
  }
  const slow: Pick<PhysicalVolume, 'stage' | 'read'> = {
    stage: (extents, sequence, options) => {
      const bytes = extents.reduce((sum, { frame }) => sum + frame.length, 0)
      if (blockMs > 0 && !(threads && bytes >= THREAD_BYTES)) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs * extents.length)
      }
      return slowly(stageMs + extentMs * extents.length, () => volume.stage(extents, sequence, options))
    },
    read: (eid) => slowly(readMs, () => volume.read(eid)),
  }
  return new Proxy(volume, {
    get(target, key) {
      if (key === 'stage' || key === 'read') return slow[key]
      const value = Reflect.get(target, key) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/**
 * A driver for threads that waits as long before each commit, with readers kept out as while SQLite writes.
 * @param path where it is written, as a module
 */
export function slowDriver(path: string, blockMs: number): string {
  const real = createRequire(import.meta.url).resolve('better-sqlite3')
  writeFileSync(
    path,
    `const Database = require(${JSON.stringify(real)})
     const asleep = new Int32Array(new SharedArrayBuffer(4))
     let extents = 0
     module.exports = class extends Database {
       prepare(sql) {
         const statement = super.prepare(sql === 'BEGIN IMMEDIATE' ? 'BEGIN EXCLUSIVE' : sql)
         const run = (before) => ({ run: (...values) => { before(); return statement.run(...values) } })
         if (sql.startsWith('INSERT INTO payload')) return run(() => { extents++ })
         if (sql !== 'COMMIT') return statement
         return run(() => { Atomics.wait(asleep, 0, 0, ${blockMs} * extents); extents = 0 })
       }
     }`,
  )
  return path
}
