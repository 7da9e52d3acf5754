/**
 * Counts, for every extent, what in it is reachable, what is not, and what of that may go.
 *
 * The chunk tables of all volumes are read once, in the order of ids, beside the condemned ids in the same order. An extent that
 * lies on several volumes is counted on one. What does not add up to what the catalog says of an extent is not touched: rows
 * that a damaged page lost must not make it look empty.
 */
import type { Hash } from '../base/hash.js'
import { type Condemned, type CondemnedChunk, condemnedBetween } from '../cas/condemned.js'
import type { ExtentRecord } from '../volume/catalog.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { LiveIds } from './liveIds.js'

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
  isRipe(condemned: Condemned): boolean
  /** Told of what is not reachable and not condemned, page by page. @returns whether it may go at once */
  onFresh(chunks: readonly CondemnedChunk[]): Promise<boolean>
  /** Told of what is condemned and reachable: something revived it in another way than it should have. */
  onLive(ids: readonly Hash[]): Promise<void>
  /** After each page. */
  onPage(rows: number): void
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

/** @throws {CorruptionError} `CORRUPT_CATALOG`, `CORRUPT` */
export async function takeCensus(group: VolumeGroup, live: LiveIds, tasks: CensusTasks): Promise<Census> {
  const extents = new Map<number, ExtentTally>()
  group.catalog.eachExtent(({ record, pvs }) => {
    const pv = pvs[0] ?? 0
    extents.set(record.eid, { record, pv, rows: 0, deadBytes: 0, ripe: 0, ripeBytes: 0 })
  })
  const counts = { live: new Count(), fresh: new Count(), waiting: new Count(), ripe: new Count() }
  let oldestWaitingMs: number | undefined
  const pageRows = group.isTight ? TIGHT_PAGE_ROWS : PAGE_ROWS
  for (const volume of group.volumes) {
    for (let page = await volume.chunkRows(undefined, pageRows); page.length > 0; ) {
      const [first, last] = [page[0] as ChunkLocation, page.at(-1) as ChunkLocation]
      const condemned = condemnedBetween(group.catalog, first.hash, last.hash)
      const fresh: CondemnedChunk[] = []
      const freshRows: { readonly tally: ExtentTally; readonly length: number }[] = []
      const alive: Hash[] = []
      for (const { hash: id, eid, length, chunkId } of page) {
        const tally = extents.get(eid)
        // Invisible, or counted on another volume.
        if (tally?.pv !== volume.number) continue
        tally.rows++
        const state = condemned.get(id)
        if (live.find(id)) {
          counts.live.add(length)
          if (state) alive.push(id)
          continue
        }
        tally.deadBytes += length
        if (state?.chunkId === chunkId && tasks.isRipe(state)) {
          counts.ripe.add(length)
          tally.ripe++
          tally.ripeBytes += length
        } else if (state) {
          counts.waiting.add(length)
          oldestWaitingMs = Math.min(oldestWaitingMs ?? state.storeMs, state.storeMs)
        } else {
          counts.fresh.add(length)
          fresh.push({ id, chunkId })
          freshRows.push({ tally, length })
        }
      }
      const isRipe = fresh.length > 0 && (await tasks.onFresh(fresh))
      for (const { tally, length } of freshRows) {
        if (!isRipe) {
          counts.waiting.add(length)
          continue
        }
        counts.ripe.add(length)
        tally.ripe++
        tally.ripeBytes += length
      }
      if (alive.length > 0) await tasks.onLive(alive)
      tasks.onPage(page.length)
      page = page.length < pageRows ? [] : await volume.chunkRows(last, pageRows)
    }
  }
  return { extents, ...counts, oldestWaitingMs }
}
