/**
 * How far back the reflog keeps what refs pointed at.
 *
 * The term is counted by the store's own time, as grace periods are: at each look the number of the newest entry is written down
 * with the time; what was there at a look that is a term ago has expired. What has expired stays so: it may be gone.
 */
import type { CatalogTransaction } from '../volume/catalog.js'
import type { UpkeepState } from '../volume/upkeepState.js'
import { STEP_MS_MAX } from './storeClock.js'

const NAME = 'reflog'

interface Look {
  readonly storeMs: number
  /** The newest entry then. */
  readonly newest: number
}

interface TermState {
  /** The first entry that still keeps something. */
  readonly from: number
  /** Ascending. */
  readonly looks: readonly Look[]
}

/**
 * In an open transaction.
 * @param newest the number of the newest entry; 0 without one
 * @param termMs `undefined`: all entries expire now
 * @returns the number of the first entry that keeps what it names
 */
export function lookAtReflog(
  tx: CatalogTransaction,
  state: UpkeepState,
  storeMs: number,
  newest: number,
  termMs: number | undefined,
): number {
  const before = reflogTerm(state)
  const last = before.looks.at(-1)
  const isDue = last === undefined || storeMs - last.storeMs >= STEP_MS_MAX / 2
  const looks = isDue ? [...before.looks, { storeMs, newest }] : before.looks
  const expired = termMs === undefined ? [{ newest }] : looks.filter((look) => look.storeMs <= storeMs - termMs)
  const from = Math.max(before.from, ...expired.map((look) => look.newest + 1))
  state.write(tx, NAME, { from, looks: looks.filter((look) => look.newest >= from) } satisfies TermState)
  return from
}

/** The number of the newest entry; 0 without one. */
export function newestEntry(catalog: CatalogTransaction): number {
  return catalog.get<{ seq: number | null }>('SELECT max(seq) AS seq FROM reflog')?.seq ?? 0
}

/** As it was at the last look. */
export function reflogTerm(state: UpkeepState): TermState {
  return (state.read(NAME) as TermState | undefined) ?? { from: 1, looks: [] }
}

/** In an open transaction: entries before that one keep nothing from now on. */
export function expireReflog(tx: CatalogTransaction, state: UpkeepState, from: number): void {
  const before = reflogTerm(state)
  state.write(tx, NAME, {
    from: Math.max(before.from, from),
    looks: before.looks.filter(({ newest }) => newest >= from),
  } satisfies TermState)
}
