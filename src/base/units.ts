import { VarveError } from './errors.js'

export const KIB = 1024
export const MIB = 1024 * KIB
const GIB = 1024 * MIB

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

const DURATIONS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  min: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
  mo: 30 * DAY_MS,
  y: 365 * DAY_MS,
}

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
 * Milliseconds from `90s`, `30min`, `12h`, `14d`, `2w`, `6mo` (months of 30 days), `1y` (365 days), or `0`.
 * @throws {VarveError} `INVALID_ARGUMENT`
 * @example
 * ```ts
 * console.log(parseDuration('2w') === parseDuration('14d'))
 * ```
 */
export function parseDuration(text: string): number {
  const match = /^\s*(\d{1,9})\s*([a-z]*)\s*$/i.exec(text)
  const count = Number(match?.[1])
  const unit = (match?.[2] ?? '').toLowerCase()
  const factor = unit === '' && count === 0 ? 0 : DURATIONS[unit]
  if (!match || factor === undefined) {
    throw new VarveError('INVALID_ARGUMENT', `not a duration: ${JSON.stringify(text)}`, {
      expected: 'a whole number with s, min, h, d, w, mo or y, or 0',
      actual: text,
    })
  }
  return count * factor
}

/** The same back, in the greatest unit that it is a whole number of. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0'
  const units = Object.entries(DURATIONS).reverse()
  const [unit, factor] = units.find(([, ms]) => durationMs % ms === 0 && ms !== 7 * DAY_MS) ?? ['s', SECOND_MS]
  return `${Math.round(durationMs / factor)}${unit}`
}
