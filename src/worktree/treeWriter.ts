/**
 * Puts directories, files, hard links and symlinks on a disk, one after the other, each into the directory that was
 * entered last.
 *
 * Guarantees: an entry is only made in a directory that was made, or seen to be one, when it was entered, and that is
 * still the same when it is left. A new file is made where nothing is; over something else it is renamed when it is
 * finished. What fails leaves no unfinished file behind.
 */
import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem, OpenFile } from '../base/filesystem.js'
import { type ByteName, nameToText, ROOT_NAME } from '../base/names.js'
import type { Randomness } from '../base/random.js'
import type { Attributes } from '../format/attributes.js'
import { writeSmall } from './contentWriter.js'
import { diskPathOf } from './diskPath.js'
import { errorCodeOf, reasonOf } from './faults.js'
import type { WrittenLinks } from './linkGroups.js'
import { unfinishedName } from './pathSafety.js'
import { modeOf } from './recordedMode.js'
import type { TreeStep } from './treeSteps.js'

/** How a directory came to be there: by this export, or before it, and then with nothing or with something in it. */
export type Origin = 'made' | 'empty' | 'kept'

export interface TreeWriterOptions {
  readonly overwrite: boolean
  /** Whether recorded owners are set. */
  readonly owner: boolean
  /** Told of each file, asked for those that are another name of one. */
  readonly links: WrittenLinks
  /** For names of unfinished files. */
  readonly random: Randomness
  /** As in `ExportIntoOptions`. */
  readonly isExpected?: ((path: ByteName, now: FileStat | undefined) => boolean) | undefined
  readonly mayBeMissing?: ((path: ByteName) => boolean) | undefined
}

interface OpenDirectory {
  readonly diskPath: Buffer
  readonly path: ByteName
  readonly origin: Origin
  /** As it was when it was entered. */
  readonly stat: FileStat
  /** That it gets in the end; `undefined`: it keeps its own. */
  readonly mode?: number
}

export class TreeWriter {
  readonly #fs: FileSystem
  readonly #options: TreeWriterOptions
  readonly #open: OpenDirectory[] = []
  /** Whose mode or time could not be set. */
  readonly undecorated: ByteName[] = []

  constructor(fs: FileSystem, options: TreeWriterOptions) {
    this.#fs = fs
    this.#options = options
  }

  enterRoot(diskPath: Buffer, origin: Origin): void {
    this.#push({ diskPath, path: ROOT_NAME, origin })
  }

  /** @throws {VarveError} `UNSAFE_PATH`, `NAME_CLASH`, `ALREADY_EXISTS`; otherwise errors of the file system, here and below */
  enter({ path, entry, attributes }: TreeStep): void {
    const parent = this.#parent()
    const diskPath = diskPathOf(parent.diskPath, entry.name)
    const isThere = parent.origin === 'kept' && this.#fs.lstat(diskPath) !== undefined
    this.#requireStillThere(parent)
    if (!isThere) this.#make(path, () => this.#fs.mkdir(diskPath))
    if (isThere) this.#push({ diskPath, path, origin: 'kept' })
    else this.#push({ diskPath, path, origin: 'made', mode: modeOf(entry, attributes, false) })
  }

  leave({ entry, attributes }: TreeStep): void {
    const left = this.#parent()
    this.#requireSame(left)
    const { diskPath, path, origin } = left
    if (origin === 'made') {
      this.#setOwner(path, diskPath, attributes)
      this.#decorate(path, () => this.#fs.chmod(diskPath, modeOf(entry, attributes, this.#options.owner)))
    }
    // A folder that was empty may be open to fewer than the recorded mode says, on purpose: it keeps its mode.
    const { mtimeNs } = attributes
    if (origin !== 'kept' && mtimeNs !== undefined) this.#decorate(path, () => this.#fs.utimes(diskPath, mtimeNs))
    this.#open.pop()
  }

  /** After an error: nobody comes back to open to others what was made to hold more. */
  abandon(): void {
    for (const directory of this.#open.splice(0).reverse()) {
      const { diskPath, mode } = directory
      try {
        if (mode === undefined) continue
        this.#requireSame(directory)
        this.#fs.chmod(diskPath, mode)
      } catch {
        // What made us give it up is the better message.
      }
    }
  }

  writeSmallFile(step: TreeStep, bytes: Buffer): void {
    const place = this.#placeForFile(step)
    const made = this.#create(step.path, place.target)
    try {
      writeSmall(made.file, bytes)
      this.#finish(step, made, place)
    } catch (error) {
      made.discard()
      throw error
    }
  }

  async writeFile(step: TreeStep, write: (file: OpenFile) => Promise<void>): Promise<void> {
    const place = this.#placeForFile(step)
    const made = this.#create(step.path, place.target)
    try {
      await write(made.file)
      this.#finish(step, made, place)
    } catch (error) {
      made.discard()
      throw error
    }
  }

  /**
   * Makes a file another name of an earlier one of its link group.
   * @returns `false`, and nothing was written, where there is none or it takes no more names.
   */
  writeLink(step: TreeStep): boolean {
    const { target, place, replaces } = this.#placeFor(step)
    if (!this.#make(step.path, () => this.#options.links.link(step, target))) return false
    if (!replaces) return true
    try {
      this.#put(step.path, target, place)
    } finally {
      // Renaming a name over another one of the same file does nothing, and leaves both.
      removeAnyhow(this.#fs, target)
    }
    return true
  }

  writeSymlink(step: TreeStep, to: Buffer): void {
    if (to.length === 0 || to.includes(0)) {
      throw unsafe(step.path, 'its symlink leads to something that no path can name')
    }
    const { target, place, replaces } = this.#placeFor(step)
    this.#make(step.path, () => this.#fs.symlink(to, target))
    try {
      const { mtimeNs } = step.attributes
      this.#setOwner(step.path, target, step.attributes)
      if (mtimeNs !== undefined) this.#decorate(step.path, () => this.#fs.utimes(target, mtimeNs, true))
      if (replaces) this.#put(step.path, target, place)
    } catch (error) {
      removeAnyhow(this.#fs, target)
      throw error
    }
  }

  /** Another repository's commit has nothing to write but its place. */
  writeGitlink({ path, entry }: TreeStep): void {
    const parent = this.#parent()
    const diskPath = diskPathOf(parent.diskPath, entry.name)
    if (parent.origin === 'kept' && this.#fs.lstat(diskPath)?.type === 'directory') return
    this.#requireStillThere(parent)
    this.#make(path, () => this.#fs.mkdir(diskPath))
    this.#fs.chmod(diskPath, GITLINK_MODE)
  }

  #parent(): OpenDirectory {
    const parent = this.#open.at(-1)
    if (!parent) throw new Error('no directory is open')
    return parent
  }

  #push(directory: Omit<OpenDirectory, 'stat'>): void {
    const { diskPath, path } = directory
    const stat = this.#fs.lstat(diskPath)
    if (stat?.type !== 'directory') throw unsafe(path, `a ${stat?.type ?? 'gap'} is where its folder should be`)
    // Or it would be a directory of somewhere else that was seen.
    const parent = this.#open.at(-1)
    if (parent) this.#requireStillThere(parent)
    this.#open.push({ ...directory, stat })
  }

  /** Where others are at work, too: the time in which a directory is written may be long. */
  #requireStillThere(directory: OpenDirectory): void {
    if (directory.origin === 'kept' || this.#options.isExpected) this.#requireSame(directory)
  }

  #requireSame({ diskPath, path, stat }: OpenDirectory): void {
    const now = this.#fs.lstat(diskPath)
    if (now?.type === 'directory' && now.ino === stat.ino && now.dev === stat.dev) return
    throw unsafe(path, 'something else took the place of the folder while it was being written')
  }

  #placeFor({ path, entry }: TreeStep): Place {
    const parent = this.#parent()
    const place = diskPathOf(parent.diskPath, entry.name)
    const found = parent.origin === 'kept' ? this.#fs.lstat(place) : undefined
    this.#requireStillThere(parent)
    if (!found) return { target: place, place, replaces: false }
    if (!this.#options.overwrite || (found.type !== 'file' && found.type !== 'symlink')) throw appeared(path)
    const unfinished = unfinishedName(this.#options.random)
    return { target: diskPathOf(parent.diskPath, unfinished), place, replaces: true }
  }

  /** Beside its place, if what a killed process leaves there would be taken for a file. */
  #placeForFile(step: TreeStep): Place {
    if (!this.#options.isExpected) return this.#placeFor(step)
    const parent = this.#parent()
    this.#requireStillThere(parent)
    const [target, place] = [unfinishedName(this.#options.random), step.entry.name]
    // What is there is looked at when it gets its place.
    return { target: diskPathOf(parent.diskPath, target), place: diskPathOf(parent.diskPath, place), replaces: true }
  }

  /** Gives what is finished its place. */
  #put(path: ByteName, target: Buffer, place: Buffer): void {
    const { isExpected, mayBeMissing } = this.#options
    const now = isExpected && this.#fs.lstat(place)
    if (isExpected?.(path, now) === false) throw appeared(path)
    if (now && mayBeMissing?.(path)) this.#fs.unlink(place)
    this.#fs.rename(target, place)
  }

  #create(path: ByteName, target: Buffer): NewFile {
    return this.#make(path, () => new NewFile(this.#fs, target))
  }

  /** Makes something where nothing was seen. */
  #make<T>(path: ByteName, body: () => T): T {
    try {
      return body()
    } catch (error) {
      if (errorCodeOf(error) !== 'EEXIST') throw error
      // In a directory of our own only another entry of the tree can be in the way.
      throw this.#parent().origin === 'kept' ? appeared(path) : clash(path)
    }
  }

  #finish(step: TreeStep, made: NewFile, { target, place, replaces }: Place): void {
    const { path, entry, attributes } = step
    const { file } = made
    const { mtimeNs, linkGroup } = attributes
    // Before the mode, of which changing the owner clears bits.
    this.#setOwner(path, target, attributes)
    this.#decorate(path, () => file.chmodSync(modeOf(entry, attributes, this.#options.owner)))
    if (mtimeNs !== undefined) this.#decorate(path, () => file.utimesSync(mtimeNs))
    const stat = linkGroup === undefined ? undefined : file.stat()
    made.close()
    if (replaces) this.#put(path, target, place)
    if (stat) this.#options.links.wrote(step, place, stat)
  }

  #setOwner(path: ByteName, target: Buffer, { owner }: Attributes): void {
    if (!this.#options.owner || !owner) return
    try {
      this.#fs.chown(target, owner.uid, owner.gid)
    } catch (error) {
      if (errorCodeOf(error) !== 'EPERM') throw error
      throw notOurs(path, `${owner.uid}:${owner.gid}`, error)
    }
  }

  /** Some file systems keep no modes, or no times of symlinks: that is no reason to go without the file. */
  #decorate(path: ByteName, body: () => void): void {
    try {
      body()
    } catch (error) {
      if (!UNDECORATED_CODES.has(errorCodeOf(error) ?? '')) throw error
      this.undecorated.push(path)
    }
  }
}

interface Place {
  /** Where it is made. */
  readonly target: Buffer
  /** Where it belongs. */
  readonly place: Buffer
  /** Whether the one is renamed to the other. */
  readonly replaces: boolean
}

const GITLINK_MODE = 0o755
const UNDECORATED_CODES: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'])

/** A file that is not finished until it is closed. */
class NewFile {
  readonly file: OpenFile
  readonly #fs: FileSystem
  readonly #path: Buffer
  /** A descriptor must not be closed twice: it may be another file's by then. */
  #isOpen = true

  constructor(fs: FileSystem, path: Buffer) {
    this.#fs = fs
    this.#path = path
    this.file = fs.open(path, 'create')
  }

  close(): void {
    this.#isOpen = false
    this.file.closeSync()
  }

  discard(): void {
    try {
      if (this.#isOpen) this.close()
    } catch {
      // What made us give it up is the better message.
    }
    removeAnyhow(this.#fs, this.#path)
  }
}

function removeAnyhow(fs: FileSystem, path: Buffer): void {
  try {
    fs.unlink(path)
  } catch {
    // What made us give it up is the better message.
  }
}

function unsafe(path: ByteName, reason: string): VarveError {
  const shown = shownPath(path)
  return new VarveError('UNSAFE_PATH', `cannot write ${JSON.stringify(shown)}: ${reason}`, { path: shown })
}

function clash(path: ByteName): VarveError {
  const shown = shownPath(path)
  return new VarveError(
    'NAME_CLASH',
    `cannot write ${JSON.stringify(shown)}: this file system takes its name for that of something beside it`,
    { path: shown, paths: [shown], hint: 'export to a file system that tells them apart, or only some of them' },
  )
}

function appeared(path: ByteName): VarveError {
  const shown = shownPath(path)
  return new VarveError(
    'ALREADY_EXISTS',
    `cannot write ${JSON.stringify(shown)}: something appeared or changed there meanwhile`,
    { path: shown, paths: [shown] },
  )
}

function notOurs(path: ByteName, owner: string, error: unknown): VarveError {
  const shown = shownPath(path)
  return new VarveError(
    'STORAGE_DENIED',
    `cannot give ${JSON.stringify(shown)} to its owner ${owner}: ${reasonOf(error)}`,
    { path: shown, hint: 'only root, as a rule, may give files away: export as root, or without owners', cause: error },
  )
}

export function shownPath(path: ByteName): string {
  return path === ROOT_NAME ? '.' : nameToText(path)
}
