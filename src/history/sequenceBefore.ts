/** What a sequence takes the place of, for its new nodes to be compressed against. */
import type { Hash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { rootOf, type SequenceChild, type SequenceFormat, type SequenceKey } from './sequence.js'
import { NodeCursor } from './sequenceCursor.js'

/** Finds what was there before; `undefined` where there was nothing. Asked only when something new is written. */
export type Before = () => Promise<Content | undefined>

/** The old nodes of a level at the places of a new one: where it begins, and where it ends. */
export async function nodesCovering<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  reader: ObjectReader,
  format: SequenceFormat<Entry, Child, Key>,
  level: number,
  before: Before,
  start: Key,
  end: Key,
): Promise<Hash[]> {
  const content = await before()
  const root = content && rootOf(content)
  if (!root || level > root.height) return []
  // The nodes themselves need not be read, but for the root: what is above names them.
  if (level === root.height) return [root.id]
  const cursor = new NodeCursor(reader, format, format.inner, level + 1, root)
  const ids = new Set<Hash>()
  for (const key of [start, end]) {
    const { items, ends } = await cursor.seek(key)
    const at = items[Math.min(indexBefore(ends, key), items.length - 1)]
    if (at) ids.add(at.id)
  }
  return [...ids]
}

/** Of the first that ends at or behind `key`. */
function indexBefore<Key extends SequenceKey>(ends: readonly Key[], key: Key): number {
  const index = ends.findIndex((end) => end >= key)
  return index < 0 ? ends.length - 1 : index
}
