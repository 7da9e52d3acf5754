import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OpenFile } from '../../src/base/filesystem.js'
import { KIB } from '../../src/base/units.js'
import { writeSmall } from '../../src/worktree/contentWriter.js'

/** What is written of some bytes: where from, where to, and what a file then holds. */
function written(bytes: Buffer): { ranges: [number, number][]; file: Buffer } {
  const ranges: [number, number][] = []
  let file = Buffer.alloc(0)
  const grow = (size: number): void => {
    if (size > file.length) file = Buffer.concat([file, Buffer.alloc(size - file.length)])
  }
  const open: Pick<OpenFile, 'writeSync' | 'truncateSync'> = {
    writeSync(piece, position) {
      grow(position + piece.length)
      file.set(piece, position)
      ranges.push([position, position + piece.length])
    },
    truncateSync: grow,
  }
  writeSmall(open as OpenFile, bytes)
  return { ranges, file }
}

/** Zeros, but for one byte at each of these places. */
function marked(size: number, ...places: number[]): Buffer {
  const bytes = Buffer.alloc(size)
  for (const place of places) bytes[place] = 1
  return bytes
}

test.each<[string, Buffer, [number, number][]]>([
  ['nothing', Buffer.alloc(0), []],
  ['zeros alone, of any length', Buffer.alloc(64 * KIB + 1), []],
  ['too few zeros', Buffer.alloc(64 * KIB - 1), [[0, 64 * KIB - 1]]],
  [
    'a hole begins and ends with a block',
    marked(200 * KIB, 5000, 100 * KIB),
    [
      [0, 8 * KIB],
      [100 * KIB, 104 * KIB],
    ],
  ],
  ['a hole at the beginning', marked(68 * KIB, 64 * KIB), [[64 * KIB, 68 * KIB]]],
  ['nearly a hole', marked(68 * KIB, 64 * KIB - 1), [[0, 68 * KIB]]],
  ['zeros at the end that are no whole block', marked(100 * KIB + 7, 0), [[0, 4 * KIB]]],
  ['zeros between others that are not long enough', marked(128 * KIB, 0, 67 * KIB, 128 * KIB - 1), [[0, 128 * KIB]]],
])('%s', (_what, bytes, ranges) => {
  expect(written(bytes).ranges).toEqual(ranges)
})

test('whatever is written and left out, the file holds the bytes', () => {
  const runs = fc.array(
    fc.record({
      length: fc.oneof(fc.nat(5000), fc.constantFrom(4 * KIB, 60 * KIB, 64 * KIB, 68 * KIB, 130 * KIB)),
      isZeros: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(runs, (list) => {
      const bytes = Buffer.concat(list.map(({ length, isZeros }) => Buffer.alloc(length, isZeros ? 0 : 0xa5)))
      const { file, ranges } = written(bytes)
      expect(file.equals(bytes)).toBe(true)
      for (const [from, to] of ranges) {
        for (let at = Math.ceil(from / (64 * KIB)) * 64 * KIB; at + 64 * KIB <= to; at += 64 * KIB) {
          expect(bytes.subarray(at, at + 64 * KIB).some((byte) => byte !== 0)).toBe(true)
        }
      }
    }),
  )
})
