/**
 * The store's own time, by which grace periods are counted.
 *
 * It goes on with the clocks of those who look at it, but never backwards, and by a bounded step at a time: a clock that leaps
 * by years brings what was condemned a few days nearer to its end, and not to it. So time in which nobody looks counts for one
 * step at most; who wants a store to be tidied looks now and then.
 */
import type { Clock } from '../base/clock.js'
import { DAY_MS } from '../base/units.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { UpkeepState } from '../volume/upkeepState.js'

const NAME = 'clock'
/** What a look adds at most. */
export const STEP_MS_MAX = 2 * DAY_MS

interface ClockState {
  /** Milliseconds that have passed, by steps. */
  readonly storeMs: number
  /** What the clock said at the last look. */
  readonly seenMs: number
}

/** Looks at the clock, in an open transaction. @returns the store's time, milliseconds that mean nothing but by their differences */
export function tickStoreClock(tx: CatalogTransaction, state: UpkeepState, clock: Clock): number {
  const nowMs = clock.nowMs()
  const before = (state.read(NAME) as ClockState | undefined) ?? { storeMs: 0, seenMs: nowMs }
  const step = Math.min(Math.max(nowMs - before.seenMs, 0), STEP_MS_MAX)
  const storeMs = before.storeMs + step
  // A clock that was set back is believed for what comes.
  state.write(tx, NAME, { storeMs, seenMs: nowMs } satisfies ClockState)
  return storeMs
}
