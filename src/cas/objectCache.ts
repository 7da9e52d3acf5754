import type { Hash } from '../base/hash.js'

/** Verified bytes of objects (not of file chunks), least recently used out first, bounded in bytes. */
export class ObjectCache {
  private readonly held = new Map<Hash, Buffer>()
  private bytes = 0

  constructor(private readonly maxBytes: number) {}

  get(id: Hash): Buffer | undefined {
    const bytes = this.held.get(id)
    if (bytes) {
      this.held.delete(id)
      this.held.set(id, bytes)
    }
    return bytes
  }

  /** `bytes` must not change afterwards. */
  set(id: Hash, bytes: Buffer): void {
    if (this.held.has(id) || bytes.length > this.maxBytes / 8) return
    this.held.set(id, bytes)
    this.bytes += bytes.length
    for (const [oldest, held] of this.held) {
      if (this.bytes <= this.maxBytes) break
      this.held.delete(oldest)
      this.bytes -= held.length
    }
  }
}
