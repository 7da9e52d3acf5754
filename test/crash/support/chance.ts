/** Chance that repeats from a seed, and bytes that both sides of a pipe can make for themselves. */
import { createCipheriv, createHash } from 'node:crypto'

export class Chance {
  #state: number

  constructor(...seed: readonly (string | number)[]) {
    this.#state = createHash('sha256').update(seed.join(':')).digest().readUInt32LE(0)
  }

  /** From 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** From 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  /** From `first` to `last`, both included. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

/** Bytes that no codec makes smaller, the same for the same seed. */
export function noise(seed: string, count: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(count))
}

const BLOCK = 16
const REPEATS = 16

/** As `noise`, but to a sixteenth compressible: much to chunk and hash, little to store. */
export function squeezableNoise(seed: string, count: number): Buffer {
  const sparse = noise(seed, Math.ceil(count / REPEATS / BLOCK) * BLOCK)
  const bytes = Buffer.alloc(sparse.length * REPEATS)
  for (let from = 0, to = 0; from < sparse.length; from += BLOCK) {
    const block = sparse.subarray(from, from + BLOCK)
    for (let repeat = 0; repeat < REPEATS; repeat++, to += BLOCK) bytes.set(block, to)
  }
  return bytes.subarray(0, count)
}

export function digest(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
