/** What the operating system answers, in codes and words of ours. */
import { type ErrorCode, type ErrorDetails, VarveError } from '../base/errors.js'

/** `EACCES` and its like. `undefined` for anything that does not come from the operating system. */
export function errorCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return SYSTEM_CODE_PATTERN.test(error.code) ? error.code : undefined
}

/** Not `ERR_…`: with those Node says that it was called wrongly. */
const SYSTEM_CODE_PATTERN = /^E(?!RR_)[A-Z0-9]+$/

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'in use',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'something is there already',
  EFBIG: 'too large for this file system',
  EILSEQ: 'this file system does not take such a name',
  EINVAL: 'this file system does not take it',
  EIO: 'input/output error',
  EISDIR: 'a folder is there',
  ELOOP: 'a symlink is there',
  EMFILE: 'too many open files',
  EMLINK: 'the file has as many names as this file system allows',
  ENAMETOOLONG: 'the name or path is too long for this file system',
  ENFILE: 'too many open files',
  ENOENT: 'not there',
  ENOSPC: 'no space left on the disk',
  ENOSYS: 'this system does not do that',
  ENOTDIR: 'a folder of its path is no folder any more',
  ENOTSUP: 'this file system does not do that',
  EOPNOTSUPP: 'this file system does not do that',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ESTALE: 'the network file system lost it',
  EXDEV: 'it lies on another file system',
}

/** For people, without paths. */
export function reasonOf(error: unknown): string {
  const code = errorCodeOf(error)
  const reason = code === undefined ? undefined : REASONS[code]
  if (reason !== undefined) return `${reason} (${code})`
  return error instanceof Error ? error.message : String(error)
}

const STORAGE_CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'STORAGE_DENIED',
  EPERM: 'STORAGE_DENIED',
  EDQUOT: 'STORAGE_FULL',
  ENOSPC: 'STORAGE_FULL',
  EFBIG: 'STORAGE_FULL',
  EROFS: 'STORAGE_READ_ONLY',
  EEXIST: 'ALREADY_EXISTS',
  EISDIR: 'ALREADY_EXISTS',
  ENAMETOOLONG: 'INVALID_PATH',
  EILSEQ: 'INVALID_PATH',
  // A folder that was there a moment ago: somebody is moving things while we write.
  ENOENT: 'UNSAFE_PATH',
  ENOTDIR: 'UNSAFE_PATH',
  ELOOP: 'UNSAFE_PATH',
}

const HINTS: { readonly [code in ErrorCode]?: string } = {
  STORAGE_FULL: 'free some space, then do it again',
  STORAGE_DENIED: 'check the permissions of the folder',
  STORAGE_READ_ONLY: 'make it writable, or work in a folder elsewhere',
  STORAGE_IO: 'look at the disk: the system log may say more',
  INVALID_PATH: 'choose a folder with a shorter path, or on another file system',
}

/**
 * An error of the operating system while something was written.
 *
 * @param doing As in `cannot write a/b`.
 * @returns `error` itself where it does not come from the operating system.
 */
export function storageError(doing: string, path: string, error: unknown, details: ErrorDetails = {}): unknown {
  const systemCode = errorCodeOf(error)
  if (systemCode === undefined) return error
  const code = STORAGE_CODES[systemCode] ?? 'STORAGE_IO'
  const hint = HINTS[code]
  return new VarveError(code, `cannot ${doing} ${JSON.stringify(path)}: ${reasonOf(error)}`, {
    path,
    ...(hint === undefined ? {} : { hint }),
    ...details,
    cause: error,
  })
}
