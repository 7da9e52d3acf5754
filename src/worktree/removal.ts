/**
 * Taking things out of a working folder.
 *
 * Guarantees: a file goes only if it is still what it was when it was looked at, and is reached through directories only;
 * a directory only once it is empty. What the system does not let go is passed over and told in the end; any other
 * failure ends the work.
 */
import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, joinNames, nameToText } from '../base/names.js'
import { leadsWithin } from './checkout.js'
import { diskPathOf } from './diskPath.js'
import { errorCodeOf, reasonOf, storageError } from './faults.js'
import { Pace, type PaceOptions } from './pace.js'
import type { UnreadableFile } from './readFailure.js'
import type { Kept, Untracked } from './untracked.js'

/** `gone`: somebody else was first. `left`: it stays, for a reason that is told by then. */
export type Outcome = 'removed' | 'gone' | 'left'

export class Remover {
  /** What was left because it is not what it was. */
  readonly kept: Kept[] = []
  readonly #fs: FileSystem
  readonly #root: Buffer
  readonly #pace: Pace
  readonly #failures: UnreadableFile[] = []
  #firstFailure: unknown

  constructor(fs: FileSystem, root: Buffer, { signal }: PaceOptions) {
    this.#fs = fs
    this.#root = root
    this.#pace = new Pace('scan', { signal })
  }

  /**
   * Removes a file or the like, or a directory with all that was in it.
   * @returns What is gone by this: the entry itself, or what was in it and could go.
   * @throws {VarveError} `CANCELLED`, `STORAGE_IO`, `STORAGE_READ_ONLY` …
   */
  async removeAll(entry: Untracked): Promise<readonly Untracked[]> {
    if (entry.below === undefined) return (await this.removeFile(entry.path, entry.stat)) === 'removed' ? [entry] : []
    const removed: Untracked[] = []
    const toldBefore = this.#told
    for (const each of entry.below) for (const one of await this.removeAll(each)) removed.push(one)
    if (this.#told > toldBefore) return removed
    const outcome = await this.removeDirectory(entry.path)
    if (outcome === 'left' && this.#told === toldBefore) this.#tellNewcomers(entry.path)
    return outcome === 'removed' ? [entry] : removed
  }

  /** @param stat As it was when it was looked at. @throws {VarveError} as `removeAll` */
  async removeFile(path: ByteName, stat: FileStat): Promise<Outcome> {
    await this.#pace.step(1, 0, path)
    const diskPath = diskPathOf(this.#root, path)
    try {
      const now = leadsWithin(this.#fs, this.#root, path) ? this.#fs.lstat(diskPath) : undefined
      if (!now) return 'gone'
      if (!looksTheSame(now, stat)) return this.#keep(path, 'it changed meanwhile')
      this.#fs.unlink(diskPath)
      return 'removed'
    } catch (error) {
      return this.#failed(path, error)
    }
  }

  /** A directory that is not empty is left, and nothing is said of it. @throws {VarveError} as `removeAll` */
  async removeDirectory(path: ByteName): Promise<Outcome> {
    await this.#pace.step(0, 0, path)
    const diskPath = diskPathOf(this.#root, path)
    try {
      const now = leadsWithin(this.#fs, this.#root, path) ? this.#fs.lstat(diskPath) : undefined
      if (now?.type !== 'directory') return 'gone'
      // Asked first: some systems say of a full directory only that it may not be removed.
      if (this.#fs.list(diskPath).length > 0) return 'left'
      this.#fs.rmdir(diskPath)
      return 'removed'
    } catch (error) {
      return NOT_EMPTY_CODES.has(errorCodeOf(error) ?? '') ? 'left' : this.#failed(path, error)
    }
  }

  /** @throws {VarveError} `STORAGE_DENIED` or `STORAGE_IO`, where something could not be removed, with all of it in `details` */
  requireAllRemoved(): void {
    if (this.#failures.length === 0) return
    const named = firstFew(
      this.#failures.map(({ path, reason }) => `${JSON.stringify(path)}: ${reason}`),
      '; ',
    )
    const what = this.#failures.length === 1 ? '' : `${this.#failures.length} files or folders: `
    const first = this.#firstFailure
    throw new VarveError(first instanceof VarveError ? first.code : 'STORAGE_IO', `cannot remove ${what}${named}`, {
      paths: this.#failures.map(({ path }) => path),
      reasons: this.#failures,
      hint: 'All else that was to go is gone.',
      cause: first,
    })
  }

  get #told(): number {
    return this.kept.length + this.#failures.length
  }

  /** What came into a directory that had been emptied. */
  #tellNewcomers(directory: ByteName): void {
    try {
      for (const { name } of this.#fs.list(diskPathOf(this.#root, directory)))
        this.#keep(joinNames(directory, name), 'it came meanwhile')
    } catch (error) {
      this.#failed(directory, error)
    }
  }

  #keep(path: ByteName, reason: string): 'left' {
    this.kept.push({ path, reason })
    return 'left'
  }

  #failed(path: ByteName, error: unknown): Outcome {
    const code = errorCodeOf(error) ?? ''
    if (GONE_CODES.has(code)) return 'gone'
    const shown = nameToText(path)
    const told = storageError('remove', shown, error)
    if (!REFUSED_CODES.has(code)) throw told
    this.#firstFailure ??= told
    this.#failures.push({ path: shown, code, reason: reasonOf(error) })
    return 'left'
  }
}

const NOT_EMPTY_CODES: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST'])
const GONE_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])
/** Others may be let go all the same. */
const REFUSED_CODES: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EBUSY'])

function looksTheSame(now: FileStat, then: FileStat): boolean {
  const isSame =
    now.ino === then.ino &&
    now.dev === then.dev &&
    now.type === then.type &&
    now.size === then.size &&
    now.mtimeNs === then.mtimeNs
  // A file with several names is touched when one of them goes, and that may have been us.
  return isSame && (now.ctimeNs === then.ctimeNs || then.nlink > 1)
}

const NAMED_AT_MOST = 5

/** For messages. */
export function firstFew(items: readonly string[], separator = ', '): string {
  const named = items.slice(0, NAMED_AT_MOST)
  return items.length > named.length
    ? `${named.join(separator)} and ${items.length - named.length} more`
    : named.join(separator)
}
