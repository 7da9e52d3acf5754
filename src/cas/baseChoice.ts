/**
 * Which bases something new is compressed against: what it takes the place of, as its writer says (objects.ts), as far as the store
 * has it and decoding stays bounded. Of a base that is as deep as can be, its own bases take its place.
 *
 * Close alignment is what counts: bases lie in the dictionary in the order in which what replaces them lies in the extent, and there
 * are hardly more of them than there is to compress. A wider dictionary makes frames larger, not smaller
 * (bench/results/2026-11-22-spike.md).
 */
import { isVarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { DECODED_BYTES_MAX } from '../base/limits.js'
import { KIB } from '../base/units.js'
import type { ExtentBase } from '../format/slots.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import { type BaseBounds, type Bound, slotBytes } from './bases.js'
import type { DecodedExtent } from './decodedExtent.js'
import type { BaseCandidates } from './objects.js'

/** Where bases are looked for: a store, or what is about to become a part of it. */
export interface BaseSource {
  /** Visible ones; who publishes what is compressed against them asks again whether they are. */
  findBases(ids: readonly Hash[]): Promise<ReadonlyMap<Hash, ChosenSlot>>
  readonly bounds: BaseBounds
  decoded(eid: number): Promise<DecodedExtent | undefined>
  slotLengths(eid: number): Promise<readonly number[] | undefined>
}

/** A slot that is a part of a dictionary. */
export interface BasePlace {
  readonly eid: number
  readonly slot: number
  readonly bytes: Buffer
}

export type ChosenSlot = Pick<ChunkLocation, 'eid' | 'slot' | 'length'>

export interface Wanting {
  readonly length: number
  readonly bases?: BaseCandidates | undefined
}

/** Deeper than that, what is written is not (docs/adr/0006-bases.md). Readers would take more (`BASE_DEPTH_MAX`). */
const DEPTH_MAX = 6
/** What is small is decoded in no time: of small commits one after the other, each differs from the one before in the least. */
const SMALL_BYTES = 32 * KIB
const SMALL_DEPTH_MAX = 24
/** A dictionary is at most this much longer than what is compressed against it: in parts of it, and in bytes. */
const LONGER_PART = 0.25
const LONGER_BYTES = 16 * KIB

/**
 * For each of some chunks that go into one extent, the bases it brings.
 * @param isSafe whether an extent is as safe as what is compressed against it is to be
 * @param decodedBytes raw bytes that may have to be decoded for the extent, itself included
 */
export async function chooseBases(
  source: BaseSource,
  wanting: readonly Wanting[],
  isSafe: (eid: number) => boolean,
  decodedBytes = DECODED_BYTES_MAX,
): Promise<readonly (readonly BasePlace[])[]> {
  const ids: (readonly Hash[])[] = []
  for (const { bases } of wanting) ids.push(bases ? await candidatesOf(bases) : [])
  const all = ids.flat()
  if (all.length === 0) return []
  const rawBytes = wanting.reduce((sum, { length }) => sum + length, 0)
  const choice = new Choice(source, rawBytes, isSafe, decodedBytes)
  const found = await source.findBases(all)
  const chosen: ChosenSlot[][] = []
  for (const each of ids) {
    const slots: ChosenSlot[] = []
    for (const id of each) {
      const at = found.get(id)
      if (at) slots.push(...((await readable(choice.take(at))) ?? []))
    }
    chosen.push(slots)
  }
  // Each is decoded once, in the order of their numbers: those that others are decoded through come first.
  const decoded = new Map<number, DecodedExtent>()
  for (const eid of [...new Set(chosen.flat().map((slot) => slot.eid))].sort((a, b) => a - b)) {
    const extent = await readable(source.decoded(eid))
    if (extent) decoded.set(eid, extent)
  }
  return chosen.map((slots) =>
    slots.flatMap(({ eid, slot }) => {
      const extent = decoded.get(eid)
      return extent ? [{ eid, slot, bytes: slotBytes(extent, slot) }] : []
    }),
  )
}

/** What is damaged has no say: whoever reads it is told so. */
async function candidatesOf(bases: BaseCandidates): Promise<readonly Hash[]> {
  try {
    return await bases()
  } catch (error) {
    if (isVarveError(error)) return []
    throw error
  }
}

/** What cannot be read is no base; whoever reads it itself is told why. */
async function readable<T>(reading: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (isVarveError(error)) return undefined
    throw error
  }
}

/** In the order of the dictionary. */
export function asBases(places: readonly Pick<BasePlace, 'eid' | 'slot'>[]): ExtentBase[] {
  const bases: { eid: number; slots: number[] }[] = []
  for (const { eid, slot } of places) {
    const last = bases.at(-1)
    if (last?.eid === eid) last.slots.push(slot)
    else bases.push({ eid, slots: [slot] })
  }
  return bases
}

/** How many bases deep an extent of so many raw bytes may be. */
export function depthMax(rawBytes: number): number {
  return rawBytes <= SMALL_BYTES ? SMALL_DEPTH_MAX : DEPTH_MAX
}

class Choice {
  readonly #source: BaseSource
  readonly #asksIfSafe: (eid: number) => boolean
  readonly #taken = new Set<string>()
  readonly #through = new Set<number>()
  readonly #lengths = new Map<number, readonly number[]>()
  /** Of extents that were asked for. */
  readonly #isSafe = new Map<number, boolean>()
  readonly #depthMax: number
  #leftBytes: number
  #leftDecoded: number

  constructor(source: BaseSource, rawBytes: number, isSafe: (eid: number) => boolean, decodedBytes: number) {
    this.#source = source
    this.#asksIfSafe = isSafe
    this.#depthMax = depthMax(rawBytes)
    this.#leftBytes = rawBytes * (1 + LONGER_PART) + LONGER_BYTES
    this.#leftDecoded = decodedBytes - rawBytes
  }

  async take({ eid, slot, length }: ChosenSlot): Promise<ChosenSlot[]> {
    const bound = this.#source.bounds.of(eid)
    if (!bound) return []
    const places = bound.depth < this.#depthMax ? [{ eid, slot, length }] : await this.#standsOn(eid, slot, bound)
    return places.filter((place) => this.#accept(place))
  }

  #accept({ eid, slot, length }: ChosenSlot): boolean {
    const key = `${eid}/${slot}`
    const bound = this.#source.bounds.of(eid)
    if (!bound || this.#taken.has(key) || length > this.#leftBytes || !this.#isSafeEnough(eid)) return false
    let more = 0
    for (const [other, rawBytes] of bound.through) if (!this.#through.has(other)) more += rawBytes
    if (more > this.#leftDecoded) return false
    for (const other of bound.through.keys()) this.#through.add(other)
    this.#leftDecoded -= more
    this.#leftBytes -= length
    this.#taken.add(key)
    return true
  }

  /** The part of an extent's bases that lies where the slot lies in the extent. */
  async #standsOn(eid: number, slot: number, { bases, rawBytes }: Bound): Promise<ChosenSlot[]> {
    const lengths = await this.#lengthsOf(eid)
    const lying: ChosenSlot[] = []
    for (const base of bases) {
      const below = await this.#lengthsOf(base.eid)
      for (const each of base.slots) lying.push({ eid: base.eid, slot: each, length: below[each] ?? 0 })
    }
    const start = lengths.slice(0, slot).reduce((sum, length) => sum + length, 0)
    const total = lying.reduce((sum, { length }) => sum + length, 0)
    const from = (start / rawBytes) * total
    const to = ((start + (lengths[slot] ?? 0)) / rawBytes) * total
    let at = 0
    return lying.filter(({ length }) => {
      at += length
      return at > from && at - length < to
    })
  }

  /** Of an extent's slots. */
  async #lengthsOf(eid: number): Promise<readonly number[]> {
    const known = this.#lengths.get(eid) ?? (await readable(this.#source.slotLengths(eid))) ?? []
    this.#lengths.set(eid, known)
    return known
  }

  /** What is compressed against it must not be lost where it would not be without it. */
  #isSafeEnough(eid: number): boolean {
    const known = this.#isSafe.get(eid) ?? this.#asksIfSafe(eid)
    this.#isSafe.set(eid, known)
    return known
  }
}
