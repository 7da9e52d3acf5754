/**
 * Whether bases are worth their price in what is being written. Where new data has little in common with what it takes the place
 * of (the files of a disk image that was filled anew), looking for bases and reading them is for nothing: after a few that
 * saved next to nothing, a writer goes without for a while.
 */
import type { Frame } from '../codec/compressor.js'
import type { ExtentBase } from '../format/slots.js'
import type { ExtentClass } from '../volume/physicalVolume.js'
import type { BaseBounds } from './bases.js'
import type { FullExtent } from './extentBuilder.js'

/** A frame with bases is expected to be smaller than this part of what it would take alone. */
const EXPECTED_PART = 0.75
/** In a row, until it is taken for a habit. */
const MISSES = 4
/** Extents without a try, then. */
const PAUSE = 24

export class BaseGain {
  readonly #misses = new Map<ExtentClass, number>()
  readonly #pause = new Map<ExtentClass, number>()

  isWorthTrying(extentClass: ExtentClass): boolean {
    const left = this.#pause.get(extentClass) ?? 0
    if (left > 0) this.#pause.set(extentClass, left - 1)
    return left === 0
  }

  /**
   * Told of each frame that was compressed against bases.
   * @returns whether they seem to have saved enough; if not, it may be smaller without them
   */
  look(
    { class: extentClass, raw }: FullExtent,
    { frame }: Frame,
    bounds: BaseBounds,
    bases: readonly ExtentBase[],
  ): boolean {
    const aloneBytes = expected(raw.length, bounds, bases)
    if (aloneBytes === undefined || frame.length <= EXPECTED_PART * aloneBytes) {
      this.#misses.set(extentClass, 0)
      return true
    }
    const misses = (this.#misses.get(extentClass) ?? 0) + 1
    this.#misses.set(extentClass, misses >= MISSES ? 0 : misses)
    if (misses >= MISSES) this.#pause.set(extentClass, PAUSE)
    return false
  }
}

/** What it would take alone, by what those of its bases take that are compressed alone. */
function expected(rawBytes: number, bounds: BaseBounds, bases: readonly ExtentBase[]): number | undefined {
  let raw = 0
  let stored = 0
  for (const { eid } of bases) {
    const bound = bounds.of(eid)
    if (bound?.depth !== 0) continue
    raw += bound.rawBytes
    stored += bound.storedBytes
  }
  return raw === 0 ? undefined : (rawBytes * stored) / raw
}
