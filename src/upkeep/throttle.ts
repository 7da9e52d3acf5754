/**
 * Reading at a rate: so many bytes a second on the average, whatever else the disks have to do.
 *
 * A clock that leaps buys a moment at full speed, or a wait for what was read last; never more.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../base/clock.js'
import { throwIfCancelled } from '../base/progress.js'

/** Waits shorter than this are put together. */
const WAIT_MS_MIN = 20
/** What was not read in time is made up for, but not more. */
const BEHIND_MS_MAX = 1000

/** Resolves after so many milliseconds. @throws {VarveError} `CANCELLED` */
export type Pause = (durationMs: number, signal: AbortSignal | undefined) => Promise<void>

const pause: Pause = async (durationMs, signal) => {
  try {
    await wait(durationMs, undefined, signal ? { signal } : {})
  } catch (error) {
    throwIfCancelled(signal)
    throw error
  }
}

export class Throttle {
  readonly #bytesPerMs: number | undefined
  readonly #clock: Clock
  readonly #pause: Pause
  #seenMs: number
  /** How far ahead of the rate it is. */
  #aheadMs = 0

  /** @param rateBytes a second; `undefined`: as fast as it goes */
  constructor(rateBytes: number | undefined, clock: Clock, pauseFor: Pause = pause) {
    this.#bytesPerMs = rateBytes === undefined ? undefined : rateBytes / 1000
    this.#clock = clock
    this.#pause = pauseFor
    this.#seenMs = clock.nowMs()
  }

  /** To be awaited after so many bytes were read. @throws {VarveError} `CANCELLED` */
  async took(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#bytesPerMs === undefined) return
    const nowMs = this.#clock.nowMs()
    const passedMs = Math.max(0, nowMs - this.#seenMs)
    this.#aheadMs = Math.max(-BEHIND_MS_MAX, this.#aheadMs - passedMs) + bytes / this.#bytesPerMs
    this.#seenMs = nowMs
    if (this.#aheadMs >= WAIT_MS_MIN) await this.#pause(this.#aheadMs, signal)
  }
}
