/**
 * From errors to exit statuses and to words. The one table of exit statuses is here; help and docs/CLI.md print it.
 *
 * On stderr a person gets `varve: message`, then `hint: …` where there is one, and candidates. With --json one line of
 * JSON comes instead: `{"error":{"code","message","hint","details"}}`, `hint` and `details` only where there are any.
 */
import { CommanderError } from 'commander'
import type { ErrorCode, VarveError } from '../src/index.js'
import { Interruption } from './interrupt.js'
import { OutputError } from './io.js'
import { plainText } from './text.js'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  damage: 5,
  storage: 6,
  files: 7,
  interrupted: 130,
  outputClosed: 141,
} as const

export const EXIT_MEANINGS: readonly { readonly status: number; readonly meaning: string }[] = [
  { status: EXIT.ok, meaning: 'done' },
  { status: EXIT.failed, meaning: 'the answer is no, or the operation failed for another reason than those below' },
  {
    status: EXIT.usage,
    meaning: 'wrong use: unknown command or option, value out of range, path or name that is not allowed',
  },
  { status: EXIT.notFound, meaning: 'not found: store, revision, path, branch, tag or volume' },
  { status: EXIT.conflict, meaning: 'in the way: store locked, branch moved meanwhile, name or destination taken' },
  { status: EXIT.damage, meaning: 'damage: stored bytes are wrong, or a volume is missing, stale or foreign' },
  { status: EXIT.storage, meaning: 'the machine: disk or volume group full, I/O error, no permission on the store' },
  {
    status: EXIT.files,
    meaning: 'file trouble: files that cannot be read, change while read, or cannot be written safely',
  },
  { status: EXIT.interrupted, meaning: 'interrupted by Ctrl-C (SIGHUP: 129, SIGTERM: 143); the store is clean' },
  { status: EXIT.outputClosed, meaning: 'the reader of the output closed it before its end' },
]

/** Complete on purpose: a new error code does not compile until it has its status here. */
const STATUS_BY_CODE: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: EXIT.usage,
  INVALID_PATH: EXIT.usage,
  INVALID_REF_NAME: EXIT.usage,
  CANCELLED: EXIT.interrupted,
  UNSUPPORTED: EXIT.failed,
  UNKNOWN_REVISION: EXIT.notFound,
  AMBIGUOUS_REVISION: EXIT.notFound,
  PATH_NOT_FOUND: EXIT.notFound,
  NOT_A_DIRECTORY: EXIT.notFound,
  NOT_A_FILE: EXIT.notFound,
  REF_NOT_FOUND: EXIT.notFound,
  REF_EXISTS: EXIT.conflict,
  ALREADY_EXISTS: EXIT.conflict,
  NOTHING_TO_COMMIT: EXIT.failed,
  REF_CONFLICT: EXIT.conflict,
  STORE_LOCKED: EXIT.conflict,
  LEASE_LOST: EXIT.conflict,
  SNAPSHOT_GONE: EXIT.notFound,
  UNCOMMITTED_CHANGES: EXIT.conflict,
  SWITCH_INTERRUPTED: EXIT.conflict,
  STORE_NOT_FOUND: EXIT.notFound,
  WORKTREE_NOT_FOUND: EXIT.notFound,
  STORE_EXISTS: EXIT.conflict,
  NOT_A_STORE: EXIT.notFound,
  FORMAT_NEWER: EXIT.failed,
  PROFILE_MISMATCH: EXIT.failed,
  PV_MISSING: EXIT.damage,
  PV_STALE: EXIT.damage,
  PV_FOREIGN: EXIT.damage,
  PV_DUPLICATE: EXIT.damage,
  PV_IN_USE: EXIT.conflict,
  PV_NOT_FOUND: EXIT.notFound,
  CATALOG_STALE: EXIT.damage,
  CATALOG_MISSING: EXIT.damage,
  VG_FULL: EXIT.storage,
  LV_FULL: EXIT.storage,
  LV_IN_USE: EXIT.conflict,
  VG_EXPORTED: EXIT.conflict,
  CORRUPT: EXIT.damage,
  CORRUPT_CHUNK: EXIT.damage,
  CORRUPT_EXTENT: EXIT.damage,
  CORRUPT_CATALOG: EXIT.damage,
  CORRUPT_OBJECT: EXIT.damage,
  MISSING_CHUNK: EXIT.damage,
  PRUNED: EXIT.notFound,
  STORAGE_FULL: EXIT.storage,
  STORAGE_IO: EXIT.storage,
  STORAGE_DENIED: EXIT.storage,
  STORAGE_READ_ONLY: EXIT.storage,
  DESTINATION_NOT_EMPTY: EXIT.conflict,
  UNSAFE_PATH: EXIT.files,
  NAME_CLASH: EXIT.files,
  UNREADABLE_FILES: EXIT.files,
  FILE_CHANGED: EXIT.files,
  LIMIT_EXCEEDED: EXIT.failed,
}

/** What the command line itself finds wrong with its arguments. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** What the command line itself does not find: a store to open. */
export class NoStoreError extends Error {
  override readonly name = 'NoStoreError'
  readonly hint: string

  constructor(message: string, hint = 'create one with "varve init", or name one with --store PATH or VARVE_STORE') {
    super(message)
    this.hint = hint
  }
}

export interface Failure {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Errors of the library are known by their code, so that this works before the library is loaded. */
function isLibraryError(error: unknown): error is VarveError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code in STATUS_BY_CODE
}

const FAILED_SYSTEM_CALLS: Readonly<Record<string, number>> = {
  ENOENT: EXIT.notFound,
  ENOTDIR: EXIT.notFound,
  EEXIST: EXIT.conflict,
  ENOSPC: EXIT.storage,
  EDQUOT: EXIT.storage,
  EIO: EXIT.storage,
  EROFS: EXIT.storage,
  EACCES: EXIT.storage,
  EPERM: EXIT.storage,
}

export function failureOf(error: unknown): Failure {
  if (isLibraryError(error)) return libraryFailure(error)
  if (error instanceof Interruption) return { status: error.exitStatus, code: 'CANCELLED', message: error.message }
  if (error instanceof UsageError)
    return { status: EXIT.usage, code: 'USAGE', message: error.message, ...hintOf(error.hint) }
  if (error instanceof NoStoreError) {
    return { status: EXIT.notFound, code: 'STORE_NOT_FOUND', message: error.message, hint: error.hint }
  }
  if (error instanceof CommanderError) return usageFailure(error)
  if (error instanceof OutputError) {
    return { status: error.closed ? EXIT.outputClosed : EXIT.storage, code: 'OUTPUT', message: error.message }
  }
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  const status = code === undefined ? undefined : FAILED_SYSTEM_CALLS[code]
  if (code !== undefined && status !== undefined) return { status, code, message }
  return {
    status: EXIT.failed,
    code: 'UNEXPECTED',
    message: `unexpected error: ${message}`,
    hint: 'this is a fault in varve; VARVE_DEBUG=1 shows where it happened',
  }
}

function libraryFailure(error: VarveError): Failure {
  const cause = error.code === 'CANCELLED' ? error.cause : undefined
  return {
    status: cause instanceof Interruption ? cause.exitStatus : STATUS_BY_CODE[error.code],
    code: error.code,
    message: cause instanceof Interruption ? cause.message : error.message,
    ...hintOf(error.hint),
    ...(Object.keys(error.details ?? {}).length > 0 ? { details: error.details } : {}),
  }
}

/** Commander writes `error: …` and appends `(Did you mean …?)` on a line of its own. */
function usageFailure(error: CommanderError): Failure {
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = rest
    .join(' ')
    .trim()
    .replace(/^\(|\)$/g, '')
  return { status: EXIT.usage, code: 'USAGE', message, ...hintOf(suggestion === '' ? undefined : suggestion) }
}

function hintOf(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint }
}

const LISTED_AT_MOST = 20

/** For people: the lines that say what went wrong. */
export function failureLines(failure: Failure): string[] {
  const lines = [`varve: ${plainText(failure.message)}`]
  const candidates = stringsIn(failure.details, 'candidates')
  const paths = stringsIn(failure.details, 'paths')
  // Candidates are worth a list of their own only where the sentences do not name them already.
  const said = `${failure.message} ${failure.hint ?? ''}`
  if (candidates.some((candidate) => !said.includes(candidate))) {
    lines.push(failure.code === 'AMBIGUOUS_REVISION' ? 'it could be:' : 'did you mean:')
    lines.push(...listed(candidates))
  }
  if (paths.some((path) => !said.includes(path))) lines.push(...listed(paths))
  if (failure.hint !== undefined) lines.push(`hint: ${plainText(failure.hint)}`)
  return lines
}

function listed(items: readonly string[]): string[] {
  const shown = items.slice(0, LISTED_AT_MOST).map((item) => `  ${plainText(item)}`)
  return items.length > shown.length ? [...shown, `  … and ${items.length - shown.length} more`] : shown
}

function stringsIn(details: Failure['details'], key: string): readonly string[] {
  const value = details?.[key]
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}
