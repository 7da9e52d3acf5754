/**
 * Paths named by globs, for work on all of history.
 *
 * A glob stands for a whole path from the root of the tree, with `*`, `?`, `[…]` and `**` as .gitignore has them; a directory
 * that matches stands for all below it, and one that ends with `/` matches directories alone. A name without any slash is one
 * at the root: anywhere it is `**\/name`. What nothing matches is remembered, so that a mistyped glob is noticed.
 */
import { VarveError } from '../base/errors.js'
import { type ByteName, nameFromText } from '../base/names.js'
import { type GitPattern, parseIgnoreLines } from '../worktree/gitPattern.js'
import { PatternList } from '../worktree/patternList.js'

interface PathGlob {
  readonly text: string
  readonly pattern: GitPattern
  readonly list: PatternList
  hasMatched: boolean
}

export class PathGlobs {
  readonly #globs: readonly PathGlob[]

  /** @throws {VarveError} `INVALID_ARGUMENT` for none, and for one that no path can match */
  constructor(texts: readonly string[]) {
    if (texts.length === 0) throw new VarveError('INVALID_ARGUMENT', 'no path is named')
    this.#globs = texts.map((text) => {
      const pattern = parseGlob(text)
      return { text, pattern, list: new PatternList([pattern]), hasMatched: false }
    })
  }

  /** Whether a path is named itself; that it lies below one that is, is for the caller to know. */
  matches(path: ByteName, isDirectory: boolean): boolean {
    let isMatch = false
    for (const glob of this.#globs) {
      if (glob.list.decide(path, isDirectory) !== true) continue
      glob.hasMatched = true
      isMatch = true
    }
    return isMatch
  }

  /** Whether anything below a directory can be named, by what the globs begin with. */
  canMatchBelow(directory: ByteName): boolean {
    if (directory === '') return true
    const start = `${directory}/`
    return this.#globs.some(({ pattern: { prefix, tokens } }) => {
      return prefix.startsWith(start) || (tokens.length > 0 && start.startsWith(prefix))
    })
  }

  /** Globs that nothing matched so far. */
  get unmatched(): string[] {
    return this.#globs.filter(({ hasMatched }) => !hasMatched).map(({ text }) => text)
  }
}

/** With a slash in front a line is a path from the root, whatever else it begins with. */
function parseGlob(text: string): GitPattern {
  const isOneLine = !/[\0\n\r]|\p{Surrogate}/u.test(text)
  const body = nameFromText(text).replace(/^\/+/, '')
  // Spaces at the end of a line would be cut off.
  const line = `/${body.replace(/ +$/, (spaces) => '\\ '.repeat(spaces.length))}`
  const [pattern] = isOneLine && !body.endsWith('\\') ? parseIgnoreLines(line, false) : []
  if (pattern) return pattern
  throw new VarveError('INVALID_ARGUMENT', `no path can match ${JSON.stringify(text)}`, {
    actual: text,
    hint: 'A path from the root of the tree is meant, without "/" in front; `*`, `?`, `[…]` and `**` are special, `\\` makes them plain.',
  })
}
