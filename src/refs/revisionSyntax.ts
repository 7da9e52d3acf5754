/**
 * How revisions are written.
 *
 *   revision   base step* [`:` path]
 *   base       name [`@{` N or time `}`]      a branch, tag or id prefix; `HEAD`, `@` or nothing: the branch at hand
 *   step       `~` [N]  N first parents up    `^` [N]  the Nth parent; `^0` the commit itself
 *   range      [revision] `..` [revision]     what lies below the right one and not below the left one
 */
import { VarveError } from '../base/errors.js'
import type { ByteName } from '../base/names.js'
import { joinPath, parsePath } from '../history/paths.js'

export interface Step {
  readonly kind: '~' | '^'
  readonly count: number
  /** The revision up to and with this step, for messages. */
  readonly text: string
}

export interface ParsedRevision {
  /** As it was written. */
  readonly text: string
  /** Without path. */
  readonly commitText: string
  /** A name or id prefix; `HEAD` where there is none. */
  readonly name: string
  /** What stands in `@{…}`. */
  readonly at: string | undefined
  readonly steps: readonly Step[]
  /** `undefined` without `:`. */
  readonly path: ByteName | undefined
}

/** What lies below `to` and not below `from`. */
export interface ParsedRange {
  readonly from: string
  readonly to: string
}

const HEAD = 'HEAD'
const COUNT_MAX = 2 ** 31 - 1

/** @throws {VarveError} `INVALID_ARGUMENT` when it is not written as a revision is, `INVALID_PATH` */
export function parseRevision(text: string): ParsedRevision {
  const colon = indexOutsideBraces(text, ':')
  const commitText = colon < 0 ? text : text.slice(0, colon)
  const path = colon < 0 ? undefined : joinPath(parsePath(text.slice(colon + 1)))
  if (text === '') throw malformed(text, 'is empty')
  if (indexOutsideBraces(commitText, '..') >= 0) {
    throw malformed(text, 'is a range, and one commit is wanted here')
  }
  const nameEnd = commitText.search(/[~^]|@\{/)
  const name = nameEnd < 0 ? commitText : commitText.slice(0, nameEnd)
  let rest = nameEnd < 0 ? '' : commitText.slice(nameEnd)
  let at: string | undefined
  if (rest.startsWith('@{')) {
    const close = rest.indexOf('}')
    if (close < 0) throw malformed(text, 'has "@{" without "}"')
    at = rest.slice(2, close).trim()
    rest = rest.slice(close + 1)
    if (at === '') throw malformed(text, 'has nothing between "@{" and "}"')
  }
  const steps: Step[] = []
  while (rest !== '') {
    const match = /^([~^])(\d*)/.exec(rest)
    if (!match) throw malformed(text, `goes on with ${JSON.stringify(rest)}, which is no "~N" or "^N"`)
    rest = rest.slice(match[0].length)
    const count = match[2] === '' ? 1 : Number(match[2])
    if (count > COUNT_MAX) throw malformed(text, `counts to ${match[2]}`)
    const kind = match[1] === '~' ? '~' : '^'
    steps.push({ kind, count, text: commitText.slice(0, commitText.length - rest.length) })
  }
  return { text, commitText, name: name === '' || name === '@' ? HEAD : name, at, steps, path }
}

/**
 * `A..B`; either side may be left out for `HEAD`.
 * @returns `undefined` when `text` is no range
 * @throws {VarveError} `UNSUPPORTED` for `A...B`
 */
export function parseRange(text: string): ParsedRange | undefined {
  const colon = indexOutsideBraces(text, ':')
  const dots = indexOutsideBraces(colon < 0 ? text : text.slice(0, colon), '..')
  if (dots < 0) return undefined
  if (text.startsWith('...', dots)) {
    throw new VarveError('UNSUPPORTED', `symmetric differences such as ${JSON.stringify(text)} are not understood`, {
      actual: text,
      hint: 'Write A..B for what lies below B and not below A.',
    })
  }
  return { from: text.slice(0, dots) || HEAD, to: text.slice(dots + 2) || HEAD }
}

/** Times hold `:`, and stand in `@{…}`. */
function indexOutsideBraces(text: string, wanted: string): number {
  for (let index = 0; index < text.length; index++) {
    if (text.startsWith(wanted, index)) return index
    if (!text.startsWith('@{', index)) continue
    const close = text.indexOf('}', index)
    if (close < 0) return -1
    index = close
  }
  return -1
}

function malformed(text: string, problem: string): VarveError {
  return new VarveError('INVALID_ARGUMENT', `the revision ${JSON.stringify(text)} ${problem}`, {
    expected: 'a branch, a tag, an id of 4 digits or more, with ~N, ^N, @{N} or @{time}',
    actual: text,
  })
}
