/** A directory's entries together with what is recorded of each beside its content. */
import { type ByteName, nameFromBytes, nameToText, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { AttributesEntry } from '../format/attributes.js'
import type { Content } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { listAttributes, lookupAttributes } from './attributeTree.js'
import { readWhole } from './contentRead.js'
import { list, lookup } from './directory.js'
import { type EntryInfo, notADirectory, pathNotFound, rootEntry, type TreeRoot } from './entries.js'

/** An entry, and what is recorded of it: for a directory also of all that lies below. */
export interface RecordedEntry {
  readonly entry: TreeEntry
  readonly recorded: AttributesEntry | undefined
}

/** In the order of name bytes. Both sequences are read once, side by side. */
export async function* listRecorded(
  reader: ObjectReader,
  directory: Content,
  attributes: Content | undefined,
): AsyncGenerator<RecordedEntry> {
  if (attributes === undefined || attributes.shape === 0) {
    for await (const entry of list(reader, directory)) yield { entry, recorded: undefined }
    return
  }
  const records = listAttributes(reader, attributes)[Symbol.asyncIterator]()
  try {
    let record = await records.next()
    for await (const entry of list(reader, directory)) {
      while (!record.done && record.value.name < entry.name) record = await records.next()
      yield { entry, recorded: !record.done && record.value.name === entry.name ? record.value : undefined }
    }
  } finally {
    await records.return?.()
  }
}

/** What is recorded under `name` in a directory's attribute sequence. */
export async function recordOf(
  reader: ObjectReader,
  attributes: Content | undefined,
  name: ByteName,
): Promise<AttributesEntry | undefined> {
  return attributes === undefined || attributes.shape === 0 ? undefined : lookupAttributes(reader, attributes, name)
}

/**
 * The root directory with what is recorded of it. Its own attributes stand under the empty name in its sequence, because
 * there is no directory above it to hold them.
 */
export async function recordedRoot(reader: ObjectReader, root: TreeRoot): Promise<RecordedEntry> {
  const own = await recordOf(reader, root.attributes, ROOT_NAME)
  const recorded =
    root.attributes.shape === 0
      ? undefined
      : { name: ROOT_NAME, attributes: own?.attributes ?? {}, below: root.attributes }
  return { entry: rootEntry(root), recorded }
}

/** @throws {VarveError} `PATH_NOT_FOUND`; `NOT_A_DIRECTORY` where the path leads through something else. */
export async function requireRecorded(
  reader: ObjectReader,
  root: TreeRoot,
  path: readonly ByteName[],
): Promise<RecordedEntry> {
  let at = await recordedRoot(reader, root)
  for (const [index, segment] of path.entries()) {
    if (at.entry.kind !== 'directory') throw notADirectory(path.slice(0, index), at.entry.kind)
    const entry = await lookup(reader, at.entry.content, segment)
    if (!entry) throw pathNotFound(path)
    at = { entry, recorded: await recordOf(reader, at.recorded?.below, segment) }
  }
  return at
}

/** Adds the target of a symlink. */
export async function withTarget(reader: ObjectReader, content: Content, info: EntryInfo): Promise<EntryInfo> {
  if (info.kind !== 'symlink') return info
  const target = await readWhole(reader, content)
  return { ...info, target: nameToText(nameFromBytes(target)) }
}
