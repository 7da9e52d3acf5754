/**
 * Moving files and directories within a working folder.
 *
 * Guarantees: nothing is moved before all that was asked for is found possible. Nothing is followed through a symlink, and a
 * directory is never overwritten. What is there is looked at once more in the moment of moving.
 */
import { dirname } from 'node:path'
import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, nameToText, ROOT_NAME } from '../base/names.js'
import { pathNotFound } from '../history/entries.js'
import { describePath } from '../history/paths.js'
import { isAtOrBelow, lastSegment, parentOf } from './bytePath.js'
import { leadsWithin } from './checkout.js'
import { diskPathOf } from './diskPath.js'
import { errorCodeOf, storageError } from './faults.js'
import { isGitName, isStoreName, nameRulesOf, unsafeNameReason } from './pathSafety.js'
import { StoreFiles } from './storeFiles.js'

export interface MoveRules {
  /** The destination is a directory to move into. It is one anyhow where a directory is there. */
  readonly into?: boolean | undefined
  /** Files at the destination may be overwritten. */
  readonly force?: boolean | undefined
  /** Absolute: stay where they are. */
  readonly storeFiles: readonly string[]
}

export interface Move {
  readonly from: ByteName
  readonly to: ByteName
  readonly stat: FileStat
  /** What is overwritten. */
  readonly replaced: FileStat | undefined
}

/**
 * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `ALREADY_EXISTS`, `INVALID_ARGUMENT`, `UNSAFE_PATH`,
 * `STORAGE_DENIED`, `STORAGE_IO`
 */
export function planMoves(
  fs: FileSystem,
  root: Buffer,
  sources: readonly ByteName[],
  destination: ByteName,
  rules: MoveRules,
): readonly Move[] {
  return new MovePlanner(fs, root, rules).plan(sources, destination)
}

class MovePlanner {
  readonly #fs: FileSystem
  readonly #root: Buffer
  readonly #rules: MoveRules
  readonly #storeFiles: StoreFiles

  constructor(fs: FileSystem, root: Buffer, rules: MoveRules) {
    this.#fs = fs
    this.#root = root
    this.#rules = rules
    this.#storeFiles = new StoreFiles(fs, rules.storeFiles)
  }

  plan(sources: readonly ByteName[], destination: ByteName): readonly Move[] {
    const isInto = this.#isInto(sources, destination)
    const moves: Move[] = []
    const taken = new Set<ByteName>()
    for (const from of sources) {
      const stat = this.#sourceAt(from)
      const around = sources.find((other) => other !== from && isAtOrBelow(from, other))
      if (around !== undefined)
        throw refused(`${shown(from)} lies in ${shown(around)}, which is to be moved as well`, from)
      const to = isInto ? joinNames(destination, lastSegment(from)) : destination
      if (taken.has(to)) throw alreadyThere(`two of them would become ${shown(to)}`, to)
      taken.add(to)
      moves.push({ from, to, stat, replaced: this.#replacedBy(from, to, stat) })
    }
    return moves
  }

  #isInto(sources: readonly ByteName[], destination: ByteName): boolean {
    this.#requireOurs(destination)
    this.#requireWay(destination)
    const there = this.#lstat(destination)
    const isDirectory = there?.type === 'directory'
    if (!isDirectory && (this.#rules.into || sources.length > 1)) {
      const what = there ? 'is not a directory' : 'is not there'
      throw new VarveError('NOT_A_DIRECTORY', `${shown(destination)} ${what}: it cannot be moved into`, {
        path: nameToText(destination),
        hint: 'Make the directory first.',
      })
    }
    if (!isDirectory) {
      const reason = unsafeNameReason(lastSegment(destination), nameRulesOf(process.platform, false))
      if (reason === undefined) return false
      throw new VarveError('UNSAFE_PATH', `${shown(destination)} ${reason}`, { path: nameToText(destination) })
    }
    // Of a name that only changes its case, the directory itself is what is found there.
    const [only] = sources
    return this.#rules.into === true || sources.length > 1 || !only || !this.#isOtherSpelling(only, destination, there)
  }

  #sourceAt(from: ByteName): FileStat {
    if (from === ROOT_NAME) throw refused('the working folder itself is not moved', from)
    this.#requireOurs(from)
    this.#requireWay(from)
    const stat = this.#lstat(from)
    if (!stat) throw pathNotFound(from.split('/') as ByteName[])
    const holdsStore = stat.type === 'directory' ? this.#holdsStoreFile(stat) : this.#isStoreFile(from, stat)
    if (holdsStore)
      throw refused(`${shown(from)} ${stat.type === 'directory' ? 'holds files' : 'is a file'} of the store`, from)
    return stat
  }

  #replacedBy(from: ByteName, to: ByteName, stat: FileStat): FileStat | undefined {
    if (to === from) throw alreadyThere(`${shown(from)} is there already`, to)
    if (isAtOrBelow(to, from)) throw refused(`${shown(from)} cannot be moved into itself`, from)
    const there = this.#lstat(to)
    if (this.#isStoreFile(to, there)) throw refused(`${shown(to)} is the place of a file of the store`, to)
    if (!there || this.#isOtherSpelling(from, to, there)) return undefined
    const isDirectory = there.type === 'directory' || stat.type === 'directory'
    if (isDirectory || !this.#rules.force) {
      const hint = isDirectory
        ? 'Directories are not overwritten: move or remove it first.'
        : 'To overwrite it: --force.'
      throw alreadyThere(`${shown(to)} is there already`, to, hint)
    }
    return there
  }

  /** Whether what is at `to` is what is at `from`, by a name that the file system takes for the same. */
  #isOtherSpelling(from: ByteName, to: ByteName, there: FileStat): boolean {
    const stat = this.#lstat(from)
    if (!stat || from === to || !isSameFile(stat, there)) return false
    // A hard link has a name of its own.
    const entries = this.#attempt(to, () => this.#fs.list(this.#diskPath(parentOf(to))))
    return !entries.some(({ name }) => name === lastSegment(to))
  }

  #requireOurs(path: ByteName): void {
    const others = (path.split('/') as ByteName[]).find((segment) => isStoreName(segment) || isGitName(segment))
    if (others !== undefined) throw refused(`${shown(path)}: nothing is moved out of ${shown(others)} or into it`, path)
  }

  /** That a path leads through directories, and they are there. */
  #requireWay(path: ByteName): void {
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      const parent = path.slice(0, end) as ByteName
      const stat = this.#lstat(parent)
      if (!stat) throw pathNotFound(parent.split('/') as ByteName[])
      if (stat.type === 'directory') continue
      const isSymlink = stat.type === 'symlink'
      throw new VarveError(
        isSymlink ? 'UNSAFE_PATH' : 'NOT_A_DIRECTORY',
        `${shown(parent)} is ${isSymlink ? 'a symlink: nothing is moved through it' : 'not a directory'}`,
        { path: nameToText(parent) },
      )
    }
  }

  /** Also where none is at the moment: a journal comes and goes. */
  #isStoreFile(path: ByteName, stat: FileStat | undefined): boolean {
    if (stat && this.#storeFiles.has(stat)) return true
    const directory = this.#lstat(parentOf(path))
    return directory !== undefined && this.#storeFiles.namesIn(directory).has(lastSegment(path))
  }

  /** Whether a file of the store lies below a directory, by whatever path it was opened. */
  #holdsStoreFile(directory: FileStat): boolean {
    return this.#rules.storeFiles.some((file) => {
      for (let path = dirname(file); ; path = dirname(path)) {
        const stat = this.#attempt(ROOT_NAME, () => this.#fs.lstat(diskPathOf(Buffer.from(path), '.')))
        if (stat && isSameFile(stat, directory)) return true
        if (path === dirname(path)) return false
      }
    })
  }

  #lstat(path: ByteName): FileStat | undefined {
    return this.#attempt(path, () => this.#fs.lstat(this.#diskPath(path)))
  }

  #attempt<T>(path: ByteName, body: () => T): T {
    try {
      return body()
    } catch (error) {
      throw storageError('look at', nameToText(path), error)
    }
  }

  #diskPath(path: ByteName): Buffer {
    return path === ROOT_NAME ? this.#root : diskPathOf(this.#root, path)
  }
}

/** @throws {VarveError} `FILE_CHANGED` when what is there is not what was there; `STORAGE_IO`, `STORAGE_DENIED` … */
export function applyMove(fs: FileSystem, root: Buffer, { from, to, stat, replaced }: Move): void {
  const [source, target] = [diskPathOf(root, from), diskPathOf(root, to)]
  try {
    const isWay = leadsWithin(fs, root, from) && leadsWithin(fs, root, to)
    const [now, there] = isWay ? [fs.lstat(source), fs.lstat(target)] : []
    if (!now || !isSameFile(now, stat)) throw changed(from)
    const isFree = there === undefined || isSameFile(there, stat)
    if (replaced ? !there || !isSameFile(there, replaced) : !isFree) throw changed(to)
    // Two names of one file: the system would leave both.
    if (replaced && isSameFile(replaced, stat)) fs.unlink(source)
    else fs.rename(source, target)
  } catch (error) {
    throw storageError('move', nameToText(from), error, hintFor(error))
  }
}

function hintFor(error: unknown): { hint?: string } {
  return errorCodeOf(error) === 'EXDEV' ? { hint: 'Copy it there, then remove it here.' } : {}
}

function isSameFile(a: FileStat, b: FileStat): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.type === b.type
}

const shown = describePath

function refused(message: string, path: ByteName): VarveError {
  return new VarveError('INVALID_ARGUMENT', message, { path: nameToText(path) })
}

function alreadyThere(message: string, path: ByteName, hint?: string): VarveError {
  return new VarveError('ALREADY_EXISTS', message, { path: nameToText(path), ...(hint === undefined ? {} : { hint }) })
}

function changed(path: ByteName): VarveError {
  return new VarveError('FILE_CHANGED', `${shown(path)} is not what it was a moment ago`, { path: nameToText(path) })
}
