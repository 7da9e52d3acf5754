/**
 * Decoded extents, bounded in bytes. Loads of the same extent are shared, so that read-ahead and the read itself do the work once.
 * Chunks that were hashed are found by id as long as their extent is here: files are read in the order they were stored, and
 * asking a volume for each of their chunks costs more than hashing it.
 *
 * What counts as one use of an extent is a run of reads from it, with none from another in between: so it costs nothing to read on
 * in one, and an extent of which each chunk was read once was used once. Loading ahead is no use; the read that follows is.
 */
import type { Hash } from '../base/hash.js'
import type { Slot } from '../format/slots.js'
import { AdaptiveCache, type CacheStats } from './adaptiveCache.js'
import type { DecodedExtent } from './decodedExtent.js'
import type { ExtentSpill } from './extentSpill.js'

/** A slot whose bytes were hashed and found to be what they are looked up as. */
export interface CheckedSlot {
  readonly extent: DecodedExtent
  readonly slot: number
}

/** What waits takes at most this part of the room, beside the extent that came last. */
const WAITING_PART = 3 / 4
/** After so many other loads it is taken for used. */
const WAITING_LOADS = 32

/** Of the room, while there is a spill. */
const SPILLED_PART = 1 / 4

/** What is known of one beside its bytes: those of small commits are short. */
const ENTRY_BYTES = 512

interface WaitingExtent {
  readonly extent: DecodedExtent
  /** The number of its load. */
  readonly since: number
}

export class ExtentCache {
  private readonly decoded: AdaptiveCache<number, DecodedExtent>
  /** Longer than all that is kept: the last one alone, or each of its chunks would load it again. */
  private oversized: DecodedExtent | undefined
  private readonly loading = new Map<number, Promise<DecodedExtent | undefined>>()
  /**
   * Loaded and not used yet, and the one whose first use it is, in the order of their loads: whatever else is used may not put
   * these out, or they would be loaded twice.
   */
  private readonly waiting = new Map<number, WaitingExtent>()
  private waitingBytes = 0
  private loaded = 0
  private readonly checked = new Map<Hash, CheckedSlot>()
  private readonly checkedIds = new Map<number, readonly Hash[]>()
  private newest: DecodedExtent | undefined
  #spill: ExtentSpill | undefined

  constructor(
    private readonly maxBytes: number,
    private readonly load: (eid: number) => Promise<DecodedExtent | undefined>,
  ) {
    this.decoded = new AdaptiveCache(maxBytes, { onEvict: (_eid, extent) => this.forget(extent) })
  }

  /** What was loaded is kept there too, as long as it is set. Memory has less of it then: to read it again costs a copy. */
  set spill(spill: ExtentSpill | undefined) {
    this.#spill = spill
    this.wait(0)
  }

  private get roomBytes(): number {
    return this.#spill ? this.maxBytes * SPILLED_PART : this.maxBytes
  }

  get stats(): CacheStats {
    const stats = this.decoded.stats
    const beside = this.waitingBytes + (this.oversized?.raw.length ?? 0)
    const count = this.waiting.size + (this.oversized ? 1 : 0)
    return { ...stats, entries: stats.entries + count, bytes: stats.bytes + beside }
  }

  /** To read from it now. `undefined` when the extent is not visible (any more). */
  get(eid: number): Promise<DecodedExtent | undefined> {
    const held = this.held(eid)
    if (held) {
      this.touch(held)
      return Promise.resolve(held)
    }
    return this.loadOnce(eid).then((extent) => {
      if (extent) this.touch(extent)
      return extent
    })
  }

  /** To read from it soon. Fails as loading does, and so does the read. */
  async loadAhead(eid: number): Promise<void> {
    if (!this.held(eid)) await this.loadOnce(eid)
  }

  /** Made here, and likely to be asked for: it takes the room of one that was used once. */
  add(extent: DecodedExtent): void {
    if (!this.held(extent.eid)) this.decoded.set(extent.eid, extent, extent.raw.length + ENTRY_BYTES)
  }

  /** Read from, just now. */
  touch(extent: DecodedExtent): void {
    if (this.newest === extent) return
    const before = this.newest
    this.newest = extent
    if (before && this.isWaiting(before)) this.use(before)
    if (!this.isWaiting(extent)) this.decoded.get(extent.eid)
  }

  private isWaiting(extent: DecodedExtent): boolean {
    return this.waiting.get(extent.eid)?.extent === extent
  }

  /** The first use of what was loaded is over. */
  private use(extent: DecodedExtent): void {
    const { eid, raw } = extent
    this.stopWaiting(extent)
    for (const next of this.waiting.values()) {
      if (this.waitingBytes + raw.length <= this.roomBytes) break
      this.forget(next.extent)
    }
    this.decoded.set(eid, extent, Math.max(1, raw.length))
  }

  private loadOnce(eid: number): Promise<DecodedExtent | undefined> {
    return this.loading.get(eid) ?? this.start(eid)
  }

  private start(eid: number): Promise<DecodedExtent | undefined> {
    const spilled = this.#spill?.get(eid)
    const started = (spilled ? Promise.resolve(spilled) : this.load(eid)).then(
      (extent) => {
        this.loading.delete(eid)
        if (extent) this.#spill?.put(extent)
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
    if (this.held(extent.eid) !== extent) return
    this.checkedIds.set(extent.eid, ids)
    for (const [slot, id] of ids.entries()) this.checked.set(id, { extent, slot })
  }

  has(eid: number): boolean {
    return this.held(eid) !== undefined || this.loading.has(eid)
  }

  drop(eid: number): void {
    this.#spill?.drop(eid)
    this.dropHeld(eid)
  }

  private dropHeld(eid: number): void {
    const held = this.held(eid)
    if (!held) return
    this.forget(held)
    this.decoded.delete(eid)
  }

  private held(eid: number): DecodedExtent | undefined {
    if (this.oversized?.eid === eid) return this.oversized
    return this.decoded.peek(eid) ?? this.waiting.get(eid)?.extent
  }

  /** Loaded: it waits for its first use. */
  private keep(extent: DecodedExtent): void {
    const { eid, raw } = extent
    this.dropHeld(eid)
    this.decoded.countMiss(raw.length)
    if (raw.length > this.roomBytes) {
      if (this.oversized) this.forget(this.oversized)
      this.oversized = extent
      return
    }
    const since = ++this.loaded
    for (const first of this.waiting.values()) {
      const fits = this.waitingBytes + raw.length <= this.roomBytes
      const isRead = first.extent === this.newest
      // The reader of another may have gone.
      const isLong = this.waitingBytes > this.roomBytes * WAITING_PART || first.since + WAITING_LOADS <= since
      if (!fits || (isLong && !isRead)) this.use(first.extent)
    }
    this.waiting.set(eid, { extent, since })
    this.wait(raw.length)
  }

  private stopWaiting(extent: DecodedExtent): void {
    if (!this.isWaiting(extent)) return
    this.waiting.delete(extent.eid)
    this.wait(-extent.raw.length)
  }

  private wait(bytes: number): void {
    this.waitingBytes += bytes
    this.decoded.reserve(this.maxBytes - this.roomBytes + this.waitingBytes)
  }

  /** All that is known of one that goes. */
  private forget(extent: DecodedExtent): void {
    const { eid } = extent
    if (this.newest === extent) this.newest = undefined
    if (this.oversized === extent) this.oversized = undefined
    this.stopWaiting(extent)
    for (const id of this.checkedIds.get(eid) ?? []) {
      if (this.checked.get(id)?.extent === extent) this.checked.delete(id)
    }
    this.checkedIds.delete(eid)
  }
}

/** Where each slot begins, and the last one ends. */
export function offsetsOf(slots: readonly Slot[]): { readonly offsets: readonly number[]; readonly end: number } {
  const offsets: number[] = []
  let end = 0
  for (const { length } of slots) {
    offsets.push(end)
    end += length
  }
  return { offsets, end }
}
