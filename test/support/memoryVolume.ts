/**
 * A physical volume in memory, so that simulations can drive a store: give it to a group by `wrapVolume`, in the place of a
 * volume with a file of its own. As such a volume, it holds extents from `stage` on. Nothing in it waits.
 */
import { CorruptionError, VarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import type { Checksum } from '../../src/codec/checksum.js'
import { rowCheck } from '../../src/format/check.js'
import type { VolumeGroupLayout } from '../../src/format/layout.js'
import { encodeBases, encodeSlots } from '../../src/format/slots.js'
import { prefixOf } from '../../src/volume/hashIndex.js'
import { PackedRows } from '../../src/volume/packedRows.js'
import type {
  ChunkKey,
  ChunkLocation,
  HashPrefixes,
  NewExtent,
  PhysicalVolume,
  RecoveryRows,
  RecoveryState,
  StagedExtents,
  StageOptions,
  StoredExtent,
  VolumeIdentity,
  VolumeState,
} from '../../src/volume/physicalVolume.js'

/** What outlives `close`, as a file does. */
interface Contents {
  readonly extents: Map<number, { readonly extent: NewExtent; readonly check: number }>
  /** The chunk table: rows of a hash, by extent. */
  readonly chunks: Map<Hash, Map<number, ChunkLocation>>
  layout: VolumeGroupLayout
  transactions: number
  publishSequence: number
  recovery?: RecoveryState
}

export class MemoryVolume implements PhysicalVolume {
  readonly number: number
  readonly uuid: string
  readonly location: string
  readonly #identity: VolumeIdentity
  readonly #checksum: Checksum
  #contents: Contents
  #closed = false

  constructor(identity: VolumeIdentity, layout: VolumeGroupLayout, checksum: Checksum) {
    this.number = identity.number
    this.uuid = identity.uuid
    this.location = `memory:${identity.number}`
    this.#identity = identity
    this.#checksum = checksum
    this.#contents = { extents: new Map(), chunks: new Map(), layout, transactions: 0, publishSequence: 0 }
  }

  /** All extents or none, as one transaction. */
  async stage(extents: readonly NewExtent[], publishSequence: number, options?: StageOptions): Promise<StagedExtents> {
    const contents = this.#open()
    if (options?.recovery) contents.recovery = options.recovery.state
    if (options?.replaces) await this.remove(extents.map(({ eid }) => eid))
    const fresh = new Map<number, NewExtent>()
    for (const extent of extents) {
      if (!this.#isHeld(extent, fresh)) fresh.set(extent.eid, ownCopy(extent))
    }
    for (const extent of fresh.values()) this.#insert(extent)
    contents.publishSequence = Math.max(contents.publishSequence, publishSequence)
    const transactions = ++contents.transactions
    return { complete: () => transactions }
  }

  async lookup(hashes: readonly Hash[]): Promise<ChunkLocation[]> {
    const { chunks } = this.#open()
    return hashes.flatMap((hash) => [...(chunks.get(hash)?.values() ?? [])].sort((a, b) => a.eid - b.eid))
  }

  async read(eid: number): Promise<StoredExtent | undefined> {
    const held = this.#open().extents.get(eid)
    if (!held) return undefined
    const { hashes: _, ...extent } = ownCopy(held.extent)
    if (checkOf(extent) !== held.check) throw this.#damaged(eid, 'its row does not match its check')
    if (!this.#checksum.of(extent.frame).equals(extent.checksum)) {
      throw this.#damaged(eid, 'its bytes do not match their checksum')
    }
    return extent
  }

  async list(first: number, end: number): Promise<number[]> {
    return [...this.#open().extents.keys()].filter((eid) => eid >= first && eid < end).sort((a, b) => a - b)
  }

  async hashesBetween(first: Hash, last: Hash, limit: number): Promise<Hash[]> {
    const within = [...this.#open().chunks.keys()].filter((hash) => hash >= first && hash <= last)
    return within.sort().slice(0, limit)
  }

  async hashPrefixes(limit: number): Promise<HashPrefixes | undefined> {
    const { chunks, transactions } = this.#open()
    if (this.#rows().length > limit) return undefined
    return { prefixes: Uint32Array.from(chunks.keys(), prefixOf), transactions }
  }

  async chunksOf(eid: number): Promise<Hash[]> {
    return [...this.#open().chunks].filter(([, rows]) => rows.has(eid)).map(([hash]) => hash)
  }

  async chunkRows(after: ChunkKey | undefined, limit: number): Promise<ChunkLocation[]> {
    const rows = this.#rows().filter(
      ({ hash, eid }) => !after || hash > after.hash || (hash === after.hash && eid > after.eid),
    )
    return rows.slice(0, limit)
  }

  async packedChunkRows(after: ChunkKey | undefined, limit: number): Promise<PackedRows> {
    return PackedRows.of(await this.chunkRows(after, limit))
  }

  async chunkRowsOf(eids: readonly number[]): Promise<ChunkLocation[]> {
    return this.#rows().filter(({ eid }) => eids.includes(eid))
  }

  /** By hash and then extent. */
  #rows(): ChunkLocation[] {
    const rows = [...this.#open().chunks.values()].flatMap((byExtent) => [...byExtent.values()])
    return rows.sort((a, b) => (a.hash === b.hash ? a.eid - b.eid : a.hash < b.hash ? -1 : 1))
  }

  async spareBytes(): Promise<number> {
    return 0
  }

  async giveBack(): Promise<void> {
    this.#open()
  }

  async rebuild(): Promise<void> {
    this.#open()
  }

  async remains(): Promise<{ freeBytes: number; logBytes: number }> {
    return { freeBytes: 0, logBytes: 0 }
  }

  async remove(eids: readonly number[]): Promise<void> {
    const { extents, chunks } = this.#open()
    for (const eid of eids) {
      extents.delete(eid)
      for (const [hash, rows] of chunks) {
        if (rows.delete(eid) && rows.size === 0) chunks.delete(hash)
      }
    }
  }

  async state(): Promise<VolumeState> {
    const { extents, transactions, publishSequence } = this.#open()
    const highestEid = [...extents.keys()].reduce((highest, eid) => Math.max(highest, eid), 0)
    return { ...this.#identity, transactions, publishSequence, highestEid }
  }

  async layout(): Promise<VolumeGroupLayout> {
    return this.#open().layout
  }

  async layoutSequence(): Promise<number> {
    return this.#open().layout.sequence
  }

  async writeLayout(layout: VolumeGroupLayout): Promise<void> {
    const contents = this.#open()
    if (layout.sequence > contents.layout.sequence) contents.layout = structuredClone(layout)
  }

  async recoveryState(): Promise<RecoveryState | undefined> {
    return this.#open().recovery
  }

  async writeRecovery({ state }: RecoveryRows): Promise<void> {
    this.#open().recovery = state
  }

  async integrityProblems(): Promise<string[]> {
    this.#open()
    return []
  }

  async fileBytes(): Promise<number> {
    return [...this.#open().extents.values()].reduce((sum, { extent }) => sum + extent.frame.length, 0)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  /** Another volume over the same contents, as a file that is opened again. */
  reopened(): MemoryVolume {
    const again = new MemoryVolume(this.#identity, this.#contents.layout, this.#checksum)
    again.#contents = this.#contents
    return again
  }

  /** Flips a bit of an extent's frame, or changes its row. */
  damage(eid: number, part: 'frame' | 'row'): void {
    const held = this.#contents.extents.get(eid)
    if (!held) throw new Error(`extent ${eid} is not held`)
    const frame = Buffer.from(held.extent.frame)
    if (part === 'frame') frame[0] = (frame[0] ?? 0) ^ 1
    const rawBytes = held.extent.rawBytes + (part === 'row' ? 1 : 0)
    this.#contents.extents.set(eid, { extent: { ...held.extent, frame, rawBytes }, check: held.check })
  }

  #open(): Contents {
    if (this.#closed) throw new VarveError('INVALID_ARGUMENT', `${this.location} was closed`, { path: this.location })
    return this.#contents
  }

  /** @throws {VarveError} `CATALOG_STALE` when the number is another extent's */
  #isHeld(extent: NewExtent, fresh: ReadonlyMap<number, NewExtent>): boolean {
    const staged = fresh.get(extent.eid)
    const check = staged ? checkOf(staged) : this.#contents.extents.get(extent.eid)?.check
    if (check === undefined) return false
    if (check === checkOf(extent)) return true
    throw new VarveError('CATALOG_STALE', `extent ${extent.eid} is in ${this.location} already, with other contents`, {
      extent: extent.eid,
      path: this.location,
    })
  }

  #insert(extent: NewExtent): void {
    const { extents, chunks } = this.#contents
    const { eid } = extent
    extents.set(eid, { extent, check: checkOf(extent) })
    for (const [slot, { length, chunkId }] of extent.slots.entries()) {
      const hash = extent.hashes[slot] as Hash
      const rows = chunks.get(hash) ?? new Map<number, ChunkLocation>()
      chunks.set(hash, rows.set(eid, { hash, pv: this.number, eid, slot, length, chunkId }))
    }
  }

  #damaged(eid: number, what: string): CorruptionError {
    return new CorruptionError('CORRUPT_EXTENT', `extent ${eid} in ${this.location} is damaged: ${what}`, {
      extent: eid,
      path: this.location,
    })
  }
}

/** Buffers of its own: callers use theirs again. @throws {VarveError} `INVALID_ARGUMENT` for a slot without an id */
function ownCopy(extent: NewExtent): NewExtent {
  const nameless = extent.slots.findIndex((_, index) => extent.hashes[index] === undefined)
  if (nameless >= 0) throw new VarveError('INVALID_ARGUMENT', `slot ${nameless} has no id`)
  return { ...extent, checksum: Buffer.from(extent.checksum), frame: Buffer.from(extent.frame) }
}

function checkOf(extent: StoredExtent): number {
  const { eid, codec, rawBytes, slots, bases, checksum } = extent
  const encodedBases = bases.length > 0 ? encodeBases(bases) : null
  return rowCheck(eid, extent.class, codec, 0, rawBytes, encodeSlots(slots), encodedBases, checksum)
}
