/**
 * The rows of the catalog's table `base`: for each visible extent what it is compressed against, the other way round than extents say
 * it. What may go is found by them. They have no checks of their own; those of extents, which say the same, have.
 */
import type { CorruptionError } from '../base/errors.js'
import type { ExtentBase } from '../format/slots.js'
import type { SqlValue } from './sqlite.js'

/** An extent, and what it is compressed against. */
interface Based {
  readonly eid: number
  readonly bases: readonly ExtentBase[]
}

/** What these rows need of the catalog that has them. */
interface BaseCatalog {
  readonly hasBases: boolean
  isVisible(eid: number): boolean
  damaged(table: string, row: string): CorruptionError
  run(sql: string, ...parameters: SqlValue[]): unknown
  get<T>(sql: string, ...parameters: SqlValue[]): T | undefined
  all<T>(sql: string, ...parameters: SqlValue[]): T[]
}

/** In the transaction that names the extent. @throws {CorruptionError} `CORRUPT_CATALOG` where nobody could read it */
export function addBaseRows(catalog: BaseCatalog, record: Based): void {
  for (const base of distinctBases(record)) {
    if (base >= record.eid || !catalog.isVisible(base)) throw catalog.damaged('extent', String(base))
    catalog.run('INSERT INTO base (base, eid) VALUES (?, ?)', base, record.eid)
  }
}

/** In the transaction that forgets the extent. @throws {CorruptionError} `CORRUPT_CATALOG` while something decodes through it */
export function removeBaseRows(catalog: BaseCatalog, record: Based): void {
  const [dependant] = dependantsOf(catalog, record.eid)
  if (dependant !== undefined) throw catalog.damaged('base', `${record.eid}, ${dependant}`)
  for (const base of distinctBases(record)) catalog.run('DELETE FROM base WHERE base = ? AND eid = ?', base, record.eid)
}

/** Visible extents that decode through this one, ascending. */
export function dependantsOf(catalog: BaseCatalog, eid: number): number[] {
  if (!catalog.hasBases) return []
  return catalog.all<{ eid: number }>('SELECT eid FROM base WHERE base = ? ORDER BY eid', eid).map((row) => row.eid)
}

/** @param each visits all extents that have bases @throws {CorruptionError} `CORRUPT_CATALOG` unless all rows are there, and no others */
export function requireBaseRows(catalog: BaseCatalog, each: (visit: (record: Based) => void) => void): void {
  let rows = 0
  each((record) => {
    for (const base of distinctBases(record)) {
      rows++
      const isKnown =
        catalog.hasBases && catalog.get('SELECT 1 FROM base WHERE base = ? AND eid = ?', base, record.eid) !== undefined
      if (!isKnown || base >= record.eid || !catalog.isVisible(base))
        throw catalog.damaged('base', `${base}, ${record.eid}`)
    }
  })
  if (catalog.hasBases && catalog.get<{ n: number }>('SELECT count(*) AS n FROM base')?.n !== rows)
    throw catalog.damaged('base', 'of an extent that is gone')
}

function distinctBases({ bases }: Based): Set<number> {
  return new Set(bases.map(({ eid }) => eid))
}
