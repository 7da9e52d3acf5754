/**
 * Which logical volumes use an extent: rows of the catalog's tables `lv_use` and `lv_state`, once a group has several.
 *
 * A chunk is stored once, whoever wrote it first: so an extent may be used by several logical volumes, and its copies lie where each of
 * them wants them. What uses an extent uses all that it is decoded through. Uses are added with what is published, and are never
 * fewer than there are: what is not used any more is found out by a walk (upkeep/logicalVolumeUses.ts). Without rows in `lv_state` there is one
 * logical volume, and it uses everything.
 */
import type { CorruptionError } from '../base/errors.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { ExtentBase } from '../format/slots.js'
import { USES_FORMAT } from './schema.js'
import type { SqlValue } from './sqlite.js'

/** Numbers of logical volumes, ascending. */
export type UsedBy = readonly number[]

/** Of the one logical volume that every group has. */
export const DEFAULT_LV = 0
export const USED_BY_DEFAULT: UsedBy = [DEFAULT_LV]

/** What a logical volume uses: each extent once, however many copies there are. */
export interface LogicalVolumeUse {
  readonly extents: number
  readonly storedBytes: number
}

interface UsedExtent {
  readonly eid: number
  readonly storedBytes: number
  readonly bases: readonly ExtentBase[]
}

/** What these rows need of the catalog that has them. */
interface UsesCatalog {
  readonly format: number
  extent(eid: number): UsedExtent | undefined
  damaged(table: string, row: string): CorruptionError
  run(sql: string, ...parameters: SqlValue[]): unknown
  get<T>(sql: string, ...parameters: SqlValue[]): T | undefined
  all<T>(sql: string, ...parameters: SqlValue[]): T[]
}

interface UseRow {
  readonly lv: number
  readonly row_check: number
}

interface StateRow {
  readonly extents: number
  readonly stored_bytes: number
  readonly row_check: number
}

/** Whether it is known which logical volume uses what: there are, or were, several. */
export function knowsUses(catalog: UsesCatalog): boolean {
  return catalog.format >= USES_FORMAT && catalog.get('SELECT 1 FROM lv_state WHERE lv = ?', DEFAULT_LV) !== undefined
}

/** @throws {CorruptionError} `CORRUPT_CATALOG` */
export function usesOf(catalog: UsesCatalog, eid: number): UsedBy {
  if (!knowsUses(catalog)) return USED_BY_DEFAULT
  return catalog.all<UseRow>('SELECT lv, row_check FROM lv_use WHERE eid = ? ORDER BY lv', eid).map((row) => {
    if (!rowMatches(row.row_check, eid, row.lv)) throw catalog.damaged('lv_use', `${eid}, ${row.lv}`)
    return row.lv
  })
}

export function isUsedBy(catalog: UsesCatalog, eid: number, lv: number): boolean {
  return catalog.get('SELECT 1 FROM lv_use WHERE eid = ? AND lv = ?', eid, lv) !== undefined
}

/** What a logical volume uses; `undefined` where there is but one, or no such. @throws {CorruptionError} `CORRUPT_CATALOG` */
export function useBy(catalog: UsesCatalog, lv: number): LogicalVolumeUse | undefined {
  if (catalog.format < USES_FORMAT) return undefined
  const row = catalog.get<StateRow>('SELECT extents, stored_bytes, row_check FROM lv_state WHERE lv = ?', lv)
  if (!row) return undefined
  if (!rowMatches(row.row_check, lv, row.extents, row.stored_bytes)) throw catalog.damaged('lv_state', String(lv))
  return { extents: row.extents, storedBytes: row.stored_bytes }
}

/** In a transaction. From then on an extent, and all that it is decoded through, is used by these as well. @returns whether anything is new */
export function addUses(catalog: UsesCatalog, eid: number, lvs: UsedBy): boolean {
  if (!knowsUses(catalog)) return false
  let isNew = false
  for (const lv of lvs) {
    // What uses an extent uses its bases: nothing lies beyond one that has it already.
    const coming = [eid]
    for (let next = coming.pop(); next !== undefined; next = coming.pop()) {
      if (isUsedBy(catalog, next, lv)) continue
      const record = catalog.extent(next)
      if (!record) throw catalog.damaged('extent', String(next))
      catalog.run('INSERT INTO lv_use (eid, lv, row_check) VALUES (?, ?, ?)', next, lv, rowCheck(next, lv))
      count(catalog, lv, 1, record.storedBytes)
      coming.push(...record.bases.map((base) => base.eid))
      isNew = true
    }
  }
  return isNew
}

/** In the transaction that forgets the extent. */
export function removeUses(catalog: UsesCatalog, { eid, storedBytes }: Pick<UsedExtent, 'eid' | 'storedBytes'>): void {
  if (!knowsUses(catalog)) return
  for (const lv of usesOf(catalog, eid)) count(catalog, lv, -1, 0 - storedBytes)
  catalog.run('DELETE FROM lv_use WHERE eid = ?', eid)
}

/** In a transaction: it does not use this extent any more. The one who says so knows that nothing that it uses is decoded through it. */
export function dropUse(
  catalog: UsesCatalog,
  { eid, storedBytes }: Pick<UsedExtent, 'eid' | 'storedBytes'>,
  lv: number,
): void {
  if (!isUsedBy(catalog, eid, lv)) return
  catalog.run('DELETE FROM lv_use WHERE eid = ? AND lv = ?', eid, lv)
  count(catalog, lv, -1, 0 - storedBytes)
}

/**
 * In the transaction in which a group gets a second logical volume: all that is there is used by the first.
 * @param each visits all visible extents
 */
export function beginUses(catalog: UsesCatalog, each: (visit: (record: UsedExtent) => void) => void): void {
  if (knowsUses(catalog)) return
  writeState(catalog, DEFAULT_LV, { extents: 0, storedBytes: 0 })
  let extents = 0
  let storedBytes = 0
  each((record) => {
    const { eid } = record
    catalog.run('INSERT INTO lv_use (eid, lv, row_check) VALUES (?, ?, ?)', eid, DEFAULT_LV, rowCheck(eid, DEFAULT_LV))
    extents++
    storedBytes += record.storedBytes
  })
  writeState(catalog, DEFAULT_LV, { extents, storedBytes })
}

/** In a transaction: a logical volume that is new uses nothing yet. */
export function beginUseBy(catalog: UsesCatalog, lv: number): void {
  writeState(catalog, lv, { extents: 0, storedBytes: 0 })
}

/** In the transaction in which a group has but one logical volume again. */
export function endUses(catalog: UsesCatalog): void {
  catalog.run('DELETE FROM lv_use')
  catalog.run('DELETE FROM lv_state')
}

/** In the transaction in which a logical volume that uses nothing goes. */
export function endUseBy(catalog: UsesCatalog, lv: number): void {
  catalog.run('DELETE FROM lv_use WHERE lv = ?', lv)
  catalog.run('DELETE FROM lv_state WHERE lv = ?', lv)
}

/** @param each visits all visible extents @throws {CorruptionError} `CORRUPT_CATALOG` where rows are missing, or too many */
export function requireUses(catalog: UsesCatalog, each: (visit: (record: UsedExtent) => void) => void): void {
  if (!knowsUses(catalog)) return
  const found = new Map<number, { extents: number; storedBytes: number }>()
  let rows = 0
  each(({ eid, storedBytes, bases }) => {
    const lvs = usesOf(catalog, eid)
    if (lvs.length === 0) throw catalog.damaged('lv_use', String(eid))
    rows += lvs.length
    for (const lv of lvs) {
      const use = found.get(lv) ?? { extents: 0, storedBytes: 0 }
      found.set(lv, { extents: use.extents + 1, storedBytes: use.storedBytes + storedBytes })
      const lacking = bases.find((base) => !isUsedBy(catalog, base.eid, lv))
      if (lacking) throw catalog.damaged('lv_use', `${lacking.eid}, ${lv}`)
    }
  })
  if (catalog.get<{ n: number }>('SELECT count(*) AS n FROM lv_use')?.n !== rows)
    throw catalog.damaged('lv_use', 'of an extent that is gone')
  for (const { lv } of catalog.all<{ lv: number }>('SELECT lv FROM lv_state')) {
    const use = useBy(catalog, lv)
    const { extents, storedBytes } = found.get(lv) ?? { extents: 0, storedBytes: 0 }
    found.delete(lv)
    if (use?.extents !== extents || use.storedBytes !== storedBytes) throw catalog.damaged('lv_state', String(lv))
  }
  const [unknown] = found.keys()
  if (unknown !== undefined) throw catalog.damaged('lv_state', String(unknown))
}

function count(catalog: UsesCatalog, lv: number, extents: number, storedBytes: number): void {
  const use = useBy(catalog, lv)
  if (!use) throw catalog.damaged('lv_state', String(lv))
  writeState(catalog, lv, { extents: use.extents + extents, storedBytes: use.storedBytes + storedBytes })
}

function writeState(catalog: UsesCatalog, lv: number, { extents, storedBytes }: LogicalVolumeUse): void {
  catalog.run(
    'INSERT OR REPLACE INTO lv_state (lv, extents, stored_bytes, row_check) VALUES (?, ?, ?, ?)',
    lv,
    extents,
    storedBytes,
    rowCheck(lv, extents, storedBytes),
  )
}
