/**
 * Rules that a value keeps on both sides. Each format states a value's rules once, as a function that returns
 * the first problem; encoding throws it at the caller, decoding as damage.
 */
import { type ErrorCode, VarveError } from '../base/errors.js'
import { NAME_BYTES_MAX } from '../base/limits.js'
import type { ByteName } from '../base/names.js'
import type { ByteReader } from './bytes.js'

export interface Problem {
  /** What the caller of an encoder gets. */
  readonly code: ErrorCode
  /** Continues `the entry …`. */
  readonly message: string
}

export function problem(message: string, code: ErrorCode = 'INVALID_ARGUMENT'): Problem {
  return { code, message }
}

export function refuseToEncode(what: string, found: Problem | undefined): void {
  if (found) throw new VarveError(found.code, `cannot encode ${what}: it ${found.message}`)
}

export function refuseDecoded(reader: ByteReader, found: Problem | undefined): void {
  if (found) throw reader.fail(found.message)
}

/** A safe integer, 0 or more. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** Looked for as a whole: nearly no name has one. */
const REFUSED_CHARACTER_PATTERN = /[\0/\u0100-\uffff]/

/** Why `name` cannot be one segment of a path. */
export function nameProblem(name: ByteName): Problem | undefined {
  if (name === '') return problem('has an empty name', 'INVALID_PATH')
  if (name.length > NAME_BYTES_MAX) return problem(`has a name longer than ${NAME_BYTES_MAX} bytes`, 'INVALID_PATH')
  if (name === '.' || name === '..') return problem(`is named ${JSON.stringify(name)}`, 'INVALID_PATH')
  if (!REFUSED_CHARACTER_PATTERN.test(name)) return undefined
  for (let index = 0; index < name.length; index++) {
    const byte = name.charCodeAt(index)
    if (byte === 0x2f) return problem(`has a "/" in its name ${JSON.stringify(name)}`, 'INVALID_PATH')
    if (byte === 0) return problem(`has a NUL in its name ${JSON.stringify(name)}`, 'INVALID_PATH')
    if (byte > 0xff) return problem(`has a name that is no byte string: ${JSON.stringify(name)}`, 'INVALID_PATH')
  }
  return undefined
}

/** Names of a node grow strictly. */
export function orderProblem(previous: ByteName | undefined, name: ByteName): Problem | undefined {
  if (previous === undefined || previous < name) return undefined
  return problem(
    `${previous === name ? 'repeats' : 'is out of order at'} the name ${JSON.stringify(name)}`,
    'INVALID_PATH',
  )
}
