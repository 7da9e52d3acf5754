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

export async function createChecksum(): Promise<Checksum> {
  const xxh3 = await createXXHash3()
  return {
    of(bytes) {
      return Buffer.from(xxh3.init().update(bytes).digest('binary'))
    },
  }
}
