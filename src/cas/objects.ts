/**
 * What the layers above know of the store: verified bytes by id, and a place to put new ones.
 */
import type { Hash } from '../base/hash.js'
import type { Kind } from '../format/kinds.js'
import type { StoreProfile } from '../format/profile.js'

/** Chunks handed out together: enough that a step costs nothing beside hashing them, few enough to hold. */
export const MANY_AT_ONCE = 16

export interface ObjectReader {
  /**
   * The bytes of a chunk or object, checked against its id. Not to be modified: they may be shared with a cache.
   * @throws {VarveError} `MISSING_CHUNK`, `SNAPSHOT_GONE`
   * @throws {CorruptionError} `CORRUPT_CHUNK`, `CORRUPT_EXTENT`
   */
  get(kind: Kind, id: Hash): Promise<Buffer>
  /**
   * In the order of the ids, which come in batches of any size; what they hold comes in batches of its own, of at most
   * `MANY_AT_ONCE`. Extents are read ahead, so more ids are asked for than are answered; memory is bounded.
   */
  getMany(kind: Kind, ids: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>): AsyncIterable<readonly Buffer[]>
  /** Starts loading what holds these ids. Never fails: what goes wrong shows when the id is read. */
  readAhead(kind: Kind, ids: readonly Hash[]): void
  /**
   * These chunks will be read next, all of them, in whatever order: extents that would be decoded more than once are decoded once, as
   * far as memory allows. Takes the place of what was expected before; none ends it.
   */
  expect?(ids: readonly Hash[]): Promise<void>
}

/**
 * What something new takes the place of: chunks, or objects of its kind, that it is likely to be much like. Asked when it is
 * compressed: by then more may be known than when it was put. Ids that the store has not are passed over.
 */
export type BaseCandidates = () => readonly Hash[] | Promise<readonly Hash[]>

/** A chunk or object with its id. */
export interface Item {
  readonly kind: Kind
  readonly id: Hash
  readonly bytes: Buffer
  /** What it may be compressed against. */
  readonly bases?: BaseCandidates | undefined
}

/** Reads its own writes. */
export interface ObjectWriter extends ObjectReader {
  readonly profile: StoreProfile
  /**
   * Copies `bytes` and resolves with their id, before anything is durable. What the store knows already costs
   * nothing.
   * @param bases what it may be compressed against
   */
  put(kind: Kind, bytes: Uint8Array, bases?: BaseCandidates): Promise<Hash>
}
