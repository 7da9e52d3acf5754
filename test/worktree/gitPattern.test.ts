/** The syntax, line by line. What each means was looked up in Git, with which ignoreAsGit.test.ts compares at random. */
import { describe, expect, test } from 'vitest'
import { nameFromText } from '../../src/base/names.js'
import { foldCase, parseIgnoreLines } from '../../src/worktree/gitPattern.js'
import { PatternList } from '../../src/worktree/patternList.js'

/** Whether a path is ignored; paths that end with `/` are folders. Text stands for UTF-8. */
function ignoredBy(lines: string, path: string, ignoresCase = false): boolean {
  const isDirectory = path.endsWith('/')
  const name = nameFromText(isDirectory ? path.slice(0, -1) : path)
  const patterns = new PatternList(parseIgnoreLines(nameFromText(lines), ignoresCase))
  return patterns.decide(ignoresCase ? foldCase(name) : name, isDirectory) ?? false
}

interface Row {
  readonly line: string
  readonly ignored?: readonly string[]
  readonly taken?: readonly string[]
}

function each(rows: readonly Row[]): void {
  test.each(rows)('$line', ({ line, ignored = [], taken = [] }) => {
    expect(ignored.filter((path) => !ignoredBy(line, path))).toEqual([])
    expect(taken.filter((path) => ignoredBy(line, path))).toEqual([])
  })
}

describe('lines', () => {
  each([
    { line: '# a\n\n\r\n   \n', taken: ['# a', ' a', 'a', '\r', ' ', '   '] },
    { line: '\\# a', ignored: ['# a'] },
    { line: '\\!a', ignored: ['!a'], taken: ['a'] },
    { line: 'a#', ignored: ['a#'] },
    { line: 'a \nb\\ \nc\\  \nd\t\ne\\\\ ', ignored: ['a', 'b ', 'c ', 'd\t', 'e\\'], taken: ['a ', 'b', 'd', 'c  '] },
    { line: 'a\r\nb\r', ignored: ['a', 'b'], taken: ['a\r', 'b\r'] },
    { line: '\ufeffa\n\ufeffb', ignored: ['a'], taken: ['b'] },
    { line: 'a\0b', ignored: ['a'], taken: ['b'] },
    { line: 'a*\n!ab\nab*c', ignored: ['a', 'abc'], taken: ['ab'] },
    { line: '!!a\n!\n/\n//\n!/', taken: ['a', '!a', 'b', 'b/'] },
    { line: 'a\n!a\na', ignored: ['a'] },
  ])
})

describe('slashes', () => {
  each([
    { line: '/a', ignored: ['a', 'a/'], taken: ['b/a'] },
    { line: 'a/b', ignored: ['a/b'], taken: ['c/a/b', 'a/b/c'] },
    { line: 'a/', ignored: ['a/', 'b/a/'], taken: ['a', 'b/a'] },
    { line: '/a/b/', ignored: ['a/b/'], taken: ['a/b', 'c/a/b/'] },
    { line: '//a\na//', taken: ['a', 'a/'] },
    { line: 'a\\/b', ignored: ['a/b'], taken: ['c/a/b'] },
    { line: 'a\\/', taken: ['a', 'a/'] },
  ])
})

describe('wildcards', () => {
  each([
    { line: '*.o', ignored: ['.o', 'a.o', 'b/a.o'], taken: ['a.os', 'o'] },
    { line: '/*.o', ignored: ['a.o'], taken: ['b/a.o'] },
    { line: 'a/*', ignored: ['a/b'], taken: ['a', 'a/b/c'] },
    { line: '*/a', ignored: ['b/a'], taken: ['a', 'c/b/a'] },
    { line: 'a?c', ignored: ['abc', 'x/a?c'], taken: ['ac', 'a/c', 'abbc'] },
    { line: 'x/a?c', ignored: ['x/abc'], taken: ['x/a/c'] },
    { line: '*a*b*', ignored: ['ab', 'xaxbx', 'aab'], taken: ['ba', 'a/b'] },
    { line: 'a\\*\nb\\?\n\\[c]\n\\d', ignored: ['a*', 'b?', '[c]', 'd'], taken: ['ab', 'bb', 'c', '\\d'] },
    { line: 'a\\', taken: ['a', 'a\\'] },
    { line: '**/a', ignored: ['a', 'b/a', 'c/b/a'], taken: ['ba', 'a/b'] },
    { line: '**/a/b', ignored: ['a/b', 'c/a/b'], taken: ['ca/b', 'a/c/b'] },
    { line: 'a/**', ignored: ['a/b', 'a/b/c'], taken: ['a', 'a/', 'c/a/b'] },
    { line: 'a/**/b', ignored: ['a/b', 'a/c/b', 'a/c/d/b'], taken: ['a/cb', 'c/a/b', 'ab'] },
    { line: '/**/a', ignored: ['a', 'b/a'] },
    { line: 'a/**/*/b', ignored: ['a/c/b', 'a/c/d/b'], taken: ['a/b'] },
    { line: 'x?/**/*a/**/b', ignored: ['xy/a/b', 'xy/z/ca/d/b'], taken: ['xy/b', 'xy/ac/b'] },
    { line: 'a/b**c', ignored: ['a/bc', 'a/bxc'], taken: ['a/b/c'] },
    { line: 'a/***/b', ignored: ['a/b', 'a/c/d/b'] },
    { line: 'a/?**/b', ignored: ['a/c/b', 'a/cd/b'], taken: ['a/c/d/b'] },
    { line: 'a/b**/c', ignored: ['a/bc', 'a/b/c', 'a/bx/y/c'], taken: ['a/bxc'] },
    { line: '/a**\\/b', ignored: ['a/b', 'ax/b', 'ax/y/b'], taken: ['ab'] },
    { line: '**', ignored: ['a', 'a/', 'a/b'] },
    { line: '**/', ignored: ['a/', 'a/b/'], taken: ['a', 'a/b'] },
  ])
})

describe('brackets', () => {
  each([
    { line: '[a-c]x', ignored: ['ax', 'cx'], taken: ['dx', 'x', '[a-c]x'] },
    { line: '[!a-c]x', ignored: ['dx', '!x'], taken: ['ax', 'x'] },
    { line: '[^a]x', ignored: ['bx', '^x'], taken: ['ax'] },
    { line: '[]a]x', ignored: [']x', 'ax'] },
    { line: '[!]a]x', ignored: ['bx'], taken: [']x', 'ax'] },
    { line: '[a-]x', ignored: ['ax', '-x'], taken: ['bx'] },
    { line: '[a-c-e]x', ignored: ['bx', '-x', 'ex'], taken: ['dx'] },
    { line: '[c-a]x', ignored: ['cx'], taken: ['ax', 'bx', '-x'] },
    { line: '[\\]\\-]x', ignored: [']x', '-x'], taken: ['\\x'] },
    { line: '[a-\\c]x', ignored: ['bx'] },
    { line: '[[:digit:]_]x', ignored: ['1x', '_x'], taken: ['ax', ':x'] },
    { line: '[![:alpha:]]x', ignored: ['1x'], taken: ['ax', 'Zx'] },
    { line: '[[:space:]]x', ignored: [' x', '\tx'], taken: ['\vx', '\fx'] },
    { line: '[[:punct:]]x', ignored: ['!x', '_x', '~x'], taken: ['ax', '1x', ' x'] },
    { line: '[[:word:]]x', taken: ['wx', ':x', 'w]x', ':]x'] },
    { line: '[[:constructor:]]x', taken: ['ax'] },
    { line: '[[:a]x', ignored: ['[x', ':x', 'ax'] },
    { line: '[a', taken: ['a', '[a'] },
    { line: 'a[!b]c', taken: ['a/c', 'abc'] },
    { line: 'x/a[/]c', taken: ['x/a/c', 'x/a[/]c'] },
  ])
})

describe('bytes', () => {
  test('one is what a wildcard stands for, not a letter', () => {
    expect(ignoredBy('?', 'é')).toBe(false)
    expect(ignoredBy('??', 'é')).toBe(true)
    expect(ignoredBy('[é]', 'é')).toBe(false)
    expect(ignoredBy('*é*', 'né')).toBe(true)
  })

  test('need not be UTF-8', () => {
    const patterns = new PatternList(parseIgnoreLines('\xff\n\xfe*\n[\x80-\xbf]b', false))
    expect(['\xff', '\xfe\xfd', '\x90b', '\xfd', '\xc0b'].map((name) => patterns.decide(name, false))).toEqual([
      true,
      true,
      true,
      undefined,
      undefined,
    ])
  })
})

describe('where case is ignored', () => {
  test.each(['*.o', '*.O', 'A.o', '/[a-c].o', '[A-C].o', '?.[[:upper:]]'])('%s', (line) => {
    expect(ignoredBy(line, 'A.O', true)).toBe(true)
    expect(ignoredBy(line, 'a.o', true)).toBe(true)
  })

  test.each(['\\A', '[A]'])('%s is not found, nor is it by Git', (line) => {
    expect(ignoredBy(line, 'A', true)).toBe(false)
    expect(ignoredBy(line, 'a', true)).toBe(false)
  })

  test('letters beyond ASCII are told apart', () => {
    expect(ignoredBy('É', 'é', true)).toBe(false)
    expect(ignoredBy('à', 'Ã\xa0', true)).toBe(false)
  })
})

/** Without care each of these takes longer than anybody waits. */
describe('patterns made to take long', () => {
  const long = 'a'.repeat(255)
  const cases: readonly [string, string][] = [
    ['a*'.repeat(100).concat('b'), long],
    ['*a'.repeat(100).concat('[b]'), long],
    ['**/a*a*a*a*/**/a*a*[b]', `${'aaaaaaaa/'.repeat(400)}c`],
    ['**/*/'.repeat(50).concat('[b]'), `${'a/'.repeat(2000)}c`],
    [`**/${'a*'.repeat(100)}[b]`, `${long}/`.repeat(16).concat('c')],
    ['[[:'.repeat(300_000).concat(']'), long],
    ['[a-z]'.repeat(200_000), long],
    [`[${'a-z'.repeat(300_000)}]*b`, long],
    ['*?'.repeat(500_000), long],
    ['*a/'.repeat(300_000).concat('**'), `${'a/'.repeat(2000)}a`],
    [' '.repeat(1_000_000), ' '],
    ['\\'.repeat(1_000_001), '\\'],
  ]
  test.each(cases.map(([line, path]) => ({ start: line.slice(0, 20), line, path })))('$start', ({ line, path }) => {
    expect(ignoredBy(line, path)).toBe(false)
  })
})

/** 100,000 patterns of a kind, 10,000 paths: only look-ups by what is literal in them get through that. */
describe('a file of a megabyte', () => {
  const paths = Array.from({ length: 10_000 }, (_, i) => `dir${i % 100}/sub${i % 7}/file-${i}.txt`)
  test.each<[string, (i: number) => string, number]>([
    ['names', (i) => `file-${i * 2}.txt`, 5000],
    ['paths', (i) => `/dir${i % 50}/sub${i % 7}/file-${i}.txt`, 5000],
    ['endings', (i) => `*.tx${i}`, 0],
    ['starts', (i) => `file-${i}*`, 10_000],
    ['middles', (i) => `*-${i}.t*`, 10_000],
    ['folders at any depth', (i) => `**/dir${i * 2}/**`, 5000],
    ['brackets', (i) => `[ef]ile-${i}[.]*`, 10_000],
    ['the same', () => '[xy]*', 0],
    ['negated ones', (i) => (i === 0 ? '*' : `!file-${i}.txt`), 1],
  ])('of %s', (_, line, ignored) => {
    const text = Array.from({ length: 100_000 }, (_, i) => line(i)).join('\n')
    const patterns = new PatternList(parseIgnoreLines(text, false))
    expect(paths.filter((path) => patterns.decide(path, false))).toHaveLength(ignored)
  })
})
