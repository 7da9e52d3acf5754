/**
 * Chunks written into new extents: the writing half of whatever moves them (rewrite.ts, pack.ts).
 *
 * They are gathered in the order in which they come, compressed against what they should be compressed against, decoded again and
 * compared, and brought to their volumes. What is new may have bases among what came before it, but none among the extents that
 * are about to go. Chunks keep their numbers. An extent of which nothing goes, and nothing that it is compressed against, keeps its
 * frame: it is another extent by its number alone.
 */
import { CorruptionError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { DECODED_BYTES_MAX } from '../base/limits.js'
import { asBases, type BasePlace, type BaseSource, type ChosenSlot, chooseBases, depthMax } from '../cas/baseChoice.js'
import { type BaseBounds, decodedBytes } from '../cas/bases.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { DecodedExtent } from '../cas/decodedExtent.js'
import { ExtentBuilder, type FullExtent, finishExtent, highestOf } from '../cas/extentBuilder.js'
import { WriterUses } from '../cas/writerUses.js'
import { theChecksum } from '../codec/checksum.js'
import { type Compression, decodeFrameAsync, encodeFrameAsync, type Frame } from '../codec/compressor.js'
import type { Kind } from '../format/kinds.js'
import type { ExtentBase } from '../format/slots.js'
import type { UsedBy } from '../volume/extentUses.js'
import type { Lease } from '../volume/lease.js'
import type { ExtentClass, NewExtent, StoredExtent } from '../volume/physicalVolume.js'
import type { Placement } from '../volume/placement.js'
import type { PlacedExtent } from '../volume/publishStaged.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { SourceTiers } from './sourceTiers.js'

export interface ChunkNumber {
  chunkId: number
}

export interface CopiedChunk {
  /** The extent that it was in. */
  readonly from: number
  readonly id: Hash
  readonly kind: Kind
  readonly class: ExtentClass
  readonly bytes: Buffer
  readonly number: ChunkNumber
  /** What it may be compressed against. */
  readonly bases: readonly Hash[]
  /** Logical volumes that use it. */
  readonly usedBy: UsedBy
}

export interface CopyMeans {
  /** A writer's, for numbers, and so that nobody takes what is not visible yet for an orphan. */
  readonly lease: Lease
  readonly compression: Compression
  /** Of what has no bases. Default: the same. */
  readonly compressionAlone?: Compression | undefined
  /** Extents that are to go: nothing new decodes through them. */
  readonly going: ReadonlySet<number>
  /** Raw bytes of an extent with bases. Default: as writers make them. */
  readonly basedBytes?: number | undefined
  /** Raw bytes that one may be decoded through. Default: as many as readers take. */
  readonly decodedBytes?: number | undefined
}

/** Frames being compressed at once: enough for the thread pool of a small machine. */
const COMPRESSING = 2

/** A slot of a dictionary, where it was, and what it holds. */
export interface DictionarySlot {
  readonly eid: number
  readonly slot: number
  readonly id: Hash
}

/** An extent whose frame stays as it is: all that it is compressed against is kept, somewhere. */
export interface MovedExtent {
  readonly eid: number
  readonly extent: StoredExtent
  /** By id, in the order of its slots. */
  readonly numbers: ReadonlyMap<Hash, ChunkNumber>
  readonly dictionary: readonly DictionarySlot[]
  readonly usedBy: UsedBy
  /** What is in it, for where it must be compressed anew after all. */
  chunks(): Promise<readonly CopiedChunk[]>
}

interface Numbered {
  readonly full: FullExtent
  readonly usedBy: UsedBy
  readonly eid: number
  readonly places: readonly BasePlace[]
}

interface Renumbered {
  readonly moved: MovedExtent
  readonly eid: number
  readonly bases: readonly ExtentBase[]
}

export class ChunkCopies implements BaseSource {
  readonly #store: ChunkStore
  readonly #means: CopyMeans
  /** Memory of extents that are written: used again, since fresh pages are slow. */
  readonly #spare: Buffer[] = []
  /** Extents of this batch, which nobody can see yet. */
  readonly #fresh = new Map<number, DecodedExtent>()
  readonly #places = new Map<Hash, ChosenSlot>()
  /** Of extents that were moved: the new number of each, and of this batch the old one of each. */
  readonly #movedTo = new Map<number, number>()
  readonly #movedFrom = new Map<number, MovedExtent>()
  /** Of extents of this batch. */
  readonly #usedBy = new Map<number, UsedBy>()

  constructor(store: ChunkStore, means: CopyMeans) {
    this.#store = store
    this.#means = means
  }

  /**
   * One class after the other, each in the order in which its chunks come. Not visible yet.
   * @throws {CorruptionError} `CORRUPT_EXTENT` when a frame does not decode to what was compressed
   * @throws {VarveError} `VG_FULL`, `LEASE_LOST`
   */
  async place(coming: Iterable<CopiedChunk | MovedExtent>): Promise<PlacedExtent[]> {
    const placements = new Placements(this.#store.group)
    const sources = new SourceTiers(this.#store.group)
    const gathering = new Gathering((extentClass) => this.#builder(extentClass))
    const numbered: (Numbered | Renumbered)[] = []
    const number = async (gathered: Gathered | undefined): Promise<void> => {
      if (gathered) numbered.push(await this.#number(gathered))
    }
    for (const each of movedLast(coming)) {
      if ('id' in each) {
        sources.note(each.id, each.from)
        await number(gathering.add(each))
        continue
      }
      // It can be compressed against nothing that has no number yet.
      if (each.dictionary.some(({ id }) => gathering.has(id))) {
        for (const gathered of gathering.takeAll()) await number(gathered)
      }
      const moved = await this.#move(each)
      if (moved) numbered.push(moved)
      else
        for (const chunk of await each.chunks()) {
          sources.note(chunk.id, chunk.from)
          await number(gathering.add(chunk))
        }
    }
    for (const gathered of gathering.takeAll()) await number(gathered)
    const placed: PlacedExtent[] = []
    const frames = ahead(numbered, COMPRESSING, async (each) => ('full' in each ? this.#compressed(each) : undefined))
    for (const [index, each] of numbered.entries()) {
      const frame = await frames(index)
      const extent = 'full' in each ? await finished(each, frame as Frame, gathering) : renumbered(each)
      // What does not shrink lies as it is, and is decoded through nothing.
      this.bounds.learn(extent.eid, { ...extent, storedBytes: extent.frame.length })
      const [base] = extent.bases
      const beside = base && this.#store.group.catalog.copies(base.eid)
      const { usedBy } = 'full' in each ? each : each.moved
      const tier = 'full' in each ? sources.of(each.full.items) : sources.ofExtent(each.moved.eid)
      const pvs = placements.for(usedBy).place(extent.class, extent.frame.length, beside, tier)
      placed.push({ extent, pvs, usedBy })
    }
    return placed
  }

  /** What was placed is visible now, or never will be. */
  forget(): void {
    for (const { raw } of this.#fresh.values()) {
      if (raw.buffer.byteLength === this.#store.profile.peSize) this.#spare.push(Buffer.from(raw.buffer))
    }
    this.#fresh.clear()
    this.#places.clear()
    this.#movedFrom.clear()
    this.#usedBy.clear()
  }

  #builder(extentClass: ExtentClass): ExtentBuilder {
    return new ExtentBuilder(extentClass, this.#store.profile.peSize, this.#spare, this.#means.basedBytes)
  }

  async #number({ full, usedBy }: Gathered): Promise<Numbered> {
    const isPlain = this.#means.compression.codec === 'none'
    const isSafe = this.#isSafe(full.class, usedBy)
    const places = isPlain ? [] : (await chooseBases(this, full.items, isSafe, this.#means.decodedBytes)).flat()
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
    this.#usedBy.set(eid, usedBy)
    return { full, usedBy, eid, places }
  }

  /** @returns `undefined` where it must be compressed anew: it would be decoded through too much, or be safer than its bases */
  async #move(moved: MovedExtent): Promise<Renumbered | undefined> {
    const { eid: old, extent, dictionary, usedBy } = moved
    const isSafe = this.#isSafe(extent.class, usedBy)
    const found = await this.findBases(dictionary.filter(({ eid }) => this.#isWrittenAnew(eid)).map(({ id }) => id))
    const places = dictionary.map(({ eid, slot, id }) =>
      this.#isWrittenAnew(eid) ? found.get(id) : { eid: this.#movedTo.get(eid) ?? eid, slot },
    )
    if (!places.every((place) => place !== undefined && isSafe(place.eid))) return undefined
    const bases = asBases(places as ChosenSlot[])
    const through = new Map<number, number>()
    let depth = 0
    for (const { eid } of bases) {
      const bound = this.bounds.of(eid)
      if (!bound) return undefined
      depth = Math.max(depth, 1 + bound.depth)
      for (const [other, rawBytes] of bound.through) through.set(other, rawBytes)
    }
    const { rawBytes, slots, frame } = extent
    const isTooMuch = decodedBytes({ through }) + rawBytes > (this.#means.decodedBytes ?? DECODED_BYTES_MAX)
    if (isTooMuch || depth > Math.max(depthMax(rawBytes), this.bounds.of(old)?.depth ?? 0)) return undefined
    const eid = this.#means.lease.takeEid(highestOf(bases))
    this.#movedTo.set(old, eid)
    this.#movedFrom.set(eid, moved)
    this.#usedBy.set(eid, usedBy)
    for (const [slot, id] of [...moved.numbers.keys()].entries()) {
      this.#places.set(id, { eid, slot, length: slots[slot]?.length ?? 0 })
    }
    this.bounds.learn(eid, { rawBytes, storedBytes: frame.length, bases })
    return { moved, eid, bases }
  }

  #isWrittenAnew(eid: number): boolean {
    return this.#means.going.has(eid) && !this.#movedTo.has(eid)
  }

  async #compressed({ full, eid, places }: Numbered): Promise<Frame> {
    const dictionary = places.length === 0 ? undefined : places.map(({ bytes }) => bytes)
    const { compression, compressionAlone = compression } = this.#means
    const frame = await encodeFrameAsync(full.raw, dictionary ? compression : compressionAlone, dictionary)
    const raw = await decodeFrameAsync(frame.codec, frame.frame, full.raw.length, dictionary)
    if (raw.equals(full.raw)) return frame
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
    // One that was moved is read as what it was, which is there still.
    return this.#fresh.get(eid) ?? this.#store.decoded(this.#movedFrom.get(eid)?.eid ?? eid)
  }

  async slotLengths(eid: number): Promise<readonly number[] | undefined> {
    const slots = this.#fresh.get(eid)?.slots ?? this.#movedFrom.get(eid)?.extent.slots
    return slots?.map(({ length }) => length) ?? this.#store.slotLengths(eid)
  }

  /** Of what is placed together: as safe as what decodes through it, if they are used alike. */
  #isSafe(extentClass: ExtentClass, usedBy: UsedBy): (eid: number) => boolean {
    const { group, bounds } = this.#store
    const uses = new WriterUses(group, bounds, () => usedBy)
    return (eid) => {
      const own = this.#usedBy.get(eid)
      return own ? usedBy.every((lv) => own.includes(lv)) : uses.isSafeBase(eid, extentClass)
    }
  }
}

/** For each set of logical volumes one, that counts what it has given out. */
class Placements {
  readonly #known = new Map<string, Placement>()

  constructor(private readonly group: VolumeGroup) {}

  for(usedBy: UsedBy): Placement {
    const key = usedBy.join()
    const placement = this.#known.get(key) ?? this.group.placement(usedBy)
    this.#known.set(key, placement)
    return placement
  }
}

/** So that what waits for others is not cut short for what comes after it: only what chunks are compressed against is moved before. */
function movedLast(coming: Iterable<CopiedChunk | MovedExtent>): (CopiedChunk | MovedExtent)[] {
  const first: (CopiedChunk | MovedExtent)[] = []
  const last: MovedExtent[] = []
  const wanted = new Set<Hash>()
  for (const each of [...coming].reverse()) {
    const isWanted = 'id' in each || [...each.numbers.keys()].some((id) => wanted.has(id))
    if (isWanted) first.push(each)
    else last.push(each)
    if (isWanted) for (const id of 'id' in each ? each.bases : each.dictionary.map((slot) => slot.id)) wanted.add(id)
  }
  return [...first.reverse(), ...last.reverse()]
}

interface Gathered {
  readonly full: FullExtent
  readonly usedBy: UsedBy
}

/** Chunks on their way into extents, by class and by what uses them. */
class Gathering {
  readonly #builders = new Map<string, { readonly builder: ExtentBuilder; readonly usedBy: UsedBy }>()
  readonly #pending = new Set<Hash>()
  readonly #numbers = new Map<Hash, ChunkNumber>()

  constructor(private readonly builder: (extentClass: ExtentClass) => ExtentBuilder) {}

  /** @returns an extent that this chunk did not fit into any more. */
  add({ id, kind, class: extentClass, bytes, number, bases, usedBy }: CopiedChunk): Gathered | undefined {
    this.#numbers.set(id, number)
    const key = `${extentClass} ${usedBy.join()}`
    const building = this.#builders.get(key) ?? { builder: this.builder(extentClass), usedBy }
    this.#builders.set(key, building)
    const full = building.builder.add(kind, id, bytes, bases.length > 0 ? () => bases : undefined)
    for (const item of full?.items ?? []) this.#pending.delete(item.id)
    this.#pending.add(id)
    return full && { full, usedBy }
  }

  /** Whether it waits for others that come into the same extent. */
  has(id: Hash): boolean {
    return this.#pending.has(id)
  }

  takeAll(): Gathered[] {
    this.#pending.clear()
    return [...this.#builders.values()].flatMap(({ builder, usedBy }) => {
      const full = builder.take()
      return full ? [{ full, usedBy }] : []
    })
  }

  chunkIdOf(id: Hash): number {
    return (this.#numbers.get(id) as ChunkNumber).chunkId
  }
}

async function finished({ full, eid, places }: Numbered, frame: Frame, gathering: Gathering): Promise<NewExtent> {
  let slot = 0
  const takeChunkId = () => gathering.chunkIdOf(full.items[slot++]?.id as Hash)
  const numbers = { takeEid: () => eid, takeChunkId }
  return finishExtent(full, frame, numbers, await theChecksum(), asBases(places))
}

function renumbered({ moved: { extent, numbers }, eid, bases }: Renumbered): NewExtent {
  const chunkIds = [...numbers.values()].map(({ chunkId }) => chunkId)
  const slots = extent.slots.map((slot, index) => ({ ...slot, chunkId: chunkIds[index] ?? slot.chunkId }))
  return { ...extent, eid, bases, slots, hashes: [...numbers.keys()] }
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
