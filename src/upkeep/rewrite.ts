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
import { revive } from '../cas/condemned.js'
import type { Compression } from '../codec/compressor.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { Lease } from '../volume/lease.js'
import type { ChunkLocation, StoredExtent } from '../volume/physicalVolume.js'
import type { PlacedExtent } from '../volume/volumeGroup.js'
import { batchesOf } from './batches.js'
import { ChunkCopies, type ChunkNumber, type CopiedChunk } from './chunkCopies.js'

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

export interface RewriteResult {
  readonly isDone: boolean
  /** Old ones, with those that decoded through what was asked for. */
  readonly oldExtents: number
  readonly oldStoredBytes: number
  readonly newExtents: number
  readonly newStoredBytes: number
}

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

const NOTHING: RewriteResult = { isDone: false, oldExtents: 0, oldStoredBytes: 0, newExtents: 0, newStoredBytes: 0 }

interface Source {
  readonly eid: number
  readonly checksum: Buffer
  readonly storedBytes: number
}

class Rewriting {
  readonly #store: ChunkStore
  readonly #eids: readonly number[]
  readonly #options: RewriteOptions
  readonly #copies: ChunkCopies
  readonly #sources: Source[] = []
  /** What was written, and under which number. */
  readonly #kept = new Map<Hash, ChunkNumber>()
  readonly #merged: Hash[] = []
  readonly #dropped: ChunkLocation[] = []
  /** By extent: what its slots hold. */
  readonly #ids = new Map<number, readonly Hash[]>()
  readonly #published: PlacedExtent[] = []
  #staged: PlacedExtent[] = []

  constructor(store: ChunkStore, eids: readonly number[], options: RewriteOptions) {
    const { lease, compression } = options
    this.#store = store
    this.#eids = eids
    this.#options = options
    this.#copies = new ChunkCopies(store, { lease, compression, going: new Set(eids) })
  }

  async run(): Promise<RewriteResult> {
    const batches = [...batchesOf(this.#eids, BATCH_BYTES, (eid) => this.#store.bounds.of(eid)?.rawBytes ?? 0)]
    for (const [index, batch] of batches.entries()) {
      const chunks: CopiedChunk[] = []
      for (const eid of batch) chunks.push(...(await this.#read(eid)))
      this.#staged = await this.#copies.place(this.#ranked(chunks))
      const stage = await this.#store.group.stage(this.#staged)
      const publish = () => this.#staged.length > 0 && stage.publish()
      if (index === batches.length - 1) return this.#switch(publish)
      const isPublished = this.#store.group.catalog.write((tx) => {
        this.#options.lease.require(tx)
        if (!this.#hasAllBases()) return false
        publish()
        return true
      })
      if (!isPublished) return this.#giveUp()
      this.#published.push(...this.#staged)
      this.#staged = []
      this.#copies.forget()
    }
    return { ...NOTHING, isDone: true }
  }

  /** Nothing of it stays, but what others use already. */
  async takeBack(): Promise<void> {
    const { group } = this.#store
    await group.dropUnpublished(this.#staged.filter(({ extent }) => !group.catalog.isVisible(extent.eid)))
    if (this.#published.length === 0) return
    const retired = group.catalog.write((tx) => {
      const fresh = this.#published.map(({ extent }) => extent.eid).filter((eid) => group.catalog.isVisible(eid))
      const leaving = leavingOf(this.#store, fresh)
      if (leaving.length > 0) tx.advance('gc_epoch', 1)
      return group.retire(leaving)
    })
    await group.dropRetired(retired)
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

  async #switch(publish: () => unknown): Promise<RewriteResult> {
    const { group } = this.#store
    const { catalog } = group
    const { lease, allows } = this.#options
    const retired = catalog.write((tx) => {
      lease.require(tx)
      const isThere = ({ eid, checksum }: Source) => catalog.extent(eid)?.checksum.equals(checksum)
      const leaving = leavingOf(
        this.#store,
        this.#sources.map(({ eid }) => eid),
      )
      if (!this.#sources.every(isThere) || leaving.length < this.#sources.length) return undefined
      if (!this.#hasAllBases() || !allows(tx, this.#dropped)) return undefined
      publish()
      if (this.#merged.length > 0) {
        // What was known of one of their numbers is not true of the other: both are found anew.
        revive(tx, this.#merged)
        tx.run('DELETE FROM bitmap')
      }
      tx.advance('gc_epoch', 1)
      return group.retire(leaving)
    })
    if (!retired) return this.#giveUp()
    await group.dropRetired(retired)
    const all = [...this.#published, ...this.#staged]
    const newStoredBytes = all.reduce((sum, { extent }) => sum + extent.frame.length, 0)
    return {
      isDone: true,
      oldExtents: this.#sources.length,
      oldStoredBytes: this.#sources.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      newExtents: all.length,
      newStoredBytes,
    }
  }

  /** Something changed meanwhile. */
  async #giveUp(): Promise<RewriteResult> {
    await this.takeBack()
    return NOTHING
  }

  /** Whether what was just written can be read: others may have rewritten what it decodes through. */
  #hasAllBases(): boolean {
    const { catalog } = this.#store.group
    const staged = new Set(this.#staged.map(({ extent }) => extent.eid))
    return this.#staged.every(({ extent }) =>
      extent.bases.every(({ eid }) => staged.has(eid) || catalog.isVisible(eid)),
    )
  }
}

/** In a transaction: of some extents those that nothing but others of them decodes through, in the order in which they may go. */
export function leavingOf({ group: { catalog } }: ChunkStore, eids: Iterable<number>): number[] {
  const leaving = new Set<number>()
  for (const eid of [...eids].sort((a, b) => b - a)) {
    if (catalog.dependants(eid).every((dependant) => leaving.has(dependant))) leaving.add(eid)
  }
  return [...leaving]
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
