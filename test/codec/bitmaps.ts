/** Sets of ids for the suites of bitmaps. */
import { Bitmap } from '../../src/codec/bitmap.js'

export function range(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step)
}

export function bitmapOf(ids: Iterable<number>): Bitmap {
  return Bitmap.of(Uint32Array.from(ids))
}

export function idsOf(bitmap: Bitmap): number[] {
  return Array.from(bitmap.batches(), (batch) => Array.from(batch)).flat()
}

/** `bitmap` as it comes back from a store: what is shorter as runs stays runs there. */
export function stored(bitmap: Bitmap): Bitmap {
  return Bitmap.deserialize(bitmap.serialize())
}
