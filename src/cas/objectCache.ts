import type { Hash } from '../base/hash.js'
import type { Kind } from '../format/kinds.js'

/** Verified bytes of objects (not of file chunks), least recently used out first, bounded in bytes. */
export class ObjectCache {
  private readonly held = new Map<Hash, { readonly kind: Kind; readonly bytes: Buffer }>()
  private bytes = 0

  constructor(private readonly maxBytes: number) {}

  /** Nothing when `id` is that of another kind: an id is good for the kind it was made with alone. */
  get(kind: Kind, id: Hash): Buffer | undefined {
    const entry = this.held.get(id)
    if (entry?.kind !== kind) return undefined
    this.held.delete(id)
    this.held.set(id, entry)
    return entry.bytes
  }

  /** `bytes` must not change afterwards. */
  set(kind: Kind, id: Hash, bytes: Buffer): void {
    if (this.held.has(id) || bytes.length > this.maxBytes / 8) return
    this.held.set(id, { kind, bytes })
    this.bytes += bytes.length
    for (const [oldest, entry] of this.held) {
      if (this.bytes <= this.maxBytes) break
      this.held.delete(oldest)
      this.bytes -= entry.bytes.length
    }
  }
}
