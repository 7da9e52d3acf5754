/**
 * Looks for all that forbids an export before anything is written: names that are not safe, names that the destination
 * takes for one, and what is in the way there. What is found is named in full.
 */
import { type ErrorCode, VarveError } from '../base/errors.js'
import type { FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToText, ROOT_NAME } from '../base/names.js'
import { KIB } from '../base/units.js'
import type { TreeEntry } from '../format/tree.js'
import { diskPathOf } from './diskPath.js'
import { storageError } from './faults.js'
import { foldedName, isGitName, type NameRules, unsafeNameReason } from './pathSafety.js'
import type { StoreFiles } from './storeFiles.js'
import type { TreeStep } from './treeSteps.js'

export interface Destination {
  readonly root: Buffer
  /** Whether it may hold things already. */
  readonly holdsThings: boolean
  readonly overwrite: boolean
  readonly rules: NameRules
  /** Files of a store that may lie in it. */
  readonly storeFiles?: StoreFiles | undefined
}

export interface Problem {
  readonly path: ByteName
  readonly reason: string
  /** The other name of a clash. */
  readonly other?: ByteName
}

interface OpenDirectory {
  readonly diskPath: Buffer
  /** Whether it is on the disk. */
  readonly exists: boolean
  /** Where the destination folds names: what it takes them for. */
  readonly byFoldedName: Map<string, ByteName>
}

/** Checks a tree step by step. */
export class ExportChecks {
  readonly #fs: FileSystem
  readonly #destination: Destination
  readonly #open: OpenDirectory[] = []
  readonly #unsafe: Problem[] = []
  readonly #clashes: Problem[] = []
  readonly #inTheWay: Problem[] = []

  constructor(fs: FileSystem, destination: Destination) {
    this.#fs = fs
    this.#destination = destination
  }

  look(step: TreeStep): void {
    if (step.is === 'leave') {
      this.#open.pop()
      return
    }
    const parent = this.#open.at(-1)
    if (!parent) {
      this.#enter(this.#destination.root, this.#destination.holdsThings)
      return
    }
    const { name } = step.entry
    const reason = unsafeNameReason(name, this.#destination.rules)
    for (const each of [reason, unsafeTargetReason(step.entry)]) {
      if (each !== undefined) this.#unsafe.push({ path: step.path, reason: each })
    }
    this.#noteClash(parent, step)
    const isDirectory = step.is === 'enter'
    // What is not safe is not even looked for.
    const exists = parent.exists && reason === undefined && this.#lookOnDisk(parent, step, isDirectory)
    if (isDirectory) this.#enter(diskPathOf(parent.diskPath, name), exists)
  }

  /** @throws {VarveError} `UNSAFE_PATH`, `NAME_CLASH`, `ALREADY_EXISTS`: the first of these that was found, all of it */
  finish(): void {
    refuseUnsafe(this.#unsafe)
    refuseClashes(this.#clashes)
    const hint = this.#destination.overwrite
      ? 'what is a folder on one side and something else on the other is never replaced: move it away'
      : 'allow files that are in the way to be overwritten, or export into an empty folder'
    refuse('ALREADY_EXISTS', this.#inTheWay, 'are in the way', hint)
  }

  #enter(diskPath: Buffer, exists: boolean): void {
    this.#open.push({ diskPath, exists, byFoldedName: new Map() })
  }

  #noteClash({ byFoldedName }: OpenDirectory, { path, entry }: TreeStep): void {
    if (!this.#destination.rules.folds) return
    const folded = foldedName(entry.name)
    const other = byFoldedName.get(folded)
    if (other === undefined) byFoldedName.set(folded, path)
    else this.#clashes.push({ path, other, reason: clashReason(other) })
  }

  #storeNamesIn(directory: OpenDirectory, path: ByteName): ReadonlySet<ByteName> {
    const { storeFiles } = this.#destination
    if (!storeFiles) return NO_NAMES
    const stat = statAt(this.#fs, diskPathOf(directory.diskPath, '.'), path)
    return stat ? storeFiles.namesIn(stat) : NO_NAMES
  }

  /** @returns Whether there is a directory to go into. */
  #lookOnDisk(parent: OpenDirectory, { path, entry }: TreeStep, isDirectory: boolean): boolean {
    const diskPath = diskPathOf(parent.diskPath, entry.name)
    if (this.#storeNamesIn(parent, path).has(entry.name)) {
      this.#unsafe.push({ path, reason: 'is the place of a file of the store' })
      return false
    }
    const found = statAt(this.#fs, diskPath, path)
    if (!found) return false
    const { overwrite } = this.#destination
    if (isGitName(entry.name) && !overwrite) {
      this.#unsafe.push({ path, reason: 'would change the repository that is there' })
      return false
    }
    if (isDirectory) {
      if (found.type === 'directory') return true
      if (found.type === 'symlink') this.#unsafe.push({ path, reason: 'is a folder, and a symlink is there' })
      else this.#inTheWay.push({ path, reason: 'is a folder, and a file is there' })
      return false
    }
    if (found.type === 'directory') {
      // A gitlink is written as an empty folder, and that one is there.
      if (entry.kind !== 'gitlink') this.#inTheWay.push({ path, reason: 'is a folder there' })
    } else if (!overwrite || found.type === 'other' || entry.kind === 'gitlink') {
      this.#inTheWay.push({ path, reason: 'is there already' })
    }
    return false
  }
}

const NO_NAMES: ReadonlySet<ByteName> = new Set()

/** @throws {VarveError} */
function statAt(fs: FileSystem, diskPath: Buffer, path: ByteName): ReturnType<FileSystem['lstat']> {
  try {
    return fs.lstat(diskPath)
  } catch (error) {
    throw storageError('look at', nameToText(path === ROOT_NAME ? ('.' as ByteName) : path), error)
  }
}

/** Why a symlink may not be written, to continue `it …`. */
export function unsafeTargetReason({ kind, content: { size } }: TreeEntry): string | undefined {
  const isPath = size > 0 && size <= TARGET_BYTES_MAX
  return kind !== 'symlink' || isPath ? undefined : `is a symlink to a path of ${size} bytes`
}

export function clashReason(other: ByteName): string {
  return `clashes with ${JSON.stringify(nameToText(other))}`
}

/** @throws {VarveError} `UNSAFE_PATH`, if there is any */
export function refuseUnsafe(problems: readonly Problem[]): void {
  refuse('UNSAFE_PATH', problems, 'cannot be written safely', 'export the paths that you need, one by one')
}

/** @throws {VarveError} `NAME_CLASH`, if there is any */
export function refuseClashes(problems: readonly Problem[]): void {
  refuse('NAME_CLASH', problems, 'have names that are one on this file system', CLASH_HINT)
}

/** More than any system follows. */
const TARGET_BYTES_MAX = 64 * KIB
const CLASH_HINT = 'export to a file system that tells them apart, or only some of them'
const NAMED_AT_MOST = 5

function refuse(code: ErrorCode, problems: readonly Problem[], predicate: string, hint: string): void {
  if (problems.length === 0) return
  const named = problems
    .slice(0, NAMED_AT_MOST)
    .map(({ path, reason }) => `${JSON.stringify(nameToText(path))} ${reason}`)
  if (problems.length > named.length) named.push(`and ${problems.length - named.length} more`)
  const paths = problems.flatMap(({ path, other }) => (other === undefined ? [path] : [other, path]))
  throw new VarveError(code, `nothing was written, because some paths ${predicate}: ${named.join('; ')}`, {
    paths: [...new Set(paths)].map(nameToText),
    reasons: problems.map(({ path, reason }) => ({ path: nameToText(path), reason })),
    hint,
  })
}
