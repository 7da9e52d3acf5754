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
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import { usesOf } from '../volume/extentUses.js'
import { type Lease, takeUpkeep } from '../volume/lease.js'
import type { NewExtent, StagedExtents } from '../volume/physicalVolume.js'
import { volumeFull } from '../volume/placement.js'
import { batchesOf } from './batches.js'
import type { CopyStep } from './copyPlans.js'
import { LeavingCopies } from './leavingCopies.js'
import { type CheckedStep, StepReader } from './stepReader.js'
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

/** Raw bytes read at a time, and what a kill can cost. While some are written, the next are hashed, so twice as many are in memory. */
const BATCH_BYTES = 32 * MIB
/** With a rate, steps are short, so that it holds from moment to moment. */
const BATCH_BYTES_MIN = MIB
const STEPS_PER_SECOND = 8

/** In the transaction that switches these. */
export type AlsoSwitched = (tx: CatalogTransaction, steps: readonly CopyStep[]) => void

/**
 * @param plan asked for what is to be done, and once more when nobody else moves or drops anything
 * @throws {VarveError} what `plan` throws, before anything is done; `PV_MISSING`; `STORE_LOCKED` while other upkeep is at work;
 * `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
 */
export async function placeCopies(
  store: ChunkStore,
  plan: () => readonly CopyStep[],
  options: PlaceCopiesOptions = {},
  also: AlsoSwitched = () => undefined,
): Promise<PlaceCopiesReport> {
  const { group } = store
  const planned = plan()
  if (options.dryRun) return reportOf(planned, [], true)
  await group.sweep()
  const lease = takeUpkeep(group.catalog, store.clock)
  try {
    await group.refresh()
    await group.dropOrphans()
    const placing = new Placing(store, lease, options, also)
    await placing.place(plan())
    return reportOf(placing.done, placing.notes, false)
  } finally {
    group.catalog.write((tx) => lease.release(tx))
  }
}

class Placing {
  readonly done: CopyStep[] = []
  readonly notes: string[] = []
  readonly #leaving: LeavingCopies
  readonly #throttle: Throttle

  constructor(
    private readonly store: ChunkStore,
    private readonly lease: Lease,
    private readonly options: PlaceCopiesOptions,
    private readonly also: AlsoSwitched,
  ) {
    this.#leaving = new LeavingCopies(store.group, lease)
    this.#throttle = new Throttle(options.rateBytes, store.clock)
  }

  async place(steps: readonly CopyStep[]): Promise<void> {
    try {
      await this.#placeAll(steps)
    } catch (error) {
      // What failed is the better message; what is left there is found by the next run.
      await this.#leaving.drop().catch(() => undefined)
      throw error
    }
    await this.#leaving.drop()
    for (const pv of new Set(this.done.flatMap(({ drop }) => drop))) {
      const source = this.store.group.requireVolume(pv)
      await source.giveBack(await source.spareBytes())
    }
  }

  async #placeAll(steps: readonly CopyStep[]): Promise<void> {
    const { signal } = this.options
    const bytesTotal = steps.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    let bytesDone = 0
    const batchBytes = batchBytesFor(this.options.rateBytes)
    const batches = [...batchesOf(steps, batchBytes, ({ rawBytes }) => rawBytes)]
    const reader = new StepReader(this.store, batchBytes, this.notes)
    try {
      throwIfCancelled(signal)
      let coming = await reader.begin(batches[0] ?? [])
      for (const [index, batch] of batches.entries()) {
        const checked = await coming.checked()
        // Hashed while this one is written, which holds up all else here.
        coming = await reader.begin(batches[index + 1] ?? [])
        throwIfCancelled(signal)
        this.done.push(...(await new Batch(this.store, this.lease, this.#leaving, checked, this.also).place()))
        bytesDone += batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
        const counts = { itemsDone: this.done.length, itemsTotal: steps.length, bytesDone, bytesTotal }
        this.options.onProgress?.({ phase: 'move', ...counts, current: 'extents' })
        this.lease.beat(this.store.clock)
        const written = batch.reduce((sum, { storedBytes, add }) => sum + storedBytes * (1 + add.length), 0)
        await this.#throttle.took(written, signal)
      }
    } finally {
      await reader.stop()
    }
  }
}

function batchBytesFor(rateBytes: number | undefined): number {
  if (rateBytes === undefined) return BATCH_BYTES
  return Math.min(BATCH_BYTES, Math.max(BATCH_BYTES_MIN, Math.floor(rateBytes / STEPS_PER_SECOND)))
}

class Batch {
  /** What is brought, by volume. */
  readonly #coming = new Map<number, NewExtent[]>()

  constructor(
    private readonly store: ChunkStore,
    private readonly lease: Lease,
    private readonly leaving: LeavingCopies,
    private readonly steps: readonly CheckedStep[],
    private readonly also: AlsoSwitched,
  ) {
    for (const { step, extent } of steps) {
      for (const pv of extent ? step.add : []) {
        const extents = this.#coming.get(pv) ?? []
        this.#coming.set(pv, extents)
        extents.push(extent as NewExtent)
      }
    }
  }

  /** @returns what was done: all but what went elsewhere, or away, meanwhile */
  async place(): Promise<CopyStep[]> {
    const { group } = this.store
    let done: CopyStep[] = []
    try {
      const staged = new Map<number, StagedExtents>()
      const sequence = group.catalog.counter('publish_sequence')
      for (const [pv, extents] of this.#coming) staged.set(pv, await group.requireVolume(pv).stage(extents, sequence))
      done = this.#switch(staged)
    } catch (error) {
      // What failed is the better message; what is left there is found by the next run.
      await this.#dropComing().catch(() => undefined)
      throw error
    }
    await this.leaving.dropIfMany()
    return done
  }

  /** In one transaction of the catalog: durable when it returns. */
  #switch(staged: ReadonlyMap<number, StagedExtents>): CopyStep[] {
    const { group } = this.store
    const { catalog } = group
    const done: CopyStep[] = []
    const leaving: [pv: number, extent: CheckedStep][] = []
    catalog.write((tx) => {
      this.lease.require(tx)
      for (const [pv, stage] of staged) {
        const transactions = stage.complete()
        const use = catalog.volumeUse(pv) ?? { pv, transactions: 0, storedBytes: 0 }
        catalog.writeVolumeUse({ ...use, transactions: Math.max(use.transactions, transactions) })
      }
      for (const checked of this.steps) {
        const { step, extent } = checked
        const { eid, add } = step
        const record = catalog.extent(eid)
        const isSame = record && (!extent || record.checksum.equals(extent.checksum))
        const isWanted = isSame && this.#isAsPlanned(catalog.copies(eid), step)
        if (!isWanted) {
          for (const pv of add) if (!catalog.hasCopy(eid, pv)) leaving.push([pv, checked])
          continue
        }
        for (const pv of add) catalog.addCopy(eid, pv, record.storedBytes)
        // None goes that another logical volume may rely on, which came to use it meanwhile.
        const isUsedAlike = usesOf(catalog, eid).every((lv) => step.usedBy.includes(lv))
        const drop = isUsedAlike ? step.drop : []
        for (const pv of drop) {
          catalog.dropCopy(eid, pv, record.storedBytes)
          leaving.push([pv, checked])
        }
        done.push({ ...step, drop })
      }
      for (const pv of staged.keys()) requireRoom(this.store, pv)
      this.also(tx, done)
      // Whoever looked a chunk up meanwhile, and found it on neither volume, looks again.
      if (this.steps.some(({ step }) => step.drop.length > 0)) tx.advance('gc_epoch', 1)
      tx.advance('publish_sequence', 1)
    })
    // The catalog names them still until it is durable.
    for (const [pv, { step, extent }] of leaving) this.leaving.add(pv, step.eid, step.storedBytes, extent)
    return done
  }

  #isAsPlanned(copies: readonly number[], { add, drop }: CopyStep): boolean {
    const areThere = drop.every((pv) => copies.includes(pv))
    return areThere && !add.some((pv) => copies.includes(pv)) && copies.length + add.length > drop.length
  }

  async #dropComing(): Promise<void> {
    const { catalog } = this.store.group
    // Else somebody may be bringing the same there by now.
    catalog.write((tx) => this.lease.require(tx))
    for (const [pv, extents] of this.#coming) {
      const eids = extents.map(({ eid }) => eid).filter((eid) => !catalog.hasCopy(eid, pv))
      if (pv !== 0) await this.store.group.requireVolume(pv).remove(eids)
    }
  }
}

/** Another writer may have filled the volume since the plan was made. In the transaction that switches. */
function requireRoom({ group }: ChunkStore, pv: number): void {
  const { capacityBytes = null } = group.layout.physicalVolumes.find(({ number }) => number === pv) ?? {}
  const storedBytes = group.catalog.volumeUse(pv)?.storedBytes ?? 0
  if (capacityBytes !== null && storedBytes > capacityBytes) throw volumeFull(pv, capacityBytes, storedBytes)
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
