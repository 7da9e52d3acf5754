/**
 * Nodes of Merkle sequences that were decoded lately, for work that asks for the same directories again and again.
 *
 * It belongs to a reader that was told to remember, and lives as long as that: what lasts beside others' changes and
 * repairs, such as a repository, must not have one. Which node an id is of never changes. Bounded by items, the one that
 * was used longest ago goes first.
 *
 * Nodes that were written may outlast their writer (`WrittenNodes`): whoever reads one still asks for its bytes, and only if
 * these are the very bytes that were written, they need no decoding.
 */
import type { Hash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import { KIND, type Kind } from '../format/kinds.js'

/** Some tens of megabytes of directory entries. */
const ITEMS_MAX = 200_000
/** A megabyte or two. */
const WRITTEN_ITEMS_MAX = 8000

interface WrittenNode {
  readonly kind: Kind
  readonly level: number
  readonly bytes: Uint8Array
  readonly items: readonly unknown[]
}

/** Nodes as they were encoded lately, whoever wrote them. */
export class WrittenNodes {
  readonly #nodes = new Map<Hash, WrittenNode>()
  #items = 0

  /** `bytes` and `items` must not change: those of attributes may, they hold bytes of others. */
  add(id: Hash, node: WrittenNode): void {
    if (node.kind === KIND.attributes || this.#nodes.has(id)) return
    this.#nodes.set(id, node)
    this.#items += node.items.length
    for (const [oldest, { items }] of this.#nodes) {
      if (this.#items <= WRITTEN_ITEMS_MAX) break
      this.#nodes.delete(oldest)
      this.#items -= items.length
    }
  }

  /** The items that `bytes` were encoded from. */
  get(kind: Kind, level: number, id: Hash, bytes: Buffer): readonly unknown[] | undefined {
    const node = this.#nodes.get(id)
    return node?.kind === kind && node.level === level && bytes.equals(node.bytes) ? node.items : undefined
  }
}

export class NodeCache {
  /** @param written shared with others */
  constructor(readonly written?: WrittenNodes) {}

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
const written = new WeakMap<ObjectReader, WrittenNodes>()

/**
 * @param store whose readers share what was written
 * @returns the reader, for which nodes are remembered from now on
 */
export function rememberingNodes<Reader extends ObjectReader>(reader: Reader, store?: ObjectReader): Reader {
  caches.set(reader, new NodeCache(store && writtenTo(store)))
  return reader
}

function writtenTo(store: ObjectReader): WrittenNodes {
  const nodes = written.get(store) ?? new WrittenNodes()
  written.set(store, nodes)
  return nodes
}

export function nodeCacheOf(reader: ObjectReader): NodeCache | undefined {
  return caches.get(reader)
}
