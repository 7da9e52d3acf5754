/**
 * What is in a folder and not in a tree: what a clean-up of the folder takes away.
 *
 * Model: the folder is walked beside the tree. A directory that the tree does not have goes as a whole if all that is in it
 * goes; otherwise it stays, and what goes in it goes by itself.
 *
 * Guarantees: nothing is written. What is named `.varve` or `.git`, or what some file system takes for it, stays, and so
 * does all of a directory below that holds such an entry: it is a place where others keep their work. The store's own
 * files stay, and mounted file systems that the tree does not have. A symlink is an entry, never a way. What cannot be
 * listed stays and is named. Memory grows with depth, the entries of directories on the way down, and what goes.
 */
import type { DirectoryEntry, FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { TreeEntry } from '../format/tree.js'
import { list } from '../history/directory.js'
import type { TreeRoot } from '../history/entries.js'
import { byPath, isAtOrBelow, lastSegment } from './bytePath.js'
import { diskPathOf } from './diskPath.js'
import { IGNORE_FILE_NAMES, IgnoreRules } from './ignoreRules.js'
import { Pace, type PaceOptions } from './pace.js'
import { foldedName, isGitName, isStoreName } from './pathSafety.js'
import { ReadFailure, reading, unreadableFiles, vanished } from './readFailure.js'
import { readSmallFile } from './smallFile.js'
import { StoreFiles } from './storeFiles.js'

/** What happens to what ignore rules name: it stays, it goes as well, or it alone goes. */
export type IgnoredFate = 'keep' | 'also' | 'only'

export interface UntrackedOptions extends PaceOptions {
  readonly ignored: IgnoredFate
  /** As in `ScanOptions`. Ignore files are honoured in any case. */
  readonly globalIgnore?: readonly string[] | undefined
  readonly storeFiles?: readonly string[] | undefined
  /** Patterns in the syntax of .gitignore, relative to the root: what they name stays. */
  readonly exclude?: readonly string[] | undefined
  /** Only these, and what is below them. Default: all. */
  readonly paths?: readonly ByteName[] | undefined
  /** This directory stays, and those above it; what is in it may go. */
  readonly standingIn?: ByteName | undefined
}

export interface Untracked {
  readonly path: ByteName
  /** As it was when it was looked at. */
  readonly stat: FileStat
  /** Of a directory: all that is in it. */
  readonly below?: readonly Untracked[]
}

export interface Kept {
  readonly path: ByteName
  /** For people. */
  readonly reason: string
}

export interface UntrackedFound {
  /** In the order of path bytes. */
  readonly going: readonly Untracked[]
  /** What would go, and is left alone. */
  readonly kept: readonly Kept[]
}

/** @throws {VarveError} `UNREADABLE_FILES` when an ignore file or the root cannot be read; `CANCELLED` */
export async function findUntracked(
  reader: ObjectReader,
  fs: FileSystem,
  root: Buffer,
  tree: TreeRoot,
  options: UntrackedOptions,
): Promise<UntrackedFound> {
  return new UntrackedRun(reader, fs, options).run(root, tree)
}

/** A directory that is looked into. */
interface Directory {
  readonly path: ByteName
  readonly diskPath: Buffer
  readonly stat: FileStat
  readonly entries: readonly DirectoryEntry[]
  /** By name; folded where the file system takes names for one that differ in case. */
  readonly tracked: ReadonlyMap<string, TreeEntry>
  readonly rules: IgnoreRules
  readonly isIgnored: boolean
}

interface Verdict {
  readonly going: readonly Untracked[]
  /** Whether nothing of it stays. */
  readonly isAll: boolean
}

const STAYS: Verdict = { going: [], isAll: false }
const NOT_THERE: Verdict = { going: [], isAll: true }

const NOT_TRACKED: ReadonlyMap<string, TreeEntry> = new Map()

class UntrackedRun {
  readonly #reader: ObjectReader
  readonly #fs: FileSystem
  readonly #options: UntrackedOptions
  readonly #excluded: IgnoreRules
  readonly #storeFiles: StoreFiles
  readonly #pace: Pace
  readonly #kept: Kept[] = []
  /** Whether a file is the tree's by a name of other case, or in another form of Unicode. */
  #folds = false

  constructor(reader: ObjectReader, fs: FileSystem, options: UntrackedOptions) {
    this.#reader = reader
    this.#fs = fs
    this.#options = options
    this.#excluded = IgnoreRules.fromPatterns(options.exclude ?? [])
    this.#storeFiles = new StoreFiles(fs, options.storeFiles ?? [])
    this.#pace = new Pace('scan', options)
  }

  async run(root: Buffer, tree: TreeRoot): Promise<UntrackedFound> {
    const rules = IgnoreRules.fromPatterns([], { global: this.#options.globalIgnore })
    const listed = this.#listRoot(root)
    const { going } = await this.#within({
      path: ROOT_NAME,
      diskPath: root,
      ...listed,
      tracked: await this.#entriesOf(tree.tree),
      rules,
      isIgnored: false,
    })
    return { going: [...going].sort(byPath), kept: this.#kept.sort(byPath) }
  }

  async #within(outer: Directory): Promise<Verdict> {
    const going: Untracked[] = []
    let isAll = true
    const storeNames = this.#storeFiles.namesIn(outer.stat)
    const directory = { ...outer, rules: outer.rules.with(outer.path, this.#ignoreFilesOf(outer)) }
    for (const { name, type } of directory.entries) {
      const path = joinNames(directory.path, name)
      await this.#pace.step(type === 'directory' ? 0 : 1, 0, path)
      const isOthers = isStoreName(name) || isGitName(name) || storeNames.has(name)
      const verdict = isOthers ? STAYS : await this.#entry(directory, path, name, type)
      for (const each of verdict.going) going.push(each)
      isAll &&= verdict.isAll
    }
    return { going, isAll }
  }

  async #entry(directory: Directory, path: ByteName, name: ByteName, type: DirectoryEntry['type']): Promise<Verdict> {
    const place = this.#placeOf(path)
    const isDirectory = type === 'directory'
    if (place === 'outside' || this.#excluded.ignores(path, isDirectory)) return STAYS
    const tracked = directory.tracked.get(this.#folds ? foldedName(name) : name)
    const isIgnored = directory.isIgnored || directory.rules.ignores(path, isDirectory)
    if (isDirectory) return this.#directory(directory, path, tracked, isIgnored)
    if (place === 'above' || (tracked && tracked.kind !== 'directory') || !this.#goes(isIgnored)) return STAYS
    try {
      const stat = reading(() => this.#fs.lstat(diskPathOf(directory.diskPath, name)))
      if (!stat) return NOT_THERE
      const isOthers = stat.type === 'directory' || this.#storeFiles.has(stat)
      return isOthers ? STAYS : { going: [{ path, stat }], isAll: true }
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      return this.#keep(path, `it cannot be looked at: ${error.reason}`)
    }
  }

  async #directory(
    above: Directory,
    path: ByteName,
    tracked: TreeEntry | undefined,
    isIgnored: boolean,
  ): Promise<Verdict> {
    const isTracked = tracked?.kind === 'directory'
    // A gitlink is a repository of its own, whether or not it is there at the moment.
    if (tracked?.kind === 'gitlink' || (!isTracked && isIgnored && this.#options.ignored === 'keep')) return STAYS
    const goes = !isTracked && this.#goes(isIgnored)
    const diskPath = diskPathOf(above.diskPath, lastSegment(path))
    let listed: Pick<Directory, 'stat' | 'entries'>
    try {
      listed = this.#list(diskPath)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      return error.code === 'ENOENT' ? NOT_THERE : this.#keep(path, `it cannot be looked into: ${error.reason}`)
    }
    if (!isTracked && listed.stat.dev !== above.stat.dev) {
      return goes ? this.#keep(path, 'another file system is mounted there') : STAYS
    }
    const others = othersIn(listed.entries)
    if (others !== undefined && !isTracked) return goes ? this.#keep(path, others) : STAYS
    const within = await this.#within({
      path,
      diskPath,
      ...listed,
      tracked: isTracked ? await this.#entriesOf(tracked.content) : NOT_TRACKED,
      rules: above.rules,
      isIgnored,
    })
    if (others !== undefined) return within.going.length > 0 ? this.#keep(path, others) : STAYS
    const isWhole = goes && within.isAll && this.#placeOf(path) === 'inside' && !this.#isStoodIn(path)
    if (isWhole) return { going: [{ path, stat: listed.stat, below: within.going }], isAll: true }
    return { going: within.going, isAll: false }
  }

  #goes(isIgnored: boolean): boolean {
    const { ignored } = this.#options
    return ignored === 'also' || isIgnored === (ignored === 'only')
  }

  #keep(path: ByteName, reason: string): Verdict {
    this.#kept.push({ path, reason })
    return STAYS
  }

  /** `above`: something wanted is below it. */
  #placeOf(path: ByteName): 'inside' | 'above' | 'outside' {
    const { paths } = this.#options
    if (paths?.every((wanted) => !isAtOrBelow(path, wanted)) !== true) return 'inside'
    return paths.some((wanted) => isAtOrBelow(wanted, path)) ? 'above' : 'outside'
  }

  #isStoodIn(path: ByteName): boolean {
    const { standingIn } = this.#options
    return standingIn !== undefined && isAtOrBelow(standingIn, path)
  }

  async #entriesOf(content: TreeEntry['content']): Promise<ReadonlyMap<string, TreeEntry>> {
    const entries = new Map<string, TreeEntry>()
    for await (const entry of list(this.#reader, content))
      entries.set(this.#folds ? foldedName(entry.name) : entry.name, entry)
    return entries
  }

  #listRoot(root: Buffer): Pick<Directory, 'stat' | 'entries'> {
    try {
      const listed = this.#list(root)
      this.#folds = reading(() => this.#fs.isCaseInsensitive(root))
      return listed
    } catch (error) {
      throw unreadable(ROOT_NAME, error)
    }
  }

  /** @throws {ReadFailure} */
  #list(diskPath: Buffer): Pick<Directory, 'stat' | 'entries'> {
    const stat = this.#statFolder(diskPath)
    const entries = reading(() => this.#fs.list(diskPath))
    const now = this.#statFolder(diskPath)
    if (now.ino !== stat.ino || now.dev !== stat.dev) throw ReadFailure.changed('another folder took its place')
    return { stat, entries }
  }

  #statFolder(diskPath: Buffer): FileStat {
    const stat = reading(() => this.#fs.lstat(diskPath))
    if (!stat) throw vanished()
    if (stat.type !== 'directory') throw ReadFailure.changed('it is a folder no more')
    return stat
  }

  #ignoreFilesOf({ path, diskPath, entries }: Directory): Buffer[] {
    const files: Buffer[] = []
    for (const name of IGNORE_FILE_NAMES) {
      if (!entries.some((entry) => entry.name === name && entry.type === 'file')) continue
      try {
        files.push(readSmallFile(this.#fs, diskPathOf(diskPath, name)))
      } catch (error) {
        // Without it more would go than was asked for.
        throw unreadable(joinNames(path, name), error)
      }
    }
    return files
  }
}

/** Whose place a directory below the folder is, if it is somebody else's. */
function othersIn(entries: Directory['entries']): string | undefined {
  if (entries.some(({ name }) => isStoreName(name))) return 'it has a .varve of its own'
  return entries.some(({ name }) => isGitName(name)) ? 'it has a .git of its own' : undefined
}

function unreadable(path: ByteName, error: unknown): unknown {
  if (!(error instanceof ReadFailure)) return error
  return unreadableFiles([error.describe(path)], 'nothing was removed; make it readable first')
}
