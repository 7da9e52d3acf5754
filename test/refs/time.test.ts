import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { parseTime } from '../../src/refs/time.js'
import { HandClock, START_MS } from './catalogs.js'

const HOUR = 3_600_000

function clockAt(zone = 0): HandClock {
  const clock = new HandClock()
  clock.zone = zone
  return clock
}

describe('parseTime', () => {
  test.each([
    ['now', START_MS],
    ['yesterday', START_MS - 24 * HOUR],
    ['1 second ago', START_MS - 1000],
    ['90 minutes ago', START_MS - 1.5 * HOUR],
    ['2 hours ago', START_MS - 2 * HOUR],
    ['2.hours.ago', START_MS - 2 * HOUR],
    ['an hour ago', START_MS - HOUR],
    ['a day ago', START_MS - 24 * HOUR],
    ['3 Weeks ago', START_MS - 21 * 24 * HOUR],
    ['2026-02-28', Date.UTC(2026, 1, 28)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2026-02-28T10:30', Date.UTC(2026, 1, 28, 10, 30)],
    ['2026-02-28 10:30:15', Date.UTC(2026, 1, 28, 10, 30, 15)],
    ['2026-02-28T10:30:15.25Z', Date.UTC(2026, 1, 28, 10, 30, 15, 250)],
    ['2026-02-28T10:30+02:00', Date.UTC(2026, 1, 28, 8, 30)],
    ['2026-02-28 10:30:00 -0530', Date.UTC(2026, 1, 28, 16, 0)],
    [' 2026-02-28 ', Date.UTC(2026, 1, 28)],
  ])('%j', (text, expected) => {
    expect(parseTime(text, clockAt())).toBe(expected)
  })

  test('times without a zone are local', () => {
    expect(parseTime('2026-02-28T10:00', clockAt(60))).toBe(Date.UTC(2026, 1, 28, 9))
    expect(parseTime('2026-02-28', clockAt(-300))).toBe(Date.UTC(2026, 1, 28, 5))
    expect(parseTime('2026-02-28T10:00Z', clockAt(60))).toBe(Date.UTC(2026, 1, 28, 10))
  })

  test('summer time counts from its moment on', () => {
    const change = Date.UTC(2026, 2, 29, 1)
    const clock = { nowMs: () => START_MS, zoneMinutes: (timeMs: number) => (timeMs < change ? 60 : 120) }
    expect(parseTime('2026-03-29T01:30', clock)).toBe(Date.UTC(2026, 2, 29, 0, 30))
    expect(parseTime('2026-03-29T03:30', clock)).toBe(Date.UTC(2026, 2, 29, 1, 30))
  })

  test.each([
    '',
    'soon',
    'hours ago',
    '2 fortnights ago',
    '-1 hours ago',
    '2026-13-01',
    '2026-02-30',
    '2026-00-10',
    '2026-02-28T24:00',
    '2026-02-28T10:60',
    '2026-02-28T10:30+25:00',
    '2026-2-8',
    '20260228',
    '2026-02-28T',
  ])('refuses %j', (text) => {
    let code: string | undefined
    try {
      parseTime(text, clockAt())
    } catch (error) {
      if (isVarveError(error)) code = error.code
    }
    expect(code).toBe('INVALID_ARGUMENT')
  })
})
