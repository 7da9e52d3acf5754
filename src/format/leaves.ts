/**
 * Two leaves of sequences, and what they do not have in common byte for byte.
 *
 * Mostly one entry of many differs: making values of the others would take nearly all the time that it takes to compare two
 * trees. What is passed over is not checked: it is the same on both sides, and whoever reads it, decodes it.
 */
import type { ByteReader } from './bytes.js'

/** How the entries of a leaf are read, one after the other. */
export interface LeafEntries<Entry> {
  reader(bytes: Uint8Array): ByteReader
  /** Moves behind an entry. */
  skip(reader: ByteReader): void
  decode(reader: ByteReader): Entry
}

export interface EntriesApart<Entry> {
  readonly before: Entry[]
  readonly after: Entry[]
}

const LEAF_LEVEL = 0
const BLOCK_BYTES = 256

/**
 * All entries of each leaf but those at the beginning and at the end that both have.
 * @returns `undefined` if one of them is no leaf
 * @throws {CorruptionError} `CORRUPT_OBJECT`
 */
export function entriesApart<Entry>(
  leaf: LeafEntries<Entry>,
  before: Buffer,
  after: Buffer,
): EntriesApart<Entry> | undefined {
  if (before[0] !== LEAF_LEVEL || after[0] !== LEAF_LEVEL) return undefined
  const [left, right] = [leaf.reader(before), leaf.reader(after)]
  const begin = endWithin(leaf, left, commonStart(before, after))
  left.moveTo(begin)
  right.moveTo(begin)
  const alike = commonEnd(before, after)
  const apart: EntriesApart<Entry> = { before: [], after: [] }
  while (left.remaining !== right.remaining || left.remaining > alike) {
    // The one that has more left is behind: where both have the same left, they stand at the same place of what is alike.
    const [inLeft, inRight] = [left.remaining, right.remaining]
    if (inLeft >= inRight) apart.before.push(leaf.decode(left))
    if (inRight >= inLeft) apart.after.push(leaf.decode(right))
  }
  return apart
}

/** Where the last entry ends that lies in the first `length` bytes. */
function endWithin<Entry>(leaf: LeafEntries<Entry>, reader: ByteReader, length: number): number {
  reader.u8()
  for (;;) {
    const end = reader.position
    if (reader.remaining === 0) return end
    leaf.skip(reader)
    if (reader.position > length) return end
  }
}

function commonStart(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at + BLOCK_BYTES <= length && a.compare(b, at, at + BLOCK_BYTES, at, at + BLOCK_BYTES) === 0) at += BLOCK_BYTES
  while (at < length && a[at] === b[at]) at++
  return at
}

function commonEnd(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length)
  const [endA, endB] = [a.length, b.length]
  let at = 0
  while (at + BLOCK_BYTES <= length) {
    const [fromA, fromB] = [endA - at - BLOCK_BYTES, endB - at - BLOCK_BYTES]
    if (a.compare(b, fromB, fromB + BLOCK_BYTES, fromA, fromA + BLOCK_BYTES) !== 0) break
    at += BLOCK_BYTES
  }
  while (at < length && a[endA - at - 1] === b[endB - at - 1]) at++
  return at
}
