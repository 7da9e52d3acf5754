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
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Compression } from '../codec/compressor.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { Lease } from '../volume/lease.js'
import type { ChunkLocation, StoredExtent } from '../volume/physicalVolume.js'
import { batchesOf } from './batches.js'
import { ChunkCopies, type ChunkNumber, type CopiedChunk } from './chunkCopies.js'
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
}

/** `oldExtents`: with those that decoded through what was asked for. */
export type RewriteResult = SwitchResult

/** Raw bytes of the sources that are in memory at a time. */
const BATCH_BYTES = 32 * MIB

/** These extents and all that decodes through them, ascending. Those that are gone are left out. */
export function withDependants({ group: { catalog } }: ChunkStore, eids: Iterable<number>): number[] {
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

class Rewriting {
  readonly #store: ChunkStore
  readonly #eids: readonly number[]
  readonly #options: RewriteOptions
  readonly #copies: ChunkCopies
  readonly #sources: OldExtent[] = []
  /** What was written, and under which number. */
  readonly #kept = new Map<Hash, ChunkNumber>()
  readonly #merged: Hash[] = []
  readonly #dropped: ChunkLocation[] = []
  /** By extent: what its slots hold. */
  readonly #ids = new Map<number, readonly Hash[]>()
  readonly #switch: ExtentSwitch

  constructor(store: ChunkStore, eids: readonly number[], options: RewriteOptions) {
    const { lease, compression } = options
    this.#store = store
    this.#eids = eids
    this.#options = options
    this.#switch = new ExtentSwitch(store, lease)
    this.#copies = new ChunkCopies(store, { lease, compression, going: new Set(eids) })
  }

  async run(): Promise<RewriteResult> {
    const batches = [...batchesOf(this.#eids, BATCH_BYTES, (eid) => this.#store.bounds.of(eid)?.rawBytes ?? 0)]
    for (const [index, batch] of batches.entries()) {
      const chunks: CopiedChunk[] = []
      for (const eid of batch) chunks.push(...(await this.#read(eid)))
      await this.#switch.stage(await this.#copies.place(this.#ranked(chunks)))
      if (index === batches.length - 1) break
      if (!(await this.#switch.publish())) return NOTHING_SWITCHED
      this.#copies.forget()
    }
    return this.#switch.finish(this.#sources, this.#merged, (tx) => this.#options.allows(tx, this.#dropped))
  }

  takeBack(): Promise<void> {
    return this.#switch.takeBack()
  }

  /** What is kept of an extent, and was not kept of another one. */
  async #read(eid: number): Promise<CopiedChunk[]> {
    const { group, hasher } = this.#store
    const extent = await group.readExtent(eid)
    // Gone meanwhile.
    if (!extent) return []
    this.#sources.push({ eid, checksum: extent.checksum, storedBytes: extent.frame.length })
    const raw = await this.#store.decode(extent)
    let offset = 0
    const chunks = extent.slots.map(({ kind, length }) => {
      const bytes = raw.subarray(offset, offset + length)
      offset += length
      return { kind, bytes, hash: hasher.id(kind, bytes) }
    })
    const ids = chunks.map(({ hash }) => hash)
    this.#ids.set(eid, ids)
    const rows = await rowsOf(this.#store, eid, ids)
    const basesOf = await this.#basesOf(extent)
    const kept: CopiedChunk[] = []
    for (const [slot, { kind, bytes, hash: id }] of chunks.entries()) {
      const row = rows.get(slot)
      // What is kept is known by the row, and what is written by the bytes: they must be one.
      if (row?.hash !== id) throw notAsTold(eid, slot, row?.hash)
      if (!this.#options.keeps(row)) this.#dropped.push(row)
      else {
        const known = this.#kept.get(id)
        // In several of the extents: written once, under its lowest number as far as that is known by then.
        if (known) {
          known.chunkId = Math.min(known.chunkId, row.chunkId)
          this.#merged.push(id)
          continue
        }
        const number = { chunkId: row.chunkId }
        this.#kept.set(id, number)
        kept.push({ id, kind, class: extent.class, bytes, number, bases: basesOf(slot) })
      }
    }
    return kept
  }

  /** For each slot of an extent what lies in its dictionary where the slot lies in the extent. */
  async #basesOf({ bases, slots }: StoredExtent): Promise<(slot: number) => readonly Hash[]> {
    if (bases.length === 0) return () => []
    const lying: { readonly id: Hash; readonly length: number }[] = []
    for (const { eid, slots: chosen } of bases) {
      const ids = await this.#idsOf(eid)
      const lengths = (await this.#store.slotLengths(eid)) ?? []
      for (const slot of chosen) {
        const id = ids[slot]
        if (id !== undefined) lying.push({ id, length: lengths[slot] ?? 0 })
      }
    }
    const total = lying.reduce((sum, { length }) => sum + length, 0)
    const rawBytes = slots.reduce((sum, { length }) => sum + length, 0)
    return (slot) => {
      const from = slots.slice(0, slot).reduce((sum, { length }) => sum + length, 0)
      const to = from + (slots[slot]?.length ?? 0)
      const ids: Hash[] = []
      let at = 0
      for (const { id, length } of lying) {
        if ((at + length) * rawBytes > from * total && at * rawBytes < to * total) ids.push(id)
        at += length
      }
      return ids
    }
  }

  async #idsOf(eid: number): Promise<readonly Hash[]> {
    const known = this.#ids.get(eid)
    if (known) return known
    const extent = await this.#store.decoded(eid)
    const ids =
      extent?.slots.map(({ kind, length }, slot) => {
        const offset = extent.offsets[slot] ?? 0
        return this.#store.hasher.id(kind, extent.raw.subarray(offset, offset + length))
      }) ?? []
    this.#ids.set(eid, ids)
    return ids
  }

  /** Stable: those of one rank stay as they were. */
  #ranked(chunks: readonly CopiedChunk[]): readonly CopiedChunk[] {
    const { rankOf } = this.#options
    if (!rankOf) return chunks
    const ranked = chunks.map((chunk) => ({ chunk, rank: rankOf(chunk.id) ?? Number.MAX_SAFE_INTEGER }))
    return ranked.sort((a, b) => a.rank - b.rank).map(({ chunk }) => chunk)
  }
}

/** The rows of an extent, by slot, from one of its volumes. @param hashes of its chunks, as their bytes have it */
async function rowsOf(store: ChunkStore, eid: number, hashes: readonly Hash[]): Promise<Map<number, ChunkLocation>> {
  const { group } = store
  const pv = group.catalog.copies(eid).find((number) => group.volume(number))
  const rows = pv === undefined ? [] : ((await group.volume(pv)?.lookup(hashes)) ?? [])
  return new Map(rows.filter((row) => row.eid === eid).map((row) => [row.slot, row]))
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
