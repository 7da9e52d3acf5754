/**
 * Reads files into the store.
 *
 * Guarantee: what is stored of a file is one state of it. Its size, times and inode are compared before and after reading;
 * a file or symlink that changed meanwhile is read once more, and is a failure if it does not hold still then either. A change
 * within the resolution of the file system's clock, to the same length, goes unseen.
 *
 * Files up to 256 KiB are read at once by synchronous calls into one buffer: trees have many of them. Larger ones are
 * read in windows, the next while the last is being stored. Memory does not depend on the size of files.
 */
import type { FileStat, FileSystem, OpenFile } from '../base/filesystem.js'
import { KIB, MIB } from '../base/units.js'
import type { ObjectWriter } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { writeContent, writeSymlinkTarget } from '../history/contentWrite.js'
import type { Before } from '../history/sequenceBefore.js'
import { ReadFailure, reading, toReadFailure, vanished } from './readFailure.js'

const SMALL_BYTES_MAX = 256 * KIB
const WINDOW_BYTES = MIB

export interface StoredFile {
  readonly content: Content
  readonly stat: FileStat
}

export interface StoreFileOptions {
  /** Asked before anything is read. */
  isWanted(stat: FileStat): boolean
  /** What is stored already of a file in this very state: it is not read again. */
  contentOf(stat: FileStat): Content | undefined
  /** What it takes the place of. */
  readonly before?: Before | undefined
  /** Told of the bytes of a large file as they are read; to be awaited. */
  onBytes(bytes: number): Promise<void> | undefined
}

/** Whatever the file is, from its first byte to its last. */
export const READ_ALL: StoreFileOptions = {
  isWanted: () => true,
  contentOf: () => undefined,
  onBytes: () => undefined,
}

export class FileReader {
  readonly #fs: FileSystem
  readonly #writer: ObjectWriter
  readonly #signal: AbortSignal | undefined
  /** One byte more than a small file has, to notice one that grew. */
  readonly #small = Buffer.allocUnsafeSlow(SMALL_BYTES_MAX + 1)
  #windows: readonly [Buffer, Buffer] | undefined

  constructor(fs: FileSystem, writer: ObjectWriter, signal: AbortSignal | undefined) {
    this.#fs = fs
    this.#writer = writer
    this.#signal = signal
  }

  /**
   * @returns `undefined` for a file that is not wanted.
   * @throws {ReadFailure}
   */
  async storeFile(diskPath: Buffer, options: StoreFileOptions): Promise<StoredFile | undefined> {
    return onceMore(
      () => this.#storeOnce(diskPath, options),
      () => this.#storeOnce(diskPath, { ...options, onBytes: () => undefined }),
    )
  }

  /** @throws {ReadFailure} */
  async storeSymlink(diskPath: Buffer): Promise<StoredFile> {
    const store = () => this.#storeSymlinkOnce(diskPath)
    return onceMore(store, store)
  }

  async #storeSymlinkOnce(diskPath: Buffer): Promise<StoredFile> {
    const stat = reading(() => this.#fs.lstat(diskPath))
    if (!stat) throw vanished()
    if (stat.type !== 'symlink') throw ReadFailure.changed('it is a symlink no more')
    const target = reading(() => this.#fs.readlink(diskPath))
    requireUnchanged(
      reading(() => this.#fs.lstat(diskPath)),
      stat,
    )
    return { content: await writeSymlinkTarget(this.#writer, target), stat }
  }

  async #storeOnce(
    diskPath: Buffer,
    { isWanted, contentOf, before: old, onBytes }: StoreFileOptions,
  ): Promise<StoredFile | undefined> {
    const file = reading(() => this.#fs.open(diskPath, 'read'))
    try {
      const before = reading(() => file.stat())
      if (before.type !== 'file') throw ReadFailure.changed('it is a file no more')
      if (!isWanted(before)) return undefined
      const known = contentOf(before)
      if (known) return { content: known, stat: before }
      if (before.size <= SMALL_BYTES_MAX) {
        const bytes = this.#readSmall(file, before)
        return { content: await writeContent(this.#writer, bytes, { before: old }), stat: before }
      }
      const windows = this.#readWindows(file, before.size, onBytes)
      const content = await writeContent(this.#writer, windows, { before: old, signal: this.#signal })
      requireUnchanged(
        reading(() => file.stat()),
        before,
      )
      return { content, stat: before }
    } finally {
      file.closeSync()
    }
  }

  /** The whole file, in a buffer that the next call overwrites. */
  #readSmall(file: OpenFile, before: FileStat): Buffer {
    const into = this.#small
    const filled = reading(() => {
      let position = 0
      while (position <= before.size) {
        const bytesRead = file.readSync(into, position, before.size + 1 - position, position)
        if (bytesRead === 0) break
        position += bytesRead
      }
      return position
    })
    if (filled !== before.size) throw changedSize()
    requireUnchanged(
      reading(() => file.stat()),
      before,
    )
    return into.subarray(0, filled)
  }

  /** A window holds until the next one is asked for. */
  async *#readWindows(
    file: OpenFile,
    sizeBytes: number,
    onBytes: (bytes: number) => Promise<void> | undefined,
  ): AsyncGenerator<Buffer> {
    this.#windows ??= [Buffer.allocUnsafeSlow(WINDOW_BYTES), Buffer.allocUnsafeSlow(WINDOW_BYTES)]
    let [current, other] = this.#windows
    let coming = fillWindow(file, current, 0, sizeBytes)
    try {
      for (let position = 0; position < sizeBytes; ) {
        const length = await coming
        if (length === 0) throw changedSize()
        position += length
        coming = fillWindow(file, other, position, sizeBytes)
        yield current.subarray(0, length)
        await onBytes(length)
        ;[current, other] = [other, current]
      }
    } finally {
      // The file is closed next: nothing may still be reading from it. What went wrong was said where it was awaited.
      await coming.catch(() => 0)
    }
  }
}

/** Reads again what did not hold still. */
async function onceMore<T>(first: () => Promise<T>, second: () => Promise<T>): Promise<T> {
  try {
    return await first()
  } catch (error) {
    if (!(error instanceof ReadFailure) || error.code !== 'FILE_CHANGED') throw error
    return second()
  }
}

/** Resolves with the bytes read: fewer than fit only at the end of the file. */
async function fillWindow(file: OpenFile, window: Buffer, position: number, sizeBytes: number): Promise<number> {
  const wanted = Math.min(window.length, sizeBytes - position)
  let filled = 0
  while (filled < wanted) {
    const bytesRead = await readAsync(file, window, filled, wanted - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

async function readAsync(file: OpenFile, into: Buffer, offset: number, length: number, at: number): Promise<number> {
  try {
    return await file.read(into, offset, length, at)
  } catch (error) {
    throw toReadFailure(error)
  }
}

function requireUnchanged(after: FileStat | undefined, before: FileStat): void {
  if (!after) throw vanished()
  if (after.size !== before.size) throw changedSize()
  const same =
    after.mtimeNs === before.mtimeNs &&
    after.ctimeNs === before.ctimeNs &&
    after.ino === before.ino &&
    after.dev === before.dev
  if (!same) throw ReadFailure.changed('it changed while it was read')
}

function changedSize(): ReadFailure {
  return ReadFailure.changed('it grew or shrank while it was read')
}
