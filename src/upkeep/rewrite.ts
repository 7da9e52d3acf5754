/**
 * The engine that moves chunks into new extents: plan → rewrite → verify → switch → drop the old.
 *
 * Extents are read and checked, with all that decodes through them; what is to stay is written into new ones (chunkCopies.ts),
 * compressed against what it was compressed against before, where that stays. In one transaction of the catalog the new ones take
 * the place of the old ones. Readers find a chunk before and after; who looked it up in between looks once more.
 *
 * Memory is bounded: where there is more than fits, new extents become visible batch by batch, beside the old ones, and the last
 * transaction takes all old ones away. Killed at any moment, it leaves the old extents or the new ones or both, and orphans that
 * nobody sees: there is no log to be played. What it was to do is found again by whoever plans it.
 */
import { CorruptionError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { KIB, MIB } from '../base/units.js'
import { slotBytes } from '../cas/bases.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Compression } from '../codec/compressor.js'
import type { Kind } from '../format/kinds.js'
import type { CatalogTransaction, ExtentRecord } from '../volume/catalog.js'
import { USED_BY_DEFAULT, type UsedBy, usesOf } from '../volume/extentUses.js'
import type { Lease } from '../volume/lease.js'
import type { ChunkLocation, StoredExtent } from '../volume/physicalVolume.js'
import { batchesOf } from './batches.js'
import {
  ChunkCopies,
  type ChunkNumber,
  type CopiedChunk,
  type DictionarySlot,
  type MovedExtent,
} from './chunkCopies.js'
import { SlotRows } from './slotRows.js'
import { ExtentSwitch, NOTHING_SWITCHED, type OldExtent, type SwitchResult } from './switchExtents.js'

export interface RewriteOptions {
  /** A writer's, for numbers, and so that nobody takes what is not visible yet for an orphan. */
  readonly lease: Lease
  readonly compression: Compression
  keeps(chunk: ChunkLocation): boolean
  /** Where a chunk belongs in the new extents: the lowest first, then those without, as they were. Default: all as they were. */
  rankOf?(id: Hash): number | undefined
  /**
   * Asked inside the transaction that takes the old extents away, with what is not kept.
   * @returns whether it may go; if not, nothing is changed
   */
  allows(tx: CatalogTransaction, dropped: readonly ChunkLocation[]): boolean
  /**
   * Whether it is worth it: by the stored bytes of those that go, and those that come. Old ones that something new decodes through
   * stay, if it is worth it all the same. Default: all go, or none, whatever the new ones take
   */
  isEnough?(goneBytes: number, newBytes: number): boolean
  /** Told, and waited for, whenever so many raw bytes were written anew. */
  onBatch?(rawBytes: number): Promise<void>
  /** Waited for before the transaction in which the old ones go. */
  beforeSwitch?(): Promise<void>
}

/** `oldExtents`: with those that decoded through what was asked for. */
export interface RewriteResult extends SwitchResult {
  /** All was done, and taken back: it was not worth it. */
  readonly isTooLittle?: boolean
}

/** Raw bytes of the sources that are in memory at a time. */
const BATCH_BYTES = 32 * MIB
/** Raw bytes of an extent that is not put together with others. */
const MOVED_BYTES_MIN = 64 * KIB

/** These extents and all that decodes through them, ascending. Those that are gone are left out. */
export function withDependants(
  {
    group: { catalog },
  }: { readonly group: { readonly catalog: Pick<ChunkStore['group']['catalog'], 'isVisible' | 'dependants'> } },
  eids: Iterable<number>,
): number[] {
  const all = new Set<number>()
  const coming = [...eids]
  for (let eid = coming.pop(); eid !== undefined; eid = coming.pop()) {
    if (all.has(eid) || !catalog.isVisible(eid)) continue
    all.add(eid)
    coming.push(...catalog.dependants(eid))
  }
  return [...all].sort((a, b) => a - b)
}

/**
 * Rewrites some extents, and what decodes through them.
 * @throws {CorruptionError} `CORRUPT_EXTENT` when a source is not what the chunk table says: nothing was changed
 * @throws {VarveError} `VG_FULL`, `STORAGE_FULL`, `STORAGE_IO`, `LEASE_LOST`
 */
export async function rewriteExtents(
  store: ChunkStore,
  eids: readonly number[],
  options: RewriteOptions,
): Promise<RewriteResult> {
  const rewriting = new Rewriting(store, withDependants(store, eids), options)
  try {
    return await rewriting.run()
  } catch (error) {
    // What failed on the way is the better message; orphans are found by whoever looks for them.
    await rewriting.takeBack().catch(() => undefined)
    throw error
  }
}

/**
 * Extents each after what it is decoded through, and as soon as it can be: so what was decoded is at hand still, where all versions
 * of one part of a tree come before the next part.
 */
function nearEachOther({ group: { catalog } }: ChunkStore, eids: readonly number[]): number[] {
  const all = new Set(eids)
  const missing = new Map<number, number>()
  for (const eid of eids) {
    const bases = new Set(catalog.extent(eid)?.bases.map((base) => base.eid))
    missing.set(eid, [...bases].filter((base) => all.has(base)).length)
  }
  const ready = eids.filter((eid) => missing.get(eid) === 0).sort((a, b) => b - a)
  const ordered: number[] = []
  for (let eid = ready.pop(); eid !== undefined; eid = ready.pop()) {
    ordered.push(eid)
    for (const dependant of catalog.dependants(eid).sort((a, b) => b - a)) {
      const left = (missing.get(dependant) ?? 0) - 1
      missing.set(dependant, left)
      if (left === 0) ready.push(dependant)
    }
  }
  // None may be missing, whatever the catalog says of them.
  return ordered.length === eids.length ? ordered : [...eids]
}

class Rewriting {
  readonly #store: ChunkStore
  readonly #eids: readonly number[]
  readonly #options: RewriteOptions
  readonly #copies: ChunkCopies
  readonly #going: ReadonlySet<number>
  readonly #rows: SlotRows
  readonly #sources: OldExtent[] = []
  /** What was written, and under which number. */
  readonly #kept = new Map<Hash, ChunkNumber>()
  /** For which logical volumes: a chunk may lie twice, where not all want the same. */
  readonly #keptFor = new Map<Hash, readonly UsedBy[]>()
  /** What was not, and what it was compressed against. */
  readonly #stoodOn = new Map<Hash, readonly Hash[]>()
  readonly #merged: Hash[] = []
  readonly #dropped: ChunkLocation[] = []
  readonly #switch: ExtentSwitch

  constructor(store: ChunkStore, eids: readonly number[], options: RewriteOptions) {
    const { lease, compression } = options
    this.#store = store
    this.#eids = eids
    this.#options = options
    this.#going = new Set(eids)
    this.#rows = new SlotRows(store)
    this.#switch = new ExtentSwitch(store, lease)
    this.#copies = new ChunkCopies(store, { lease, compression, going: this.#going })
  }

  async run(): Promise<RewriteResult> {
    const { onBatch, beforeSwitch, isEnough } = this.#options
    await this.#rows.load(this.#eids)
    const rawBytesOf = (eid: number): number => this.#store.bounds.of(eid)?.rawBytes ?? 0
    const eids = this.#options.rankOf ? this.#eids : nearEachOther(this.#store, this.#eids)
    const batches = [...batchesOf(eids, BATCH_BYTES, rawBytesOf)]
    for (const [index, batch] of batches.entries()) {
      const coming: (CopiedChunk | MovedExtent)[] = []
      for (const eid of batch) coming.push(...(await this.#read(eid)))
      await this.#switch.stage(await this.#copies.place(this.#ranked(coming)))
      await onBatch?.(batch.reduce((sum, eid) => sum + rawBytesOf(eid), 0))
      if (index === batches.length - 1) break
      if (!(await this.#switch.publish())) return NOTHING_SWITCHED
      this.#copies.forget()
    }
    await beforeSwitch?.()
    const { newStoredBytes } = this.#switch
    const allows = (tx: CatalogTransaction): boolean => this.#options.allows(tx, this.#dropped)
    const oldStoredBytes = this.#sources.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    if (isEnough?.(oldStoredBytes, newStoredBytes) === false) {
      await this.#switch.takeBack()
      return { ...NOTHING_SWITCHED, isTooLittle: true }
    }
    return this.#switch.finish(
      this.#sources,
      this.#merged,
      allows,
      isEnough && ((goneBytes) => isEnough(goneBytes, newStoredBytes)),
    )
  }

  takeBack(): Promise<void> {
    return this.#switch.takeBack()
  }

  /** What is kept of an extent, and was not kept of another one: chunk by chunk, or all of it as it is. */
  async #read(eid: number): Promise<readonly (CopiedChunk | MovedExtent)[]> {
    const record = this.#store.group.catalog.extent(eid)
    // Gone meanwhile.
    if (!record) return []
    const usedBy = usesOf(this.#store.group.catalog, eid)
    const rows = this.#rows.of(eid)
    const basesOf = this.#basesOf(record)
    const keeps = rows.map((row) => row !== undefined && this.#options.keeps(row))
    const isDead = rows.length === record.chunks && !rows.includes(undefined) && !keeps.includes(true)
    // Of one of which nothing is needed: what is decoded through it finds out by itself whether it can be.
    const kept = isDead ? [] : await this.#keptOf(record, usedBy, rows, keeps, basesOf)
    // Gone meanwhile.
    if (!kept) return []
    this.#sources.push({ eid, checksum: record.checksum, storedBytes: record.storedBytes, usedBy })
    for (const [slot, row] of rows.entries()) {
      if (!row || keeps[slot]) continue
      this.#dropped.push(row)
      this.#stoodOn.set(row.hash, basesOf(slot))
    }
    return kept
  }

  async #keptOf(
    record: ExtentRecord,
    usedBy: UsedBy,
    rows: ExtentRows,
    keeps: readonly boolean[],
    basesOf: BasesOf,
  ): Promise<readonly (CopiedChunk | MovedExtent)[] | undefined> {
    const dictionary = this.#dictionaryOf(record, rows, keeps)
    if (!dictionary) return this.#copied(record, usedBy, rows, keeps, basesOf)
    const extent = await this.#store.group.readExtent(record.eid)
    return extent && [this.#moved(extent, usedBy, dictionary, rows, basesOf)]
  }

  /** Of an extent that can stay as it is: all of it is kept, and all that it is compressed against. */
  #dictionaryOf(
    { rawBytes, chunks, bases }: ExtentRecord,
    rows: ExtentRows,
    keeps: readonly boolean[],
  ): DictionarySlot[] | undefined {
    const { rankOf, compression } = this.#options
    // Small ones lie together better.
    if (rankOf || compression.codec === 'none' || rawBytes < MOVED_BYTES_MIN) return undefined
    const ids = new Set(rows.map((row) => row?.hash))
    const isWhole = rows.length === chunks && ids.size === chunks && !keeps.includes(false)
    if (!isWhole || rows.some((row) => row && this.#kept.has(row.hash))) return undefined
    const dictionary: DictionarySlot[] = []
    for (const base of bases) {
      for (const slot of base.slots) {
        const id = this.#rows.of(base.eid)[slot]?.hash
        if (id === undefined || (this.#going.has(base.eid) && !this.#kept.has(id))) return undefined
        dictionary.push({ eid: base.eid, slot, id })
      }
    }
    return dictionary
  }

  #moved(
    extent: StoredExtent,
    usedBy: UsedBy,
    dictionary: readonly DictionarySlot[],
    rows: ExtentRows,
    basesOf: BasesOf,
  ): MovedExtent {
    const { eid, slots } = extent
    const numbers = new Map<Hash, ChunkNumber>()
    for (const [slot, { length }] of slots.entries()) {
      const row = rows[slot]
      if (row?.length !== length) throw notAsTold(eid, slot, row?.hash)
      numbers.set(row.hash, { chunkId: row.chunkId })
    }
    for (const [id, number] of numbers) this.#keep(id, number, usedBy)
    const chunks = async (): Promise<CopiedChunk[]> => {
      const inside = (await this.#chunksOf(eid, rows)) ?? []
      return inside.map(({ id, kind, bytes }, slot) => {
        const number = numbers.get(id) as ChunkNumber
        return { from: extent.eid, id, kind, class: extent.class, bytes, number, bases: basesOf(slot), usedBy }
      })
    }
    return { eid, extent, dictionary, numbers, usedBy, chunks }
  }

  async #copied(
    { eid, class: extentClass }: ExtentRecord,
    usedBy: UsedBy,
    rows: ExtentRows,
    keeps: readonly boolean[],
    basesOf: BasesOf,
  ): Promise<CopiedChunk[] | undefined> {
    const kept: CopiedChunk[] = []
    const chunks = await this.#chunksOf(eid, rows)
    for (const [slot, { id, kind, bytes }] of chunks?.entries() ?? []) {
      if (!keeps[slot]) continue
      const chunkId = rows[slot]?.chunkId ?? 0
      const known = this.#kept.get(id)
      // In several of the extents: written once, under its lowest number as far as that is known by then.
      if (known) {
        if (known.chunkId !== chunkId) this.#merged.push(id)
        known.chunkId = Math.min(known.chunkId, chunkId)
        // Once more, where it lies is not where all that use it want it.
        if (this.#lies(id, usedBy)) continue
      }
      const number = known ?? { chunkId }
      this.#keep(id, number, usedBy)
      kept.push({ from: eid, id, kind, class: extentClass, bytes, number, bases: basesOf(slot), usedBy })
    }
    return chunks && kept
  }

  #keep(id: Hash, number: ChunkNumber, usedBy: UsedBy): void {
    this.#kept.set(id, number)
    // Where there is one logical volume, which is mostly so, nothing is remembered.
    if (usedBy !== USED_BY_DEFAULT) this.#keptFor.set(id, [...(this.#keptFor.get(id) ?? []), usedBy])
  }

  /** Whether what was kept of a chunk serves these logical volumes. */
  #lies(id: Hash, usedBy: UsedBy): boolean {
    if (usedBy === USED_BY_DEFAULT) return true
    return (this.#keptFor.get(id) ?? []).some((others) => usedBy.every((lv) => others.includes(lv)))
  }

  /** `undefined` for an extent that is gone. @throws {CorruptionError} `CORRUPT_EXTENT` when it is not what the chunk table says */
  async #chunksOf(eid: number, rows: ExtentRows): Promise<Chunk[] | undefined> {
    // Kept for a while: what comes next is decoded through it.
    const extent = await this.#store.decoded(eid)
    return extent?.slots.map(({ kind }, slot) => {
      const bytes = slotBytes(extent, slot)
      const id = this.#store.hasher.id(kind, bytes)
      const told = rows[slot]?.hash
      // What is kept is known by the row, and what is written by the bytes: they must be one.
      if (told !== id) throw notAsTold(eid, slot, told)
      return { id, kind, bytes }
    })
  }

  /** For each slot of an extent what lies in its dictionary where the slot lies in the extent; of what is gone, what that stood on. */
  #basesOf({ eid, bases }: ExtentRecord): BasesOf {
    if (bases.length === 0) return () => []
    const lying = bases.flatMap((base) => base.slots.flatMap((slot) => this.#rows.of(base.eid)[slot] ?? []))
    const total = lying.reduce((sum, { length }) => sum + length, 0)
    const lengths = this.#rows.of(eid).map((row) => row?.length ?? 0)
    const rawBytes = lengths.reduce((sum, length) => sum + length, 0)
    return (slot) => {
      const from = lengths.slice(0, slot).reduce((sum, length) => sum + length, 0)
      const to = from + (lengths[slot] ?? 0)
      const ids = new Set<Hash>()
      let at = 0
      for (const { hash, length } of lying) {
        if ((at + length) * rawBytes > from * total && at * rawBytes < to * total) {
          for (const id of this.#standing(hash)) ids.add(id)
        }
        at += length
      }
      return [...ids]
    }
  }

  #standing(id: Hash): readonly Hash[] {
    return this.#kept.has(id) ? [id] : (this.#stoodOn.get(id) ?? [id])
  }

  /** Stable: those of one rank stay as they were. */
  #ranked(coming: readonly (CopiedChunk | MovedExtent)[]): readonly (CopiedChunk | MovedExtent)[] {
    const { rankOf } = this.#options
    if (!rankOf) return coming
    const ranked = coming.map((each) => {
      return { each, rank: ('id' in each ? rankOf(each.id) : undefined) ?? Number.MAX_SAFE_INTEGER }
    })
    return ranked.sort((a, b) => a.rank - b.rank).map(({ each }) => each)
  }
}

/** By slot. */
type ExtentRows = readonly (ChunkLocation | undefined)[]

/** For each slot. */
type BasesOf = (slot: number) => readonly Hash[]

interface Chunk {
  readonly id: Hash
  readonly kind: Kind
  readonly bytes: Buffer
}

function notAsTold(eid: number, slot: number, id: Hash | undefined): CorruptionError {
  const told = id === undefined ? 'nothing' : shortHash(id)
  return new CorruptionError(
    'CORRUPT_EXTENT',
    `slot ${slot} of extent ${eid} is not ${told}, as the chunk table has it`,
    {
      extent: eid,
      slot,
      hint: 'Run `varve verify` to see what is hit.',
    },
  )
}
