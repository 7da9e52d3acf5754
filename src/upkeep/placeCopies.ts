/**
 * The one way in which copies of extents come to volumes and leave them: add a copy, durable → switch in the catalog → drop a copy.
 * Who asks says which (copyPlans.ts): moves, mirrors that are begun, ended or repaired.
 *
 * Plan, then apply. What the catalog says and what is wanted is the list of work, so it needs no log: killed anywhere, the next run
 * does the rest, and what it had brought to a volume and not named yet is found there and dropped. Readers find an extent before
 * and after; who looked it up in between looks once more. An extent is decoded and its chunks are hashed before it is brought
 * anywhere, so damage is not carried along; it comes from whichever copy is sound. No copy is dropped before those that stay were read.
 * Volumes that are missing are done without.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { type Lease, takeUpkeep } from '../volume/lease.js'
import type { NewExtent, PhysicalVolume, StagedExtents } from '../volume/physicalVolume.js'
import { volumeFull } from '../volume/placement.js'
import { batchesOf } from './batches.js'
import type { CopyStep } from './copyPlans.js'
import { soundExtent } from './soundExtent.js'
import { Throttle } from './throttle.js'

export interface PlaceCopiesOptions extends WorkOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
  /** Bytes a second at most, so that others are not held up. Default: as fast as it goes. */
  readonly rateBytes?: number | undefined
}

/** What came to a volume, or went from it. */
export interface CopyTally {
  readonly pv: number
  readonly extents: number
  readonly storedBytes: number
}

export interface PlaceCopiesReport {
  readonly dryRun: boolean
  readonly added: readonly CopyTally[]
  readonly dropped: readonly CopyTally[]
  /** What was left as it is, and why. */
  readonly notes: readonly string[]
}

/** Frames in memory at a time, and what a kill can cost. */
const BATCH_BYTES = 8 * MIB

/**
 * @param plan asked for what is to be done, and once more when nobody else moves or drops anything
 * @throws {VarveError} what `plan` throws, before anything is done; `PV_MISSING`; `STORE_LOCKED` while other upkeep is at work;
 * `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
 */
export async function placeCopies(
  store: ChunkStore,
  plan: () => readonly CopyStep[],
  options: PlaceCopiesOptions = {},
): Promise<PlaceCopiesReport> {
  const { group } = store
  const planned = plan()
  if (options.dryRun) return reportOf(planned, [], true)
  await group.sweep()
  const lease = takeUpkeep(group.catalog, store.clock)
  const throttle = new Throttle(options.rateBytes, store.clock)
  const done: CopyStep[] = []
  const notes: string[] = []
  try {
    await group.refresh()
    await group.dropOrphans()
    const steps = plan()
    const bytesTotal = steps.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    let bytesDone = 0
    for (const batch of batchesOf(steps, BATCH_BYTES, ({ storedBytes }) => storedBytes)) {
      throwIfCancelled(options.signal)
      done.push(...(await new Batch(store, lease, notes).place(batch)))
      bytesDone += batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
      const counts = { itemsDone: done.length, itemsTotal: steps.length, bytesDone, bytesTotal }
      options.onProgress?.({ phase: 'move', ...counts, current: 'extents' })
      lease.beat(store.clock)
      const written = batch.reduce((sum, { storedBytes, add }) => sum + storedBytes * (1 + add.length), 0)
      await throttle.took(written, options.signal)
    }
    for (const pv of new Set(done.flatMap(({ drop }) => drop))) {
      const source = volumeOf(store, pv)
      await source.giveBack(await source.spareBytes())
    }
  } finally {
    group.catalog.write((tx) => lease.release(tx))
  }
  return reportOf(done, notes, false)
}

class Batch {
  /** Sound extents to be brought, by volume. */
  readonly #coming = new Map<number, NewExtent[]>()
  readonly #removed = new Map<number, number[]>()

  constructor(
    private readonly store: ChunkStore,
    private readonly lease: Lease,
    private readonly notes: string[],
  ) {}

  /** @returns what was done: all but what is damaged, or went away meanwhile */
  async place(steps: readonly CopyStep[]): Promise<CopyStep[]> {
    const { group } = this.store
    const able: CopyStep[] = []
    for (const step of steps) if (await this.#prepare(step)) able.push(step)
    let done: CopyStep[] = []
    try {
      const staged = new Map<number, StagedExtents>()
      const sequence = group.catalog.counter('publish_sequence')
      for (const [pv, extents] of this.#coming) staged.set(pv, await volumeOf(this.store, pv).stage(extents, sequence))
      done = this.#switch(able, staged)
    } catch (error) {
      // What failed is the better message; what is left there is found by the next run.
      await this.#dropComing().catch(() => undefined)
      throw error
    }
    for (const [pv, eids] of this.#removed) if (pv !== 0) await volumeOf(this.store, pv).remove(eids)
    return done
  }

  async #prepare(step: CopyStep): Promise<boolean> {
    const { eid, add, drop } = step
    if (add.length === 0) return this.#isKept(eid, drop)
    const extent = await this.#sound(eid)
    if (!extent) return false
    for (const pv of add) this.#coming.set(pv, [...(this.#coming.get(pv) ?? []), extent])
    return true
  }

  /** `undefined` for one that is damaged everywhere, or gone. */
  async #sound(eid: number): Promise<NewExtent | undefined> {
    try {
      return await soundExtent(this.store, eid)
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_EXTENT')) throw error
      this.notes.push(`extent ${eid} was left where it is: ${error.message}`)
      return undefined
    }
  }

  /** Whether every copy that stays is what it should be. */
  async #isKept(eid: number, drop: readonly number[]): Promise<boolean> {
    const { catalog } = this.store.group
    const record = catalog.extent(eid)
    const staying = catalog.copies(eid).filter((pv) => !drop.includes(pv) && !this.store.group.absent.has(pv))
    if (!record || staying.length === 0) return false
    try {
      for (const pv of staying) {
        const extent = await volumeOf(this.store, pv).read(eid)
        if (extent?.checksum.equals(record.checksum)) continue
        this.notes.push(`extent ${eid} was left where it is: the copy on volume ${pv} is not what it should be`)
        return false
      }
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_EXTENT')) throw error
      this.notes.push(`extent ${eid} was left where it is: ${error.message}`)
      return false
    }
    return true
  }

  /** In one transaction of the catalog: durable when it returns. */
  #switch(steps: readonly CopyStep[], staged: ReadonlyMap<number, StagedExtents>): CopyStep[] {
    const { group } = this.store
    const { catalog } = group
    const done: CopyStep[] = []
    const isDropped = steps.some(({ drop }) => drop.length > 0)
    catalog.write((tx) => {
      this.lease.require(tx)
      for (const [pv, stage] of staged) {
        const transactions = stage.complete()
        const use = catalog.volumeUse(pv) ?? { pv, transactions: 0, storedBytes: 0 }
        catalog.writeVolumeUse({ ...use, transactions: Math.max(use.transactions, transactions) })
      }
      for (const step of steps) {
        const { eid, add, drop } = step
        const extent = add.length === 0 ? undefined : this.#comingOf(eid)
        const record = catalog.extent(eid)
        const isSame = record && (!extent || record.checksum.equals(extent.checksum))
        const isWanted = isSame && this.#isAsPlanned(catalog.copies(eid), step)
        if (!isWanted) {
          for (const pv of add) if (!catalog.hasCopy(eid, pv)) this.#remove(pv, eid)
          continue
        }
        for (const pv of add) catalog.addCopy(eid, pv, record.storedBytes)
        for (const pv of drop) {
          catalog.dropCopy(eid, pv, record.storedBytes)
          this.#remove(pv, eid)
        }
        done.push(step)
      }
      for (const pv of staged.keys()) requireRoom(this.store, pv)
      // Whoever looked a chunk up meanwhile, and found it on neither volume, looks again.
      if (isDropped) tx.advance('gc_epoch', 1)
      tx.advance('publish_sequence', 1)
      const atHome = this.#removed.get(0)
      if (atHome) group.home.removeNow(atHome)
    })
    return done
  }

  #isAsPlanned(copies: readonly number[], { add, drop }: CopyStep): boolean {
    const areThere = drop.every((pv) => copies.includes(pv))
    return areThere && !add.some((pv) => copies.includes(pv)) && copies.length + add.length > drop.length
  }

  #comingOf(eid: number): NewExtent | undefined {
    for (const extents of this.#coming.values()) {
      const extent = extents.find((each) => each.eid === eid)
      if (extent) return extent
    }
    return undefined
  }

  #remove(pv: number, eid: number): void {
    this.#removed.set(pv, [...(this.#removed.get(pv) ?? []), eid])
  }

  async #dropComing(): Promise<void> {
    const { catalog } = this.store.group
    // Else somebody may be bringing the same there by now.
    catalog.write((tx) => this.lease.require(tx))
    for (const [pv, extents] of this.#coming) {
      const eids = extents.map(({ eid }) => eid).filter((eid) => !catalog.hasCopy(eid, pv))
      if (pv !== 0) await volumeOf(this.store, pv).remove(eids)
    }
  }
}

/** Another writer may have filled the volume since the plan was made. In the transaction that switches. */
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

function reportOf(steps: readonly CopyStep[], notes: readonly string[], dryRun: boolean): PlaceCopiesReport {
  return {
    dryRun,
    added: tallied(steps, ({ add }) => add),
    dropped: tallied(steps, ({ drop }) => drop),
    notes,
  }
}

function tallied(steps: readonly CopyStep[], which: (step: CopyStep) => readonly number[]): CopyTally[] {
  const byVolume = new Map<number, { pv: number; extents: number; storedBytes: number }>()
  for (const step of steps) {
    for (const pv of which(step)) {
      const tally = byVolume.get(pv) ?? { pv, extents: 0, storedBytes: 0 }
      tally.extents++
      tally.storedBytes += step.storedBytes
      byVolume.set(pv, tally)
    }
  }
  return [...byVolume.values()].sort((a, b) => a.pv - b.pv)
}
