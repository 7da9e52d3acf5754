/**
 * zstd, from whichever library is at hand: the runtime's own (Node 22.15 and later; with dictionaries later still),
 * or the package `@toondepauw/node-zstd`. Both write and read the same format,
 * though not always the same bytes; nor does the runtime's in the thread pool and out of it.
 *
 * The runtime's is preferred: it stops decoding at a given length. The package knows no limit, so its frames are
 * inspected first (zstdFrame.ts); its frames do not declare their size, so that is added.
 */
import * as zlib from 'node:zlib'
import type package_ from '@toondepauw/node-zstd'
import { KIB } from '../base/units.js'
import { type Dictionary, joined, joinedForNow } from './dictionary.js'
import { zstd as zstdPackage } from './packages.js'
import { holdsUnseen } from './unseenMemory.js'
import { withContentSize } from './zstdFrame.js'

export interface Zstd {
  encode(raw: Buffer, level: number, dictionary: Dictionary | undefined): Buffer
  encodeAsync(raw: Buffer, level: number, dictionary: Dictionary | undefined): Promise<Buffer>
  decode(frame: Buffer, rawBytes: number, dictionary: Dictionary | undefined): Buffer
  decodeAsync(frame: Buffer, rawBytes: number, dictionary: Dictionary | undefined): Promise<Buffer>
}

interface RuntimeOptions {
  readonly params?: Record<number, number>
  readonly pledgedSrcSize?: number
  readonly chunkSize?: number
  readonly maxOutputLength?: number
  readonly dictionary?: Buffer
}
type RuntimeCallback = (error: Error | null, result: Buffer) => void

/** What the type declarations of Node 20 do not know yet. */
interface RuntimeZstd {
  zstdCompressSync(raw: Buffer, options: RuntimeOptions): Buffer
  zstdDecompressSync(frame: Buffer, options: RuntimeOptions): Buffer
  zstdCompress(raw: Buffer, options: RuntimeOptions, done: RuntimeCallback): void
  zstdDecompress(frame: Buffer, options: RuntimeOptions, done: RuntimeCallback): void
  readonly constants: { readonly ZSTD_c_compressionLevel: number }
}

/** The runtime refuses less. */
const CHUNK_SIZE_LEAST = 64

/** The package's. */
export const packagedZstd: Zstd = {
  encode: (raw, level, dictionary) => withContentSize(encoderOf(level, dictionary).encodeSync(raw), raw.length),
  encodeAsync: async (raw, level, dictionary) =>
    withContentSize(await encoderOf(level, dictionary).encode(raw), raw.length),
  decode(frame, rawBytes, dictionary) {
    holdsUnseen(rawBytes)
    return decoderOf(dictionary).decodeSync(frame)
  },
  decodeAsync(frame, rawBytes, dictionary) {
    holdsUnseen(rawBytes)
    return decoderOf(dictionary).decode(frame)
  },
}

/** The runtime's, where it has one. */
export const runtimeZstd: Zstd | undefined =
  'zstdCompressSync' in zlib ? runtime(zlib as unknown as RuntimeZstd) : undefined

export const zstd: Zstd = runtimeZstd ?? packagedZstd

// An encoder is no more than its parameters: it can be used again, and by several calls at once. Dictionaries are copied as it is made.
const encoders = new Map<number, package_.Encoder>()
/** What an encoder takes, about: its tables grow with its dictionary. */
const ENCODER_LEAST_BYTES = 64 * KIB
const ENCODER_TIMES = 16
let plainDecoder: package_.Decoder | undefined

function encoderOf(level: number, dictionary: Dictionary | undefined): package_.Encoder {
  const { Encoder } = zstdPackage()
  if (dictionary) {
    const bytes = joinedForNow(dictionary)
    holdsUnseen(ENCODER_LEAST_BYTES + ENCODER_TIMES * bytes.length)
    return new Encoder(level, bytes)
  }
  let encoder = encoders.get(level)
  if (!encoder) {
    encoder = new Encoder(level)
    encoders.set(level, encoder)
  }
  return encoder
}

function decoderOf(dictionary: Dictionary | undefined): package_.Decoder {
  const { Decoder } = zstdPackage()
  if (dictionary) {
    const bytes = joinedForNow(dictionary)
    holdsUnseen(bytes.length)
    return new Decoder(bytes)
  }
  plainDecoder ??= new Decoder()
  return plainDecoder
}

function runtime(native: RuntimeZstd): Zstd {
  const levelKey = native.constants.ZSTD_c_compressionLevel
  const hasDictionaries = takesDictionaries(native)
  const encodeOptions = (rawBytes: number, level: number, dictionary: Dictionary | undefined): RuntimeOptions => ({
    params: { [levelKey]: level },
    // Declared in the frame's header, and a better choice of tables.
    pledgedSrcSize: rawBytes,
    ...(dictionary ? { dictionary: joined(dictionary) } : undefined),
  })
  const decodeOptions = (rawBytes: number, dictionary: Dictionary | undefined): RuntimeOptions => ({
    // Zero is refused.
    maxOutputLength: Math.max(rawBytes, 1),
    // All in one piece of memory.
    chunkSize: Math.max(rawBytes, CHUNK_SIZE_LEAST),
    ...(dictionary ? { dictionary: joined(dictionary) } : undefined),
  })
  const usesPackage = (dictionary: Dictionary | undefined): boolean => dictionary !== undefined && !hasDictionaries
  return {
    encode(raw, level, dictionary) {
      if (usesPackage(dictionary)) return packagedZstd.encode(raw, level, dictionary)
      return withContentSize(native.zstdCompressSync(raw, encodeOptions(raw.length, level, dictionary)), raw.length)
    },
    async encodeAsync(raw, level, dictionary) {
      if (usesPackage(dictionary)) return packagedZstd.encodeAsync(raw, level, dictionary)
      holdsUnseen(raw.length)
      const frame = await called((done) => native.zstdCompress(raw, encodeOptions(raw.length, level, dictionary), done))
      return withContentSize(frame, raw.length)
    },
    decode(frame, rawBytes, dictionary) {
      if (usesPackage(dictionary)) return packagedZstd.decode(frame, rawBytes, dictionary)
      return native.zstdDecompressSync(frame, decodeOptions(rawBytes, dictionary))
    },
    async decodeAsync(frame, rawBytes, dictionary) {
      if (usesPackage(dictionary)) return packagedZstd.decodeAsync(frame, rawBytes, dictionary)
      holdsUnseen(rawBytes)
      return called((done) => native.zstdDecompress(frame, decodeOptions(rawBytes, dictionary), done))
    },
  }
}

/** Runtimes that do not know the option ignore it in silence: seen by what a dictionary saves. */
function takesDictionaries(native: RuntimeZstd): boolean {
  const sample = Buffer.from(Array.from({ length: 200 }, (_, index) => (index * index * 31) >> 3))
  const alone = native.zstdCompressSync(sample, {})
  const dictionary = Buffer.concat([Buffer.alloc(1), sample])
  return native.zstdCompressSync(sample, { dictionary }).length < alone.length / 2
}

function called(start: (done: RuntimeCallback) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error) reject(error)
      else resolve(result)
    })
  })
}
