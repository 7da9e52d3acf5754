/**
 * Content-defined chunking.
 *
 * Model: a pure function of the bytes and the profile gives the cuts (FastCDC as the package `fastcdc-wasm` has it).
 * How the bytes are sliced on their way in never shows. Chunks are views, never copies.
 *
 * Why streaming is exact: the algorithm starts afresh at each chunk and looks at no more than `maxBytes` from there.
 * So a cut is final if `maxBytes` were at hand at the chunk's start, or all the input that is left. Other cuts are
 * dropped, and their bytes are carried over and looked at again.
 *
 * Why repeats are quick: where the next bytes equal the whole previous chunk the next cut is the same distance away,
 * for the same reason. Comparing is ten times as fast as rolling, and long runs of zeros are what disk images have.
 */
import { MIB } from '../base/units.js'
import type { ChunkerProfile } from '../format/profile.js'
import { fastcdc } from './packages.js'

/** Bytes the algorithm sees at once. At the end of each piece up to `maxBytes` are looked at twice. */
const PIECE_BYTES = 2 * MIB
const WINDOW_BYTES = PIECE_BYTES
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
 * The chunks of a stream. Each is a view, valid until the next one is asked for.
 * Slices of the source are only looked at while they are the latest one.
 */
export async function* chunkStream(source: AsyncIterable<Uint8Array>, profile: ChunkerProfile): AsyncIterable<Buffer> {
  const chunker = new Chunker(profile)
  try {
    for await (const bytes of source) yield* chunker.push(bytes)
    yield* chunker.end()
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
    if (this.#carriedBytes + rest.length <= WINDOW_BYTES - maxBytes) {
      this.#carry(rest)
      return []
    }
    const chunks: Buffer[] = []
    if (this.#carriedBytes > 0) {
      const takenBytes = Math.min(rest.length, WINDOW_BYTES - this.#carriedBytes)
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
      if (window.length === WINDOW_BYTES && idleWindows.length < IDLE_WINDOWS_MAX) idleWindows.push(window)
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
      const grown = newWindow(neededBytes)
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
  const { minBytes, averageBytes, maxBytes } = profile
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
    const cuts = fastcdc().get_chunks(piece, minBytes, averageBytes, maxBytes)
    let from = 0
    for (let index = 1; index < cuts.length; index++) {
      if (piece.length - from < maxBytes && !reachesEnd) break
      const to = cuts[index] ?? piece.length
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

function newWindow(neededBytes: number): Buffer {
  const idle = idleWindows.pop()
  if (idle) return idle
  let size = WINDOW_BYTES_FIRST
  while (size < neededBytes) size *= 4
  return Buffer.allocUnsafeSlow(Math.min(size, WINDOW_BYTES))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
