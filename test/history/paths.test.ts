import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { describePath, isBelow, joinPath, parsePath } from '../../src/history/paths.js'

function codeOf(body: () => unknown): string | undefined {
  try {
    body()
  } catch (error) {
    if (isVarveError(error)) return error.code
    throw error
  }
  return undefined
}

describe('parsePath', () => {
  test('splits text and bytes alike', () => {
    expect(parsePath('a/b c/d.txt')).toEqual(['a', 'b c', 'd.txt'])
    expect(parsePath(Buffer.from('a/b'))).toEqual(['a', 'b'])
    expect(parsePath('grün')).toEqual(parsePath(Buffer.from('grün')))
    expect(parsePath(Buffer.from([0x61, 0x2f, 0xff]))).toEqual(['a', '\u00ff'])
    expect(parsePath('.../..a/.b')).toEqual(['...', '..a', '.b'])
  })

  test('the root has no segments', () => {
    for (const root of ['', '/', new Uint8Array(), Buffer.from('/')]) expect(parsePath(root)).toEqual([])
  })

  test.each(['.', '..', 'a/./b', 'a/../b', '../a', '/a', 'a/', 'a//b', '//', 'a\0b', '\ud800'])(
    'refuses %j',
    (path) => {
      expect(codeOf(() => parsePath(path))).toBe('INVALID_PATH')
    },
  )

  test('knows limits', () => {
    expect(parsePath('x'.repeat(4095))).toHaveLength(1)
    expect(codeOf(() => parsePath(`a/${'x'.repeat(4096)}`))).toBe('LIMIT_EXCEEDED')
    expect(codeOf(() => parsePath('ü'.repeat(2048)))).toBe('LIMIT_EXCEEDED')
    expect(codeOf(() => parsePath('a/'.repeat(1024 * 1024)))).toBe('LIMIT_EXCEEDED')
  })
})

test('isBelow compares whole segments', () => {
  expect(isBelow(parsePath('a/b'), parsePath('a'))).toBe(true)
  expect(isBelow(parsePath('a'), parsePath('a'))).toBe(true)
  expect(isBelow(parsePath('ab'), parsePath('a'))).toBe(false)
  expect(isBelow(parsePath('a'), parsePath('a/b'))).toBe(false)
  expect(isBelow(parsePath('a'), parsePath(''))).toBe(true)
})

test('paths are joined and described', () => {
  expect(joinPath(parsePath('a/b'))).toBe('a/b')
  expect(describePath(parsePath('grün/"x"'))).toBe('"grün/\\"x\\""')
  expect(describePath(parsePath(''))).toBe('the root')
})
