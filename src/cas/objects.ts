/**
 * What the layers above know of the store: verified bytes by id, and a place to put new ones.
 */
import type { Hash } from '../base/hash.js'
import type { Kind } from '../format/kinds.js'
import type { StoreProfile } from '../format/profile.js'

export interface ObjectReader {
  /**
   * The bytes of a chunk or object, checked against its id. Not to be modified: they may be shared with a cache.
   * @throws {VarveError} `MISSING_CHUNK`, `SNAPSHOT_GONE`
   * @throws {CorruptionError} `CORRUPT_CHUNK`, `CORRUPT_EXTENT`
   */
  get(kind: Kind, id: Hash): Promise<Buffer>
  /** In the order of `ids`. Extents are read ahead; memory is bounded. */
  getMany(kind: Kind, ids: AsyncIterable<Hash> | Iterable<Hash>): AsyncIterable<Buffer>
  /** Starts loading what holds these ids. Never fails: what goes wrong shows when the id is read. */
  readAhead(kind: Kind, ids: readonly Hash[]): void
}

/** Reads its own writes. */
export interface ObjectWriter extends ObjectReader {
  readonly profile: StoreProfile
  /**
   * Copies `bytes` and resolves with their id, before anything is durable. What the store knows already costs
   * nothing.
   */
  put(kind: Kind, bytes: Uint8Array): Promise<Hash>
}
