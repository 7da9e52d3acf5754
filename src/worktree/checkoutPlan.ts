/**
 * What a checkout has to do, found out before anything is done.
 *
 * Model: only what differs between two trees is looked at. What is on the disk as the first tree has it is changed; what is
 * there as the second one has it already needs nothing, so that an interrupted checkout is simply done again; anything
 * else is somebody's work, and stands in the way unless it is given up. What is the same in both trees is left alone,
 * whatever was done to it. A mode that somebody set is work as a content is; how files are linked is not.
 *
 * Guarantees: nothing is written, or looked at through a symlink. What the second tree must not reach is refused before
 * anything else is said.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, nameToText } from '../base/names.js'
import type { ObjectWriter } from '../cas/objects.js'
import { entryAt, rootEntry, sameEntry, type TreeRoot } from '../history/entries.js'
import { requireRecorded } from '../history/listing.js'
import type { RecordedChange, RecordedSide } from '../history/recordedDiff.js'
import { parentOf } from './bytePath.js'
import type { CheckoutPlan, ModeChange, PlannedWrite, Removal } from './checkout.js'
import { planLinks, type TouchedFile } from './checkoutLinks.js'
import { CheckoutNames } from './checkoutNames.js'
import { storageError } from './faults.js'
import { FolderLook, type Found, type FoundEntry, hasModeOf, isAs, modeAskedFor } from './folderLook.js'
import { Pace, type PaceOptions } from './pace.js'
import { foldedName, isGitName, isStoreName, isUnfinishedName, type NameRules, nameRulesOf } from './pathSafety.js'
import { modeOf } from './recordedMode.js'
import { StatCache } from './statCache.js'

export interface CheckoutOptions extends PaceOptions {
  readonly cache?: StatCache | undefined
  /** Whether what is in the way at a path may go, whatever it is; `isTracked` says whether the first tree has a file there. */
  readonly discards?: ((path: ByteName, isTracked: boolean) => boolean) | undefined
  /** Absolute paths of the store's own files. */
  readonly storeFiles?: readonly string[] | undefined
  /** Whether the second tree says which files are names of one. Default: true. */
  readonly links?: boolean | undefined
  /** Whether what is the same in both trees is brought back too, or found to be in the way. */
  readonly insists?: boolean | undefined
  /** Whether what is in the way is left as it is, and all else done. */
  readonly leaves?: boolean | undefined
  /** Whether an earlier attempt at this was interrupted. */
  readonly resumes?: boolean | undefined
  /** Whose rules for names hold. Default: those of the system this runs on. */
  readonly platform?: NodeJS.Platform | undefined
}

/**
 * @param ids Computes ids of contents, and keeps nothing.
 * @param changes What is to be brought from the first tree to the second; of a path that comes twice the first counts.
 * @throws {VarveError} `UNSAFE_PATH`, `NAME_CLASH`, `UNREADABLE_FILES`, `CANCELLED`, `STORAGE_IO`, `STORAGE_DENIED`
 */
export async function planCheckout(
  ids: ObjectWriter,
  fs: FileSystem,
  root: Buffer,
  from: TreeRoot,
  to: TreeRoot,
  changes: AsyncIterable<RecordedChange> | Iterable<RecordedChange>,
  options: CheckoutOptions = {},
): Promise<CheckoutPlan> {
  return new Planner(ids, fs, root, from, to, options).plan(changes)
}

/** Of a directory that a killed checkout had just made. */
const PRIVATE_FOLDER_MODE = 0o700

class Planner {
  readonly #ids: ObjectWriter
  readonly #fs: FileSystem
  readonly #from: TreeRoot
  readonly #to: TreeRoot
  readonly #options: CheckoutOptions
  readonly #rules: NameRules
  readonly #names: CheckoutNames
  readonly #folder: FolderLook
  readonly #removals = new Map<ByteName, Removal>()
  /** By what a folding file system takes their paths for. */
  readonly #removalsByFoldedPath = new Map<string, Removal>()
  readonly #writes = new Map<ByteName, PlannedWrite>()
  readonly #modes: ModeChange[] = []
  readonly #touched: TouchedFile[] = []
  readonly #conflicts = new Set<ByteName>()

  constructor(ids: ObjectWriter, fs: FileSystem, root: Buffer, from: TreeRoot, to: TreeRoot, options: CheckoutOptions) {
    const { cache = StatCache.empty, platform = process.platform, storeFiles = [], resumes = false } = options
    this.#ids = ids
    this.#fs = fs
    this.#from = from
    this.#to = to
    this.#options = options
    this.#rules = nameRulesOf(platform, fs.isCaseInsensitive(root))
    this.#names = new CheckoutNames(ids, fs, root, from, to, { rules: this.#rules, storeFiles, resumes })
    this.#folder = new FolderLook(ids, fs, root, cache, options.signal)
  }

  async plan(found: AsyncIterable<RecordedChange> | Iterable<RecordedChange>): Promise<CheckoutPlan> {
    const pace = new Pace('scan', this.#options)
    const byPath = new Map<ByteName, RecordedChange>()
    for await (const change of found) {
      if (byPath.has(change.path)) continue
      byPath.set(change.path, change)
      if (change.after) await this.#names.look(change.path, change.after)
      await pace.step(0, 0, change.path)
    }
    await this.#names.finish()
    const changes = [...byPath.values()]
    let at = '' as ByteName
    try {
      // What goes makes room for what comes.
      for (const change of changes) {
        at = change.path
        if (change.before) await this.#planRemoval(change, change.before)
        await pace.step(1, 0, at)
      }
      for (const change of changes) {
        at = change.path
        if (change.after) await this.#planWrite(change, change.after)
        await pace.step(0, 0, at)
      }
      if (this.#conflicts.size === 0 || this.#options.leaves) return await this.#finish(changes)
    } catch (error) {
      throw storageError('look at', nameToText(at), error)
    }
    return { ...NO_PLAN, conflicts: [...this.#conflicts].sort() }
  }

  async #finish(changes: readonly RecordedChange[]): Promise<CheckoutPlan> {
    const hasLinks = this.#options.links !== false && this.#to.attributes.shape !== 0
    const links = hasLinks
      ? await planLinks(this.#ids, this.#to, this.#touched, (path, side) => this.#statOfUnchanged(path, side))
      : NO_LINKS
    const sides = new Map(this.#touched.map(({ path, after }) => [path, after]))
    for (const { path, stat } of links.rewritten) {
      const side = sides.get(path)
      if (side) this.#writes.set(path, { path, side, stat, mayBeMissing: false })
    }
    if (this.#options.resumes) await this.#planUnfinished(changes)
    return {
      removals: [...this.#removals.values()],
      writes: [...this.#writes.values()],
      linkTo: links.linkTo,
      modes: this.#modes,
      conflicts: [],
      directories: [...new Set(changes.map(({ path }) => parentOf(path)))],
      // Of a switch there is a note, and the next one goes on with it.
      mayBeUnfinished: this.#options.resumes === true || this.#options.insists === true,
    }
  }

  /** Directories that an earlier attempt made for what was to be in them, and did not come to give their mode. */
  async #planUnfinished(changes: readonly RecordedChange[]): Promise<void> {
    const planned = new Set(this.#modes.map(({ path }) => path))
    const parents = new Set(changes.flatMap(({ path, after }) => (after ? parentsOf(path) : [])))
    for (const path of parents) {
      const found = planned.has(path) ? undefined : await this.#look(path)
      if (found?.is !== 'directory' || found.stat.mode !== PRIVATE_FOLDER_MODE) continue
      const { entry, recorded } = await requireRecorded(this.#ids, this.#to, path.split('/') as ByteName[])
      const mode = modeOf(entry, recorded?.attributes ?? {}, false)
      if (mode !== found.stat.mode) this.#modes.push({ path, mode, stat: found.stat })
    }
  }

  async #planRemoval({ path, after }: RecordedChange, before: RecordedSide): Promise<void> {
    const isDirectory = isKeptAsDirectory(before)
    const wantsDirectory = after !== undefined && isKeptAsDirectory(after)
    // A directory makes room for a file where the file is looked at; a file for another in one step.
    if ((after && (isDirectory || !wantsDirectory)) || !this.#names.isWithinReach(path)) return
    const found = await this.#look(path, before, after)
    if (isDirectory) {
      if (found.is !== 'directory') return
      const counts = before.entry.kind === 'gitlink' || before.entry.content.shape === 0
      this.#remove({ path, stat: found.stat, isDirectory, counts })
    } else if (found.is === 'directory') {
      if (!after && !this.#discards(path, before)) this.#conflicts.add(path)
    } else if (found.is === 'entry') {
      if (this.#isGivenUp(path, found, before)) this.#remove({ path, stat: found.stat, isDirectory, counts: true })
      else this.#conflicts.add(path)
    }
  }

  async #planWrite({ path, before }: RecordedChange, after: RecordedSide): Promise<void> {
    const found = await this.#look(path, before, after)
    const isThere = found.is === 'entry' && isAs(found, after)
    // Whatever was done to it: only what it is linked to changes from tree to tree.
    if (!isThere && isSameButLinks(before, after) && !this.#isWanted(path, before)) return
    // What is in a directory asks for room; an empty one asks for itself.
    const asksForRoom = after.entry.kind !== 'directory' || after.entry.content.shape === 0
    if (found.is === 'blocked' && !(asksForRoom && (await this.#makesWay(found.by)))) return
    const isRoom = found.is === 'nothing' || found.is === 'blocked' || (found.is === 'entry' && this.#goes(path, found))
    if (after.entry.kind === 'directory') {
      if (isRoom) this.#writeIfEmpty(path, after)
      else await this.#planDirectory(path, before, after, found)
    } else if (isRoom) this.#write(path, before, after, undefined)
    else if (found.is === 'directory') this.#planOverDirectory(path, before, after, found.stat)
    else if (isThere) this.#planMode(path, before, after, found)
    else if (!this.#isGivenUp(path, found, before)) this.#conflicts.add(path)
    else if (after.entry.kind === 'gitlink') {
      this.#remove({ path, stat: found.stat, isDirectory: false, counts: false })
      this.#write(path, before, after, undefined)
    } else this.#write(path, before, after, found.stat)
  }

  /** A directory that the second tree has, where something is. */
  async #planDirectory(
    path: ByteName,
    before: RecordedSide | undefined,
    after: RecordedSide,
    found: Extract<Found, { is: 'directory' | 'entry' }>,
  ): Promise<void> {
    const was = before?.entry.kind === 'directory' ? before : undefined
    if (found.is === 'entry') {
      // What is in a directory asks for it; an empty one asks for itself.
      if (after.entry.content.shape !== 0 || (was && !this.#isWanted(path, before))) return
      if (await this.#makesWay(path)) this.#writeIfEmpty(path, after)
      return
    }
    const mode = modeAskedFor(after)
    if (mode === undefined || hasModeOf(found.stat, after)) return
    const isUnfinished = this.#options.resumes && found.stat.mode === PRIVATE_FOLDER_MODE
    const isOurs = was ? this.#isWanted(path, was) || hasModeOf(found.stat, was) : this.#discards(path, before)
    if (isUnfinished || isOurs) {
      this.#modes.push({ path, mode, stat: found.stat })
    } else if (was && modeAskedFor(was) !== mode) this.#conflicts.add(path)
  }

  /** A file or symlink where a directory is. */
  #planOverDirectory(path: ByteName, before: RecordedSide | undefined, after: RecordedSide, stat: FileStat): void {
    // What somebody keeps in the place of another repository is not looked at.
    if (after.entry.kind === 'gitlink') return
    const going: Removal[] = []
    const left = this.#leftBelow(path, going)
    for (const other of left) this.#conflicts.add(other)
    if (left.length > 0) return
    for (const removal of going) this.#remove(removal)
    this.#remove({ path, stat, isDirectory: true, counts: false })
    this.#write(path, before, after, undefined)
  }

  /** A file or symlink that is there as the second tree has it. */
  #planMode(path: ByteName, before: RecordedSide | undefined, after: RecordedSide, found: FoundEntry): void {
    const { stat } = found
    const mode = modeAskedFor(after)
    if (mode === undefined || hasModeOf(stat, after)) {
      if (after.entry.kind === 'file') this.#touched.push({ path, before, after, stat })
      return
    }
    const wasSame = isAs(found, before)
    if (this.#discards(path, before) || (wasSame && hasModeOf(stat, before))) {
      // The mode of a file with several names is that of all of them.
      if (stat.nlink > 1 || after.attributes.linkGroup !== undefined) this.#write(path, before, after, stat)
      else this.#modes.push({ path, mode, stat })
    } else if (wasSame && modeAskedFor(before) !== mode) this.#conflicts.add(path)
  }

  /**
   * What would be left of a directory that has to go.
   * @param going gets what goes with it, and stays if something is left
   */
  #leftBelow(directory: ByteName, going: Removal[]): ByteName[] {
    const left: ByteName[] = []
    for (const { name, type } of this.#fs.list(this.#folder.diskPath(directory))) {
      const path = joinNames(directory, name)
      const goes = this.#removalOf(path) !== undefined
      if (goes && type !== 'directory') continue
      const stat = this.#fs.lstat(this.#folder.diskPath(path))
      // Others keep their work there.
      if (isStoreName(name) || isGitName(name) || this.#names.isStoreFile(path)) left.push(path)
      else if (stat && type === 'directory') {
        const below = this.#leftBelow(path, going)
        left.push(...below)
        if (below.length === 0 && !goes) going.push({ path, stat, isDirectory: true, counts: false })
      } else if (stat && (isUnfinishedName(name) || this.#discards(path, undefined))) {
        going.push({ path, stat, isDirectory: false, counts: false })
      } else left.push(path)
    }
    return left
  }

  /** Whether what stands where a directory has to be goes. If not, it is a conflict. */
  async #makesWay(path: ByteName): Promise<boolean> {
    if (this.#removals.has(path)) return true
    const entry = await entryAt(this.#ids, rootEntry(this.#from), path.split('/') as ByteName[])
    const before = entry && { entry, attributes: {} }
    const found = await this.#look(path, before)
    const isEntry = found.is === 'entry'
    const goes = isEntry ? this.#isGivenUp(path, found, before) : this.#discards(path, before)
    if ((isEntry || found.is === 'blocked') && goes) {
      this.#remove({ path, stat: found.stat, isDirectory: false, counts: false })
      return true
    }
    this.#conflicts.add(path)
    return false
  }

  #isGivenUp(path: ByteName, found: FoundEntry, before: RecordedSide | undefined): boolean {
    return (isAs(found, before) && hasModeOf(found.stat, before)) || this.#discards(path, before)
  }

  /** Whether it matters that somebody did something else to what both trees have. */
  #isWanted(path: ByteName, before: RecordedSide | undefined): boolean {
    return this.#options.insists === true || this.#discards(path, before)
  }

  #discards(path: ByteName, before: RecordedSide | undefined): boolean {
    const isTracked = before !== undefined && before.entry.kind !== 'directory'
    return this.#options.discards?.(path, isTracked) ?? false
  }

  /** Whether what was found is removed first: at this path, or at one that this file system takes for it. */
  #goes(path: ByteName, { stat }: FoundEntry): boolean {
    const removal = this.#removalOf(path)
    return removal !== undefined && removal.stat.ino === stat.ino && removal.stat.dev === stat.dev
  }

  #removalOf(path: ByteName): Removal | undefined {
    return this.#removals.get(path) ?? this.#removalsByFoldedPath.get(foldedName(path))
  }

  #look(path: ByteName, ...like: readonly (RecordedSide | undefined)[]): Promise<Found> {
    return this.#folder.at(path, like, this.#discards(path, like[0]))
  }

  async #statOfUnchanged(path: ByteName, side: RecordedSide): Promise<FileStat | undefined> {
    const found = await this.#folder.at(path, [side], true)
    return found.is === 'entry' && isAs(found, side) && hasModeOf(found.stat, side) ? found.stat : undefined
  }

  #remove(removal: Removal): void {
    this.#removals.set(removal.path, removal)
    if (this.#rules.folds) this.#removalsByFoldedPath.set(foldedName(removal.path), removal)
  }

  /** @param stat of what it takes the place of */
  #write(path: ByteName, before: RecordedSide | undefined, after: RecordedSide, stat: FileStat | undefined): void {
    const mayBeMissing = before !== undefined && !sameEntry(before.entry, after.entry)
    this.#writes.set(path, { path, side: after, stat, mayBeMissing })
    if (after.entry.kind === 'file') this.#touched.push({ path, before, after, stat: undefined })
  }

  /** Others come with what is in them. */
  #writeIfEmpty(path: ByteName, side: RecordedSide): void {
    if (side.entry.content.shape === 0) this.#writes.set(path, { path, side, stat: undefined, mayBeMissing: false })
  }
}

function parentsOf(path: ByteName): ByteName[] {
  const segments = path.split('/')
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/') as ByteName)
}

const NO_PLAN = { removals: [], writes: [], linkTo: [], modes: [], directories: [], mayBeUnfinished: false }
const NO_LINKS = { rewritten: [], linkTo: [] }

function isSameButLinks(before: RecordedSide | undefined, after: RecordedSide): boolean {
  const isFile = after.entry.kind === 'file' && sameEntry(before?.entry, after.entry)
  return isFile && modeAskedFor(before) === modeAskedFor(after)
}

/** A gitlink is the folder of another repository. */
function isKeptAsDirectory({ entry: { kind } }: RecordedSide): boolean {
  return kind === 'directory' || kind === 'gitlink'
}
