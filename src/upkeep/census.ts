/**
 * Counts, for every extent, what in it is reachable, what is not, and what of that may go.
 *
 * The chunk tables of all volumes are read once, in the order of ids, beside the condemned ids in the same order. An extent that
 * lies on several volumes is counted on one. What does not add up to what the catalog says of an extent is not touched: rows
 * that a damaged page lost must not make it look empty.
 */
import { SLOTS_MAX } from '../base/limits.js'
import { type Condemned, condemnedBetween } from '../cas/condemned.js'
import type { ExtentBase } from '../format/slots.js'
import type { ExtentRecord } from '../volume/catalog.js'
import type { PackedRow } from '../volume/packedRows.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

export interface ExtentTally {
  readonly record: ExtentRecord
  /** The volume on which it was counted. */
  readonly pv: number
  rows: number
  /** Raw bytes of what is not reachable. */
  deadBytes: number
  /** Of these, what may go. */
  ripe: number
  ripeBytes: number
}

/** Chunks and raw bytes. */
export interface Amount {
  readonly chunks: number
  readonly bytes: number
}

export interface Census {
  readonly extents: ReadonlyMap<number, ExtentTally>
  /** What extents are compressed against, and what of that may go. */
  readonly held: HeldSlots
  readonly live: Amount
  /** Not reachable, and not condemned before this. */
  readonly fresh: Amount
  /** Not reachable, and kept for now. */
  readonly waiting: Amount
  /** Not reachable, and may go. */
  readonly ripe: Amount
  /** The condemnation that is the next to become ripe, by the store's time. */
  readonly oldestWaitingMs: number | undefined
}

export interface CensusTasks {
  isLive(row: PackedRow): boolean
  isRipe(condemned: Condemned): boolean
  /** @returns of rows that are not reachable, as far as is known, those that are not indeed */
  confirmDead(rows: readonly ChunkLocation[]): Promise<readonly ChunkLocation[]>
  /** Told of what is not reachable and not condemned, page by page. @returns whether it may go at once */
  onFresh(rows: readonly ChunkLocation[]): Promise<boolean>
  /** Told of what is condemned and reachable: something revived it in another way than it should have. */
  onLive(rows: ReadonlyMap<ChunkLocation, Condemned>): Promise<void>
  /** After each page, and waited for. */
  onPage(rows: number): Promise<void>
}

const PAGE_ROWS = 5000
/** On a full disk: what is condemned together must fit into a short log. */
const TIGHT_PAGE_ROWS = 500

class Count {
  chunks = 0
  bytes = 0

  add(bytes: number): void {
    this.chunks++
    this.bytes += bytes
  }
}

/** Slots that are parts of dictionaries. */
export class HeldSlots {
  readonly #slots = new Set<number>()
  readonly #ripe = new Set<number>()

  add(bases: readonly ExtentBase[]): void {
    for (const { eid, slots } of bases) for (const slot of slots) this.#slots.add(eid * SLOTS_MAX + slot)
  }

  /** Told of each slot that is needed for nothing else. */
  ripen(eid: number, slot: number): void {
    const key = eid * SLOTS_MAX + slot
    if (this.#slots.has(key)) this.#ripe.add(key)
  }

  /** Of one in a dictionary: whether it is needed for nothing else. */
  isRipe(eid: number, slot: number): boolean {
    return this.#ripe.has(eid * SLOTS_MAX + slot)
  }
}

/** @throws {CorruptionError} `CORRUPT_CATALOG`, `CORRUPT` */
export async function takeCensus(group: VolumeGroup, tasks: CensusTasks): Promise<Census> {
  const extents = new Map<number, ExtentTally>()
  const held = new HeldSlots()
  group.catalog.eachExtent(({ record, pvs }) => {
    const pv = pvs[0] ?? 0
    extents.set(record.eid, { record, pv, rows: 0, deadBytes: 0, ripe: 0, ripeBytes: 0 })
    held.add(record.bases)
  })
  const counts = { live: new Count(), fresh: new Count(), waiting: new Count(), ripe: new Count() }
  let oldestWaitingMs: number | undefined
  const pageRows = group.isTight ? TIGHT_PAGE_ROWS : PAGE_ROWS
  for (const volume of group.volumes) {
    for (let page = await volume.packedChunkRows(undefined, pageRows); page.count > 0; ) {
      const { last } = page
      const condemned = condemnedBetween(group.catalog, page.hash(0), last?.hash ?? page.hash(0))
      const unknown: ChunkLocation[] = []
      const alive = new Map<ChunkLocation, Condemned>()
      for (const row of page.rows(volume.number)) {
        const { eid, length, chunkId } = row
        const tally = extents.get(eid)
        // Invisible, or counted on another volume.
        if (tally?.pv !== volume.number) continue
        tally.rows++
        // Ids are texts only where they are needed: of most there is no need.
        const state = condemned.size === 0 ? undefined : condemned.get(row.hash)
        if (tasks.isLive(row)) {
          counts.live.add(length)
          if (state) alive.set(row.alone(), state)
          continue
        }
        if (!state) {
          unknown.push(row.alone())
          continue
        }
        tally.deadBytes += length
        if (state.chunkId === chunkId && tasks.isRipe(state)) {
          counts.ripe.add(length)
          tally.ripe++
          tally.ripeBytes += length
          held.ripen(eid, row.slot)
        } else {
          counts.waiting.add(length)
          oldestWaitingMs = Math.min(oldestWaitingMs ?? state.storeMs, state.storeMs)
        }
      }
      const fresh = unknown.length === 0 ? unknown : await tasks.confirmDead(unknown)
      const isFresh = new Set(fresh)
      for (const row of unknown) if (!isFresh.has(row)) counts.live.add(row.length)
      const isRipe = fresh.length > 0 && (await tasks.onFresh(fresh))
      for (const { eid, slot, length } of fresh) {
        const tally = extents.get(eid)
        counts.fresh.add(length)
        if (tally) tally.deadBytes += length
        if (!isRipe || !tally) {
          counts.waiting.add(length)
          continue
        }
        counts.ripe.add(length)
        tally.ripe++
        tally.ripeBytes += length
        held.ripen(eid, slot)
      }
      if (alive.size > 0) await tasks.onLive(alive)
      await tasks.onPage(page.count)
      page = await volume.packedChunkRows(last, pageRows)
    }
  }
  return { extents, held, ...counts, oldestWaitingMs }
}
