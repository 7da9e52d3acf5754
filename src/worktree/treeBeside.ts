/**
 * The tree that a working folder stands at, opened directory by directory beside the folder as it is walked; and what is
 * known of the folder's files from when they were last read.
 */
import type { FileStat } from '../base/filesystem.js'
import { type ByteName, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import type { TreeRoot } from '../history/entries.js'
import { listRecorded, type RecordedEntry, recordedRoot } from '../history/listing.js'
import type { StatCache, StatCacheBuilder, StatCacheDirectory } from './statCache.js'

/** A directory between its first entry and its last. */
interface OpenDirectory {
  /** What the tree has in it and was not taken yet. */
  readonly tracked: Map<ByteName, RecordedEntry>
  readonly cached: StatCacheDirectory
}

export class TreeBeside {
  readonly #reader: ObjectReader
  readonly #tree: TreeRoot
  readonly #cache: StatCache
  readonly #learn: StatCacheBuilder | undefined
  readonly #open: OpenDirectory[] = []
  /** The file whose content was asked for last, and known. */
  #known: ByteName | undefined

  /** @param learn Told of all files whose content is known in the end. */
  constructor(reader: ObjectReader, tree: TreeRoot, cache: StatCache, learn?: StatCacheBuilder) {
    this.#reader = reader
    this.#tree = tree
    this.#cache = cache
    this.#learn = learn
  }

  /** @returns What the tree has at the place of a directory of the folder, a directory or not. */
  async enter(path: ByteName, name: ByteName): Promise<RecordedEntry | undefined> {
    const before = path === ROOT_NAME ? await recordedRoot(this.#reader, this.#tree) : this.take(name)
    const tracked = new Map<ByteName, RecordedEntry>()
    if (before?.entry.kind === 'directory') {
      const { entry, recorded } = before
      for await (const item of listRecorded(this.#reader, entry.content, recorded?.below))
        tracked.set(item.entry.name, item)
    }
    this.#learn?.enter(path)
    this.#open.push({ tracked, cached: this.#cache.directory(path) })
    return before
  }

  /** @returns What the tree has in the directory that is left, and the folder has not. */
  leave(): Iterable<RecordedEntry> {
    this.#learn?.leave()
    return this.#open.pop()?.tracked.values() ?? []
  }

  /** Whether the tree has something of this name in the directory that was entered last, and it was not taken yet. */
  has(name: ByteName): boolean {
    return this.#open.at(-1)?.tracked.has(name) ?? false
  }

  take(name: ByteName): RecordedEntry | undefined {
    const tracked = this.#open.at(-1)?.tracked
    const entry = tracked?.get(name)
    tracked?.delete(name)
    return entry
  }

  /** Of a file or symlink that looks as it did when it was last read: its content then. */
  knownContent(name: ByteName, stat: FileStat): Content | undefined {
    const content = this.#open.at(-1)?.cached.contentOf(name, stat)
    if (content !== undefined) this.#known = name
    return content
  }

  /** @param stat As it was before the content was read. */
  learn(name: ByteName, stat: FileStat, content: Content): void {
    if (!this.#learn) return
    if (this.#known !== name) this.#learn.isNew = true
    this.#known = undefined
    this.#learn.add(name, stat, content)
  }
}
