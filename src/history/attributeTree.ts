/**
 * What is recorded beside a directory's content, as a sequence that runs parallel to it. The entry with the empty
 * name is the directory's own; entries of directories hold the sequence of what lies below.
 *
 * A sequence of attributes has no bytes of its own to count: the size of its content is 0.
 */
import type { ByteName } from '../base/names.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import {
  ATTRIBUTES_LEAF,
  type Attributes,
  type AttributesChild,
  type AttributesEntry,
  decodeAttributesNode,
  encodeAttributesInner,
  encodeAttributesLeaf,
} from '../format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import { contentOf, rootOf } from './sequence.js'
import type { Before } from './sequenceBefore.js'
import { entriesFrom } from './sequenceCursor.js'
import { diffNamed } from './sequenceDiff.js'
import {
  editNamed,
  endOfName,
  findNamed,
  lastNameOf,
  NamedBuilder,
  type NamedFormat,
  nameBoundary,
} from './sequenceNames.js'

export const ATTRIBUTES: NamedFormat<AttributesEntry, AttributesChild> = {
  kind: KIND.attributes,
  what: 'attributes node',
  start: '',
  decode: decodeAttributesNode,
  leafEntries: ATTRIBUTES_LEAF,
  leaf: {
    itemsOf: (node) => ('entries' in node ? node.entries : undefined),
    end: (_start, { name }) => endOfName(name),
    boundary: (level, { name }) => nameBoundary(level, name),
    encode: (_level, entries) => encodeAttributesLeaf(entries),
    summarize: (id, entries) => ({ id, lastName: lastNameOf(entries), entries: entries.length }),
  },
  inner: {
    itemsOf: (node) => ('children' in node ? node.children : undefined),
    end: (_start, { lastName }) => endOfName(lastName),
    boundary: (level, { lastName }) => nameBoundary(level, lastName),
    encode: encodeAttributesInner,
    summarize: (id, children) => ({
      id,
      lastName: lastNameOf(children),
      entries: children.reduce((sum, { entries }) => sum + entries, 0),
    }),
  },
  agree: (a, b) => a.lastName === b.lastName && a.entries === b.entries,
  sizeOf: () => 0,
}

/** Writes a sequence of attributes entry by entry, in the order of names. */
export class AttributesBuilder {
  readonly #builder: NamedBuilder<AttributesEntry, AttributesChild>

  /** @param before the sequence that it takes the place of, and is likely to be much like */
  constructor(writer: ObjectWriter, before?: Before) {
    this.#builder = new NamedBuilder(writer, ATTRIBUTES, before)
  }

  /** To be awaited before the next call where it returns a promise. @throws {VarveError} `INVALID_ARGUMENT` out of order */
  append(entry: AttributesEntry): Promise<void> | undefined {
    return this.#builder.append(entry)
  }

  async finish(): Promise<Content> {
    return contentOf(ATTRIBUTES, await this.#builder.finish())
  }
}

/** @throws {VarveError} `INVALID_ARGUMENT` unless names grow strictly */
export async function writeAttributes(
  writer: ObjectWriter,
  entries: AsyncIterable<AttributesEntry> | Iterable<AttributesEntry>,
): Promise<Content> {
  const builder = new AttributesBuilder(writer)
  for await (const entry of entries) await builder.append(entry)
  return builder.finish()
}

export function lookupAttributes(
  reader: ObjectReader,
  attributes: Content,
  name: ByteName,
): Promise<AttributesEntry | undefined> {
  return findNamed(reader, ATTRIBUTES, rootOf(attributes), name)
}

/** Entries in the order of names, from the first one that is not below `from`. */
export function listAttributes(
  reader: ObjectReader,
  attributes: Content,
  from?: ByteName,
): AsyncIterable<AttributesEntry> {
  return entriesFrom(reader, ATTRIBUTES, rootOf(attributes), from ?? ATTRIBUTES.start)
}

/** Sets the entries of `edits`, and removes those that are `null` there. */
export async function editAttributes(
  writer: ObjectWriter,
  attributes: Content,
  edits: ReadonlyMap<ByteName, AttributesEntry | null>,
): Promise<Content> {
  return contentOf(ATTRIBUTES, await editNamed(writer, ATTRIBUTES, rootOf(attributes), edits))
}

/**
 * Whether two sequences, and all below them, record the same but for times. An entry that records nothing else is
 * as good as none.
 */
export async function sameRecorded(reader: ObjectReader, a: Content, b: Content): Promise<boolean> {
  if (a.id === b.id && a.shape === b.shape) return true
  const identical = (before: AttributesEntry, after: AttributesEntry): boolean =>
    sameButTimes(before.attributes, after.attributes) && before.below.id === after.below.id
  for await (const { before, after } of diffNamed(reader, ATTRIBUTES, rootOf(a), rootOf(b), identical)) {
    if (!sameButTimes(before?.attributes ?? {}, after?.attributes ?? {})) return false
    if (!(await sameRecorded(reader, before?.below ?? EMPTY_CONTENT, after?.below ?? EMPTY_CONTENT))) return false
  }
  return true
}

export function sameButTimes(a: Attributes, b: Attributes): boolean {
  return (
    a.mode === b.mode &&
    a.owner?.uid === b.owner?.uid &&
    a.owner?.gid === b.owner?.gid &&
    sameXattrs(a.xattrs, b.xattrs) &&
    a.linkGroup === b.linkGroup
  )
}

function sameXattrs(a: Attributes['xattrs'], b: Attributes['xattrs']): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.length === b.length &&
    a.every(({ name, value }, index) => {
      const other = b[index]
      return other !== undefined && name === other.name && value.equals(other.value)
    })
  )
}
