/**
 * How alike two file contents are, in percent of the larger: the bytes that stand in both, whatever their order.
 *
 * Model: a content is a multiset of pieces. Those of a short text are its lines; those of anything else its chunks,
 * from the manifest alone. Pieces are kept as hashes of 30 bits with the bytes they stand for: an estimate, made once
 * for each content and compared with many. Very large contents have none; they are compared node by node instead, so
 * that only what differs is read.
 */
import { MIB } from '../base/units.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { runsFrom } from './contentChunks.js'
import { changedBytes } from './contentDiff.js'
import { readContent, readWhole } from './contentRead.js'
import { Lines } from './lines.js'
import { isBinary, LOOKED_AT_BYTES } from './textDiff.js'

/** Texts up to this size are compared by lines. */
const LINES_BYTES_MAX = MIB
/** Read at most for that, of all contents together; what comes later is compared by chunks. */
const LINES_BYTES_IN_ALL = 128 * MIB
/** Chunk lists up to this many bytes of content are kept. */
const CHUNKS_BYTES_MAX = 64 * MIB
/** How many pairs of larger contents are compared. */
const LARGE_PAIRS_MAX = 64
/** Pieces of two contents that tell whether it is worth looking at the rest of them: most pairs have nothing in common. */
const SAMPLED_STEPS = 256
/** Less than this part of a sample in common is as good as nothing. */
const SAMPLED_PART_MIN = 1 / 8
/** Steps through pieces, of all pairs together; once they are spent the sample is what counts. */
const STEPS_IN_ALL = 200_000_000
const HASH_MASK = 0x3fffffff

/** Hashes, growing, and the bytes of all pieces with that hash. */
interface Pieces {
  readonly hashes: Uint32Array
  readonly bytes: Float64Array
}

/** Compares contents of one store; remembers what it has read. */
export class ContentSimilarity {
  readonly #reader: ObjectReader
  readonly #lines = new Map<string, Pieces | undefined>()
  readonly #chunks = new Map<string, Pieces>()
  #lineBytesLeft = LINES_BYTES_IN_ALL
  #largePairsLeft = LARGE_PAIRS_MAX
  #stepsLeft = STEPS_IN_ALL

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  /** From 0 to 99: only the same id is 100. */
  async percent(a: Content, b: Content): Promise<number> {
    if (a.id === undefined || b.id === undefined) return 0
    if (a.id === b.id && a.shape === b.shape) return 100
    const shared = await this.#sharedBytes(a, b)
    return Math.min(99, Math.floor((100 * shared) / Math.max(a.size, b.size)))
  }

  async #sharedBytes(a: Content, b: Content): Promise<number> {
    const [aLines, bLines] = [await this.#linesOf(a), await this.#linesOf(b)]
    if (aLines && bLines) return this.#commonBytes(aLines, bLines, a.size)
    if (Math.max(a.size, b.size) <= CHUNKS_BYTES_MAX) {
      return this.#commonBytes(await this.#chunksOf(a), await this.#chunksOf(b), a.size)
    }
    if (this.#largePairsLeft === 0) return 0
    this.#largePairsLeft--
    return a.size - (await changedBytes(this.#reader, a, b)).removed
  }

  /** @param aBytes Of the whole first content. */
  #commonBytes(a: Pieces, b: Pieces, aBytes: number): number {
    const sample = overlap(a, b, SAMPLED_STEPS)
    if (sample.isWhole) return sample.common
    if (sample.common < SAMPLED_PART_MIN * sample.seen) return 0
    if (this.#stepsLeft <= 0) return (aBytes * sample.common) / sample.seen
    this.#stepsLeft -= a.hashes.length + b.hashes.length
    return overlap(a, b, Number.POSITIVE_INFINITY).common
  }

  async #linesOf(content: Content): Promise<Pieces | undefined> {
    const key = keyOf(content)
    if (this.#lines.has(key)) return this.#lines.get(key)
    const lines = await this.#readLines(content)
    this.#lines.set(key, lines)
    return lines
  }

  async #readLines(content: Content): Promise<Pieces | undefined> {
    if (content.size > LINES_BYTES_MAX || content.size > this.#lineBytesLeft) return undefined
    for await (const head of readContent(this.#reader, content, 0, LOOKED_AT_BYTES)) {
      if (isBinary(head)) return undefined
    }
    this.#lineBytesLeft -= content.size
    const tally = new Map<number, number>()
    const lines = new Lines(await readWhole(this.#reader, content))
    for (let line = 0; line < lines.count; line++) {
      const bytes = lines.line(line)
      count(tally, hashOf(bytes), bytes.length)
    }
    return piecesOf(tally)
  }

  async #chunksOf(content: Content): Promise<Pieces> {
    const key = keyOf(content)
    const known = this.#chunks.get(key)
    if (known) return known
    const tally = new Map<number, number>()
    for await (const runs of runsFrom(this.#reader, content, 0)) {
      for (const { id, start, end } of runs) count(tally, Number.parseInt(id.slice(-8), 16) & HASH_MASK, end - start)
    }
    const pieces = piecesOf(tally)
    this.#chunks.set(key, pieces)
    return pieces
  }
}

/** Whether an id is that of a chunk or of a manifest is said by the shape. */
function keyOf({ id, shape }: Content): string {
  return `${shape} ${id}`
}

function count(tally: Map<number, number>, hash: number, bytes: number): void {
  tally.set(hash, (tally.get(hash) ?? 0) + bytes)
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash ^ (hash >>> 15)) & HASH_MASK
}

function piecesOf(tally: ReadonlyMap<number, number>): Pieces {
  const hashes = Uint32Array.from(tally.keys()).sort()
  return { hashes, bytes: Float64Array.from(hashes, (hash) => tally.get(hash) ?? 0) }
}

interface Overlap {
  /** Bytes of pieces that both have. */
  readonly common: number
  /** Bytes of the first content among which these were found. */
  readonly seen: number
  readonly isWhole: boolean
}

/** Walks through the pieces of both in the order of their hashes: as good as a random one. */
function overlap(a: Pieces, b: Pieces, steps: number): Overlap {
  let [inA, inB, common, seen] = [0, 0, 0, 0]
  for (let step = 0; step < steps && inA < a.hashes.length && inB < b.hashes.length; step++) {
    const [hashA = 0, hashB = 0] = [a.hashes[inA], b.hashes[inB]]
    if (hashA === hashB) common += Math.min(a.bytes[inA] ?? 0, b.bytes[inB] ?? 0)
    if (hashA <= hashB) seen += a.bytes[inA++] ?? 0
    if (hashB <= hashA) inB++
  }
  return { common, seen, isWhole: inA === a.hashes.length || inB === b.hashes.length }
}
