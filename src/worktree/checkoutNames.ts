/**
 * Looks for what forbids a checkout before anything is changed (safety rule 8): names that are not safe, names that the
 * folder takes for one, and what no tree may reach: the files of stores, and a repository of Git that the folder's commit
 * knows nothing of.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import { readWhole } from '../history/contentRead.js'
import { list } from '../history/directory.js'
import { entryAt, rootEntry, type TreeRoot } from '../history/entries.js'
import type { RecordedSide } from '../history/recordedDiff.js'
import { lastSegment, parentOf } from './bytePath.js'
import { leadsWithin } from './checkout.js'
import { diskPathOf } from './diskPath.js'
import { clashReason, type Problem, refuseClashes, refuseUnsafe, unsafeTargetReason } from './exportChecks.js'
import { errorCodeOf } from './faults.js'
import { foldedName, isGitName, type NameRules, unsafeNameReason } from './pathSafety.js'
import { StoreFiles } from './storeFiles.js'

export interface CheckoutNamesOptions {
  readonly rules: NameRules
  /** Absolute paths. */
  readonly storeFiles: readonly string[]
  /** Whether what an earlier attempt wrote may be there. */
  readonly resumes: boolean
}

export class CheckoutNames {
  readonly #reader: ObjectReader
  readonly #fs: FileSystem
  readonly #root: Buffer
  readonly #from: TreeRoot
  readonly #to: TreeRoot
  readonly #options: CheckoutNamesOptions
  readonly #storeFiles: StoreFiles
  /** All that is written, and the directories it is in. */
  readonly #seen = new Set<ByteName>()
  readonly #storeNames = new Map<ByteName, ReadonlySet<ByteName>>()
  readonly #unsafe: Problem[] = []

  constructor(
    reader: ObjectReader,
    fs: FileSystem,
    root: Buffer,
    from: TreeRoot,
    to: TreeRoot,
    options: CheckoutNamesOptions,
  ) {
    this.#reader = reader
    this.#fs = fs
    this.#root = root
    this.#from = from
    this.#to = to
    this.#options = options
    this.#storeFiles = new StoreFiles(fs, options.storeFiles)
  }

  /** What is to be written. */
  async look(path: ByteName, { entry }: RecordedSide): Promise<void> {
    for (const above of pathsOnTheWay(path)) {
      if (this.#seen.has(above)) continue
      this.#seen.add(above)
      const reason = unsafeNameReason(lastSegment(above), this.#options.rules) ?? (await this.#outOfReachReason(above))
      if (reason === undefined) continue
      this.#unsafe.push({ path: above, reason })
      // What is below it is not even looked for.
      return
    }
    const reason = unsafeTargetReason(entry) ?? (await this.#targetReason(entry))
    if (reason !== undefined) this.#unsafe.push({ path, reason })
  }

  /** @throws {VarveError} `UNSAFE_PATH`, `NAME_CLASH`: the first of these that was found, all of it */
  async finish(): Promise<void> {
    refuseUnsafe(this.#unsafe)
    if (this.#options.rules.folds) refuseClashes(await this.#clashes())
  }

  /** Whether it may be looked at and taken away: no tree leads to what is not. */
  isWithinReach(path: ByteName): boolean {
    const isSafe = path.split('/').every((name) => !unsafeNameReason(name as ByteName, this.#options.rules))
    return isSafe && !this.isStoreFile(path)
  }

  /** A file of the store, whether it is there or could come to be. */
  isStoreFile(path: ByteName): boolean {
    if (this.#options.storeFiles.length === 0) return false
    const directory = parentOf(path)
    const names = this.#storeNames.get(directory) ?? this.#storeNamesIn(directory)
    this.#storeNames.set(directory, names)
    const name = lastSegment(path)
    return names.has(name) || (this.#options.rules.folds && [...names].some((other) => isOneName(other, name)))
  }

  #storeNamesIn(directory: ByteName): ReadonlySet<ByteName> {
    const folder = this.#lookAt(directory)
    const names = folder ? this.#storeFiles.namesIn(folder) : NO_NAMES
    // Asked last, since it is a look for each directory on the way, and the store's own folder is one.
    const isReached = names.size > 0 && leadsWithin(this.#fs, this.#root, joinNames(directory, SOMETHING))
    return isReached ? names : NO_NAMES
  }

  #lookAt(directory: ByteName): FileStat | undefined {
    try {
      return this.#fs.lstat(diskPathOf(this.#root, directory === ROOT_NAME ? '.' : directory))
    } catch (error) {
      // What is too long for a path is told where it is to be written; the store's files do not lie there.
      if (errorCodeOf(error) !== 'ENAMETOOLONG') throw error
      return undefined
    }
  }

  async #outOfReachReason(path: ByteName): Promise<string | undefined> {
    if (this.isStoreFile(path)) return 'is the place of a file of the store'
    if (!isGitName(lastSegment(path)) || this.#options.resumes || !leadsWithin(this.#fs, this.#root, path))
      return undefined
    if (!this.#fs.lstat(diskPathOf(this.#root, path))) return undefined
    const isKnown = await entryAt(this.#reader, rootEntry(this.#from), path.split('/') as ByteName[])
    return isKnown ? undefined : 'would change the repository that is there'
  }

  async #targetReason({ kind, content }: RecordedSide['entry']): Promise<string | undefined> {
    if (kind !== 'symlink') return undefined
    const target = await readWhole(this.#reader, content)
    return target.includes(0) ? 'is a symlink to something that no path can name' : undefined
  }

  /** Names of one directory of the second tree that are one here, and of which at least one is written. */
  async #clashes(): Promise<Problem[]> {
    const clashes: Problem[] = []
    for (const directory of new Set([...this.#seen].map(parentOf))) {
      const segments = directory === ROOT_NAME ? [] : (directory.split('/') as ByteName[])
      const held = await entryAt(this.#reader, rootEntry(this.#to), segments)
      if (held?.kind !== 'directory') continue
      const byFoldedName = new Map<string, ByteName>()
      for await (const { name } of list(this.#reader, held.content)) {
        const path = joinNames(directory, name)
        const other = byFoldedName.get(foldedName(name))
        if (other === undefined) byFoldedName.set(foldedName(name), path)
        else if (this.#seen.has(path) || this.#seen.has(other))
          clashes.push({ path, other, reason: clashReason(other) })
      }
    }
    return clashes
  }
}

const NO_NAMES: ReadonlySet<ByteName> = new Set()
/** Stands for whatever is in a directory. */
const SOMETHING = '*' as ByteName

function isOneName(a: ByteName, b: ByteName): boolean {
  return foldedName(a) === foldedName(b)
}

/** Whether it is a repository of Git, or part of one. */
export function isOfGit(path: ByteName): boolean {
  return path.split('/').some((name) => isGitName(name as ByteName))
}

/** The directories above, from the root, and the path itself. */
function* pathsOnTheWay(path: ByteName): Generator<ByteName> {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) yield path.slice(0, end) as ByteName
  yield path
}
