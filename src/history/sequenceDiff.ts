/**
 * Compares two sequences that are sorted by name. Equal subtrees are skipped by id, whatever stands above them, so
 * the nodes read are those on the way to a difference.
 *
 * Two cursors walk side by side, each at an item of some level. Two children of one level with the same id are
 * passed as one. Otherwise the higher item, or both, is opened, of two leaves only what they do not share (their totals
 * are left unchecked then); two entries are compared. A cursor that has passed
 * the last item of a node stands before the next item of the highest level at once, so where both sequences are
 * cut at the same place, the cursors meet again as high as they can.
 */
import type { Hash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import { entriesApart } from '../format/leaves.js'
import { loadItems, loadRootItems, type SequenceRoot } from './sequence.js'
import type { Named, NamedChild, NamedFormat } from './sequenceNames.js'

/** At least one is there; where both are, they have the same name and differ. */
export interface EntryDifference<Entry> {
  readonly before: Entry | undefined
  readonly after: Entry | undefined
}

/** Differences in the order of names. */
export async function* diffNamed<Entry extends Named, Child extends NamedChild>(
  reader: ObjectReader,
  format: NamedFormat<Entry, Child>,
  a: SequenceRoot | undefined,
  b: SequenceRoot | undefined,
  same: (before: Entry, after: Entry) => boolean,
): AsyncGenerator<EntryDifference<Entry>> {
  const left = new OpeningCursor(reader, format, a)
  const right = new OpeningCursor(reader, format, b)
  for (;;) {
    const before = left.item
    const after = right.item
    if (!before && !after) return
    const level = Math.max(before?.level ?? 0, after?.level ?? 0)
    if (level > 0) {
      const opensLeft = before?.level === level
      const opensRight = after?.level === level
      if (opensLeft && opensRight && before.id === after.id) {
        left.pass()
        right.pass()
        continue
      }
      if (opensLeft && opensRight && level === LEAF_ITEM_LEVEL) {
        await openLeaves(reader, format, left, right)
        continue
      }
      await Promise.all([opensLeft && left.open(), opensRight && right.open()])
      if (opensLeft && opensRight) readAheadDifferences(reader, format, left.children, right.children)
      continue
    }
    const entryBefore = before?.entry
    const entryAfter = after?.entry
    if (entryBefore && (!entryAfter || entryBefore.name < entryAfter.name)) {
      yield { before: entryBefore, after: undefined }
      left.pass()
    } else if (entryAfter && (!entryBefore || entryAfter.name < entryBefore.name)) {
      yield { before: undefined, after: entryAfter }
      right.pass()
    } else {
      if (entryBefore && entryAfter && !same(entryBefore, entryAfter)) yield { before: entryBefore, after: entryAfter }
      left.pass()
      right.pass()
    }
  }
}

/** Of a leaf that is not opened. */
const LEAF_ITEM_LEVEL = 1

/** Two leaves in each other's place: only what they do not share is decoded. */
async function openLeaves<Entry extends Named, Child extends NamedChild>(
  reader: ObjectReader,
  format: NamedFormat<Entry, Child>,
  left: OpeningCursor<Entry, Child>,
  right: OpeningCursor<Entry, Child>,
): Promise<void> {
  const [before, after] = [left.item?.id, right.item?.id]
  if (before === undefined || after === undefined) return
  const [leftBytes, rightBytes] = [await reader.get(format.kind, before), await reader.get(format.kind, after)]
  const apart = entriesApart(format.leafEntries, leftBytes, rightBytes)
  if (apart) {
    left.openPart(apart.before)
    right.openPart(apart.after)
  } else await Promise.all([left.open(), right.open()])
}

/** Where a cursor stands: at an entry (level 0), or at a node that is not opened, in one of `level` (or at the root). */
interface Item<Entry> {
  readonly level: number
  readonly id?: Hash
  readonly entry?: Entry
}

/** An opened node. Of entries and children, one is empty. */
interface Frame<Entry, Child> {
  readonly level: number
  readonly entries: readonly Entry[]
  readonly children: readonly Child[]
  index: number
}

class OpeningCursor<Entry extends Named, Child extends NamedChild> {
  readonly #reader: ObjectReader
  readonly #format: NamedFormat<Entry, Child>
  readonly #root: SequenceRoot | undefined
  readonly #frames: Frame<Entry, Child>[] = []
  #isPastRoot = false
  #item: Item<Entry> | undefined

  constructor(reader: ObjectReader, format: NamedFormat<Entry, Child>, root: SequenceRoot | undefined) {
    this.#reader = reader
    this.#format = format
    this.#root = root
    this.#settle()
  }

  /** `undefined` at the end. */
  get item(): Item<Entry> | undefined {
    return this.#item
  }

  /** Of the node that was opened last and holds the item. */
  get children(): readonly Child[] {
    return this.#frames.at(-1)?.children ?? []
  }

  /** From a node to its first item. */
  async open(): Promise<void> {
    const root = this.#root
    const frame = this.#frames.at(-1)
    const child = frame?.children[frame.index]
    if (!root) return
    const level = frame ? frame.level - 1 : root.height
    const [reader, format] = [this.#reader, this.#format]
    let entries: readonly Entry[] = []
    let children: readonly Child[] = []
    if (level > 0 && child) children = await loadItems(reader, format, format.inner, level, child)
    else if (level > 0) children = await loadRootItems(reader, format, format.inner, root)
    else if (child) entries = await loadItems(reader, format, format.leaf, level, child)
    else entries = await loadRootItems(reader, format, format.leaf, root)
    this.#frames.push({ level, entries, children, index: 0 })
    this.#settle()
  }

  /** From a leaf to the first of some of its entries, or past it. */
  openPart(entries: readonly Entry[]): void {
    if (entries.length === 0) {
      this.pass()
      return
    }
    this.#frames.push({ level: 0, entries, children: [], index: 0 })
    this.#settle()
  }

  /** To what comes behind the item, without looking into it. */
  pass(): void {
    let frame = this.#frames.at(-1)
    if (!frame) this.#isPastRoot = true
    while (frame) {
      frame.index++
      if (frame.index < frame.entries.length + frame.children.length) break
      this.#frames.pop()
      frame = this.#frames.at(-1)
      this.#isPastRoot = frame === undefined
    }
    this.#settle()
  }

  #settle(): void {
    const frame = this.#frames.at(-1)
    if (frame) {
      const entry = frame.entries[frame.index]
      const child = frame.children[frame.index]
      this.#item = { level: frame.level, ...(entry && { entry }), ...(child && { id: child.id }) }
    } else if (this.#root && !this.#isPastRoot) {
      this.#item = { level: this.#root.height + 1, id: this.#root.id }
    } else {
      this.#item = undefined
    }
  }
}

/** Children that only one of two nodes has will be opened, or are already. */
function readAheadDifferences<Entry extends Named, Child extends NamedChild>(
  reader: ObjectReader,
  format: NamedFormat<Entry, Child>,
  left: readonly Child[],
  right: readonly Child[],
): void {
  const inLeft = new Set(left.map(({ id }) => id))
  const inRight = new Set(right.map(({ id }) => id))
  const different = [...left.filter(({ id }) => !inRight.has(id)), ...right.filter(({ id }) => !inLeft.has(id))]
  if (different.length > 1)
    reader.readAhead(
      format.kind,
      different.map(({ id }) => id),
    )
}
