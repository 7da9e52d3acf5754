/**
 * The tree that a new one takes the place of, in step with a walk: for each file and directory what was there before, so that
 * what is new can be compressed against it. Only of directories in which something is new is it read, and then when that is
 * compressed.
 *
 * What has no entry of its name there may have been renamed, or made out of another: then it is likened to what is gone from the
 * same directory, or is still there, whose name is most like its own. A guess costs space if it is wrong, and nothing else.
 */
import type { ByteName } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntryKind } from '../format/tree.js'
import type { TreeRoot } from '../history/entries.js'
import { listRecorded, type RecordedEntry } from '../history/listing.js'
import type { Before } from '../history/sequenceBefore.js'

interface DirectoryContent {
  readonly tree: Content
  readonly attributes: Content
}

/** Names that are less alike say nothing. */
const ALIKE_LEAST = 0.5
/** What is gone is a better guess than what is still there, by so much. */
const IS_GONE = 0.25
/** Names that are compared in one directory: in a very large one, not all that is new finds something. */
const COMPARED_MAX = 1_000_000

export class DirectoryBefore {
  readonly #reader: ObjectReader
  readonly #find: () => Promise<DirectoryContent | undefined>
  /** What it has now. */
  readonly #names: ReadonlySet<ByteName>
  #compared = 0
  #found: Promise<DirectoryContent | undefined> | undefined
  #entries: Promise<ReadonlyMap<ByteName, RecordedEntry>> | undefined

  private constructor(
    reader: ObjectReader,
    names: Iterable<ByteName>,
    find: () => Promise<DirectoryContent | undefined>,
  ) {
    this.#reader = reader
    this.#names = new Set(names)
    this.#find = find
  }

  /** @param names of what is in the directory now */
  static root(reader: ObjectReader, { tree, attributes }: TreeRoot, names: Iterable<ByteName>): DirectoryBefore {
    return new DirectoryBefore(reader, names, async () => ({ tree, attributes }))
  }

  directory(name: ByteName, names: Iterable<ByteName>): DirectoryBefore {
    return new DirectoryBefore(this.#reader, names, async () => {
      const found = await this.#like(name, 'directory')
      return found && { tree: found.entry.content, attributes: found.recorded?.below ?? EMPTY_CONTENT }
    })
  }

  /** The content of a file. */
  file(name: ByteName): Before {
    return async () => (await this.#like(name, 'file'))?.entry.content
  }

  get tree(): Before {
    return async () => (await this.#content())?.tree
  }

  get attributes(): Before {
    return async () => (await this.#content())?.attributes
  }

  #content(): Promise<DirectoryContent | undefined> {
    this.#found ??= this.#find()
    return this.#found
  }

  async #like(name: ByteName, kind: TreeEntryKind): Promise<RecordedEntry | undefined> {
    this.#entries ??= this.#list()
    const entries = await this.#entries
    const same = entries.get(name)
    if (same?.entry.kind === kind) return same
    if (this.#compared > COMPARED_MAX) return undefined
    this.#compared += entries.size
    let best: RecordedEntry | undefined
    let most = ALIKE_LEAST
    for (const [other, entry] of entries) {
      if (entry.entry.kind !== kind) continue
      const alike = alikeness(name, other) + (this.#names.has(other) ? 0 : IS_GONE)
      if (alike > most) [best, most] = [entry, alike]
    }
    return best
  }

  async #list(): Promise<ReadonlyMap<ByteName, RecordedEntry>> {
    const entries = new Map<ByteName, RecordedEntry>()
    const content = await this.#content()
    if (!content) return entries
    for await (const recorded of listRecorded(this.#reader, content.tree, content.attributes))
      entries.set(recorded.entry.name, recorded)
    return entries
  }
}

/** How much of the longer name both begin and end with, 0 … 1. */
function alikeness(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  let front = 0
  while (front < shorter && a[front] === b[front]) front++
  let back = 0
  while (back < shorter - front && a[a.length - 1 - back] === b[b.length - 1 - back]) back++
  return (front + back) / Math.max(a.length, b.length)
}
