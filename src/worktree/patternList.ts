/**
 * The patterns that hold below one directory, in their order: the last one that matches decides.
 *
 * Model: patterns are found by a literal part of theirs, so that a list of a hundred thousand costs a path a few
 * look-ups. Literal ones are found by all they say, others by the longest run of literal bytes: where they start, where
 * they end, or anywhere. Only patterns without any are tried one by one.
 */
import { type GitPattern, isLiteral, type Token, tokensMatch } from './gitPattern.js'

interface Rule extends GitPattern {
  readonly order: number
}

export class PatternList {
  readonly #basenames = new PatternIndex()
  readonly #paths = new PatternIndex()

  constructor(patterns: readonly GitPattern[]) {
    for (const [order, pattern] of patterns.entries()) {
      const index = pattern.scope === 'basename' ? this.#basenames : this.#paths
      index.add({ ...pattern, order })
    }
  }

  /**
   * @param path From the directory that the patterns are of.
   * @returns whether the path is ignored; `undefined` if nothing here says so or otherwise
   */
  decide(path: string, isDirectory: boolean): boolean | undefined {
    const basename = path.slice(path.lastIndexOf('/') + 1)
    const last = this.#paths.last(path, isDirectory, this.#basenames.last(basename, isDirectory, undefined))
    return last && !last.isNegated
  }
}

class PatternIndex {
  readonly #literal = new Map<string, Rule[]>()
  readonly #byStart = new KeyedRules()
  readonly #byEnd = new KeyedRules()
  readonly #byMiddle = new KeyedRules()
  readonly #others: Rule[] = []

  /** In ascending order. */
  add(rule: Rule): void {
    if (rule.tokens.length === 0) {
      addTo(this.#literal, rule.prefix, rule)
      return
    }
    const { inside, end } = literalRuns(rule.tokens)
    const longest = Math.max(rule.prefix.length, inside.length, end.length)
    if (longest === 0) this.#others.push(rule)
    else if (rule.prefix.length === longest) this.#byStart.add(rule.prefix, rule)
    else if (end.length === longest) this.#byEnd.add(end, rule)
    else this.#byMiddle.add(inside, rule)
  }

  /** The last rule that matches, if it comes after `found`; else `found`. */
  last(text: string, isDirectory: boolean, found: Rule | undefined): Rule | undefined {
    let last = lastOf(this.#others, text, isDirectory, found)
    last = lastOf(this.#literal.get(text), text, isDirectory, last)
    for (const length of this.#byStart.lengthsUpTo(text.length)) {
      last = lastOf(this.#byStart.get(text.slice(0, length)), text, isDirectory, last)
    }
    for (const length of this.#byEnd.lengthsUpTo(text.length)) {
      last = lastOf(this.#byEnd.get(text.slice(text.length - length)), text, isDirectory, last)
    }
    for (const rules of this.#byMiddle.foundIn(text)) last = lastOf(rules, text, isDirectory, last)
    return last
  }
}

class KeyedRules {
  readonly #rules = new Map<string, Rule[]>()
  /** Of the keys. */
  readonly #lengths = new Set<number>()

  add(key: string, rule: Rule): void {
    addTo(this.#rules, key, rule)
    this.#lengths.add(key.length)
  }

  get(key: string): readonly Rule[] | undefined {
    return this.#rules.get(key)
  }

  *lengthsUpTo(longest: number): Generator<number> {
    for (const length of this.#lengths) if (length <= longest) yield length
  }

  /** The rules of all keys that a text holds; some of them more than once. */
  *foundIn(text: string): Generator<readonly Rule[]> {
    if (this.#rules.size <= this.#lengths.size * KEYS_PER_LENGTH) {
      // Searching for a key is fast, cutting out all that is as long as keys of so many lengths are is not.
      for (const [key, rules] of this.#rules) if (text.includes(key)) yield rules
      return
    }
    for (const length of this.lengthsUpTo(text.length)) {
      for (let start = 0; start + length <= text.length; start++) {
        const rules = this.#rules.get(text.slice(start, start + length))
        if (rules) yield rules
      }
    }
  }
}

/** From so many keys of one length on, they are looked up and not searched for. */
const KEYS_PER_LENGTH = 16

function addTo(map: Map<string, Rule[]>, key: string, rule: Rule): void {
  const rules = map.get(key)
  if (rules) rules.push(rule)
  else map.set(key, [rule])
}

function lastOf(
  rules: readonly Rule[] | undefined,
  text: string,
  isDirectory: boolean,
  found: Rule | undefined,
): Rule | undefined {
  if (!rules) return found
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i] as Rule
    if (found && rule.order < found.order) return found
    if (matches(rule, text, isDirectory)) return rule
  }
  return found
}

function matches(rule: Rule, text: string, isDirectory: boolean): boolean {
  if (rule.matchesDirectoriesOnly && !isDirectory) return false
  if (text.length < rule.minLength || !text.startsWith(rule.prefix)) return false
  return tokensMatch(rule.tokens, text, rule.prefix.length)
}

/** The longest run of literal bytes, and the run at the end. */
function literalRuns(tokens: readonly Token[]): { readonly inside: string; readonly end: string } {
  let inside = ''
  let run = ''
  for (const token of tokens) {
    run = isLiteral(token) ? run + String.fromCharCode(token) : ''
    if (run.length > inside.length) inside = run
  }
  return { inside, end: run }
}
