/** Sets of ids against a plain `Set`, and their bytes against CRoaring's. */
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { RoaringBitmap32, roaringLibraryInitialize } from 'roaring-wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { Bitmap } from '../../src/codec/bitmap.js'
import { bitmapOf, idsOf, range, stored } from './bitmaps.js'

const GOLDEN = new URL('../golden/bitmaps/', import.meta.url)
const OPERATIONS = ['or', 'and', 'andNot', 'xor'] as const

beforeAll(roaringLibraryInitialize)

function sorted(ids: Iterable<number>): Uint32Array {
  return Uint32Array.from(ids).sort()
}

function bytesOf(ids: Uint32Array): Buffer {
  return Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)
}

/** Says where they differ only if they do: there are many. */
function expectIds(bitmap: Bitmap, ids: Uint32Array): void {
  if (!Buffer.concat(Array.from(bitmap.batches(), bytesOf)).equals(bytesOf(ids))) {
    expect(idsOf(bitmap)).toEqual(Array.from(ids))
  }
}

function expectSameBytes(first: Bitmap, second: Bitmap): void {
  expect(first.serialize().equals(second.serialize())).toBe(true)
}

/** Single ids, ranges and combs in a few containers, the last one included: every shape meets every other. */
const piece = fc
  .record({
    key: fc.constantFrom(0, 1, 2, 0x8000, 0xffff),
    first: fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 31, 32, 0xffff)),
    length: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 1, max: 100 }) },
      { weight: 2, arbitrary: fc.constantFrom(4095, 4096, 4097, 30_000) },
      { weight: 1, arbitrary: fc.constant(0x10000) },
    ),
    step: fc.constantFrom(1, 1, 2, 3, 37),
  })
  .map(({ key, first, length, step }) => {
    const from = length === 0x10000 ? 0 : first
    return range(from, Math.min(from + length * step, 0x10000), length === 0x10000 ? 1 : step).map(
      (low) => key * 0x10000 + low,
    )
  })
const idSet = fc.array(piece, { maxLength: 5 }).map((pieces) => new Set(pieces.flat()))

function expected(operation: (typeof OPERATIONS)[number], first: Set<number>, second: Set<number>): Uint32Array {
  const kept: number[] = []
  for (const id of first)
    if (second.has(id) ? operation === 'or' || operation === 'and' : operation !== 'and') kept.push(id)
  if (operation === 'or' || operation === 'xor') for (const id of second) if (!first.has(id)) kept.push(id)
  return sorted(kept)
}

describe('a set', () => {
  test('under each operation is what a plain set is, and the other one stays', () => {
    fc.assert(
      fc.property(idSet, idSet, fc.boolean(), fc.boolean(), (first, second, firstStored, secondStored) => {
        const left = firstStored ? stored(bitmapOf(first)) : bitmapOf(first)
        const right = secondStored ? stored(bitmapOf(second)) : bitmapOf(second)
        expect(left.andSize(right)).toBe(expected('and', first, second).length)
        for (const operation of OPERATIONS) {
          const result = left.clone()[operation](right)
          const ids = expected(operation, first, second)
          expect(result.size).toBe(ids.length)
          expectIds(result, ids)
          expectSameBytes(result, bitmapOf(ids))
        }
        expectIds(left, sorted(first))
        expectIds(right, sorted(second))
      }),
      { numRuns: 60 },
    )
  })

  test('after many changes is what a plain set is, and clones keep what they had', () => {
    const change = fc.oneof(
      fc.record({ what: fc.constantFrom(...OPERATIONS), ids: idSet }),
      fc.record({
        what: fc.constantFrom('add' as const, 'addMany' as const, 'clone' as const, 'store' as const),
        ids: idSet,
      }),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        let bitmap = bitmapOf([])
        let model = new Set<number>()
        const clones: [Bitmap, Uint32Array][] = []
        for (const { what, ids } of changes) {
          // What an operation takes over from the other must not follow it from then on.
          const other = bitmapOf(ids)
          if (what === 'clone') clones.push([bitmap.clone(), sorted(model)])
          else if (what === 'store') bitmap = stored(bitmap)
          else if (what === 'addMany') bitmap.addMany(Uint32Array.from([...ids].reverse()))
          else if (what === 'add') for (const id of [...ids].slice(0, 200)) bitmap.add(id)
          else bitmap[what](other)
          if (what === 'addMany') model = new Set([...model, ...ids])
          else if (what === 'add') model = new Set([...model, ...[...ids].slice(0, 200)])
          else if (what !== 'clone' && what !== 'store') model = new Set(expected(what, model, ids))
          bitmap.add(77)
          model.add(77)
          clones.push([other, sorted(ids)])
          expect(bitmap.size).toBe(model.size)
        }
        expectIds(bitmap, sorted(model))
        for (const [clone, ids] of clones) expectIds(clone, ids)
      }),
      { numRuns: 40 },
    )
  })

  test.each([
    // Built id by id an array has room left, into which the next one goes.
    ['array', [...range(0, 10), ...range(20, 25)]],
    ['bitset', range(0, 20_000, 2)],
  ])('takes over an %s, and what becomes of it then is nothing to the other', (_, ids) => {
    const takings: ((other: Bitmap) => Bitmap)[] = [
      (other) => other.clone(),
      (other) => bitmapOf([]).or(other),
      (other) => bitmapOf([]).xor(other),
      (other) => bitmapOf(range(0, 0x10000)).and(other),
    ]
    for (const take of takings) {
      const other = bitmapOf([])
      for (const id of ids) other.add(id)
      const taken = take(other)
      taken.add(15)
      expectIds(other, Uint32Array.from(ids))
      other.add(13)
      expectIds(taken, sorted([...ids, 15]))
      taken.xor(bitmapOf(range(0, 30_000)))
      expectIds(other, sorted([...ids, 13]))
    }
  })

  test('has what it was given, and nothing beside', () => {
    fc.assert(
      fc.property(idSet, fc.array(fc.integer({ min: 0, max: 0xffff_ffff })), (ids, others) => {
        const near = [...ids]
          .slice(0, 300)
          .flatMap((id) => [id - 1, id, id + 1])
          .filter((id) => id >= 0 && id <= 0xffff_ffff)
        for (const bitmap of [bitmapOf(ids), stored(bitmapOf(ids))]) {
          expect([...near, ...others].filter((id) => bitmap.has(id) !== ids.has(id))).toEqual([])
        }
      }),
    )
  })

  test('grows id by id through every shape to a full container and beyond', () => {
    const bitmap = bitmapOf([])
    for (const id of [...range(0, 0x10000, 2), ...range(1, 0x10000, 2).reverse(), 0x10000]) bitmap.add(id).add(id)
    expectSameBytes(bitmap, bitmapOf(range(0, 0x10001)))
  })

  test('takes ids in any order, repeated', () => {
    expect(idsOf(bitmapOf([0xffff_ffff, 5, 0x10000, 5, 0, 0xffff_ffff]))).toEqual([0, 5, 0x10000, 0xffff_ffff])
    const twice = range(0, 5000).flatMap((id) => [id, id])
    expect(bitmapOf(twice).size).toBe(5000)
    expect(bitmapOf(twice.slice(0, 4000)).size).toBe(2000)
  })

  test('with itself', () => {
    const bitmap = bitmapOf([...range(0, 5000, 2), 0x10000])
    expect(bitmap.andSize(bitmap)).toBe(2501)
    expect(bitmap.or(bitmap).and(bitmap).size).toBe(2501)
    expect(bitmap.clone().andNot(bitmap).size).toBe(0)
    expect(bitmap.xor(bitmap).size).toBe(0)
  })

  test('refuses what is no id: cut to 32 bits it would be another', () => {
    const bitmap = bitmapOf([0, 1])
    for (const id of [-1, 0.5, 2 ** 32, 2 ** 32 + 1, Number.NaN]) {
      for (const call of [() => bitmap.has(id), () => bitmap.add(id)]) {
        expect(call).toThrow(
          expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ actual: id }) }),
        )
      }
    }
    expect(bitmap.size).toBe(2)
  })

  test('comes in batches of at most 65536', () => {
    const batches = [...bitmapOf([...range(0, 0x18000), ...range(0x30000, 0x30010), 0xffff_0000]).batches()]
    expect(batches.map((batch) => batch.length)).toEqual([0x10000, 0x8000 + 0x10 + 1])
    expect([...bitmapOf([]).batches()]).toEqual([])
  })
})

const goldenSets: Readonly<Record<string, number[]>> = {
  empty: [],
  'one-array': [0, 1, 0xffff],
  'two-runs': [...range(100, 300), ...range(1000, 1300)],
  'array-4096': range(0, 8192, 2),
  'bitset-4097': range(0, 8194, 2),
  'full-container': range(0x10000, 0x20000),
  'three-kinds-no-offsets': [...range(0, 60_000), ...range(0x10000, 0x20000, 3), 200_000],
  'nine-containers': range(0, 9).flatMap((key) =>
    key % 3 === 0
      ? range(key * 0x10000 + 5, key * 0x10000 + 905)
      : range(key * 0x10000, (key + 1) * 0x10000, key % 3 === 1 ? 2 : 97),
  ),
  edges: [0, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_0000, 0xffff_ffff],
}

describe('the portable form', () => {
  test.each(Object.entries(goldenSets))('%s is what CRoaring wrote', (name, ids) => {
    expect(bitmapOf(ids).serialize()).toEqual(readFileSync(new URL(`${name}.bin`, GOLDEN)))
  })

  const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.bin'))
  test.each(files)('%s is read', (file) => {
    // Not at the beginning of its memory, nor at an even place.
    const bytes = Buffer.concat([Buffer.alloc(3), readFileSync(new URL(file, GOLDEN))]).subarray(3)
    const bitmap = Bitmap.deserialize(bytes)
    const ids = goldenSets[file.replace(/(-without-runs)?\.bin$/, '')]!
    expect(bitmap.size).toBe(ids.length)
    expectIds(bitmap, Uint32Array.from(ids))
    bytes.fill(0xff)
    expectSameBytes(bitmap, bitmapOf(ids))
  })

  test.each([
    ...[1, 2, 2046, 2047, 2048].map((runs) => ({ runs, length: 2 })),
    ...[1, 1365, 1366, 2046, 2047, 2048, 2049].map((runs) => ({ runs, length: 3 })),
  ])('of $runs runs of $length has the shape that CRoaring chooses', ({ runs, length }) => {
    const ids = range(0, runs).flatMap((run) => range(run * 5, run * 5 + length))
    const oracle = new RoaringBitmap32(ids)
    oracle.runOptimize()
    expect(Buffer.from(oracle.serialize('portable')).equals(bitmapOf(ids).serialize())).toBe(true)
    oracle.dispose()
  })

  test('is CRoaring’s, byte for byte, and each reads the other’s', () => {
    fc.assert(
      fc.property(idSet, (ids) => {
        const bytes = bitmapOf(ids).serialize()
        const oracle = new RoaringBitmap32(ids)
        const back = RoaringBitmap32.deserialize('portable', bytes)
        try {
          expectIds(Bitmap.deserialize(oracle.serialize('portable')), sorted(ids))
          oracle.runOptimize()
          expect(Buffer.from(oracle.serialize('portable')).equals(bytes)).toBe(true)
          expect(back.isEqual(oracle)).toBe(true)
        } finally {
          oracle.dispose()
          back.dispose()
        }
      }),
    )
  })
})
