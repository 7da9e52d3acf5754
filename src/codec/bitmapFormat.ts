/**
 * The portable serialization of roaring bitmaps (RoaringFormatSpec), which implementations in other languages read.
 * All numbers are little-endian.
 *
 *   cookie      u32: 12346, then the number of containers u32; or, where a container is runs: u16 12347 and the number
 *               less 1 u16, then a bit for each container that says whether it is runs
 *   containers  upper half of the ids u16 ‖ number of ids - 1 u16, ascending
 *   offsets     u32 each: where the container's bytes begin. Left out with cookie 12347 below four containers
 *   bytes       array: u16 each; bitset: 8192 bytes; runs: their number u16, then first u16 ‖ length - 1 u16 each.
 *               What is not runs is an array up to 4096 ids
 *
 * A set is written in one way, with runs where they are shorter. What others write is read too, but only what is a set
 * from its first byte to its last: stored bytes may be damaged, and none of their counts is believed before it is seen.
 */
import { CorruptionError, type ErrorDetails } from '../base/errors.js'
import {
  ARRAY_IDS_MAX,
  areShorterAsRuns,
  arrayContainer,
  BITSET_WORDS,
  bitsetContainer,
  CONTAINER_IDS,
  type Container,
  countRuns,
  FULL,
  ones,
  runContainer,
  runsOf,
  writtenOut,
} from './bitmapContainer.js'

const COOKIE_NO_RUNS = 12_346
const COOKIE_RUNS = 12_347
const COOKIE_BYTES = 4
const COUNT_BYTES = 4
/** Key and number of ids. */
const DESCRIPTION_BYTES = 4
const OFFSET_BYTES = 4
/** With runs, offsets are written from this many containers on. */
const OFFSETS_FROM = 4
const CONTAINERS_MAX = 65_536
const RUN_COUNT_BYTES = 2
const RUN_BYTES = 4
const BITSET_BYTES = 4 * BITSET_WORDS
/** Fewer numbers, which are of 16 bits then, are read one by one. */
const COPIED_FROM = 64
const BIG_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 0

/** Containers under the upper halves of their ids, which ascend. */
export interface KeyedContainers {
  readonly keys: number[]
  readonly containers: Container[]
}

export function encodeBitmap({ keys, containers }: KeyedContainers): Buffer {
  const runCounts = containers.map(runCountIfShorter)
  const withRuns = runCounts.some((count) => count > 0)
  const count = containers.length
  const flagsAt = COOKIE_BYTES + (withRuns ? 0 : COUNT_BYTES)
  const descriptionsAt = flagsAt + (withRuns ? Math.ceil(count / 8) : 0)
  const offsetsAt = descriptionsAt + count * DESCRIPTION_BYTES
  const withOffsets = !withRuns || count >= OFFSETS_FROM
  let position = offsetsAt + (withOffsets ? count * OFFSET_BYTES : 0)
  const bytes = Buffer.alloc(
    containers.reduce((sum, { size }, index) => sum + storedBytes(size, runCounts[index]), position),
  )
  if (withRuns) {
    bytes.writeUInt16LE(COOKIE_RUNS, 0)
    bytes.writeUInt16LE(count - 1, 2)
  } else {
    bytes.writeUInt32LE(COOKIE_NO_RUNS, 0)
    bytes.writeUInt32LE(count, COOKIE_BYTES)
  }
  for (const [index, container] of containers.entries()) {
    const runs = runCounts[index] ?? 0
    if (runs > 0) bytes[flagsAt + (index >>> 3)] = (bytes[flagsAt + (index >>> 3)] ?? 0) | (1 << (index & 7))
    bytes.writeUInt16LE(keys[index] ?? 0, descriptionsAt + index * DESCRIPTION_BYTES)
    bytes.writeUInt16LE(container.size - 1, descriptionsAt + index * DESCRIPTION_BYTES + 2)
    if (withOffsets) bytes.writeUInt32LE(position, offsetsAt + index * OFFSET_BYTES)
    position = writeContainer(bytes, position, container, runs)
  }
  return bytes
}

/** How many runs a container is written as; 0 where its ids are shorter one by one. */
function runCountIfShorter(container: Container): number {
  const count = countRuns(container)
  return areShorterAsRuns(count, container.size) ? count : 0
}

/** The length of a container's bytes. */
function storedBytes(size: number, runCount = 0): number {
  if (runCount > 0) return RUN_COUNT_BYTES + runCount * RUN_BYTES
  return size <= ARRAY_IDS_MAX ? 2 * size : BITSET_BYTES
}

/** Returns the position behind it. */
function writeContainer(bytes: Buffer, at: number, container: Container, runCount: number): number {
  if (runCount > 0) {
    bytes.writeUInt16LE(runCount, at)
    return writeNumbers(bytes, at + RUN_COUNT_BYTES, runsOf(container, runCount))
  }
  const plain = container.kind === 'runs' ? writtenOut(container) : container
  return writeNumbers(bytes, at, plain.kind === 'array' ? plain.values.subarray(0, plain.size) : plain.words)
}

function writeNumbers(bytes: Buffer, at: number, numbers: Uint16Array | Uint32Array): number {
  const target = bytes.subarray(at, at + numbers.byteLength)
  target.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
  swapWhereBigEndian(target, numbers.BYTES_PER_ELEMENT)
  return at + numbers.byteLength
}

/** Fills `numbers` with what is stored from `at` on. */
function readNumbers(bytes: Buffer, at: number, numbers: Uint16Array | Uint32Array): void {
  if (numbers.length < COPIED_FROM) {
    for (let index = 0; index < numbers.length; index++) {
      numbers[index] = (bytes[at + 2 * index] ?? 0) | ((bytes[at + 2 * index + 1] ?? 0) << 8)
    }
    return
  }
  const target = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  bytes.copy(target, 0, at, at + target.length)
  swapWhereBigEndian(target, numbers.BYTES_PER_ELEMENT)
}

/** Between stored numbers and those of this machine. Copying all and turning them is faster than one at a time. */
function swapWhereBigEndian(bytes: Buffer, width: number): void {
  if (!BIG_ENDIAN) return
  if (width === 2) bytes.swap16()
  else bytes.swap32()
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` */
export function decodeBitmap(stored: Uint8Array): KeyedContainers {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length)
  const { count, flagsAt, descriptionsAt, offsetsAt, endsAt } = readHeader(bytes)
  const keys: number[] = []
  const containers: Container[] = []
  let position = endsAt
  for (let index = 0; index < count; index++) {
    const key = bytes.readUInt16LE(descriptionsAt + index * DESCRIPTION_BYTES)
    const size = bytes.readUInt16LE(descriptionsAt + index * DESCRIPTION_BYTES + 2) + 1
    if (key <= (keys[index - 1] ?? -1)) throw corrupt('has containers out of order', { actual: key })
    if (offsetsAt !== undefined) {
      const offset = bytes.readUInt32LE(offsetsAt + index * OFFSET_BYTES)
      if (offset !== position) throw corrupt('says the wrong place', { expected: position, actual: offset })
    }
    const isRuns = flagsAt !== undefined && ((bytes.readUInt8(flagsAt + (index >>> 3)) >>> (index & 7)) & 1) === 1
    const runCount = isRuns ? readRunCount(bytes, position) : 0
    if (position + storedBytes(size, runCount) > bytes.length) throw corrupt('is cut short', { actual: bytes.length })
    keys.push(key)
    containers.push(readContainer(bytes, position, size, runCount))
    position += storedBytes(size, runCount)
  }
  if (position !== bytes.length) throw corrupt('has bytes behind it', { expected: position, actual: bytes.length })
  return { keys, containers }
}

interface Header {
  readonly count: number
  /** `undefined` where no container is runs. */
  readonly flagsAt: number | undefined
  readonly descriptionsAt: number
  readonly offsetsAt: number | undefined
  readonly endsAt: number
}

function readHeader(bytes: Buffer): Header {
  if (bytes.length < COOKIE_BYTES) throw corrupt('has no header', { actual: bytes.length })
  const cookie = bytes.readUInt32LE(0)
  const withRuns = (cookie & 0xffff) === COOKIE_RUNS
  if (!withRuns && cookie !== COOKIE_NO_RUNS) throw corrupt('has no roaring cookie', { actual: cookie })
  if (!withRuns && bytes.length < COOKIE_BYTES + COUNT_BYTES) throw corrupt('is cut short', { actual: bytes.length })
  const count = withRuns ? (cookie >>> 16) + 1 : bytes.readUInt32LE(COOKIE_BYTES)
  if (count > CONTAINERS_MAX) throw corrupt('has too many containers', { actual: count })
  const flagsAt = withRuns ? COOKIE_BYTES : undefined
  const descriptionsAt = COOKIE_BYTES + (withRuns ? Math.ceil(count / 8) : COUNT_BYTES)
  const describedAt = descriptionsAt + count * DESCRIPTION_BYTES
  const offsetsAt = !withRuns || count >= OFFSETS_FROM ? describedAt : undefined
  const endsAt = offsetsAt === undefined ? describedAt : describedAt + count * OFFSET_BYTES
  if (endsAt > bytes.length) throw corrupt('is cut short', { expected: endsAt, actual: bytes.length })
  return { count, flagsAt, descriptionsAt, offsetsAt, endsAt }
}

function readRunCount(bytes: Buffer, at: number): number {
  if (at + RUN_COUNT_BYTES > bytes.length) throw corrupt('is cut short', { actual: bytes.length })
  const count = bytes.readUInt16LE(at)
  if (count === 0) throw corrupt('has a container without runs', {})
  return count
}

/** The bytes are there; whether they are `size` ids is to be seen. */
function readContainer(bytes: Buffer, at: number, size: number, runCount: number): Container {
  if (runCount > 0) return readRuns(bytes, at + RUN_COUNT_BYTES, size, runCount)
  return size <= ARRAY_IDS_MAX ? readArray(bytes, at, size) : readBitset(bytes, at, size)
}

function readArray(bytes: Buffer, at: number, size: number): Container {
  const values = new Uint16Array(size)
  readNumbers(bytes, at, values)
  let last = -1
  for (const value of values) {
    if (value <= last) throw corrupt('has ids out of order', { actual: value })
    last = value
  }
  return arrayContainer(values, size)
}

function readBitset(bytes: Buffer, at: number, size: number): Container {
  const words = new Uint32Array(BITSET_WORDS)
  readNumbers(bytes, at, words)
  let actual = 0
  for (const word of words) actual += ones(word)
  if (actual !== size) throw corrupt('has another number of ids than it says', { expected: size, actual })
  return size === CONTAINER_IDS ? FULL : bitsetContainer(words, size)
}

function readRuns(bytes: Buffer, at: number, size: number, count: number): Container {
  const runs = new Uint16Array(2 * count)
  readNumbers(bytes, at, runs)
  let actual = 0
  // Runs that touch are one run.
  let next = -1
  for (let index = 0; index < runs.length; index += 2) {
    const first = runs[index] ?? 0
    const length = (runs[index + 1] ?? 0) + 1
    if (first <= next || first + length > CONTAINER_IDS) throw corrupt('has runs out of order', { actual: first })
    next = first + length
    actual += length
  }
  if (actual !== size) throw corrupt('has another number of ids than it says', { expected: size, actual })
  return size === CONTAINER_IDS ? FULL : runContainer(runs, size)
}

function corrupt(problem: string, details: ErrorDetails): CorruptionError {
  return new CorruptionError('CORRUPT_OBJECT', `a bitmap ${problem}`, details)
}
