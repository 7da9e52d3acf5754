/** Files and folders that could not be read as they stand: collected, then named together. */
import { VarveError } from '../base/errors.js'
import { type ByteName, nameToText, ROOT_NAME } from '../base/names.js'
import { errorCodeOf, reasonOf } from './faults.js'

export interface UnreadableFile {
  /** From the root of the tree, for people; `.` is the root. */
  readonly path: string
  /** `FILE_CHANGED`, or what the operating system says: `EACCES`, `EIO`, `ENOENT` (it vanished) … */
  readonly code: string
  /** For people. */
  readonly reason: string
}

/** Thrown inside this layer alone: reading failed, as opposed to storing what was read. */
export class ReadFailure extends Error {
  override readonly name = 'ReadFailure'
  readonly code: string
  readonly reason: string

  constructor(code: string, reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.code = code
    this.reason = reason
  }

  static changed(reason: string): ReadFailure {
    return new ReadFailure('FILE_CHANGED', reason)
  }

  describe(path: ByteName): UnreadableFile {
    return { path: path === ROOT_NAME ? '.' : nameToText(path), code: this.code, reason: this.reason }
  }
}

export function vanished(cause?: unknown): ReadFailure {
  return new ReadFailure('ENOENT', 'it vanished before it was read', cause)
}

/** What `error` says about the file that was being read. Anything the operating system did not say comes back as it is. */
export function toReadFailure(error: unknown): unknown {
  switch (errorCodeOf(error)) {
    case undefined:
      return error
    case 'ENOENT':
      return vanished(error)
    case 'ELOOP':
    case 'ENOTDIR':
    case 'EISDIR':
      return new ReadFailure('FILE_CHANGED', 'something else took its place while it was read', error)
    default:
      return new ReadFailure(errorCodeOf(error) ?? '', reasonOf(error), error)
  }
}

/** Runs calls of the file system that read. @throws {ReadFailure} */
export function reading<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw toReadFailure(error)
  }
}

const NAMED_AT_MOST = 5

const HINT = 'nothing was committed; make them readable, leave them out by ignoring them, or skip what is unreadable'

export function unreadableFiles(failures: readonly UnreadableFile[], hint = HINT): VarveError {
  const named = failures.slice(0, NAMED_AT_MOST).map(({ path, reason }) => `${JSON.stringify(path)}: ${reason}`)
  if (failures.length > named.length) named.push(`and ${failures.length - named.length} more`)
  const count = failures.length === 1 ? 'one file or folder' : `${failures.length} files or folders`
  return new VarveError('UNREADABLE_FILES', `${count} could not be read: ${named.join('; ')}`, {
    paths: failures.map(({ path }) => path),
    reasons: failures,
    hint,
  })
}
