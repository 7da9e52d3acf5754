/**
 * Words and numbers for people. Names and messages in a store are a stranger's data: before they reach a terminal,
 * control characters are made visible, so that a file name cannot move the cursor or set a title.
 */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1.5 MiB`; exact below 1 KiB. */
export function sizeText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** `1,204` */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 file`, `1,204 files` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}

/** `75.3%`; `0%` of nothing. */
export function percentText(part: number, whole: number): string {
  if (whole <= 0) return '0%'
  return `${((100 * part) / whole).toFixed(1).replace(/\.0$/, '')}%`
}

const AGO_STEPS: readonly (readonly [seconds: number, unit: string])[] = [
  [365.25 * 86_400, 'year'],
  [30.44 * 86_400, 'month'],
  [7 * 86_400, 'week'],
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
]

/** `3 minutes ago`, `in the future` for a clock that was set back. */
export function agoText(timeMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - timeMs) / 1000)
  if (seconds < -60) return 'in the future'
  for (const [length, unit] of AGO_STEPS) {
    const count = Math.floor(seconds / length)
    if (count >= 1) return `${counted(count, unit)} ago`
  }
  return 'just now'
}

/** `0:07`, `12:30`, `1:02:03` */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  const rest = String(whole % 60).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

/** `2026-11-22T22:52:33.120+01:00`: time and zone in one string, for JSON. */
export function isoTime(timeMs: number, zoneMinutes = 0): string {
  const local = new Date(timeMs + zoneMinutes * 60_000).toISOString().replace('Z', '')
  return zoneMinutes === 0 ? `${local}Z` : `${local}${zoneText(zoneMinutes, ':')}`
}

/** `2026-11-22 22:52:33 +0100` */
export function timeText(timeMs: number, zoneMinutes: number): string {
  const local = new Date(timeMs + zoneMinutes * 60_000).toISOString().slice(0, 19).replace('T', ' ')
  return `${local} ${zoneText(zoneMinutes, '')}`
}

function zoneText(zoneMinutes: number, separator: string): string {
  const size = Math.abs(zoneMinutes)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`
}

/** What may not reach a terminal: C0 and C1 controls, and what reverses the direction of text. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g
const UNSAFE_BUT_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

function visible(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
}

/** Several lines of text, control characters made visible. */
export function plainText(text: string): string {
  return text.replace(UNSAFE_BUT_LINES, visible)
}

/** One line of text, control characters made visible. */
export function plainLine(text: string): string {
  return text.replace(UNSAFE, visible)
}

/** The first line of a commit message. */
export function subjectOf(message: string): string {
  return plainLine(message.split('\n', 1)[0] ?? '')
}

const SHORT_ID_DIGITS = 12

/** The form of an id shown to people where it need not be whole. */
export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_DIGITS)
}
