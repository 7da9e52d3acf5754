/**
 * Writing chunks and objects, and publishing them.
 *
 * Model: `put` gathers. Up to `INLINE_BYTES` into a store of one file nothing is looked up before `publish`: then one
 * transaction looks up, writes and publishes, and the write lock is the lease. Anything larger, and every group of
 * several volumes, takes a lease first, looks up in batches, compresses on the thread pool, brings payload to the
 * volumes meanwhile (`Staging`), and publishes every `BATCH_BYTES` so that memory is bounded; refs move with the last batch.
 *
 * Guarantees: nothing is visible before its payload is durable (rule 1); publishing needs the writer's own lease row
 * (rule 2); dedup hits are checked again inside the publishing transaction while their bytes are still at hand:
 * absent ones are stored, condemned ones revived (rule 3). After a failure nothing is half visible.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import { KIB, MIB } from '../base/units.js'
import { type Checksum, theChecksum } from '../codec/checksum.js'
import { freeCollected } from '../codec/unseenMemory.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import type { StoreProfile } from '../format/profile.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { UsedBy } from '../volume/extentUses.js'
import { Lease } from '../volume/lease.js'
import { EXTENT_CLASS, type NewExtent } from '../volume/physicalVolume.js'
import type { Placement } from '../volume/placement.js'
import type { PlacedExtent } from '../volume/publishStaged.js'
import { writeRefs } from '../volume/writeRefs.js'
import { BasedCompression, type BasedCompressionOptions, type ChosenBases } from './basedCompression.js'
import type { ChunkStore } from './chunkStore.js'
import { isAnyCondemned, revive } from './condemned.js'
import { ExtentBuilder, type FullExtent, finishExtent, type Numbers } from './extentBuilder.js'
import { KnownHits } from './knownHits.js'
import { makeReachable, type Reach } from './makeReachable.js'
import type { BaseCandidates, Item, ObjectWriter } from './objects.js'
import { Slabs } from './slabs.js'
import { Staging } from './staging.js'
import { WriteCounts, type WriteStats } from './writeCounts.js'
import { WriterUses } from './writerUses.js'

/** Up to this much is written in one transaction without a lease, where the group is one file. */
const INLINE_BYTES = MIB
/** Raw bytes, known and new, after which a batch is published. */
const BATCH_BYTES = 32 * MIB
/** Items looked up together. */
const LOOKUP_ITEMS = 512
const LOOKUP_BYTES = MIB
/** Frames being compressed at once: enough for the thread pool of a small machine. */
const MAX_COMPRESSING = 3

/** What publishing does to refs, and what that makes reachable (safety rule 4). */
export interface Move<T> {
  /** Moves the refs; synchronous, inside the publishing transaction. */
  apply(tx: CatalogTransaction): T
  /** Everything below the new root. Walked only when gc condemned something while this writer was at work. */
  readonly reach: Reach
  /**
   * What the new root takes over from elsewhere without having `put` it, other than from the refs' old targets.
   * Walked when gc was ever at work.
   */
  readonly adopted?: Reach | undefined
}

export interface WriterOptions extends BasedCompressionOptions {
  readonly signal?: AbortSignal | undefined
  /** Numbers of the logical volumes that are written for, as they are now. Default: the one that every group has. */
  readonly usedBy?: (() => UsedBy) | undefined
}

export class StoreWriter implements ObjectWriter {
  /** Everything of the current batch, for reading one's own writes and for bytes still at hand. */
  private batch = new Map<Hash, Item>()
  private batchBytes = 0
  private pending: Item[] = []
  private pendingBytes = 0
  private lease: Lease | undefined
  private placement: Placement | undefined
  /** The layout by which it places. */
  private placedBy: VolumeGroupLayout | undefined
  private readonly spareExtents: Buffer[] = []
  private readonly slabs = new Slabs(256 * KIB)
  private readonly data: ExtentBuilder
  private readonly object: ExtentBuilder
  private readonly compressor: BasedCompression
  private readonly uses: WriterUses
  private readonly hits: KnownHits
  private compressing: Promise<void>[] = []
  /** On their way to volumes, not yet named by the catalog: a publish that failed may be tried again. */
  private readonly staging: Staging
  private failure: unknown
  private closed = false
  /** Whether a call may still be looking at memory of `slabs`: then that is not given to others. */
  private hasLooked = false
  private isPublishing = false
  /** Given up, perhaps not wholly. */
  private given = false
  private readonly counts = new WriteCounts()

  constructor(
    private readonly store: ChunkStore,
    private readonly options: WriterOptions,
  ) {
    const { peSize } = store.profile
    this.data = new ExtentBuilder(EXTENT_CLASS.data, peSize, this.spareExtents)
    this.object = new ExtentBuilder(EXTENT_CLASS.object, peSize, this.spareExtents)
    this.uses = new WriterUses(store.group, store.bounds, options.usedBy)
    this.hits = new KnownHits(this.uses)
    this.compressor = new BasedCompression(store, options, this.uses)
    this.staging = new Staging(store.group)
  }

  get profile(): StoreProfile {
    return this.store.profile
  }

  get stats(): WriteStats {
    return this.counts.stats
  }

  async get(kind: Kind, id: Hash): Promise<Buffer> {
    const own = this.batch.get(id)
    // A copy: the memory is used again once the batch is published.
    return own?.kind === kind ? Buffer.from(own.bytes) : this.store.get(kind, id)
  }

  async *getMany(
    kind: Kind,
    batches: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>,
  ): AsyncIterable<readonly Buffer[]> {
    for await (const ids of batches) for (const id of ids) yield [await this.get(kind, id)]
  }

  readAhead(kind: Kind, ids: readonly Hash[]): void {
    this.store.readAhead(
      kind,
      ids.filter((id) => !this.batch.has(id)),
    )
  }

  /** @throws {VarveError} `CANCELLED`, `VG_FULL`, `STORAGE_FULL`, `STORAGE_IO`, `LEASE_LOST` */
  async put(kind: Kind, bytes: Uint8Array, bases?: BaseCandidates): Promise<Hash> {
    this.requireOpen()
    const id = this.store.hasher.id(kind, bytes)
    if (this.batch.has(id)) this.counts.known(kind, bytes.length)
    else await this.add({ kind, id, bytes: this.slabs.copy(bytes), bases })
    return id
  }

  /** As `put`, of what another writer of this store put; its memory must stay as it is. @throws as `put` */
  async putItem(item: Item): Promise<void> {
    this.requireOpen()
    if (!this.batch.has(item.id)) await this.add(item)
  }

  /** All that was put, unless some of it was looked up or written already. The memory is this writer's. */
  get untouched(): readonly Item[] | undefined {
    return this.lease || this.closed ? undefined : this.pending
  }

  private async add(item: Item): Promise<void> {
    this.batch.set(item.id, item)
    this.batchBytes += item.bytes.length
    this.pending.push(item)
    this.pendingBytes += item.bytes.length
    if (this.fitsInline() || (this.pending.length < LOOKUP_ITEMS && this.pendingBytes < LOOKUP_BYTES)) return
    await this.resolvePending()
    if (this.batchBytes >= BATCH_BYTES) await this.publishBatch(undefined)
  }

  /**
   * Makes everything put so far visible and runs `apply`, which moves refs, in the same transaction. Durable when
   * resolved. The writer is done after this.
   * @throws {VarveError} `LEASE_LOST`, `VG_FULL`, `STORAGE_FULL`, `STORAGE_IO`, `STORE_LOCKED`, what `apply` throws
   */
  async publish<T>(move: Move<T>): Promise<T> {
    this.requireOpen()
    this.isPublishing = true
    const checksum = await theChecksum()
    const inline = this.fitsInline() && !(move.adopted && this.store.group.catalog.counter('gc_epoch') !== 0)
    const chosen = inline ? await this.compressor.choose(this.pending) : undefined
    const atOnce = chosen && this.publishInline(move.apply, checksum, chosen)
    const result = atOnce ?? (await this.publishBatch(move))
    this.closed = true
    for (const { kind, id, bytes } of this.batch.values()) {
      // The parent's nodes are what the next commit reads first.
      if (kind !== KIND.chunk) this.store.objects.set(kind, id, Buffer.from(bytes))
    }
    this.batch.clear()
    if (atOnce && !this.hasLooked) this.slabs.release()
    await freeCollected()
    return (result as { value: T }).value
  }

  /** Gives up: nothing of the current batch becomes visible. Does nothing after `publish`. */
  async abandon(): Promise<void> {
    if (this.closed) return
    this.given = true
    this.staging.close()
    await Promise.allSettled(this.compressing)
    await this.staging.abandon()
    const { lease } = this
    if (lease) this.store.group.catalog.write((tx) => lease.release(tx))
    // Last: what failed on the way is done by the next call.
    this.closed = true
  }

  /** As `abandon`, once somebody has copies of all that is `untouched`: its memory is used again. */
  async handOver(): Promise<void> {
    const isUntouched = this.untouched !== undefined && !this.hasLooked && !this.isPublishing
    await this.abandon()
    if (!isUntouched) return
    this.batch.clear()
    this.pending = []
    this.slabs.release()
  }

  private fitsInline(): boolean {
    return !this.lease && this.store.group.isOneFile && this.batchBytes <= INLINE_BYTES
  }

  private requireOpen(): void {
    if (this.failure) throw this.failure
    throwIfCancelled(this.options.signal)
    if (this.closed || this.given)
      throw new VarveError('INVALID_ARGUMENT', 'this writer has published or given up already')
  }

  // ---- the leased way ----

  private async resolvePending(): Promise<void> {
    this.hasLooked = true
    const { group } = this.store
    if (!this.lease) {
      await group.sweep()
      await group.refresh()
      this.lease = Lease.take(group.catalog, 'writer', this.store.clock)
    }
    this.hits.begin(() => group.catalog.counter('gc_epoch'))
    const items = this.pending
    const found = await this.uses.find(items.map(({ id }) => id))
    // Only now: a lookup that fails is done again by the next try.
    this.pending = []
    this.pendingBytes = 0
    for (const item of items) {
      const location = found.get(item.id)
      if (location) {
        this.hits.add(item.id, location.eid)
        this.counts.known(item.kind, item.bytes.length)
      } else {
        this.counts.new(item)
        await this.addToExtent(item)
      }
    }
  }

  private async addToExtent(item: Item): Promise<void> {
    const builder = item.kind === KIND.chunk ? this.data : this.object
    const bases = this.compressor.isWorthTrying(builder.extentClass) ? item.bases : undefined
    const full = builder.add(item.kind, item.id, item.bytes, bases)
    if (full) await this.startCompressing(full)
  }

  private async startCompressing(full: FullExtent): Promise<void> {
    while (this.compressing.length >= MAX_COMPRESSING) await this.compressing[0]
    if (this.failure) throw this.failure
    const work = this.compressAndPlace(full).then(
      () => undefined,
      (error: unknown) => {
        this.failure ??= error
      },
    )
    const running = work.then(() => {
      this.compressing = this.compressing.filter((other) => other !== running)
    })
    this.compressing.push(running)
  }

  private async compressAndPlace(full: FullExtent): Promise<void> {
    const { group } = this.store
    if (this.placedBy !== group.layout) this.placement = undefined
    this.placedBy = group.layout
    this.placement ??= group.placement(this.uses.usedBy)
    const { frame, bases } = await this.compressor.later(full)
    const extent = finishExtent(full, frame, this.lease as Numbers, await theChecksum(), bases)
    const [first] = extent.bases
    const pvs = this.placement.place(extent.class, extent.frame.length, first && group.catalog.copies(first.eid))
    this.staging.add({ extent: ownFrame(extent, full.raw), pvs, usedBy: this.uses.usedBy })
    this.counts.stored(extent.frame.length)
    if (full.raw.buffer.byteLength === this.store.profile.peSize) {
      this.spareExtents.push(Buffer.from(full.raw.buffer))
    }
  }

  private async publishBatch<T>(move: Move<T> | undefined): Promise<{ value: T } | undefined> {
    if (this.pending.length > 0 || !this.lease) await this.resolvePending()
    const lease = this.lease as Lease
    const { group } = this.store
    for (;;) {
      await this.closeExtents()
      await this.staging.finish()
      const epoch = group.catalog.counter('gc_epoch')
      const reachAt = (now: number): Reach | undefined =>
        move && now !== 0 ? (now === lease.gcEpoch ? move.adopted : move.reach) : undefined
      const walks = reachAt(epoch) !== undefined
      // Nothing points at a batch before the ref moves, which syncs all that was written before. Volumes with files of
      // their own must not come to know more publishes than the catalog: with them, every one is synced.
      const isOrdered = move === undefined && group.isOneFile
      const attempt = (tx: CatalogTransaction): { again: Hash[] } | { value: T | undefined } => {
        lease.require(tx)
        this.uses.requireSame()
        if (tx.counter('gc_epoch') !== epoch) return { again: [] }
        if (group.hasOldLayout || this.hasLost()) return { again: [] }
        const absent = this.hits.recheck(tx)
        if (absent.length > 0) return { again: absent }
        this.staging.publish()
        this.uses.requireSpace()
        // A walk over the new root needs its objects visible: they are, without a ref, under the lease that keeps them.
        return { value: move && !walks ? this.finish(tx, lease, move) : undefined }
      }
      const outcome = isOrdered ? group.catalog.write(attempt, 'ordered') : writeRefs(group, attempt)
      if ('again' in outcome) {
        await group.refresh()
        for (const id of outcome.again) await this.storeAgain(id)
        if (this.hasLost()) await this.compressAgain()
        continue
      }
      this.staging.published()
      const value =
        move && walks
          ? await makeReachable(
              this.store,
              reachAt,
              (tx) => this.finish(tx, lease, move),
              (body) => writeRefs(group, body),
            )
          : outcome.value
      this.endBatch(move !== undefined)
      return { value: value as T }
    }
  }

  private finish<T>(tx: CatalogTransaction, lease: Lease, move: Move<T>): T {
    lease.require(tx)
    this.uses.requireSame()
    const value = move.apply(tx)
    lease.release(tx)
    return value
  }

  /** A known chunk that gc took meanwhile. Its bytes are still at hand: it is stored like a new one. */
  private async storeAgain(id: Hash): Promise<void> {
    const item = this.batch.get(id)
    if (item) await this.addToExtent(item)
    this.hits.delete(id)
  }

  /** Also what is compressed against something that does not lie where it is asked for any more. */
  private lost(): readonly PlacedExtent[] {
    const { catalog } = this.store.group
    return this.staging.lost((eid) => catalog.isVisible(eid) && this.uses.serves(eid))
  }

  private hasLost(): boolean {
    return this.lost().length > 0
  }

  /** What is lost is stored once more, from the bytes at hand. */
  private async compressAgain(): Promise<void> {
    const lost = this.lost()
    await this.staging.drop(lost)
    for (const { extent } of lost) for (const id of extent.hashes) await this.storeAgain(id)
  }

  private async closeExtents(): Promise<void> {
    for (const builder of [this.data, this.object]) {
      const full = builder.take()
      if (full) await this.startCompressing(full)
    }
    await Promise.all(this.compressing)
    if (this.failure) throw this.failure
  }

  private endBatch(last: boolean): void {
    this.hits.clear()
    if (last) return
    for (const { kind, id, bytes } of this.batch.values()) {
      if (kind !== KIND.chunk) this.store.objects.set(kind, id, Buffer.from(bytes))
    }
    this.batch.clear()
    this.batchBytes = 0
    this.slabs.reset()
  }

  // ---- the inline way: one transaction, whose write lock is the lease ----

  /** `undefined` when the group is not what it was: then nothing was done. */
  private publishInline<T>(
    apply: (tx: CatalogTransaction) => T,
    checksum: Checksum,
    chosen: ChosenBases,
  ): { value: T } | undefined {
    const { group } = this.store
    // A publish that failed may be tried again, and counts once.
    const counts = this.counts.stats
    let written: { readonly extent: NewExtent; readonly raw: Buffer }[] = []
    let epoch = 0
    const attempt = (tx: CatalogTransaction): { value: T } | undefined => {
      written = []
      if (!group.isOneFile || group.hasOldLayout) return undefined
      epoch = tx.counter('gc_epoch')
      const numbers: Numbers = {
        takeEid: () => tx.advance('next_eid', 1),
        takeChunkId: () => nextChunkId++,
      }
      let nextChunkId = tx.counter('next_chunk_id')
      const firstChunkId = nextChunkId
      const finish = (full: FullExtent | undefined): void => {
        if (!full) return
        const { frame, bases } = this.compressor.now(full, chosen)
        const extent = ownFrame(finishExtent(full, frame, numbers, checksum, bases), full.raw)
        written.push({ extent, raw: full.raw })
        this.counts.stored(frame.frame.length)
      }
      // Of this attempt alone: one that failed must not leave half an extent to the next.
      const data = new ExtentBuilder(EXTENT_CLASS.data, this.profile.peSize, [])
      const object = new ExtentBuilder(EXTENT_CLASS.object, this.profile.peSize, [])
      const anyCondemned = isAnyCondemned(tx)
      for (const item of this.pending) {
        const known = group.home.lookupNow(item.id).find(({ eid }) => this.uses.serves(eid))
        if (known) {
          this.uses.use([known.eid])
          if (anyCondemned) revive(tx, [item.id])
          this.counts.known(item.kind, item.bytes.length)
          continue
        }
        this.counts.new(item)
        const builder = item.kind === KIND.chunk ? data : object
        finish(builder.add(item.kind, item.id, item.bytes))
      }
      finish(data.take())
      finish(object.take())
      tx.advance('next_chunk_id', nextChunkId - firstChunkId)
      // There is one volume only, but it may be full, or closed to new extents.
      const { usedBy } = this.uses
      const placement = group.placement(usedBy)
      for (const { extent } of written) placement.place(extent.class, extent.frame.length)
      if (written.length > 0)
        group.publishNow(
          written.map(({ extent }) => extent),
          usedBy,
        )
      this.uses.requireSpace()
      this.uses.requireSame()
      return { value: apply(tx) }
    }
    try {
      const result = writeRefs(group, attempt)
      for (const { extent, raw } of written) this.store.keepWritten(extent, raw, epoch)
      return result
    } catch (error) {
      this.counts.restore(counts)
      throw error
    }
  }
}

/** A frame stored as it is would be a view of the raw buffer, which is used again. */
function ownFrame(extent: NewExtent, raw: Buffer): NewExtent {
  return extent.frame.buffer === raw.buffer ? { ...extent, frame: Buffer.from(extent.frame) } : extent
}
