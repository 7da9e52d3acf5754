/**
 * One pattern of an ignore file, as gitignore(5) has it, compiled and matched over byte strings.
 *
 * Model: a pattern is a literal prefix and, behind it, tokens: a byte, any byte, a set of bytes, or a wildcard of any
 * length. A `/` is matched by a slash and by two stars, by nothing else. As in Git, the prefix is taken off before the rest
 * is read: two stars right behind it stand at a start, and mean any number of folders.
 *
 * Guarantees: whatever its bytes, a line is a pattern or is none, never an error. Matching takes at most time
 * quadratic in the length of the path: there is no backtracking over more than one `*` and one `**`.
 */

export interface GitPattern {
  /** Begins with `!`: what it matches is taken in. */
  readonly isNegated: boolean
  readonly matchesDirectoriesOnly: boolean
  /** What it is compared with: the last segment of a path, or all of it. */
  readonly scope: 'basename' | 'path'
  /** What has to stand at the start, byte by byte. */
  readonly prefix: string
  /** Behind the prefix; none if the pattern is literal. */
  readonly tokens: readonly Token[]
  /** Shorter texts do not match. */
  readonly minLength: number
}

/** A byte, a wildcard (negative), or a set of bytes. */
export type Token = number | ByteSet

/** First and last byte of each range, one after the other, ascending. */
type ByteSet = readonly number[]

const ANY_BYTE = -1
const ANY_IN_SEGMENT = -2
/** Two stars with the end or `\/` behind them: anything, of any number of segments. */
const ANY = -3
/** Two stars with the slash behind them: nothing, or anything that ends with a slash. */
const ANY_FOLDERS = -4

const SLASH = 0x2f
const UPPER_A = 0x41
const UPPER_Z = 0x5a
const TO_LOWER = 0x20

const WILDCARD_START = /[*?[\\]/

/**
 * The patterns of a file, or of any text of several lines. Lines that can match nothing have none.
 *
 * @param ignoresCase Upper and lower case of ASCII, as Git does; other letters are told apart.
 */
export function parseIgnoreLines(bytes: string, ignoresCase: boolean): GitPattern[] {
  const lines = bytes.replace(/^\xef\xbb\xbf/, '').split('\n')
  // Of equal lines the last one says it all.
  const distinct = [...new Set(lines.reverse())].reverse()
  const patterns = distinct.map((line) => parseLine(line, ignoresCase))
  return patterns.filter((pattern) => pattern !== undefined)
}

function parseLine(line: string, ignoresCase: boolean): GitPattern | undefined {
  if (line.startsWith('#')) return undefined
  const cut = line.indexOf('\0')
  const text = withoutTrailingSpaces(cut === -1 ? line.replace(/\r$/, '') : line.slice(0, cut))
  const isNegated = text.startsWith('!')
  const matchesDirectoriesOnly = text.length > (isNegated ? 1 : 0) && text.endsWith('/')
  const body = text.slice(isNegated ? 1 : 0, matchesDirectoriesOnly ? -1 : undefined)
  const scope = body.includes('/') ? 'path' : 'basename'
  const glob = body.startsWith('/') ? body.slice(1) : body
  if (glob === '') return undefined
  const found = glob.search(WILDCARD_START)
  const prefixLength = found === -1 ? glob.length : found
  const tokens = tokensOf(glob.slice(prefixLength), ignoresCase)
  if (!tokens) return undefined
  const prefix = ignoresCase ? foldCase(glob.slice(0, prefixLength)) : glob.slice(0, prefixLength)
  const minLength = prefixLength + tokens.filter((token) => !isOfAnyLength(token)).length
  return { isNegated, matchesDirectoriesOnly, scope, prefix, tokens, minLength }
}

/** No other white space is cut off, nor a space that a backslash stands before. */
function withoutTrailingSpaces(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === ' ') end--
  if (end === line.length) return line
  let backslashes = 0
  while (line[end - 1 - backslashes] === '\\') backslashes++
  return line.slice(0, end + (backslashes % 2))
}

/** ASCII alone: in UTF-8 bytes of other letters have a case of their own in Latin 1. */
export function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase())
}

/** `undefined` for what can match nothing. */
function tokensOf(glob: string, ignoresCase: boolean): Token[] | undefined {
  const tokens: Token[] = []
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at]
    if (character === '*') {
      const start = at
      while (glob[at + 1] === '*') at++
      const token = starToken(glob, start, at + 1)
      if (token === ANY_FOLDERS) at++
      tokens.push(token)
    } else if (character === '?') {
      tokens.push(ANY_BYTE)
    } else if (character === '[') {
      const bracket = parseBracket(glob, at, ignoresCase)
      if (!bracket) return undefined
      tokens.push(bracket.set)
      at = bracket.end
    } else if (character === '\\') {
      at++
      if (at === glob.length) return undefined
      // Its case is kept: Git folds what an escaped upper-case letter is compared with, and not the letter.
      tokens.push(glob.charCodeAt(at))
    } else {
      tokens.push(ignoresCase ? foldCase(character as string).charCodeAt(0) : glob.charCodeAt(at))
    }
  }
  return tokens
}

/** Stars from `start` to `end`. */
function starToken(glob: string, start: number, end: number): Token {
  const isWhole = end - start > 1 && (start === 0 || glob[start - 1] === '/')
  if (!isWhole) return ANY_IN_SEGMENT
  if (glob[end] === '/') return ANY_FOLDERS
  return end === glob.length || glob.startsWith('\\/', end) ? ANY : ANY_IN_SEGMENT
}

/** First and last byte of each range of a class; what is outside ASCII is in none. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['alnum', '09AZaz'],
  ['alpha', 'AZaz'],
  ['blank', '\t\t  '],
  ['cntrl', '\0\x1f\x7f\x7f'],
  ['digit', '09'],
  ['graph', '!~'],
  ['lower', 'az'],
  ['print', ' ~'],
  ['punct', '!/:@[`{~'],
  // As Git counts: without vertical tab and form feed.
  ['space', '\t\n\r\r  '],
  ['upper', 'AZ'],
  ['xdigit', '09AFaf'],
])

interface Bracket {
  readonly set: ByteSet
  /** Where its `]` is. */
  readonly end: number
}

/** `[…]` from `start`; `undefined` if it is not closed, or names a class that is none. */
function parseBracket(glob: string, start: number, ignoresCase: boolean): Bracket | undefined {
  const members = new Uint8Array(256)
  const addRange = (first: number, last: number) => {
    members.fill(1, first, last + 1)
    // What is compared is in lower case.
    if (ignoresCase) members.fill(1, Math.max(first, UPPER_A) + TO_LOWER, Math.min(last, UPPER_Z) + TO_LOWER + 1)
  }
  const isNegated = glob[start + 1] === '!' || glob[start + 1] === '^'
  const first = start + (isNegated ? 2 : 1)
  /** What a `-` starts from. */
  let previous = -1
  let nextClose = -1
  let at = first
  // The first one is a member even if it is `]`.
  for (; at === first || glob[at] !== ']'; at++) {
    if (glob[at] === '-' && previous !== -1 && at + 1 < glob.length && glob[at + 1] !== ']') {
      at += glob[at + 1] === '\\' ? 2 : 1
      if (at >= glob.length) return undefined
      addRange(previous, glob.charCodeAt(at))
      previous = -1
      continue
    }
    if (glob.startsWith('[:', at)) {
      if (nextClose < at + 2) nextClose = glob.indexOf(']', at + 2)
      if (nextClose === -1) return undefined
      if (nextClose > at + 2 && glob[nextClose - 1] === ':') {
        const ranges = CLASSES.get(glob.slice(at + 2, nextClose - 1))
        if (ranges === undefined) return undefined
        for (let i = 0; i < ranges.length; i += 2) addRange(ranges.charCodeAt(i), ranges.charCodeAt(i + 1))
        previous = -1
        at = nextClose
        continue
      }
    }
    if (glob[at] === '\\') at++
    if (at >= glob.length) return undefined
    previous = glob.charCodeAt(at)
    // Not in lower case too: Git does not fold a single letter in brackets.
    members[previous] = 1
  }
  return { set: rangesOf(members, isNegated ? 0 : 1), end: at }
}

function rangesOf(members: Uint8Array, wanted: number): ByteSet {
  members[SLASH] = 1 - wanted
  const bounds: number[] = []
  for (let byte = 0; byte < members.length; byte++) {
    if (members[byte] !== wanted) continue
    if (bounds.at(-1) === byte - 1) bounds[bounds.length - 1] = byte
    else bounds.push(byte, byte)
  }
  return bounds
}

function isOfAnyLength(token: Token): boolean {
  return typeof token === 'number' && token <= ANY_IN_SEGMENT
}

/** Whether a token is a byte that stands for itself. */
export function isLiteral(token: Token): token is number {
  return typeof token === 'number' && token >= 0
}

/**
 * Whether the tokens of a pattern match the end of a text; the prefix is the caller's to compare.
 *
 * A `*` that was passed is tried longer when what follows fails, and given up at the next slash or the next `*`: what is
 * matched early leaves most to the rest. The same holds for `**`, and the next `**`.
 */
export function tokensMatch(tokens: readonly Token[], text: string, start: number): boolean {
  let at = start
  let next = 0
  /** Behind the last `*`, as indexes of tokens and text. */
  let afterStar = -1
  let starEnd = 0
  /** The last `**`. */
  let anyToken = -1
  let anyEnd = 0
  for (;;) {
    const token = tokens[next]
    if (token === undefined) {
      if (at === text.length) return true
    } else if (token === ANY_IN_SEGMENT) {
      afterStar = ++next
      starEnd = at
      continue
    } else if (token === ANY || token === ANY_FOLDERS) {
      anyToken = next++
      anyEnd = at
      afterStar = -1
      if (token === ANY && next === tokens.length) return true
      continue
    } else if (at < text.length && matchesByte(token, text.charCodeAt(at))) {
      if (token === SLASH) afterStar = -1
      at++
      next++
      continue
    }
    if (afterStar !== -1 && starEnd < text.length && text.charCodeAt(starEnd) !== SLASH) {
      at = ++starEnd
      next = afterStar
      continue
    }
    if (anyToken === -1) return false
    const isFolders = tokens[anyToken] === ANY_FOLDERS
    const slash = text.indexOf('/', isFolders ? anyEnd : anyEnd + 1)
    if (slash === -1) return false
    at = anyEnd = isFolders ? slash + 1 : slash
    next = anyToken + 1
    afterStar = -1
  }
}

function matchesByte(token: Token, byte: number): boolean {
  if (typeof token === 'number') return token === byte || (token === ANY_BYTE && byte !== SLASH)
  for (let i = 0; i < token.length; i += 2) {
    if (byte < (token[i] as number)) return false
    if (byte <= (token[i + 1] as number)) return true
  }
  return false
}
