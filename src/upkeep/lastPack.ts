/** When the store was packed last, or tried to be, and whether it would pay to do so again. */
import { isVarveError } from '../base/errors.js'
import { DAY_MS, MIB } from '../base/units.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { listLeases } from '../volume/lease.js'
import { UpkeepState } from '../volume/upkeepState.js'

/** Name in the table `upkeep`. */
const NAME = 'packed'
/** Between two that nobody asked for, whatever became of the first. */
const DUE_AFTER_MS = DAY_MS
/** Fewer new extents save nothing worth the while. */
const DUE_EXTENTS = 100
/** Of all that is stored: so all is rewritten once more each time that it has grown by a third, and work stays in proportion. */
const DUE_PART = 0.25
/** Of a larger store all is read for hours: that is for people to decide. */
const RAW_BYTES_MAX = 512 * MIB

interface LastPack {
  readonly ms: number
  /** Extents with lower numbers are packed as well as can be. */
  readonly nextEid: number
}

/** In an open transaction, of a catalog that was upgraded. @param nextEid where nothing was packed: as it was */
export function writeLastPack(tx: CatalogTransaction, state: UpkeepState, ms: number, nextEid?: number): void {
  state.write(tx, NAME, { ms, nextEid: nextEid ?? soundLastPack(state)?.nextEid ?? 0 } satisfies LastPack)
}

/**
 * Whether much was written since the store was packed last, in proportion to all that is stored, of a store that is not large;
 * and nobody tried for a day. Of a store that was never packed, all is new.
 */
export function isPackDue(catalog: Catalog, nowMs: number): boolean {
  if (!catalog.hasUpkeep || listLeases(catalog).some(({ kind }) => kind === 'upkeep')) return false
  const last = soundLastPack(new UpkeepState(catalog))
  // Either way: a clock that was set back must not put it off for years.
  if (last && Math.abs(nowMs - last.ms) < DUE_AFTER_MS) return false
  const all = amountFrom(catalog, 0)
  const fresh = amountFrom(catalog, last?.nextEid ?? 0)
  if (all.rawBytes > RAW_BYTES_MAX || fresh.extents < DUE_EXTENTS) return false
  return fresh.storedBytes >= DUE_PART * all.storedBytes
}

function amountFrom(catalog: Catalog, eid: number): { extents: number; rawBytes: number; storedBytes: number } {
  const sums = catalog.get<{ extents: number; raw: number | null; stored: number | null }>(
    'SELECT count(*) AS extents, sum(raw_bytes) AS raw, sum(stored_bytes) AS stored FROM extent WHERE eid >= ?',
    eid,
  )
  return { extents: sums?.extents ?? 0, rawBytes: sums?.raw ?? 0, storedBytes: sums?.stored ?? 0 }
}

/** Damaged, it is as if it were not there. */
function soundLastPack(state: UpkeepState): LastPack | undefined {
  try {
    return state.read(NAME) as LastPack | undefined
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_CATALOG')) throw error
    return undefined
  }
}
