/**
 * The one error class of varve and its stable codes.
 *
 * A program branches on `code`; a person reads `message` and `hint`. `details` carries expected and
 * actual values, ids and paths. Codes are part of the public interface: they are added, never renamed.
 */

export const ERROR_CODES = [
  // The caller's doing
  'INVALID_ARGUMENT',
  'INVALID_PATH',
  'INVALID_REF_NAME',
  'CANCELLED',
  'UNSUPPORTED',
  // Something named is not there, or is there already
  'UNKNOWN_REVISION',
  'AMBIGUOUS_REVISION',
  'PATH_NOT_FOUND',
  'NOT_A_DIRECTORY',
  'NOT_A_FILE',
  'REF_NOT_FOUND',
  'REF_EXISTS',
  'ALREADY_EXISTS',
  'NOTHING_TO_COMMIT',
  // Somebody else was there first
  'REF_CONFLICT',
  'STORE_LOCKED',
  'LEASE_LOST',
  'SNAPSHOT_GONE',
  'UNCOMMITTED_CHANGES',
  'SWITCH_INTERRUPTED',
  // The store, its files and volumes
  'STORE_NOT_FOUND',
  'WORKTREE_NOT_FOUND',
  'STORE_EXISTS',
  'NOT_A_STORE',
  'FORMAT_NEWER',
  'PROFILE_MISMATCH',
  'PV_MISSING',
  'PV_STALE',
  'PV_FOREIGN',
  'PV_DUPLICATE',
  'PV_NOT_FOUND',
  'PV_IN_USE',
  'CATALOG_STALE',
  'CATALOG_MISSING',
  'VG_FULL',
  'LV_FULL',
  'LV_IN_USE',
  'VG_EXPORTED',
  // Damage
  'CORRUPT',
  'CORRUPT_CHUNK',
  'CORRUPT_EXTENT',
  'CORRUPT_CATALOG',
  'CORRUPT_OBJECT',
  'MISSING_CHUNK',
  'PRUNED',
  // The machine
  'STORAGE_FULL',
  'STORAGE_IO',
  'STORAGE_DENIED',
  'STORAGE_READ_ONLY',
  // Working folders
  'DESTINATION_NOT_EMPTY',
  'UNSAFE_PATH',
  'NAME_CLASH',
  'UNREADABLE_FILES',
  'FILE_CHANGED',
  'LIMIT_EXCEEDED',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface ErrorDetails {
  readonly expected?: unknown
  readonly actual?: unknown
  readonly id?: string
  readonly path?: string
  readonly paths?: readonly string[]
  readonly pv?: string
  readonly extent?: number
  readonly candidates?: readonly string[]
  /** What the reader can do about it, one sentence. */
  readonly hint?: string
  readonly cause?: unknown
  readonly [key: string]: unknown
}

/** What varve throws: a stable `code`, the values in `details`, and where there is something to do a `hint`. */
export class VarveError extends Error {
  override readonly name: string = 'VarveError'
  readonly code: ErrorCode
  readonly details: Omit<ErrorDetails, 'hint' | 'cause'>
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { hint, cause, ...rest } = details
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = hint
    this.details = rest
  }
}

/** Damage: stored bytes are not what was written. Its `details` say chunk, extent, volume and paths where known. */
export class CorruptionError extends VarveError {
  override readonly name = 'CorruptionError'
}

/**
 * Whether `error` is one of varve's, and, with codes given, has one of them.
 *
 * @example
 * ```ts
 * try {
 *   await repo.resolve('nowhere')
 * } catch (error) {
 *   if (!isVarveError(error, 'UNKNOWN_REVISION')) throw error
 *   console.log(error.message, error.hint)
 * }
 * ```
 */
export function isVarveError(error: unknown, ...codes: ErrorCode[]): error is VarveError {
  return error instanceof VarveError && (codes.length === 0 || codes.includes(error.code))
}
