/**
 * The structure of a zstd frame (RFC 8878), as far as it can be read without decoding. It bounds what a frame
 * decodes to before a decoder, which may know no limit, is given the frame.
 *
 *   magic 28 B5 2F FD ‖ descriptor u8 ‖ [window u8] ‖ [dictionary id 0/1/2/4] ‖ [content size 0/1/2/4/8] ‖ block+ ‖ [checksum 4]
 *   descriptor   bits 6-7 width of the content size, 5 single segment (no window byte), 3 reserved, 2 checksum,
 *                0-1 width of the dictionary id
 *   block        3 bytes little-endian: bit 0 last, bits 1-2 type (0 raw, 1 run, 2 compressed), bits 3-23 size ‖ bytes
 */
import { KIB } from '../base/units.js'

const MAGIC = 0xfd2fb528
const DESCRIPTOR_AT = 4
const SINGLE_SEGMENT_BIT = 0x20
const RESERVED_BIT = 0x08
const CHECKSUM_BIT = 0x04
const CONTENT_SIZE_SHIFT = 6
/** Width code 2: four bytes. */
const CONTENT_SIZE_FOUR_BYTES = 2
const BLOCK_HEADER_BYTES = 3
const BLOCK_BYTES_MAX = 128 * KIB
const BLOCK_RAW = 0
const BLOCK_RUN = 1
const BLOCK_COMPRESSED = 2
/** Encoders split into blocks of several KiB. Many small blocks are a way to say little and decode to a lot. */
const BLOCKS_LEAST = 16
const RAW_BYTES_PER_BLOCK = KIB

/** Why `frame` is not one frame, whole, of `rawBytes` bytes; `undefined` if nothing speaks against it. */
export function zstdFrameProblem(frame: Buffer, rawBytes: number): string | undefined {
  const header = readHeader(frame)
  if (header === undefined) return 'has no zstd frame header'
  if (header.contentBytes === undefined) return 'does not declare its size'
  if (header.contentBytes !== rawBytes) return `declares ${header.contentBytes} bytes`
  let position = header.headerBytes
  let knownBytes = 0
  let blocksLeft = BLOCKS_LEAST + rawBytes / RAW_BYTES_PER_BLOCK
  for (let last = false; !last; ) {
    if (position + BLOCK_HEADER_BYTES > frame.length) return 'is cut short'
    const block = frame.readUIntLE(position, BLOCK_HEADER_BYTES)
    position += BLOCK_HEADER_BYTES
    last = (block & 1) === 1
    const type = (block >> 1) & 3
    const size = block >> 3
    if (size > BLOCK_BYTES_MAX || type > BLOCK_COMPRESSED) return 'has an impossible block'
    if (type === BLOCK_RAW || type === BLOCK_RUN) knownBytes += size
    if (knownBytes > rawBytes) return 'decodes to more than it declares'
    if (--blocksLeft < 0) return 'has too many blocks'
    position += type === BLOCK_RUN ? 1 : size
  }
  if (header.checksum) position += 4
  return position === frame.length ? undefined : 'does not end where its last block ends'
}

/** `frame` with `rawBytes` declared: some encoders leave the size out. */
export function withContentSize(frame: Buffer, rawBytes: number): Buffer {
  const header = readHeader(frame)
  if (header === undefined || header.contentBytes !== undefined) return frame
  const sized = Buffer.allocUnsafe(frame.length + 4)
  frame.copy(sized, 0, 0, header.headerBytes)
  sized[DESCRIPTOR_AT] = (frame[DESCRIPTOR_AT] ?? 0) | (CONTENT_SIZE_FOUR_BYTES << CONTENT_SIZE_SHIFT)
  sized.writeUInt32LE(rawBytes, header.headerBytes)
  frame.copy(sized, header.headerBytes + 4, header.headerBytes)
  return sized
}

interface FrameHeader {
  /** `undefined` where the frame does not say. */
  readonly contentBytes: number | undefined
  readonly checksum: boolean
  readonly headerBytes: number
}

function readHeader(frame: Buffer): FrameHeader | undefined {
  if (frame.length <= DESCRIPTOR_AT || frame.readUInt32LE(0) !== MAGIC) return undefined
  const descriptor = frame[DESCRIPTOR_AT] ?? 0
  if ((descriptor & RESERVED_BIT) !== 0) return undefined
  const singleSegment = (descriptor & SINGLE_SEGMENT_BIT) !== 0
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> CONTENT_SIZE_SHIFT] ?? 0
  const contentSizeAt = DESCRIPTOR_AT + 1 + (singleSegment ? 0 : 1) + dictionaryIdBytes
  const headerBytes = contentSizeAt + contentSizeBytes
  if (headerBytes > frame.length) return undefined
  return {
    contentBytes: readContentSize(frame, contentSizeAt, contentSizeBytes),
    checksum: (descriptor & CHECKSUM_BIT) !== 0,
    headerBytes,
  }
}

function readContentSize(frame: Buffer, at: number, width: number): number | undefined {
  if (width === 0) return undefined
  // Two bytes count from 256, where one byte ends.
  if (width === 2) return frame.readUInt16LE(at) + 256
  return width === 8 ? Number(frame.readBigUInt64LE(at)) : frame.readUIntLE(at, width)
}
