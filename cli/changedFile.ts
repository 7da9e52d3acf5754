/**
 * A change with the contents of its two sides, wherever they come from; and what there is to say of them line by line.
 *
 * Contents are read when they are asked for, the first bytes first: of a binary file no more is read than tells it, of
 * a file that is too long nothing.
 */
import type { Change, EntrySummary, Snapshot, TextDiff } from '../src/index.js'
import type { Context } from './context.js'

const NO_BYTES = new Uint8Array()

export interface ChangedFile {
  readonly change: Change
  /** The bytes before, all or the first `length`. Asked for where `change.before` is a file or a symlink. */
  before(length?: number): Promise<Uint8Array>
  /** The same of `change.after`. */
  after(length?: number): Promise<Uint8Array>
}

/** The files that differ between two revisions. */
export async function* filesBetween(
  before: Snapshot,
  after: Snapshot,
  changes: AsyncIterable<Change>,
): AsyncGenerator<ChangedFile> {
  for await (const change of changes) {
    const { pathBytes, fromBytes } = change
    yield {
      change,
      before: (length) => readSide(before, fromBytes ?? pathBytes, change.before, length),
      after: (length) => readSide(after, pathBytes, change.after, length),
    }
  }
}

/** The files that differ between a revision, or nothing, and a folder on the disk. */
export function* filesOfFolder(
  before: Snapshot | undefined,
  folder: string,
  changes: Iterable<Change>,
): Generator<ChangedFile> {
  for (const change of changes) {
    const { pathBytes, fromBytes } = change
    yield {
      change,
      before: async (length) => (before ? readSide(before, fromBytes ?? pathBytes, change.before, length) : NO_BYTES),
      after: (length) => readDisk(Buffer.concat([Buffer.from(`${folder}/`), pathBytes]), change.after, length),
    }
  }
}

async function readDisk(
  path: Buffer,
  entry: EntrySummary | undefined,
  length: number | undefined,
): Promise<Uint8Array> {
  // Loaded only here: the verbs that count changes read none.
  const { open, readlink } = await import('node:fs/promises')
  if (entry?.kind === 'symlink') return readlink(path, { encoding: 'buffer' })
  const file = await open(path, 'r')
  try {
    if (length === undefined) return await file.readFile()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function readSide(
  snapshot: Snapshot,
  path: Uint8Array,
  entry: EntrySummary | undefined,
  length: number | undefined,
): Promise<Uint8Array> {
  if (entry?.kind === 'symlink') return Buffer.from((await snapshot.stat(path)).target ?? '')
  return length === undefined ? snapshot.read(path) : snapshot.readRange(path, 0, length)
}

/**
 * `text`: its lines were compared; `binary`: one side is no text; `large`: one side is too long to compare lines;
 * `nothing`: no contents differ, or there are none: directories, gitlinks.
 */
export type FileComparison =
  | { readonly kind: 'text'; readonly diff: TextDiff }
  | { readonly kind: 'binary' | 'large' | 'nothing' }

/** Files above it are shown as binaries are. */
export const TEXT_BYTES_MAX = 64 * 1024 * 1024
/** What `isBinary` looks at. */
const HEAD_BYTES = 8000

export async function compareFile(context: Context, file: ChangedFile, contextLines: number): Promise<FileComparison> {
  const { before, after } = file.change
  if (sameContent(before, after) || (!hasLines(before) && !hasLines(after))) return { kind: 'nothing' }
  const { isBinary, textDiff } = await context.library()
  const sides = [
    { entry: before, read: file.before },
    { entry: after, read: file.after },
  ].map(({ entry, read }) => ({ sizeBytes: hasLines(entry) ? (entry?.sizeBytes ?? 0) : 0, read }))
  for (const { sizeBytes, read } of sides) {
    if (sizeBytes > 0 && isBinary(await read(HEAD_BYTES))) return { kind: 'binary' }
  }
  if (sides.some(({ sizeBytes }) => sizeBytes > TEXT_BYTES_MAX)) return { kind: 'large' }
  const [a = NO_BYTES, b = NO_BYTES] = await Promise.all(
    sides.map(({ sizeBytes, read }) => (sizeBytes > 0 ? read() : NO_BYTES)),
  )
  return { kind: 'text', diff: textDiff(a, b, { contextLines }) }
}

function hasLines(entry: EntrySummary | undefined): boolean {
  return entry?.kind === 'file' || entry?.kind === 'symlink'
}

function sameContent(before: EntrySummary | undefined, after: EntrySummary | undefined): boolean {
  return before !== undefined && before.kind === after?.kind && before.id !== undefined && before.id === after.id
}

/** What a file brought or took whole is all of it. */
export function addedBytesOf(change: Change): number {
  return change.addedBytes ?? (change.before === undefined ? (change.after?.sizeBytes ?? 0) : 0)
}

export function removedBytesOf(change: Change): number {
  return change.removedBytes ?? (change.after === undefined ? (change.before?.sizeBytes ?? 0) : 0)
}
