/**
 * Trees without the paths that globs name: found, counted, and written anew.
 *
 * A directory is looked through once for each path and content; of those in which nothing can match, nothing is read. What is
 * recorded beside an entry goes with it. A directory that becomes empty by it goes as well, one that was empty stays. Hard links
 * that lose names are linked as varve would have recorded what is left: by the first of their names.
 */
import { type ByteName, joinNames, nameToBytes, ROOT_NAME } from '../base/names.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import { theChecksum } from '../codec/checksum.js'
import type { AttributesEntry } from '../format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { editAttributes, listAttributes } from '../history/attributeTree.js'
import { editDirectory, list } from '../history/directory.js'
import type { TreeRoot } from '../history/entries.js'
import { listRecorded } from '../history/listing.js'
import type { ReachRoot } from '../history/reach.js'
import type { PathGlobs } from './pathGlobs.js'

/** Directories remembered; the first to come are the first to be forgotten. */
const MEMORY_ENTRIES = 200_000

/** Answers by path and content. */
class Memory<T> {
  readonly #known = new Map<string, T>()

  get(key: string): T | undefined {
    return this.#known.get(key)
  }

  set(key: string, value: T): T {
    this.#known.set(key, value)
    if (this.#known.size > MEMORY_ENTRIES) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    return value
  }
}

export interface ScanTasks {
  /** Told of each version of all that goes and is no directory; of some more than once. */
  erased(path: ByteName, entry: TreeEntry): void
  /** Told of what stays. */
  kept(root: ReachRoot): Promise<void>
}

export class TreeScan {
  readonly #seen = new Memory<boolean>()

  constructor(
    private readonly reader: ObjectReader,
    private readonly globs: PathGlobs,
    private readonly tasks: ScanTasks,
  ) {}

  /** @returns whether anything in it goes */
  async hasMatch({ tree, attributes }: TreeRoot): Promise<boolean> {
    await this.tasks.kept({ use: 'attributes', content: attributes })
    return this.#scan(ROOT_NAME, tree)
  }

  async #scan(path: ByteName, directory: Content): Promise<boolean> {
    if (!this.globs.canMatchBelow(path)) {
      await this.tasks.kept({ use: 'directory', content: directory })
      return false
    }
    const key = `${path}\0${directory.id}`
    const known = this.#seen.get(key)
    if (known !== undefined) return known
    let hasMatch = false
    for await (const entry of list(this.reader, directory)) {
      const own = joinNames(path, entry.name)
      const isDirectory = entry.kind === 'directory'
      if (this.globs.matches(own, isDirectory)) {
        hasMatch = true
        if (isDirectory) await this.#scanErased(own, entry.content)
        else this.tasks.erased(own, entry)
      } else if (!isDirectory) {
        await this.tasks.kept({ use: 'file', content: entry.content })
      } else if (await this.#scan(own, entry.content)) {
        hasMatch = true
      }
    }
    return this.#seen.set(key, hasMatch)
  }

  /** All below goes; but a glob may name something in there, and is not mistyped then. */
  async #scanErased(path: ByteName, directory: Content): Promise<void> {
    const key = `${path}\0\0${directory.id}`
    if (this.#seen.get(key)) return
    for await (const entry of list(this.reader, directory)) {
      const own = joinNames(path, entry.name)
      const isDirectory = entry.kind === 'directory'
      this.globs.matches(own, isDirectory)
      if (isDirectory) await this.#scanErased(own, entry.content)
      else this.tasks.erased(own, entry)
    }
    this.#seen.set(key, true)
  }
}

interface Directory {
  readonly content: Content
  readonly files: number
  /** The attribute sequence of what lies in it. */
  readonly below: Content
  /** Hard links of which a name went. */
  readonly cutGroups: ReadonlySet<string>
}

const NO_GROUPS: ReadonlySet<string> = new Set()

export class TreeEraser {
  readonly #known = new Memory<Directory>()

  constructor(
    private readonly writer: ObjectWriter,
    private readonly globs: PathGlobs,
  ) {}

  /** The same if nothing in it matches. */
  async without({ tree, files, attributes }: TreeRoot): Promise<TreeRoot> {
    const root = await this.#without(ROOT_NAME, { content: tree, files, below: attributes, cutGroups: NO_GROUPS })
    const links = new RemainingLinks(this.writer, root.cutGroups)
    return { tree: root.content, files: root.files, attributes: await links.relinked(root.below) }
  }

  async #without(path: ByteName, was: Directory): Promise<Directory> {
    if (was.content.shape === 0 || !this.globs.canMatchBelow(path)) return was
    const key = `${path}\0${was.content.id}\0${was.below.id ?? ''}`
    return this.#known.get(key) ?? this.#known.set(key, await this.#edited(path, was))
  }

  async #edited(path: ByteName, was: Directory): Promise<Directory> {
    const entries = new Map<ByteName, TreeEntry | null>()
    const records = new Map<ByteName, AttributesEntry | null>()
    const cutGroups = new Set<string>()
    for await (const { entry, recorded } of listRecorded(this.writer, was.content, was.below)) {
      const { name } = entry
      const own = joinNames(path, name)
      if (this.globs.matches(own, entry.kind === 'directory')) {
        entries.set(name, null)
        if (!recorded) continue
        records.set(name, null)
        await collectGroups(this.writer, recorded, cutGroups)
        continue
      }
      if (entry.kind !== 'directory') continue
      const below = recorded?.below ?? EMPTY_CONTENT
      const before: Directory = { content: entry.content, files: entry.files, below, cutGroups: NO_GROUPS }
      const after = await this.#without(own, before)
      if (after === before) continue
      for (const group of after.cutGroups) cutGroups.add(group)
      if (after.content.id === before.content.id) continue
      const isGone = after.content.shape === 0
      entries.set(name, isGone ? null : { ...entry, content: after.content, files: after.files })
      if (!recorded) continue
      const isEmpty = after.below.shape === 0 && Object.keys(recorded.attributes).length === 0
      records.set(name, isGone || isEmpty ? null : { ...recorded, below: after.below })
    }
    if (entries.size === 0) return was
    const stored = await editDirectory(this.writer, was.content, entries)
    const below = records.size > 0 ? await editAttributes(this.writer, was.below, records) : was.below
    return { content: stored.content, files: stored.files, below, cutGroups }
  }
}

/** Of an entry, and of all below it. */
async function collectGroups(reader: ObjectReader, record: AttributesEntry, groups: Set<string>): Promise<void> {
  const { linkGroup } = record.attributes
  if (linkGroup !== undefined) groups.add(linkGroup)
  for await (const next of listAttributes(reader, record.below)) await collectGroups(reader, next, groups)
}

/** What is left of hard links that lost names. A file with one name left is an ordinary one. */
class RemainingLinks {
  /** By the group as it was: the names left, in the order of the walk. */
  readonly #names = new Map<string, ByteName[]>()

  constructor(
    private readonly writer: ObjectWriter,
    private readonly groups: ReadonlySet<string>,
  ) {}

  async relinked(attributes: Content): Promise<Content> {
    if (this.groups.size === 0) return attributes
    await this.#find(ROOT_NAME, attributes)
    if (this.#names.size === 0) return attributes
    const checksum = await theChecksum()
    const now = new Map<string, string | undefined>()
    for (const [group, [first, second]] of this.#names) {
      const isLink = first !== undefined && second !== undefined
      now.set(group, isLink ? checksum.of(nameToBytes(first)).toString('hex') : undefined)
    }
    return this.#renamed(attributes, now)
  }

  async #find(path: ByteName, attributes: Content): Promise<void> {
    for await (const { name, attributes: own, below } of listAttributes(this.writer, attributes)) {
      const at = joinNames(path, name)
      const { linkGroup } = own
      if (linkGroup !== undefined && this.groups.has(linkGroup)) {
        this.#names.set(linkGroup, [...(this.#names.get(linkGroup) ?? []), at])
      }
      await this.#find(at, below)
    }
  }

  async #renamed(attributes: Content, now: ReadonlyMap<string, string | undefined>): Promise<Content> {
    const edits = new Map<ByteName, AttributesEntry | null>()
    for await (const record of listAttributes(this.writer, attributes)) {
      const below = await this.#renamed(record.below, now)
      const { linkGroup, ...others } = record.attributes
      const isChanged = linkGroup !== undefined && now.has(linkGroup) && now.get(linkGroup) !== linkGroup
      if (!isChanged && below.id === record.below.id) continue
      const group = isChanged ? now.get(linkGroup) : linkGroup
      const kept = group === undefined ? others : { ...others, linkGroup: group }
      const isEmpty = below.shape === 0 && Object.keys(kept).length === 0
      edits.set(record.name, isEmpty ? null : { ...record, attributes: kept, below })
    }
    return edits.size === 0 ? attributes : editAttributes(this.writer, attributes, edits)
  }
}
