/**
 * The tree that a working folder stands at, beside the folder as it is walked; and what is known of the folder's files
 * from when they were last read.
 *
 * A directory of the tree is opened only when something in it has to be compared. Where the stat cache remembers that the
 * folder has what this tree has, a look at the disk settles it.
 */
import type { DirectoryEntry, FileStat } from '../base/filesystem.js'
import { type ByteName, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import type { TreeRoot } from '../history/entries.js'
import { listRecorded, type RecordedEntry, recordedRoot, requireRecorded } from '../history/listing.js'
import type { Listing, StatCache, StatCacheBuilder, StatCacheDirectory } from './statCache.js'

/** A directory between its first entry and its last. */
interface OpenDirectory {
  readonly path: ByteName
  readonly cached: StatCacheDirectory
  readonly listing: Listing
  /** Whether what the cache says to be as in the tree is so in this one. */
  readonly isRemembered: boolean
  /** What the tree has in it and was not taken yet; not known as long as all of it is as remembered. */
  tracked: Map<ByteName, RecordedEntry> | undefined
  /** By index in `cached`: found on the disk as remembered. */
  readonly settled: Uint8Array
  settledCount: number
  /** Entries of the tree that were taken and not found to be in the folder as they are. */
  differing: number
  /** Whether anything was found that the cache did not know. */
  isNews: boolean
}

export class TreeBeside {
  readonly #reader: ObjectReader
  readonly #tree: TreeRoot
  readonly #cache: StatCache
  readonly #learn: StatCacheBuilder | undefined
  readonly #isAbout: boolean
  readonly #open: OpenDirectory[] = []
  /** The file whose content was asked for last, and known. */
  #known: ByteName | undefined
  #isNews = false

  /** @param learn Told of all files whose content is known in the end. */
  constructor(reader: ObjectReader, tree: TreeRoot, cache: StatCache, learn?: StatCacheBuilder) {
    this.#reader = reader
    this.#tree = tree
    this.#cache = cache
    this.#learn = learn
    this.#isAbout = cache.isAbout(tree)
  }

  /** What is in a directory, if that is known without listing it. @param stat of the directory on the disk */
  listing(path: ByteName, stat: FileStat): DirectoryEntry[] | undefined {
    return this.#cache.directory(path).listing(stat)
  }

  /** Whether what was learned is worth keeping: the cache does not say as much. */
  get isNews(): boolean {
    return this.#isNews || !this.#isAbout
  }

  /**
   * @param stat of the directory on the disk
   * @param count how many entries it has there
   * @returns What the tree has at its place, a directory or not; `remembered`: a directory with the same mode and owner.
   */
  async enter(
    path: ByteName,
    name: ByteName,
    stat: FileStat,
    count: number,
  ): Promise<RecordedEntry | 'remembered' | undefined> {
    const parent = this.#open.at(-1)
    const isRemembered = parent ? this.#settle(parent, name, stat) : this.#isAbout
    const before = isRemembered ? undefined : parent ? await this.take(name) : await this.root()
    const directory = this.#push(path, isRemembered, { stat, count })
    if (before?.entry.kind === 'directory') directory.tracked = await this.#listOf(before)
    else if (!isRemembered) directory.tracked = new Map()
    else if (!directory.cached.isWhole) directory.tracked = await this.#load(directory)
    return isRemembered ? 'remembered' : before
  }

  #push(path: ByteName, isRemembered: boolean, listing: Listing): OpenDirectory {
    this.#learn?.enter(path)
    const cached = this.#cache.directory(path)
    const settled = new Uint8Array(cached.names.length)
    const counts = { settledCount: 0, differing: 0, isNews: false }
    const directory = { path, cached, listing, isRemembered, tracked: undefined, settled, ...counts }
    this.#open.push(directory)
    return directory
  }

  /**
   * Looks at the files of the directory that was entered last, and takes those out of `entries` that are as the tree has
   * them. @param entries Ascending. @param look Gives what is on the disk; `undefined` for nothing.
   * @returns how many were taken out
   */
  settle(entries: DirectoryEntry[], look: (name: ByteName) => FileStat | undefined): number {
    const directory = this.#open.at(-1)
    if (!directory?.isRemembered) return 0
    const { cached, settled } = directory
    const { names } = cached
    let kept = 0
    let index = 0
    for (const entry of entries) {
      while (index < names.length && (names[index] as ByteName) < entry.name) index++
      if (entry.type !== 'directory' && names[index] === entry.name && cached.isAsInTree(index)) {
        const stat = look(entry.name)
        if (stat && cached.looksTheSame(index, stat)) {
          settled[index] = 1
          directory.settledCount++
          directory.tracked?.delete(entry.name)
          continue
        }
      }
      entries[kept++] = entry
    }
    const taken = entries.length - kept
    entries.length = kept
    return taken
  }

  /** A directory of the folder: whether it is remembered to be as the tree has it. */
  #settle(parent: OpenDirectory, name: ByteName, stat: FileStat): boolean {
    if (!parent.isRemembered) return false
    const index = parent.cached.indexOf(name)
    if (index === undefined || !parent.cached.isAsInTree(index) || !parent.cached.looksTheSame(index, stat))
      return false
    parent.settled[index] = 1
    parent.settledCount++
    parent.tracked?.delete(name)
    return true
  }

  /** Leaves a directory in which all of the folder was compared. @returns What the tree has in it, and the folder has not. */
  async leave(): Promise<Iterable<RecordedEntry>> {
    const left = this.#open.at(-1)
    if (!left) return []
    const { cached, settledCount } = left
    const isAsRemembered = left.isRemembered && cached.isWhole && settledCount === cached.countAsInTree
    const missing = isAsRemembered ? [] : [...(await this.#tracked(left)).values()]
    this.#open.pop()
    if (isAsRemembered && !left.isNews) this.#learn?.leaveAs(cached)
    else {
      for (const [index, isSettled] of left.settled.entries()) if (isSettled) this.#learn?.copy(cached, index)
      this.#learn?.leave(missing.length + left.differing === 0, left.listing, cached.isListedAs(left.listing.stat))
    }
    this.#isNews ||= left.isNews
    return missing
  }

  /** Leaves a directory of which all that was learned is as it will be in the tree that is being made. */
  pass(): void {
    const left = this.#open.pop()
    this.#learn?.leave(true, left?.listing, left?.cached.isListedAs(left.listing.stat))
  }

  /**
   * Whether the tree has something of this name in the directory that was entered last, and it was not taken yet: a
   * directory where the folder has one, and anything else where it has not.
   */
  has(name: ByteName, isDirectory: boolean): boolean {
    return this.#isDirectory(name) === isDirectory
  }

  /** `undefined`: the tree has nothing of this name, or it was taken. */
  #isDirectory(name: ByteName): boolean | undefined {
    const directory = this.#open.at(-1)
    if (directory?.tracked) {
      const kind = directory.tracked.get(name)?.entry.kind
      return kind && (kind === 'directory' || kind === 'gitlink')
    }
    const index = directory?.cached.indexOf(name)
    return directory && index !== undefined && directory.cached.isAsInTree(index)
      ? directory.cached.isDirectory(index)
      : undefined
  }

  /** Comes before the first file is looked at whose content is going to be read. */
  begin(): void {
    this.#learn?.begin()
  }

  async take(name: ByteName): Promise<RecordedEntry | undefined> {
    const directory = this.#open.at(-1)
    if (!directory || this.#isDirectory(name) === undefined) return undefined
    const tracked = await this.#tracked(directory)
    const entry = tracked.get(name)
    if (tracked.delete(name)) directory.differing++
    return entry
  }

  /** Of a file or symlink that looks as it did when it was last read: its content then, if the tree has that. */
  async unchangedContent(name: ByteName, stat: FileStat): Promise<Content | undefined> {
    const directory = this.#open.at(-1)
    const content = this.knownContent(name, stat)
    if (!directory || content === undefined) return undefined
    const index = directory.cached.indexOf(name)
    if (directory.isRemembered && index !== undefined && directory.cached.isAsInTree(index)) return content
    const before = (await this.take(name))?.entry.content
    return before && before.id === content.id && before.shape === content.shape ? content : undefined
  }

  /** Of a file or symlink that looks as it did when it was last read: its content then. */
  knownContent(name: ByteName, stat: FileStat): Content | undefined {
    const content = this.#open.at(-1)?.cached.contentOf(name, stat)
    if (content !== undefined) this.#known = name
    return content
  }

  /**
   * A file or symlink of the directory that was entered last, or a directory of it that was left and is not `remembered`.
   * @param stat As it was before the content was read.
   * @param isAsInTree whether the tree has just that
   */
  learn(name: ByteName, stat: FileStat, content: Content, isAsInTree: boolean): void {
    const directory = this.#open.at(-1)
    if (!directory) return
    if (isAsInTree) directory.differing--
    const isKnown = this.#known === name || stat.type === 'directory'
    const index = isKnown ? directory.cached.indexOf(name) : undefined
    if (index === undefined || directory.cached.isAsInTree(index) !== isAsInTree) directory.isNews = true
    this.#known = undefined
    this.#learn?.add(name, stat, content, isAsInTree)
  }

  /** The tree's root. */
  root(): Promise<RecordedEntry> {
    return recordedRoot(this.#reader, this.#tree)
  }

  async #tracked(directory: OpenDirectory): Promise<Map<ByteName, RecordedEntry>> {
    directory.tracked ??= await this.#load(directory)
    return directory.tracked
  }

  /** What the tree has in a directory, less what is settled. */
  async #load({ path, cached, settled }: OpenDirectory): Promise<Map<ByteName, RecordedEntry>> {
    const before =
      path === ROOT_NAME
        ? await this.root()
        : await requireRecorded(this.#reader, this.#tree, path.split('/') as ByteName[])
    const tracked = await this.#listOf(before)
    for (const [index, isSettled] of settled.entries()) if (isSettled) tracked.delete(cached.names[index] as ByteName)
    return tracked
  }

  async #listOf({ entry, recorded }: RecordedEntry): Promise<Map<ByteName, RecordedEntry>> {
    const tracked = new Map<ByteName, RecordedEntry>()
    for await (const item of listRecorded(this.#reader, entry.content, recorded?.below)) {
      tracked.set(item.entry.name, item)
    }
    return tracked
  }
}
