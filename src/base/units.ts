import { VarveError } from './errors.js'

export const KIB = 1024
export const MIB = 1024 * KIB
const GIB = 1024 * MIB

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
