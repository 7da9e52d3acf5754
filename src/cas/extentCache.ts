/**
 * Decoded extents, least recently used out first, bounded in bytes. Loads of the same extent are shared, so that
 * read-ahead and the read itself do the work once. Chunks that were hashed are found by id as long as their extent is
 * here: files are read in the order they were stored, and asking a volume for each of their chunks costs more than
 * hashing it.
 */
import type { Hash } from '../base/hash.js'
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

/** A slot whose bytes were hashed and found to be what they are looked up as. */
export interface CheckedSlot {
  readonly extent: DecodedExtent
  readonly slot: number
}

export class ExtentCache {
  private readonly decoded = new Map<number, DecodedExtent>()
  private readonly loading = new Map<number, Promise<DecodedExtent | undefined>>()
  private readonly checked = new Map<Hash, CheckedSlot>()
  private readonly checkedIds = new Map<number, readonly Hash[]>()
  private bytes = 0
  private newest: DecodedExtent | undefined

  constructor(
    private readonly maxBytes: number,
    private readonly load: (eid: number) => Promise<DecodedExtent | undefined>,
  ) {}

  /** `undefined` when the extent is not visible (any more). */
  get(eid: number): Promise<DecodedExtent | undefined> {
    const held = this.decoded.get(eid)
    if (held) {
      this.touch(held)
      return Promise.resolve(held)
    }
    return this.loading.get(eid) ?? this.start(eid)
  }

  /** Used just now: the last to go. */
  touch(extent: DecodedExtent): void {
    if (this.newest === extent || !this.decoded.delete(extent.eid)) return
    this.decoded.set(extent.eid, extent)
    this.newest = extent
  }

  private start(eid: number): Promise<DecodedExtent | undefined> {
    const started = this.load(eid).then(
      (extent) => {
        this.loading.delete(eid)
        if (extent) this.keep(extent)
        return extent
      },
      (error: unknown) => {
        this.loading.delete(eid)
        throw error
      },
    )
    this.loading.set(eid, started)
    return started
  }

  /** Loads in progress: read-ahead stops at a few. */
  get loads(): number {
    return this.loading.size
  }

  /** Where `id` lies, if the extent that holds it was told to `remember` and is still here. */
  find(id: Hash): CheckedSlot | undefined {
    return this.checked.get(id)
  }

  /** @param ids Of all slots in order, each computed from the very bytes. */
  remember(extent: DecodedExtent, ids: readonly Hash[]): void {
    if (this.decoded.get(extent.eid) !== extent) return
    this.checkedIds.set(extent.eid, ids)
    for (const [slot, id] of ids.entries()) this.checked.set(id, { extent, slot })
  }

  has(eid: number): boolean {
    return this.decoded.has(eid) || this.loading.has(eid)
  }

  drop(eid: number): void {
    const held = this.decoded.get(eid)
    if (!held) return
    this.decoded.delete(eid)
    if (this.newest === held) this.newest = undefined
    this.bytes -= held.raw.length
    for (const id of this.checkedIds.get(eid) ?? []) {
      if (this.checked.get(id)?.extent === held) this.checked.delete(id)
    }
    this.checkedIds.delete(eid)
  }

  private keep(extent: DecodedExtent): void {
    this.drop(extent.eid)
    this.decoded.set(extent.eid, extent)
    this.newest = extent
    this.bytes += extent.raw.length
    for (const eid of this.decoded.keys()) {
      if (this.bytes <= this.maxBytes || eid === extent.eid) break
      this.drop(eid)
    }
  }
}
