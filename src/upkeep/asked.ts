/** What somebody asks about: a chunk or object by its id or a prefix of it, or an extent; what that is, and where it lies. */
import { VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, isHash, parseHash } from '../base/hash.js'
import { type ChunkStore, describeKind } from '../cas/chunkStore.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { ExtentRecord } from '../volume/catalog.js'
import { type ChunkLocation, EXTENT_CLASS } from '../volume/physicalVolume.js'
import { withDependants } from './rewrite.js'
import { isDamage } from './usage.js'

/** An extent's copy on one volume. */
export interface ExtentPlace {
  readonly extent: number
  /** Which of the extent's chunks it is; absent where the whole extent was asked for. */
  readonly slot?: number | undefined
  /** Of the whole extent. */
  readonly chunks: number
  readonly rawBytes: number
  readonly storedBytes: number
  /** The volume's number. */
  readonly volume: number
  /** The volume's file; absent while it cannot be opened. */
  readonly volumePath?: string | undefined
}

export type KindName = 'chunk' | 'manifest' | 'tree' | 'attributes' | 'commit'

export function kindName(kind: Kind): KindName {
  return describeKind(kind) as KindName
}

/** A problem on the way: what could not be looked at, or is not there. */
export interface UnreadableObject {
  readonly kind: KindName | 'extent'
  /** Of a chunk or object. */
  readonly id?: Hash | undefined
  readonly code: string
  readonly message: string
}

export type Question =
  | { readonly is: 'id'; readonly prefix: string }
  | { readonly is: 'extent'; readonly extent: number }

export interface Answer {
  readonly id: Hash | undefined
  readonly extent: number | undefined
  /** Those asked for, with their lengths as chunk tables have them. */
  readonly wanted: ReadonlyMap<Hash, number>
  /** Those, and for an extent also what is decoded through it: what cannot be read without it. */
  readonly hanging: { has(id: Hash): boolean }
  /** `undefined`: not known. */
  readonly kinds: ReadonlySet<Kind> | undefined
  readonly places: readonly ExtentPlace[]
}

const PREFIX_DIGITS_MIN = 4
const ID_PATTERN = /^[0-9a-f]{4,64}$/i
const EXTENT_PATTERN = /^extent:(.*)$/s
const CANDIDATES_MAX = 20
/** So many that nobody can mean one of them by it. */
const PREFIX_MATCHES_MAX = 1000

/**
 * `undefined` for what is neither an id nor an extent.
 * @throws {VarveError} `INVALID_ARGUMENT` for an extent without a number
 */
export function parseQuestion(what: string): Question | undefined {
  const number = EXTENT_PATTERN.exec(what)?.[1]
  if (number === undefined) return ID_PATTERN.test(what) ? { is: 'id', prefix: what.toLowerCase() } : undefined
  const extent = /^\d+$/.test(number) ? Number(number) : Number.NaN
  if (Number.isSafeInteger(extent)) return { is: 'extent', extent }
  throw new VarveError('INVALID_ARGUMENT', `${JSON.stringify(what)} names no extent`, {
    expected: 'extent:NUMBER',
    actual: what,
  })
}

export function malformedQuestion(what: string): VarveError {
  const isShort = /^[0-9a-f]+$/i.test(what) && what.length < PREFIX_DIGITS_MIN
  const problem = isShort
    ? `is too short: an id needs at least ${PREFIX_DIGITS_MIN} digits`
    : 'is neither an id nor an extent'
  return new VarveError('INVALID_ARGUMENT', `${JSON.stringify(what)} ${problem}`, {
    expected: 'an id, 4 to 64 hex digits of one, or extent:NUMBER',
    actual: what,
  })
}

/**
 * A whole id that no chunk table has is believed, for now: it may be what is missing.
 * @param onUnreadable told of an extent that cannot be read
 * @throws {VarveError} `UNKNOWN_REVISION`, `AMBIGUOUS_REVISION` (`details.candidates`)
 * @throws {CorruptionError} `CORRUPT_CATALOG`, `CORRUPT`
 */
export async function findAsked(
  store: ChunkStore,
  question: Question,
  onUnreadable: (problem: UnreadableObject) => void,
): Promise<Answer> {
  return question.is === 'id'
    ? findId(store, question.prefix, onUnreadable)
    : findExtent(store, question.extent, onUnreadable)
}

async function findId(
  store: ChunkStore,
  prefix: string,
  onUnreadable: (problem: UnreadableObject) => void,
): Promise<Answer> {
  const id = isHash(prefix) ? prefix : await idOf(store, prefix)
  const locations = await store.group.lookup([id])
  const [first] = locations
  const kind = first && (await kindAt(store, first, onUnreadable))
  const wanted = new Map([[id, first?.length ?? 0]])
  return {
    id,
    extent: undefined,
    wanted,
    hanging: wanted,
    kinds: kind && new Set([kind]),
    places: locations.flatMap(({ eid, slot, pv }) => {
      const record = store.group.catalog.extent(eid)
      return record ? [placeOf(store, record, pv, slot)] : []
    }),
  }
}

/** @throws {VarveError} `UNKNOWN_REVISION`, `AMBIGUOUS_REVISION` */
async function idOf(store: ChunkStore, prefix: string): Promise<Hash> {
  const first = parseHash(prefix.padEnd(2 * HASH_BYTES, '0'))
  const last = parseHash(prefix.padEnd(2 * HASH_BYTES, 'f'))
  const ids = new Set<Hash>()
  for (const volume of store.group.volumes) {
    for (const id of await volume.hashesBetween(first, last, PREFIX_MATCHES_MAX)) ids.add(id)
  }
  const [found, ...others] = [...(await store.find([...ids])).keys()].sort()
  if (found === undefined) throw unknownId(prefix)
  if (others.length === 0) return found
  const candidates = [found, ...others].slice(0, CANDIDATES_MAX)
  const shown = candidates.slice(0, 5).map((id) => id.slice(0, 16))
  const more = others.length + 1 > shown.length ? `, and ${others.length + 1 - shown.length} more` : ''
  throw new VarveError('AMBIGUOUS_REVISION', `${JSON.stringify(prefix)} may mean ${shown.join(', ')}${more}`, {
    actual: prefix,
    candidates,
    hint: 'Write more digits.',
  })
}

export function unknownId(id: string): VarveError {
  return new VarveError('UNKNOWN_REVISION', `no chunk or object of this store has an id that begins with ${id}`, {
    actual: id,
  })
}

async function kindAt(
  store: ChunkStore,
  { hash: id, eid, slot }: ChunkLocation,
  onUnreadable: (problem: UnreadableObject) => void,
): Promise<Kind | undefined> {
  // Only chunks lie in these, readable or not.
  if (store.group.catalog.extent(eid)?.class === EXTENT_CLASS.data) return KIND.chunk
  try {
    return (await store.group.readExtent(eid))?.slots[slot]?.kind
  } catch (error) {
    if (!isDamage(error)) throw error
    onUnreadable({ kind: 'extent', id, code: error.code, message: error.message })
    return undefined
  }
}

async function findExtent(
  store: ChunkStore,
  eid: number,
  onUnreadable: (problem: UnreadableObject) => void,
): Promise<Answer> {
  const { catalog } = store.group
  const record = catalog.extent(eid)
  if (!record) {
    throw new VarveError('UNKNOWN_REVISION', `there is no extent ${eid} in this store`, {
      extent: eid,
      actual: `extent:${eid}`,
      hint: '`varve pv list --map` shows the extents of each volume. What gc rewrote has new numbers.',
    })
  }
  const copies = catalog.copies(eid)
  const wanted = new Map<Hash, number>()
  // One copy is enough; rows that a damaged page lost may be in the table of another.
  for (const pv of copies) {
    if (wanted.size >= record.chunks) break
    for (const { hash, length } of (await store.group.volume(pv)?.chunkRowsOf([eid])) ?? []) wanted.set(hash, length)
  }
  if (wanted.size < record.chunks) {
    const found = `${wanted.size} of the ${record.chunks} chunks of extent ${eid}`
    const message = `the chunk tables at hand name ${found}`
    onUnreadable({ kind: 'extent', code: 'CORRUPT_EXTENT', message })
  }
  const kinds = record.class === EXTENT_CLASS.data ? new Set<Kind>([KIND.chunk]) : undefined
  const hanging = new Set(wanted.keys())
  for (const other of withDependants(store, [eid])) {
    const holder = other === eid ? undefined : catalog.copies(other).find((pv) => store.group.volume(pv))
    const rows = holder === undefined ? [] : ((await store.group.volume(holder)?.chunkRowsOf([other])) ?? [])
    for (const { hash } of rows) hanging.add(hash)
  }
  return { id: undefined, extent: eid, wanted, hanging, kinds, places: copies.map((pv) => placeOf(store, record, pv)) }
}

function placeOf(store: ChunkStore, record: ExtentRecord, pv: number, slot?: number): ExtentPlace {
  const volumePath = store.group.volume(pv)?.location
  return {
    extent: record.eid,
    ...(slot === undefined ? {} : { slot }),
    chunks: record.chunks,
    rawBytes: record.rawBytes,
    storedBytes: record.storedBytes,
    volume: pv,
    ...(volumePath === undefined ? {} : { volumePath }),
  }
}
