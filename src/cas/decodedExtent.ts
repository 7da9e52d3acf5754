/** An extent in memory, as it was before it was compressed. */
import type { Slot } from '../format/slots.js'

export interface DecodedExtent {
  readonly eid: number
  readonly raw: Buffer
  readonly slots: readonly Slot[]
  /** Where each slot begins in `raw`. */
  readonly offsets: readonly number[]
  /** Chunks read from it so far, one by one. */
  reads: number
}
