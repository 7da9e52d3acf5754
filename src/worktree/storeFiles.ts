/**
 * The store's own files, which are never part of a tree even where they lie in it.
 *
 * Known by folder and name, so that a journal which comes and goes is known too, and by device and inode, so that a hard
 * link to one is. Neither depends on the path by which somebody gets there.
 */
import { basename, dirname } from 'node:path'
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, nameFromText } from '../base/names.js'
import { diskPathOf } from './diskPath.js'

const NO_NAMES: ReadonlySet<ByteName> = new Set()

export class StoreFiles {
  readonly #inodes = new Set<string>()
  readonly #namesByFolder = new Map<string, Set<ByteName>>()

  /** @param paths Absolute. They need not exist. */
  constructor(fs: FileSystem, paths: readonly string[]) {
    for (const path of paths) {
      const own = fs.lstat(Buffer.from(path))
      if (own) this.#inodes.add(inodeOf(own))
      const folder = fs.lstat(diskPathOf(Buffer.from(dirname(path)), '.'))
      if (!folder) continue
      const names = this.#namesByFolder.get(inodeOf(folder)) ?? new Set()
      this.#namesByFolder.set(inodeOf(folder), names.add(nameFromText(basename(path))))
    }
  }

  /** The names to leave out of one folder. */
  namesIn(folder: FileStat): ReadonlySet<ByteName> {
    return this.#namesByFolder.get(inodeOf(folder)) ?? NO_NAMES
  }

  has(file: FileStat): boolean {
    return this.#inodes.size > 0 && this.#inodes.has(inodeOf(file))
  }
}

function inodeOf(stat: FileStat): string {
  return `${stat.dev}:${stat.ino}`
}
