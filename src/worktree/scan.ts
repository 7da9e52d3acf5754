/**
 * What is on the disk below a folder: a stream of steps, depth first, each directory's entries in the order of their
 * bytes.
 *
 * Guarantees: a symlink is an entry, never a way into what it points to. A folder that cannot be listed is a failure and
 * never an empty folder. Memory grows with depth, and with the entries of the folders on the way down.
 */
import type { DirectoryEntry, FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, nameToText, ROOT_NAME } from '../base/names.js'
import { diskPathOf } from './diskPath.js'
import { IGNORE_FILE_NAMES, IgnoreRules } from './ignoreRules.js'
import { isGitName, isStoreName, isUnfinishedName } from './pathSafety.js'
import { ReadFailure, reading, toReadFailure, type UnreadableFile, vanished } from './readFailure.js'
import { readSmallFile } from './smallFile.js'
import { StoreFiles } from './storeFiles.js'

export interface ScanOptions {
  /** Patterns in the syntax of .gitignore, relative to the root. */
  readonly ignore?: readonly string[] | undefined
  /** Whether .gitignore and .varveignore files are honoured. Default: false. */
  readonly ignoreFiles?: boolean | undefined
  /** Patterns that decide last, where ignore files are honoured and neither they nor `ignore` say anything. */
  readonly globalIgnore?: readonly string[] | undefined
  /** Absolute paths of files that are left out wherever they turn up: the store's own. They need not exist. */
  readonly storeFiles?: readonly string[] | undefined
  /** Whether entries named `.git`, or what some file system takes for it, are left out. Default: false. */
  readonly skipGit?: boolean | undefined
  /**
   * Whether an entry is of the tree that is compared with: then it is taken in although rules ignore it, and of an ignored
   * folder only what is of the tree. Asked about an entry of the folder that was entered last.
   */
  readonly isTracked?: ((name: ByteName, isDirectory: boolean) => boolean) | undefined
  /** What is in a folder, ascending, if that is known without listing it. `stat` is what it is now. */
  readonly listing?: ((path: ByteName, stat: FileStat) => DirectoryEntry[] | undefined) | undefined
}

export interface ScanStep {
  /** Everything between `enter` and `leave` of a directory lies in it. */
  readonly is: 'enter' | 'leave' | 'file' | 'symlink'
  /** From the root, which has the empty path. */
  readonly path: ByteName
  readonly name: ByteName
  readonly diskPath: Buffer
  /** Of directories, as it was before they were listed. Files and symlinks have not been looked at. */
  readonly stat?: FileStat
  /** Of `enter`: what is in it, ascending. What is taken out before the next step is passed over. */
  readonly entries?: DirectoryEntry[]
}

interface Folder {
  readonly step: ScanStep
  readonly entries: readonly DirectoryEntry[]
  readonly rules: IgnoreRules
  /** Of files of the store. */
  readonly storeNames: ReadonlySet<ByteName>
  /** Entered only for what is tracked in it. */
  readonly isIgnored: boolean
  next: number
}

export class Scan {
  /** Entries left out by rules; an ignored directory counts as one. */
  ignored = 0
  /** What could not be listed. */
  readonly failures: UnreadableFile[] = []
  /** Sentences about what is left out. */
  readonly warnings: string[] = []
  readonly storeFiles: StoreFiles
  readonly #fs: FileSystem
  readonly #options: ScanOptions

  constructor(fs: FileSystem, options: ScanOptions) {
    this.#fs = fs
    this.#options = options
    this.storeFiles = new StoreFiles(fs, options.storeFiles ?? [])
  }

  /** @throws {ReadFailure} when the root itself, or an ignore file, cannot be read */
  *steps(root: Buffer): Generator<ScanStep> {
    const { ignore = [], ignoreFiles, globalIgnore } = this.#options
    const rules = IgnoreRules.fromPatterns(ignore, { global: ignoreFiles ? globalIgnore : [] })
    const open: Folder[] = [this.#enter({ is: 'enter', path: ROOT_NAME, name: ROOT_NAME, diskPath: root }, rules)]
    yield (open[0] as Folder).step
    for (let folder = open.at(-1); folder; folder = open.at(-1)) {
      const entry = folder.entries[folder.next++]
      if (!entry) {
        open.pop()
        yield { ...folder.step, is: 'leave' }
        continue
      }
      const step = this.#consider(folder, entry)
      if (step?.is !== 'enter') {
        if (step) yield step
        continue
      }
      const isIgnored = folder.isIgnored || folder.rules.ignores(step.path, true)
      const below = this.#tryEnter(step, folder.rules, isIgnored)
      if (!below) continue
      open.push(below)
      yield below.step
    }
  }

  /** `undefined` for what is left out. */
  #consider(folder: Folder, { name, type }: DirectoryEntry): ScanStep | undefined {
    const path = joinNames(folder.step.path, name)
    if (isUnfinishedName(name) || folder.storeNames.has(name)) return undefined
    if (this.#options.skipGit && isGitName(name) && !this.#options.isTracked?.(name, type === 'directory'))
      return undefined
    if (isStoreName(name)) {
      if (name !== STORE_FOLDER) {
        this.warnings.push(`left out ${quoted(path)}: some systems take its name for that of a store`)
      }
      return undefined
    }
    const isIgnored = folder.isIgnored || folder.rules.ignores(path, type === 'directory')
    if (isIgnored && !this.#options.isTracked?.(name, type === 'directory')) {
      this.ignored++
      return undefined
    }
    if (type === 'other') {
      this.warnings.push(`left out ${quoted(path)}: it is neither a file nor a folder nor a symlink`)
      return undefined
    }
    const diskPath = diskPathOf(folder.step.diskPath, name)
    return { is: type === 'directory' ? 'enter' : type, path, name, diskPath }
  }

  #tryEnter(step: ScanStep, rules: IgnoreRules, isIgnored: boolean): Folder | undefined {
    try {
      return this.#enter(step, rules, isIgnored)
    } catch (error) {
      // Without its ignore file a folder would give more than was asked for: that is nobody's to skip.
      if (!(error instanceof ReadFailure) || error instanceof IgnoreFileFailure) throw error
      this.failures.push(error.describe(step.path))
      return undefined
    }
  }

  #enter(step: ScanStep, rules: IgnoreRules, isIgnored = false): Folder {
    const stat = this.#statFolder(step.diskPath)
    const entries = this.#options.listing?.(step.path, stat) ?? this.#list(step.diskPath, stat)
    const ownRules = this.#options.ignoreFiles ? rules.with(step.path, this.#ignoreFilesOf(step, entries)) : rules
    const storeNames = this.storeFiles.namesIn(stat)
    return { step: { ...step, stat, entries }, entries, rules: ownRules, storeNames, isIgnored, next: 0 }
  }

  #list(diskPath: Buffer, stat: FileStat): DirectoryEntry[] {
    const listed = reading(() => this.#fs.list(diskPath))
    const now = this.#statFolder(diskPath)
    if (now.ino !== stat.ino || now.dev !== stat.dev) throw ReadFailure.changed('another folder took its place')
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #statFolder(diskPath: Buffer): FileStat {
    const stat = reading(() => this.#fs.lstat(diskPath))
    if (!stat) throw vanished()
    if (stat.type !== 'directory') throw ReadFailure.changed('it is a folder no more')
    return stat
  }

  #ignoreFilesOf(step: ScanStep, entries: readonly DirectoryEntry[]): Buffer[] {
    const files: Buffer[] = []
    for (const name of IGNORE_FILE_NAMES) {
      const type = entries.find((entry) => entry.name === name)?.type
      if (type === 'symlink') {
        this.warnings.push(
          `${quoted(joinNames(step.path, name))} is a symlink: what it names is not ignored, as in Git`,
        )
      }
      if (type !== 'file') continue
      try {
        files.push(readSmallFile(this.#fs, diskPathOf(step.diskPath, name)))
      } catch (error) {
        const failure = toReadFailure(error)
        if (!(failure instanceof ReadFailure)) throw error
        throw new IgnoreFileFailure(joinNames(step.path, name), failure)
      }
    }
    return files
  }
}

const STORE_FOLDER = '.varve'

class IgnoreFileFailure extends ReadFailure {
  readonly #path: ByteName

  constructor(path: ByteName, { code, reason, cause }: ReadFailure) {
    super(code, reason, cause)
    this.#path = path
  }

  override describe(): UnreadableFile {
    return super.describe(this.#path)
  }
}

function quoted(path: ByteName): string {
  return JSON.stringify(nameToText(path))
}
