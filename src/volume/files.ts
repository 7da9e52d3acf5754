/** Looking at the files of a group: what the system says comes out as a `VarveError` that names the path. */
import { realpathSync, type Stats, statSync } from 'node:fs'
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
