/** Values of options and operands, read and checked before anything is opened. */
import { InvalidArgumentError } from 'commander'
import { UsageError } from './errors.js'

/** For options that say how many. */
export function parseCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number from 1.')
  return count
}

/** As `parseCount`, but none is a number too. */
export function parseCountFromNone(text: string): number {
  if (/^0+$/.test(text)) return 0
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(count)) throw new InvalidArgumentError('It must be a whole number from 0.')
  return count
}

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
  t: 2 ** 40,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}

/** `4096`, `64k`, `64KiB`, `1.5G`, `10GB`: K, M, G, T are powers of 1024, KB, MB, GB, TB of 1000. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const factor = FACTORS[(match?.[2] ?? '').toLowerCase()]
  const size = match === null || factor === undefined ? Number.NaN : Math.floor(Number(match[1]) * factor)
  if (!Number.isSafeInteger(size)) {
    const isSize = !Number.isNaN(size)
    throw new InvalidArgumentError(
      isSize ? 'It must be less than 8192T.' : 'It must be a number of bytes, as in 4096, 64K, 1.5GiB or 10GB.',
    )
  }
  return size
}

/** As `parseSize`, but at least one byte. */
export function parsePositiveSize(text: string): number {
  const size = parseSize(text)
  if (size < 1) throw new InvalidArgumentError('It must be at least 1 byte.')
  return size
}

/** A capacity; `none` takes the limit away. (Not `null` yet: commander takes that for an empty text.) */
export function parseCapacity(text: string): number | 'none' {
  return text === 'none' ? 'none' : parsePositiveSize(text)
}

export interface ByteRange {
  readonly offset: number
  /** `undefined` = to the end. */
  readonly length: number | undefined
}

/** `OFFSET:LENGTH`, where either may be left out: `1M:64K`, `1M:`, `:512`. */
export function parseByteRange(text: string): ByteRange {
  const [offset, length, ...rest] = text.split(':')
  if (offset === undefined || length === undefined || rest.length > 0) {
    throw new InvalidArgumentError('It must be OFFSET:LENGTH, as in 1M:64K, 512: or :512.')
  }
  return {
    offset: offset === '' ? 0 : parseSize(offset),
    length: length === '' ? undefined : parseSize(length),
  }
}

export function parseYesOrNo(text: string): boolean {
  const known: Readonly<Record<string, boolean>> = { y: true, yes: true, n: false, no: false }
  const value = known[text.toLowerCase()]
  if (value === undefined) throw new InvalidArgumentError('It must be y or n.')
  return value
}

/** Gathers an option that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

export interface RevisionPath {
  readonly revision: string
  /** `undefined` without a colon. */
  readonly path: string | undefined
}

/** `REV:PATH`. Colons within `{…}` belong to a time; an empty REV is HEAD; slashes around PATH do not matter. */
export function splitRevisionPath(text: string): RevisionPath {
  const colon = indexOutsideBraces(text, ':')
  if (colon === undefined) return { revision: text, path: undefined }
  const revision = text.slice(0, colon)
  return { revision: revision === '' ? 'HEAD' : revision, path: trimSlashes(text.slice(colon + 1)) }
}

export interface RevisionRange {
  readonly from: string
  readonly to: string
}

/** `A..B`, an empty side is HEAD; `undefined` for a single revision. */
export function splitRange(text: string): RevisionRange | undefined {
  const dots = indexOutsideBraces(text, '..')
  if (dots === undefined) return undefined
  if (text[dots + 2] === '.')
    throw new UsageError(`'${text}': ranges have two dots`, `write ${text.replace('...', '..')}`)
  return { from: text.slice(0, dots) || 'HEAD', to: text.slice(dots + 2) || 'HEAD' }
}

/** A path inside a revision as people type it: `./src/`, `/src`, `src//a`. */
export function trimSlashes(path: string): string {
  return path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/')
}

export function indexOutsideBraces(text: string, wanted: string): number | undefined {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '{') depth++
    else if (text[index] === '}') depth--
    else if (depth === 0 && text.startsWith(wanted, index)) return index
  }
  return undefined
}

/** Bytes a second. */
export function parseRate(text: string): number {
  try {
    return parsePositiveSize(text.replace(/\/s$/, ''))
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new InvalidArgumentError('It must be bytes a second, as in 512K, 50M or 1GB.')
  }
}
