/**
 * Writes a commit's tree into a folder.
 *
 * Model: a first walk over the tree looks for everything that forbids it (exportChecks.ts), a second one writes. Files
 * come back with content, mode and time, folders get theirs when all that they hold is written. Files of one link group
 * become hard links (linkGroups.ts), or files of their own with a warning where the file system has none.
 *
 * Guarantees (safety rule 8): nothing is written outside the folder or through a symlink, whatever the tree says: every
 * directory that something is written into was made or looked at in this run, and symlinks are made last. What was there
 * stays, unless `overwrite`: then a file is replaced in one step, by renaming a finished one over it. A file is never
 * left half written. What a stranger with the right to do so swaps in the very moment is beyond what Node can guard.
 *
 * Choices: `.git` is written like anything else, but never into a `.git` that was there; `.varve` never is. Modes are
 * set whatever the umask; 0644, 0755 and 0755 for folders where none is recorded; set-user-id and set-group-id only
 * together with `owner`. Directories that were there keep mode and owner. A gitlink becomes an empty folder.
 */
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import type { Hash } from '../base/hash.js'
import { type ByteName, nameToBytes, nameToText, ROOT_NAME } from '../base/names.js'
import { type Randomness, systemRandomness } from '../base/random.js'
import { MIB } from '../base/units.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, SHAPE_CHUNK } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import { runsFrom } from '../history/contentChunks.js'
import type { TreeRoot } from '../history/entries.js'
import { requireRecorded } from '../history/listing.js'
import { type PathLike, parsePath } from '../history/paths.js'
import { ContentWriter, WINDOW_BYTES, wrongSize } from './contentWriter.js'
import { lookAtDestination, makeFolders } from './destination.js'
import { diskPathOf } from './diskPath.js'
import { ExportChecks } from './exportChecks.js'
import { storageError } from './faults.js'
import { WrittenLinks } from './linkGroups.js'
import { Pace, type PaceOptions } from './pace.js'
import { nameRulesOf } from './pathSafety.js'
import { select } from './selection.js'
import { StoreFiles } from './storeFiles.js'
import { type TreeStep, treeSteps } from './treeSteps.js'
import { type Origin, shownPath, TreeWriter } from './treeWriter.js'

export interface ExportTreeOptions extends PaceOptions {
  /** Only these files and folders. Default: all. */
  readonly paths?: readonly PathLike[] | undefined
  /** Whether the folder may hold things already. They stay. */
  readonly into?: boolean | undefined
  /** With `into`: whether files that are in the way are replaced. */
  readonly overwrite?: boolean | undefined
  /** Whether recorded owners are set, for which the system wants privileges. */
  readonly owner?: boolean | undefined
  /** What times files get: those recorded, or `now`, the time of writing, as build tools need it. Default: `recorded`. */
  readonly times?: 'recorded' | 'now' | undefined
  /** Whose rules for names hold. Default: those of the system this runs on. */
  readonly platform?: NodeJS.Platform | undefined
  readonly random?: Randomness | undefined
}

/** What callers within the library say besides. */
export interface ExportIntoOptions extends ExportTreeOptions {
  /** Absolute paths of files that are never written to, wherever they lie: the store's own. They need not exist. */
  readonly storeFiles?: readonly string[] | undefined
  /** Files that are there as the tree has them: what is of their link group becomes another name of them. */
  readonly linkTo?: readonly KeptFile[] | undefined
  /**
   * Asked in the moment before a file or symlink gets its place, with what is there. If given, files are finished beside
   * their place in any case, so that a killed export leaves none that is half written.
   */
  readonly isExpected?: ((path: ByteName, now: FileStat | undefined) => boolean) | undefined
  /** Whether what is expected may be removed before its place is taken. Default: it is renamed over, in one step. */
  readonly mayBeMissing?: ((path: ByteName) => boolean) | undefined
}

/** A file that is there, as it was when it was looked at. */
export interface KeptFile {
  readonly path: ByteName
  readonly stat: FileStat
}

export interface ExportedTree {
  /** Entries that are not directories. */
  readonly files: number
  /** Made or entered, without the root. */
  readonly directories: number
  /** Of contents, holes included. */
  readonly bytes: number
  readonly warnings: readonly string[]
}

/**
 * @param folder Made if need be, with the folders above it. A symlink to a folder will do.
 * @throws {VarveError} Before anything is written: `PATH_NOT_FOUND`, `INVALID_PATH`, `NOT_A_DIRECTORY`,
 * `DESTINATION_NOT_EMPTY`, `UNSAFE_PATH`, `NAME_CLASH`, `ALREADY_EXISTS`. Later: `STORAGE_FULL`, `STORAGE_IO`,
 * `STORAGE_DENIED`, `STORAGE_READ_ONLY`, `CANCELLED`, and what the store throws; then what was written stays.
 */
export async function exportTree(
  reader: ObjectReader,
  tree: TreeRoot,
  fs: FileSystem,
  folder: string | Buffer,
  options: ExportIntoOptions = {},
): Promise<ExportedTree> {
  const { files, bytes, selection } = await select(reader, tree, options.paths)
  return exportPart(
    reader,
    tree,
    { files, bytes, steps: () => treeSteps(reader, tree, selection) },
    fs,
    folder,
    options,
  )
}

/** What is written of a tree. */
export interface TreePart {
  /** Entries that are not directories. */
  readonly files: number
  readonly bytes: number
  /** As `treeSteps` gives them. Asked for twice. */
  steps(): AsyncIterable<TreeStep> | Iterable<TreeStep>
}

/** As `exportTree`. */
export async function exportPart(
  reader: ObjectReader,
  tree: TreeRoot,
  part: TreePart,
  fs: FileSystem,
  folder: string | Buffer,
  options: ExportIntoOptions,
): Promise<ExportedTree> {
  const destination = lookAtDestination(fs, Buffer.from(folder), options.into === true)
  const pace = new Pace('export', options, { items: part.files, bytes: part.bytes })
  const checks = new ExportChecks(fs, {
    root: destination.root,
    holdsThings: destination.holdsThings,
    overwrite: options.overwrite === true,
    rules: nameRulesOf(options.platform ?? process.platform, destination.foldsNames),
    storeFiles: options.storeFiles && new StoreFiles(fs, options.storeFiles),
  })
  for await (const step of part.steps()) {
    checks.look(step)
    await pace.step(0, 0, step.path)
  }
  checks.finish()

  const run = new ExportRun(reader, fs, options, pace)
  for (const { path, stat } of options.linkTo ?? []) await run.linkTo(tree, destination.root, path, stat)
  const rootIs = destination.holdsThings ? 'kept' : destination.exists ? 'empty' : 'made'
  return run.write(part, destination.root, rootIs)
}

/** Chunks of so many steps are asked for together. */
const STEPS_PER_BATCH = 512
/** Or of as many bytes: what is expected of the store must fit into memory. */
const BATCH_BYTES = 48 * MIB

class ExportRun {
  readonly #reader: ObjectReader
  readonly #fs: FileSystem
  readonly #pace: Pace
  readonly #contents: ContentWriter
  readonly #links: WrittenLinks
  readonly #writer: TreeWriter
  readonly #setsOwner: boolean
  readonly #keepsTimes: boolean
  readonly #warnings: string[] = []
  /** Whether any entry has its owner recorded. */
  #sawOwner = false
  #root = ''
  #files = 0
  #directories = 0
  #bytes = 0

  constructor(reader: ObjectReader, fs: FileSystem, options: ExportIntoOptions, pace: Pace) {
    this.#reader = reader
    this.#fs = fs
    this.#pace = pace
    this.#contents = new ContentWriter(reader)
    this.#setsOwner = options.owner === true
    this.#keepsTimes = options.times !== 'now'
    this.#links = new WrittenLinks(fs, this.#setsOwner)
    this.#writer = new TreeWriter(fs, {
      overwrite: options.overwrite === true,
      owner: this.#setsOwner,
      links: this.#links,
      random: options.random ?? systemRandomness,
      isExpected: options.isExpected,
      mayBeMissing: options.mayBeMissing,
    })
  }

  /** Lets a file that is there be one of those that this export wrote. */
  async linkTo(tree: TreeRoot, root: Buffer, path: ByteName, stat: FileStat): Promise<void> {
    const { entry, recorded } = await requireRecorded(this.#reader, tree, parsePath(nameToBytes(path)))
    const step: TreeStep = { is: 'entry', path, entry, attributes: recorded?.attributes ?? {} }
    this.#links.wrote(step, diskPathOf(root, path), stat)
  }

  async write(part: TreePart, root: Buffer, rootIs: Origin): Promise<ExportedTree> {
    this.#root = root.toString()
    let path = ROOT_NAME
    try {
      if (rootIs === 'made') makeFolders(this.#fs, root)
      this.#writer.enterRoot(root, rootIs)
      for await (const batch of inBatches(this.#steps(part))) {
        const linked = new Set(batch.filter((step) => this.#links.announce(step)))
        await this.#expect(batch.filter((step) => !linked.has(step)))
        const chunks = this.#startReading(batch.filter((step) => !linked.has(step)))
        for (const step of batch) {
          path = step.path
          await this.#pace.step(0, 0, path)
          this.#sawOwner ||= step.attributes.owner !== undefined
          if (step.is === 'entry') await this.#writeEntry(step, linked.has(step) ? undefined : chunks)
          else if (step.is === 'leave') this.#writer.leave(step)
          else if (path !== ROOT_NAME) this.#enter(step)
        }
        await chunks.return(undefined)
      }
    } catch (error) {
      this.#writer.abandon()
      throw this.#explained(error, path)
    }
    this.#pace.report()
    this.#warnUnlinked()
    this.#warnUndecorated()
    if (this.#setsOwner && !this.#sawOwner) this.#warnings.push('no owner was set, because none is recorded')
    return { files: this.#files, directories: this.#directories, bytes: this.#bytes, warnings: this.#warnings }
  }

  async *#steps(part: TreePart): AsyncGenerator<TreeStep> {
    for await (const step of part.steps()) {
      const { mtimeNs: _, ...timeless } = step.attributes
      yield this.#keepsTimes ? step : { ...step, attributes: timeless }
    }
  }

  /** Tells the store of all chunks of these steps, unless they are more than it can remember. */
  async #expect(steps: readonly TreeStep[]): Promise<void> {
    if (!this.#reader.expect) return
    const ids: Hash[] = []
    for (const { is, entry } of steps) {
      if (is !== 'entry' || entry.kind === 'gitlink' || entry.content.size > BATCH_BYTES) continue
      try {
        for await (const runs of runsFrom(this.#reader, entry.content, 0)) ids.push(...runs.map(({ id }) => id))
      } catch (error) {
        // Said where it is read, with its path.
        if (!isVarveError(error)) throw error
      }
    }
    await this.#reader.expect(ids)
  }

  /** What is one chunk comes from one iterator for all these steps, in order: so it is read ahead across files. */
  #startReading(steps: readonly TreeStep[]): AsyncGenerator<Buffer> {
    const chunks: Hash[] = []
    const manifests: Hash[] = []
    for (const { is, entry } of steps) {
      if (is !== 'entry' || entry.content.id === undefined) continue
      if (isOneChunk(entry.content)) chunks.push(entry.content.id)
      else manifests.push(entry.content.id)
    }
    if (manifests.length > 0) this.#reader.readAhead(KIND.manifest, manifests)
    return oneByOne(this.#reader.getMany(KIND.chunk, [chunks]))
  }

  #enter(step: TreeStep): void {
    this.#writer.enter(step)
    this.#directories++
  }

  /** @param chunks `undefined` for what should be another name of a file that was written: its content is not read ahead. */
  async #writeEntry(step: TreeStep, chunks: AsyncIterator<Buffer> | undefined): Promise<void> {
    const { path, entry } = step
    const { content, kind } = entry
    let bytesSeen = 0
    if (kind === 'gitlink') {
      this.#writer.writeGitlink(step)
      this.#warnings.push(`${JSON.stringify(nameToText(path))} stands for another repository: its folder is empty`)
    } else if (!chunks && this.#writer.writeLink(step)) {
      // Nothing else is to be done: mode, owner and time are the file's.
    } else if (kind === 'file' && content.size > WINDOW_BYTES) {
      await this.#writer.writeFile(step, (file) =>
        this.#contents.writeLarge(file, content, (bytes) => {
          bytesSeen += bytes
          return this.#pace.step(0, bytes, path)
        }),
      )
    } else {
      const bytes =
        chunks && content.shape === SHAPE_CHUNK ? await nextChunk(chunks, content) : await this.#contents.load(content)
      if (kind === 'symlink') this.#writer.writeSymlink(step, bytes)
      else this.#writer.writeSmallFile(step, bytes)
    }
    this.#files++
    this.#bytes += content.size
    await this.#pace.step(1, content.size - bytesSeen, path)
  }

  #warnUnlinked(): void {
    const [first] = this.#links.refused
    if (first === undefined) return
    const more = this.#links.refused.length - 1
    this.#warnings.push(
      `${JSON.stringify(shownPath(first.path))}${more > 0 ? ` and ${more} more` : ''} could not be made a hard link and ` +
        `became a file of its own: ${first.reason}`,
    )
  }

  #warnUndecorated(): void {
    const [first] = this.#writer.undecorated
    if (first === undefined) return
    const count = this.#writer.undecorated.length
    this.#warnings.push(
      `this file system did not take the mode or time of ${JSON.stringify(shownPath(first))}` +
        (count > 1 ? ` and ${count - 1} more` : ''),
    )
  }

  /** With the path, and what became of the rest. */
  #explained(error: unknown, path: ByteName): unknown {
    const shown = shownPath(path)
    const known = storageError('write', shown, error)
    if (!isVarveError(known)) return known
    const { code, message, details, hint } = known
    const about =
      code === 'CANCELLED' || message.includes(JSON.stringify(shown)) ? '' : ` (needed for ${JSON.stringify(shown)})`
    const left =
      this.#files === 0
        ? 'no file was written'
        : `${this.#files === 1 ? 'the one file' : `the ${this.#files} files`} written before stay in ${JSON.stringify(this.#root)}`
    const make = known instanceof CorruptionError ? CorruptionError : VarveError
    return new make(code, `${message}${about}; ${left}, nothing is left half written`, {
      ...details,
      path: shown,
      filesWritten: this.#files,
      ...(hint === undefined ? {} : { hint }),
      cause: known.cause ?? known,
    })
  }
}

/** And small enough to be written in one go. */
function isOneChunk(content: Content): boolean {
  return content.shape === SHAPE_CHUNK && content.size <= WINDOW_BYTES
}

async function nextChunk(chunks: AsyncIterator<Buffer>, content: Content): Promise<Buffer> {
  const next = await chunks.next()
  const bytes = next.done ? Buffer.alloc(0) : next.value
  if (bytes.length === content.size) return bytes
  throw wrongSize(content, bytes.length)
}

async function* oneByOne(batches: AsyncIterable<readonly Buffer[]>): AsyncGenerator<Buffer> {
  for await (const batch of batches) yield* batch
}

async function* inBatches(steps: AsyncIterable<TreeStep>): AsyncGenerator<TreeStep[]> {
  let batch: TreeStep[] = []
  let bytes = 0
  for await (const step of steps) {
    batch.push(step)
    if (step.is === 'entry') bytes += step.entry.content.size
    if (batch.length < STEPS_PER_BATCH && bytes < BATCH_BYTES) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
