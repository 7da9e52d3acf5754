/**
 * Chunks and objects by id, over a volume group: the reading half, and the door to the writing half.
 *
 * Guarantees (safety rule 6): every buffer handed out was hashed and compared with its id in this call or, for
 * objects, when it entered the object cache. On a mismatch the location is looked up once more and every other copy
 * is tried; one that is sound is put in the place of those that are not, else the error names chunk, extent and volume.
 * Who asks for what was replaced gets, and has checked, what took its place; `originals` shows what is really there.
 */
import type { Clock } from '../base/clock.js'
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, parseHash, shortHash } from '../base/hash.js'
import { MIB } from '../base/units.js'
import { createHasher, type Hasher } from '../codec/hasher.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { StoreProfile } from '../format/profile.js'
import { healCopy } from '../volume/heal.js'
import { Lease } from '../volume/lease.js'
import { type ChunkLocation, EXTENT_CLASS, type NewExtent, type StoredExtent } from '../volume/physicalVolume.js'
import type { ScratchFile } from '../volume/scratchFile.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { CacheStats } from './adaptiveCache.js'
import type { ChosenSlot } from './baseChoice.js'
import { BaseBounds, decodeExtent, slotBytes } from './bases.js'
import { ComingIds } from './comingIds.js'
import type { DecodedExtent } from './decodedExtent.js'
import { ExpectedChunks } from './expectedChunks.js'
import { ExtentCache, offsetsOf } from './extentCache.js'
import { ExtentReads } from './extentReads.js'
import { ExtentSpill } from './extentSpill.js'
import { ObjectCache } from './objectCache.js'
import { MANY_AT_ONCE, type ObjectReader } from './objects.js'
import type { PendingObjects } from './pendingObjects.js'
import { answering, answersTo, type Replaced } from './replacedIds.js'
import { WrittenPlaces } from './writtenPlaces.js'

export interface ChunkStoreOptions {
  /** Decoded extents kept, in bytes. Default 32 MiB. */
  readonly extentCacheBytes?: number
  /** Objects kept, in bytes. Default 16 MiB. */
  readonly objectCacheBytes?: number
  /** By which ids others are answered, at this moment. Asked for each read. Default: none are. */
  readonly replaced?: Replaced
}

/** What was asked of the caches since the store was opened. */
export interface StoreCacheStats {
  readonly extents: CacheStats
  /** Manifests, trees, attributes and commits. */
  readonly objects: CacheStats
}

/** Extents being loaded at a time, the thread pool's share. */
const MAX_LOADS = 3
/** Chunks read from an extent before all of it is hashed: of some, a file that was changed often has but a few. */
const READS_OF_MANY = 8
/** And this part of its chunks: of a long one, a switch may want some here and there. */
const PART_OF_MANY = 1 / 16
/** Extents loaded and not read yet, for one reader: a part of what the cache holds. */
const MAX_LOADS_AHEAD = 6
/** A prefix that more ids share than this is no use to anybody. */
const MAX_PREFIX_MATCHES = 5000
/** One of so many of what is expected tells how the rest lies; one in so many with bases is enough. */
const EXPECTED_PROBE = 16
const EXPECTED_BASED = 8
/** Locations remembered from read-ahead to read. */
const MAX_LOCATIONS = 20_000

export class ChunkStore implements ObjectReader {
  private readonly extents: ExtentCache
  readonly extentCacheBytes: number
  readonly objects: ObjectCache
  private readonly expected: ExpectedChunks
  /** How deep extents are decoded, and through how much. */
  readonly bounds: BaseBounds
  /** What this process has yet to write. Readers get it; `originals`, and whoever looks for what is known, do not. */
  pending: PendingObjects | undefined
  /** The same store for whoever must see what is really there: every id is answered by what has it. */
  readonly originals: ChunkStore
  private readonly written: WrittenPlaces
  private readonly locations: Map<Hash, ChunkLocation>
  private readonly openedAtEpoch: number | undefined
  private readonly replaced: Replaced | undefined
  /** What readers load. `originals`, which upkeep reads, has none. */
  readonly reads: ExtentReads | undefined

  /** @param originals shares its caches; without it, replacements do not count */
  private constructor(
    readonly group: VolumeGroup,
    readonly hasher: Hasher,
    readonly clock: Clock,
    options: ChunkStoreOptions,
    originals?: ChunkStore,
  ) {
    this.extentCacheBytes = options.extentCacheBytes ?? 32 * MIB
    this.extents = originals?.extents ?? new ExtentCache(this.extentCacheBytes, (eid) => this.loadExtent(eid))
    this.objects = originals?.objects ?? new ObjectCache(options.objectCacheBytes ?? 16 * MIB)
    this.expected = originals?.expected ?? new ExpectedChunks()
    this.bounds = originals?.bounds ?? new BaseBounds(group.catalog)
    this.written = originals?.written ?? new WrittenPlaces()
    this.locations = originals?.locations ?? new Map()
    this.openedAtEpoch = originals?.openedAtEpoch ?? epochOf(group)
    this.replaced = originals && options.replaced
    this.reads = originals && new ExtentReads(group, clock)
    this.originals = originals ?? this
  }

  static async open(group: VolumeGroup, clock: Clock, options: ChunkStoreOptions = {}): Promise<ChunkStore> {
    const hasher = await createHasher(group.layout.profile.hash)
    return new ChunkStore(group, hasher, clock, options, new ChunkStore(group, hasher, clock, options))
  }

  /** Since it was opened. */
  get cacheStats(): StoreCacheStats {
    return { extents: this.extents.stats, objects: this.objects.stats }
  }

  get profile(): StoreProfile {
    return this.group.layout.profile
  }

  async get(kind: Kind, asked: Hash): Promise<Buffer> {
    const id = this.replaced?.().get(asked) ?? asked
    return this.getOriginal(kind, id)
  }

  private async getOriginal(kind: Kind, id: Hash): Promise<Buffer> {
    const atHand = this.atHand(kind, id)
    if (atHand) return atHand
    const remembered = this.locations.get(id)
    if (remembered) {
      const bytes = await this.readAt(kind, id, remembered).catch(() => undefined)
      if (bytes) return bytes
      this.locations.delete(id)
    }
    return this.readAnywhere(kind, id)
  }

  async *getMany(
    kind: Kind,
    batches: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>,
  ): AsyncIterable<readonly Buffer[]> {
    const coming = new ComingIds(this.replaced ? answering(batches, this.replaced) : batches)
    try {
      while (await coming.fill()) {
        await this.loadAhead(coming)
        const found: Buffer[] = []
        for (let id = coming.first; id !== undefined && found.length < MANY_AT_ONCE; id = coming.first) {
          const bytes =
            this.atHand(kind, id) ?? (found.length === 0 ? await this.getMissed(kind, id, coming) : undefined)
          if (!bytes) break
          found.push(bytes)
          coming.shift()
        }
        yield found
      }
    } finally {
      await coming.close()
    }
  }

  readAhead(kind: Kind, ids: readonly Hash[]): void {
    // Failures show when the ids are read.
    this.startReading(kind, ids).catch(() => undefined)
  }

  private async startReading(kind: Kind, asked: readonly Hash[]): Promise<void> {
    const ids = this.replaced ? answersTo(asked, this.replaced) : asked
    const unknown = ids.filter((id) => !this.extents.find(id) && !this.objects.has(kind, id) && !this.pending?.has(id))
    if (unknown.length === 0) return
    await this.locate(unknown)
    for (const id of unknown) if (this.extents.loads < MAX_LOADS) this.startLoad(id)
  }

  async expect(asked: readonly Hash[]): Promise<void> {
    this.expected.clear()
    const ids = this.replaced ? answersTo(asked, this.replaced) : asked
    const probes = await this.find(ids.filter((_, index) => index % EXPECTED_PROBE === 0))
    let based = 0
    for (const { eid } of probes.values()) if ((this.bounds.of(eid)?.depth ?? 0) > 0) based++
    if (based * EXPECTED_BASED < probes.size || based === 0) return
    this.expected.expect(ids, await this.find(ids))
  }

  /**
   * The ids among `ids` that the store has, each with one visible place.
   * @param isThorough false for whoever stores what is not found
   */
  async find(ids: readonly Hash[], isThorough = true): Promise<Map<Hash, ChunkLocation>> {
    const found = new Map<Hash, ChunkLocation>()
    for (const location of await this.group.lookup(ids, isThorough)) {
      if (!found.has(location.hash)) found.set(location.hash, location)
    }
    return found
  }

  /** As `find`, but what was written just now is not looked up. */
  async findBases(ids: readonly Hash[]): Promise<ReadonlyMap<Hash, ChosenSlot>> {
    const epoch = this.group.catalog.counter('gc_epoch')
    const { places, unknown } = this.written.find(ids, epoch)
    if (unknown.length > 0) for (const [id, place] of await this.find(unknown)) places.set(id, place)
    return places
  }

  /** Ids of one kind that begin with `prefix` (hex digits, at least 4), ascending. */
  async findByPrefix(kind: Kind, prefix: string): Promise<Hash[]> {
    const first = parseHash(prefix.padEnd(2 * HASH_BYTES, '0'))
    const last = parseHash(prefix.padEnd(2 * HASH_BYTES, 'f'))
    // A whole id, of what was read or written just now; of a cache alone, if gc was not at work since.
    const isAtHand = first === last && this.atHand(kind, first) !== undefined
    if (isAtHand && (this.pending?.has(first) || epochOf(this.group) === this.openedAtEpoch)) return [first]
    const ids = new Set<Hash>()
    for (const volume of this.group.volumes) {
      for (const id of await volume.hashesBetween(first, last, MAX_PREFIX_MATCHES)) ids.add(id)
    }
    const found: Hash[] = []
    let damage: CorruptionError | undefined
    for (const location of (await this.find([...ids])).values()) {
      const { hash: id, eid } = location
      this.locations.set(id, location)
      // Of one that gc moved meanwhile nothing is known here; `get` looks where its chunks lie now.
      const extent = this.group.catalog.extent(eid)
      if (extent && extent.class !== EXTENT_CLASS.object) continue
      // Read, not believed: a damaged row of a chunk table can name an id that nothing has.
      const bytes = await this.getOriginal(kind, id).catch((error: unknown) => {
        if (isVarveError(error, 'SNAPSHOT_GONE')) return undefined
        if (!(error instanceof CorruptionError)) throw error
        // Of another kind, or not what the row says: not found. But what cannot be read may be what is looked for.
        if (error.code !== 'CORRUPT_CHUNK') damage ??= error
        return undefined
      })
      if (bytes) found.push(id)
    }
    if (damage && found.length === 0) throw damage
    return found.sort()
  }

  /** As what it is stored: its slot tells. `undefined` for what is in no volume. @throws {CorruptionError} `CORRUPT_EXTENT` */
  async kindOf(id: Hash): Promise<Kind | undefined> {
    const failures: unknown[] = []
    // Twice, as every read.
    for (let attempt = 0; attempt < 2; attempt++) {
      for (const { eid, slot } of await this.group.lookup([id])) {
        // Only chunks lie in these, readable or not.
        if (this.group.catalog.extent(eid)?.class === EXTENT_CLASS.data) return KIND.chunk
        try {
          const kind = (await this.extents.get(eid))?.slots[slot]?.kind
          if (kind !== undefined) return kind
        } catch (error) {
          if (!isVarveError(error)) throw error
          failures.push(error)
          this.extents.drop(eid)
        }
      }
    }
    if (failures.length > 0) throw failures[0]
    return undefined
  }

  /** A reader's lease: while it lives, gc leaves alone what is reachable now. */
  takeReaderLease(): Lease {
    return Lease.take(this.group.catalog, 'reader', this.clock)
  }

  private async locate(ids: readonly Hash[]): Promise<void> {
    const unknown = ids.filter((id) => !this.locations.has(id))
    for (const [id, location] of await this.find(unknown)) this.locations.set(id, location)
    for (const id of this.locations.keys()) {
      if (this.locations.size <= MAX_LOCATIONS) break
      this.locations.delete(id)
    }
  }

  /** Checked bytes that need no waiting for. */
  private atHand(kind: Kind, id: Hash): Buffer | undefined {
    const own = this.pending?.get(kind, id)
    if (own) return own
    const object = kind === KIND.chunk ? undefined : this.objects.get(kind, id)
    if (object) return object
    const expected = kind === KIND.chunk ? this.expected.read(id) : undefined
    if (expected) return expected
    const place = this.extents.find(id)
    const slot = place?.extent.slots[place.slot]
    const offset = place?.extent.offsets[place.slot]
    if (!place || slot?.kind !== kind || offset === undefined) return undefined
    this.extents.touch(place.extent)
    return this.kept(kind, id, place.extent.raw.subarray(offset, offset + slot.length))
  }

  /** Starts loading what holds the ids that are coming: only some are asked for, since neighbours lie together. */
  private async loadAhead(coming: ComingIds): Promise<void> {
    for (let id = coming.probe; id !== undefined; id = coming.probe) {
      if (this.extents.loads >= MAX_LOADS || coming.loadsAhead >= MAX_LOADS_AHEAD) return
      if (this.extents.find(id) || this.expected.has(id)) {
        coming.passProbe(false)
        continue
      }
      if (!this.locations.has(id)) await this.locate(coming.probes.filter((probe) => !this.extents.find(probe)))
      coming.passProbe(this.startLoad(id))
    }
  }

  private getMissed(kind: Kind, id: Hash, coming: ComingIds): Promise<Buffer> {
    const location = this.locations.get(id)
    if (!location || !this.extents.has(location.eid)) coming.miss()
    return this.getOriginal(kind, id)
  }

  /** Failures show when the id is read. @returns whether there was anything to load */
  private startLoad(id: Hash): boolean {
    const location = this.locations.get(id)
    if (!location || this.extents.has(location.eid)) return false
    this.noteRead(location.eid)
    this.extents.loadAhead(location.eid).catch(() => undefined)
    return true
  }

  private async readAnywhere(kind: Kind, id: Hash): Promise<Buffer> {
    const failures: unknown[] = []
    // Twice: between lookup and read an extent may have been rewritten; the second look finds its new place.
    for (let attempt = 0; attempt < 2; attempt++) {
      for (const location of await this.group.lookup([id])) {
        try {
          const bytes = await this.readAt(kind, id, location)
          if (bytes) return bytes
        } catch (error) {
          if (!isVarveError(error)) throw error
          failures.push(error)
          this.extents.drop(location.eid)
        }
      }
    }
    if (failures.length > 0) throw failures[0]
    if (epochOf(this.group) !== this.openedAtEpoch || this.pending?.wasAbandoned(id)) {
      throw new VarveError('SNAPSHOT_GONE', `what ${shortHash(id)} held was removed while it was being read`, {
        id,
        hint: 'Open the store again; take a lease for long reads.',
      })
    }
    throw new CorruptionError('MISSING_CHUNK', `${describeKind(kind)} ${shortHash(id)} is in no volume of the group`, {
      id,
      hint: 'Run `varve verify`: a volume, or its chunk table, is damaged.',
    })
  }

  /** `undefined` when the location no longer holds: the extent is not visible any more. */
  private async readAt(kind: Kind, id: Hash, location: ChunkLocation): Promise<Buffer | undefined> {
    this.noteRead(location.eid)
    const extent = await this.extents.get(location.eid)
    if (!extent) return undefined
    // So many chunks from one place are likely to be followed by the rest.
    const many = Math.max(READS_OF_MANY, Math.ceil(PART_OF_MANY * extent.slots.length))
    if (++extent.reads === many) this.extents.remember(extent, this.idsOf(extent))
    const slot = extent.slots[location.slot]
    const offset = extent.offsets[location.slot]
    const bytes = slot && offset !== undefined ? extent.raw.subarray(offset, offset + slot.length) : undefined
    const actual = bytes && slot?.kind === kind ? this.hasher.id(kind, bytes) : undefined
    if (!bytes || actual !== id) {
      const volume = this.group.volume(location.pv)
      throw new CorruptionError(
        'CORRUPT_CHUNK',
        `${describeKind(kind)} ${shortHash(id)} in extent ${location.eid} of ${volume?.location ?? `volume ${location.pv}`} is damaged`,
        {
          id,
          extent: location.eid,
          slot: location.slot,
          pv: volume?.uuid ?? String(location.pv),
          ...(volume ? { path: volume.location } : {}),
          expected: id,
          actual: actual ?? 'no such slot',
        },
      )
    }
    return this.kept(kind, id, bytes)
  }

  private noteRead(eid: number): void {
    if (this.reads?.isOn && !this.extents.has(eid)) this.reads.note(eid, this.bounds, (base) => this.extents.has(base))
  }

  private kept(kind: Kind, id: Hash, bytes: Buffer): Buffer {
    if (kind === KIND.chunk) return bytes
    // A copy: a cached object must not keep a whole extent in memory.
    const copy = Buffer.from(bytes)
    this.objects.fill(kind, id, copy)
    return copy
  }

  private idsOf({ slots, offsets, raw }: DecodedExtent): Hash[] {
    return slots.map(({ kind, length }, index) => {
      const offset = offsets[index] ?? 0
      return this.hasher.id(kind, raw.subarray(offset, offset + length))
    })
  }

  private async loadExtent(eid: number): Promise<DecodedExtent | undefined> {
    const damaged: number[] = []
    const stored = await this.group.readExtent(eid, (pv) => damaged.push(pv))
    if (!stored) return undefined
    const raw = await this.decodeVisible(stored)
    if (!raw) return undefined
    const { offsets, end } = offsetsOf(stored.slots)
    if (end !== raw.length) {
      throw new CorruptionError('CORRUPT_EXTENT', `extent ${eid} has ${raw.length} bytes, its slots say ${end}`, {
        extent: eid,
        expected: end,
        actual: raw.length,
      })
    }
    const extent: DecodedExtent = { eid, raw, slots: stored.slots, offsets, reads: 0 }
    this.expected.take(eid, (slot, id) => {
      const bytes = slotBytes(extent, slot)
      return this.hasher.id(KIND.chunk, bytes) === id ? bytes : undefined
    })
    for (const pv of damaged) await this.heal(extent, stored, pv)
    return extent
  }

  /** What was published just now, at gc's `epoch`: the next commit is compressed against it. @param raw is copied */
  keepWritten(extent: NewExtent, raw: Buffer, epoch: number): void {
    const { eid, slots, rawBytes, frame, bases } = extent
    const copy = Buffer.allocUnsafeSlow(raw.length)
    copy.set(raw)
    this.extents.add({ eid, raw: copy, slots, offsets: offsetsOf(slots).offsets, reads: 0 })
    this.bounds.learn(eid, { rawBytes, storedBytes: frame.length, bases })
    this.written.add(extent, epoch)
  }

  /** An extent, decoded; `undefined` when it is not visible (any more). @throws {CorruptionError} `CORRUPT_EXTENT` */
  decoded(eid: number): Promise<DecodedExtent | undefined> {
    return this.extents.get(eid)
  }

  /** For upkeep that comes back to all of it: what is decoded is kept in `file` as well, until this is called without one. */
  spillTo(file?: ScratchFile): ExtentSpill | undefined {
    this.extents.spill = file && new ExtentSpill(file)
    return this.extents.spill
  }

  /** How long the chunks in an extent are, in order. It is not decoded for that. */
  async slotLengths(eid: number): Promise<readonly number[] | undefined> {
    const held = this.extents.has(eid) ? await this.decoded(eid) : await this.group.readExtent(eid)
    return held?.slots.map(({ length }) => length)
  }

  /** See `decodeExtent`. @throws {CorruptionError} `CORRUPT_EXTENT` */
  decode(stored: StoredExtent): Promise<Buffer> {
    return decodeExtent(stored, this.bounds, (eid) => this.decoded(eid))
  }

  /** `undefined` when it was rewritten meanwhile, and its bases are gone with it. */
  private async decodeVisible(stored: StoredExtent): Promise<Buffer | undefined> {
    try {
      return await this.decode(stored)
    } catch (error) {
      if (isVarveError(error) && !this.group.catalog.isVisible(stored.eid)) return undefined
      throw error
    }
  }

  private async heal(extent: DecodedExtent, stored: StoredExtent, pv: number): Promise<void> {
    if (this.group.readOnly) return
    try {
      const volume = this.group.volume(pv)
      if (volume) await healCopy(this.group.catalog, volume, { ...stored, hashes: this.idsOf(extent) })
    } catch (error) {
      // The reader has what it asked for. What is still damaged is found by the next read, and named by verify.
      if (!isVarveError(error)) throw error
    }
  }
}

/** A damaged counter must not keep the store from being opened, verified and read. */
function epochOf(group: VolumeGroup): number | undefined {
  try {
    return group.catalog.counter('gc_epoch')
  } catch (error) {
    if (error instanceof CorruptionError) return undefined
    throw error
  }
}

const KIND_NAMES: Readonly<Record<Kind, string>> = {
  [KIND.chunk]: 'chunk',
  [KIND.manifest]: 'manifest',
  [KIND.tree]: 'tree',
  [KIND.attributes]: 'attributes',
  [KIND.commit]: 'commit',
}

export function describeKind(kind: Kind): string {
  return KIND_NAMES[kind]
}
