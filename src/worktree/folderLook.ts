/**
 * What is in a working folder at the path of a tree, as far as a checkout has to know: whether it is what one of two trees
 * has there, or somebody's own.
 *
 * Guarantees: nothing is looked at through a symlink. A file is read only if its size leaves it open what it is, and the
 * stat cache does not know.
 */
import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToText, ROOT_NAME } from '../base/names.js'
import type { ObjectWriter } from '../cas/objects.js'
import type { TreeEntry } from '../format/tree.js'
import { sameEntry } from '../history/entries.js'
import type { RecordedSide } from '../history/recordedDiff.js'
import { diskPathOf } from './diskPath.js'
import { FileReader, READ_ALL } from './fileReader.js'
import { ReadFailure } from './readFailure.js'
import { modeOf } from './recordedMode.js'
import type { StatCache } from './statCache.js'

/** Windows makes up its mode bits. */
const HAS_MODES = process.platform !== 'win32'
const OWNER_EXECUTE = 0o100
/** Set only together with an owner, so that they may be missing from a file that was written with its mode. */
const SET_ID_BITS = 0o6000

export type Found =
  | { readonly is: 'nothing' }
  /** A file or symlink where a directory of the path should be, or something that is neither at its end. */
  | { readonly is: 'blocked'; readonly by: ByteName; readonly stat: FileStat }
  | { readonly is: 'directory'; readonly stat: FileStat }
  /** A file or symlink. `entry` is missing where it is none of those that were asked about. */
  | { readonly is: 'entry'; readonly stat: FileStat; readonly entry: TreeEntry | undefined }

export type FoundEntry = Extract<Found, { is: 'entry' }>

const NOTHING: Found = { is: 'nothing' }

export class FolderLook {
  readonly #fs: FileSystem
  readonly #root: Buffer
  readonly #cache: StatCache
  readonly #files: FileReader
  /** By the directories of paths that were looked at; `undefined` for those that are there. */
  readonly #barriers = new Map<ByteName, Found | undefined>()

  /** @param ids Computes ids of contents, and keeps nothing. */
  constructor(ids: ObjectWriter, fs: FileSystem, root: Buffer, cache: StatCache, signal: AbortSignal | undefined) {
    this.#fs = fs
    this.#root = root
    this.#cache = cache
    this.#files = new FileReader(fs, ids, signal)
  }

  diskPath(path: ByteName): Buffer {
    return diskPathOf(this.#root, path)
  }

  /**
   * @param like What it might be.
   * @param isGivenUp Then it may be unreadable.
   * @throws {VarveError} `UNREADABLE_FILES`; errors of the file system
   */
  async at(path: ByteName, like: readonly (RecordedSide | undefined)[], isGivenUp: boolean): Promise<Found> {
    const barrier = this.#barrier(path)
    if (barrier) return barrier
    const stat = this.#fs.lstat(this.diskPath(path))
    if (!stat) return NOTHING
    if (stat.type === 'directory') return { is: 'directory', stat }
    if (stat.type === 'other') return { is: 'blocked', by: path, stat }
    return this.#read(path, stat, like, isGivenUp)
  }

  /** What keeps a path from being looked at: there is no directory that it could be in. */
  #barrier(path: ByteName): Found | undefined {
    const end = path.lastIndexOf('/')
    if (end < 0) return undefined
    const parent = path.slice(0, end) as ByteName
    if (this.#barriers.has(parent)) return this.#barriers.get(parent)
    const barrier = this.#barrier(parent) ?? this.#barrierAt(parent)
    this.#barriers.set(parent, barrier)
    return barrier
  }

  #barrierAt(path: ByteName): Found | undefined {
    const stat = this.#fs.lstat(this.diskPath(path))
    if (!stat) return NOTHING
    return stat.type === 'directory' ? undefined : { is: 'blocked', by: path, stat }
  }

  async #read(
    path: ByteName,
    stat: FileStat,
    like: readonly (RecordedSide | undefined)[],
    isGivenUp: boolean,
  ): Promise<Found> {
    const { type, size } = stat
    const isOpen = like.some((side) => side?.entry.kind === type && side.entry.content.size === size)
    if (!isOpen || type === 'directory' || type === 'other') return { is: 'entry', stat, entry: undefined }
    const end = path.lastIndexOf('/')
    const [parent, name] = [path.slice(0, Math.max(0, end)) as ByteName, path.slice(end + 1) as ByteName]
    try {
      const known = this.#cache.directory(parent).contentOf(name, stat)
      const read = known
        ? { content: known, stat }
        : type === 'symlink'
          ? await this.#files.storeSymlink(this.diskPath(path))
          : await this.#files.storeFile(this.diskPath(path), READ_ALL)
      if (!read) return NOTHING
      const executable = type === 'file' && (read.stat.mode & OWNER_EXECUTE) !== 0
      const entry: TreeEntry = { name, kind: type, executable, content: read.content, files: 0 }
      return { is: 'entry', stat: read.stat, entry }
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      if (error.code === 'ENOENT') return NOTHING
      if (isGivenUp) return { is: 'entry', stat, entry: undefined }
      throw unreadable(path, error)
    }
  }
}

/** Whether it is what the tree has, recorded modes aside. */
export function isAs(found: FoundEntry, side: RecordedSide | undefined): boolean {
  if (!side || !found.entry) return false
  const { executable } = HAS_MODES ? found.entry : side.entry
  return sameEntry({ ...found.entry, executable }, side.entry)
}

/** The mode that the tree asks for; `undefined` where any will do. */
export function modeAskedFor(side: RecordedSide | undefined): number | undefined {
  if (!side || !HAS_MODES || side.attributes.mode === undefined) return undefined
  const { kind } = side.entry
  return kind === 'file' || kind === 'directory' ? modeOf(side.entry, side.attributes, false) : undefined
}

/** Whether what is on the disk has the mode that the tree asks for. */
export function hasModeOf(stat: FileStat, side: RecordedSide | undefined): boolean {
  const mode = modeAskedFor(side)
  return mode === undefined || ((stat.mode ^ mode) & ~SET_ID_BITS) === 0
}

function unreadable(path: ByteName, failure: ReadFailure): VarveError {
  const { reason, code } = failure.describe(path)
  const shown = nameToText(path === ROOT_NAME ? ('.' as ByteName) : path)
  return new VarveError('UNREADABLE_FILES', `cannot tell what ${JSON.stringify(shown)} is: ${reason}`, {
    path: shown,
    paths: [shown],
    reasons: [{ path: shown, code, reason }],
    hint: 'Nothing was changed. Make it readable, move it away, or give it up with --force.',
    cause: failure,
  })
}
