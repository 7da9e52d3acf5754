/**
 * Whether bases are worth their price in what is being written. Where new data has little in common with what it takes the place
 * of (the files of a disk image that was filled anew), looking for bases and reading them is for nothing: after a few that
 * saved next to nothing, a writer goes without for a while, and for longer each time that nothing has changed by then.
 */
import { MIB } from '../base/units.js'
import type { ExtentClass } from '../volume/physicalVolume.js'

/** A frame with bases is to be smaller than this part of one without. */
const WORTH_PART = 0.75
/** Of frames with bases, every so many is compared with one without: what bases gave before, they go on giving. */
const PROOF_EVERY = 8
/** In a row, until it is taken for a habit. */
const MISSES = 4
/** Raw bytes without a try, then. */
const PAUSE_LEAST = 6 * MIB
const PAUSE_MOST = 64 * MIB

interface Habit {
  tries: number
  misses: number
  /** Raw bytes for which no bases are looked for any more. */
  left: number
  /** And the next time. */
  pause: number
}

export class BaseGain {
  readonly #habits = new Map<ExtentClass, Habit>()

  isWorthTrying(extentClass: ExtentClass): boolean {
    return this.#of(extentClass).left <= 0
  }

  /** Told of each extent that was compressed without a try. */
  passedBy(extentClass: ExtentClass, rawBytes: number): void {
    this.#of(extentClass).left -= rawBytes
  }

  /** Whether what was compressed against bases is to be compressed without them as well. */
  needsProof(extentClass: ExtentClass): boolean {
    const habit = this.#of(extentClass)
    return habit.misses > 0 || habit.tries++ % PROOF_EVERY === 0
  }

  /**
   * @param based bytes of a frame with bases
   * @param alone bytes of the same without
   * @returns whether bases are worth it
   */
  look(extentClass: ExtentClass, based: number, alone: number): boolean {
    const habit = this.#of(extentClass)
    if (based <= WORTH_PART * alone) {
      habit.misses = 0
      habit.pause = PAUSE_LEAST
      return true
    }
    habit.misses++
    if (habit.misses >= MISSES) {
      habit.left = habit.pause
      habit.pause = Math.min(2 * habit.pause, PAUSE_MOST)
      // The next one that saves nothing is enough.
      habit.misses = MISSES - 1
    }
    return false
  }

  #of(extentClass: ExtentClass): Habit {
    let habit = this.#habits.get(extentClass)
    if (!habit) {
      habit = { tries: 0, misses: 0, left: 0, pause: PAUSE_LEAST }
      this.#habits.set(extentClass, habit)
    }
    return habit
  }
}
