/** Memory for copies that live until a batch is published: taken in slabs and used again, since fresh pages are slow. */
export class Slabs {
  private readonly slabs: Buffer[] = []
  private current = 0
  private used = 0

  constructor(private readonly slabBytes: number) {}

  copy(bytes: Uint8Array): Buffer {
    if (bytes.length > this.slabBytes) return Buffer.from(bytes)
    if (this.used + bytes.length > this.slabBytes) {
      this.current++
      this.used = 0
    }
    let slab = this.slabs[this.current]
    if (!slab) {
      slab = Buffer.allocUnsafeSlow(this.slabBytes)
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
}
