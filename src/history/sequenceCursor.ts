/**
 * Reads sequences: a cursor over the nodes of one level, and entries from any key on. A seek loads one node a
 * level, and none that it already holds; stepping starts loading the nodes that come next, more of them the
 * longer it goes on.
 */
import { CorruptionError } from '../base/errors.js'
import { shortHash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import {
  endsOf,
  type ItemRules,
  indexAt,
  loadItems,
  loadRootItems,
  type SequenceChild,
  type SequenceFormat,
  type SequenceKey,
  type SequenceRoot,
} from './sequence.js'

const READ_AHEAD_NODES_FIRST = 4
const READ_AHEAD_NODES_MAX = 64

/** A node of the cursor's level. */
export interface PlacedNode<Item, Key> {
  readonly items: readonly Item[]
  readonly start: Key
  readonly ends: readonly Key[]
  readonly end: Key
  /** What its parent says of it; `undefined` for the root. */
  readonly child: SequenceChild | undefined
  /** Whether nothing follows it. */
  readonly isLast: boolean
}

/** A node above the cursor's level, and the child that the cursor is in. */
interface Frame<Child, Key> {
  readonly children: readonly Child[]
  readonly start: Key
  readonly ends: readonly Key[]
  index: number
  /** The reader was told of the children before this one. */
  announced: number
  /** Children to tell it of next. */
  window: number
}

export class NodeCursor<Item, Entry, Child extends SequenceChild, Key extends SequenceKey> {
  readonly #reader: ObjectReader
  readonly #format: SequenceFormat<Entry, Child, Key>
  readonly #rules: ItemRules<Item, Entry, Child, Key>
  readonly #level: number
  readonly #root: SequenceRoot
  /** From the root down to the level above the cursor's. */
  #frames: Frame<Child, Key>[] = []
  #node: PlacedNode<Item, Key> | undefined

  constructor(
    reader: ObjectReader,
    format: SequenceFormat<Entry, Child, Key>,
    rules: ItemRules<Item, Entry, Child, Key>,
    level: number,
    root: SequenceRoot,
  ) {
    this.#reader = reader
    this.#format = format
    this.#rules = rules
    this.#level = level
    this.#root = root
  }

  /** The node that covers `key`; the last one where `key` is behind the end. */
  async seek(key: Key): Promise<PlacedNode<Item, Key>> {
    for (let depth = 0; depth < this.#frames.length; depth++) {
      const frame = this.#frames[depth]
      const index = frame ? childAt(frame, key) : 0
      if (!frame || frame.index === index) continue
      frame.index = index
      this.#frames.length = depth + 1
      this.#node = undefined
    }
    return this.#node ?? (await this.#descend(key))
  }

  /** The node after the current one, `undefined` at the end. Only after a seek. */
  async next(): Promise<PlacedNode<Item, Key> | undefined> {
    for (let depth = this.#frames.length - 1; depth >= 0; depth--) {
      const frame = this.#frames[depth]
      if (!frame || frame.index + 1 >= frame.children.length) continue
      frame.index++
      this.#readAhead(frame)
      this.#frames.length = depth + 1
      this.#node = undefined
      return this.#descend(undefined)
    }
    return undefined
  }

  /** Loads what is missing from the last frame down: towards `key`, else first children. */
  async #descend(key: Key | undefined): Promise<PlacedNode<Item, Key>> {
    const depth = this.#root.height - this.#level
    while (this.#frames.length < depth) {
      const children = await this.#load(this.#format.inner, this.#root.height - this.#frames.length)
      const start = this.#start()
      const ends = this.#ends(this.#format.inner, start, children)
      const frame: Frame<Child, Key> = { children, start, ends, index: 0, announced: 0, window: READ_AHEAD_NODES_FIRST }
      if (key !== undefined) frame.index = childAt(frame, key)
      this.#frames.push(frame)
    }
    const items = await this.#load(this.#rules, this.#level)
    const start = this.#start()
    const ends = this.#ends(this.#rules, start, items)
    const isLast = this.#frames.every(({ index, children }) => index === children.length - 1)
    this.#node = { items, start, ends, end: ends.at(-1) ?? start, child: this.#child(), isLast }
    return this.#node
  }

  /** The items of the node below the last frame. */
  #load<Any>(rules: ItemRules<Any, Entry, Child, Key>, level: number): Promise<readonly Any[]> {
    const child = this.#child()
    return child
      ? loadItems(this.#reader, this.#format, rules, level, child)
      : loadRootItems(this.#reader, this.#format, rules, this.#root)
  }

  #child(): Child | undefined {
    const frame = this.#frames.at(-1)
    return frame?.children[frame.index]
  }

  #start(): Key {
    const frame = this.#frames.at(-1)
    if (!frame) return this.#format.start
    return frame.index === 0 ? frame.start : (frame.ends[frame.index - 1] ?? frame.start)
  }

  #ends<Any>(rules: ItemRules<Any, Entry, Child, Key>, start: Key, items: readonly Any[]): readonly Key[] {
    const ends = endsOf(rules, start, items)
    const [first] = ends
    // Within a node the decoder keeps the order; across nodes only this does.
    if (first !== undefined && !(first > start)) {
      const id = this.#child()?.id ?? this.#root.id
      const message = `${this.#format.what} ${shortHash(id)} begins before its left neighbour ends`
      throw new CorruptionError('CORRUPT_OBJECT', message, { id, expected: start, actual: first })
    }
    return ends
  }

  #readAhead(frame: Frame<Child, Key>): void {
    if (frame.index < frame.announced) return
    const from = frame.index + 1
    const ahead = frame.children.slice(from, from + frame.window)
    frame.announced = from + ahead.length
    frame.window = Math.min(2 * frame.window, READ_AHEAD_NODES_MAX)
    if (ahead.length > 0)
      this.#reader.readAhead(
        this.#format.kind,
        ahead.map(({ id }) => id),
      )
  }
}

function childAt<Child, Key extends SequenceKey>(frame: Frame<Child, Key>, key: Key): number {
  return Math.min(indexAt(frame.ends, key), frame.children.length - 1)
}

/** The leaves from the one that covers `from` on. */
async function* leavesFrom<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  root: SequenceRoot | undefined,
  from: Key,
): AsyncGenerator<PlacedNode<Entry, Key>> {
  if (!root) return
  const cursor = new NodeCursor(reader, format, format.leaf, 0, root)
  for (let leaf: PlacedNode<Entry, Key> | undefined = await cursor.seek(from); leaf; leaf = await cursor.next())
    yield leaf
}

/** The entries from the one that covers `from` on. */
export async function* entriesFrom<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  root: SequenceRoot | undefined,
  from: Key,
): AsyncGenerator<Entry> {
  for await (const { items, ends } of leavesFrom(reader, format, root, from)) {
    for (let index = indexAt(ends, from); index < items.length; index++) {
      const entry = items[index]
      if (entry !== undefined) yield entry
    }
  }
}
