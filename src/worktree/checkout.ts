/**
 * Brings a working folder from one tree to another.
 *
 * Model: only what differs between the two trees is looked at. What is on the disk as the first tree has it is changed;
 * what is there as the second one has it already needs nothing, so that an interrupted checkout is simply done again;
 * anything else is somebody's work, and stands in the way. What is the same in both trees is left alone, whatever was done
 * to it.
 *
 * Guarantees: nothing is changed before all conflicts are known. A file is removed only if it is what the first tree has,
 * looked at once more in the moment of removing; directories only when they are empty. New contents are written beside and
 * renamed (exportTree.ts). What this is killed at leaves each file old or new.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToBytes, nameToText, ROOT_NAME } from '../base/names.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import { EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { entryAt, rootEntry, sameEntry, type TreeRoot } from '../history/entries.js'
import { diffTrees, type TreeChange } from '../history/treeDiff.js'
import { diskPathOf } from './diskPath.js'
import { exportTree } from './exportTree.js'
import { errorCodeOf, storageError } from './faults.js'
import { FileReader, READ_ALL } from './fileReader.js'
import type { PaceOptions } from './pace.js'
import { isUnfinishedName } from './pathSafety.js'
import { StatCache } from './statCache.js'

export interface CheckoutOptions extends PaceOptions {
  readonly cache?: StatCache | undefined
  /** Paths whose state on the disk does not matter: it is given up. */
  readonly discard?: ((path: ByteName) => boolean) | undefined
}

export interface CheckoutPlan {
  /** Files and symlinks on the disk that go, and empty directories. */
  readonly removals: readonly Removal[]
  /** Of the second tree: what is written. */
  readonly writes: readonly ByteName[]
  /** What stands in the way, in the order of path bytes. */
  readonly conflicts: readonly ByteName[]
  /** All paths that differ between the trees. */
  readonly paths: readonly ByteName[]
}

interface Removal {
  readonly path: ByteName
  readonly isDirectory: boolean
  /** As it was when it was compared. */
  readonly stat: FileStat
}

/** @param ids Computes ids of contents, and keeps nothing. */
export async function planCheckout(
  ids: ObjectWriter,
  fs: FileSystem,
  root: Buffer,
  from: TreeRoot,
  to: TreeRoot,
  options: CheckoutOptions = {},
): Promise<CheckoutPlan> {
  const changes: TreeChange[] = []
  for await (const change of diffTrees(ids, from.tree, to.tree)) {
    throwIfCancelled(options.signal)
    changes.push(change)
  }
  return new Planner(ids, fs, root, options).plan(changes)
}

class Planner {
  readonly #fs: FileSystem
  readonly #root: Buffer
  readonly #options: CheckoutOptions
  readonly #cache: StatCache
  readonly #files: FileReader
  readonly #removals = new Map<ByteName, Removal>()
  readonly #writes: ByteName[] = []
  readonly #conflicts = new Set<ByteName>()

  constructor(ids: ObjectWriter, fs: FileSystem, root: Buffer, options: CheckoutOptions) {
    this.#fs = fs
    this.#root = root
    this.#options = options
    this.#cache = options.cache ?? StatCache.empty
    this.#files = new FileReader(fs, ids, options.signal)
  }

  async plan(changes: readonly TreeChange[]): Promise<CheckoutPlan> {
    // What goes makes room for what comes.
    for (const change of changes) if (!change.after) await this.#planRemoval(change)
    for (const change of changes) if (change.after) await this.#planWrite(change)
    return {
      removals: [...this.#removals.values()],
      writes: this.#writes,
      conflicts: [...this.#conflicts].sort(),
      paths: changes.map(({ path }) => path),
    }
  }

  async #planRemoval({ path, before }: TreeChange): Promise<void> {
    const found = await this.#look(path)
    if (found.is !== 'entry' || !before) return
    const isDirectory = found.entry.kind === 'directory'
    // An empty directory that holds something now has become somebody's.
    if (before.kind === 'directory' ? isDirectory : this.#isGivenUp(path, found.entry, before)) {
      this.#removals.set(path, { path, isDirectory, stat: found.stat })
    } else this.#conflicts.add(path)
  }

  async #planWrite({ path, before, after }: TreeChange): Promise<void> {
    const found = await this.#look(path)
    if (found.is === 'blocked') {
      if (!this.#removals.has(found.by)) this.#conflicts.add(found.by)
      else this.#writes.push(path)
      return
    }
    if (found.is === 'nothing') {
      this.#writes.push(path)
      return
    }
    if (found.entry.kind === 'directory') {
      if (after?.kind === 'directory') return
      const left = this.#leftBelow(path)
      for (const other of left) this.#conflicts.add(other)
      if (left.length === 0) {
        this.#removals.set(path, { path, isDirectory: true, stat: found.stat })
        this.#writes.push(path)
      }
      return
    }
    if (sameEntry(found.entry, after)) return
    if (!this.#isGivenUp(path, found.entry, before)) this.#conflicts.add(path)
    else {
      // A file in the place of a directory has to go first; anything else is replaced in one step.
      if (after?.kind === 'directory') this.#removals.set(path, { path, isDirectory: false, stat: found.stat })
      this.#writes.push(path)
    }
  }

  #isGivenUp(path: ByteName, found: TreeEntry, before: TreeEntry | undefined): boolean {
    return (before !== undefined && sameEntry(found, before)) || (this.#options.discard?.(path) ?? false)
  }

  /** What would be left of a directory that has to go. */
  #leftBelow(directory: ByteName): ByteName[] {
    const left: ByteName[] = []
    for (const { name, type } of this.#fs.list(this.#diskPath(directory))) {
      const path = `${directory}/${name.toString('latin1')}` as ByteName
      if (type === 'directory') {
        const below = this.#leftBelow(path)
        left.push(...below)
        const stat = this.#fs.lstat(this.#diskPath(path))
        if (below.length === 0 && stat && !this.#removals.has(path))
          this.#removals.set(path, { path, isDirectory: true, stat })
      } else if (!this.#removals.has(path) && !isUnfinishedName(name.toString('latin1') as ByteName)) left.push(path)
    }
    return left
  }

  async #look(path: ByteName): Promise<Found> {
    const segments = path.split('/') as ByteName[]
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      const parent = path.slice(0, end) as ByteName
      const stat = this.#fs.lstat(this.#diskPath(parent))
      if (!stat) return { is: 'nothing' }
      if (stat.type !== 'directory') return { is: 'blocked', by: parent }
    }
    const diskPath = this.#diskPath(path)
    const stat = this.#fs.lstat(diskPath)
    if (!stat) return { is: 'nothing' }
    const name = segments.at(-1) ?? ROOT_NAME
    const plain = { name, executable: false, content: EMPTY_CONTENT, files: 0 }
    if (stat.type === 'directory') return { is: 'entry', stat, entry: { ...plain, kind: 'directory' } }
    if (stat.type === 'other') return { is: 'blocked', by: path }
    const parent = segments.slice(0, -1).join('/') as ByteName
    const content =
      this.#cache.directory(parent).contentOf(name, stat) ??
      (stat.type === 'symlink'
        ? await this.#files.storeSymlink(diskPath)
        : await this.#files.storeFile(diskPath, READ_ALL)
      )?.content
    if (content === undefined) return { is: 'nothing' }
    const executable = stat.type === 'file' && (stat.mode & OWNER_EXECUTE) !== 0
    return { is: 'entry', stat, entry: { ...plain, kind: stat.type, executable, content } }
  }

  #diskPath(path: ByteName): Buffer {
    return diskPathOf(this.#root, path)
  }
}

const OWNER_EXECUTE = 0o100

type Found =
  | { readonly is: 'nothing' }
  /** A file or symlink where a directory of the path should be, or something that is neither at its end. */
  | { readonly is: 'blocked'; readonly by: ByteName }
  | { readonly is: 'entry'; readonly entry: TreeEntry; readonly stat: FileStat }

export interface CheckedOut {
  readonly written: number
  readonly removed: number
  readonly warnings: readonly string[]
}

/**
 * Carries out a plan without conflicts.
 * @throws {VarveError} `UNSAFE_PATH`, `NAME_CLASH` (before anything is changed), `STORAGE_FULL`, `STORAGE_IO`,
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
  removeUnfinished(fs, root, plan.paths)
  let removed = 0
  // Deepest first: what a directory holds goes before it.
  for (const removal of [...plan.removals].sort((a, b) => (a.path < b.path ? 1 : -1))) {
    throwIfCancelled(options.signal)
    if (!remove(fs, root, removal)) continue
    removed++
    if (!removal.isDirectory) await removeEmptyParents(reader, fs, root, to, removal.path)
  }
  let warnings: readonly string[] = []
  if (plan.writes.length > 0) {
    const paths = plan.writes.map((path) => nameToBytes(path))
    const exported = await exportTree(reader, to, fs, root, {
      ...options,
      paths,
      into: true,
      overwrite: true,
      times: 'now',
    })
    warnings = exported.warnings
  }
  return { written: plan.writes.length, removed, warnings }
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
    // Changed since it was compared: it is somebody's.
    if (!now || (!isDirectory && !isUnchanged(now, stat))) return false
    if (isDirectory) fs.rmdir(diskPath)
    else fs.unlink(diskPath)
    return true
  } catch (error) {
    if (isDirectory && NOT_EMPTY_CODES.has(errorCodeOf(error) ?? '')) return false
    throw storageError('remove', nameToText(path), error)
  }
}

/** Directories that the second tree does not have must not stay behind empty. */
async function removeEmptyParents(
  reader: ObjectReader,
  fs: FileSystem,
  root: Buffer,
  to: TreeRoot,
  path: ByteName,
): Promise<void> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const parent = path.slice(0, end).split('/') as ByteName[]
    if ((await entryAt(reader, rootEntry(to), parent))?.kind === 'directory') return
    try {
      fs.rmdir(diskPathOf(root, path.slice(0, end)))
    } catch (error) {
      if (NOT_EMPTY_CODES.has(errorCodeOf(error) ?? '')) return
      throw error
    }
  }
}

function isUnchanged(now: FileStat, then: FileStat): boolean {
  return (
    now.ino === then.ino &&
    now.dev === then.dev &&
    now.size === then.size &&
    now.mtimeNs === then.mtimeNs &&
    now.ctimeNs === then.ctimeNs
  )
}

const NOT_EMPTY_CODES: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'EBUSY', 'EPERM', 'EACCES'])

/** What a checkout that was killed left behind, in the directories of these paths. */
function removeUnfinished(fs: FileSystem, root: Buffer, paths: readonly ByteName[]): void {
  const directories = new Set(paths.map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))))
  for (const directory of directories) {
    const diskPath = directory === '' ? root : diskPathOf(root, directory)
    if (fs.lstat(diskPath)?.type !== 'directory') continue
    for (const { name, type } of fs.list(diskPath)) {
      const isOurs = isUnfinishedName(name.toString('latin1') as ByteName) && type !== 'directory'
      if (isOurs) fs.unlink(diskPathOf(diskPath, name.toString('latin1')))
    }
  }
}
