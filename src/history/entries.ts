/**
 * Entries of trees as the layers above see them: found by path, compared, described.
 *
 * Only directories are followed. A symlink on the way is not a directory, wherever it points.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { type ByteName, nameToBytes, nameToText, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Attributes } from '../format/attributes.js'
import type { Content } from '../format/content.js'
import type { TreeEntry, TreeEntryKind } from '../format/tree.js'
import { lookup } from './directory.js'
import { describePath, joinPath } from './paths.js'

/** One file, directory, symlink or gitlink of a snapshot or draft. */
export interface EntryInfo {
  /** From the root, for people: bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string
  /** From the root, exact. */
  readonly pathBytes: Buffer
  /** The last segment of `path`; `''` for the root. */
  readonly name: string
  readonly kind: TreeEntryKind
  /** Files only. */
  readonly executable: boolean
  /** Bytes of the file or of the symlink's target; for a directory, of all files below it. */
  readonly sizeBytes: number
  /** Entries below a directory that are not directories; 1 for anything else. */
  readonly files: number
  /** Of the content: the same id is the same content. Absent when empty, and for an edited directory of a draft. */
  readonly id?: Hash
  /** Symlinks, from `stat` alone: where it points, for people. */
  readonly target?: string
  /** What was recorded beside the content; `{}` when nothing was. */
  readonly attributes: Attributes
}

/** A tree with what is recorded beside it. A commit is one. */
export interface TreeRoot {
  readonly tree: Content
  /** Entries below that are not directories. */
  readonly files: number
  readonly attributes: Content
}

/** The root directory as an entry without a name. */
export function rootEntry(root: TreeRoot): TreeEntry {
  return { name: ROOT_NAME, kind: 'directory', executable: false, content: root.tree, files: root.files }
}

/** Whether two places hold the same thing, names aside. Nothing is the same as nothing. */
export function sameEntry(a: TreeEntry | undefined, b: TreeEntry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.kind === b.kind &&
    a.executable === b.executable &&
    a.content.id === b.content.id &&
    a.content.shape === b.content.shape &&
    a.foreignId === b.foreignId
  )
}

/** `undefined` when nothing is there, also where the path leads through something that is no directory. */
export async function entryAt(
  reader: ObjectReader,
  root: TreeEntry,
  path: readonly ByteName[],
): Promise<TreeEntry | undefined> {
  let entry: TreeEntry | undefined = root
  for (const segment of path) {
    if (entry?.kind !== 'directory') return undefined
    entry = await lookup(reader, entry.content, segment)
  }
  return entry
}

/** @throws {VarveError} `PATH_NOT_FOUND`; `NOT_A_DIRECTORY` where the path leads through something else. */
export async function requireEntry(
  reader: ObjectReader,
  root: TreeEntry,
  path: readonly ByteName[],
): Promise<TreeEntry> {
  let entry = root
  for (const [index, segment] of path.entries()) {
    if (entry.kind !== 'directory') throw notADirectory(path.slice(0, index), entry.kind)
    const next = await lookup(reader, entry.content, segment)
    if (!next) throw pathNotFound(path)
    entry = next
  }
  return entry
}

export function describeEntry(path: ByteName, entry: TreeEntry, attributes: Attributes): EntryInfo {
  const { content } = entry
  return {
    path: nameToText(path),
    pathBytes: nameToBytes(path),
    name: nameToText(entry.name),
    kind: entry.kind,
    executable: entry.executable,
    sizeBytes: content.size,
    files: entry.kind === 'directory' ? entry.files : 1,
    ...(content.id === undefined ? {} : { id: content.id }),
    attributes,
  }
}

export function pathNotFound(path: readonly ByteName[]): VarveError {
  const text = nameToText(joinPath(path))
  return new VarveError('PATH_NOT_FOUND', `there is no ${describePath(path)}`, { path: text })
}

export function notADirectory(path: readonly ByteName[], kind: TreeEntryKind): VarveError {
  return new VarveError('NOT_A_DIRECTORY', `${describePath(path)} is a ${kind}, not a directory`, {
    path: nameToText(joinPath(path)),
    expected: 'directory',
    actual: kind,
    ...(kind === 'symlink' ? { hint: 'Symlinks are not followed inside a store.' } : {}),
  })
}

export function notAFile(path: readonly ByteName[], kind: TreeEntryKind): VarveError {
  return new VarveError('NOT_A_FILE', `${describePath(path)} is a ${kind}, not a file`, {
    path: nameToText(joinPath(path)),
    expected: 'file',
    actual: kind,
    ...(kind === 'symlink' ? { hint: 'Symlinks are not followed inside a store; `stat` tells the target.' } : {}),
  })
}
