import { VarveError } from './errors.js'

export const KIB = 1024
export const MIB = 1024 * KIB
const GIB = 1024 * MIB

const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/**
 * From the longest to the shortest; a month or year is as long as the longest is: what is kept for a month is kept for no
 * less than the calendar's.
 */
const DURATIONS_MS: Readonly<Record<string, number>> = {
  y: 366 * DAY_MS,
  m: 31 * DAY_MS,
  w: 7 * DAY_MS,
  d: DAY_MS,
  h: HOUR_MS,
  min: MINUTE_MS,
  s: SECOND_MS,
}
const DURATION_PATTERN = new RegExp(
  `^${Object.keys(DURATIONS_MS)
    .map((unit) => `(?:(\\d{1,9})${unit}(?![a-z]))?`)
    .join('')}$`,
  'i',
)

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: KIB,
  kib: KIB,
  m: MIB,
  mib: MIB,
  g: GIB,
  gib: GIB,
  t: 1024 * GIB,
  tib: 1024 * GIB,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}

/**
 * Bytes from `4096`, `64k`, `64KiB`, `1.5G`, `10GB` (K, M, G, T and KiB … are powers of 1024; KB … of 1000).
 * @throws {VarveError} `INVALID_ARGUMENT`
 * @example
 * ```ts
 * console.log(parseSize('64KiB') === 65536)
 * ```
 */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const factor = match ? SUFFIXES[(match[2] ?? '').toLowerCase()] : undefined
  const size = match && factor !== undefined ? Math.floor(Number(match[1]) * factor) : Number.NaN
  if (!Number.isSafeInteger(size)) {
    throw new VarveError('INVALID_ARGUMENT', `not a size: ${JSON.stringify(text)}`, {
      expected: 'a number with K, M, G, T (powers of 1024) or KB, MB, GB, TB (powers of 1000)',
      actual: text,
    })
  }
  return size
}

/**
 * `1.50 MiB`; exact below 1 KiB.
 *
 * @param bytes a number of bytes
 * @example
 * ```ts
 * console.log(formatSize(1536))
 * ```
 */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`
}

/**
 * Milliseconds from `30d`, `12h`, `2w`, `6m` (months, of 31 days), `1y` (366 days), `30min`, `90s`, or several of them from the
 * longest to the shortest, `1y6m`; or `0`.
 * @throws {VarveError} `INVALID_ARGUMENT`
 * @example
 * ```ts
 * console.log(parseDuration('2w') === parseDuration('14d'))
 * ```
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '0') return 0
  const match = trimmed === '' ? null : DURATION_PATTERN.exec(trimmed)
  let duration = match ? 0 : Number.NaN
  for (const [index, unitMs] of Object.values(DURATIONS_MS).entries()) {
    duration += Number(match?.[index + 1] ?? 0) * unitMs
  }
  if (Number.isSafeInteger(duration)) return duration
  throw new VarveError('INVALID_ARGUMENT', `not a duration: ${JSON.stringify(text)}`, {
    expected: 'whole numbers with y, m (months), w, d, h, min, s',
    actual: text,
    hint: 'Write a duration such as 30d, 12h, 2w, 6m (months), 1y or 1y6m.',
  })
}

/** `14d`: a whole number of the greatest unit up to days. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0'
  const units = ['d', 'h', 'min', 's'].map((unit) => [unit, DURATIONS_MS[unit] ?? 1] as const)
  const [unit, unitMs] = units.find(([, each]) => durationMs % each === 0) ?? ['ms', 1]
  return `${durationMs / unitMs}${unit}`
}
