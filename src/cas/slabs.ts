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
    const copy = this.take(bytes.length)
    copy.set(bytes)
    return copy
  }

  /** Room for so many bytes, with whatever was there before. */
  take(length: number): Buffer {
    if (length > this.slabBytes) return Buffer.allocUnsafeSlow(length)
    let slab = this.slabs[this.current]
    while (slab && this.used + length > slab.length) {
      slab = this.slabs[++this.current]
      this.used = 0
    }
    if (!slab) {
      const first = Math.min(FIRST_BYTES * 2 ** this.slabs.length, this.slabBytes)
      const slabBytes = Math.max(first, length)
      slab = (slabBytes === FIRST_BYTES ? idle.pop() : undefined) ?? Buffer.allocUnsafeSlow(slabBytes)
      this.slabs.push(slab)
    }
    const room = slab.subarray(this.used, this.used + length)
    this.used += length
    return room
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
