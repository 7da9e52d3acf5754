/**
 * Content-defined chunking.
 *
 * Model: a pure function of the bytes and the profile gives the cuts (FastCDC: cutKernel.ts).
 * How the bytes are sliced on their way in never shows. Chunks are views, never copies.
 *
 * Why streaming is exact: the algorithm starts afresh at each chunk and looks at no more than `maxBytes` from there.
 * So a cut is final if `maxBytes` were at hand at the chunk's start, or all the input that is left. What is not cut yet
 * is carried over. Long slices are cut where they lie: of them only the bytes about the seams are copied.
 *
 * Why repeats are quick: where the next bytes equal the whole previous chunk the next cut is the same distance away,
 * for the same reason. Comparing is ten times as fast as rolling, and long runs of zeros are what disk images have.
 */
import { MIB } from '../base/units.js'
import type { ChunkerProfile } from '../format/profile.js'
import { findCuts, PIECE_BYTES } from './cutKernel.js'

/** Short slices are gathered until they are so many of the longest chunks, so that most are looked at once. */
const GATHERED_CHUNKS = 4
const WINDOW_BYTES_FIRST = MIB / 16
/** Windows that streams have done with: fresh memory costs as much as hashing. */
const IDLE_WINDOWS_MAX = 4
const idleWindows: Buffer[] = []

/** The chunks of bytes that are all at hand, as views of `bytes`. None for no bytes. */
export function chunkWhole(bytes: Uint8Array, profile: ChunkerProfile): Buffer[] {
  if (bytes.length === 0) return []
  const chunks: Buffer[] = []
  cut(asBuffer(bytes), true, profile, undefined, chunks)
  return chunks
}

/**
 * The chunks of a stream, some at a time: each step of an asynchronous loop costs as much as cutting a chunk does. They are
 * views, valid until the next ones are asked for. Slices of the source are only looked at while they are the latest one.
 */
export async function* chunkStream(
  source: AsyncIterable<Uint8Array>,
  profile: ChunkerProfile,
): AsyncIterable<readonly Buffer[]> {
  const chunker = new Chunker(profile)
  try {
    for await (const bytes of source) yield chunker.push(bytes)
    yield chunker.end()
  } finally {
    chunker.release()
  }
}

/**
 * Chunks bytes that come in slices. What `push` and `end` return are views into the slice or into memory of the
 * chunker: valid until the next call. After `end` the chunker stands at the start of another input.
 */
export class Chunker {
  readonly #profile: ChunkerProfile
  /** Bytes not yet cut are in the current window. Two, because chunks that were handed out are views of one. */
  #windows: [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)]
  #current: 0 | 1 = 0
  #carriedBytes = 0
  /** A copy of the last chunk, for the comparison with what follows. */
  #previous = Buffer.alloc(0)
  #previousBytes = 0

  constructor(profile: ChunkerProfile) {
    this.#profile = profile
  }

  push(bytes: Uint8Array): Buffer[] {
    const { maxBytes } = this.#profile
    let rest = asBuffer(bytes)
    if (this.#carriedBytes + rest.length <= GATHERED_CHUNKS * maxBytes) {
      this.#carry(rest)
      return []
    }
    const chunks: Buffer[] = []
    if (this.#carriedBytes > 0) {
      // Enough for a cut behind the seam.
      const takenBytes = Math.min(rest.length, maxBytes)
      this.#carry(rest.subarray(0, takenBytes))
      const window = this.#windows[this.#current].subarray(0, this.#carriedBytes)
      const left = window.subarray(this.#cut(window, false, chunks))
      this.#current = this.#current === 0 ? 1 : 0
      this.#carriedBytes = 0
      // From the first cut within the slice on, the slice itself is cut. If it is so short that no cut falls
      // within it, then the window took all of it.
      if (left.length <= takenBytes) rest = rest.subarray(takenBytes - left.length)
      else rest = left
    }
    const cutBytes = rest.length < maxBytes ? 0 : this.#cut(rest, false, chunks)
    this.#carry(rest.subarray(cutBytes))
    const last = chunks.at(-1)
    if (last) this.#remember(last)
    return chunks
  }

  end(): Buffer[] {
    const chunks: Buffer[] = []
    const window = this.#windows[this.#current].subarray(0, this.#carriedBytes)
    if (window.length > 0) this.#cut(window, true, chunks)
    this.#carriedBytes = 0
    this.#previousBytes = 0
    return chunks
  }

  /** Gives the chunker's memory to the next one. Chunks it returned are no longer valid, nor is the chunker. */
  release(): void {
    for (const window of this.#windows) {
      if (window.length > WINDOW_BYTES_FIRST && idleWindows.length < IDLE_WINDOWS_MAX) idleWindows.push(window)
    }
    this.#windows = [Buffer.alloc(0), Buffer.alloc(0)]
    this.#carriedBytes = 0
    this.#previousBytes = 0
  }

  #cut(region: Buffer, atEnd: boolean, chunks: Buffer[]): number {
    const previous = this.#previousBytes === 0 ? undefined : this.#previous.subarray(0, this.#previousBytes)
    return cut(region, atEnd, this.#profile, chunks.at(-1) ?? previous, chunks)
  }

  #carry(bytes: Buffer): void {
    const neededBytes = this.#carriedBytes + bytes.length
    let window = this.#windows[this.#current]
    if (neededBytes > window.length) {
      const grown = newWindow(neededBytes, this.#profile)
      grown.set(window.subarray(0, this.#carriedBytes))
      window = grown
      this.#windows[this.#current] = grown
    }
    window.set(bytes, this.#carriedBytes)
    this.#carriedBytes = neededBytes
  }

  #remember(chunk: Buffer): void {
    if (this.#previous.length === 0) this.#previous = Buffer.allocUnsafeSlow(this.#profile.maxBytes)
    this.#previous.set(chunk)
    this.#previousBytes = chunk.length
  }
}

/**
 * Appends the chunks of `region` that are final to `chunks`; `previous` is the chunk before it.
 * @returns where the last of them ends.
 */
function cut(
  region: Buffer,
  atEnd: boolean,
  profile: ChunkerProfile,
  previous: Buffer | undefined,
  chunks: Buffer[],
): number {
  const { minBytes, maxBytes } = profile
  let start = 0
  let last = previous
  while (start < region.length) {
    const leftBytes = region.length - start
    if (leftBytes < maxBytes && !atEnd) break
    if (leftBytes <= minBytes) {
      chunks.push(region.subarray(start))
      return region.length
    }
    if (last !== undefined && leftBytes >= maxBytes && startsWith(region, start, last)) {
      const end = start + last.length
      chunks.push(region.subarray(start, end))
      start = end
      continue
    }
    const piece = region.subarray(start, start + PIECE_BYTES)
    const reachesEnd = atEnd && piece.length === leftBytes
    let from = 0
    for (const to of findCuts(piece, reachesEnd, profile)) {
      last = piece.subarray(from, to)
      chunks.push(last)
      from = to
    }
    start += from
  }
  return start
}

function startsWith(region: Buffer, start: number, chunk: Buffer): boolean {
  return region[start] === chunk[0] && region.compare(chunk, 0, chunk.length, start, start + chunk.length) === 0
}

function newWindow(neededBytes: number, { maxBytes }: ChunkerProfile): Buffer {
  if (neededBytes <= WINDOW_BYTES_FIRST) return Buffer.allocUnsafeSlow(WINDOW_BYTES_FIRST)
  const mostBytes = (GATHERED_CHUNKS + 1) * maxBytes
  const idle = idleWindows.pop()
  return idle && idle.length >= mostBytes ? idle : Buffer.allocUnsafeSlow(Math.max(mostBytes, WINDOW_BYTES_FIRST))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
