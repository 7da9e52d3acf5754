/**
 * The checksum over an extent's stored bytes: XXH3, 64 bits, in its canonical (big-endian) form. It finds damage
 * without decoding; it is no proof of identity, which only ids are.
 */
import { createXXHash3 } from 'hash-wasm'

export const CHECKSUM_BYTES = 8

export interface Checksum {
  /** `CHECKSUM_BYTES` long. */
  of(bytes: Uint8Array): Buffer
}

let shared: Promise<Checksum> | undefined

/** One for all, since calls do not overlap. Made for the first who asks: to compile it takes as long as to open a store. */
export function theChecksum(): Promise<Checksum> {
  shared ??= createChecksum()
  return shared
}

/** One of its own: for tests. */
export async function createChecksum(): Promise<Checksum> {
  const xxh3 = await createXXHash3()
  return {
    of(bytes) {
      return Buffer.from(xxh3.init().update(bytes).digest('binary'))
    },
  }
}
