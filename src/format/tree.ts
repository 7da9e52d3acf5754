/**
 * The entries of a directory, as nodes of a Merkle sequence.
 *
 *   leaf    00 ‖ entry+
 *   entry   name blob ‖ flags u8 ‖ content ‖ [files varint, directories only]
 *           name blob ‖ flags u8 ‖ foreign id blob                           (gitlink)
 *   flags   bits 0-1: 0 file, 1 directory, 2 symlink, 3 gitlink; bit 2: executable (files only); rest 0
 *   inner   level u8, 1 … 60 ‖ (last name blob ‖ id 32 ‖ size varint ‖ files varint ‖ entries varint)+
 *
 * Names grow strictly, byte by byte. A name is never empty, `.` or `..` and holds no `/` and no NUL: a stranger's
 * tree with such a name does not decode at all.
 */
import type { Hash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'
import { ByteReader, ByteWriter } from './bytes.js'
import { type Content, contentUseProblem, decodeContent, EMPTY_CONTENT, encodeContent, skipContent } from './content.js'
import type { LeafEntries } from './leaves.js'
import { decodeLevel, encodeLevel, entriesProblem } from './node.js'
import { isCount, nameProblem, orderProblem, type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

export type TreeEntryKind = 'file' | 'directory' | 'symlink' | 'gitlink'

/** One entry of a directory. Content only: no times, no owners. Sorted by the bytes of `name`. */
export interface TreeEntry {
  readonly name: ByteName
  readonly kind: TreeEntryKind
  /** Only files may be executable. */
  readonly executable: boolean
  /** File: its bytes. Symlink: its target (empty or one chunk). Directory: its sequence, `size` = bytes of all files below. */
  readonly content: Content
  /** Directories only: entries below that are not directories. 0 otherwise. */
  readonly files: number
  /** Gitlinks only: the foreign commit id, 20 or 32 bytes in hex. */
  readonly foreignId?: string
}

/** One entry of a directory's inner node. */
export interface TreeChild {
  readonly id: Hash
  /** Greatest name below the child. */
  readonly lastName: ByteName
  /** Sum of `content.size` below. */
  readonly size: number
  /** Sum of: 1 for a non-directory, `files` for a directory. */
  readonly files: number
  /** Entries of the directory itself below this child (not recursive). */
  readonly entries: number
}

export type TreeNode =
  | { readonly level: 0; readonly entries: TreeEntry[] }
  | { readonly level: number; readonly children: TreeChild[] }

const WHAT = 'a directory node'
const KINDS: readonly TreeEntryKind[] = ['file', 'directory', 'symlink', 'gitlink']
const KIND_MASK = 0b011
const EXECUTABLE_BIT = 0b100
const FOREIGN_ID_PATTERN = /^([0-9a-f]{40}|[0-9a-f]{64})$/

/** @throws {VarveError} `INVALID_PATH` for names that cannot be, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function encodeTreeLeaf(entries: readonly TreeEntry[]): Buffer {
  refuseToEncode(WHAT, leafProblem(entries))
  const writer = new ByteWriter(1 + 64 * entries.length)
  encodeLevel(writer, 0)
  for (const entry of entries) {
    writer.name(entry.name)
    writer.u8(KINDS.indexOf(entry.kind) | (entry.executable ? EXECUTABLE_BIT : 0))
    if (entry.foreignId !== undefined) writer.blob(Buffer.from(entry.foreignId, 'hex'))
    else encodeContent(writer, entry.content)
    if (entry.kind === 'directory') writer.varint(entry.files)
  }
  return writer.finish()
}

/** @throws {VarveError} as `encodeTreeLeaf` */
export function encodeTreeInner(level: number, children: readonly TreeChild[]): Buffer {
  refuseToEncode(WHAT, innerProblem(children))
  const writer = new ByteWriter(1 + 64 * children.length)
  encodeLevel(writer, level, 1)
  for (const child of children) {
    writer.name(child.lastName).hash(child.id).varint(child.size).varint(child.files).varint(child.entries)
  }
  return writer.finish()
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` */
export function decodeTreeNode(bytes: Uint8Array): TreeNode {
  const reader = new ByteReader(bytes, WHAT)
  const level = decodeLevel(reader)
  if (level === 0) {
    const entries: TreeEntry[] = []
    while (reader.remaining > 0) entries.push(decodeEntry(reader))
    refuseDecoded(reader, leafProblem(entries))
    return { level, entries }
  }
  const children: TreeChild[] = []
  while (reader.remaining > 0) {
    const lastName = reader.name()
    const id = reader.hash()
    children.push({ id, lastName, size: reader.varint(), files: reader.varint(), entries: reader.varint() })
  }
  refuseDecoded(reader, innerProblem(children))
  return { level, children }
}

function decodeEntry(reader: ByteReader): TreeEntry {
  const name = reader.name()
  const flags = reader.u8()
  if (flags > (KIND_MASK | EXECUTABLE_BIT)) throw reader.fail('has an entry with unknown flags', { actual: flags })
  const kind = KINDS[flags & KIND_MASK] ?? 'file'
  const executable = (flags & EXECUTABLE_BIT) !== 0
  if (kind === 'gitlink') {
    const foreignId = reader.blob().toString('hex')
    return { name, kind, executable, content: EMPTY_CONTENT, files: 0, foreignId }
  }
  const content = decodeContent(reader)
  return { name, kind, executable, content, files: kind === 'directory' ? reader.varint() : 0 }
}

function skipEntry(reader: ByteReader): void {
  reader.skip(reader.varint())
  const kind = KINDS[reader.u8() & KIND_MASK]
  if (kind === 'gitlink') reader.skip(reader.varint())
  else skipContent(reader)
  if (kind === 'directory') reader.varint()
}

/** For `entriesApart`. What it decodes is checked by itself, and not against what is beside it. */
export const TREE_LEAF: LeafEntries<TreeEntry> = {
  reader: (bytes) => new ByteReader(bytes, WHAT),
  skip: skipEntry,
  decode: (reader) => {
    const entry = decodeEntry(reader)
    refuseDecoded(reader, nameProblem(entry.name) ?? entryProblem(entry))
    return entry
  },
}

function leafProblem(entries: readonly TreeEntry[]): Problem | undefined {
  let previous: ByteName | undefined
  let size = 0
  let files = 0
  for (const entry of entries) {
    const found = nameProblem(entry.name) ?? orderProblem(previous, entry.name) ?? entryProblem(entry)
    if (found) return found
    previous = entry.name
    size += entry.content.size
    files += entry.kind === 'directory' ? entry.files : 1
    if (!isCount(size) || !isCount(files)) return problem('has totals above 2^53 - 1')
  }
  return entriesProblem(entries)
}

function entryProblem(entry: TreeEntry): Problem | undefined {
  const { kind, content, foreignId, files } = entry
  if (entry.executable && kind !== 'file') return problem(`has an executable ${kind}`)
  if (!isCount(files)) return problem(`has an impossible count of files, ${files}`)
  if (kind !== 'directory' && files !== 0) return problem(`has a ${kind} with files below it`)
  if (kind === 'gitlink') {
    if (foreignId === undefined || !FOREIGN_ID_PATTERN.test(foreignId)) {
      return problem('has a gitlink without an id of 20 or 32 bytes')
    }
    return content.shape === 0 ? undefined : problem('has a gitlink with content')
  }
  if (foreignId !== undefined) return problem(`has a ${kind} with a foreign id`)
  if (kind !== 'directory') return contentUseProblem(content, kind)
  if (content.shape === 0 && files !== 0) return problem('has an empty directory with files below it')
  return contentUseProblem(content, 'sequence')
}

function innerProblem(children: readonly TreeChild[]): Problem | undefined {
  let previous: ByteName | undefined
  let size = 0
  let files = 0
  let entries = 0
  for (const child of children) {
    const found = nameProblem(child.lastName) ?? orderProblem(previous, child.lastName)
    if (found) return found
    previous = child.lastName
    if (!isCount(child.entries) || child.entries === 0) return problem(`has a child with ${child.entries} entries`)
    if (!isCount(child.size) || !isCount(child.files)) return problem('has a child with impossible totals')
    size += child.size
    files += child.files
    entries += child.entries
    if (!isCount(size) || !isCount(files) || !isCount(entries)) return problem('has totals above 2^53 - 1')
  }
  return entriesProblem(children)
}
