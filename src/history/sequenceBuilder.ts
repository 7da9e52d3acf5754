/**
 * Writes sequences. The builder keeps one open node a level and nothing else, however long the sequence is.
 */
import type { BaseCandidates, ObjectWriter } from '../cas/objects.js'
import { nodeCacheOf } from './nodeCache.js'
import type { ItemRules, SequenceChild, SequenceFormat, SequenceKey, SummarizedRoot } from './sequence.js'
import { type Before, nodesCovering } from './sequenceBefore.js'

/** The node of one level that is being filled. */
export class OpenNode<Item, Entry, Child extends SequenceChild, Key extends SequenceKey> {
  readonly #writer: ObjectWriter
  readonly #format: SequenceFormat<Entry, Child, Key>
  readonly #rules: ItemRules<Item, Entry, Child, Key>
  readonly #level: number
  readonly #boundaryMask: number
  readonly #maxFanout: number
  #items: Item[] = []
  #nodesClosed = 0
  #start: Key

  constructor(
    writer: ObjectWriter,
    format: SequenceFormat<Entry, Child, Key>,
    rules: ItemRules<Item, Entry, Child, Key>,
    level: number,
  ) {
    this.#writer = writer
    this.#format = format
    this.#rules = rules
    this.#level = level
    this.#start = format.start
    this.#boundaryMask = writer.profile.splitter.averageFanout - 1
    this.#maxFanout = writer.profile.splitter.maxFanout
  }

  get items(): readonly Item[] {
    return this.#items
  }

  get nodesClosed(): number {
    return this.#nodesClosed
  }

  /** Where its items begin, as long as those of all nodes before it were added here. */
  get start(): Key {
    return this.#start
  }

  get end(): Key {
    return this.#items.reduce((end, item) => this.#rules.end(end, item), this.#start)
  }

  /** Whether the node must be closed now. */
  add(item: Item): boolean {
    const count = this.#items.push(item)
    if (count >= this.#maxFanout) return true
    return count >= 2 && (this.#rules.boundary(this.#level, item) & this.#boundaryMask) === 0
  }

  /** Writes the node and begins the next one. @param bases what it may be compressed against */
  async close(bases?: BaseCandidates): Promise<Child> {
    const items = this.#items
    this.#start = this.end
    this.#items = []
    this.#nodesClosed++
    const { kind } = this.#format
    const bytes = this.#rules.encode(this.#level, items)
    const id = await this.#writer.put(kind, bytes, bases)
    nodeCacheOf(this.#writer)?.written?.add(id, { kind, level: this.#level, bytes, items })
    return this.#rules.summarize(id, items)
  }
}

export class SequenceBuilder<Entry, Child extends SequenceChild, Key extends SequenceKey> {
  readonly #writer: ObjectWriter
  readonly #format: SequenceFormat<Entry, Child, Key>
  readonly #leaf: OpenNode<Entry, Entry, Child, Key>
  /** Open nodes from level 1 upwards. */
  readonly #inner: OpenNode<Child, Entry, Child, Key>[] = []
  readonly #before: Before | undefined

  /** @param before the sequence that this one takes the place of, and is likely to be much like */
  constructor(writer: ObjectWriter, format: SequenceFormat<Entry, Child, Key>, before?: Before) {
    this.#writer = writer
    this.#format = format
    this.#before = before
    this.#leaf = new OpenNode(writer, format, format.leaf, 0)
  }

  /** To be awaited before the next call where it returns a promise: most entries need no writing. */
  append(entry: Entry): Promise<void> | undefined {
    return this.#leaf.add(entry) ? this.#closeLeaf() : undefined
  }

  /** The builder is not used after it. */
  async finish(): Promise<SummarizedRoot<Child> | undefined> {
    const leaf = this.#leaf
    if (leaf.items.length === 0 && leaf.nodesClosed === 0) return undefined
    let last = leaf.items.length > 0 ? await this.#close(leaf, 0) : undefined
    if (last && leaf.nodesClosed === 1) return { height: 0, child: last }
    for (let level = 1; ; level++) {
      const node = this.#innerAt(level)
      if (last) node.add(last)
      const [first, ...others] = node.items
      if (first && others.length === 0 && node.nodesClosed === 0) return { height: level - 1, child: first }
      last = first ? await this.#close(node, level) : undefined
      if (last && node.nodesClosed === 1) return { height: level, child: last }
    }
  }

  async #closeLeaf(): Promise<void> {
    let child = await this.#close(this.#leaf, 0)
    for (let level = 1; ; level++) {
      const node = this.#innerAt(level)
      if (!node.add(child)) return
      child = await this.#close(node, level)
    }
  }

  #close<Item>(node: OpenNode<Item, Entry, Child, Key>, level: number): Promise<Child> {
    const { start, end } = node
    const before = this.#before
    return node.close(before && (() => nodesCovering(this.#writer, this.#format, level, before, start, end)))
  }

  #innerAt(level: number): OpenNode<Child, Entry, Child, Key> {
    const existing = this.#inner[level - 1]
    if (existing) return existing
    const node = new OpenNode(this.#writer, this.#format, this.#format.inner, level)
    this.#inner.push(node)
    return node
  }
}

/** The levels above a whole level of nodes, `children`, which are of level `height`. */
export async function buildAbove<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  writer: ObjectWriter,
  format: SequenceFormat<Entry, Child, Key>,
  height: number,
  children: readonly Child[],
): Promise<SummarizedRoot<Child> | undefined> {
  const [first] = children
  if (!first) return undefined
  if (children.length === 1) return { height, child: first }
  const node = new OpenNode(writer, format, format.inner, height + 1)
  const parents: Child[] = []
  for (const child of children) if (node.add(child)) parents.push(await node.close())
  if (node.items.length > 0) parents.push(await node.close())
  return buildAbove(writer, format, height + 1, parents)
}
