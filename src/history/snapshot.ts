/**
 * One commit's file tree, for reading. It never changes, whatever is committed or deleted meanwhile.
 *
 * Only directories are followed: a symlink is an entry of its own, never a way to another. All bytes handed out were
 * checked up to the commit's id, belong to the caller, and are read only where asked for.
 */
import { constants } from 'node:buffer'
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { type ByteName, joinNames } from '../base/names.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Commit } from '../format/commit.js'
import type { Content } from '../format/content.js'
import { type CommitInfo, describeCommit } from './commitObject.js'
import { readContent, readPieces, readWhole, requireCount } from './contentRead.js'
import {
  describeEntry,
  type EntryInfo,
  notADirectory,
  notAFile,
  requireEntry,
  rootEntry,
  type TreeRoot,
} from './entries.js'
import { listRecorded, type RecordedEntry, requireRecorded, withTarget } from './listing.js'
import { joinPath, type PathLike, parsePath } from './paths.js'

export interface StreamOptions {
  /** First byte wanted, from 0. Default 0. */
  readonly offset?: number | undefined
  /** Bytes wanted at most. Default: to the end. */
  readonly length?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** One commit's file tree, for reading, from `Repository.at`. It never changes. */
export class Snapshot {
  /** Of the commit. */
  readonly id: Hash
  /** What the commit says of itself. */
  readonly info: CommitInfo
  /** What the layers above work on. @internal */
  readonly root: TreeRoot
  private readonly reader: ObjectReader

  /** @internal */
  constructor(reader: ObjectReader, id: Hash, commit: Commit) {
    this.reader = reader
    this.id = id
    this.info = describeCommit(id, commit)
    this.root = commit
  }

  /**
   * A whole file.
   *
   * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `NOT_A_FILE`, `INVALID_PATH`; `LIMIT_EXCEEDED` for a file
   * that is longer than a Buffer can be
   * @throws {CorruptionError} when stored bytes are not what was written; never a wrong byte instead
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * console.log((await snapshot.read('readme.txt')).toString('utf8'))
   * ```
   */
  async read(path: PathLike): Promise<Buffer> {
    const content = await this.file(path)
    return readWhole(this.reader, content)
  }

  /**
   * `length` bytes from byte `offset` on, or as many as there are: none behind the end. Reads only the chunks that hold
   * them.
   *
   * @throws {VarveError} as `read`; `INVALID_ARGUMENT` unless both are integers, 0 or more
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * const numbers = await snapshot.readRange('data/numbers.txt', 2, 3)
   * console.log(numbers.toString('utf8'))
   * ```
   */
  async readRange(path: PathLike, offset: number, length: number): Promise<Buffer> {
    const content = await this.file(path)
    const range = clampRange(content, offset, length)
    return collect(this.reader, content, range.offset, range.length)
  }

  /**
   * A file, or a part of it, piece by piece with bounded memory, however long it is.
   *
   * @throws {VarveError} as `readRange`; `CANCELLED` once `signal` is aborted
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * let bytes = 0
   * for await (const piece of snapshot.stream('data/numbers.txt', { offset: 2 })) bytes += piece.length
   * console.log(bytes)
   * ```
   */
  async *stream(path: PathLike, options: StreamOptions = {}): AsyncGenerator<Buffer> {
    const content = await this.file(path)
    const { offset, length } = clampRange(content, options.offset ?? 0, options.length ?? Number.MAX_SAFE_INTEGER)
    for await (const bytes of readContent(this.reader, content, offset, length)) {
      throwIfCancelled(options.signal)
      // A copy: what the store holds in its cache must stay as it is, whatever the caller does.
      yield Buffer.from(bytes)
    }
  }

  /**
   * The entries of a directory, in the order of their name bytes. Default: the root.
   *
   * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * for await (const entry of snapshot.list('data')) console.log(entry.kind, entry.name, entry.sizeBytes)
   * ```
   */
  async *list(path: PathLike = ''): AsyncGenerator<EntryInfo> {
    const segments = parsePath(path)
    const { entry, recorded } = await this.directory(segments)
    const parent = joinPath(segments)
    for await (const item of listRecorded(this.reader, entry.content, recorded?.below)) yield describe(parent, item)
  }

  /**
   * Everything below a directory, each directory before what it holds, in the order of name bytes. Default: the root.
   * Memory grows with depth only.
   *
   * @throws {VarveError} as `list`
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * for await (const entry of snapshot.walk()) if (entry.kind === 'file') console.log(entry.path)
   * ```
   */
  async *walk(path: PathLike = ''): AsyncGenerator<EntryInfo> {
    const segments = parsePath(path)
    const { entry, recorded } = await this.directory(segments)
    const open = [this.enter(joinPath(segments), entry.content, recorded?.below)]
    try {
      for (let level = open.at(-1); level; level = open.at(-1)) {
        const next = await level.entries.next()
        if (next.done) {
          open.pop()
          continue
        }
        const item = next.value
        yield describe(level.path, item)
        if (item.entry.kind !== 'directory') continue
        const below = joinNames(level.path, item.entry.name)
        open.push(this.enter(below, item.entry.content, item.recorded?.below))
      }
    } finally {
      for (const { entries } of open) await entries.return(undefined)
    }
  }

  /**
   * One entry; `''` is the root. A symlink comes with its target.
   *
   * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY` where the path leads through something else, `INVALID_PATH`
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * const { kind, sizeBytes } = await snapshot.stat('readme.txt')
   * console.log(kind, sizeBytes)
   * ```
   */
  async stat(path: PathLike): Promise<EntryInfo> {
    const segments = parsePath(path)
    const { entry, recorded } = await requireRecorded(this.reader, this.root, segments)
    return withTarget(this.reader, entry.content, describeEntry(joinPath(segments), entry, recorded?.attributes ?? {}))
  }

  /**
   * As `stat`, and `undefined` when nothing is there, also where the path leads through a file.
   *
   * @throws {VarveError} `INVALID_PATH`
   * @example
   * ```ts
   * const snapshot = await repo.at('main')
   * const entry = await snapshot.tryStat('missing.txt')
   * console.log(entry === undefined)
   * ```
   */
  async tryStat(path: PathLike): Promise<EntryInfo | undefined> {
    try {
      return await this.stat(path)
    } catch (error) {
      if (isVarveError(error, 'PATH_NOT_FOUND', 'NOT_A_DIRECTORY')) return undefined
      throw error
    }
  }

  private async file(path: PathLike): Promise<Content> {
    const segments = parsePath(path)
    const entry = await requireEntry(this.reader, rootEntry(this.root), segments)
    if (entry.kind !== 'file') throw notAFile(segments, entry.kind)
    return entry.content
  }

  private async directory(segments: readonly ByteName[]): Promise<RecordedEntry> {
    const found = await requireRecorded(this.reader, this.root, segments)
    if (found.entry.kind !== 'directory') throw notADirectory(segments, found.entry.kind)
    return found
  }

  private enter(path: ByteName, directory: Content, attributes: Content | undefined) {
    return { path, entries: listRecorded(this.reader, directory, attributes) }
  }
}

function describe(parent: ByteName, { entry, recorded }: RecordedEntry): EntryInfo {
  return describeEntry(joinNames(parent, entry.name), entry, recorded?.attributes ?? {})
}

/** The bytes of a part that lies within `content`, in a buffer of their own. */
async function collect(reader: ObjectReader, content: Content, offset: number, length: number): Promise<Buffer> {
  if (length > constants.MAX_LENGTH) {
    throw new VarveError('LIMIT_EXCEEDED', `${length} bytes do not fit into one Buffer`, {
      expected: constants.MAX_LENGTH,
      actual: length,
      hint: 'Use `stream`, or `readRange` part by part.',
    })
  }
  const whole = Buffer.allocUnsafe(length)
  let filled = 0
  for await (const pieces of readPieces(reader, content, offset, length)) {
    for (const bytes of pieces) filled += bytes.copy(whole, filled)
  }
  if (filled !== length) {
    throw new CorruptionError('CORRUPT_OBJECT', `a content of ${length} bytes ended after ${filled}`, {
      expected: length,
      actual: filled,
    })
  }
  return whole
}

function clampRange(content: Content, offset: number, length: number): { offset: number; length: number } {
  requireCount('offset', offset)
  requireCount('length', length)
  const start = Math.min(offset, content.size)
  return { offset: start, length: Math.min(length, content.size - start) }
}
