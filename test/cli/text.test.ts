import { describe, expect, test } from 'vitest'
import {
  agoText,
  counted,
  countText,
  durationText,
  isoTime,
  percentText,
  plainLine,
  plainText,
  sizeText,
  subjectOf,
  timeText,
} from '../../cli/text.js'

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [15 * 1024 + 512, '15.5 KiB'],
    [200 * 2 ** 20, '200 MiB'],
    [3 * 2 ** 40, '3.00 TiB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text)
  })

  test('counts have their thousands parted and their noun in the right number', () => {
    expect([countText(999), countText(1000), countText(1234567)]).toEqual(['999', '1,000', '1,234,567'])
    expect([counted(1, 'entry', 'entries'), counted(2, 'entry', 'entries'), counted(0, 'file')]).toEqual([
      '1 entry',
      '2 entries',
      '0 files',
    ])
  })

  test('a share of nothing is none', () => {
    expect([percentText(1, 3), percentText(1, 2), percentText(5, 0)]).toEqual(['33.3%', '50%', '0%'])
  })
})

describe('times', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  test.each([
    [500, 'just now'],
    [59_000, '59 seconds ago'],
    [60_000, '1 minute ago'],
    [3 * 3_600_000, '3 hours ago'],
    [8 * 86_400_000, '1 week ago'],
    [800 * 86_400_000, '2 years ago'],
    [-3_600_000, 'in the future'],
  ])('%d ms before is %s', (ms, text) => {
    expect(agoText(now - ms, now)).toBe(text)
  })

  test('a time keeps its zone', () => {
    expect(isoTime(now, 90)).toBe('2026-11-22T13:30:00.000+01:30')
    expect(isoTime(now, -300)).toBe('2026-11-22T07:00:00.000-05:00')
    expect(isoTime(now)).toBe('2026-11-22T12:00:00.000Z')
    expect(timeText(now, -300)).toBe('2026-11-22 07:00:00 -0500')
    expect(Date.parse(isoTime(now, 90))).toBe(now)
  })

  test('a duration is told in hours, minutes and seconds', () => {
    expect([durationText(7.4), durationText(750), durationText(3723)]).toEqual(['0:07', '12:30', '1:02:03'])
  })
})

describe('a stranger\u2019s names', () => {
  test('control characters become visible, text stays', () => {
    expect(plainLine('a\u001b]0;title\u0007b\nc')).toBe('a\\x1b]0;title\\x07b\\nc')
    expect(plainLine('\u009b31m')).toBe('\\x9b31m')
    expect(plainLine('ab\u202egpj.exe')).toBe('ab\\u202egpj.exe')
    expect(plainLine('\u00fcber \u65e5\u672c.txt')).toBe('\u00fcber \u65e5\u672c.txt')
  })

  test('a text keeps its lines, a subject has one', () => {
    expect(plainText('one\ntwo\r')).toBe('one\ntwo\\x0d')
    expect(subjectOf('one\ntwo')).toBe('one')
  })
})
