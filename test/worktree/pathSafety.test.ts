import { describe, expect, test } from 'vitest'
import { type ByteName, nameFromText } from '../../src/base/names.js'
import {
  foldedName,
  isGitName,
  isStoreName,
  type NameRules,
  nameRulesOf,
  unsafeNameReason,
} from '../../src/worktree/pathSafety.js'

const LINUX = nameRulesOf('linux', false)
const FOLDING = nameRulesOf('linux', true)
const MAC = nameRulesOf('darwin', true)
const WINDOWS = nameRulesOf('win32', true)
const EVERYWHERE: readonly NameRules[] = [LINUX, FOLDING, MAC, WINDOWS]

function reason(text: string, rules: NameRules): string | undefined {
  return unsafeNameReason(nameFromText(text), rules)
}

describe('safety rule 8: a name in a tree is a stranger’s data', () => {
  test.each(['', '.', '..', 'a/b', '/', '/etc', '../x', 'a\0b'])('%j is no name anywhere', (name) => {
    for (const rules of EVERYWHERE) expect(reason(name, rules)).toBeDefined()
  })

  test.each([
    'a',
    'README.md',
    '...a',
    '..a',
    '.hidden',
    'with space',
    'ünï',
    '-rf',
    '~',
    'varve',
    'git',
    '.gitignore',
  ])('%j is a name everywhere', (name) => {
    for (const rules of EVERYWHERE) expect(reason(name, rules)).toBeUndefined()
  })

  test.each([
    '.varve',
    '.VARVE',
    '.Varve',
    'varve~1',
    'VARVE~2',
    '.varve.',
    '.varve ',
    '.varve. .',
    '.varve::$INDEX_ALLOCATION',
    '.varve:stream',
    '.va\u200crve',
    '\ufeff.varve',
    '.var\u202eve',
    '.varve\u206f',
  ])('%j could be the folder of a store', (name) => {
    expect(isStoreName(nameFromText(name))).toBe(true)
    for (const rules of EVERYWHERE) expect(reason(name, rules)).toBeDefined()
  })

  test.each(['.varver', 'varve~', 'varve~x', 'varve~1x', '.varve~1', 'a.varve', '.varveignore', '.varve-old', 'Varve'])(
    '%j is not that of a store',
    (name) => {
      expect(isStoreName(nameFromText(name))).toBe(false)
    },
  )

  test('.git itself is written, what only looks like it is not where it would become it', () => {
    for (const rules of EVERYWHERE) expect(reason('.git', rules)).toBeUndefined()
    for (const name of ['.GIT', 'git~1', '.g\u200dit', '.git.', '.gi\ufefft']) {
      expect(isGitName(nameFromText(name)), name).toBe(true)
      for (const rules of [FOLDING, MAC, WINDOWS]) expect(reason(name, rules), name).toBeDefined()
      expect(reason(name, LINUX), name).toBeUndefined()
    }
  })

  test.each([
    'con',
    'CON',
    'nul.txt',
    'NUL .txt',
    'aux.',
    'com1',
    'COM1.log',
    'lpt9',
    'com\u00b9',
    'conin$',
    'prn.tar.gz',
    'a<b',
    'a>b',
    'a:b',
    'a"b',
    'a\\b',
    'a|b',
    'a?b',
    'a*b',
    'a\nb',
    'a\u0001',
    'dot.',
    'space ',
  ])('%j is refused on Windows alone', (name) => {
    expect(reason(name, WINDOWS)).toBeDefined()
    expect(reason(name, LINUX)).toBeUndefined()
  })

  test.each(['console', 'com', 'com10', 'nullable.txt', 'lpt', 'a.con', 'co n'])('%j is fine on Windows', (name) => {
    expect(reason(name, WINDOWS)).toBeUndefined()
  })

  test('bytes that are not UTF-8 are a name on Linux alone', () => {
    const name = '\u00ff\u00fe' as ByteName
    expect(unsafeNameReason(name, LINUX)).toBeUndefined()
    expect(unsafeNameReason(name, MAC)).toContain('UTF-8')
    expect(unsafeNameReason(name, WINDOWS)).toContain('UTF-8')
  })
})

describe('names that a folding file system takes for one', () => {
  test.each([
    ['readme', 'README'],
    ['Straße', 'STRASSE'],
    ['\u00e9', 'e\u0301'],
    ['\u00c9', 'e\u0301'],
    ['\u03c3', '\u03c2'],
    ['\u017f', 's'],
    ['a\u200db', 'ab'],
  ])('%j and %j', (a, b) => {
    expect(foldedName(nameFromText(a))).toBe(foldedName(nameFromText(b)))
  })

  test.each([
    ['a', 'b'],
    ['e', '\u00e9'],
    ['x2', 'x\u00b2'],
    ['a b', 'ab'],
  ])('not %j and %j', (a, b) => {
    expect(foldedName(nameFromText(a))).not.toBe(foldedName(nameFromText(b)))
  })
})
