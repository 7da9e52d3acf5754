/**
 * Progress, cancelling and turns for work that is a long run of small steps.
 *
 * Steps that need no waiting would keep Node from ever hearing Ctrl-C. So from time to time a step returns a promise:
 * while it is awaited, signals and timers get their turn.
 */
import { setImmediate } from 'node:timers/promises'
import { type Clock, systemClock } from '../base/clock.js'
import { type ByteName, nameToText } from '../base/names.js'
import { type Progress, throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { MIB } from '../base/units.js'

const REPORT_EVERY_MS = 100
const TURN_EVERY_MS = 20
/** The clock is looked at after so many steps, or so many bytes. */
const STEPS_PER_LOOK = 16
const BYTES_PER_LOOK = MIB

export interface PaceOptions extends WorkOptions {
  readonly clock?: Clock | undefined
}

export class Pace {
  readonly #phase: Progress['phase']
  readonly #options: PaceOptions
  readonly #clock: Clock
  readonly #totals: { readonly items?: number; readonly bytes?: number }
  #itemsDone = 0
  #bytesDone = 0
  #current: ByteName | undefined
  #stepsUnseen = 0
  #bytesUnseen = 0
  #reportedMs: number
  #turnedMs: number

  constructor(phase: Progress['phase'], options: PaceOptions, totals: { items?: number; bytes?: number } = {}) {
    this.#phase = phase
    this.#options = options
    this.#totals = totals
    this.#clock = options.clock ?? systemClock
    this.#reportedMs = this.#clock.nowMs()
    this.#turnedMs = this.#reportedMs
  }

  /**
   * Counts what was done, of `current`. To be awaited where it returns a promise.
   * @throws {VarveError} `CANCELLED`
   */
  step(items: number, bytes: number, current: ByteName): Promise<void> | undefined {
    throwIfCancelled(this.#options.signal)
    this.#itemsDone += items
    this.#bytesDone += bytes
    this.#current = current
    this.#bytesUnseen += bytes
    if (++this.#stepsUnseen < STEPS_PER_LOOK && this.#bytesUnseen < BYTES_PER_LOOK) return undefined
    this.#stepsUnseen = 0
    this.#bytesUnseen = 0
    const nowMs = this.#clock.nowMs()
    if (isDue(nowMs, this.#reportedMs, REPORT_EVERY_MS)) {
      this.#reportedMs = nowMs
      this.report()
    }
    if (!isDue(nowMs, this.#turnedMs, TURN_EVERY_MS)) return undefined
    this.#turnedMs = nowMs
    return setImmediate()
  }

  /** Where things stand now, whenever that was said last. */
  report(): void {
    this.#options.onProgress?.({
      phase: this.#phase,
      itemsDone: this.#itemsDone,
      itemsTotal: this.#totals.items,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#totals.bytes,
      current: this.#current === undefined ? undefined : nameToText(this.#current),
    })
  }
}

/** Also after a leap of the clock, in whichever direction. */
function isDue(nowMs: number, lastMs: number, everyMs: number): boolean {
  return Math.abs(nowMs - lastMs) >= everyMs
}
