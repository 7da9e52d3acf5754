/**
 * Nodes of Merkle sequences that were decoded lately, for work that asks for the same directories again and again.
 *
 * It belongs to a reader that was told to remember, and lives as long as that: what lasts beside others' changes and
 * repairs, such as a repository, must not have one. Which node an id is of never changes. Bounded by items, the one that
 * was used longest ago goes first.
 */
import type { Hash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Kind } from '../format/kinds.js'

/** Some tens of megabytes of directory entries. */
const ITEMS_MAX = 200_000

export class NodeCache {
  /** From the one that was used longest ago. */
  readonly #nodes = new Map<string, readonly unknown[]>()
  #items = 0

  get(kind: Kind, level: number, id: Hash): readonly unknown[] | undefined {
    const key = `${kind} ${level} ${id}`
    const items = this.#nodes.get(key)
    if (!items) return undefined
    this.#nodes.delete(key)
    this.#nodes.set(key, items)
    return items
  }

  /** One that is not in it. */
  add(kind: Kind, level: number, id: Hash, items: readonly unknown[]): void {
    this.#nodes.set(`${kind} ${level} ${id}`, items)
    this.#items += items.length
    for (const [key, oldest] of this.#nodes) {
      if (this.#items <= ITEMS_MAX) break
      this.#nodes.delete(key)
      this.#items -= oldest.length
    }
  }
}

const caches = new WeakMap<ObjectReader, NodeCache>()

/** @returns the reader, for which nodes are remembered from now on */
export function rememberingNodes<Reader extends ObjectReader>(reader: Reader): Reader {
  caches.set(reader, new NodeCache())
  return reader
}

export function nodeCacheOf(reader: ObjectReader): NodeCache | undefined {
  return caches.get(reader)
}
