/**
 * Reads a file tree into the store: contents into a tree of directories, times and modes into the attribute tree that
 * runs beside it. A file with several names is read once. Nothing is visible in the store before the caller publishes.
 *
 * Everything is taken except what ignore rules name, entries named `.varve` (or like it: pathSafety.ts), the store's own
 * files, and what is neither file, folder nor symlink. Whatever cannot be read as it stands is collected to the end, so
 * that all of it is named: then the whole fails, or goes without it where `skipUnreadable` says so.
 */

import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, ROOT_NAME } from '../base/names.js'
import type { ObjectWriter } from '../cas/objects.js'
import { type Attributes, isRecordableTime } from '../format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import { AttributesBuilder } from '../history/attributeTree.js'
import { DirectoryBuilder } from '../history/directory.js'
import type { TreeRoot } from '../history/entries.js'
import { diskPathOf } from './diskPath.js'
import { storageError } from './faults.js'
import { FileReader, type StoredFile } from './fileReader.js'
import { FoundLinks } from './linkGroups.js'
import { Pace, type PaceOptions } from './pace.js'
import { ReadFailure, reading, type UnreadableFile, unreadableFiles } from './readFailure.js'
import { Scan, type ScanOptions, type ScanStep } from './scan.js'
import { DirectoryBefore } from './treeBefore.js'
import type { TreeBeside } from './treeBeside.js'

export type RecordedAttribute = 'mtime' | 'mode' | 'owner' | 'links'

const RECORDED_BY_DEFAULT: readonly RecordedAttribute[] = ['mtime', 'mode', 'links']
/** Windows makes up its mode bits, and takes no file for executable. */
const HAS_MODES = process.platform !== 'win32'
const OWNER_EXECUTE = 0o100

export interface StoreTreeOptions extends ScanOptions, PaceOptions {
  /**
   * The tree that the folder stood at, and what is known of its files: what looks as it did, and has the content that
   * tree has there, is not opened. What is in that tree is taken in even where ignore rules name it.
   */
  readonly beside?: TreeBeside | undefined
  /** The tree that this one is to take the place of: what is new is compressed against what was there. */
  readonly before?: TreeRoot | undefined
  /** Whether to do without what cannot be read. The root must be readable all the same. */
  readonly skipUnreadable?: boolean | undefined
  /** What is recorded beside contents. Default: mtime, mode, and which files are hard links of one. */
  readonly attributes?: readonly RecordedAttribute[] | undefined
}

export interface StoredTree {
  readonly tree: Content
  /** Entries that are not directories. */
  readonly files: number
  readonly attributes: Content
  /** Without the root. */
  readonly directories: number
  readonly bytes: number
  /** Entries left out by rules; an ignored directory counts as one. */
  readonly ignored: number
  /** With `skipUnreadable`: what is not in the tree. */
  readonly skipped: readonly UnreadableFile[]
  readonly warnings: readonly string[]
}

/**
 * @param root The folder to read; a symlink to one will do.
 * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`; `UNREADABLE_FILES` with all of them in `details.paths`, and
 * why in `details.reasons`; `CANCELLED`; and what the store throws.
 */
export async function storeTree(
  writer: ObjectWriter,
  fs: FileSystem,
  root: string | Buffer,
  options: StoreTreeOptions = {},
): Promise<StoredTree> {
  const run = new StoreRun(writer, fs, options)
  return run.store(findRoot(fs, Buffer.from(root)))
}

/** A path below which entries can be found, also where `root` is a symlink. */
function findRoot(fs: FileSystem, root: Buffer): Buffer {
  const shown = root.toString()
  try {
    let path = root
    let stat = fs.lstat(path)
    if (stat?.type === 'symlink') {
      path = diskPathOf(root, '.')
      stat = fs.lstat(path)
    }
    if (!stat) throw new VarveError('PATH_NOT_FOUND', `there is no folder ${JSON.stringify(shown)}`, { path: shown })
    if (stat.type === 'directory') return path
  } catch (error) {
    throw storageError('read', shown, error)
  }
  throw new VarveError('NOT_A_DIRECTORY', `${JSON.stringify(shown)} is not a folder`, { path: shown })
}

/** A directory between its first entry and its last. */
interface OpenDirectory {
  readonly tree: DirectoryBuilder
  readonly attributes: AttributesBuilder
  readonly before: DirectoryBefore | undefined
}

class StoreRun {
  readonly #writer: ObjectWriter
  readonly #fs: FileSystem
  readonly #options: StoreTreeOptions
  readonly #scan: Scan
  readonly #reader: FileReader
  readonly #links = new FoundLinks()
  readonly #pace: Pace
  readonly #recorded: ReadonlySet<RecordedAttribute>
  readonly #failures: UnreadableFile[] = []
  readonly #open: OpenDirectory[] = []
  #directories = 0

  constructor(writer: ObjectWriter, fs: FileSystem, options: StoreTreeOptions) {
    this.#writer = writer
    this.#fs = fs
    this.#options = options
    const { beside } = options
    this.#scan = new Scan(
      fs,
      beside
        ? {
            ...options,
            isTracked: (name, isDirectory) => beside.has(name, isDirectory),
            listing: (path, stat) => beside.listing(path, stat),
          }
        : options,
    )
    this.#reader = new FileReader(fs, writer, options.signal)
    this.#pace = new Pace('store', options)
    this.#recorded = new Set(options.attributes ?? RECORDED_BY_DEFAULT)
  }

  async store(root: Buffer): Promise<StoredTree> {
    this.#options.beside?.begin()
    let stored: Pick<StoredTree, 'tree' | 'files' | 'attributes'> | undefined
    for (const step of this.#steps(root)) {
      if (step.is === 'enter') await this.#enter(step)
      else if (step.is === 'leave') stored = await this.#leave(step)
      else await this.#storeEntry(step)
    }
    const skipped = [...this.#scan.failures, ...this.#failures]
    if (stored === undefined || (skipped.length > 0 && !this.#options.skipUnreadable)) throw unreadableFiles(skipped)
    this.#pace.report()
    return {
      ...stored,
      directories: this.#directories,
      bytes: stored.tree.size,
      ignored: this.#scan.ignored,
      skipped,
      warnings: this.#scan.warnings,
    }
  }

  /** What makes the whole scan fail is named together with all that was found before. */
  *#steps(root: Buffer): Generator<ScanStep> {
    try {
      yield* this.#scan.steps(root)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      throw unreadableFiles([error.describe(ROOT_NAME), ...this.#scan.failures, ...this.#failures])
    }
  }

  async #enter({ path, name, stat, entries = [] }: ScanStep): Promise<void> {
    const { beside } = this.#options
    if (stat) await beside?.enter(path, name, stat, entries.length)
    const before = this.#beforeOf(name, entries)
    const directory = {
      tree: new DirectoryBuilder(this.#writer, before?.tree),
      attributes: new AttributesBuilder(this.#writer, before?.attributes),
      before,
    }
    this.#open.push(directory)
    // The root has no parent that could hold what is recorded of it.
    if (name !== ROOT_NAME || !stat) return
    const attributes = (await beside?.root())?.recorded?.attributes ?? {}
    // Working folders of one tree may differ in their own modes, which are nobody else's.
    if (Object.keys(attributes).length > 0) {
      await directory.attributes.append({ name: ROOT_NAME, attributes, below: EMPTY_CONTENT })
    } else await this.#record(directory, ROOT_NAME, stat, EMPTY_CONTENT)
  }

  #beforeOf(name: ByteName, entries: NonNullable<ScanStep['entries']>): DirectoryBefore | undefined {
    const { before } = this.#options
    const parent = this.#open.at(-1)
    const names = entries.map((entry) => entry.name)
    if (parent) return parent.before?.directory(name, names)
    return before && before.tree.shape > 0 ? DirectoryBefore.root(this.#writer, before, names) : undefined
  }

  /** @returns What the root is, when it is the root that is left. */
  async #leave({ name, path, stat }: ScanStep): Promise<Pick<StoredTree, 'tree' | 'files' | 'attributes'> | undefined> {
    const left = this.#open.pop()
    this.#options.beside?.pass()
    if (!left) return undefined
    const { content, files } = await left.tree.finish()
    const attributes = await left.attributes.finish()
    const parent = this.#open.at(-1)
    if (!parent || !stat) return { tree: content, files, attributes }
    this.#directories++
    await parent.tree.append({ name, kind: 'directory', executable: false, content, files })
    await this.#record(parent, name, stat, attributes)
    this.#options.beside?.learn(name, stat, EMPTY_CONTENT, true)
    await this.#pace.step(0, 0, path)
    return undefined
  }

  async #storeEntry(step: ScanStep): Promise<void> {
    const directory = this.#open.at(-1)
    if (!directory) return
    const { name, path } = step
    let bytesSeen = 0
    try {
      const stored =
        (await this.#unchanged(step)) ??
        (step.is === 'symlink'
          ? await this.#reader.storeSymlink(step.diskPath)
          : await this.#reader.storeFile(step.diskPath, {
              isWanted: (stat) => !this.#scan.storeFiles.has(stat),
              contentOf: (stat) => this.#links.contentOf(stat),
              before: directory.before?.file(name),
              onBytes: (bytes) => {
                bytesSeen += bytes
                return this.#pace.step(0, bytes, path)
              },
            }))
      if (!stored) return
      const { content, stat } = stored
      this.#options.beside?.learn(name, stat, content, true)
      const linkGroup = step.is === 'file' ? await this.#links.groupOf(path, stat, content) : undefined
      const executable = HAS_MODES && step.is === 'file' && (stat.mode & OWNER_EXECUTE) !== 0
      await directory.tree.append({
        name,
        kind: step.is === 'file' ? 'file' : 'symlink',
        executable,
        content,
        files: 0,
      })
      await this.#record(directory, name, stat, EMPTY_CONTENT, linkGroup)
      await this.#pace.step(1, Math.max(0, content.size - bytesSeen), path)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      this.#failures.push(error.describe(path))
    }
  }

  /** What looks as it did, and is what the tree beside has: the tree vouches that the store has its content. */
  async #unchanged({ name, diskPath }: ScanStep): Promise<StoredFile | undefined> {
    const { beside } = this.#options
    const stat = beside?.has(name, false) ? reading(() => this.#fs.lstat(diskPath)) : undefined
    const content = stat && (await beside?.unchangedContent(name, stat))
    return content && { content, stat }
  }

  #record(
    directory: OpenDirectory,
    name: ByteName,
    stat: FileStat,
    below: Content,
    linkGroup?: string,
  ): Promise<void> | undefined {
    const attributes = this.#attributesOf(stat, linkGroup)
    const isNothing = below.shape === 0 && Object.keys(attributes).length === 0
    return isNothing ? undefined : directory.attributes.append({ name, attributes, below })
  }

  #attributesOf({ type, mtimeNs, mode, uid, gid }: FileStat, linkGroup: string | undefined): Attributes {
    const recorded = this.#recorded
    const attributes: { -readonly [Name in keyof Attributes]: Attributes[Name] } = {}
    if (recorded.has('mtime') && isRecordableTime(mtimeNs)) attributes.mtimeNs = mtimeNs
    // Every symlink has the same mode, and none can be set.
    if (recorded.has('mode') && HAS_MODES && type !== 'symlink') attributes.mode = mode
    if (recorded.has('owner') && HAS_MODES) attributes.owner = { uid, gid }
    if (recorded.has('links') && linkGroup !== undefined) attributes.linkGroup = linkGroup
    return attributes
  }
}
