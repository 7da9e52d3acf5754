import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { branchRef, isRefName, requireFullRef, shortRef, splitRef, tagRef } from '../../src/refs/refName.js'

function messageOf(body: () => unknown): string | undefined {
  try {
    body()
  } catch (error) {
    if (isVarveError(error, 'INVALID_REF_NAME')) return error.message
    throw error
  }
  return undefined
}

describe('names', () => {
  test.each(['main', 'a/b/c', 'v1.0', 'grün', 'a@b', 'a.b', '{x}', 'abc123', 'head', 'heads/x', 'x'.repeat(1024)])(
    '%j is one',
    (name) => {
      expect(messageOf(() => branchRef(name))).toBeUndefined()
      expect(messageOf(() => tagRef(name))).toBeUndefined()
    },
  )

  test.each([
    ['', 'is empty'],
    ['a b', 'space'],
    ['a~b', '"~"'],
    ['a^b', '"^"'],
    ['a:b', '":"'],
    ['a?b', '"?"'],
    ['a*b', '"*"'],
    ['a[b', '"["'],
    ['a\\b', '"\\"'],
    ['a\tb', 'control'],
    ['a\x7fb', 'control'],
    ['a\0b', 'control'],
    ['a..b', '".."'],
    ['a@{b', '"@{"'],
    ['@', '"@"'],
    ['-a', 'begins with "-"'],
    ['/a', 'begins with "/"'],
    ['a/', 'ends with "/"'],
    ['a//b', '"//"'],
    ['a.', 'ends with "."'],
    ['.a', 'begins with "."'],
    ['a/.b', 'begins with "."'],
    ['a.lock', '".lock"'],
    ['a.lock/b', '".lock"'],
    ['HEAD', '"HEAD"'],
    ['0123456789abcdef'.repeat(4), 'id of a commit'],
    ['x'.repeat(1025), 'longer than'],
    ['\ud800', 'Unicode'],
  ])('%j is none, and the error says why', (name, why) => {
    expect(messageOf(() => branchRef(name))).toContain(why)
    expect(messageOf(() => tagRef(name))).toContain(why)
    expect(isRefName(name)).toBe(false)
  })
})

test('full names have a kind', () => {
  expect(branchRef('a/b')).toBe('heads/a/b')
  expect(tagRef('v1')).toBe('tags/v1')
  expect(splitRef('tags/heads/x')).toEqual({ kind: 'tag', name: 'heads/x' })
  expect(splitRef('main')).toBeUndefined()
  expect(shortRef('heads/a/b')).toBe('a/b')
  expect(messageOf(() => requireFullRef('main'))).toContain('full name')
  expect(messageOf(() => requireFullRef('heads/a..b'))).toContain('".."')
  expect(messageOf(() => requireFullRef('tags/v1'))).toBeUndefined()
})
