/**
 * Room beside a store for what is worth keeping for a moment and too much for memory: a file that has no name once it is open, so that
 * nothing is left of it whatever happens. It is no promise: where there is no plenty of room, or none can be made, there is no such file.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { diskSpace } from './diskSpace.js'

/** So many times what it may take must be free. */
const ROOM_FACTOR = 4

export class ScratchFile {
  readonly #fd: number
  #end = 0
  #isFull = false

  private constructor(
    private readonly path: string,
    private readonly maxBytes: number,
  ) {
    // Somebody may have left one who could not take its name away. Made anew, so that nothing is written through a link.
    rmSync(path, { force: true })
    this.#fd = openSync(path, 'wx+', 0o600)
    this.#unlink()
  }

  /**
   * One at a time for each store.
   * @param catalogPath the store's; the file lies on the same disk
   * @returns `undefined` where there is no room to spare
   */
  static open(catalogPath: string, maxBytes: number): ScratchFile | undefined {
    try {
      if ((diskSpace(catalogPath)?.freeBytes ?? 0) < ROOM_FACTOR * maxBytes) return undefined
      return new ScratchFile(`${catalogPath}-scratch`, maxBytes)
    } catch {
      return undefined
    }
  }

  /** @returns where it lies; `undefined`: there is no room for it, nor for anything after it */
  append(bytes: Buffer): number | undefined {
    if (this.#isFull || this.#end + bytes.length > this.maxBytes) return undefined
    const at = this.#end
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done)
    } catch {
      this.#isFull = true
      return undefined
    }
    this.#end += bytes.length
    return at
  }

  /** @returns whether `into` is full: the disk may not give it back */
  read(at: number, into: Buffer): boolean {
    try {
      for (let done = 0; done < into.length; ) {
        const count = readSync(this.#fd, into, done, into.length - done, at + done)
        if (count === 0) return false
        done += count
      }
      return true
    } catch {
      return false
    }
  }

  close(): void {
    closeSync(this.#fd)
    // Where a file that is open keeps its name.
    this.#unlink()
  }

  #unlink(): void {
    try {
      rmSync(this.path, { force: true })
    } catch {
      // At its end, then; or the next one begins it anew.
    }
  }
}
