import { describe, expect, test } from 'vitest'
import { nameFromText } from '../../src/base/names.js'
import { IgnoreRules } from '../../src/worktree/ignoreRules.js'

function ignores(rules: IgnoreRules, path: string): boolean {
  const isDirectory = path.endsWith('/')
  return rules.ignores(nameFromText(isDirectory ? path.slice(0, -1) : path), isDirectory)
}

const under = (rules: IgnoreRules, directory: string, ...files: string[]) =>
  rules.with(
    nameFromText(directory),
    files.map((text) => Buffer.from(text)),
  )

describe('patterns of the caller', () => {
  test('none ignore nothing', () => {
    expect(ignores(IgnoreRules.fromPatterns([]), 'a')).toBe(false)
  })

  test('hold at every depth, for folders with a slash', () => {
    const rules = IgnoreRules.fromPatterns(['*.o', 'build/', '/top', '!keep.o'])
    expect(ignores(rules, 'deep/down/a.o')).toBe(true)
    expect(ignores(rules, 'deep/keep.o')).toBe(false)
    expect(ignores(rules, 'deep/build/')).toBe(true)
    expect(ignores(rules, 'deep/build')).toBe(false)
    expect(ignores(rules, 'top')).toBe(true)
    expect(ignores(rules, 'deep/top')).toBe(false)
  })

  test.skipIf(process.platform !== 'linux')('tell case apart', () => {
    expect(ignores(IgnoreRules.fromPatterns(['*.o']), 'A.O')).toBe(false)
  })

  test('decide over ignore files', () => {
    const rules = under(IgnoreRules.fromPatterns(['!wanted.log', 'extra']), '', '*.log', '!extra')
    expect(ignores(rules, 'wanted.log')).toBe(false)
    expect(ignores(rules, 'other.log')).toBe(true)
    expect(ignores(rules, 'extra')).toBe(true)
  })
})

describe('ignore files', () => {
  test('hold below their folder, relative to it', () => {
    const rules = under(IgnoreRules.fromPatterns([]), 'sub', '/only-here\n# a comment\n\n*.tmp\n')
    expect(ignores(rules, 'sub/only-here')).toBe(true)
    expect(ignores(rules, 'sub/deeper/only-here')).toBe(false)
    expect(ignores(rules, 'sub/deeper/x.tmp')).toBe(true)
  })

  test('the deeper one decides over the higher one, the later one over the earlier one', () => {
    const top = under(IgnoreRules.fromPatterns([]), '', '*.log')
    const deep = under(top, 'sub', '*.txt', '!a.log\n!b.txt')
    expect(ignores(deep, 'sub/a.log')).toBe(false)
    expect(ignores(deep, 'sub/c.log')).toBe(true)
    expect(ignores(deep, 'sub/b.txt')).toBe(false)
    expect(ignores(top, 'a.log')).toBe(true)
  })
})
