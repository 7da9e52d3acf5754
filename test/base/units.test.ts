import { expect, test } from 'vitest'
import { DAY_MS, formatDuration, HOUR_MS, parseDuration } from '../../src/base/units.js'

test.each([
  ['12h', 12 * HOUR_MS, '12h'],
  ['48h', 2 * DAY_MS, '2d'],
  ['30d', 30 * DAY_MS, '30d'],
  ['2w', 14 * DAY_MS, '14d'],
  ['6m', 186 * DAY_MS, '186d'],
  ['1y', 366 * DAY_MS, '366d'],
  ['30min', HOUR_MS / 2, '30min'],
  ['90s', 90_000, '90s'],
  [' 1Y2m3w4d5h ', (366 + 62 + 21 + 4) * DAY_MS + 5 * HOUR_MS, '10877h'],
  ['1m30min', 31 * DAY_MS + HOUR_MS / 2, '44670min'],
  ['0', 0, '0'],
  ['0d', 0, '0'],
])('%j is a duration', (text, expected, shown) => {
  expect(parseDuration(text)).toBe(expected)
  expect(formatDuration(expected)).toBe(shown)
  expect(parseDuration(shown)).toBe(expected)
})

test.each(['', ' ', '7', 'd', '-1d', '1.5d', '1d 2h', '1h2d', '1d1d', '5minutes', '1mo', '999999999y', '1e3d'])(
  '%j is no duration',
  (text) => {
    expect(() => parseDuration(text)).toThrowError(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('30d') }),
    )
  },
)
