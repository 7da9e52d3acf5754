/**
 * Which entries of a tree are left out, in the syntax and with the meaning of .gitignore.
 *
 * Model: patterns of the caller hold for the whole tree and come first. Below them, with `files`, a directory's
 * .gitignore and .varveignore hold for what is below it; the deeper file decides over the higher one, and .varveignore
 * over .gitignore beside it. Global patterns hold for the whole tree where nothing else decides. Nothing below an ignored
 * directory is looked at, so nothing there can be taken in again. Names and patterns are bytes, of any encoding or none.
 * Upper and lower case differ, except on Windows and macOS, as Git has it.
 */
import { type ByteName, nameFromBytes, nameFromText, ROOT_NAME } from '../base/names.js'
import { foldCase, parseIgnoreLines } from './gitPattern.js'
import { PatternList } from './patternList.js'

/** In the order in which they are applied to one directory: the last word is the last one's. */
export const IGNORE_FILE_NAMES = ['.gitignore', '.varveignore'] as readonly string[] as readonly ByteName[]

const IGNORES_CASE = process.platform === 'win32' || process.platform === 'darwin'

export interface IgnoreOptions {
  /** Patterns that decide where nothing else does. */
  readonly global?: readonly string[] | undefined
  /** Default: what is usual on the system. */
  readonly ignoresCase?: boolean | undefined
}

interface RuleSet {
  /** What the patterns are relative to, and end at: the length of a path with a `/` behind it, or 0. */
  readonly prefixLength: number
  readonly patterns: PatternList
}

export class IgnoreRules {
  /** The first one that decides is obeyed. */
  readonly #ofCaller: readonly RuleSet[]
  readonly #ofFiles: readonly RuleSet[]
  readonly #global: readonly RuleSet[]
  readonly #ignoresCase: boolean

  private constructor(
    ofCaller: readonly RuleSet[],
    ofFiles: readonly RuleSet[],
    global: readonly RuleSet[],
    ignoresCase: boolean,
  ) {
    this.#ofCaller = ofCaller
    this.#ofFiles = ofFiles
    this.#global = global
    this.#ignoresCase = ignoresCase
  }

  /** @param patterns Of the caller; each may be of several lines. */
  static fromPatterns(patterns: readonly string[], options: IgnoreOptions = {}): IgnoreRules {
    const { global = [], ignoresCase = IGNORES_CASE } = options
    const setsOf = (texts: readonly string[]) => ruleSets(ROOT_NAME, texts.map(nameFromText), ignoresCase)
    return new IgnoreRules(setsOf(patterns), [], setsOf(global), ignoresCase)
  }

  /** With the ignore files of `directory`, as they are applied one after the other. */
  with(directory: ByteName, files: readonly Buffer[]): IgnoreRules {
    const added = ruleSets(directory, files.map(nameFromBytes), this.#ignoresCase)
    if (added.length === 0) return this
    return new IgnoreRules(this.#ofCaller, [...added, ...this.#ofFiles], this.#global, this.#ignoresCase)
  }

  /** @param path From the root of the tree; none of its parents is ignored. */
  ignores(path: ByteName, isDirectory: boolean): boolean {
    const text = this.#ignoresCase ? foldCase(path) : path
    for (const sets of [this.#ofCaller, this.#ofFiles, this.#global]) {
      for (const { prefixLength, patterns } of sets) {
        const decided = patterns.decide(text.slice(prefixLength), isDirectory)
        if (decided !== undefined) return decided
      }
    }
    return false
  }
}

/** One set, or none where there are no patterns. */
function ruleSets(directory: ByteName, texts: readonly string[], ignoresCase: boolean): RuleSet[] {
  const patterns = texts.flatMap((text) => parseIgnoreLines(text, ignoresCase))
  if (patterns.length === 0) return []
  return [{ prefixLength: directory === ROOT_NAME ? 0 : directory.length + 1, patterns: new PatternList(patterns) }]
}
