/** How much room the file system has that a file lies on. */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { VarveError } from '../base/errors.js'
import { realPath } from './files.js'

export interface DiskSpace {
  readonly totalBytes: number
  /** What this user may still write. */
  readonly freeBytes: number
}

/** What a file system answers that does not count its room. */
const UNKNOWN: readonly (string | undefined)[] = ['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL']

/**
 * @param path of a file
 * @returns `undefined` where the file system does not tell
 * @throws {VarveError} `STORAGE_DENIED`, `STORAGE_IO`
 */
export function diskSpace(path: string): DiskSpace | undefined {
  // Windows tells of folders alone.
  const folder = dirname(realPath(path) ?? path)
  try {
    const { bsize, blocks, bavail } = statfsSync(folder)
    return blocks > 0 ? { totalBytes: bsize * blocks, freeBytes: bsize * bavail } : undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (UNKNOWN.includes(code)) return undefined
    const isDenied = code === 'EACCES' || code === 'EPERM'
    throw new VarveError(isDenied ? 'STORAGE_DENIED' : 'STORAGE_IO', `the room on the disk of ${path} is not known`, {
      path,
      cause: error,
    })
  }
}
