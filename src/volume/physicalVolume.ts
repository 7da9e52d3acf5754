/**
 * A physical volume: where extents and the chunk table of their chunks are kept.
 *
 * The interface is asynchronous and batched, so that a volume can later live on object storage or in another
 * thread. What a volume holds is invisible until the catalog names it; a volume never decides what is live.
 */
import type { Hash } from '../base/hash.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import type { ExtentBase, Slot } from '../format/slots.js'
import type { PackedRows } from './packedRows.js'
import type { Remains } from './rebuild.js'
import type { SqlValue } from './sqlite.js'

export const EXTENT_CLASS = { data: 0, object: 1, archive: 2 } as const
export type ExtentClass = (typeof EXTENT_CLASS)[keyof typeof EXTENT_CLASS]

/** An immutable run of chunks, compressed as one frame. */
export interface StoredExtent {
  readonly eid: number
  readonly class: ExtentClass
  readonly codec: number
  readonly rawBytes: number
  readonly slots: readonly Slot[]
  readonly bases: readonly ExtentBase[]
  /** 8 bytes, XXH3-64 over `frame`. */
  readonly checksum: Buffer
  readonly frame: Buffer
}

/** What a writer hands over: the chunk table's rows need the ids as well, one for each slot. */
export interface NewExtent extends StoredExtent {
  readonly hashes: readonly Hash[]
}

/** Where a chunk lies: a row of a chunk table. */
export interface ChunkLocation {
  readonly hash: Hash
  readonly pv: number
  readonly eid: number
  readonly slot: number
  readonly length: number
  readonly chunkId: number
}

/** A row of a chunk table is found by these. */
export type ChunkKey = Pick<ChunkLocation, 'hash' | 'eid'>

/** What hashes begin with (`prefixOf`), in any order. */
export interface HashPrefixes {
  readonly prefixes: Uint32Array
  /** `VolumeState.transactions` as it was then: all that these brought is among them. */
  readonly transactions: number
}

/** How far a recovery copy goes. */
export interface RecoveryState {
  /** The catalog's, as they were then. */
  readonly counters: ReadonlyMap<string, number>
  /** The number of the newest entry of the reflog it has; 0 without one. */
  readonly lastEntry: number
  /** Changes with what it has of `pruned`. */
  readonly prunedStamp: string
}

export interface RecoveryPart {
  readonly table: string
  readonly columns: readonly string[]
  /** What goes before `rows` come: all rows, or those with such a value. */
  readonly clears: 'all' | { readonly column: string; readonly values: readonly SqlValue[] }
  readonly rows: readonly SqlValue[][]
}

/** What brings a recovery copy up to date. */
export interface RecoveryRows {
  /** The copy as it was looked at; `undefined`: there was none. */
  readonly since: RecoveryState | undefined
  readonly state: RecoveryState
  readonly parts: readonly RecoveryPart[]
}

export interface StageOptions {
  readonly replaces?: boolean
  /** Brings the recovery copy up to date in the same transaction. */
  readonly recovery?: RecoveryRows | undefined
}

/** Extents on their way into a volume. */
export interface StagedExtents {
  /**
   * Called once inside the publishing transaction of the catalog, after `stage` resolved. The volume in the
   * catalog's own file writes here, in that same transaction; others have nothing left to do.
   * @returns the volume's transaction count, which the catalog records.
   */
  complete(): number
}

export interface VolumeIdentity {
  readonly uuid: string
  readonly vg: string
  readonly number: number
}

export interface VolumeState extends VolumeIdentity {
  /** Transactions that brought extents since the volume was made. */
  readonly transactions: number
  /** The catalog's publish sequence as the volume last saw it. */
  readonly publishSequence: number
  /** The greatest extent number it holds, visible or not; 0 without extents. */
  readonly highestEid: number
}

export interface PhysicalVolume {
  readonly number: number
  readonly uuid: string
  /** For messages: where it lies. */
  readonly location: string
  /**
   * Resolves when `complete` can make the extents durable without waiting for anything but its own file.
   * @param options.replaces what it has under their numbers goes, in the same transaction
   */
  stage(extents: readonly NewExtent[], publishSequence: number, options?: StageOptions): Promise<StagedExtents>
  /** All rows of the chunk table for these hashes, of visible and invisible extents alike. */
  lookup(hashes: readonly Hash[]): Promise<ChunkLocation[]>
  /** The extent with its row check and checksum verified, or `undefined`. @throws CORRUPT_EXTENT */
  read(eid: number): Promise<StoredExtent | undefined>
  /** Numbers of the extents held, ascending, from `first` up to but not including `end`. */
  list(first: number, end: number): Promise<number[]>
  /** Hashes in the chunk table from `first` to `last`, ascending, each once; at most `limit`. */
  hashesBetween(first: Hash, last: Hash, limit: number): Promise<Hash[]>
  /** Of all hashes in the chunk table; `undefined` where it has more than `limit` rows. */
  hashPrefixes(limit: number): Promise<HashPrefixes | undefined>
  /** The hashes that the chunk table says are in an extent. Scans the table: for reports on damage. */
  chunksOf(eid: number): Promise<Hash[]>
  /** Rows of the chunk table, by hash and then extent, from behind `after`; at most `limit`, fewer only at the end. */
  chunkRows(after: ChunkKey | undefined, limit: number): Promise<ChunkLocation[]>
  /** As `chunkRows`, in one piece of memory. */
  packedChunkRows(after: ChunkKey | undefined, limit: number): Promise<PackedRows>
  /** All rows of the chunk table of some extents. Scans the table once. */
  chunkRowsOf(eids: readonly number[]): Promise<ChunkLocation[]>
  /**
   * Drops extents and their chunk rows, durable when resolved. Numbers that are not held are passed over.
   * @param chunks all of these extents: few of many are found by them sooner than by a scan of the table
   */
  remove(eids: readonly number[], chunks?: readonly ChunkKey[]): Promise<void>
  state(): Promise<VolumeState>
  layout(): Promise<VolumeGroupLayout>
  /** That of its layout, whose check is verified, without decoding it: of many volumes, that takes long. @throws CORRUPT */
  layoutSequence(): Promise<number>
  /** Durable when resolved. */
  writeLayout(layout: VolumeGroupLayout): Promise<void>
  /** How far its recovery copy goes; `undefined` without one. */
  recoveryState(): Promise<RecoveryState | undefined>
  /** Brings the recovery copy up to date. Durable when resolved. */
  writeRecovery(rows: RecoveryRows, publishSequence: number): Promise<void>
  /** Structural problems of the file itself; empty when sound. */
  integrityProblems(): Promise<string[]>
  /** Bytes on disk. */
  fileBytes(): Promise<number>
  /** Bytes in the file that nothing is in, and that the next extents take. */
  spareBytes(): Promise<number>
  /** Gives spare bytes back to the file system, about so many at most: in short steps, between which others write. */
  giveBack(bytes: number): Promise<void>
  /**
   * Writes the file anew, so that nothing is left in it, or beside it, of what was removed. Nobody else writes meanwhile.
   * @throws {VarveError} `STORE_LOCKED` while others are at work in it
   */
  rebuild(): Promise<void>
  /** What might hold something of that. */
  remains(): Promise<Remains>
  close(): Promise<void>
}
