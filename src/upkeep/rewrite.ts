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
import { revive } from '../cas/condemned.js'
import { ExtentBuilder, type FullExtent, finishExtent } from '../cas/extentBuilder.js'
import { theChecksum } from '../codec/checksum.js'
import { type Compression, decodeFrame, encodeFrameAsync, type Frame } from '../codec/compressor.js'
import type { Kind } from '../format/kinds.js'
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
  /** Where a chunk belongs in the new extents: the lowest first, then those without, as they were. Default: all as they were. */
  rankOf?(id: Hash): number | undefined
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

interface KeptChunk {
  readonly id: Hash
  readonly kind: Kind
  readonly class: ExtentClass
  readonly bytes: Buffer
  chunkId: number
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
  const kept = new Map<Hash, KeptChunk>()
  const merged: Hash[] = []
  const dropped: ChunkLocation[] = []
  const sources: StoredExtent[] = []
  for (const eid of eids) {
    const extent = await store.group.readExtent(eid)
    // Gone meanwhile.
    if (!extent) continue
    sources.push(extent)
    const raw = await store.decode(extent)
    let offset = 0
    const chunks = extent.slots.map(({ kind, length }) => {
      const bytes = raw.subarray(offset, offset + length)
      offset += length
      return { kind, bytes, hash: store.hasher.id(kind, bytes) }
    })
    const rows = await rowsOf(
      store,
      eid,
      chunks.map(({ hash }) => hash),
    )
    for (const [slot, { kind, bytes, hash }] of chunks.entries()) {
      const row = rows.get(slot)
      // What is kept is known by the row, and what is written by the bytes: they must be one.
      if (row?.hash !== hash) throw notAsTold(eid, slot, row?.hash)
      const known = kept.get(row.hash)
      if (!options.keeps(row)) dropped.push(row)
      // In several of the extents: written once, under its lowest number.
      else if (known) {
        known.chunkId = Math.min(known.chunkId, row.chunkId)
        merged.push(row.hash)
      } else kept.set(row.hash, { id: row.hash, kind, class: extent.class, bytes, chunkId: row.chunkId })
    }
  }
  const full = gathered(kept.values(), store.profile.peSize, options.rankOf)
  const chunkIds = new Map([...kept.values()].map(({ id, chunkId }) => [id, chunkId]))
  return switchTo(store, sources, await placed(store, full, chunkIds, options), { dropped, merged }, options)
}

/** The new extents, one class after the other. */
function gathered(
  kept: Iterable<KeptChunk>,
  peSize: number,
  rankOf: (id: Hash) => number | undefined = () => undefined,
): FullExtent[] {
  const ranked = [...kept].map((chunk) => ({ chunk, rank: rankOf(chunk.id) ?? Number.MAX_SAFE_INTEGER }))
  const full: FullExtent[] = []
  const builders = new Map<ExtentClass, ExtentBuilder>()
  // Stable: those of one rank stay as they were.
  for (const { chunk } of ranked.sort((a, b) => a.rank - b.rank)) {
    const builder = builders.get(chunk.class) ?? new ExtentBuilder(chunk.class, peSize, [])
    builders.set(chunk.class, builder)
    const filled = builder.add(chunk.kind, chunk.id, chunk.bytes)
    if (filled) full.push(filled)
  }
  for (const builder of builders.values()) {
    const filled = builder.take()
    if (filled) full.push(filled)
  }
  return full
}

/** The rows of an extent, by slot, from one of its volumes. @param hashes of its chunks, as their bytes have it */
async function rowsOf(store: ChunkStore, eid: number, hashes: readonly Hash[]): Promise<Map<number, ChunkLocation>> {
  const { group } = store
  const pv = group.catalog.copies(eid).find((number) => group.volume(number))
  const rows = pv === undefined ? [] : ((await group.volume(pv)?.lookup(hashes)) ?? [])
  return new Map(rows.filter((row) => row.eid === eid).map((row) => [row.slot, row]))
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
  { dropped, merged }: { readonly dropped: readonly ChunkLocation[]; readonly merged: readonly Hash[] },
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
      if (merged.length > 0) {
        // What was known of one of their numbers is not true of the other: both are found anew.
        revive(tx, merged)
        tx.run('DELETE FROM bitmap')
      }
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
