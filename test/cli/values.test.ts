import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../cli/errors.js'
import {
  parseByteRange,
  parseCapacity,
  parseCount,
  parseCountFromNone,
  parsePositiveSize,
  parseSize,
  parseYesOrNo,
  splitRange,
  splitRevisionPath,
  trimSlashes,
} from '../../cli/values.js'

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['64k', 65536],
    ['64KiB', 65536],
    ['1.5M', 1572864],
    ['10 GB', 10_000_000_000],
    ['2T', 2 ** 41],
  ])('%s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  test.each(['', '-1', '1x', 'k', '1e3', '0x10', '9999999999T', '1,5M', 'NaN'])('%j is none', (text) => {
    expect(() => parseSize(text)).toThrow(InvalidArgumentError)
  })

  test('what cannot be counted is too large, and no wrong text', () => {
    expect(() => parseSize('8192T')).toThrow('less than 8192T')
    expect(parseSize('8191T')).toBe(8191 * 2 ** 40)
    expect(() => parseSize('8191X')).toThrow('a number of bytes')
  })

  test('some have to be there, some may be without limit', () => {
    expect(() => parsePositiveSize('0')).toThrow(InvalidArgumentError)
    expect(parseCapacity('none')).toBe('none')
    expect(parseCapacity('1K')).toBe(1024)
  })
})

test('counts from 0', () => {
  expect(parseCountFromNone('0')).toBe(0)
  expect(parseCountFromNone('00')).toBe(0)
  expect(parseCountFromNone('12')).toBe(12)
  for (const text of ['', '-1', '1.5', '0x1', 'many', '99999999999999999999']) {
    expect(() => parseCountFromNone(text), text).toThrow(InvalidArgumentError)
  }
})

test('a count is a whole number from 1', () => {
  expect(parseCount('12')).toBe(12)
  for (const text of ['0', '-1', '1.5', 'x', '', '1e2', '99999999999999999999']) {
    expect(() => parseCount(text), text).toThrow(InvalidArgumentError)
  }
})

test('yes and no', () => {
  expect(['y', 'Yes', 'n', 'NO'].map(parseYesOrNo)).toEqual([true, true, false, false])
  expect(() => parseYesOrNo('maybe')).toThrow(InvalidArgumentError)
})

describe('byte ranges', () => {
  test.each([
    ['1M:64K', 1048576, 65536],
    ['512:', 512, undefined],
    [':512', 0, 512],
    [':', 0, undefined],
    ['0:0', 0, 0],
  ])('%s', (text, offset, length) => {
    expect(parseByteRange(text)).toEqual({ offset, length })
  })

  test.each(['', '5', '1:2:3', '-1:2', 'a:b', '1:-2'])('%j is none', (text) => {
    expect(() => parseByteRange(text)).toThrow(InvalidArgumentError)
  })
})

describe('revisions', () => {
  test.each([
    ['main', 'main', undefined],
    ['main:', 'main', ''],
    [':a.txt', 'HEAD', 'a.txt'],
    ['main:/src//b:c/', 'main', 'src/b:c'],
    ['main@{2026-11-22T18:30}:a', 'main@{2026-11-22T18:30}', 'a'],
    ['main@{2026-11-22 18:30}', 'main@{2026-11-22 18:30}', undefined],
  ])('%s', (text, revision, path) => {
    expect(splitRevisionPath(text)).toEqual({ revision, path })
  })

  test.each([
    ['a..b', 'a', 'b'],
    ['a..', 'a', 'HEAD'],
    ['..b', 'HEAD', 'b'],
    ['main@{1..2}..b', 'main@{1..2}', 'b'],
  ])('the range %s', (text, from, to) => {
    expect(splitRange(text)).toEqual({ from, to })
  })

  test('one revision is no range, three dots are a mistake', () => {
    expect(splitRange('v1.0')).toBeUndefined()
    expect(() => splitRange('a...b')).toThrow(UsageError)
  })

  test('a path is taken as people type it', () => {
    expect(['', '/', './a/', 'a//b', '/a/./b'].map(trimSlashes)).toEqual(['', '', 'a', 'a/b', 'a/b'])
  })
})
