/**
 * The real file system, through node:fs.
 *
 * Guarantees: no call here follows a symlink at the last segment of a path, except `chmod` and `utimes` without
 * `symlink`, whose callers look first. New files are readable and writable by their owner alone and new folders open to
 * their owner alone, until their mode is set: nothing recorded as private is ever open to others in between.
 *
 * Limits: Node sets times as floating-point seconds, and libuv cuts them to whole microseconds (100 ns on Windows). A
 * time comes back rounded down to the microsecond, and setting that again changes nothing. Windows knows no O_NOFOLLOW:
 * there a look before opening takes its place, which leaves a moment between the two.
 */
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  write,
  writeSync,
} from 'node:fs'
import { systemClock } from '../base/clock.js'
import type { DirectoryEntry, EntryType, FileStat, FileSystem, OpenFile } from '../base/filesystem.js'
import type { ByteName } from '../base/names.js'
import { type Randomness, systemRandomness } from '../base/random.js'
import { diskPathOf } from './diskPath.js'
import { errorCodeOf } from './faults.js'

const ON_WINDOWS = process.platform === 'win32'
/** 0 where the platform does not have the flag. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0
/** A pipe that took a file's place must not block the process; of no effect on files. */
const NO_WAIT = constants.O_NONBLOCK ?? 0
const PRIVATE_FILE_MODE = 0o600
const PRIVATE_FOLDER_MODE = 0o700

class NodeFile implements OpenFile {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  stat(): FileStat {
    return toFileStat(fstatSync(this.#fd, { bigint: true }))
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, into, offset, length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)))
    })
  }

  readSync(into: Uint8Array, offset: number, length: number, position: number): number {
    return readSync(this.#fd, into, offset, length, position)
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const from = done
      done += await new Promise<number>((resolve, reject) => {
        write(this.#fd, bytes, from, bytes.length - from, position + from, (error, written) =>
          error ? reject(error) : resolve(written),
        )
      })
    }
  }

  writeSync(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done)
    }
  }

  truncateSync(size: number): void {
    ftruncateSync(this.#fd, size)
  }

  chmodSync(mode: number): void {
    fchmodSync(this.#fd, mode)
  }

  utimesSync(mtimeNs: bigint): void {
    futimesSync(this.#fd, nowSeconds(), toSeconds(mtimeNs))
  }

  syncSync(): void {
    fsyncSync(this.#fd)
  }

  closeSync(): void {
    closeSync(this.#fd)
  }
}

class NodeFileSystem implements FileSystem {
  readonly #random: Randomness

  constructor(random: Randomness) {
    this.#random = random
  }

  lstat(path: Buffer | string): FileStat | undefined {
    try {
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
      return stats && toFileStat(stats)
    } catch (error) {
      // A file stands where a folder of the path should: nothing can be below it.
      if (errorCodeOf(error) === 'ENOTDIR') return undefined
      throw error
    }
  }

  list(path: Buffer): DirectoryEntry[] {
    // One character a byte, as names are here: half the time that a Buffer for each takes.
    return readdirSync(path, { withFileTypes: true, encoding: 'latin1' }).map((entry) => ({
      name: entry.name as ByteName,
      type: entry.isFile()
        ? 'file'
        : entry.isDirectory()
          ? 'directory'
          : entry.isSymbolicLink()
            ? 'symlink'
            : ('other' as const),
    }))
  }

  readlink(path: Buffer): Buffer {
    return readlinkSync(path, { encoding: 'buffer' })
  }

  open(path: Buffer, how: 'read' | 'create'): OpenFile {
    if (how === 'create') {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW
      return new NodeFile(openSync(path, flags, PRIVATE_FILE_MODE))
    }
    if (NO_FOLLOW === 0 && this.lstat(path)?.type === 'symlink') {
      throw Object.assign(new Error(`ELOOP: is a symlink, open '${path}'`), { code: 'ELOOP', syscall: 'open' })
    }
    return new NodeFile(openSync(path, constants.O_RDONLY | NO_FOLLOW | NO_WAIT))
  }

  mkdir(path: Buffer): void {
    mkdirSync(path, PRIVATE_FOLDER_MODE)
  }

  symlink(target: Buffer, path: Buffer): void {
    symlinkSync(target, path)
  }

  link(existing: Buffer, path: Buffer): void {
    linkSync(existing, path)
  }

  rename(from: Buffer, to: Buffer): void {
    renameSync(from, to)
  }

  unlink(path: Buffer): void {
    unlinkSync(path)
  }

  rmdir(path: Buffer): void {
    rmdirSync(path)
  }

  chmod(path: Buffer, mode: number): void {
    chmodSync(path, mode)
  }

  utimes(path: Buffer, mtimeNs: bigint, symlink = false): void {
    if (symlink) lutimesSync(path, nowSeconds(), toSeconds(mtimeNs))
    else utimesSync(path, nowSeconds(), toSeconds(mtimeNs))
  }

  chown(path: Buffer, uid: number, gid: number): void {
    lchownSync(path, uid, gid)
  }

  /** Asked of the folder itself, because the answer may differ from folder to folder; written into only if it is empty. */
  isCaseInsensitive(directory: Buffer): boolean {
    const names = this.list(directory).map(({ name }) => name as string)
    for (const name of names) {
      const other = withOtherCase(name)
      if (other === name) continue
      if (names.includes(other)) return false
      const found = this.lstat(diskPathOf(directory, other)) !== undefined
      // One that was removed in between has nothing to say.
      if (this.lstat(diskPathOf(directory, name))) return found
    }
    return this.#probe(directory)
  }

  #probe(directory: Buffer): boolean {
    const name = `.varve-probe-${this.#random.bytes(8).toString('hex')}-`
    const path = diskPathOf(directory, `${name}a`)
    this.open(path, 'create').closeSync()
    try {
      return this.lstat(diskPathOf(directory, `${name}A`)) !== undefined
    } finally {
      this.unlink(path)
    }
  }
}

/** The first letter, if it is one of ASCII, turned around. */
function withOtherCase(name: string): string {
  return name.replace(/[a-z]/i, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()))
}

export const nodeFileSystem: FileSystem = new NodeFileSystem(systemRandomness)

function toFileStat(stats: BigIntStats): FileStat {
  const mode = Number(stats.mode)
  return {
    type: typeOf(mode),
    size: Number(stats.size),
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    dev: stats.dev,
    ino: stats.ino,
    nlink: Number(stats.nlink),
  }
}

function typeOf(mode: number): EntryType {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return 'file'
    case constants.S_IFDIR:
      return 'directory'
    case constants.S_IFLNK:
      return 'symlink'
    default:
      return 'other'
  }
}

function nowSeconds(): number {
  return systemClock.nowMs() / 1000
}

/**
 * Seconds that libuv, which cuts towards zero, turns into `timeNs` rounded down to the microsecond. They lie in the middle
 * of a microsecond, farther from its ends than a double is off. As text, because Node takes a negative number for "now".
 */
function toSeconds(timeNs: bigint): string {
  const microseconds = (timeNs - (((timeNs % 1000n) + 1000n) % 1000n)) / 1000n
  if (ON_WINDOWS) return String(Number(timeNs / 1_000_000_000n) + Number(timeNs % 1_000_000_000n) / 1e9)
  const seconds = microseconds / 1_000_000n
  const rest = Number(microseconds % 1_000_000n)
  if (microseconds === 0n) return '0'
  return String(Number(seconds) + (rest + (microseconds > 0n ? 0.5 : -0.5)) / 1e6)
}
