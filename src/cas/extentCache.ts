/**
 * Decoded extents, least recently used out first, bounded in bytes. Loads of the same extent are shared, so that
 * read-ahead and the read itself do the work once.
 */
import type { Slot } from '../format/slots.js'

export interface DecodedExtent {
  readonly eid: number
  readonly raw: Buffer
  readonly slots: readonly Slot[]
  /** Where each slot begins in `raw`. */
  readonly offsets: readonly number[]
}

export class ExtentCache {
  private readonly decoded = new Map<number, DecodedExtent>()
  private readonly loading = new Map<number, Promise<DecodedExtent | undefined>>()
  private bytes = 0

  constructor(
    private readonly maxBytes: number,
    private readonly load: (eid: number) => Promise<DecodedExtent | undefined>,
  ) {}

  /** `undefined` when the extent is not visible (any more). */
  get(eid: number): Promise<DecodedExtent | undefined> {
    const held = this.decoded.get(eid)
    if (held) {
      this.decoded.delete(eid)
      this.decoded.set(eid, held)
      return Promise.resolve(held)
    }
    return this.loading.get(eid) ?? this.start(eid)
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

  has(eid: number): boolean {
    return this.decoded.has(eid) || this.loading.has(eid)
  }

  drop(eid: number): void {
    const held = this.decoded.get(eid)
    if (!held) return
    this.decoded.delete(eid)
    this.bytes -= held.raw.length
  }

  private keep(extent: DecodedExtent): void {
    this.drop(extent.eid)
    this.decoded.set(extent.eid, extent)
    this.bytes += extent.raw.length
    for (const eid of this.decoded.keys()) {
      if (this.bytes <= this.maxBytes || eid === extent.eid) break
      this.drop(eid)
    }
  }
}
