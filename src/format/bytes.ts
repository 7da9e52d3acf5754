/**
 * The primitives that all encodings are made of.
 *
 *   u8       1 byte
 *   varint   LEB128, least significant seven bits first, at most 2^53 - 1, in its shortest form
 *   zigzag   varint of 2n for n >= 0 and of -2n - 1 for n < 0
 *   hash     32 bytes
 *   blob     varint length ‖ bytes
 *   text     blob of well-formed UTF-8
 *   name     blob of a byte string
 *
 * Every value has one encoding, and the reader refuses any other with CORRUPT_OBJECT: so what decodes
 * encodes to the same bytes, and an id stands for one value only.
 */
import { CorruptionError, VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'

const INITIAL_BYTES = 256
/** 53 bits in groups of seven. */
const VARINT_BYTES_MAX = 8
const LONE_SURROGATE_PATTERN = /\p{Surrogate}/u
const WIDE_CHARACTER_PATTERN = /[^\u0000-\u00ff]/
const ASCII_PATTERN = /^[\u0000-\u007f]*$/
/** Longer texts are decoded faster by the decoder. */
const SHORT_TEXT_BYTES = 256

/** Greatest and least values of a zigzag varint. */
export const ZIGZAG_MAX = (Number.MAX_SAFE_INTEGER - 1) / 2
export const ZIGZAG_MIN = -ZIGZAG_MAX - 1

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Appends to a buffer that grows. `finish` gives the buffer away; the writer is not used after it. */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(expectedBytes = INITIAL_BYTES) {
    this.#buffer = Buffer.allocUnsafe(Math.max(expectedBytes, 16))
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xff) throw notEncodable('a byte', value)
    this.#reserve(1)
    this.#buffer[this.#length++] = value
    return this
  }

  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw notEncodable('an integer from 0 to 2^53 - 1', value)
    this.#reserve(VARINT_BYTES_MAX)
    let rest = value
    // Bitwise operators see 32 bits: divide until they suffice.
    while (rest > 0x7fffffff) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#length++] = rest
    return this
  }

  zigzag(value: number): this {
    if (!Number.isSafeInteger(value) || value < ZIGZAG_MIN || value > ZIGZAG_MAX) {
      throw notEncodable('an integer from -2^52 to 2^52 - 1', value)
    }
    return this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  hash(hash: Hash): this {
    this.#reserve(HASH_BYTES)
    // `write` stops at the first character that is not a hex digit.
    if (hash.length !== 2 * HASH_BYTES || this.#buffer.write(hash, this.#length, 'hex') !== HASH_BYTES) {
      throw notEncodable('an id of 64 hex digits', hash)
    }
    this.#length += HASH_BYTES
    return this
  }

  blob(bytes: Uint8Array): this {
    return this.varint(bytes.length).bytes(bytes)
  }

  text(text: string): this {
    if (LONE_SURROGATE_PATTERN.test(text)) throw notEncodable('well-formed text', text)
    const length = Buffer.byteLength(text, 'utf8')
    this.varint(length)
    this.#reserve(length)
    this.#length += this.#buffer.write(text, this.#length, 'utf8')
    return this
  }

  name(name: ByteName): this {
    if (WIDE_CHARACTER_PATTERN.test(name)) throw notEncodable('a byte string', name)
    this.varint(name.length)
    this.#reserve(name.length)
    this.#length += this.#buffer.write(name, this.#length, 'latin1')
    return this
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }
}

/** Reads what `ByteWriter` wrote. Every method throws CORRUPT_OBJECT on bytes that no writer makes. */
export class ByteReader {
  readonly #buffer: Buffer
  readonly #what: string
  #position = 0

  /** `what` names the thing being read, for messages. */
  constructor(bytes: Uint8Array, what = 'object') {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#what = what
  }

  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.#buffer.length - this.#position
  }

  u8(): number {
    const value = this.#buffer[this.#position]
    if (value === undefined) throw this.#truncated(1)
    this.#position++
    return value
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let count = 1; ; count++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw this.fail('holds a varint that is longer than needed')
        break
      }
      if (count === VARINT_BYTES_MAX) throw this.fail('holds a varint of more than eight bytes')
      scale *= 0x80
    }
    // Eight bytes hold 56 bits. Sums that were rounded are above the limit too.
    if (value > Number.MAX_SAFE_INTEGER) throw this.fail('holds a varint above 2^53 - 1')
    return value
  }

  zigzag(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value - 1) / 2 - 1
  }

  /** To a place that was reached before. */
  moveTo(position: number): void {
    this.#position = position
  }

  skip(length: number): void {
    if (length > this.remaining) throw this.#truncated(length)
    this.#position += length
  }

  /** A view into what is being read, not a copy. */
  bytes(length: number): Buffer {
    if (length > this.remaining) throw this.#truncated(length)
    const start = this.#position
    this.#position += length
    return this.#buffer.subarray(start, this.#position)
  }

  hash(): Hash {
    const start = this.#position
    if (HASH_BYTES > this.remaining) throw this.#truncated(HASH_BYTES)
    this.#position += HASH_BYTES
    return this.#buffer.toString('hex', start, this.#position) as Hash
  }

  /** As `bytes`: a view. */
  blob(): Buffer {
    return this.bytes(this.varint())
  }

  text(): string {
    const bytes = this.blob()
    if (bytes.length <= SHORT_TEXT_BYTES) {
      // Nearly all are: calling the decoder takes longer.
      const text = bytes.toString('latin1')
      if (ASCII_PATTERN.test(text)) return text
    }
    try {
      return strictUtf8.decode(bytes)
    } catch (cause) {
      throw this.fail('holds text that is not UTF-8', { cause })
    }
  }

  name(): ByteName {
    const length = this.varint()
    const start = this.#position
    if (length > this.remaining) throw this.#truncated(length)
    this.#position += length
    return this.#buffer.toString('latin1', start, this.#position) as ByteName
  }

  /** @throws {CorruptionError} `CORRUPT_OBJECT` when bytes remain. */
  end(): void {
    if (this.remaining > 0) throw this.fail(`has ${this.remaining} bytes after its end`)
  }

  /** The error to throw for what the caller found: `<what> <problem>`. */
  fail(problem: string, details: { expected?: unknown; actual?: unknown; cause?: unknown } = {}): CorruptionError {
    return new CorruptionError('CORRUPT_OBJECT', `${this.#what} ${problem} (before byte ${this.#position})`, details)
  }

  #truncated(needed: number): CorruptionError {
    return this.fail('is cut short', { expected: needed, actual: this.remaining })
  }
}

function notEncodable(expected: string, actual: unknown): VarveError {
  return new VarveError(
    'INVALID_ARGUMENT',
    `cannot encode ${JSON.stringify(actual) ?? String(actual)}: not ${expected}`,
    {
      expected,
      actual,
    },
  )
}
