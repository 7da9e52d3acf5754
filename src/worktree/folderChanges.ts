/**
 * What differs between a working folder and the tree it stands at.
 *
 * Model: the folder is walked as for a commit, and each directory compared with the tree's, side by side. A file that looks
 * as it did when it was last read (statCache.ts) is not opened; another is read, and its id compared. What the tree has
 * is looked at even where ignore rules name it, as in Git.
 *
 * Guarantees: nothing is written. What cannot be read or listed is named, and never taken for removed. Memory grows with
 * depth, the entries of directories on the way down, and the changes.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, nameToText } from '../base/names.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import { EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { sameEntry, type TreeRoot } from '../history/entries.js'
import type { RecordedEntry } from '../history/listing.js'
import { diffTrees, type TreeChange } from '../history/treeDiff.js'
import { namesBelow } from './diskPath.js'
import { FileReader, READ_ALL, type StoredFile } from './fileReader.js'
import { FoundLinks } from './linkGroups.js'
import { Pace, type PaceOptions } from './pace.js'
import { ReadFailure, reading, type UnreadableFile } from './readFailure.js'
import { Scan, type ScanOptions, type ScanStep } from './scan.js'
import type { StatCache, StatCacheBuilder } from './statCache.js'
import { TreeBeside } from './treeBeside.js'

export interface FolderChange extends TreeChange {
  /** The content is the same; what is recorded beside it differs: mode, owner, or which files are hard links of one. */
  readonly isRecordOnly?: boolean
}

export interface FolderChangesOptions extends ScanOptions, PaceOptions {
  /** Whether commits record hard links: then one that is not as in the tree is a change. */
  readonly links?: boolean | undefined
  readonly cache: StatCache
  /** Told of all files whose content is known now. */
  readonly learn?: StatCacheBuilder | undefined
}

export interface FolderChanges {
  /** In the order of path bytes. */
  readonly changes: readonly FolderChange[]
  /** Entries of the folder that are not directories. */
  readonly files: number
  readonly ignored: number
  readonly unreadable: readonly UnreadableFile[]
  readonly warnings: readonly string[]
  /** Whether what was learned says more than the cache did. */
  readonly isNews: boolean
}

/** Windows makes up its mode bits. */
const HAS_MODES = process.platform !== 'win32'
const OWNER_EXECUTE = 0o100
/** Set only together with an owner, so that they may be missing from a file that was written with its mode. */
const SET_ID_BITS = 0o6000

/** @param ids Computes ids of contents, and keeps nothing. */
export async function folderChanges(
  ids: ObjectWriter,
  fs: FileSystem,
  root: Buffer,
  tree: TreeRoot,
  options: FolderChangesOptions,
): Promise<FolderChanges> {
  const run = new ChangesRun(ids, fs, tree, options)
  await run.walk(root)
  if (!run.missesNames) return run.found()
  // What was learned is true all the same, and is not said twice.
  const whole = new ChangesRun(ids, fs, tree, { ...options, learn: undefined }, { meetsAll: true })
  await whole.walk(root)
  return { ...whole.found(), isNews: run.found().isNews }
}

/**
 * The same where nothing differs and no file has to be opened to know that; `undefined` as soon as anything does.
 * @param reader May write: nothing is written through it.
 */
export async function unchangedFolder(
  reader: ObjectWriter,
  fs: FileSystem,
  root: Buffer,
  tree: TreeRoot,
  options: FolderChangesOptions,
): Promise<FolderChanges | undefined> {
  const run = new ChangesRun(reader, fs, tree, options, { opensFiles: false })
  return (await run.walk(root)) ? run.found() : undefined
}

/** A directory between its first entry and its last. */
interface OpenDirectory {
  readonly path: ByteName
  readonly name: ByteName
  /** As it was when it was entered; not of one that needs no word any more. */
  readonly stat: FileStat | undefined
  /** Whether the tree has it. */
  readonly isTracked: boolean
  /** Whether the tree has it with the same mode and owner. */
  readonly isAsInTree: boolean
  entries: number
}

class ChangesRun {
  readonly #reader: ObjectReader
  readonly #fs: FileSystem
  readonly #beside: TreeBeside
  readonly #scan: Scan
  readonly #files: FileReader
  /** `undefined` where links do not count. Files that are as remembered are not met: nor are their other names then. */
  readonly #links: FoundLinks | undefined
  readonly #pace: Pace
  readonly #open: OpenDirectory[] = []
  readonly #changes: FolderChange[] = []
  readonly #unreadable: UnreadableFile[] = []
  readonly #opensFiles: boolean
  /** Also files that are as remembered. */
  readonly #meetsAll: boolean
  #settled = 0
  #missesNames = false
  #count = 0
  /** Whether a file would have had to be opened. */
  #isInDoubt = false

  constructor(
    ids: ObjectWriter,
    fs: FileSystem,
    tree: TreeRoot,
    options: FolderChangesOptions,
    { opensFiles = true, meetsAll = false }: { readonly opensFiles?: boolean; readonly meetsAll?: boolean } = {},
  ) {
    this.#opensFiles = opensFiles
    this.#meetsAll = meetsAll
    this.#reader = ids
    this.#fs = fs
    this.#beside = new TreeBeside(ids, tree, options.cache, options.learn)
    this.#scan = new Scan(fs, {
      ...options,
      isTracked: (name, isDirectory) => this.#beside.has(name, isDirectory),
      listing: (path, stat) => this.#beside.listing(path, stat),
    })
    this.#files = new FileReader(fs, ids, options.signal)
    // A commit that recorded nothing beside contents does not differ in what it did not record.
    this.#links = options.links && tree.attributes.shape !== 0 ? new FoundLinks() : undefined
    this.#pace = new Pace('scan', options)
  }

  /** Whether a file seems to have other names than it had, and some may be among those that were not met. */
  get missesNames(): boolean {
    return this.#missesNames
  }

  /** @returns whether to the end: without opening files it goes on only as long as nothing differs. */
  async walk(root: Buffer): Promise<boolean> {
    // All will be written anew.
    if (this.#beside.isNews) this.#beside.begin()
    for (const step of this.#scan.steps(root)) {
      if (step.is === 'enter') await this.#enter(step)
      else if (step.is === 'leave') await this.#leave()
      else await this.#file(step)
      await this.#pace.step(step.is === 'enter' ? 0 : 1, 0, step.path)
      if (!this.#opensFiles && (this.#isInDoubt || this.#changes.length > 0)) return false
    }
    return true
  }

  found(): FolderChanges {
    this.#changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.kind === 'removed' ? -1 : 1))
    return {
      changes: this.#changes,
      files: this.#count,
      ignored: this.#scan.ignored,
      // A folder that vanished meanwhile was removed.
      unreadable: [...this.#scan.failures.filter(({ code }) => code !== 'ENOENT'), ...this.#unreadable],
      warnings: this.#scan.warnings,
      isNews: this.#beside.isNews,
    }
  }

  async #enter({ path, name, stat, diskPath, entries = [] }: ScanStep): Promise<void> {
    const parent = this.#open.at(-1)
    if (parent) parent.entries++
    if (!stat) return
    const before = await this.#beside.enter(path, name, stat, entries.length)
    const directory = { path, name, stat, entries: 0, isTracked: true, isAsInTree: true }
    if (before === 'remembered') this.#open.push({ ...directory, stat: undefined })
    else if (before?.entry.kind === 'directory') {
      // The folder's own mode is nobody else's.
      const isAsInTree = !parent || this.#hasSameRecord(path, before, stat)
      this.#open.push({ ...directory, isAsInTree })
    } else {
      if (before) this.#changes.push({ path, kind: 'removed', before: before.entry })
      this.#open.push({ ...directory, isTracked: false, isAsInTree: false })
    }
    const pathOf = namesBelow(diskPath)
    const settled = this.#meetsAll ? 0 : this.#beside.settle(entries, (file) => this.#glance(pathOf(file)))
    this.#settled += settled
    this.#count += settled
    const entered = this.#open.at(-1)
    if (entered) entered.entries += settled
  }

  /** What cannot be looked at is looked at once more by itself, and named then. */
  #glance(diskPath: Buffer | string): FileStat | undefined {
    try {
      return this.#fs.lstat(diskPath)
    } catch {
      return undefined
    }
  }

  async #leave(): Promise<void> {
    const missing = await this.#beside.leave()
    const left = this.#open.pop()
    if (!left) return
    if (left.stat && this.#open.length > 0) this.#beside.learn(left.name, left.stat, EMPTY_CONTENT, left.isAsInTree)
    for (const { entry } of missing) await this.#removed(joinNames(left.path, entry.name), entry)
    if (left.isTracked || left.entries > 0) return
    const after: TreeEntry = { name: left.name, kind: 'directory', executable: false, content: EMPTY_CONTENT, files: 0 }
    this.#changes.push({ path: left.path, kind: 'added', after })
  }

  async #file(step: ScanStep): Promise<void> {
    const directory = this.#open.at(-1)
    if (!directory) return
    const { path, name } = step
    this.#beside.begin()
    const before = await this.#beside.take(name)
    let found: StoredFile | undefined
    try {
      found = await this.#contentOf(step)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      if (error.code !== 'ENOENT') {
        directory.entries++
        this.#unreadable.push(error.describe(path))
        return
      }
    }
    if (!found) {
      if (before) await this.#removed(path, before.entry)
      return
    }
    directory.entries++
    this.#count++
    const { stat, content } = found
    const kind = step.is === 'file' ? 'file' : 'symlink'
    const executable = HAS_MODES && kind === 'file' && (stat.mode & OWNER_EXECUTE) !== 0
    const after: TreeEntry = { name, kind, executable, content, files: 0 }
    const linkGroup = kind === 'file' ? await this.#links?.groupOf(path, stat, content) : undefined
    const isAsInTree =
      before !== undefined && sameEntry(before.entry, after) && this.#hasSameRecord(path, before, stat, linkGroup)
    this.#beside.learn(name, stat, content, isAsInTree)
    if (before && sameEntry(before.entry, after)) return
    if (before?.entry.kind === 'directory') {
      await this.#removed(path, before.entry)
      this.#changes.push({ path, kind: 'added', after })
    } else if (before) this.#changes.push({ path, kind: 'modified', before: before.entry, after })
    else this.#changes.push({ path, kind: 'added', after })
  }

  /** `undefined` for what vanished, and for files of the store. @throws {ReadFailure} */
  async #contentOf({ is, name, diskPath }: ScanStep): Promise<StoredFile | undefined> {
    const stat = reading(() => this.#fs.lstat(diskPath))
    if (!stat || this.#scan.storeFiles.has(stat)) return undefined
    const known = this.#beside.knownContent(name, stat)
    if (known) return { stat, content: known }
    if (!this.#opensFiles) {
      this.#isInDoubt = true
      return undefined
    }
    return is === 'symlink' ? this.#files.storeSymlink(diskPath) : this.#files.storeFile(diskPath, READ_ALL)
  }

  /** What is recorded beside the content; a difference is a change. */
  #hasSameRecord(path: ByteName, { entry, recorded }: RecordedEntry, stat: FileStat, linkGroup?: string): boolean {
    const isLinked = !this.#links || entry.kind !== 'file' || linkGroup === recorded?.attributes.linkGroup
    if (isLinked && !(HAS_MODES && recordDiffers(recorded, stat))) return true
    this.#missesNames ||= !isLinked && stat.nlink > 1 && this.#settled > 0
    this.#changes.push({ path, kind: 'modified', before: entry, after: entry, isRecordOnly: true })
    return false
  }

  /** Everything below, of a directory; an empty one itself. */
  async #removed(path: ByteName, entry: TreeEntry): Promise<void> {
    const shown = nameToText(path)
    if (this.#scan.failures.some(({ path: failed, code }) => failed === shown && code !== 'ENOENT')) return
    if (entry.kind !== 'directory' || entry.content.shape === 0) {
      this.#changes.push({ path, kind: 'removed', before: entry })
      return
    }
    for await (const change of diffTrees(this.#reader, entry.content, EMPTY_CONTENT, path)) this.#changes.push(change)
  }
}

function recordDiffers(recorded: RecordedEntry['recorded'], { type, mode, uid, gid }: FileStat): boolean {
  const { mode: wasMode, owner } = recorded?.attributes ?? {}
  const differs = type !== 'symlink' && wasMode !== undefined && ((wasMode ^ mode) & ~SET_ID_BITS) !== 0
  return differs || (owner !== undefined && (owner.uid !== uid || owner.gid !== gid))
}
