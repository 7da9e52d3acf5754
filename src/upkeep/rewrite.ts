/**
 * The engine that moves chunks into new extents: plan → rewrite → verify → switch → drop the old.
 *
 * Extents are read and checked, what is to stay is gathered into new ones, these are compressed, decoded again and compared,
 * brought to their volumes, and put in the place of the old ones in one transaction of the catalog. Readers find a chunk before
 * and after; who looked it up in between looks once more. Chunks keep their numbers.
 *
 * Killed at any moment, it leaves the old extents or the new ones, and orphans that nobody sees: there is no log to be played. What
 * it was to do is found again by whoever plans it. Memory is bounded by the sources of one call.
 */
import { CorruptionError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { ExtentBuilder, type FullExtent, finishExtent } from '../cas/extentBuilder.js'
import { theChecksum } from '../codec/checksum.js'
import { type Compression, decodeFrame, decodeFrameAsync, encodeFrameAsync, type Frame } from '../codec/compressor.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { Lease } from '../volume/lease.js'
import type { ChunkLocation, ExtentClass, StoredExtent } from '../volume/physicalVolume.js'
import type { PlacedExtent } from '../volume/volumeGroup.js'

/** Frames being compressed at once: enough for the thread pool of a small machine. */
const COMPRESSING = 3

export interface RewriteOptions {
  /** A writer's, for numbers, and so that nobody takes what is not visible yet for an orphan. */
  readonly lease: Lease
  readonly compression: Compression
  keeps(chunk: ChunkLocation): boolean
  /**
   * Asked inside the transaction that switches, with what is not kept.
   * @returns whether it may go; if not, nothing is changed
   */
  allows(tx: CatalogTransaction, dropped: readonly ChunkLocation[]): boolean
}

export interface RewriteResult {
  readonly isDone: boolean
  readonly newExtents: number
  readonly newStoredBytes: number
}

/**
 * Rewrites some extents, all of which are in memory meanwhile.
 * @throws {CorruptionError} `CORRUPT_EXTENT` when a source is not what the chunk table says: nothing was changed
 * @throws {VarveError} `VG_FULL`, `STORAGE_FULL`, `STORAGE_IO`, `LEASE_LOST`
 */
export async function rewriteExtents(
  store: ChunkStore,
  eids: readonly number[],
  options: RewriteOptions,
): Promise<RewriteResult> {
  const full: FullExtent[] = []
  const builders = new Map<ExtentClass, ExtentBuilder>()
  const written = new Set<Hash>()
  const dropped: ChunkLocation[] = []
  const sources: StoredExtent[] = []
  const rows = await rowsOf(store, eids)
  const chunkIds = lowestNumbers(rows, options)
  for (const eid of eids) {
    const extent = await store.group.readExtent(eid)
    // Gone meanwhile.
    if (!extent) continue
    sources.push(extent)
    const raw = await decodeFrameAsync(extent.codec, extent.frame, extent.rawBytes)
    const builder = builders.get(extent.class) ?? new ExtentBuilder(extent.class, store.profile.peSize, [])
    builders.set(extent.class, builder)
    let offset = 0
    for (const [slot, { kind, length }] of extent.slots.entries()) {
      const bytes = raw.subarray(offset, offset + length)
      offset += length
      const row = rows.get(eid)?.get(slot)
      // What is kept is known by the row, and what is written by the bytes: they must be one.
      if (!row || store.hasher.id(kind, bytes) !== row.hash) throw notAsTold(eid, slot, row?.hash)
      if (!options.keeps(row)) dropped.push(row)
      else if (!written.has(row.hash)) {
        written.add(row.hash)
        const filled = builder.add(kind, row.hash, bytes)
        if (filled) full.push(filled)
      }
    }
  }
  for (const builder of builders.values()) {
    const filled = builder.take()
    if (filled) full.push(filled)
  }
  return switchTo(store, sources, await placed(store, full, chunkIds, options), dropped, options)
}

/** Of what is kept: a chunk that is in several of the extents is written once, under its lowest number. */
function lowestNumbers(
  rows: ReadonlyMap<number, ReadonlyMap<number, ChunkLocation>>,
  { keeps }: RewriteOptions,
): Map<Hash, number> {
  const lowest = new Map<Hash, number>()
  for (const bySlot of rows.values()) {
    for (const row of bySlot.values()) {
      if (keeps(row)) lowest.set(row.hash, Math.min(row.chunkId, lowest.get(row.hash) ?? row.chunkId))
    }
  }
  return lowest
}

/** By extent and slot, from one volume each. */
async function rowsOf(store: ChunkStore, eids: readonly number[]): Promise<Map<number, Map<number, ChunkLocation>>> {
  const { group } = store
  const byVolume = new Map<number, number[]>()
  for (const eid of eids) {
    const pv = group.catalog.copies(eid).find((number) => group.volume(number))
    if (pv !== undefined) byVolume.set(pv, [...(byVolume.get(pv) ?? []), eid])
  }
  const found = new Map<number, Map<number, ChunkLocation>>()
  for (const [pv, held] of byVolume) {
    for (const row of (await group.volume(pv)?.chunkRowsOf(held)) ?? []) {
      found.set(row.eid, (found.get(row.eid) ?? new Map<number, ChunkLocation>()).set(row.slot, row))
    }
  }
  return found
}

async function placed(
  store: ChunkStore,
  full: readonly FullExtent[],
  chunkIds: ReadonlyMap<Hash, number>,
  { lease, compression }: RewriteOptions,
): Promise<PlacedExtent[]> {
  const placement = store.group.placement()
  const all: PlacedExtent[] = []
  const frames = ahead(full, COMPRESSING, ({ raw }) => encodeFrameAsync(raw, compression))
  for (const [index, each] of full.entries()) {
    const frame = (await frames(index)) as Frame
    let slot = 0
    const extent = finishExtent(
      each,
      frame,
      { takeEid: () => lease.takeEid(), takeChunkId: () => chunkIds.get(each.items[slot++]?.id as Hash) as number },
      await theChecksum(),
    )
    if (!decodeFrame(extent.codec, extent.frame, extent.rawBytes).equals(each.raw)) {
      throw new CorruptionError(
        'CORRUPT_EXTENT',
        'what was compressed did not come back as it was; nothing was changed',
        {
          extent: extent.eid,
          hint: 'The memory or the processor of this machine may be faulty.',
        },
      )
    }
    all.push({ extent, pvs: placement.place(extent.frame.length) })
  }
  return all
}

/** Starts some tasks before their results are asked for, in order. */
function ahead<In, Out>(items: readonly In[], count: number, task: (item: In) => Promise<Out>) {
  const started: Promise<Out>[] = []
  return (index: number): Promise<Out> | undefined => {
    for (const item of items.slice(started.length, index + count)) {
      const running = task(item)
      // Said where it is awaited; until then it is not unheard of.
      running.catch(() => undefined)
      started.push(running)
    }
    return started[index]
  }
}

async function switchTo(
  store: ChunkStore,
  sources: readonly StoredExtent[],
  all: readonly PlacedExtent[],
  dropped: readonly ChunkLocation[],
  { lease, allows }: RewriteOptions,
): Promise<RewriteResult> {
  const { group } = store
  const { catalog } = group
  try {
    const stage = await group.stage(all)
    const retired = catalog.write((tx) => {
      lease.require(tx)
      const isThere = ({ eid, checksum }: StoredExtent) => catalog.extent(eid)?.checksum.equals(checksum)
      if (!sources.every(isThere) || !allows(tx, dropped)) return undefined
      if (all.length > 0) stage.publish()
      tx.advance('gc_epoch', 1)
      return group.retire(sources.map(({ eid }) => eid))
    })
    if (retired) {
      await group.dropRetired(retired)
      const newStoredBytes = all.reduce((sum, { extent }) => sum + extent.frame.length, 0)
      return { isDone: true, newExtents: all.length, newStoredBytes }
    }
  } catch (error) {
    // What failed on the way is the better message; orphans are found by whoever looks for them.
    await group.dropUnpublished(unpublished(store, all)).catch(() => undefined)
    throw error
  }
  await group.dropUnpublished(all)
  return { isDone: false, newExtents: 0, newStoredBytes: 0 }
}

function unpublished(store: ChunkStore, all: readonly PlacedExtent[]): PlacedExtent[] {
  return all.filter(({ extent }) => !store.group.catalog.isVisible(extent.eid))
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
