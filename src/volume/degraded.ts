/** Groups that go on without a volume: where all that lies there lies elsewhere as well. */
import type { VarveError } from '../base/errors.js'
import type { Catalog } from './catalog.js'

/** What a volume can do without being there. Whose file is another's, or a copy, has to be told so. */
const GONE_CODES: ReadonlySet<string> = new Set(['PV_MISSING', 'PV_STALE', 'CORRUPT', 'STORAGE_IO'])

/**
 * @param absent volumes that could not be opened, with the reason
 * @throws {VarveError} that reason, unless each extent with a copy there has another on a volume that was opened
 */
export function requireElsewhere(catalog: Catalog, absent: ReadonlyMap<number, VarveError>): void {
  const [reason] = absent.values()
  if (!reason) return
  requireGone(absent)
  if (countAlone(catalog, [...absent.keys()]) > 0) throw reason
}

/** @throws {VarveError} the reason of one that is not gone: the catalog is old, or its file is another's */
export function requireGone(absent: ReadonlyMap<number, VarveError>): void {
  for (const error of absent.values()) if (!GONE_CODES.has(error.code)) throw error
}

export function holdsSomething(catalog: Catalog, pv: number): boolean {
  return catalog.get('SELECT 1 FROM copy WHERE pv = ? LIMIT 1', pv) !== undefined
}

/** Extents of which every copy lies on one of these volumes. */
export function countAlone(catalog: Catalog, pvs: readonly number[]): number {
  const found = catalog.get<{ n: number }>(
    `WITH gone AS (SELECT value AS pv FROM json_each(?))
     SELECT count(DISTINCT eid) AS n FROM copy WHERE pv IN gone AND NOT EXISTS
       (SELECT 1 FROM copy AS other WHERE other.eid = copy.eid AND other.pv NOT IN gone)`,
    JSON.stringify(pvs),
  )
  return found?.n ?? 0
}
