/**
 * Chunks written into new extents: the writing half of whatever moves them (rewrite.ts, pack.ts).
 *
 * They are gathered in the order in which they come, compressed against what they should be compressed against, decoded again and
 * compared, and brought to their volumes. What is new may have bases among what came before it, but none among the extents that
 * are about to go. Chunks keep their numbers.
 */
import { CorruptionError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { asBases, type BasePlace, type BaseSource, type ChosenSlot, chooseBases } from '../cas/baseChoice.js'
import type { BaseBounds } from '../cas/bases.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { ExtentBuilder, type FullExtent, finishExtent, highestOf } from '../cas/extentBuilder.js'
import type { DecodedExtent } from '../cas/extentCache.js'
import { theChecksum } from '../codec/checksum.js'
import { type Compression, decodeFrame, encodeFrameAsync, type Frame } from '../codec/compressor.js'
import type { Kind } from '../format/kinds.js'
import type { Lease } from '../volume/lease.js'
import type { ExtentClass } from '../volume/physicalVolume.js'
import type { PlacedExtent } from '../volume/volumeGroup.js'

export interface ChunkNumber {
  chunkId: number
}

export interface CopiedChunk {
  readonly id: Hash
  readonly kind: Kind
  readonly class: ExtentClass
  readonly bytes: Buffer
  readonly number: ChunkNumber
  /** What it may be compressed against. */
  readonly bases: readonly Hash[]
}

export interface CopyMeans {
  /** A writer's, for numbers, and so that nobody takes what is not visible yet for an orphan. */
  readonly lease: Lease
  readonly compression: Compression
  /** Of what has bases. Default: the same. */
  readonly basedCompression?: Compression | undefined
  /** Extents that are to go: nothing new decodes through them. */
  readonly going: ReadonlySet<number>
  /** Raw bytes of an extent with bases. Default: as writers make them. */
  readonly basedBytes?: number | undefined
  /** Raw bytes that one may be decoded through. Default: as many as readers take. */
  readonly decodedBytes?: number | undefined
}

/** Frames being compressed at once: enough for the thread pool of a small machine. */
const COMPRESSING = 2

interface Numbered {
  readonly full: FullExtent
  readonly eid: number
  readonly places: readonly BasePlace[]
}

export class ChunkCopies implements BaseSource {
  readonly #store: ChunkStore
  readonly #means: CopyMeans
  /** Extents of this batch, which nobody can see yet. */
  readonly #fresh = new Map<number, DecodedExtent>()
  readonly #places = new Map<Hash, ChosenSlot>()

  constructor(store: ChunkStore, means: CopyMeans) {
    this.#store = store
    this.#means = means
  }

  /**
   * One class after the other, each in the order in which its chunks come. Not visible yet.
   * @throws {CorruptionError} `CORRUPT_EXTENT` when a frame does not decode to what was compressed
   * @throws {VarveError} `VG_FULL`, `LEASE_LOST`
   */
  async place(chunks: Iterable<CopiedChunk>): Promise<PlacedExtent[]> {
    const placement = this.#store.group.placement()
    const chunkIds = new Map<Hash, ChunkNumber>()
    const numbered: Numbered[] = []
    const builders = new Map<ExtentClass, ExtentBuilder>()
    for (const { id, kind, class: extentClass, bytes, number, bases } of chunks) {
      chunkIds.set(id, number)
      const builder = builders.get(extentClass) ?? this.#builder(extentClass)
      builders.set(extentClass, builder)
      const full = builder.add(kind, id, bytes, bases.length > 0 ? () => bases : undefined)
      if (full) numbered.push(await this.#number(full, placement.copies))
    }
    for (const builder of builders.values()) {
      const full = builder.take()
      if (full) numbered.push(await this.#number(full, placement.copies))
    }
    const placed: PlacedExtent[] = []
    const frames = ahead(numbered, COMPRESSING, (each) => this.#compressed(each))
    for (const [index, { full, eid, places }] of numbered.entries()) {
      const frame = (await frames(index)) as Frame
      let slot = 0
      const takeChunkId = () => (chunkIds.get(full.items[slot++]?.id as Hash) as ChunkNumber).chunkId
      const numbers = { takeEid: () => eid, takeChunkId }
      const extent = finishExtent(full, frame, numbers, await theChecksum(), asBases(places))
      const [base] = extent.bases
      const beside = base && this.#store.group.catalog.copies(base.eid)
      placed.push({ extent, pvs: placement.place(extent.frame.length, beside) })
    }
    return placed
  }

  /** What was placed is visible now, or never will be. */
  forget(): void {
    this.#fresh.clear()
    this.#places.clear()
  }

  #builder(extentClass: ExtentClass): ExtentBuilder {
    return new ExtentBuilder(extentClass, this.#store.profile.peSize, [], this.#means.basedBytes)
  }

  async #number(full: FullExtent, copies: number): Promise<Numbered> {
    const isPlain = this.#means.compression.codec === 'none'
    const places = isPlain ? [] : (await chooseBases(this, full.items, copies, this.#means.decodedBytes)).flat()
    const bases = asBases(places)
    const eid = this.#means.lease.takeEid(highestOf(bases))
    const offsets: number[] = []
    let end = 0
    const slots = full.items.map(({ kind, length }) => {
      offsets.push(end)
      end += length
      return { kind, length, chunkId: 0 }
    })
    this.#fresh.set(eid, { eid, raw: full.raw, slots, offsets, reads: 0 })
    for (const [slot, { id, length }] of full.items.entries()) this.#places.set(id, { eid, slot, length })
    this.bounds.learn(eid, { rawBytes: full.raw.length, storedBytes: full.raw.length, bases })
    return { full, eid, places }
  }

  async #compressed({ full, eid, places }: Numbered): Promise<Frame> {
    const dictionary = places.length === 0 ? undefined : Buffer.concat(places.map(({ bytes }) => bytes))
    const { compression, basedCompression = compression } = this.#means
    const frame = await encodeFrameAsync(full.raw, dictionary ? basedCompression : compression, dictionary)
    if (decodeFrame(frame.codec, frame.frame, full.raw.length, dictionary).equals(full.raw)) return frame
    const message = 'what was compressed did not come back as it was; nothing was changed'
    const hint = 'The memory or the processor of this machine may be faulty.'
    throw new CorruptionError('CORRUPT_EXTENT', message, { extent: eid, hint })
  }

  // ---- where bases are looked for ----

  get bounds(): BaseBounds {
    return this.#store.bounds
  }

  async findBases(ids: readonly Hash[]): Promise<ReadonlyMap<Hash, ChosenSlot>> {
    const found = new Map<Hash, ChosenSlot>()
    const unknown: Hash[] = []
    for (const id of ids) {
      const place = this.#places.get(id)
      if (place) found.set(id, place)
      else unknown.push(id)
    }
    for (const location of await this.#store.group.lookup(unknown)) {
      if (!this.#means.going.has(location.eid)) found.set(location.hash, location)
    }
    return found
  }

  async decoded(eid: number): Promise<DecodedExtent | undefined> {
    return this.#fresh.get(eid) ?? this.#store.decoded(eid)
  }

  async slotLengths(eid: number): Promise<readonly number[] | undefined> {
    return this.#fresh.get(eid)?.slots.map(({ length }) => length) ?? this.#store.slotLengths(eid)
  }

  copiesOf(eid: number): number {
    // Of what is placed together: as many as what decodes through it.
    return this.#fresh.has(eid) ? Number.MAX_SAFE_INTEGER : this.#store.copiesOf(eid)
  }
}

/** Starts some tasks before their results are asked for, in order. */
function ahead<In, Out>(items: readonly In[], count: number, task: (item: In) => Promise<Out>) {
  const started: Promise<Out>[] = []
  return (index: number): Promise<Out> | undefined => {
    for (const item of items.slice(started.length, index + count)) {
      const running = task(item)
      // Said where it is awaited; until then it is not unheard of.
      running.catch(() => undefined)
      started.push(running)
    }
    return started[index]
  }
}
