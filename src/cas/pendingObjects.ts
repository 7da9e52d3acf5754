/**
 * Chunks and objects that are kept in memory until they are written together. Readers of the store find them here; no lookup for
 * what is known does, since they may never be written.
 */
import type { Hash } from '../base/hash.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { Item } from './objects.js'

const ALIKE_BYTES = 32

export class PendingObjects {
  private readonly items = new Map<Hash, Item>()
  private readonly abandoned = new Set<Hash>()
  private total = 0

  /** Raw bytes held. */
  get bytes(): number {
    return this.total
  }

  has(id: Hash): boolean {
    return this.items.has(id)
  }

  get(kind: Kind, id: Hash): Buffer | undefined {
    const item = this.items.get(id)
    if (item?.kind !== kind) return undefined
    // Chunks get into other hands, and these bytes are still to be written.
    return kind === KIND.chunk ? Buffer.from(item.bytes) : item.bytes
  }

  /** Ids of a kind that begin with these hex digits. */
  findByPrefix(kind: Kind, prefix: string): Hash[] {
    return this.all().flatMap((item) => (item.kind === kind && item.id.startsWith(prefix) ? item.id : []))
  }

  /** Copies them, into as much memory as they need: their owner's is used again. */
  add(items: readonly Item[]): void {
    const fresh = items.filter(({ id }) => !this.items.has(id))
    const memory = Buffer.allocUnsafeSlow(fresh.reduce((sum, { bytes }) => sum + bytes.length, 0))
    let end = 0
    for (const { kind, id, bytes, bases } of fresh) {
      const copy = memory.subarray(end, end + bytes.length)
      copy.set(bytes)
      end += bytes.length
      this.items.set(id, { kind, id, bytes: copy, bases })
    }
    this.total += end
  }

  /**
   * In the order in which they came; but chunks that begin alike, most often versions of one place in a file, side by side: an
   * extent holds little more than one of them then.
   */
  all(): Item[] {
    const groups = new Map<string, Item[]>()
    for (const item of this.items.values()) {
      const key = item.kind === KIND.chunk ? item.bytes.toString('latin1', 0, ALIKE_BYTES) : ''
      const group = groups.get(key)
      if (group) group.push(item)
      else groups.set(key, [item])
    }
    return [...groups.values()].flat()
  }

  /** Drops what was never written: whoever reads on from it is told so. */
  abandon(): void {
    for (const id of this.items.keys()) this.abandoned.add(id)
    this.clear()
  }

  wasAbandoned(id: Hash): boolean {
    return this.abandoned.has(id)
  }

  clear(): void {
    this.items.clear()
    this.total = 0
  }
}
