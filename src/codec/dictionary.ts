/**
 * What an extent is compressed against: the bytes of base chunks, one behind the other.
 *
 * They are preceded by one zero byte, on both ways, because bytes that begin with zstd's dictionary magic would be taken for a
 * trained dictionary.
 */
import { MIB } from '../base/units.js'

/** In pieces as they are at hand: not every codec needs them in one. */
export type Dictionary = readonly Uint8Array[]

/** Longer ones are rare, and would be held for ever. */
const SCRATCH_MOST_BYTES = 2 * MIB

let scratch = Buffer.alloc(0)

/** In memory of its own. */
export function joined(dictionary: Dictionary): Buffer {
  return join(dictionary, Buffer.allocUnsafeSlow(1 + bytesOf(dictionary)))
}

/**
 * In memory that the next call uses again, for who copies it before that: the first touch of fresh memory takes many times what
 * the copy does.
 */
export function joinedForNow(dictionary: Dictionary): Buffer {
  const bytes = 1 + bytesOf(dictionary)
  if (bytes > SCRATCH_MOST_BYTES) return joined(dictionary)
  if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(Math.min(2 * bytes, SCRATCH_MOST_BYTES))
  return join(dictionary, scratch.subarray(0, bytes))
}

export function bytesOf(dictionary: Dictionary): number {
  return dictionary.reduce((sum, { length }) => sum + length, 0)
}

function join(dictionary: Dictionary, into: Buffer): Buffer {
  into[0] = 0
  let end = 1
  for (const part of dictionary) {
    into.set(part, end)
    end += part.length
  }
  return into
}
