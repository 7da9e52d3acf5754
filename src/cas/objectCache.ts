import type { Hash } from '../base/hash.js'
import type { Kind } from '../format/kinds.js'
import { AdaptiveCache, type CacheStats } from './adaptiveCache.js'

interface HeldObject {
  readonly kind: Kind
  readonly bytes: Buffer
}

/** About what the cache itself takes for one: many objects are short. */
const ENTRY_BYTES = 256
/** Longer ones, by this part of the cache, would put out too many others. */
const LONGEST_PART = 1 / 8

/** Verified bytes of objects (not of file chunks), bounded in bytes. */
export class ObjectCache {
  private readonly held: AdaptiveCache<Hash, HeldObject>

  constructor(private readonly maxBytes: number) {
    this.held = new AdaptiveCache(maxBytes)
  }

  get stats(): CacheStats {
    return this.held.stats
  }

  /** Nothing when `id` is that of another kind: an id is good for the kind it was made with alone. */
  get(kind: Kind, id: Hash): Buffer | undefined {
    return this.has(kind, id) ? this.held.get(id)?.bytes : undefined
  }

  /** Asks without using it. */
  has(kind: Kind, id: Hash): boolean {
    return this.held.peek(id)?.kind === kind
  }

  /** What was read, since it was not here. `bytes` must not change afterwards. */
  fill(kind: Kind, id: Hash, bytes: Buffer): void {
    this.held.countMiss(bytes.length)
    this.set(kind, id, bytes)
  }

  /** What was made here. `bytes` must not change afterwards. */
  set(kind: Kind, id: Hash, bytes: Buffer): void {
    if (this.held.peek(id) || bytes.length > this.maxBytes * LONGEST_PART) return
    this.held.set(id, { kind, bytes }, bytes.length + ENTRY_BYTES)
  }
}
