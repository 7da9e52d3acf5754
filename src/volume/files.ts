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
