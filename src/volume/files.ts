/** Looking at the files of a group: what the system says comes out as a `VarveError` that names the path. */
import { accessSync, constants, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'

/** `undefined` when nothing is there. @throws {VarveError} `INVALID_PATH`, `STORAGE_DENIED`, `STORAGE_IO` */
export function statOf(path: string): Stats | undefined {
  return looking(path, () => statSync(path, { throwIfNoEntry: false }))
}

/** Links resolved; `undefined` when nothing is there. @throws {VarveError} as `statOf` */
export function realPath(path: string): string | undefined {
  return looking(path, () => realpathSync(path))
}

/** As `realPath`, but what may not be looked at counts as not there: it is none of ours. */
export function realPathIfAllowed(path: string): string | undefined {
  try {
    return realPath(path)
  } catch (error) {
    if (isVarveError(error, 'STORAGE_DENIED')) return undefined
    throw error
  }
}

/**
 * Whether a file can be written, or made where nothing is: before anything else is done. It is no promise.
 * @throws {VarveError} `STORAGE_READ_ONLY`, `STORAGE_DENIED`
 */
export function requireWritableAt(path: string): void {
  const written = statOf(path) ? path : dirname(path)
  try {
    accessSync(written, constants.W_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const what = code === 'ENOENT' || code === 'ENOTDIR' ? 'is no folder' : 'cannot be written to'
    throw new VarveError(code === 'EROFS' ? 'STORAGE_READ_ONLY' : 'STORAGE_DENIED', `${written} ${what}`, {
      path,
      cause,
      hint: 'Check the permissions, and how its disk is mounted; or use another path.',
    })
  }
}

/** What SQLite calls files of its own: beside a database of the name before that, it writes and deletes them. */
const SIDECAR = /-(journal|wal|shm)$/

/** @throws {VarveError} `INVALID_PATH` where a new database would be taken for another one's journal, and deleted */
export function refuseSidecar(path: string): void {
  if (!SIDECAR.test(path)) return
  throw new VarveError('INVALID_PATH', `${path} is called as SQLite calls files of its own, which it deletes`, {
    path,
    hint: 'Use a name that does not end in -journal, -wal or -shm.',
  })
}

/** Less than systems take; a few are for the endings of the files beside. */
const PATH_BYTES_MAX = 504

/** What may be done about a database that cannot be opened. */
export function openingHint(path: string): string {
  const bytes = Buffer.byteLength(path)
  if (bytes > PATH_BYTES_MAX) return `SQLite takes paths of at most ${PATH_BYTES_MAX} bytes, and this one has ${bytes}.`
  if (statOf(dirname(path)) === undefined)
    return `There is no folder ${dirname(path)}: make it first, or mount its disk.`
  return (
    'Check the permissions of the file and of its folder, and how its disk is mounted: where nothing can be written, only a store that was ' +
    'sealed before (`varve seal`) can be read.'
  )
}

function looking<T>(path: string, look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES' || code === 'EPERM') {
      throw new VarveError('STORAGE_DENIED', `${path} cannot be looked at`, { path, cause: error })
    }
    if (code === 'EIO') throw new VarveError('STORAGE_IO', `${path} cannot be looked at`, { path, cause: error })
    throw new VarveError('INVALID_PATH', `${JSON.stringify(path)} is no path of a file`, { path, cause: error })
  }
}
