/**
 * Merkle sequences: ordered entries in nodes that are cut by content, so that equal sequences have equal ids
 * and an edit writes the nodes on its path only. Directories, attributes and long manifests are such sequences.
 *
 * Model: entries are taken from left to right into a node (level 0, a leaf). After an entry the node is closed
 * if it holds at least two and the entry is a boundary, or if it holds `maxFanout`. Nodes of a level are the
 * entries of the level above, cut by the same rule, until a level has one node only: the root, whose level is
 * the height. An entry is a boundary when the low bits of a 32-bit number that the format derives from it and
 * its level are zero, one time in `averageFanout`. The whole is a pure function of entries and store profile.
 *
 * Keys: each item, an entry or a child, covers the half-open interval from the end of the item before it to its
 * own end. Keys are byte offsets in manifests; in named sequences the end of an item is its last name followed
 * by a NUL, the least string above that name. So places mean the same on all levels of a sequence.
 *
 * What is read is a stranger's: a node must have the level, totals and order that its parent says. That nodes
 * are cut where the rule says is not checked: a sequence cut otherwise reads well and merely has another id.
 */
import { CorruptionError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, EMPTY_CONTENT, SHAPE_SEQUENCE } from '../format/content.js'
import type { ObjectKind } from '../format/kinds.js'
import { nodeCacheOf } from './nodeCache.js'

/** What an inner node says of one node below it. */
export interface SequenceChild {
  readonly id: Hash
}

export type SequenceKey = number | string

export type SequenceNode<Entry, Child> =
  | { readonly level: 0; readonly entries: readonly Entry[] }
  | { readonly level: number; readonly children: readonly Child[] }

/** What differs between the entries of leaves and the children of inner nodes. */
export interface ItemRules<Item, Entry, Child, Key> {
  /** The items of a node, `undefined` if it holds those of the other sort. */
  itemsOf(node: SequenceNode<Entry, Child>): readonly Item[] | undefined
  /** Where an item ends that begins at `start`. */
  end(start: Key, item: Item): Key
  /** The 32-bit number that decides whether a node of this level may be closed after `item`. */
  boundary(level: number, item: Item): number
  encode(level: number, items: readonly Item[]): Uint8Array
  /** What a node with this id and these items is in its parent. */
  summarize(id: Hash, items: readonly Item[]): Child
}

export interface SequenceFormat<Entry, Child extends SequenceChild, Key extends SequenceKey> {
  readonly kind: ObjectKind
  /** For messages. */
  readonly what: string
  /** Where the first item begins: below the end of any item. */
  readonly start: Key
  decode(bytes: Uint8Array): SequenceNode<Entry, Child>
  readonly leaf: ItemRules<Entry, Entry, Child, Key>
  readonly inner: ItemRules<Child, Entry, Child, Key>
  /** Whether two summaries of one node say the same. */
  agree(a: Child, b: Child): boolean
  /** The `size` of a content whose root is summarized so. */
  sizeOf(root: Child): number
}

/** A sequence as its owner knows it; `undefined` stands for an empty one. */
export interface SequenceRoot {
  readonly height: number
  readonly id: Hash
  readonly size: number
}

/** A sequence that was just written, or read as far as its root. */
export interface SummarizedRoot<Child> {
  readonly height: number
  readonly child: Child
}

/** @throws {VarveError} `INVALID_ARGUMENT` when `content` is a chunk. */
export function rootOf(content: Content): SequenceRoot | undefined {
  if (content.id === undefined) return undefined
  if (content.shape < SHAPE_SEQUENCE) {
    throw new VarveError('INVALID_ARGUMENT', 'a chunk is not a sequence', {
      expected: `shape ${SHAPE_SEQUENCE} or more`,
      actual: content.shape,
    })
  }
  return { height: content.shape - SHAPE_SEQUENCE, id: content.id, size: content.size }
}

export function contentOf<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  format: SequenceFormat<Entry, Child, Key>,
  root: SummarizedRoot<Child> | undefined,
): Content {
  if (!root) return EMPTY_CONTENT
  return { shape: SHAPE_SEQUENCE + root.height, size: format.sizeOf(root.child), id: root.child.id }
}

/** The items of the node that `child` names. @throws {CorruptionError} `CORRUPT_OBJECT` if it is not as `child` says. */
export async function loadItems<Item, Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  rules: ItemRules<Item, Entry, Child, Key>,
  level: number,
  child: Child,
): Promise<readonly Item[]> {
  const items = await loadNode(reader, format, rules, level, child.id)
  if (!format.agree(rules.summarize(child.id, items), child)) throw lies(format, child.id)
  return items
}

/** As `loadItems`, of the root. */
export async function loadRootItems<Item, Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  rules: ItemRules<Item, Entry, Child, Key>,
  root: SequenceRoot,
): Promise<readonly Item[]> {
  const items = await loadNode(reader, format, rules, root.height, root.id)
  if (format.sizeOf(rules.summarize(root.id, items)) !== root.size) throw lies(format, root.id)
  return items
}

/** The root with its totals, for which one node is read. */
export async function summarizeRoot<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  root: SequenceRoot,
): Promise<SummarizedRoot<Child>> {
  const { height, id } = root
  const child =
    height === 0
      ? format.leaf.summarize(id, await loadRootItems(reader, format, format.leaf, root))
      : format.inner.summarize(id, await loadRootItems(reader, format, format.inner, root))
  return { height, child }
}

/** The end of each item of a node that begins at `start`. */
export function endsOf<Item, Entry, Child, Key>(
  rules: ItemRules<Item, Entry, Child, Key>,
  start: Key,
  items: readonly Item[],
): readonly Key[] {
  const ends: Key[] = []
  let end = start
  for (const item of items) {
    end = rules.end(end, item)
    ends.push(end)
  }
  return ends
}

/** The index of the first of `ends` above `key`: that of the item which covers `key`, or their number. */
export function indexAt<Key extends SequenceKey>(ends: readonly Key[], key: Key): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const end = ends[middle]
    if (end !== undefined && end > key) high = middle
    else low = middle + 1
  }
  return low
}

async function loadNode<Item, Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  rules: ItemRules<Item, Entry, Child, Key>,
  level: number,
  id: Hash,
): Promise<readonly Item[]> {
  const cache = nodeCacheOf(reader)
  const known = cache?.get(format.kind, level, id)
  if (known) return known as readonly Item[]
  const bytes = await reader.get(format.kind, id)
  const written = cache?.written?.get(format.kind, level, id, bytes)
  if (cache && written) {
    cache.add(format.kind, level, id, written)
    return written as readonly Item[]
  }
  const node = format.decode(bytes)
  const items = rules.itemsOf(node)
  if (node.level !== level || items === undefined) {
    throw new CorruptionError(
      'CORRUPT_OBJECT',
      `${format.what} ${shortHash(id)} has another level than its parent says`,
      {
        id,
        expected: level,
        actual: node.level,
      },
    )
  }
  cache?.add(format.kind, level, id, items)
  return items
}

function lies<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  format: SequenceFormat<Entry, Child, Key>,
  id: Hash,
): CorruptionError {
  return new CorruptionError('CORRUPT_OBJECT', `${format.what} ${shortHash(id)} is not what its parent says`, { id })
}
