/**
 * The file system, injected. Paths are byte strings through `Buffer`, because names need not be text.
 *
 * Calls that are short are synchronous: on a warm cache a synchronous call costs a tenth of a promised one,
 * and trees have many small files. Reading and writing big files is asynchronous.
 * Errors are Node's own (`code` ENOENT, EACCES, ENOSPC, EIO …); callers map them.
 */
import type { ByteName } from './names.js'

export type EntryType = 'file' | 'directory' | 'symlink' | 'other'

export interface FileStat {
  readonly type: EntryType
  readonly size: number
  /** Permission bits including setuid, setgid, sticky: `mode & 0o7777`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly dev: bigint
  readonly ino: bigint
  readonly nlink: number
}

export interface DirectoryEntry {
  readonly name: ByteName
  readonly type: EntryType
}

export interface OpenFile {
  stat(): FileStat
  /** Resolves with the bytes read, 0 at the end. */
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number>
  readSync(into: Uint8Array, offset: number, length: number, position: number): number
  /** Writes all of `bytes`. */
  write(bytes: Uint8Array, position: number): Promise<void>
  writeSync(bytes: Uint8Array, position: number): void
  truncateSync(size: number): void
  chmodSync(mode: number): void
  utimesSync(mtimeNs: bigint): void
  syncSync(): void
  closeSync(): void
}

export interface FileSystem {
  /** `undefined` when nothing is there. A path that is text may come as one: Node takes that in two thirds of the time. */
  lstat(path: Buffer | string): FileStat | undefined
  list(path: Buffer): DirectoryEntry[]
  readlink(path: Buffer): Buffer
  /** `read`: never follows a symlink at the last segment where the platform can refuse it. `create`: fails if something is there. */
  open(path: Buffer, how: 'read' | 'create'): OpenFile
  mkdir(path: Buffer): void
  symlink(target: Buffer, path: Buffer): void
  /** Makes `path` another name of the file `existing`, which must not be a symlink. Fails if something is there. */
  link(existing: Buffer, path: Buffer): void
  rename(from: Buffer, to: Buffer): void
  unlink(path: Buffer): void
  rmdir(path: Buffer): void
  chmod(path: Buffer, mode: number): void
  /** Sets a file's or directory's times, or with `symlink` those of the link itself. */
  utimes(path: Buffer, mtimeNs: bigint, symlink?: boolean): void
  chown(path: Buffer, uid: number, gid: number): void
  /** Whether two names that differ only in case are one file in `directory`. */
  isCaseInsensitive(directory: Buffer): boolean
}
