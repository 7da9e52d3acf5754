/** A catalog in memory, a clock that is set by hand, and ids. */
import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { type Hash, parseHash } from '../../src/base/hash.js'
import { Refs } from '../../src/refs/refs.js'
import { Catalog } from '../../src/volume/catalog.js'
import { CATALOG_APPLICATION_ID, CATALOG_FORMAT, CATALOG_SCHEMA, PAGE_BYTES } from '../../src/volume/schema.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'

export const START_MS = Date.UTC(2026, 2, 1, 12)

export class HandClock implements Clock {
  ms = START_MS
  zone = 0

  nowMs(): number {
    return this.ms
  }

  zoneMinutes(): number {
    return this.zone
  }
}

export const CATALOG_OPTIONS = {
  applicationId: CATALOG_APPLICATION_ID,
  userVersion: CATALOG_FORMAT,
  pageBytes: PAGE_BYTES,
  journal: 'wal',
  schema: CATALOG_SCHEMA,
  lockTimeoutMs: 0,
} as const

export function openRefs(): { refs: Refs; catalog: Catalog; clock: HandClock } {
  const database = SqlDatabase.create(':memory:', CATALOG_OPTIONS, (made) => new Catalog(made).initialise())
  onTestFinished(() => database.close())
  const catalog = new Catalog(database)
  const clock = new HandClock()
  return { refs: new Refs(catalog, clock), catalog, clock }
}

export function idOf(digit: string): Hash {
  return parseHash(digit.repeat(64))
}

export const LOG = { operation: 'commit', message: 'a message', who: 'Ada' }
