/**
 * Writes the contents of files: small ones in one synchronous go, large ones in windows, one being written while the next
 * is read. Long runs of zeros become holes, which read the same and take no space. Short ones do not: a file of many small
 * holes is slow to write, and lies about the disk in pieces.
 */
import { CorruptionError, type VarveError } from '../base/errors.js'
import type { OpenFile } from '../base/filesystem.js'
import { KIB, MIB } from '../base/units.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { readPieces } from '../history/contentRead.js'

/** Contents up to this size are in memory before their file is made. */
export const WINDOW_BYTES = MIB
/** Of file systems, mostly: holes begin and end at multiples of it. */
const BLOCK_BYTES = 4 * KIB
/** Runs of so many zeros are not written. They are looked for in each window by itself. */
const HOLE_BYTES_MIN = 64 * KIB
const ZEROS = Buffer.alloc(BLOCK_BYTES)

export class ContentWriter {
  readonly #reader: ObjectReader
  readonly #windows = [Buffer.allocUnsafeSlow(WINDOW_BYTES), Buffer.allocUnsafeSlow(WINDOW_BYTES)] as const

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  /** A content of at most `WINDOW_BYTES`, in a buffer that the next call overwrites. */
  async load(content: Content): Promise<Buffer> {
    const [window] = this.#windows
    let filled = 0
    for await (const pieces of readPieces(this.#reader, content)) {
      for (const bytes of pieces) {
        requireRoom(content, filled + bytes.length)
        filled += bytes.copy(window, filled)
      }
    }
    requireAll(content, filled)
    return window.subarray(0, filled)
  }

  /** @param onBytes Told of bytes on their way to the file; to be awaited. */
  async writeLarge(
    file: OpenFile,
    content: Content,
    onBytes: (bytes: number) => Promise<void> | undefined,
  ): Promise<void> {
    let [window, other] = this.#windows
    let position = 0
    let filled = 0
    let running: Promise<void> = Promise.resolve()
    try {
      for await (const pieces of readPieces(this.#reader, content)) {
        for (const bytes of pieces) {
          requireRoom(content, position + filled + bytes.length)
          for (let taken = 0; taken < bytes.length; ) {
            const length = bytes.copy(window, filled, taken)
            taken += length
            filled += length
            if (filled < window.length) continue
            await running
            running = writeWindow(file, window, position)
            // Said where it is awaited; until then it is not unheard of.
            running.catch(() => undefined)
            position += filled
            filled = 0
            ;[window, other] = [other, window]
          }
          await onBytes(bytes.length)
        }
      }
      await running
      running = writeWindow(file, window.subarray(0, filled), position)
      await running
    } finally {
      // The file is closed next: nothing may still be writing to it.
      await running.catch(() => undefined)
    }
    requireAll(content, position + filled)
    file.truncateSync(content.size)
  }
}

/** Bytes that lie in memory, from the beginning of the file on. */
export function writeSmall(file: OpenFile, bytes: Buffer): void {
  let end = 0
  for (const [from, to] of filledRanges(bytes)) {
    file.writeSync(bytes.subarray(from, to), from)
    end = to
  }
  if (end < bytes.length) file.truncateSync(bytes.length)
}

async function writeWindow(file: OpenFile, window: Buffer, position: number): Promise<void> {
  for (const [from, to] of filledRanges(window)) await file.write(window.subarray(from, to), position + from)
}

/** What is between the holes. */
function* filledRanges(bytes: Buffer): Generator<readonly [number, number]> {
  let start = 0
  let zerosFrom = 0
  for (let block = 0; block < bytes.length; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, bytes.length)
    // The first byte decides nearly always.
    const isZeros = bytes[block] === 0 && ZEROS.compare(bytes, block, end, 0, end - block) === 0
    if (isZeros && end < bytes.length) continue
    const zerosTo = isZeros ? end : block
    if (zerosTo - zerosFrom >= HOLE_BYTES_MIN) {
      if (start < zerosFrom) yield [start, zerosFrom]
      start = zerosTo
    }
    zerosFrom = end
  }
  if (start < bytes.length) yield [start, bytes.length]
}

function requireRoom(content: Content, bytes: number): void {
  if (bytes > content.size) throw wrongSize(content, bytes)
}

function requireAll(content: Content, bytes: number): void {
  if (bytes !== content.size) throw wrongSize(content, bytes)
}

export function wrongSize(content: Content, actual: number): VarveError {
  return new CorruptionError('CORRUPT_OBJECT', `a content of ${content.size} bytes has ${actual}`, {
    ...(content.id === undefined ? {} : { id: content.id }),
    expected: content.size,
    actual,
  })
}
