/**
 * What a working folder keeps in its `.varve`, beside a store that may lie there as well:
 *
 *   worktree     JSON: which working folder this is (`id`), and where its store lies (`store`, a path relative to `.varve`
 *                or absolute)
 *   stat-cache   statCache.ts; may be deleted at any time
 *   switch       JSON: what a switch set out to do; there only while one is at work, or was interrupted
 *   lock         the process that changes the folder
 *
 * Guarantee: a file is replaced in one step, and synced before it takes its place.
 */
import { VarveError } from '../base/errors.js'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import type { Randomness } from '../base/random.js'
import { diskPathOf } from './diskPath.js'
import { errorCodeOf, storageError } from './faults.js'

export const FOLDER_STATE_NAME = '.varve'

/** Others may look, as into the store. */
const FILE_MODE = 0o644

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
   * What time it is by the clock that gives files their times: of a file made just now. `undefined` where nothing can be
   * written.
   */
  nowNs(): bigint | undefined {
    const path = this.unfinishedPath()
    try {
      const file = this.fs.open(path, 'create')
      try {
        return file.stat().mtimeNs
      } finally {
        file.closeSync()
        this.removePath(path)
      }
    } catch {
      return undefined
    }
  }

  /**
   * Takes the folder for this process alone.
   * @param isAlive Whether a process of this machine still runs.
   * @returns ends it
   * @throws {VarveError} `STORE_LOCKED`, and as `write`
   */
  lock(owner: { readonly pid: number; readonly host: string }, isAlive: (pid: number) => boolean): () => void {
    const path = this.pathOf('lock')
    for (let attempt = 0; ; attempt++) {
      try {
        const file = this.fs.open(path, 'create')
        try {
          file.writeSync(Buffer.from(JSON.stringify(owner)), 0)
          file.chmodSync(FILE_MODE)
        } finally {
          file.closeSync()
        }
        return () => this.remove('lock')
      } catch (error) {
        if (errorCodeOf(error) !== 'EEXIST') throw storageError('write', path.toString(), error)
      }
      const holder = this.lockHolder()
      const isLeftBehind = holder?.host === owner.host && !isAlive(holder.pid)
      if (attempt > 0 || !isLeftBehind) throw locked(this.root.toString(), path.toString(), holder)
      this.remove('lock')
    }
  }

  private lockHolder(): { pid: number; host: string } | undefined {
    const bytes = this.read('lock')
    if (!bytes) return undefined
    try {
      const { pid, host } = JSON.parse(bytes.toString()) as { pid?: unknown; host?: unknown }
      return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined
    } catch (error) {
      // Written in part: its process is at the very beginning, or was killed there.
      if (error instanceof SyntaxError) return undefined
      throw error
    }
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

function locked(folder: string, path: string, holder: { pid: number; host: string } | undefined): VarveError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process'
  return new VarveError('STORE_LOCKED', `${who} is at work in ${folder}`, {
    path,
    actual: holder,
    hint: `Wait for it to end. If it is gone for good, remove ${path}.`,
  })
}
