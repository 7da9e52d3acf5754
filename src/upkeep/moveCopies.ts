/** Empties a volume: its copies of extents go to others. */
import type { ChunkStore } from '../cas/chunkStore.js'
import { planMove } from './copyPlans.js'
import { type CopyTally, type PlaceCopiesOptions, placeCopies } from './placeCopies.js'

export interface MoveCopiesOptions extends PlaceCopiesOptions {
  /** Numbers of the volumes that may take them. Default: all others that are allocatable. */
  readonly to?: readonly number[] | undefined
}

export interface MoveCopiesReport {
  readonly dryRun: boolean
  /** By where it went. */
  readonly moved: readonly CopyTally[]
  /** What is on the volume still: what came meanwhile, or is damaged. */
  readonly leftExtents: number
  readonly notes: readonly string[]
}

/**
 * @param from the number of the volume
 * @throws {VarveError} `PV_MISSING`; `VG_FULL` when they do not fit, before anything is moved; `STORE_LOCKED` while other upkeep is at
 * work; `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
 */
export async function moveCopies(
  store: ChunkStore,
  from: number,
  options: MoveCopiesOptions = {},
): Promise<MoveCopiesReport> {
  const reason = store.group.absent.get(from)
  if (reason) throw reason
  const { dryRun, added, notes } = await placeCopies(store, () => planMove(store.group, from, options.to), options)
  let leftExtents = 0
  if (!dryRun) {
    store.group.catalog.eachExtent(({ pvs }) => {
      if (pvs.includes(from)) leftExtents++
    })
  }
  return { dryRun, moved: added, leftExtents, notes }
}
