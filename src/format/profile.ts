/**
 * What is frozen when a store is created, because ids depend on it. Recorded in the catalog's header and in
 * every physical volume's copy of the layout, as canonical JSON with the fields of `StoreProfile`.
 */
import { VarveError } from '../base/errors.js'
import { NODE_ENTRIES_MAX } from '../base/limits.js'
import { formatSize, KIB, MIB } from '../base/units.js'
import { decodeJson, encodeJson, JsonFields, type JsonValue } from './json.js'

export type HashName = 'sha256' | 'blake3'

export const HASH_NAMES: readonly HashName[] = ['sha256', 'blake3']

export interface ChunkerProfile {
  readonly algorithm: 'fastcdc-ronomon'
  readonly minBytes: number
  readonly averageBytes: number
  readonly maxBytes: number
  /** Reserved for keyed boundaries; 0 = the algorithm's own table. */
  readonly seed: 0
}

export interface SplitterProfile {
  /** Mean entries of a sequence node; a power of two. */
  readonly averageFanout: number
  readonly maxFanout: number
}

export interface StoreProfile {
  readonly encoding: 1
  readonly hash: HashName
  /** Reserved for keyed ids. */
  readonly keyMode: 'none'
  readonly chunker: ChunkerProfile
  readonly splitter: SplitterProfile
  /** Most raw bytes in an extent. */
  readonly peSize: number
  /** Reserved for encryption at rest. */
  readonly cipher: 'none'
}

/** What the creator of a store may choose; the rest comes from `DEFAULT_PROFILE`. */
export interface ProfileOptions {
  readonly hash?: HashName | undefined
  readonly chunker?: Partial<Pick<ChunkerProfile, 'minBytes' | 'averageBytes' | 'maxBytes'>> | undefined
  readonly splitter?: Partial<SplitterProfile> | undefined
  readonly peSize?: number | undefined
}

const ENCODING = 1

export const DEFAULT_PROFILE: StoreProfile = {
  encoding: ENCODING,
  hash: 'sha256',
  keyMode: 'none',
  chunker: { algorithm: 'fastcdc-ronomon', minBytes: 2 * KIB, averageBytes: 8 * KIB, maxBytes: 64 * KIB, seed: 0 },
  splitter: { averageFanout: 64, maxFanout: 256 },
  peSize: MIB,
  cipher: 'none',
}

/** Below these the chunker refuses to run. */
const MIN_BYTES_LEAST = 64
const AVERAGE_BYTES_LEAST = 256
const MAX_BYTES_LEAST = 1024

const PE_SIZE_LEAST = 64 * KIB
const PE_SIZE_MOST = MIB
/** An extent holds at least this many of the longest chunks. */
const CHUNKS_PER_EXTENT_LEAST = 4
const LONGEST_CHUNKS_HINT = `: an extent is to hold ${CHUNKS_PER_EXTENT_LEAST} of the longest chunks. Ask for larger extents, or for smaller chunks.`

const AVERAGE_FANOUT_LEAST = 4

/** @throws {VarveError} `INVALID_ARGUMENT` naming the option that is out of range. */
export function makeProfile(options: ProfileOptions = {}): StoreProfile {
  const { chunker, splitter } = DEFAULT_PROFILE
  const profile: StoreProfile = {
    ...DEFAULT_PROFILE,
    hash: options.hash ?? DEFAULT_PROFILE.hash,
    chunker: {
      ...chunker,
      minBytes: options.chunker?.minBytes ?? chunker.minBytes,
      averageBytes: options.chunker?.averageBytes ?? chunker.averageBytes,
      maxBytes: options.chunker?.maxBytes ?? chunker.maxBytes,
    },
    splitter: {
      averageFanout: options.splitter?.averageFanout ?? splitter.averageFanout,
      maxFanout: options.splitter?.maxFanout ?? splitter.maxFanout,
    },
    peSize: options.peSize ?? DEFAULT_PROFILE.peSize,
  }
  const found = outOfRange(profile)
  if (found) {
    throw new VarveError('INVALID_ARGUMENT', `${found.option} is out of range`, {
      expected: found.expected,
      actual: found.actual,
      hint: `${found.option} must be ${found.expected}${found.option === 'chunker.maxBytes' ? LONGEST_CHUNKS_HINT : '.'}`,
    })
  }
  return profile
}

export function encodeProfile(profile: StoreProfile): Buffer {
  return encodeJson(profileToJson(profile))
}

/** @throws {VarveError} `CORRUPT_OBJECT`, or `FORMAT_NEWER` for an encoding that this varve does not know */
export function decodeProfile(bytes: Uint8Array): StoreProfile {
  return profileFromJson(decodeJson(bytes, 'a store profile'))
}

export function profileToJson(profile: StoreProfile): JsonValue {
  return { ...profile, chunker: { ...profile.chunker }, splitter: { ...profile.splitter } }
}

/** @throws {VarveError} as `decodeProfile` */
export function profileFromJson(value: JsonValue | undefined): StoreProfile {
  const what = 'a store profile'
  const fields = new JsonFields(value, what)
  const encoding = fields.count('encoding', 1)
  if (encoding !== ENCODING) {
    throw new VarveError('FORMAT_NEWER', `the store's encoding ${encoding} is newer than this varve`, {
      expected: ENCODING,
      actual: encoding,
      hint: 'Use a newer varve.',
    })
  }
  const chunker = new JsonFields(fields.value('chunker'), `the chunker of ${what}`)
  const splitter = new JsonFields(fields.value('splitter'), `the splitter of ${what}`)
  const profile: StoreProfile = {
    encoding,
    hash: fields.oneOf('hash', HASH_NAMES),
    keyMode: fields.oneOf('keyMode', ['none']),
    chunker: {
      algorithm: chunker.oneOf('algorithm', ['fastcdc-ronomon']),
      minBytes: chunker.count('minBytes'),
      averageBytes: chunker.count('averageBytes'),
      maxBytes: chunker.count('maxBytes'),
      seed: seedOf(chunker),
    },
    splitter: { averageFanout: splitter.count('averageFanout'), maxFanout: splitter.count('maxFanout') },
    peSize: fields.count('peSize'),
    cipher: fields.oneOf('cipher', ['none']),
  }
  for (const read of [fields, chunker, splitter]) read.done()
  const found = outOfRange(profile)
  if (found) throw fields.fail(found.option, found.actual)
  return profile
}

/** Whether equal content has equal ids under both, so that objects can be shared between the stores. */
export function sameIdentity(a: StoreProfile, b: StoreProfile): boolean {
  return (
    a.encoding === b.encoding &&
    a.hash === b.hash &&
    a.keyMode === b.keyMode &&
    a.chunker.algorithm === b.chunker.algorithm &&
    a.chunker.minBytes === b.chunker.minBytes &&
    a.chunker.averageBytes === b.chunker.averageBytes &&
    a.chunker.maxBytes === b.chunker.maxBytes &&
    a.chunker.seed === b.chunker.seed &&
    a.splitter.averageFanout === b.splitter.averageFanout &&
    a.splitter.maxFanout === b.splitter.maxFanout
  )
}

function seedOf(chunker: JsonFields): 0 {
  const seed = chunker.count('seed')
  if (seed !== 0) throw chunker.fail('seed', seed)
  return seed
}

interface OutOfRange {
  readonly option: string
  readonly expected: string
  readonly actual: unknown
}

function outOfRange(profile: StoreProfile): OutOfRange | undefined {
  const { hash, chunker, splitter, peSize } = profile
  const { minBytes, averageBytes, maxBytes } = chunker
  const { averageFanout, maxFanout } = splitter
  if (!HASH_NAMES.includes(hash)) return { option: 'hash', expected: HASH_NAMES.join(' or '), actual: hash }
  if (!isPowerOfTwo(peSize) || peSize < PE_SIZE_LEAST || peSize > PE_SIZE_MOST) {
    const expected = `a power of two from ${formatSize(PE_SIZE_LEAST)} to ${formatSize(PE_SIZE_MOST)}`
    return { option: 'peSize', expected, actual: peSize }
  }
  return (
    outside('chunker.maxBytes', maxBytes, MAX_BYTES_LEAST, peSize / CHUNKS_PER_EXTENT_LEAST) ??
    outside('chunker.averageBytes', averageBytes, AVERAGE_BYTES_LEAST, maxBytes) ??
    outside('chunker.minBytes', minBytes, MIN_BYTES_LEAST, averageBytes) ??
    outside('splitter.averageFanout', averageFanout, AVERAGE_FANOUT_LEAST, NODE_ENTRIES_MAX / 2) ??
    outside('splitter.maxFanout', maxFanout, 2 * averageFanout, NODE_ENTRIES_MAX) ??
    (isPowerOfTwo(averageFanout)
      ? undefined
      : { option: 'splitter.averageFanout', expected: 'a power of two', actual: averageFanout })
  )
}

function outside(option: string, value: number, least: number, most: number): OutOfRange | undefined {
  return Number.isSafeInteger(value) && value >= least && value <= most
    ? undefined
    : { option, expected: `a whole number from ${least} to ${most}`, actual: value }
}

function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value))
}
