/**
 * Guesses from samples whether bytes are worth compressing: photographs, archives and encrypted files are not, and
 * trying costs as much as hashing them. A wrong guess costs space, never correctness.
 *
 * A sample is incompressible if all byte values are about equally frequent in it (entropy coding gains nothing) and
 * the quickest compressor finds nothing in it either. One compressible sample is enough to compress it all.
 */
import { KIB } from '../base/units.js'
import { lz4 } from './packages.js'

const SAMPLE_BYTES = 4 * KIB
const SAMPLE_SPACING_BYTES = 64 * KIB
const SAMPLES_LEAST = 4
/** Shorter input is compressed outright. */
const WHOLE_BYTES = 2 * SAMPLES_LEAST * SAMPLE_BYTES

/**
 * Sum of squared counts of the 256 byte values: about n + n²/256 for random bytes. Deflated data goes 6 % above;
 * at 10 % above, entropy coding could win back 1 %.
 */
const RANDOM_SQUARES_MAX = 1.1 * (SAMPLE_BYTES + SAMPLE_BYTES ** 2 / 256)
/** Of a sample's bytes, what the quick compressor makes of it. Random bytes get longer. */
const QUICK_BYTES_MIN = 0.98 * SAMPLE_BYTES

const counts = new Uint16Array(256)

export function looksIncompressible(raw: Buffer): boolean {
  if (raw.length < WHOLE_BYTES) return false
  const samples = Math.max(SAMPLES_LEAST, Math.floor(raw.length / SAMPLE_SPACING_BYTES))
  // From the first bytes to the last, evenly.
  const step = (raw.length - SAMPLE_BYTES) / (samples - 1)
  for (let index = 0; index < samples; index++) {
    const start = Math.floor(index * step)
    const sample = raw.subarray(start, start + SAMPLE_BYTES)
    if (hasFavouriteBytes(sample) || lz4().compressSync(sample).length < QUICK_BYTES_MIN) return false
  }
  return true
}

function hasFavouriteBytes(sample: Buffer): boolean {
  counts.fill(0)
  // By index: asked a dozen times in a commit, this is never optimised, and iterators take five times as long then.
  for (let index = 0; index < SAMPLE_BYTES; index++) {
    const byte = sample[index] ?? 0
    counts[byte] = (counts[byte] ?? 0) + 1
  }
  let squares = 0
  for (let byte = 0; byte < counts.length; byte++) squares += (counts[byte] ?? 0) ** 2
  return squares > RANDOM_SQUARES_MAX
}
