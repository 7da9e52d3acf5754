/**
 * Edits sequences. The result is the sequence that building from scratch would give, and only nodes of it that
 * the old one lacks are written: none that a later edit of the same call would replace.
 *
 * A level is edited from left to right. At each edit, a run begins with the node that holds its place: old and
 * new items are fed to the splitter from there, until a cut falls on the end of an old node behind the edit.
 * From there on the old nodes stand. So a run replaces some old nodes by new ones, which is an edit of the level
 * above. A run over a whole level ends the descent of the old sequence: what is above is built anew.
 */
import type { Hash } from '../base/hash.js'
import type { BaseCandidates, ObjectWriter } from '../cas/objects.js'
import {
  type ItemRules,
  indexAt,
  type SequenceChild,
  type SequenceFormat,
  type SequenceKey,
  type SequenceRoot,
  type SummarizedRoot,
  summarizeRoot,
} from './sequence.js'
import { buildAbove, OpenNode, SequenceBuilder } from './sequenceBuilder.js'
import { NodeCursor } from './sequenceCursor.js'

/** The items that begin at or after `from` and end at or before `to`, in the old sequence, give way to `items`. */
export interface Replacement<Item, Key> {
  readonly from: Key
  readonly to: Key
  readonly items: readonly Item[]
}

/** `replacements` are sorted and do not overlap; each begins and ends between two items. */
export async function spliceSequence<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  writer: ObjectWriter,
  format: SequenceFormat<Entry, Child, Key>,
  root: SequenceRoot | undefined,
  replacements: readonly Replacement<Entry, Key>[],
): Promise<SummarizedRoot<Child> | undefined> {
  if (!root) return build(writer, format, replacements)
  if (replacements.length === 0) return summarizeRoot(writer, format, root)
  let level = 0
  let outcome = await new LevelSplice(writer, format, format.leaf, level, root, () => undefined).apply(replacements)
  while (!outcome.whole) {
    level++
    outcome = await new LevelSplice(writer, format, format.inner, level, root, (child) => child).apply(outcome.runs)
  }
  if (outcome.onlyItem) return { height: level - 1, child: outcome.onlyItem }
  return buildAbove(writer, format, level, outcome.nodes)
}

async function build<Entry, Child extends SequenceChild, Key extends SequenceKey>(
  writer: ObjectWriter,
  format: SequenceFormat<Entry, Child, Key>,
  replacements: readonly Replacement<Entry, Key>[],
): Promise<SummarizedRoot<Child> | undefined> {
  const builder = new SequenceBuilder(writer, format)
  for (const { items } of replacements) {
    for (const item of items) await builder.append(item)
  }
  return builder.finish()
}

/** What became of a level: edits for the level above, or all of its new nodes. */
type Outcome<Child, Key> =
  | { readonly whole: false; readonly runs: Replacement<Child, Key>[] }
  | { readonly whole: true; readonly nodes: readonly Child[]; readonly onlyItem?: Child }

/** The old nodes from `from` to `to` give way to `nodes`. */
interface Run<Child, Key> {
  readonly from: Key
  readonly to: Key
  readonly nodes: readonly Child[]
  readonly reachesEnd: boolean
  /** All that is left of the level, where a node for it would be no root. */
  readonly onlyItem: Child | undefined
}

class LevelSplice<Item, Entry, Child extends SequenceChild, Key extends SequenceKey> {
  readonly #writer: ObjectWriter
  readonly #format: SequenceFormat<Entry, Child, Key>
  readonly #rules: ItemRules<Item, Entry, Child, Key>
  readonly #level: number
  readonly #asChild: (item: Item) => Child | undefined
  readonly #cursor: NodeCursor<Item, Entry, Child, Key>
  readonly #rootId: Hash

  constructor(
    writer: ObjectWriter,
    format: SequenceFormat<Entry, Child, Key>,
    rules: ItemRules<Item, Entry, Child, Key>,
    level: number,
    root: SequenceRoot,
    asChild: (item: Item) => Child | undefined,
  ) {
    this.#writer = writer
    this.#format = format
    this.#rules = rules
    this.#level = level
    this.#asChild = asChild
    this.#rootId = root.id
    this.#cursor = new NodeCursor(writer, format, rules, level, root)
  }

  async apply(replacements: readonly Replacement<Item, Key>[]): Promise<Outcome<Child, Key>> {
    const runs: Replacement<Child, Key>[] = []
    const pending = new Pending(replacements)
    while (pending.first) {
      const run = await this.#run(pending, pending.first.from)
      if (run.onlyItem) return { whole: true, nodes: [], onlyItem: run.onlyItem }
      if (run.from === this.#format.start && run.reachesEnd) return { whole: true, nodes: run.nodes }
      runs.push({ from: run.from, to: run.to, items: run.nodes })
    }
    return { whole: false, runs }
  }

  async #run(pending: Pending<Item, Key>, place: Key): Promise<Run<Child, Key>> {
    const open = new OpenNode(this.#writer, this.#format, this.#rules, this.#level)
    const nodes: Child[] = []
    const feed = async (items: readonly Item[]): Promise<void> => {
      for (const item of items) if (open.add(item)) nodes.push(await open.close(bases()))
    }
    let node = await this.#cursor.seek(place)
    // What is written while an old node is gone through is likely to be much like it.
    const bases = (): BaseCandidates => {
      const ids = [node.child?.id ?? this.#rootId]
      return () => ids
    }
    const from = node.start
    for (let index = 0; ; ) {
      const { first } = pending
      const end = node.ends[index]
      if (first && (end === undefined ? node.isLast : end > first.from)) {
        pending.shift()
        await feed(first.items)
        if (first.to > node.end) node = await this.#cursor.seek(first.to)
        index = indexAt(node.ends, first.to)
      } else if (end !== undefined) {
        // All up to the next edit: waiting for each by itself would take longer than adding it.
        const stop = first ? indexAt(node.ends, first.from) : node.items.length
        await feed(node.items.slice(index, stop))
        index = stop
      } else {
        const onlyItem = this.#onlyItem(from, nodes, open.items)
        if (onlyItem === undefined && open.items.length > 0) nodes.push(await open.close(bases()))
        return { from, to: node.end, nodes, reachesEnd: true, onlyItem }
      }
      if (index < node.items.length || node.isLast) continue
      // A cut on an old cut: from here on the old nodes stand. Where nothing is left before them, though, the next
      // one may be the last and too short for a root, and belongs to the run.
      if (open.items.length === 0 && (nodes.length > 0 || from !== this.#format.start)) {
        return { from, to: node.end, nodes, reachesEnd: false, onlyItem: undefined }
      }
      node = (await this.#cursor.next()) ?? node
      index = 0
    }
  }

  /** The one item that is left of the level, where a node for it would be no root. */
  #onlyItem(from: Key, nodes: readonly Child[], items: readonly Item[]): Child | undefined {
    const [item] = items
    if (item === undefined || items.length > 1 || nodes.length > 0 || from !== this.#format.start) return undefined
    return this.#asChild(item)
  }
}

/** The replacements that were not applied yet. */
class Pending<Item, Key> {
  readonly #replacements: readonly Replacement<Item, Key>[]
  #index = 0

  constructor(replacements: readonly Replacement<Item, Key>[]) {
    this.#replacements = replacements
  }

  get first(): Replacement<Item, Key> | undefined {
    return this.#replacements[this.#index]
  }

  shift(): void {
    this.#index++
  }
}
