/**
 * Which entries of a tree are left out, in the syntax of .gitignore.
 *
 * Model: patterns of the caller hold for the whole tree and come first. Below them, with `files`, a directory's
 * .gitignore and .varveignore hold for what is below it; the deeper file decides over the higher one, and .varveignore
 * over .gitignore beside it. Nothing below an ignored directory is looked at, so nothing there can be taken in again.
 * Upper and lower case differ, except on Windows and macOS, as Git has it.
 */
import ignore from 'ignore'
import { type ByteName, nameToText, ROOT_NAME } from '../base/names.js'

/** In the order in which they are applied to one directory: the last word is the last one's. */
export const IGNORE_FILE_NAMES = ['.gitignore', '.varveignore'] as readonly string[] as readonly ByteName[]

const IGNORES_CASE = process.platform === 'win32' || process.platform === 'darwin'

interface RuleSet {
  /** What the patterns are relative to, and end at: '' or a path with a `/` behind it. */
  readonly prefix: string
  readonly rules: ignore.Ignore
}

export class IgnoreRules {
  /** The first one that decides is obeyed. */
  readonly #sets: readonly RuleSet[]
  readonly #ofCaller: RuleSet | undefined

  private constructor(ofCaller: RuleSet | undefined, sets: readonly RuleSet[]) {
    this.#ofCaller = ofCaller
    this.#sets = sets
  }

  static fromPatterns(patterns: readonly string[]): IgnoreRules {
    return new IgnoreRules(patterns.length === 0 ? undefined : ruleSet(ROOT_NAME, patterns), [])
  }

  /** With the ignore files of `directory`, as they are applied one after the other. */
  with(directory: ByteName, files: readonly Buffer[]): IgnoreRules {
    if (files.length === 0) return this
    const set = ruleSet(directory, [])
    // One by one as text: only then are lines told apart.
    for (const file of files) set.rules.add(file.toString('utf8').replace(/^\ufeff/, ''))
    return new IgnoreRules(this.#ofCaller, [set, ...this.#sets])
  }

  /** @param path From the root of the tree; none of its parents is ignored. */
  ignores(path: ByteName, isDirectory: boolean): boolean {
    if (this.#ofCaller === undefined && this.#sets.length === 0) return false
    const text = `${nameToText(path)}${isDirectory ? '/' : ''}`
    return this.#decision(this.#ofCaller, text) ?? this.#bySets(text)
  }

  #bySets(text: string): boolean {
    for (const set of this.#sets) {
      const decided = this.#decision(set, text)
      if (decided !== undefined) return decided
    }
    return false
  }

  #decision(set: RuleSet | undefined, text: string): boolean | undefined {
    if (set === undefined) return undefined
    const { ignored, unignored } = set.rules.test(text.slice(set.prefix.length))
    return ignored ? true : unignored ? false : undefined
  }
}

function ruleSet(directory: ByteName, patterns: readonly string[]): RuleSet {
  const prefix = directory === ROOT_NAME ? '' : `${nameToText(directory)}/`
  return { prefix, rules: ignore({ ignorecase: IGNORES_CASE }).add(patterns) }
}
