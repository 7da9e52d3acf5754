/**
 * Sets of chunk ids, as many as a store has chunks, small and quick enough to keep one for each commit: roaring bitmaps,
 * stored in the portable form that implementations in other languages read (bitmapFormat.ts).
 *
 * The engine is chosen here. docs/adr/0004-bitmaps.md says why it is our own.
 */
import { PlainBitmap } from './plainBitmap.js'

/** The greatest id that a set holds. Numbers of chunks are 64 bits long in SQL. */
export const BITMAP_ID_MAX = 2 ** 32 - 1

/** A set of integers from 0 to `BITMAP_ID_MAX`. */
export interface Bitmap {
  /** How many ids are in it. */
  readonly size: number
  /** @throws {VarveError} `INVALID_ARGUMENT` for what can be no id: an id cut to 32 bits would stand for another chunk */
  has(id: number): boolean
  /** @throws {VarveError} `INVALID_ARGUMENT` */
  add(id: number): this
  /** In any order, and repeated as may be. Ascending ids are quickest. */
  addMany(ids: Uint32Array): this

  /** Adds what `other` has. This one and the next three change the set in place, and leave `other` as it is. */
  or(other: Bitmap): this
  /** Drops what `other` has not. */
  and(other: Bitmap): this
  /** Drops what `other` has. */
  andNot(other: Bitmap): this
  /** Keeps what one of them has and the other has not. */
  xor(other: Bitmap): this
  /** How many ids both have. */
  andSize(other: Bitmap): number

  /** A set of its own. What neither changes afterwards is in memory once. */
  clone(): Bitmap
  /** All ids, ascending, up to 65536 at a time. The set must not change before the last. */
  batches(): Iterable<Uint32Array>
  /** The same set gives the same bytes, however it came about. */
  serialize(): Buffer
}

interface BitmapEngine {
  /** The set of `ids`, in any order. */
  of(ids: Uint32Array): Bitmap
  /**
   * The set that `serialize`, or another implementation, wrote. It takes memory by the length of `bytes`, whatever they
   * say, and does not refer to them afterwards.
   *
   * @throws {CorruptionError} `CORRUPT_OBJECT` when they are not one set, whole
   */
  deserialize(bytes: Uint8Array): Bitmap
}

export const Bitmap: BitmapEngine = PlainBitmap
