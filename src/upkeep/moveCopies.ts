/**
 * Takes the copies of extents from one volume to others: add a copy, durable → switch in the catalog → drop the old copy.
 *
 * Plan, then apply. What the catalog says and the plan wants is the list of work, so it needs no log: killed anywhere, the next run
 * does the rest, and what it had brought to a volume and not named yet is found there and dropped. Readers find an extent before
 * and after; who looked it up in between looks once more. An extent is decoded and its chunks are hashed before it is brought
 * anywhere, so damage is not carried along; it comes from whichever copy is sound.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { type Lease, takeUpkeep } from '../volume/lease.js'
import type { NewExtent, PhysicalVolume, StagedExtents, StoredExtent } from '../volume/physicalVolume.js'
import { volumeFull } from '../volume/placement.js'
import { batchesOf } from './batches.js'
import { Throttle } from './throttle.js'

export interface MoveCopiesOptions extends WorkOptions {
  /** Numbers of the volumes that may take them. Default: all others that are allocatable. */
  readonly to?: readonly number[] | undefined
  /** Says what would be moved, and does nothing. */
  readonly dryRun?: boolean | undefined
  /** Bytes a second at most, so that others are not held up. Default: as fast as it goes. */
  readonly rateBytes?: number | undefined
}

export interface MovedTo {
  readonly pv: number
  readonly extents: number
  readonly storedBytes: number
}

export interface MoveCopiesReport {
  readonly dryRun: boolean
  readonly moved: readonly MovedTo[]
  /** What is on the volume still: what came meanwhile, or is damaged. */
  readonly leftExtents: number
  readonly notes: readonly string[]
}

interface Move {
  readonly eid: number
  readonly storedBytes: number
  readonly to: number
}

/** Frames in memory at a time. */
const BATCH_BYTES = 32 * MIB

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
  const { group } = store
  const [absent] = group.absent.values()
  if (absent) throw absent
  const plan = planMove(store, from, options)
  if (options.dryRun) return { dryRun: true, moved: tallied(plan), leftExtents: 0, notes: [] }
  await group.sweep()
  const lease = takeUpkeep(group.catalog, store.clock)
  const throttle = new Throttle(options.rateBytes, store.clock)
  const moved: Move[] = []
  const notes: string[] = []
  try {
    await group.refresh()
    await group.dropOrphans()
    // Planned again: now nobody else moves or drops anything.
    const work = planMove(store, from, options)
    const bytesTotal = work.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    let bytesDone = 0
    for (const batch of batchesOf(work, BATCH_BYTES, ({ storedBytes }) => storedBytes)) {
      throwIfCancelled(options.signal)
      moved.push(...(await moveBatch(store, from, batch, lease, notes)))
      bytesDone += batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
      const counts = { itemsDone: moved.length, itemsTotal: work.length, bytesDone, bytesTotal }
      options.onProgress?.({ phase: 'move', ...counts, current: 'extents' })
      lease.beat(store.clock)
      await throttle.took(2 * batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0), options.signal)
    }
    const source = volumeOf(store, from)
    await source.giveBack(await source.spareBytes())
  } finally {
    group.catalog.write((tx) => lease.release(tx))
  }
  return { dryRun: false, moved: tallied(moved), leftExtents: extentsOn(store, from).length, notes }
}

/** Where each copy on the volume goes: to the volume that holds least, and has none of it yet. @throws {VarveError} `VG_FULL` */
function planMove(store: ChunkStore, from: number, { to }: MoveCopiesOptions): Move[] {
  const { group } = store
  const candidates = group.layout.physicalVolumes.filter(({ number, allocatable }) =>
    to === undefined ? allocatable && number !== from : to.includes(number) && number !== from,
  )
  const used = new Map(candidates.map(({ number }) => [number, group.catalog.volumeUse(number)?.storedBytes ?? 0]))
  return extentsOn(store, from).map(({ eid, storedBytes, pvs }) => {
    const roomy = candidates.filter(
      ({ number, capacityBytes }) =>
        !pvs.includes(number) && (capacityBytes === null || (used.get(number) ?? 0) + storedBytes <= capacityBytes),
    )
    const [best] = roomy.sort((a, b) => (used.get(a.number) ?? 0) - (used.get(b.number) ?? 0))
    if (!best) {
      throw new VarveError('VG_FULL', `there is no room for extent ${eid} on any other volume; nothing was moved`, {
        extent: eid,
        pv: String(from),
        expected: storedBytes,
        hint: 'Add a volume with `varve vg extend FILE`, or raise a limit with `varve pv change PV --size SIZE`.',
      })
    }
    used.set(best.number, (used.get(best.number) ?? 0) + storedBytes)
    return { eid, storedBytes, to: best.number }
  })
}

function extentsOn({ group }: ChunkStore, pv: number) {
  const found: { readonly eid: number; readonly storedBytes: number; readonly pvs: readonly number[] }[] = []
  group.catalog.eachExtent(({ record: { eid, storedBytes }, pvs }) => {
    if (pvs.includes(pv)) found.push({ eid, storedBytes, pvs })
  })
  return found
}

/** @returns what was moved: all but what is damaged, or went away meanwhile */
async function moveBatch(
  store: ChunkStore,
  from: number,
  batch: readonly Move[],
  lease: Lease,
  notes: string[],
): Promise<Move[]> {
  const { group } = store
  const { catalog } = group
  const byVolume = new Map<number, NewExtent[]>()
  for (const { eid, to } of batch) {
    const extent = await sound(store, eid, notes)
    if (extent) byVolume.set(to, [...(byVolume.get(to) ?? []), extent])
  }
  const moved: Move[] = []
  const unwanted = new Map<number, number[]>()
  try {
    const sequence = catalog.counter('publish_sequence')
    const staged = new Map<number, StagedExtents>()
    for (const [pv, extents] of byVolume) staged.set(pv, await volumeOf(store, pv).stage(extents, sequence))
    catalog.write((tx) => {
      lease.require(tx)
      for (const [pv, stage] of staged) {
        const transactions = stage.complete()
        const use = catalog.volumeUse(pv) ?? { pv, transactions: 0, storedBytes: 0 }
        catalog.writeVolumeUse({ ...use, transactions: Math.max(use.transactions, transactions) })
        for (const { eid, checksum, frame } of byVolume.get(pv) ?? []) {
          const isWanted = catalog.extent(eid)?.checksum.equals(checksum) && catalog.hasCopy(eid, from)
          if (isWanted && !catalog.hasCopy(eid, pv)) {
            catalog.moveCopy(eid, from, pv, frame.length)
            moved.push({ eid, storedBytes: frame.length, to: pv })
          } else unwanted.set(pv, [...(unwanted.get(pv) ?? []), eid])
        }
        requireRoom(store, pv)
      }
      // Whoever looked a chunk up meanwhile, and found it on neither volume, looks again.
      tx.advance('gc_epoch', 1)
      tx.advance('publish_sequence', 1)
      if (from === 0) group.home.removeNow(moved.map(({ eid }) => eid))
      const atHome = unwanted.get(0)
      if (atHome) group.home.removeNow(atHome)
    })
  } catch (error) {
    // What failed is the better message; what is left there is found by the next run.
    for (const [pv, extents] of byVolume) {
      const eids = extents.map(({ eid }) => eid).filter((eid) => !catalog.hasCopy(eid, pv))
      if (pv !== 0)
        await volumeOf(store, pv)
          .remove(eids)
          .catch(() => undefined)
    }
    throw error
  }
  if (from !== 0) await volumeOf(store, from).remove(moved.map(({ eid }) => eid))
  for (const [pv, eids] of unwanted) if (pv !== 0) await volumeOf(store, pv).remove(eids)
  return moved
}

/** An extent, each chunk of which was hashed. `undefined` for one that is damaged everywhere, or gone. */
async function sound(store: ChunkStore, eid: number, notes: string[]): Promise<NewExtent | undefined> {
  let extent: StoredExtent | undefined
  try {
    extent = await store.group.readExtent(eid)
    if (!extent) return undefined
    const raw = await store.decode(extent)
    let offset = 0
    const hashes = extent.slots.map(({ kind, length }) => {
      offset += length
      return store.hasher.id(kind, raw.subarray(offset - length, offset))
    })
    return { ...extent, hashes }
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_EXTENT')) throw error
    notes.push(`extent ${eid} was left where it is: ${error.message}`)
    return undefined
  }
}

/** Another writer may have filled the volume since the plan was made. In the transaction that moves. */
function requireRoom({ group }: ChunkStore, pv: number): void {
  const { capacityBytes = null } = group.layout.physicalVolumes.find(({ number }) => number === pv) ?? {}
  const storedBytes = group.catalog.volumeUse(pv)?.storedBytes ?? 0
  if (capacityBytes !== null && storedBytes > capacityBytes) throw volumeFull(pv, capacityBytes, storedBytes)
}

function volumeOf({ group }: ChunkStore, number: number): PhysicalVolume {
  const volume = group.volume(number)
  if (!volume) throw new VarveError('PV_MISSING', `volume ${number} is not open`, { pv: String(number) })
  return volume
}

function tallied(moves: readonly Move[]): MovedTo[] {
  const byVolume = new Map<number, { pv: number; extents: number; storedBytes: number }>()
  for (const { to: pv, storedBytes } of moves) {
    const tally = byVolume.get(pv) ?? { pv, extents: 0, storedBytes: 0 }
    tally.extents++
    tally.storedBytes += storedBytes
    byVolume.set(pv, tally)
  }
  return [...byVolume.values()].sort((a, b) => a.pv - b.pv)
}
