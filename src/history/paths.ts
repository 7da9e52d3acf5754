/**
 * Paths inside a store, as callers write them: text or raw bytes, segments separated by `/`, always from the root.
 *
 * A path that is not in its one plain form (`a//b`, `./a`, `/a`, `a/`) is refused rather than tidied: the caller may
 * have meant something else.
 */
import { VarveError } from '../base/errors.js'
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from '../base/limits.js'
import { type ByteName, nameFromBytes, nameFromText, nameToText, ROOT_NAME } from '../base/names.js'

/** Text (stored as UTF-8) or raw bytes; `/` separates. `''` and `'/'` are the root. */
export type PathLike = string | Uint8Array

const LONE_SURROGATE_PATTERN = /\p{Surrogate}/u

/**
 * The segments of a path; none for the root.
 * @throws {VarveError} `INVALID_PATH` for `.`, `..`, empty segments, NUL, a leading or trailing `/`, text that is not
 * well-formed Unicode; `LIMIT_EXCEEDED` for a segment of more than 4,095 bytes, or a path of more than 1 MiB.
 */
export function parsePath(path: PathLike): ByteName[] {
  if (typeof path === 'string' && LONE_SURROGATE_PATTERN.test(path)) {
    throw invalid(path, 'is not well-formed Unicode', 'Give names that are not UTF-8 as bytes.')
  }
  const whole = typeof path === 'string' ? nameFromText(path) : nameFromBytes(path)
  if (whole === '' || whole === '/') return []
  if (whole.length > PATH_BYTES_MAX) {
    throw new VarveError('LIMIT_EXCEEDED', `a path has at most ${PATH_BYTES_MAX} bytes, not ${whole.length}`, {
      expected: PATH_BYTES_MAX,
      actual: whole.length,
    })
  }
  const text = nameToText(whole)
  if (whole.startsWith('/')) throw invalid(text, 'begins with "/"', 'Paths start at the root of the tree, without "/".')
  if (whole.endsWith('/')) throw invalid(text, 'ends with "/"')
  if (whole.includes('\0')) throw invalid(text, 'holds a NUL')
  const segments = whole.split('/') as ByteName[]
  for (const segment of segments) {
    if (segment === '') throw invalid(text, 'has an empty segment')
    if (segment === '.' || segment === '..') throw invalid(text, `has the segment "${segment}"`)
    if (segment.length > NAME_BYTES_MAX) {
      throw new VarveError('LIMIT_EXCEEDED', `a name has at most ${NAME_BYTES_MAX} bytes, not ${segment.length}`, {
        path: text,
        expected: NAME_BYTES_MAX,
        actual: segment.length,
      })
    }
  }
  return segments
}

export function joinPath(segments: readonly ByteName[]): ByteName {
  return segments.join('/') as ByteName
}

/** Whether `path` is `ancestor` or lies below it. */
export function isBelow(path: readonly ByteName[], ancestor: readonly ByteName[]): boolean {
  return path.length >= ancestor.length && ancestor.every((segment, index) => path[index] === segment)
}

/** For messages: `the root` or the quoted path. */
export function describePath(path: readonly ByteName[] | ByteName): string {
  const whole = typeof path === 'string' ? path : joinPath(path)
  return whole === ROOT_NAME ? 'the root' : JSON.stringify(nameToText(whole))
}

function invalid(path: string, problem: string, hint?: string): VarveError {
  return new VarveError('INVALID_PATH', `the path ${JSON.stringify(path)} ${problem}`, {
    path,
    ...(hint === undefined ? {} : { hint }),
  })
}
