/**
 * Files written anew, so that nothing is left in them of what was removed.
 *
 * A page that nothing is in keeps its bytes until it is used again, and so does the unused end of a page in use. `VACUUM` copies
 * what there is into an empty database and puts its pages in the place of the old; then a write-ahead log is emptied, as a
 * rollback journal is anyhow. That takes the room of the file twice: in SQLite's folder for temporary files, and beside the file.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'
import { formatSize, MIB } from '../base/units.js'
import { type DiskSpace, diskSpace } from './diskSpace.js'
import { statOf } from './files.js'
import type { SqlDatabase } from './sqlite.js'

/** Besides: what is written before, and a log's own frames. */
const MARGIN_BYTES = 32 * MIB
/** What one short step writes. */
const REST_BYTES = 4 * MIB
/** In the order in which SQLite tries them. */
const TEMP_FOLDERS = ['/var/tmp', '/usr/tmp', '/tmp']

/** What of a file is not in use, and might hold what was removed. */
export interface Remains {
  readonly freeBytes: number
  /** Of a write-ahead log or a journal beside it. */
  readonly logBytes: number
}

/** @throws {VarveError} `STORE_LOCKED` while others are at work in the file, `STORAGE_FULL`, `STORAGE_IO` */
export function rebuildFile(database: SqlDatabase): void {
  // Pages that wait for the end of it are as many as the file has: they must not all be held in memory.
  const isHeld = database.get<{ cache_spill: number }>('PRAGMA cache_spill')?.cache_spill === 0
  database.run('PRAGMA cache_spill = ON')
  try {
    database.run('VACUUM')
  } finally {
    if (isHeld) database.run('PRAGMA cache_spill = OFF')
  }
  emptyLog(database)
}

/**
 * Gives all spare pages back at once where next to nothing else is left in the file: for each page that is given back by itself the
 * list of spare ones is searched, and what is left is written anew in less time than that takes.
 * @returns false where it is not so, or others are at work in the file: then page by page is the way
 */
export function rebuildRest(database: SqlDatabase, bytes: number): boolean {
  const spareBytes = database.spareBytes()
  if (database.isLogShort || spareBytes === 0 || bytes < spareBytes) return false
  const usedBytes = database.lengthBytes() - spareBytes
  if (usedBytes > REST_BYTES || usedBytes > spareBytes) return false
  try {
    rebuildFile(database)
    return true
  } catch (error) {
    // Of the room for temporary files, it may be.
    if (isVarveError(error, 'STORE_LOCKED', 'STORAGE_FULL')) return false
    throw error
  }
}

/** Brings what a write-ahead log holds into the file, and cuts it off. @throws {VarveError} `STORE_LOCKED` while others read */
function emptyLog(database: SqlDatabase): void {
  const row = database.get<{ busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)')
  if (row === undefined || row.busy === 0) return
  throw new VarveError(
    'STORE_LOCKED',
    `${database.path} is being read elsewhere: its write-ahead log cannot be emptied`,
    {
      path: database.path,
      hint: 'Run the command again when other commands have ended.',
    },
  )
}

export function remainsOf(database: SqlDatabase): Remains {
  const logBytes = ['-wal', '-journal'].reduce((sum, end) => sum + (statOf(`${database.path}${end}`)?.size ?? 0), 0)
  return { freeBytes: database.spareBytes(), logBytes }
}

/** Where SQLite makes temporary files: where TMPDIR says, as Node.js has it too, else in the first of its own that it can. */
function temporaryFolder(named: string = tmpdir()): string {
  const isDefault = process.platform !== 'win32' && named === '/tmp'
  return isDefault ? (TEMP_FOLDERS.find(isUsable) ?? '.') : named
}

function isUsable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return statSync(folder).isDirectory()
  } catch {
    return false
  }
}

export type AskDiskSpace = (path: string) => DiskSpace | undefined

/**
 * Whether there is room to rebuild files, one after the other.
 * @throws {VarveError} `STORAGE_FULL`
 */
export function requireRebuildRoom(paths: readonly string[], ask: AskDiskSpace = diskSpace): void {
  const temporary = temporaryFolder()
  const needed = new Map<string, { readonly path: string; bytes: number }>()
  const need = (path: string, bytes: number): void => {
    const disk = String(statOf(dirname(path))?.dev)
    const known = needed.get(disk)
    if (known) known.bytes = Math.max(known.bytes, bytes)
    else needed.set(disk, { path, bytes })
  }
  // Of a file in there, whatever it is called: it is asked about the folder.
  const inTemporary = join(temporary, 'temporary')
  const isSameDisk = (path: string): boolean => statOf(dirname(path))?.dev === statOf(temporary)?.dev
  for (const path of paths) {
    const bytes = statOf(path)?.size ?? 0
    need(path, (isSameDisk(path) ? 2 : 1) * bytes + MARGIN_BYTES)
    if (!isSameDisk(path)) need(inTemporary, bytes + MARGIN_BYTES)
  }
  for (const { path, bytes } of needed.values()) {
    const free = ask(path)?.freeBytes
    if (free === undefined || free >= bytes) continue
    throw new VarveError(
      'STORAGE_FULL',
      `to write the files anew takes ${formatSize(bytes)} on the disk of ${dirname(path)}, which has ${formatSize(free)} left; nothing was changed`,
      {
        path,
        expected: bytes,
        actual: free,
        hint: `SQLite's temporary files go to ${temporary}: the environment variable TMPDIR names another folder.`,
      },
    )
  }
}
