/** Points in time as people write them in `main@{…}`. */
import type { Clock } from '../base/clock.js'
import { VarveError } from '../base/errors.js'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const UNITS_MS: Readonly<Record<string, number>> = {
  second: SECOND_MS,
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
}

const AGO_PATTERN = /^(\d{1,9}|an?)[ ._]+(second|minute|hour|day|week)s?[ ._]+ago$/i
const ISO_PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})(?:(?:T| +)(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)? *(Z|[+-]\d{2}:?\d{2})?$/i

const EXPECTED = 'such as 2026-03-01, 2026-03-01T10:30, 2026-03-01 10:30:00+02:00, now, yesterday, or 2 hours ago'

/**
 * Milliseconds since the epoch. A date alone is its first moment; times without a zone are those of the clock's zone.
 * @throws {VarveError} `INVALID_ARGUMENT`
 */
export function parseTime(text: string, clock: Clock): number {
  const trimmed = text.trim()
  const nowMs = clock.nowMs()
  if (/^now$/i.test(trimmed)) return nowMs
  if (/^yesterday$/i.test(trimmed)) return nowMs - DAY_MS
  const ago = AGO_PATTERN.exec(trimmed)
  if (ago) {
    const [, count = '', unit = ''] = ago
    const unitMs = UNITS_MS[unit.toLowerCase()] ?? 0
    return nowMs - (/^an?$/i.test(count) ? 1 : Number(count)) * unitMs
  }
  const time = parseIso(trimmed, clock)
  if (time === undefined) {
    throw new VarveError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no point in time`, {
      expected: EXPECTED,
      actual: text,
      hint: `Write a time ${EXPECTED}.`,
    })
  }
  return time
}

function parseIso(text: string, clock: Clock): number | undefined {
  const match = ISO_PATTERN.exec(text)
  if (!match) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const milliseconds = Math.floor(Number(`0.${match[7] ?? 0}`) * SECOND_MS)
  const date = new Date(0)
  // `Date.UTC` takes the years 0 to 99 for those of the last century.
  date.setUTCFullYear(year, month - 1, day)
  const isDate = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!isDate || hour > 23 || minute > 59 || second > 59) return undefined
  const local = date.getTime() + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + milliseconds
  const zone = match[8]
  if (zone === undefined) return fromLocal(local, clock)
  const offset = zoneMinutes(zone)
  return offset === undefined ? undefined : local - offset * MINUTE_MS
}

function zoneMinutes(zone: string): number | undefined {
  if (/^z$/i.test(zone)) return 0
  const digits = zone.replace(':', '')
  const hours = Number(digits.slice(1, 3))
  const minutes = Number(digits.slice(3, 5))
  if (hours > 23 || minutes > 59) return undefined
  return (digits.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

/** Summer time changes the zone: it is asked again at the moment that the first guess gives. */
function fromLocal(localMs: number, clock: Clock): number {
  const guess = localMs - clock.zoneMinutes(localMs) * MINUTE_MS
  return localMs - clock.zoneMinutes(guess) * MINUTE_MS
}
