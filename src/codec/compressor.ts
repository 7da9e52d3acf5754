/**
 * Compression of whole extents.
 *
 * A frame says how long its content is (zstd in its header, lz4 in the four bytes before its block), and that is
 * compared with what the store knows before anything is decoded: so a frame that lies costs no memory. A result is
 * never longer than the raw bytes: what does not compress is stored as it is, codec 0.
 * */
import { CorruptionError, VarveError } from '../base/errors.js'
import { KIB } from '../base/units.js'
import { bytesOf, type Dictionary, joined } from './dictionary.js'
import { lz4 } from './packages.js'
import { looksIncompressible } from './sample.js'
import { freeCollected } from './unseenMemory.js'
import { zstd } from './zstd.js'
import { zstdFrameProblem } from './zstdFrame.js'

export type CompressionName = 'zstd' | 'lz4' | 'none'

export interface Compression {
  readonly codec: CompressionName
  /** zstd: 1 … 19. 0 for the others. */
  readonly level: number
}

/** As stored beside each frame; frozen with the format. */
export const CODEC = { none: 0, lz4: 1, zstd: 2 } as const

export interface Frame {
  /** One of `CODEC`. */
  readonly codec: number
  /** The raw bytes themselves, not a copy, where the codec is none. */
  readonly frame: Buffer
}

const ZSTD_LEVEL_DEFAULT = 3
/** Lower levels find little in a dictionary: at 3 frames are three times as large as at 6, for hardly less time. */
const ZSTD_LEVEL_WITH_BASES = 6
/** Unless that is but a small part of what is compressed: then frames become no smaller, and take three times as long. */
const SMALL_DICTIONARY_PART = 0.25
/** Beyond it, encoders take hundreds of MiB. */
const ZSTD_LEVEL_MAX = 19
const LZ4_PREFIX_BYTES = 4
/** Decoded in less time than a thread takes to be asked. */
const AT_ONCE_BYTES = 64 * KIB
const COMPRESSION_PATTERN = /^(?:(none|lz4)|zstd(?::(\d{1,2}))?)$/

/** From `zstd:3`, `zstd`, `lz4` or `none`. @throws {VarveError} `INVALID_ARGUMENT` */
export function parseCompression(text: string): Compression {
  const match = COMPRESSION_PATTERN.exec(text)
  const level = match?.[2] === undefined ? ZSTD_LEVEL_DEFAULT : Number(match[2])
  if (!match || level < 1 || level > ZSTD_LEVEL_MAX) {
    const expected = `zstd, zstd:1 to zstd:${ZSTD_LEVEL_MAX}, lz4 or none`
    throw new VarveError('INVALID_ARGUMENT', `not a compression: ${JSON.stringify(text)}`, {
      expected,
      actual: text,
      hint: `Use ${expected}.`,
    })
  }
  const plain = match[1]
  return plain === 'none' || plain === 'lz4' ? { codec: plain, level: 0 } : { codec: 'zstd', level }
}

/** What `parseCompression` reads. */
export function formatCompression({ codec, level }: Compression): string {
  return codec === 'zstd' ? `zstd:${level}` : codec
}

/** Encodes at once, in this thread. */
export function encodeFrame(raw: Uint8Array, compression: Compression, dictionary?: Dictionary): Frame {
  const bytes = asBuffer(raw)
  if (!isWorthTrying(bytes, compression, dictionary)) return stored(bytes)
  if (compression.codec === 'lz4')
    return smaller(bytes, CODEC.lz4, lz4().compressSync(bytes, dictionary && joined(dictionary)))
  return smaller(bytes, CODEC.zstd, zstd.encode(bytes, levelOf(compression, bytes, dictionary), dictionary))
}

/**
 * As `encodeFrame`, in the thread pool; the frame may be another one of the same content. `raw` and `dictionary` must not
 * change until it resolves.
 */
export async function encodeFrameAsync(
  raw: Uint8Array,
  compression: Compression,
  dictionary?: Dictionary,
): Promise<Frame> {
  const bytes = asBuffer(raw)
  if (!isWorthTrying(bytes, compression, dictionary)) return stored(bytes)
  if (compression.codec === 'lz4')
    return smaller(bytes, CODEC.lz4, await lz4().compress(bytes, dictionary && joined(dictionary)))
  return smaller(bytes, CODEC.zstd, await zstd.encodeAsync(bytes, levelOf(compression, bytes, dictionary), dictionary))
}

/**
 * The `rawBytes` bytes that were encoded; `frame` itself where the codec is none.
 * @throws {CorruptionError} `CORRUPT_EXTENT`, before decoding where the frame declares another length
 * @throws {VarveError} `UNSUPPORTED` for a codec that this varve does not know
 */
export function decodeFrame(codec: number, frame: Uint8Array, rawBytes: number, dictionary?: Dictionary): Buffer {
  const bytes = inspected(codec, asBuffer(frame), rawBytes)
  if (codec === CODEC.none) return bytes
  let raw: Buffer
  try {
    raw =
      codec === CODEC.lz4
        ? lz4().uncompressSync(bytes, dictionary && joined(dictionary))
        : zstd.decode(bytes, rawBytes, dictionary)
  } catch (cause) {
    throw undecodable(cause)
  }
  return ofLength(raw, rawBytes)
}

/** As `decodeFrame`, in the thread pool where that is worth the way there. `frame` and `dictionary` must not change until it resolves. */
export async function decodeFrameAsync(
  codec: number,
  frame: Uint8Array,
  rawBytes: number,
  dictionary?: Dictionary,
): Promise<Buffer> {
  if (rawBytes <= AT_ONCE_BYTES) {
    const raw = decodeFrame(codec, frame, rawBytes, dictionary)
    await freeCollected()
    return raw
  }
  const bytes = inspected(codec, asBuffer(frame), rawBytes)
  if (codec === CODEC.none) return bytes
  let raw: Buffer
  try {
    raw = await (codec === CODEC.lz4
      ? lz4().uncompress(bytes, dictionary && joined(dictionary))
      : zstd.decodeAsync(bytes, rawBytes, dictionary))
  } catch (cause) {
    throw undecodable(cause)
  }
  return ofLength(raw, rawBytes)
}

/** With a dictionary, what looks random alone may well be in the dictionary. */
function isWorthTrying(raw: Buffer, { codec }: Compression, dictionary: Dictionary | undefined): boolean {
  if (codec === 'none' || raw.length === 0) return false
  return dictionary !== undefined || !looksIncompressible(raw)
}

function levelOf({ level }: Compression, raw: Buffer, dictionary: Dictionary | undefined): number {
  if (dictionary === undefined || bytesOf(dictionary) <= SMALL_DICTIONARY_PART * raw.length) return level
  return Math.max(level, ZSTD_LEVEL_WITH_BASES)
}

function stored(raw: Buffer): Frame {
  return { codec: CODEC.none, frame: raw }
}

function smaller(raw: Buffer, codec: number, frame: Buffer): Frame {
  if (frame.length >= raw.length) return stored(raw)
  // What this module would refuse to decode must never be stored, whatever an encoder does one day.
  return frameProblem(codec, frame, raw.length) === undefined ? { codec, frame } : stored(raw)
}

function inspected(codec: number, frame: Buffer, rawBytes: number): Buffer {
  const problem = frameProblem(codec, frame, rawBytes)
  if (problem === undefined) return frame
  throw new CorruptionError('CORRUPT_EXTENT', `a frame of ${rawBytes} bytes ${problem}`, {
    expected: rawBytes,
    actual: problem,
  })
}

function frameProblem(codec: number, frame: Buffer, rawBytes: number): string | undefined {
  switch (codec) {
    case CODEC.none:
      return frame.length === rawBytes ? undefined : `has ${frame.length} bytes`
    case CODEC.lz4: {
      if (frame.length < LZ4_PREFIX_BYTES) return 'is cut short'
      const declaredBytes = frame.readUInt32LE(0)
      return declaredBytes === rawBytes ? undefined : `declares ${declaredBytes} bytes`
    }
    case CODEC.zstd:
      return zstdFrameProblem(frame, rawBytes)
    default:
      throw new VarveError('UNSUPPORTED', `unknown codec ${codec}`, {
        expected: Object.values(CODEC),
        actual: codec,
        hint: 'A newer varve may have written it.',
      })
  }
}

function ofLength(raw: Buffer, rawBytes: number): Buffer {
  if (raw.length === rawBytes) return raw
  throw new CorruptionError('CORRUPT_EXTENT', `a frame of ${rawBytes} bytes decodes to ${raw.length}`, {
    expected: rawBytes,
    actual: raw.length,
  })
}

function undecodable(cause: unknown): CorruptionError {
  return new CorruptionError('CORRUPT_EXTENT', 'a frame cannot be decoded', { cause })
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
