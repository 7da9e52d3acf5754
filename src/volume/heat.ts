/**
 * How much extents are used: rows of the catalog's table `heat`, in groups whose logical volumes have tiers.
 *
 * A count of uses of which half is forgotten every `HALF_LIFE_MS`. Being written counts as some (tiers.ts). What has no row was not used for
 * ages, as far as is known. Rows have no checks: they may be lost or wrong, and then things lie where they are read more slowly.
 */
import type { VolumeGroupLayout } from '../format/layout.js'
import { USED_BY_DEFAULT } from './extentUses.js'
import { policiesOf } from './placement.js'
import type { PlacedExtent } from './publishStaged.js'
import { USES_FORMAT } from './schema.js'
import type { SqlValue } from './sqlite.js'
import { HALF_LIFE_MS, type Tier, tierOf, WRITTEN_READS } from './tiers.js'

export interface Heat {
  /** Counted as of `readMs`. */
  readonly reads: number
  readonly readMs: number
  /** When it came to the tier that it is in; 0: it was written there. */
  readonly movedMs: number
}

/** What these rows need of the catalog that has them. */
export interface HeatCatalog {
  run(sql: string, ...parameters: SqlValue[]): { changes: number }
  get<T>(sql: string, ...parameters: SqlValue[]): T | undefined
  all<T>(sql: string, ...parameters: SqlValue[]): T[]
}

interface HeatRow {
  readonly eid: number
  readonly reads: number
  readonly read_ms: number
  readonly moved_ms: number
}

/** Rows hold whole numbers. */
const PARTS = 1000

export function hasTiers({ logicalVolumes }: Pick<VolumeGroupLayout, 'logicalVolumes'>): boolean {
  return logicalVolumes.some(({ tiers }) => tiers !== undefined)
}

/** How hot it is at a moment; a clock that was set back makes nothing hotter. */
export function heatAt(heat: Heat | undefined, nowMs: number): number {
  if (!heat) return 0
  return heat.reads * 2 ** (0 - Math.max(0, nowMs - heat.readMs) / HALF_LIFE_MS)
}

export function heatOf(catalog: HeatCatalog, eid: number): Heat | undefined {
  const row = catalog.get<HeatRow>('SELECT eid, reads, read_ms, moved_ms FROM heat WHERE eid = ?', eid)
  return row && heatFrom(row)
}

/** Of all extents that have any. */
export function allHeat(catalog: HeatCatalog & { readonly format: number }): Map<number, Heat> {
  if (catalog.format < USES_FORMAT) return new Map()
  const rows = catalog.all<HeatRow>('SELECT eid, reads, read_ms, moved_ms FROM heat')
  return new Map(rows.map((row) => [row.eid, heatFrom(row)]))
}

/** In a transaction: each was used once more. */
export function noteReads(catalog: HeatCatalog, eids: Iterable<number>, nowMs: number): void {
  for (const eid of eids) {
    if (catalog.get('SELECT 1 FROM extent WHERE eid = ?', eid) === undefined) continue
    const heat = heatOf(catalog, eid)
    write(catalog, eid, { reads: heatAt(heat, nowMs) + 1, readMs: nowMs, movedMs: heat?.movedMs ?? 0 })
  }
}

/** In the transaction that makes them visible: those that came to a fast tier. Others are used once they are read. */
export function noteWritten(
  catalog: HeatCatalog,
  layout: VolumeGroupLayout,
  placed: readonly PlacedExtent[],
  nowMs: number,
): void {
  if (!hasTiers(layout)) return
  for (const { extent, pvs, usedBy = USED_BY_DEFAULT } of placed) {
    const volumes = layout.physicalVolumes.filter(({ number }) => pvs.includes(number))
    const isFast = policiesOf(layout, usedBy).some((policy) =>
      volumes.some((volume) => tierOf(policy, volume) === 'fast'),
    )
    if (isFast) write(catalog, extent.eid, { reads: WRITTEN_READS, readMs: nowMs, movedMs: 0 })
  }
}

/** In the transaction that moves it. What went down begins anew: what it is read there counts. */
export function noteMoved(catalog: HeatCatalog, eid: number, to: Tier, nowMs: number): void {
  const reads = to === 'slow' ? 0 : heatAt(heatOf(catalog, eid), nowMs)
  write(catalog, eid, { reads, readMs: nowMs, movedMs: nowMs })
}

/** In a transaction: what lies on these volumes, and of which nothing is known, counts as just written. */
export function beginHeat(catalog: HeatCatalog, pvs: readonly number[], nowMs: number): void {
  catalog.run(
    `INSERT OR IGNORE INTO heat (eid, reads, read_ms, moved_ms)
       SELECT DISTINCT eid, ?, ?, 0 FROM copy WHERE pv IN (SELECT value FROM json_each(?))`,
    WRITTEN_READS * PARTS,
    nowMs,
    JSON.stringify(pvs),
  )
}

/** In a transaction, once nothing has tiers any more. */
export function endHeat(catalog: HeatCatalog): void {
  catalog.run('DELETE FROM heat')
}

function write(catalog: HeatCatalog, eid: number, { reads, readMs, movedMs }: Heat): void {
  catalog.run(
    'INSERT OR REPLACE INTO heat (eid, reads, read_ms, moved_ms) VALUES (?, ?, ?, ?)',
    eid,
    Math.round(reads * PARTS),
    readMs,
    movedMs,
  )
}

function heatFrom({ reads, read_ms, moved_ms }: HeatRow): Heat {
  return { reads: reads / PARTS, readMs: read_ms, movedMs: moved_ms }
}
