/** When gc was begun last, when it came to its end, what it left waiting, and whether it is time to run it again. */
import { isVarveError } from '../base/errors.js'
import { DAY_MS } from '../base/units.js'
import { PrunedCommits } from '../refs/pruned.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { listLeases } from '../volume/lease.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { Amount } from './census.js'
import { rootsStamp } from './gcRoots.js'
import { newestEntry, reflogTerm } from './reflogTerm.js'

const NAME = 'gc'
const BEGUN = 'gc-begun'
/** Between two runs that nobody asked for. The store's own time needs a look every other day (storeClock.ts). */
const DUE_AFTER_MS = DAY_MS
/** Changes of refs in a store that gc never looked at, after which it is time. */
const DUE_AFTER_CHANGES = 100

export interface LastGc {
  readonly finishedMs: number
  readonly live: Amount
  /** Condemned, and kept for now. */
  readonly waiting: Amount
  readonly wasteBytes: number
  /** Of the roots, and of what was pruned, as it saw them at its end. */
  readonly stamp?: string
  /** When everything was walked last, by the store's own time. */
  readonly walkedMs?: number
}

export interface BegunGc {
  readonly ms: number
  /** Why it came to no end. */
  readonly problem?: string
}

/** @throws {CorruptionError} `CORRUPT_CATALOG` */
export function readLastGc(state: UpkeepState): LastGc | undefined {
  return state.read(NAME) as LastGc | undefined
}

/** What is remembered for people alone must not keep gc from running: damaged, it is as if it were not there. */
export function soundLastGc(state: UpkeepState): LastGc | undefined {
  return sound(() => readLastGc(state))
}

/** The last that was begun, if it is known to have failed. */
export function failedGc(state: UpkeepState): BegunGc | undefined {
  const begun = sound(() => state.read(BEGUN) as BegunGc | undefined)
  return begun?.problem === undefined ? undefined : begun
}

/** In an open transaction, of a catalog that was upgraded. */
export function writeBegunGc(tx: CatalogTransaction, state: UpkeepState, begun: BegunGc): void {
  state.write(tx, BEGUN, begun)
}

/** In an open transaction, of a catalog that was upgraded. */
export function writeLastGc(
  tx: CatalogTransaction,
  state: UpkeepState,
  report: Pick<LastGc, 'live' | 'waiting' | 'wasteBytes'>,
  at: { readonly finishedMs: number; readonly walkedMs: number; readonly stamp: string },
): void {
  const amount = ({ chunks, bytes }: Amount): Amount => ({ chunks, bytes })
  const { live, waiting, wasteBytes } = report
  const last: LastGc = { ...at, live: amount(live), waiting: amount(waiting), wasteBytes }
  state.write(tx, NAME, last)
  state.write(tx, BEGUN, { ms: at.finishedMs } satisfies BegunGc)
}

/** Another whenever something may have become unreachable. */
export function changesStamp(catalog: Catalog): string {
  return `${rootsStamp(catalog)} ${new PrunedCommits(catalog).stamp}`
}

/**
 * Whether gc may have something to do, and was not begun for a day. Time alone brings something as long as anything waits, or the
 * reflog keeps anything. A store of the first format is left as it is.
 *
 * @throws {CorruptionError} `CORRUPT_CATALOG`
 */
export function isGcDue(catalog: Catalog, nowMs: number): boolean {
  if (!catalog.hasUpkeep || listLeases(catalog).some(({ kind }) => kind === 'upkeep')) return false
  const state = new UpkeepState(catalog)
  const begun = sound(() => state.read(BEGUN) as BegunGc | undefined)
  // Either way: a clock that was set back must not put it off for years.
  if (begun && Math.abs(nowMs - begun.ms) < DUE_AFTER_MS) return false
  const last = soundLastGc(state)
  const newest = newestEntry(catalog)
  if (!last) return newest >= DUE_AFTER_CHANGES || begun !== undefined
  if (Math.abs(nowMs - last.finishedMs) < DUE_AFTER_MS) return false
  return last.waiting.chunks > 0 || last.stamp !== changesStamp(catalog) || reflogTerm(state).from <= newest
}

function sound<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_CATALOG')) throw error
    return undefined
  }
}
