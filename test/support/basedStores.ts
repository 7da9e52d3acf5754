/** Stores with extents that are compressed against others, and ways to make such as no writer makes. */
import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import { rowCheck } from '../../src/format/check.js'
import { type ExtentBase, encodeBases } from '../../src/format/slots.js'
import type { Repository } from '../../src/repository.js'
import type { ExtentRecord } from '../../src/volume/catalog.js'
import type { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { extentsOf } from './groups.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as typeof BetterSqlite3

const STAMP_BYTES = 24

/** Nothing in it can be compressed but against another version: each differs from the one before in one place. */
export function versionOf(seed: number, version: number, length = 40_000): Buffer {
  const bytes = pseudoRandom(length, seed + 1)
  for (let number = 1; number <= version; number++) {
    const at = (number * 7919) % (length - STAMP_BYTES)
    pseudoRandom(STAMP_BYTES, seed * 1009 + number).copy(bytes, at)
  }
  return bytes
}

export function basedExtents({ parts }: Pick<Repository, 'parts'>): ExtentRecord[] {
  return extentsOf(parts.group).flatMap(({ record }) => (record.bases.length > 0 ? [record] : []))
}

interface PayloadRow {
  readonly class: number
  readonly codec: number
  readonly raw_bytes: number
  readonly slots: Buffer
  readonly checksum: Buffer
}

interface ExtentRow {
  readonly class: number
  readonly raw_bytes: number
  readonly stored_bytes: number
  readonly chunks: number
  readonly checksum: Buffer
}

/** What is to be as it should not be. */
interface Forged {
  readonly bases?: readonly ExtentBase[]
  readonly rawBytes?: number
  /** Whether the catalog says so as well. Default: it does. */
  readonly inCatalog?: boolean
}

/** Names other bases of an extent, or another length, with checks that fit. */
export function forge(group: VolumeGroup, eid: number, { bases = [], rawBytes, inCatalog = true }: Forged): void {
  const blob = bases.length > 0 ? encodeBases(bases) : null
  for (const pv of group.catalog.copies(eid)) {
    const file = new Database(group.volume(pv)?.location ?? '')
    const row = file.prepare('SELECT class, codec, raw_bytes, slots, checksum FROM payload WHERE eid = ?').get(eid)
    const { class: extentClass, codec, raw_bytes, slots, checksum } = row as PayloadRow
    const length = rawBytes ?? raw_bytes
    const check = rowCheck(eid, extentClass, codec, 0, length, slots, blob, checksum)
    file
      .prepare('UPDATE payload SET bases = ?, raw_bytes = ?, row_check = ? WHERE eid = ?')
      .run(blob, length, check, eid)
    file.close()
  }
  if (!inCatalog) return
  const catalog = new Database(group.catalog.path)
  const row = catalog
    .prepare('SELECT class, raw_bytes, stored_bytes, chunks, checksum FROM extent WHERE eid = ?')
    .get(eid) as ExtentRow
  const length = rawBytes ?? row.raw_bytes
  const check = rowCheck(eid, row.class, length, row.stored_bytes, row.chunks, row.checksum, blob)
  catalog
    .prepare('UPDATE extent SET bases = ?, raw_bytes = ?, row_check = ? WHERE eid = ?')
    .run(blob, length, check, eid)
  catalog.prepare('DELETE FROM base WHERE eid = ?').run(eid)
  for (const base of new Set(bases.map((each) => each.eid)))
    catalog.prepare('INSERT INTO base (base, eid) VALUES (?, ?)').run(base, eid)
  catalog.close()
}
