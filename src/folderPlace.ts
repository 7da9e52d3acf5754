/** Finding working folders: which folder a path is in, and which store that folder belongs to. */
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { CorruptionError, isVarveError, VarveError } from './base/errors.js'
import type { FileSystem } from './base/filesystem.js'
import type { Randomness } from './base/random.js'
import { makeFolders } from './worktree/destination.js'
import { storageError } from './worktree/faults.js'
import { FOLDER_STATE_NAME, FolderFiles, folderIsGone } from './worktree/folderFiles.js'

const STORE_NAME = 'store.varve'
/** Others may look, as into the store. */
const STATE_FOLDER_MODE = 0o755

export interface FolderPlace {
  /** Absolute. */
  readonly path: string
  /** The store's file, absolute. */
  readonly store: string
  /** `undefined` in a folder that has a store and was never worked in. */
  readonly id: string | undefined
  /** The UUID of the store. `undefined` where it was not written down: by varve 0.1.0, or in a folder without `id`. */
  readonly storeId?: string | undefined
}

interface WorktreeFile {
  readonly id: string
  /** Relative to `.varve`, `/` separates; or absolute. */
  readonly store: string
  readonly storeId?: string | undefined
}

export function filesOf(fileSystem: FileSystem, folder: string, random: Randomness): FolderFiles {
  return new FolderFiles(fileSystem, Buffer.from(resolve(folder)), random)
}

/**
 * The working folder that `start` is in: itself, or the nearest above.
 * @throws {VarveError} `WORKTREE_NOT_FOUND`; `CORRUPT` when what says so is damaged
 */
export function findFolder(fileSystem: FileSystem, start: string, random: Randomness): FolderPlace {
  for (const path of upwardsFrom(start)) {
    const place = placeAt(fileSystem, path, random)
    if (place) return place
  }
  throw noFolder(start)
}

/**
 * As `findFolder`, for a folder that is to be made known to its store again: what says which folder it is may be damaged.
 * @param store where the store lies, if not where the folder says
 * @param known folders that the store knows: one of them may have lost its `.varve`
 */
export function findLostFolder(
  fileSystem: FileSystem,
  start: string,
  random: Randomness,
  store?: string,
  known: readonly { readonly path: string }[] = [],
): FolderPlace {
  for (const path of upwardsFrom(start)) {
    const place = placeIfWhole(fileSystem, path, random)
    if (place && store === undefined) return place
    if (store === undefined) continue
    const hasState = fileSystem.lstat(Buffer.from(join(path, FOLDER_STATE_NAME)))?.type === 'directory'
    if (place || hasState || known.some((row) => row.path === path)) return { path, store, id: place?.id }
  }
  throw noFolder(start)
}

function* upwardsFrom(start: string): Generator<string> {
  for (let path = resolve(start); ; path = dirname(path)) {
    yield path
    if (path === dirname(path)) return
  }
}

function noFolder(start: string): VarveError {
  return new VarveError('WORKTREE_NOT_FOUND', `neither ${resolve(start)} nor a folder above it is a working folder`, {
    path: resolve(start),
    hint: 'Make one with `varve init`, or one of an existing store with `varve worktree add`.',
  })
}

/** @throws {VarveError} `CORRUPT` when what says so is damaged */
function placeAt(fileSystem: FileSystem, path: string, random: Randomness): FolderPlace | undefined {
  const bytes = filesOf(fileSystem, path, random).read('worktree')
  if (!bytes) return ownStoreAt(fileSystem, path)
  const state = join(path, FOLDER_STATE_NAME)
  const { id, store, storeId } = parseWorktree(bytes, join(state, 'worktree'))
  return { path, id, storeId, store: isAbsolute(store) ? store : resolve(state, store) }
}

/** Where a store lies that a folder has for itself. */
export function ownStoreOf(folder: string): string {
  return join(folder, FOLDER_STATE_NAME, STORE_NAME)
}

function ownStoreAt(fileSystem: FileSystem, path: string): FolderPlace | undefined {
  const store = ownStoreOf(path)
  try {
    const isThere = fileSystem.lstat(Buffer.from(store))?.type === 'file'
    return isThere ? { path, id: undefined, store } : undefined
  } catch (error) {
    throw storageError('look at', store, error)
  }
}

/** As `placeAt`, where what is damaged says nothing. */
function placeIfWhole(fileSystem: FileSystem, path: string, random: Randomness): FolderPlace | undefined {
  try {
    return placeAt(fileSystem, path, random)
  } catch (error) {
    if (isVarveError(error, 'CORRUPT')) return ownStoreAt(fileSystem, path)
    throw error
  }
}

/** As `placeAt`, but what may not be looked at, or does not say which it is, is none of ours. */
export function placeIfAllowed(fileSystem: FileSystem, path: string, random: Randomness): FolderPlace | undefined {
  try {
    return placeAt(fileSystem, path, random)
  } catch (error) {
    if (isVarveError(error, 'STORAGE_DENIED', 'CORRUPT')) return undefined
    throw error
  }
}

/**
 * What is in a folder that was unmounted, or that another one took the place of, says nothing about what was in it.
 * @throws {VarveError} `WORKTREE_NOT_FOUND` where the folder is not the one it was
 */
export function requireStillThere(fileSystem: FileSystem, path: string, id: string, random: Randomness): void {
  const place = placeAt(fileSystem, path, random)
  if (!place || (place.id !== undefined && place.id !== id)) throw folderIsGone(path)
}

/** Makes a folder know which one it is; its `.varve` may be missing. Durable when it returns. */
export function writePlace(
  fileSystem: FileSystem,
  { path, store, id, storeId }: FolderPlace & { id: string },
  random: Randomness,
): void {
  const state = join(path, FOLDER_STATE_NAME)
  const fromState = relative(state, store)
  const isInside = !fromState.startsWith('..') && !isAbsolute(fromState)
  // A store that lies in the folder moves with it.
  const file: WorktreeFile = { id, store: (isInside ? fromState : store).split(sep).join('/'), storeId }
  makeStateFolder(fileSystem, path)
  filesOf(fileSystem, path, random).write('worktree', Buffer.from(`${JSON.stringify(file)}\n`))
}

/** Makes the `.varve` of a folder, and the folder, where they are missing. */
export function makeStateFolder(fileSystem: FileSystem, path: string): void {
  const state = Buffer.from(join(path, FOLDER_STATE_NAME))
  try {
    if (fileSystem.lstat(state) !== undefined) return
    makeFolders(fileSystem, state)
    fileSystem.chmod(state, STATE_FOLDER_MODE)
  } catch (error) {
    throw storageError('make', state.toString(), error)
  }
}

function parseWorktree(bytes: Buffer, path: string): WorktreeFile {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'))
    const { id, store, storeId } = (parsed ?? {}) as Partial<Record<keyof WorktreeFile, unknown>>
    const isStoreId = storeId === undefined || typeof storeId === 'string'
    if (typeof id === 'string' && typeof store === 'string' && id !== '' && store !== '' && isStoreId) {
      return { id, store, storeId }
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new CorruptionError('CORRUPT', `${path} is damaged: it does not say which working folder this is`, {
    path,
    hint: 'Make the folder known again: `varve worktree repair`, with `--store STORE` if the store lies elsewhere.',
  })
}

/** The folder is a plain one again, if nothing else lies in its `.varve`. */
export function forgetPlace(fileSystem: FileSystem, path: string, random: Randomness): void {
  const files = filesOf(fileSystem, path, random)
  for (const name of ['switch', 'stat-cache', 'worktree'] as const) files.remove(name)
  if (fileSystem.lstat(files.path) && fileSystem.list(files.path).length === 0) fileSystem.rmdir(files.path)
}
