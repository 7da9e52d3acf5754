/**
 * Decoded extents that memory has no room for, on the disk: reading one there costs a copy, where decoding it anew costs what it is compressed
 * against as well, and so on. For upkeep that comes back to all of a store in another order.
 */
import { holdsUnseen } from '../codec/unseenMemory.js'
import type { Kind } from '../format/kinds.js'
import type { Slot } from '../format/slots.js'
import type { ScratchFile } from '../volume/scratchFile.js'
import type { DecodedExtent } from './decodedExtent.js'

interface SpilledExtent {
  readonly at: number
  readonly rawBytes: number
  readonly slots: readonly Slot[]
  readonly offsets: readonly number[]
}

export interface SpilledSlot {
  readonly kind: Kind
  readonly bytes: Buffer
}

export class ExtentSpill {
  readonly #places = new Map<number, SpilledExtent>()

  constructor(private readonly file: ScratchFile) {}

  put({ eid, raw, slots, offsets }: DecodedExtent): void {
    if (this.#places.has(eid)) return
    const at = this.file.append(raw)
    if (at !== undefined) this.#places.set(eid, { at, rawBytes: raw.length, slots, offsets })
  }

  get(eid: number): DecodedExtent | undefined {
    const place = this.#places.get(eid)
    if (!place) return undefined
    const { at, rawBytes, slots, offsets } = place
    holdsUnseen(rawBytes)
    const raw = Buffer.allocUnsafeSlow(rawBytes)
    return this.file.read(at, raw) ? { eid, raw, slots, offsets, reads: 0 } : undefined
  }

  /** The bytes of one slot, in room that is taken for them. */
  slot(eid: number, slot: number, take: (length: number) => Buffer): SpilledSlot | undefined {
    const place = this.#places.get(eid)
    const { kind, length } = place?.slots[slot] ?? {}
    const offset = place?.offsets[slot]
    if (!place || kind === undefined || length === undefined || offset === undefined) return undefined
    const bytes = take(length)
    return this.file.read(place.at + offset, bytes) ? { kind, bytes } : undefined
  }

  drop(eid: number): void {
    this.#places.delete(eid)
  }
}
