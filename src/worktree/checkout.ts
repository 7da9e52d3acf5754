/**
 * Brings a working folder from one tree to another, as it was planned (checkoutPlan.ts).
 *
 * Guarantees: a file is removed or replaced only if it is what it was when the plan was made, looked at once more in the
 * moment before; directories are removed only when they are empty. Contents are written beside and renamed, so no file is
 * ever written in place: what else the file that was there is called keeps it as it is. What this is killed at leaves each
 * file old or new, and one of them missing at most.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToText } from '../base/names.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import type { TreeRoot } from '../history/entries.js'
import { diskPathOf } from './diskPath.js'
import { exportPart, type KeptFile } from './exportTree.js'
import { errorCodeOf, storageError } from './faults.js'
import type { PaceOptions } from './pace.js'
import { isUnfinishedName } from './pathSafety.js'
import { type PlannedEntry, plannedSteps } from './plannedSteps.js'

export interface CheckoutPlan {
  readonly removals: readonly Removal[]
  /** Of the second tree: what is written. */
  readonly writes: readonly PlannedWrite[]
  /** Files that are as the second tree has them: what is of their link group becomes another name of them. */
  readonly linkTo: readonly KeptFile[]
  readonly modes: readonly ModeChange[]
  /** What stands in the way, in the order of path bytes. Then nothing else is planned. */
  readonly conflicts: readonly ByteName[]
  /** Those in which something differs. */
  readonly directories: readonly ByteName[]
  /** Whether they may hold what a checkout that was killed left behind. */
  readonly mayBeUnfinished: boolean
}

export interface PlannedWrite extends PlannedEntry {
  /** Of what it takes the place of; `undefined`: nothing is there, or it is removed first. */
  readonly stat: FileStat | undefined
  /**
   * Whether that is removed before its place is taken, for which it must be something that an interrupted checkout would write
   * when it is gone on with, or back on. Else the one is renamed over the other, which takes longer: some file systems write
   * the new one to the disk at once then.
   */
  readonly mayBeMissing: boolean
}

/** Of a file or symlink, or of a directory if it is empty by then. */
export interface Removal {
  readonly path: ByteName
  readonly stat: FileStat
  readonly isDirectory: boolean
  /** Whether it is an entry of the first tree. */
  readonly counts: boolean
}

/** Of a directory, or a file that has no other name. */
export interface ModeChange {
  readonly path: ByteName
  readonly stat: FileStat
  readonly mode: number
}

export interface CheckedOut {
  readonly written: number
  readonly removed: number
  readonly warnings: readonly string[]
}

/**
 * Carries out a plan without conflicts.
 * @throws {VarveError} `ALREADY_EXISTS` where something changed since the plan was made, `STORAGE_FULL`, `STORAGE_IO`,
 * `STORAGE_DENIED`, `CANCELLED`: then each file is as one of the two trees has it
 */
export async function applyCheckout(
  reader: ObjectReader,
  fs: FileSystem,
  root: Buffer,
  to: TreeRoot,
  plan: CheckoutPlan,
  options: PaceOptions = {},
): Promise<CheckedOut> {
  const modes = new ModeSetter(fs, root)
  if (plan.mayBeUnfinished) removeUnfinished(fs, root, plan.directories)
  modes.open(plan.modes)
  let removed = 0
  // Deepest first: what a directory holds goes before it.
  for (const removal of [...plan.removals].sort((a, b) => (a.path < b.path ? 1 : -1))) {
    throwIfCancelled(options.signal)
    if (remove(fs, root, removal) && removal.counts) removed++
  }
  const warnings: string[] = []
  if (plan.writes.length > 0) {
    const planned = new Map(plan.writes.map((write) => [write.path, write]))
    const steps = await plannedSteps(reader, to, fs, root, plan.writes)
    const bytes = plan.writes.reduce((sum, { side }) => sum + side.entry.content.size, 0)
    const part = { files: plan.writes.length, bytes, steps: () => steps }
    const exported = await exportPart(reader, to, part, fs, root, {
      ...options,
      into: true,
      overwrite: true,
      times: 'now',
      linkTo: plan.linkTo,
      isExpected: (path, now) => isUnchanged(now, planned.get(path)?.stat),
      mayBeMissing: (path) => planned.get(path)?.mayBeMissing === true,
    })
    warnings.push(...exported.warnings)
  }
  const files = modes.set(plan.modes)
  return { written: plan.writes.length + files, removed, warnings: [...warnings, ...modes.warnings] }
}

/** Whether a path leads through directories only: what lies behind a symlink is not the folder's. */
export function leadsWithin(fs: FileSystem, root: Buffer, path: ByteName): boolean {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    if (fs.lstat(diskPathOf(root, path.slice(0, end)))?.type !== 'directory') return false
  }
  return true
}

/** @returns whether it is gone. */
function remove(fs: FileSystem, root: Buffer, { path, isDirectory, stat }: Removal): boolean {
  const diskPath = diskPathOf(root, path)
  try {
    if (!leadsWithin(fs, root, path)) return false
    const now = fs.lstat(diskPath)
    // Changed since it was looked at: it is somebody's.
    if (!now || (isDirectory ? now.type !== 'directory' : !isUnchanged(now, stat))) return false
    if (isDirectory) fs.rmdir(diskPath)
    else fs.unlink(diskPath)
    return true
  } catch (error) {
    if (isDirectory && NOT_EMPTY_CODES.has(errorCodeOf(error) ?? '')) return false
    throw storageError('remove', nameToText(path), error)
  }
}

const NOT_EMPTY_CODES: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'EBUSY', 'EPERM', 'EACCES'])

function isUnchanged(now: FileStat | undefined, then: FileStat | undefined): boolean {
  if (!now || !then) return now === then
  const isSame =
    now.type === then.type &&
    now.ino === then.ino &&
    now.dev === then.dev &&
    now.size === then.size &&
    now.mtimeNs === then.mtimeNs
  // A file with several names is touched when one of them goes, and that may have been us.
  return isSame && (now.ctimeNs === then.ctimeNs || then.nlink > 1)
}

/** What a checkout that was killed left behind. */
function removeUnfinished(fs: FileSystem, root: Buffer, directories: readonly ByteName[]): void {
  for (const directory of directories) {
    const diskPath = directory === '' ? root : diskPathOf(root, directory)
    const look = () => (leadsWithin(fs, root, directory) ? fs.lstat(diskPath) : undefined)
    try {
      const stat = look()
      if (stat?.type !== 'directory') continue
      for (const { name, type } of fs.list(diskPath)) {
        if (!isUnfinishedName(name) || type === 'directory') continue
        const now = look()
        const isSame = now?.type === 'directory' && now.ino === stat.ino && now.dev === stat.dev
        if (isSame) fs.unlink(diskPathOf(diskPath, name))
      }
    } catch (error) {
      throw storageError('tidy up', nameToText(directory), error)
    }
  }
}

const OWNER_ALL = 0o700
const UNDECORATED_CODES: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'])

class ModeSetter {
  readonly #fs: FileSystem
  readonly #root: Buffer
  readonly #undecorated: ByteName[] = []

  constructor(fs: FileSystem, root: Buffer) {
    this.#fs = fs
    this.#root = root
  }

  /** Directories that get another mode in the end, and are closed to their owner before. */
  open(changes: readonly ModeChange[]): void {
    for (const change of changes) {
      const { type, mode } = change.stat
      if (type === 'directory' && (mode & OWNER_ALL) !== OWNER_ALL) this.#setMode(change, mode | OWNER_ALL)
    }
  }

  /** @returns how many files got theirs. */
  set(changes: readonly ModeChange[]): number {
    let files = 0
    // What a directory holds comes before it: it may be closed then.
    for (const change of [...changes].sort((a, b) => (a.path < b.path ? 1 : -1))) {
      if (this.#setMode(change, change.mode) && change.stat.type !== 'directory') files++
    }
    return files
  }

  get warnings(): string[] {
    const [first] = this.#undecorated
    if (first === undefined) return []
    const more = this.#undecorated.length > 1 ? ` and ${this.#undecorated.length - 1} more` : ''
    return [`this file system did not take the mode of ${JSON.stringify(nameToText(first))}${more}`]
  }

  #setMode({ path, stat }: ModeChange, mode: number): boolean {
    const diskPath = diskPathOf(this.#root, path)
    try {
      const now = leadsWithin(this.#fs, this.#root, path) ? this.#fs.lstat(diskPath) : undefined
      const isSame =
        stat.type === 'directory'
          ? now?.type === 'directory' && now.ino === stat.ino && now.dev === stat.dev
          : isUnchanged(now, stat) && now?.nlink === 1
      if (!isSame) return false
      this.#fs.chmod(diskPath, mode)
      return true
    } catch (error) {
      if (!UNDECORATED_CODES.has(errorCodeOf(error) ?? '')) throw storageError('write', nameToText(path), error)
      this.#undecorated.push(path)
      return false
    }
  }
}
