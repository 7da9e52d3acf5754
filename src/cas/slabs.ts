import { KIB } from '../base/units.js'

/** The first one, after which they double: most writers write little. */
const FIRST_BYTES = 32 * KIB

/** First ones that writers have done with. */
const IDLE_MAX = 4
const idle: Buffer[] = []

/** Memory for copies that live until a batch is published: taken in slabs and used again, since fresh pages are slow. */
export class Slabs {
  private readonly slabs: Buffer[] = []
  private current = 0
  private used = 0

  constructor(private readonly slabBytes: number) {}

  copy(bytes: Uint8Array): Buffer {
    if (bytes.length > this.slabBytes) return Buffer.from(bytes)
    let slab = this.slabs[this.current]
    while (slab && this.used + bytes.length > slab.length) {
      slab = this.slabs[++this.current]
      this.used = 0
    }
    if (!slab) {
      const first = Math.min(FIRST_BYTES * 2 ** this.slabs.length, this.slabBytes)
      const length = Math.max(first, bytes.length)
      slab = (length === FIRST_BYTES ? idle.pop() : undefined) ?? Buffer.allocUnsafeSlow(length)
      this.slabs.push(slab)
    }
    const copy = slab.subarray(this.used, this.used + bytes.length)
    copy.set(bytes)
    this.used += bytes.length
    return copy
  }

  /** Everything copied so far may be overwritten from now on. */
  reset(): void {
    this.current = 0
    this.used = 0
  }

  /** As `reset`, for good: the next writer gets the first slab. */
  release(): void {
    const [first] = this.slabs.splice(0)
    if (first?.length === FIRST_BYTES && idle.length < IDLE_MAX) idle.push(first)
    this.reset()
  }
}
