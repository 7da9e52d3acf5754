import { describe, expect, test } from 'vitest'
import { nameFromText } from '../../src/base/names.js'
import { PathGlobs } from '../../src/upkeep/pathGlobs.js'

function matching(glob: string, paths: readonly string[]): string[] {
  const globs = new PathGlobs([glob])
  return paths.filter((path) => globs.matches(nameFromText(path.replace(/\/$/, '')), path.endsWith('/')))
}

describe('globs of paths', () => {
  test.each([
    ['a.txt', ['a.txt', 'a.txt/'], ['b/a.txt', 'a.txt2', 'A.TXT']],
    ['/a.txt', ['a.txt'], ['b/a.txt']],
    ['**/a.txt', ['a.txt', 'b/a.txt', 'b/c/a.txt'], ['ba.txt', 'a.txt/b']],
    ['*.key', ['x.key', '.key'], ['d/x.key', 'x.keys']],
    ['d/*.key', ['d/x.key'], ['d/e/x.key', 'x.key']],
    ['d/**', ['d/x', 'd/e/x'], ['d', 'd/', 'e/d/x']],
    ['d/', ['d/'], ['d']],
    ['d/**/x', ['d/x', 'd/e/f/x'], ['x', 'd/e/y']],
    ['[ab]?', ['a1', 'b/'.replace('/', '2')], ['c1', 'a', 'a/']],
    ['#x', ['#x'], ['x']],
    ['!x', ['!x'], ['x']],
    ['x ', ['x '], ['x']],
    ['\\*', ['*'], ['x', '\\*']],
    ['größe/*', ['größe/ä'], ['große/a']],
  ])('%s', (glob, is, isNot) => {
    expect(matching(glob, is)).toEqual(is)
    expect(matching(glob, isNot)).toEqual([])
  })

  test('only directories in which something can match are looked into', () => {
    const globs = new PathGlobs(['a/b/c.txt', 'a/x*/y', 'd'])
    const can = (path: string): boolean => globs.canMatchBelow(nameFromText(path))
    expect(['', 'a', 'a/b', 'a/x', 'a/x1', 'a/xyz/q'].filter((path) => !can(path))).toEqual([])
    expect(['b', 'ab', 'a/bb', 'a/y', 'd', 'a/b/c.txt'].filter(can)).toEqual([])
    expect(new PathGlobs(['**/x']).canMatchBelow(nameFromText('any/where'))).toBe(true)
    expect(new PathGlobs(['*/x']).canMatchBelow(nameFromText('any'))).toBe(true)
  })

  test('remembers what nothing matched', () => {
    const globs = new PathGlobs(['a', 'b', 'a*'])
    globs.matches(nameFromText('a'), false)
    expect(globs.unmatched).toEqual(['b'])
  })
})
