/**
 * The working folders that a store knows: which of them a folder on the disk is, and making one known.
 *
 * Folder and store each say who the other is: the folder by a path and the store's UUID, the store by a path and the
 * folder's UUID. Either may have been moved, copied, or put back from an old copy since.
 */
import { isVarveError, VarveError } from './base/errors.js'
import type { FileStat, FileSystem } from './base/filesystem.js'
import { newUuid } from './base/random.js'
import { type FolderPlace, ownStoreOf, placeIfAllowed, writePlace } from './folderPlace.js'
import { branchRef } from './refs/refName.js'
import type { WorktreeRow } from './refs/worktrees.js'
import { type OpenOptions, Repository } from './repository.js'
import type { Session } from './session.js'
import { diskPathOf } from './worktree/diskPath.js'
import { errorCodeOf, storageError } from './worktree/faults.js'

/** @throws {VarveError} `STORE_NOT_FOUND`, where the store is not where the folder says; and as `Repository.open` */
export async function openStoreOf(place: FolderPlace, options: OpenOptions): Promise<Repository> {
  const repository = await openAt(place, options)
  const { vg } = repository.parts.group.layout
  if (place.storeId === undefined || place.storeId === vg) return repository
  await repository.close()
  throw new VarveError('STORE_NOT_FOUND', `another store is where that of the working folder ${place.path} was`, {
    path: place.store,
    folder: place.path,
    expected: place.storeId,
    actual: vg,
    hint:
      `It is ${place.store}. If the folder's own store was moved, say in the folder where it is now: ` +
      '`varve worktree repair --store STORE`. Naming this one there makes the folder one of this store.',
  })
}

async function openAt(place: FolderPlace, options: OpenOptions): Promise<Repository> {
  try {
    return await Repository.open(place.store, options)
  } catch (error) {
    if (!isVarveError(error, 'STORE_NOT_FOUND', 'NOT_A_STORE')) throw error
    const isGone = error.code === 'STORE_NOT_FOUND'
    const message = isGone ? `the store of the working folder ${place.path} is gone: ${place.store}` : error.message
    throw new VarveError(error.code, message, {
      path: place.store,
      folder: place.path,
      hint:
        place.store === ownStoreOf(place.path)
          ? 'Put it back from a copy. If it had other volumes, `varve vg recover FILE` makes it anew from these. Else its history is lost: `varve init` begins another, with the files as they are' +
            (isGone ? '.' : ', once what is there was moved away.')
          : 'Mount the disk it is on; or, if it was moved, say in the folder where it is: `varve worktree repair --store STORE`.',
      cause: error,
    })
  }
}

/**
 * What the store knows of the folder at a place.
 * @throws {VarveError} `WORKTREE_NOT_FOUND`; `ALREADY_EXISTS` in a copy of a working folder
 */
export function rowOf(session: Session, place: FolderPlace & { readonly id: string }): WorktreeRow {
  const { worktrees, group, fileSystem, random } = session
  const { id, path } = place
  const row = worktrees.get(id)
  if (!row) {
    throw new VarveError('WORKTREE_NOT_FOUND', `the store ${place.store} does not know the folder ${path}`, {
      path,
      id,
      hint: 'It was removed from the store, or the store was put back from an old copy: `varve worktree repair`.',
    })
  }
  // By another name, which leads through a symlink, it is no other folder.
  if (row.path === path || isSameFolder(fileSystem, row.path, path)) return row
  const there = placeIfAllowed(fileSystem, row.path, random)
  if (there?.id === id && there.store === place.store) {
    throw new VarveError('ALREADY_EXISTS', `${path} is a copy of the working folder ${row.path}`, {
      paths: [path, row.path],
      hint: 'Make one of its own: `varve worktree add DIR`.',
    })
  }
  const moved = { ...row, path }
  if (!group.readOnly) group.catalog.write((tx) => worktrees.move(tx, row, moved))
  return moved
}

function isSameFolder(fileSystem: FileSystem, ...paths: readonly [string, string]): boolean {
  const [a, b] = paths.map((path) => lookAt(fileSystem, path))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

/** `undefined` also where we may not look: the folder at hand is one that we may. */
function lookAt(fileSystem: FileSystem, path: string): FileStat | undefined {
  try {
    return fileSystem.lstat(diskPathOf(Buffer.from(path), '.'))
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(errorCodeOf(error) ?? '')) throw storageError('look at', path, error)
    return undefined
  }
}

/**
 * Makes a folder known that the store does not know. It stands on the default branch, or detached at its tip if that
 * branch is in another folder.
 */
export function adopt(session: Session, place: FolderPlace): WorktreeRow {
  const { group, worktrees, refs, properties, random } = session
  const branch = branchRef(properties.get('default-branch').value)
  const isTaken = worktrees.list().some((row) => row.branch === branch)
  const head = refs.get(branch)?.target
  const row = { id: newUuid(random), path: place.path, branch: isTaken ? undefined : branch, head }
  if (group.readOnly) return row
  group.catalog.write((tx) => worktrees.add(tx, row))
  tellFolder(session, place, row.id)
  return row
}

/** As `rowOf`, where folder and store may have lost each other. */
export function repairedRow(session: Session, place: FolderPlace): WorktreeRow {
  const { worktrees, fileSystem, random } = session
  const byId = place.id === undefined ? undefined : worktrees.get(place.id)
  const known = byId ?? worktrees.list().find((row) => row.path === place.path)
  if (!known) return adopt(session, place)
  const row = rowOf(session, { ...place, id: known.id })
  const says = placeIfAllowed(fileSystem, place.path, random)
  const isRight = says?.id === row.id && says.store === place.store && says.storeId !== undefined
  if (!isRight) tellFolder(session, place, row.id)
  return row
}

/** Makes the folder know which one it is. */
export function tellFolder({ group, fileSystem, random }: Session, { path, store }: FolderPlace, id: string): void {
  writePlace(fileSystem, { path, store, id, storeId: group.layout.vg }, random)
}
