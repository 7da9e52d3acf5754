/**
 * Fingerprints by which chunks that have something in common are found: at positions that the bytes themselves choose, one of so
 * many, the hash of the bytes before it. Chunks that share a fingerprint share that text, wherever it stands in them.
 *
 * Positions are those at which the top bits of a gear hash (Xia et al., *FastCDC*, USENIX ATC 2016) over the last 32 bytes are zero. A
 * fingerprint is FNV-1a over the last 24 bytes, mixed: about a line of text, so that another indentation does no harm.
 */
const GEAR = gearTable()
const GEAR_BYTES = 32
const TEXT_BYTES = 24
const FNV_PRIME = 0x01000193

/** @param bits one of 2^bits positions is chosen @param out takes the fingerprints, none of which is 0 */
export function fingerprintsOf(bytes: Uint8Array, bits: number, out: number[]): void {
  const shift = 32 - bits
  let gear = 0
  for (let at = 0; at < bytes.length; at++) {
    gear = ((gear << 1) + (GEAR[bytes[at] as number] as number)) | 0
    if (gear >>> shift !== 0 || at < GEAR_BYTES - 1) continue
    let hash = 0
    for (let byte = at - TEXT_BYTES + 1; byte <= at; byte++)
      hash = (Math.imul(hash, FNV_PRIME) + (bytes[byte] as number)) | 0
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    out.push((hash ^ (hash >>> 12)) | 1)
  }
}

function gearTable(): Int32Array {
  let state = 0x9e3779b9 | 0
  return Int32Array.from({ length: 256 }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x6d2b79f5) | 0
    return state ^ (state >>> 13)
  })
}
