/**
 * A volume that was put back from an older copy is brought up to date: what it lacks comes from other copies, what nothing names any
 * more goes, and then it counts as what the catalog knows. Extents never change, so what it has is as good as ever. Killed
 * anywhere it is still too old, and the next run does the rest.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { throwIfCancelled } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { takeUpkeep } from '../volume/lease.js'
import type { NewExtent } from '../volume/physicalVolume.js'
import type { SqliteVolume } from '../volume/sqliteVolume.js'
import { openStale } from '../volume/staleVolume.js'
import { batchesOf } from './batches.js'
import type { PlaceCopiesOptions } from './placeCopies.js'
import { SoundExtents } from './soundExtent.js'
import { Throttle } from './throttle.js'

export interface RestoreVolumeReport {
  readonly dryRun: boolean
  /** What it lacked. */
  readonly extents: number
  readonly storedBytes: number
  /** What nothing names any more. */
  readonly droppedExtents: number
  /** What could not be brought, and why. */
  readonly notes: readonly string[]
}

interface Lack {
  readonly eid: number
  readonly storedBytes: number
  readonly rawBytes: number
}

/** Raw bytes in memory at a time. */
const BATCH_BYTES = 32 * MIB

/**
 * @param number of a volume that the group does without because it is too old
 * @throws {VarveError} `INVALID_ARGUMENT` when it is there; why it is not, when it is not for its age; `STORE_LOCKED` while other
 * upkeep is at work; `STORAGE_FULL`, `STORAGE_READ_ONLY`, `CANCELLED`
 */
export async function restoreVolume(
  store: ChunkStore,
  number: number,
  options: PlaceCopiesOptions = {},
): Promise<RestoreVolumeReport> {
  const { group } = store
  const reason = group.absent.get(number)
  if (!reason)
    throw new VarveError('INVALID_ARGUMENT', `volume ${number} is there, and up to date`, { pv: String(number) })
  if (reason.code !== 'PV_STALE') throw reason
  const volume = await openStale(group, number)
  let isAdopted = false
  try {
    if (options.dryRun) return reportOf(await compare(store, volume), true)
    await group.sweep()
    const lease = takeUpkeep(group.catalog, store.clock)
    try {
      const found = await compare(store, volume)
      await volume.remove(found.orphans)
      const notes = await bring(store, volume, found.lacking, options)
      lease.beat(store.clock)
      volume.catchUp(group.catalog.volumeUse(number)?.transactions ?? 0, group.layout)
      group.adopt(volume)
      isAdopted = true
      return { ...reportOf(found, false), notes }
    } finally {
      group.catalog.write((tx) => lease.release(tx))
    }
  } finally {
    if (!isAdopted) await volume.close()
  }
}

async function compare({ group }: ChunkStore, volume: SqliteVolume): Promise<{ lacking: Lack[]; orphans: number[] }> {
  const held = new Set(await volume.list(0, Number.MAX_SAFE_INTEGER))
  const lacking: Lack[] = []
  const named = new Set<number>()
  group.catalog.eachExtent(({ record: { eid, storedBytes, rawBytes }, pvs }) => {
    if (!pvs.includes(volume.number)) return
    named.add(eid)
    if (!held.has(eid)) lacking.push({ eid, storedBytes, rawBytes })
  })
  return { lacking, orphans: [...held].filter((eid) => !named.has(eid)) }
}

async function bring(
  store: ChunkStore,
  volume: SqliteVolume,
  lacking: readonly Lack[],
  options: PlaceCopiesOptions,
): Promise<string[]> {
  const notes: string[] = []
  const throttle = new Throttle(options.rateBytes, store.clock)
  const bytesTotal = lacking.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  let [itemsDone, bytesDone] = [0, 0]
  const reader = new SoundExtents(store, BATCH_BYTES)
  try {
    for (const batch of batchesOf(lacking, BATCH_BYTES, ({ rawBytes }) => rawBytes)) {
      throwIfCancelled(options.signal)
      const extents: Promise<NewExtent>[] = []
      for (const { eid } of batch) {
        try {
          const coming = await reader.begin(eid)
          if (coming) extents.push(coming.extent)
        } catch (error) {
          if (!isVarveError(error, 'CORRUPT_EXTENT')) throw error
          notes.push(`extent ${eid} was not brought: ${error.message}`)
        }
      }
      await volume.stage(await Promise.all(extents), store.group.catalog.counter('publish_sequence'))
      const bytes = batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
      itemsDone += batch.length
      bytesDone += bytes
      options.onProgress?.({
        phase: 'move',
        itemsDone,
        itemsTotal: lacking.length,
        bytesDone,
        bytesTotal,
        current: 'extents',
      })
      await throttle.took(2 * bytes, options.signal)
    }
  } finally {
    await reader.stop()
  }
  return notes
}

function reportOf(
  { lacking, orphans }: { readonly lacking: readonly Lack[]; readonly orphans: readonly number[] },
  dryRun: boolean,
): RestoreVolumeReport {
  const storedBytes = lacking.reduce((sum, each) => sum + each.storedBytes, 0)
  return { dryRun, extents: lacking.length, storedBytes, droppedExtents: orphans.length, notes: [] }
}
