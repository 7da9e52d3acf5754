/** The folder that an export writes into: looked at first, made when nothing speaks against it. */
import { dirname } from 'node:path'
import { VarveError } from '../base/errors.js'
import type { FileSystem } from '../base/filesystem.js'
import { type ByteName, nameFromBytes, nameToBytes } from '../base/names.js'
import { diskPathOf } from './diskPath.js'
import { storageError } from './faults.js'

export interface DestinationFolder {
  readonly root: Buffer
  /** Whether it was there before. */
  readonly exists: boolean
  readonly holdsThings: boolean
  /** Whether names that differ only in case are one there. */
  readonly foldsNames: boolean
}

const PLAIN_FOLDER_MODE = 0o755

/** @throws {VarveError} `NOT_A_DIRECTORY`, `DESTINATION_NOT_EMPTY` unless `into` */
export function lookAtDestination(fs: FileSystem, folder: Buffer, into: boolean): DestinationFolder {
  const shown = folder.toString()
  try {
    const root = followed(fs, folder)
    const stat = fs.lstat(root)
    if (!stat) {
      if (root !== folder) throw notAFolder(shown)
      return { root, exists: false, holdsThings: false, foldsNames: fs.isCaseInsensitive(nearestFolder(fs, folder)) }
    }
    if (stat.type !== 'directory') throw notAFolder(shown)
    const holdsThings = fs.list(root).length > 0
    if (holdsThings && !into) {
      throw new VarveError('DESTINATION_NOT_EMPTY', `the folder ${JSON.stringify(shown)} is not empty`, {
        path: shown,
        hint: 'name a new or an empty folder, or say that it may hold things: --into (library: `into: true`)',
      })
    }
    return { root, exists: true, holdsThings, foldsNames: fs.isCaseInsensitive(root) }
  } catch (error) {
    throw storageError('write into', shown, error)
  }
}

/** Makes a folder and those above it that are missing. */
export function makeFolders(fs: FileSystem, folder: Buffer): void {
  const missing: Buffer[] = []
  for (let path = folder; !fs.lstat(path) && !parentOf(path).equals(path); path = parentOf(path)) missing.unshift(path)
  for (const path of missing) {
    fs.mkdir(path)
    // The last one is not open to others before it is written.
    if (path !== missing.at(-1)) fs.chmod(path, PLAIN_FOLDER_MODE)
  }
}

/** The user named it: only what lies below it must not be a symlink. */
function followed(fs: FileSystem, folder: Buffer): Buffer {
  return fs.lstat(folder)?.type === 'symlink' ? diskPathOf(folder, '.') : folder
}

function nearestFolder(fs: FileSystem, folder: Buffer): Buffer {
  let path = parentOf(folder)
  while (!fs.lstat(path) && !parentOf(path).equals(path)) path = parentOf(path)
  return path
}

function parentOf(path: Buffer): Buffer {
  return nameToBytes(dirname(nameFromBytes(path)) as ByteName)
}

function notAFolder(shown: string): VarveError {
  return new VarveError('NOT_A_DIRECTORY', `${JSON.stringify(shown)} is not a folder`, { path: shown })
}
