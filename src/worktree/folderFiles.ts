/**
 * What a working folder keeps in its `.varve`, beside a store that may lie there as well:
 *
 *   worktree     JSON: which working folder this is (`id`), and where its store lies (`store`, a path relative to `.varve`
 *                or absolute)
 *   stat-cache   statCache.ts; may be deleted at any time
 *   switch       JSON: what a switch set out to do; there only while one is at work, or was interrupted
 *   lock         JSON: the process that changes the folder (LockOwner)
 *
 * Guarantee: a file is replaced in one step, and synced before it takes its place.
 */
import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import type { Randomness } from '../base/random.js'
import { diskPathOf } from './diskPath.js'
import { errorCodeOf, storageError } from './faults.js'
import type { DiskClock } from './statCache.js'

export const FOLDER_STATE_NAME = '.varve'

/** Others may look, as into the store. */
const FILE_MODE = 0o644

/** Far longer than writing one takes. */
const LOCK_IS_WRITTEN_WITHIN_NS = 10_000_000_000n
const LOCK_ATTEMPTS_MAX = 100

/** Who holds the lock of a folder. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
  /** When the process began, in words of its system: another one may have got its number since. `undefined`: not known. */
  readonly began?: string | undefined
}

export type FolderFileName = 'worktree' | 'stat-cache' | 'switch' | 'lock'

export class FolderFiles {
  /** The `.varve` itself. */
  readonly path: Buffer

  constructor(
    private readonly fs: FileSystem,
    /** The working folder. */
    readonly root: Buffer,
    private readonly random: Randomness,
  ) {
    this.path = diskPathOf(root, FOLDER_STATE_NAME)
  }

  /** `undefined` when it is not there. @throws {VarveError} `STORAGE_DENIED`, `STORAGE_IO` */
  read(name: FolderFileName): Buffer | undefined {
    const path = this.pathOf(name)
    try {
      const file = this.fs.open(path, 'read')
      try {
        return readAll(file.stat(), (into, from) => file.readSync(into, from, into.length - from, from))
      } finally {
        file.closeSync()
      }
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT' || errorCodeOf(error) === 'ENOTDIR') return undefined
      throw storageError('read', path.toString(), error)
    }
  }

  /** Durable when it returns. @throws {VarveError} `STORAGE_FULL`, `STORAGE_DENIED`, `STORAGE_READ_ONLY`, `STORAGE_IO` */
  write(name: Exclude<FolderFileName, 'lock'>, bytes: Uint8Array): void {
    const path = this.pathOf(name)
    const unfinished = this.unfinishedPath()
    try {
      const file = this.fs.open(unfinished, 'create')
      try {
        file.writeSync(bytes, 0)
        file.chmodSync(FILE_MODE)
        // What can be made anew need not outlast a power failure.
        if (name !== 'stat-cache') file.syncSync()
      } finally {
        file.closeSync()
      }
      this.fs.rename(unfinished, path)
    } catch (error) {
      this.removePath(unfinished)
      throw storageError('write', path.toString(), error)
    }
  }

  /** Removing what is not there does nothing. @throws {VarveError} as `write` */
  remove(name: FolderFileName): void {
    const path = this.pathOf(name)
    try {
      this.fs.unlink(path)
    } catch (error) {
      if (errorCodeOf(error) !== 'ENOENT') throw storageError('remove', path.toString(), error)
    }
  }

  /**
   * What time it is by the clock that gives files their times: of a file made just now. Its folder has a new time then, if
   * folders here have one whenever an entry comes or goes. `undefined` where nothing can be written.
   */
  clock(): DiskClock | undefined {
    const path = this.unfinishedPath()
    try {
      const file = this.fs.open(path, 'create')
      try {
        const nowNs = file.stat().mtimeNs
        const folder = this.fs.lstat(this.path)
        return { nowNs, listsByTime: folder && folder.mtimeNs >= nowNs ? folder.dev : undefined }
      } finally {
        file.closeSync()
        this.removePath(path)
      }
    } catch {
      return undefined
    }
  }

  /**
   * Takes the folder for one process alone. A lock that was left behind, by a process that is gone or before it said whose
   * it is, is taken over.
   *
   * @param oneAtATime Runs its body while no other process runs one: two that find the same lock left behind must not
   * both take it away, or the second takes away what the first has just put there.
   * @returns ends it
   * @throws {VarveError} `STORE_LOCKED`; `WORKTREE_NOT_FOUND` where the folder is gone; and as `write`
   */
  lock(owner: LockOwner, isGone: (holder: LockOwner) => boolean, oneAtATime: (body: () => void) => void): () => void {
    const mine = Buffer.from(JSON.stringify(owner))
    for (let attempt = 0; !this.tryLock(mine); attempt++) {
      const found = this.read('lock')
      // Its process ended in this very moment.
      if (!found && attempt < LOCK_ATTEMPTS_MAX) continue
      const holder = found && parseLock(found)
      const isLeftBehind = holder ? isGone(holder) : this.isOldLock()
      if (!isLeftBehind || attempt >= LOCK_ATTEMPTS_MAX) throw locked(this.root, this.pathOf('lock').toString(), holder)
      oneAtATime(() => {
        if (found && this.read('lock')?.equals(found)) this.remove('lock')
      })
    }
    return () => {
      // Somebody may have removed it by hand, and another process have come.
      if (this.read('lock')?.equals(mine)) this.remove('lock')
    }
  }

  /** @returns Whether there was none. */
  private tryLock(bytes: Buffer): boolean {
    const path = this.pathOf('lock')
    let isMine = false
    try {
      const file = this.fs.open(path, 'create')
      isMine = true
      try {
        file.writeSync(bytes, 0)
        file.chmodSync(FILE_MODE)
      } finally {
        file.closeSync()
      }
      return true
    } catch (error) {
      // On a full disk it is there and empty: it would keep out everybody, and us.
      if (isMine) this.removePath(path)
      switch (errorCodeOf(error)) {
        case 'EEXIST':
          return false
        case 'ENOENT':
        case 'ENOTDIR':
          throw folderIsGone(this.root.toString())
        default:
          throw storageError('write', path.toString(), error)
      }
    }
  }

  /** Of a lock that does not say whose it is: whether it was made too long ago to be still being written. */
  private isOldLock(): boolean {
    const madeNs = this.fs.lstat(this.pathOf('lock'))?.mtimeNs
    const nowNs = this.clock()?.nowNs
    return madeNs !== undefined && nowNs !== undefined && nowNs - madeNs > LOCK_IS_WRITTEN_WITHIN_NS
  }

  private pathOf(name: FolderFileName): Buffer {
    return diskPathOf(this.path, name)
  }

  private unfinishedPath(): Buffer {
    return diskPathOf(this.path, `unfinished-${this.random.bytes(8).toString('hex')}`)
  }

  private removePath(path: Buffer): void {
    try {
      this.fs.unlink(path)
    } catch {
      // It was never made, or what went wrong before is the better message.
    }
  }
}

function readAll({ size }: FileStat, readInto: (into: Buffer, from: number) => number): Buffer {
  const bytes = Buffer.alloc(size)
  let filled = 0
  for (let length = -1; length !== 0 && filled < size; filled += length) length = readInto(bytes, filled)
  return bytes.subarray(0, filled)
}

/** `undefined` for one that does not say: it is being written, or was when its process was killed or the power went. */
function parseLock(bytes: Buffer): LockOwner | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString())
    const { pid, host, began } = (parsed ?? {}) as Partial<Record<keyof LockOwner, unknown>>
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || typeof host !== 'string') return undefined
    return { pid, host, began: typeof began === 'string' ? began : undefined }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function locked(folder: Buffer, path: string, holder: LockOwner | undefined): VarveError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process'
  return new VarveError('STORE_LOCKED', `${who} is at work in ${folder}`, {
    path,
    actual: holder,
    hint: `Wait for it to end. If it is gone for good, remove ${path}.`,
  })
}

/** What was a working folder is none any more. */
export function folderIsGone(folder: string): VarveError {
  return new VarveError('WORKTREE_NOT_FOUND', `${folder} is no working folder any more`, {
    path: folder,
    hint: 'It was removed, moved or unmounted meanwhile. Nothing was recorded: bring it back, and do it again.',
  })
}
