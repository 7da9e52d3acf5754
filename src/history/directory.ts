/**
 * Directories: entries by name, content only. The same entries have the same content, however they came about.
 */
import type { ByteName } from '../base/names.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import {
  decodeTreeNode,
  encodeTreeInner,
  encodeTreeLeaf,
  TREE_LEAF,
  type TreeChild,
  type TreeEntry,
} from '../format/tree.js'
import { contentOf, rootOf, type SummarizedRoot } from './sequence.js'
import type { Before } from './sequenceBefore.js'
import { entriesFrom } from './sequenceCursor.js'
import {
  editNamed,
  endOfName,
  findNamed,
  lastNameOf,
  NamedBuilder,
  type NamedFormat,
  nameBoundary,
} from './sequenceNames.js'

/** What the entry of a directory says of what is below it. */
export interface DirectoryContent {
  /** `size`: bytes of all files below. */
  readonly content: Content
  /** Entries below that are not directories. */
  readonly files: number
}

export const TREE: NamedFormat<TreeEntry, TreeChild> = {
  kind: KIND.tree,
  what: 'directory node',
  start: '',
  decode: decodeTreeNode,
  leafEntries: TREE_LEAF,
  leaf: {
    itemsOf: (node) => ('entries' in node ? node.entries : undefined),
    end: (_start, { name }) => endOfName(name),
    boundary: (level, { name }) => nameBoundary(level, name),
    encode: (_level, entries) => encodeTreeLeaf(entries),
    summarize: (id, entries) => {
      let size = 0
      let files = 0
      for (const entry of entries) {
        size += entry.content.size
        files += entry.kind === 'directory' ? entry.files : 1
      }
      return { id, lastName: lastNameOf(entries), size, files, entries: entries.length }
    },
  },
  inner: {
    itemsOf: (node) => ('children' in node ? node.children : undefined),
    end: (_start, { lastName }) => endOfName(lastName),
    boundary: (level, { lastName }) => nameBoundary(level, lastName),
    encode: encodeTreeInner,
    summarize: (id, children) => {
      let size = 0
      let files = 0
      let entries = 0
      for (const child of children) {
        size += child.size
        files += child.files
        entries += child.entries
      }
      return { id, lastName: lastNameOf(children), size, files, entries }
    },
  },
  agree: (a, b) => a.lastName === b.lastName && a.size === b.size && a.files === b.files && a.entries === b.entries,
  sizeOf: ({ size }) => size,
}

/** Writes a directory entry by entry, in the order of names, with memory for one open node a level. */
export class DirectoryBuilder {
  readonly #builder: NamedBuilder<TreeEntry, TreeChild>

  /** @param before the directory that it takes the place of, and is likely to be much like */
  constructor(writer: ObjectWriter, before?: Before) {
    this.#builder = new NamedBuilder(writer, TREE, before)
  }

  /** To be awaited before the next call where it returns a promise. @throws {VarveError} `INVALID_ARGUMENT` out of order */
  append(entry: TreeEntry): Promise<void> | undefined {
    return this.#builder.append(entry)
  }

  async finish(): Promise<DirectoryContent> {
    return directoryContent(await this.#builder.finish())
  }
}

/** @throws {VarveError} `INVALID_ARGUMENT` unless names grow strictly */
export async function writeDirectory(
  writer: ObjectWriter,
  entries: AsyncIterable<TreeEntry> | Iterable<TreeEntry>,
): Promise<DirectoryContent> {
  const builder = new DirectoryBuilder(writer)
  for await (const entry of entries) await builder.append(entry)
  return builder.finish()
}

export function lookup(reader: ObjectReader, directory: Content, name: ByteName): Promise<TreeEntry | undefined> {
  return findNamed(reader, TREE, rootOf(directory), name)
}

/** Entries in the order of names, from the first one that is not below `from`. */
export function list(reader: ObjectReader, directory: Content, from?: ByteName): AsyncIterable<TreeEntry> {
  return entriesFrom(reader, TREE, rootOf(directory), from ?? TREE.start)
}

/** Sets the entries of `edits`, and removes those that are `null` there. Writes only nodes on the way to a change. */
export async function editDirectory(
  writer: ObjectWriter,
  directory: Content,
  edits: ReadonlyMap<ByteName, TreeEntry | null>,
): Promise<DirectoryContent> {
  return directoryContent(await editNamed(writer, TREE, rootOf(directory), edits))
}

function directoryContent(root: SummarizedRoot<TreeChild> | undefined): DirectoryContent {
  return { content: contentOf(TREE, root), files: root?.child.files ?? 0 }
}
