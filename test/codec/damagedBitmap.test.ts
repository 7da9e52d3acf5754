/** Bytes that are no set, by accident or on purpose: refused, or read as one, and never at a price. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { MIB } from '../../src/base/units.js'
import { Bitmap } from '../../src/codec/bitmap.js'
import { bitmapOf, idsOf, range, stored } from './bitmaps.js'

const corrupt = expect.objectContaining({ name: 'CorruptionError', code: 'CORRUPT_OBJECT' })

/** One container under key 0, without runs: `size` is what it says. */
function plainFile(size: number, body: Buffer): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(12_346, 0)
  header.writeUInt32LE(1, 4)
  header.writeUInt16LE(size - 1, 10)
  header.writeUInt32LE(16, 12)
  return Buffer.concat([header, body])
}

/** One container of runs under key 0. */
function runFile(size: number, numbers: readonly number[], count = numbers.length / 2): Buffer {
  const bytes = Buffer.alloc(11 + 2 * numbers.length)
  bytes.writeUInt32LE(12_347, 0)
  bytes.writeUInt8(1, 4)
  bytes.writeUInt16LE(size - 1, 7)
  bytes.writeUInt16LE(count, 9)
  for (const [index, number] of numbers.entries()) bytes.writeUInt16LE(number, 11 + 2 * index)
  return bytes
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, 2 * index)
  return bytes
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

const two = bitmapOf([1, 0x50000]).serialize()
const bits = plainFile(5000, Buffer.concat([Buffer.alloc(625, 0xff), Buffer.alloc(8192 - 625)]))

test('the samples themselves are sets', () => {
  expect(idsOf(Bitmap.deserialize(plainFile(2, numbers(3, 9))))).toEqual([3, 9])
  expect(idsOf(Bitmap.deserialize(runFile(5, [3, 1, 10, 2])))).toEqual([3, 4, 10, 11, 12])
  expect(Bitmap.deserialize(runFile(0x10000, [0, 0xffff])).size).toBe(0x10000)
  expect(Bitmap.deserialize(bits).size).toBe(5000)
  expect(idsOf(Bitmap.deserialize(two))).toEqual([1, 0x50000])
})

test.each([
  ['ids descend', plainFile(2, numbers(9, 3)), 'has ids out of order'],
  ['ids repeat', plainFile(2, numbers(3, 3)), 'has ids out of order'],
  ['a bitset has fewer bits', plainFile(5001, bits.subarray(16)), 'has another number of ids than it says'],
  ['runs have more ids', runFile(4, [3, 1, 10, 2]), 'has another number of ids than it says'],
  ['runs overlap', runFile(5, [3, 1, 4, 2]), 'has runs out of order'],
  ['runs touch', runFile(5, [3, 1, 5, 2]), 'has runs out of order'],
  ['a run leaves its container', runFile(3, [0xffff, 2]), 'has runs out of order'],
  ['there is no run', runFile(1, []), 'has a container without runs'],
  ['there are fewer runs', runFile(5, [3, 1, 10, 2], 0xffff), 'is cut short'],
  ['keys repeat', changed(two, (bytes) => bytes.writeUInt16LE(5, 8)), 'has containers out of order'],
  ['keys descend', changed(two, (bytes) => bytes.writeUInt16LE(9, 8)), 'has containers out of order'],
  ['an offset is wrong', changed(two, (bytes) => bytes.writeUInt32LE(25, 16)), 'says the wrong place'],
  ['there are bytes behind', Buffer.concat([two, Buffer.alloc(2)]), 'has bytes behind it'],
  ['the cookie is another', changed(two, (bytes) => bytes.writeUInt32LE(12_345, 0)), 'has no roaring cookie'],
  ['too many containers', changed(two, (bytes) => bytes.writeUInt32LE(0x10001, 4)), 'has too many containers'],
  ['all containers', changed(two, (bytes) => bytes.writeUInt32LE(0x10000, 4)), 'is cut short'],
  ['nothing', Buffer.alloc(0), 'has no header'],
])('%s', (_, bytes, problem) => {
  expect(() => Bitmap.deserialize(bytes)).toThrow(corrupt)
  expect(() => Bitmap.deserialize(bytes)).toThrow(`a bitmap ${problem}`)
})

const small = [
  bitmapOf([]),
  bitmapOf([1, 2, 0x10005]),
  bitmapOf([...range(10, 60), 100]),
  bitmapOf([...range(0, 0x10000), 0x20001, ...range(0x30000, 0x30400), ...range(0x50000, 0x50003), 0xffff_ffff]),
].map((bitmap) => bitmap.serialize())

test('cut short anywhere', () => {
  for (const bytes of [...small, bits]) {
    for (let length = 0; length < bytes.length; length++) {
      if (length > 100 && length % 7 !== 0) continue
      expect(() => Bitmap.deserialize(bytes.subarray(0, length))).toThrow(corrupt)
    }
  }
})

/** Refused, or a set: ascending, of the size it says, and itself again when written. */
function expectRefusedOrSet(bytes: Buffer): 'refused' | 'set' {
  let bitmap: Bitmap
  try {
    bitmap = Bitmap.deserialize(bytes)
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_OBJECT')) throw error
    return 'refused'
  }
  let last = -1
  let size = 0
  for (const batch of bitmap.batches()) {
    for (const id of batch) {
      if (id <= last) throw new Error(`${id} after ${last} in ${bytes.toString('hex')}`)
      last = id
    }
    size += batch.length
  }
  expect(bitmap.size).toBe(size)
  expect(stored(bitmap).xor(bitmap).size).toBe(0)
  return 'set'
}

test('any byte changed to any other', () => {
  const outcomes = { refused: 0, set: 0 }
  for (const bytes of small) {
    for (let at = 0; at < bytes.length; at++) {
      for (let change = 1; change < 256; change += bytes.length > 60 ? 23 : 1) {
        outcomes[expectRefusedOrSet(changed(bytes, (copy) => copy.writeUInt8(bytes[at]! ^ change, at)))]++
      }
    }
  }
  expect(outcomes.refused).toBeGreaterThan(outcomes.set)
  expect(outcomes.set).toBeGreaterThan(0)
})

test('bytes changed in several places', () => {
  const places = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(fc.constantFrom(...small.slice(1)), places, (bytes, changes) => {
      const damaged = Buffer.from(bytes)
      for (const [at, change] of changes) damaged[at % bytes.length]! ^= change
      expectRefusedOrSet(damaged)
    }),
    { numRuns: 2000 },
  )
})

test('cost no more memory than they have', () => {
  const lies = [plainFile(0x10000, Buffer.alloc(8191)), runFile(0x10000, [0, 1], 0xffff)]
  for (const bytes of lies) expect(() => Bitmap.deserialize(bytes)).toThrow(corrupt)

  // Each container is all ids but one, in 14 bytes with its header: as bits they are 512 MiB.
  const count = 0x10000
  const bomb = Buffer.alloc(4 + count / 8, 0xff)
  bomb.writeUInt32LE((0xffff * 0x10000 + 12_347) >>> 0, 0)
  const headers = Buffer.alloc(8 * count)
  const runs = Buffer.alloc(6 * count)
  for (let key = 0; key < count; key++) {
    headers.writeUInt16LE(key, 4 * key)
    headers.writeUInt16LE(0xfffe, 4 * key + 2)
    headers.writeUInt32LE(bomb.length + headers.length + 6 * key, 4 * (count + key))
    runs.writeUInt16LE(1, 6 * key)
    runs.writeUInt16LE(0xfffe, 6 * key + 4)
  }
  const bytes = Buffer.concat([bomb, headers, runs])
  const before = process.memoryUsage().arrayBuffers
  const bitmap = Bitmap.deserialize(bytes)
  expect(bitmap.size).toBe(count * 0xffff)
  expect(bitmap.andSize(stored(bitmap))).toBe(count * 0xffff)
  expect(bitmap.has(0xffff)).toBe(false)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB)
})
