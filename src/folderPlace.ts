/** Finding working folders: which folder a path is in, and which store that folder belongs to. */
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { CorruptionError, isVarveError, VarveError } from './base/errors.js'
import type { FileSystem } from './base/filesystem.js'
import type { Randomness } from './base/random.js'
import { FOLDER_STATE_NAME, FolderFiles } from './worktree/folderFiles.js'

const STORE_NAME = 'store.varve'

export interface FolderPlace {
  /** Absolute. */
  readonly path: string
  /** The store's file, absolute. */
  readonly store: string
  /** `undefined` in a folder that has a store and was never worked in. */
  readonly id: string | undefined
}

interface WorktreeFile {
  readonly id: string
  /** Relative to `.varve`, `/` separates; or absolute. */
  readonly store: string
}

export function filesOf(fileSystem: FileSystem, folder: string, random: Randomness): FolderFiles {
  return new FolderFiles(fileSystem, Buffer.from(resolve(folder)), random)
}

/**
 * The working folder that `start` is in: itself, or the nearest above.
 * @throws {VarveError} `WORKTREE_NOT_FOUND`; `CORRUPT` when what says so is damaged
 */
export function findFolder(fileSystem: FileSystem, start: string, random: Randomness): FolderPlace {
  for (let path = resolve(start); ; path = dirname(path)) {
    const place = placeAt(fileSystem, path, random)
    if (place) return place
    if (path === dirname(path)) break
  }
  throw new VarveError('WORKTREE_NOT_FOUND', `neither ${resolve(start)} nor a folder above it is a working folder`, {
    path: resolve(start),
    hint: 'Make one with `varve init`, or one of an existing store with `varve worktree add`.',
  })
}

function placeAt(fileSystem: FileSystem, path: string, random: Randomness): FolderPlace | undefined {
  const bytes = filesOf(fileSystem, path, random).read('worktree')
  const state = join(path, FOLDER_STATE_NAME)
  if (bytes) {
    const { id, store } = parseWorktree(bytes, join(state, 'worktree'))
    return { path, id, store: isAbsolute(store) ? store : resolve(state, store) }
  }
  const store = join(state, STORE_NAME)
  const isThere = fileSystem.lstat(Buffer.from(store))?.type === 'file'
  return isThere ? { path, id: undefined, store } : undefined
}

/** As `placeAt`, but what may not be looked at is none of ours. */
export function placeIfAllowed(fileSystem: FileSystem, path: string, random: Randomness): FolderPlace | undefined {
  try {
    return placeAt(fileSystem, path, random)
  } catch (error) {
    if (isVarveError(error, 'STORAGE_DENIED')) return undefined
    throw error
  }
}

/** Makes a folder know which one it is. Durable when it returns. */
export function writePlace(
  fileSystem: FileSystem,
  { path, store, id }: FolderPlace & { id: string },
  random: Randomness,
): void {
  const state = join(path, FOLDER_STATE_NAME)
  const fromState = relative(state, store)
  const isInside = !fromState.startsWith('..') && !isAbsolute(fromState)
  // A store that lies in the folder moves with it.
  const file: WorktreeFile = { id, store: (isInside ? fromState : store).split(sep).join('/') }
  filesOf(fileSystem, path, random).write('worktree', Buffer.from(`${JSON.stringify(file)}\n`))
}

function parseWorktree(bytes: Buffer, path: string): WorktreeFile {
  try {
    const { id, store } = JSON.parse(bytes.toString('utf8')) as Partial<Record<keyof WorktreeFile, unknown>>
    if (typeof id === 'string' && typeof store === 'string' && id !== '' && store !== '') return { id, store }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new CorruptionError('CORRUPT', `${path} is damaged: it does not say which working folder this is`, {
    path,
    hint: 'Remove it, and make the folder known again: `varve worktree repair --store STORE`.',
  })
}

/** The folder is a plain one again, if nothing else lies in its `.varve`. */
export function forgetPlace(fileSystem: FileSystem, path: string, random: Randomness): void {
  const files = filesOf(fileSystem, path, random)
  for (const name of ['switch', 'stat-cache', 'worktree'] as const) files.remove(name)
  if (fileSystem.lstat(files.path) && fileSystem.list(files.path).length === 0) fileSystem.rmdir(files.path)
}
