/**
 * The check number of a catalog row: CRC-32 over its fields, so that a flipped bit in a row that matters is
 * noticed. It guards against damage, not against people.
 *
 *   null      00
 *   integer   01 ‖ 8 bytes, little-endian two's complement (numbers and bigints alike)
 *   text      02 ‖ length u32 ‖ UTF-8
 *   bytes     03 ‖ length u32 ‖ bytes
 */
import * as zlib from 'node:zlib'
import { VarveError } from '../base/errors.js'

export type RowField = string | number | bigint | Uint8Array | null

const SCRATCH_BYTES = 4096
const HEADER_BYTES = 9
/** Copying so few bytes to the others takes less time than asking for their checksum by themselves. */
const COPIED_BYTES_MAX = 512
const UINT32_RANGE = 0x1_0000_0000

/** Calls do not overlap, so one buffer serves all of them. */
let scratch = Buffer.allocUnsafe(SCRATCH_BYTES)

/**
 * @returns an unsigned 32-bit number.
 * @throws {VarveError} `INVALID_ARGUMENT` for numbers that are not safe integers and bigints beyond 64 bits.
 */
export function rowCheck(...fields: readonly RowField[]): number {
  let check = 0
  let length = 0
  for (const field of fields) {
    if (length + HEADER_BYTES + COPIED_BYTES_MAX > SCRATCH_BYTES) {
      check = zlib.crc32(scratch.subarray(0, length), check)
      length = 0
    }
    if (field instanceof Uint8Array) {
      length = writeHeader(length, 3, field.length)
      if (field.length <= COPIED_BYTES_MAX) {
        scratch.set(field, length)
        length += field.length
        continue
      }
      // Payload may be long: fed to the checksum as it is, not copied.
      check = zlib.crc32(field, zlib.crc32(scratch.subarray(0, length), check))
      length = 0
    } else if (field === null) scratch[length++] = 0
    else if (typeof field === 'string') length = writeText(length, field)
    else length = writeInteger(length, field)
  }
  return zlib.crc32(scratch.subarray(0, length), check)
}

/**
 * Whether a row that was read matches its check. A damaged record can hold types and numbers that no row is written with:
 * they do not match, and nothing is thrown.
 */
export function rowMatches(check: unknown, ...fields: readonly unknown[]): boolean {
  try {
    return rowCheck(...(fields as RowField[])) === check
  } catch (error) {
    if (error instanceof VarveError || error instanceof TypeError) return false
    throw error
  }
}

function writeHeader(start: number, tag: number, bytes: number): number {
  reserve(start + HEADER_BYTES)
  scratch[start] = tag
  return scratch.writeUInt32LE(bytes, start + 1)
}

function writeText(start: number, text: string): number {
  const bytes = Buffer.byteLength(text, 'utf8')
  const textStart = writeHeader(start, 2, bytes)
  reserve(textStart + bytes)
  return textStart + scratch.write(text, textStart, 'utf8')
}

function writeInteger(start: number, value: number | bigint): number {
  scratch[start] = 1
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) throw notInteger(value)
    return scratch.writeBigInt64LE(value, start + 1)
  }
  if (!Number.isSafeInteger(value)) throw notInteger(value)
  const high = Math.floor(value / UINT32_RANGE)
  scratch.writeUInt32LE(value - high * UINT32_RANGE, start + 1)
  return scratch.writeInt32LE(high, start + 5)
}

function reserve(bytes: number): void {
  if (bytes <= scratch.length) return
  const grown = Buffer.allocUnsafe(2 * bytes)
  grown.set(scratch)
  scratch = grown
}

function notInteger(value: number | bigint): VarveError {
  return new VarveError('INVALID_ARGUMENT', `not an integer of 64 bits: ${value}`, {
    expected: 'a safe integer, or a bigint of 64 bits',
    actual: String(value),
  })
}
