/** Patterns for names of branches and tags. */
import { VarveError } from '../base/errors.js'

/**
 * @param kind what is named
 * @throws {VarveError} `INVALID_ARGUMENT` for a pattern that no name can match
 */
export function requireNamePattern(pattern: string, kind: 'branch' | 'tag'): void {
  // Neither can be in a name: as a glob of another kind, it would match nothing, and nobody would notice.
  if (pattern !== '' && !/[[\\]/.test(pattern)) return
  throw new VarveError('INVALID_ARGUMENT', `no ${kind} can match ${JSON.stringify(pattern)}`, {
    actual: pattern,
    hint: 'Of patterns for names only `*` (any text) and `?` (any one character) are special.',
  })
}

/**
 * Whether a pattern matches a whole name: `*` is any text, slashes too, and `?` any one character.
 *
 * In time by the product of the lengths at most: only the last `*` is ever tried longer.
 */
export function matchesName(pattern: string, name: string): boolean {
  const wanted = [...pattern]
  const text = [...name]
  let next = 0
  let at = 0
  /** Behind the last `*`, and how far it reaches. */
  let afterStar = -1
  let starEnd = 0
  while (at < text.length) {
    if (wanted[next] === '*') {
      afterStar = ++next
      starEnd = at
    } else if (next < wanted.length && (wanted[next] === '?' || wanted[next] === text[at])) {
      next++
      at++
    } else if (afterStar !== -1) {
      next = afterStar
      at = ++starEnd
    } else {
      return false
    }
  }
  return wanted.slice(next).every((character) => character === '*')
}
