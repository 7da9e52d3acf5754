/**
 * Garbage collection: mark → condemn → wait → drop and compact → give back.
 *
 * Everything that the roots reach is marked, by sets that were kept of histories (marking.ts). What is not is condemned, and stays readable for the grace period: whatever makes it
 * reachable again meanwhile revives it. Condemned before every living lease began, and longer ago than the grace period, it may go:
 * then everything is marked again, by a walk that trusts nothing; extents of which nothing is left are dropped, those of which enough has gone are rewritten without it (rewrite.ts), and the
 * file's spare bytes go back to the file system.
 *
 * Guarantees (safety rule 5): every transaction that condemns or drops compares the roots with those that were marked, and marks
 * what is new before it goes on; it asks again whether each chunk is condemned, ripe, and not marked. The catalog forgets an
 * extent, durably, before a volume drops it. Whatever goes wrong while marking, nothing is dropped, and nothing is condemned by
 * that. What the walk found must be in the volumes, or nothing is dropped. Killed at any moment, the next run does the rest.
 */
import { isVarveError } from '../base/errors.js'
import { throwIfCancelled } from '../base/progress.js'
import { DAY_MS, KIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { type Condemned, condemn, condemnedAt, revive } from '../cas/condemned.js'
import type { Compression } from '../codec/compressor.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { Lease, type LeaseInfo, listLeases, oldestLeaseEpoch, takeUpkeep } from '../volume/lease.js'
import type { PackedRow } from '../volume/packedRows.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { batchesOf, groupBatches } from './batches.js'
import { type Census, type ExtentTally, takeCensus } from './census.js'
import { dropBitmaps } from './commitBitmaps.js'
import { extentsOf, type GcOptions, type GcReport } from './gcReport.js'
import { rootsStamp } from './gcRoots.js'
import { GoingExtents } from './goingExtents.js'
import { forgetHistories } from './historyBitmaps.js'
import { changesStamp, soundLastGc, writeBegunGc, writeLastGc } from './lastGc.js'
import { KeptMarking, type MarkContext, type Marking, type MarkOptions, WalkedMarking } from './marking.js'
import { lookAtReflog, newestEntry, reflogTerm } from './reflogTerm.js'
import { rewriteExtents } from './rewrite.js'
import type { RewriteGroup } from './rewritePlan.js'
import { tickStoreClock } from './storeClock.js'
import { leavingOf, takeBackMoving } from './switchExtents.js'
import { Throttle } from './throttle.js'

export interface GcContext extends MarkContext {
  readonly graceMs: number
  readonly reflogTermMs: number
  /** The part of an extent's raw bytes that may be dead before it is rewritten, 0 … 1. */
  readonly wasteTolerance: number
  readonly compression: Compression
}

/** Chunks of the extents that are dropped in one transaction. */
const DROP_CHUNKS = 30_000
const REWRITE_ATTEMPTS = 3
/** Rows of which kept sets say another thing than the walk, that are looked at. */
const DOUBTED_MAX = 1000
/** About what a row of a chunk table takes. */
const ROW_BYTES = 64
/** By the store's own time: so often kept sets are compared with a walk, whether anything is to go or not. */
const WALK_EVERY_MS = 30 * DAY_MS
/** Fewer spare bytes are kept for what comes next. */
const SPARE_BYTES = 64 * KIB

/**
 * @throws {CorruptionError} when something reachable is damaged or missing: then nothing is dropped
 * @throws {VarveError} `STORE_LOCKED` when another gc is at work, `PV_MISSING`, `STORAGE_READ_ONLY`, `CANCELLED`
 */
export async function collectGarbage(context: GcContext, options: GcOptions = {}): Promise<GcReport> {
  const { group } = context.store
  const [absent] = group.absent.values()
  // What is only there might look dead, and what is to go could not be dropped.
  if (absent) throw absent
  if (options.dryRun) return new Collection(context, options).run()
  group.catalog.upgrade()
  await group.sweep()
  const { catalog } = group
  const { clock } = context.store
  const lease = takeUpkeep(catalog, clock)
  const state = new UpkeepState(catalog)
  try {
    catalog.write((tx) => writeBegunGc(tx, state, { ms: clock.nowMs() }))
    await group.refresh()
    await takeBackMoving(context.store)
    await group.dropOrphans()
    return await new Collection(context, options, lease).run()
  } catch (error) {
    if (isVarveError(error) && error.code !== 'CANCELLED') noteFailure(catalog, state, clock.nowMs(), error.message)
    throw error
  } finally {
    catalog.write((tx) => lease.release(tx))
  }
}

/** For whoever finds the store untidied, since nobody may have seen it. */
function noteFailure(catalog: Catalog, state: UpkeepState, ms: number, problem: string): void {
  try {
    catalog.write((tx) => writeBegunGc(tx, state, { ms, problem }))
  } catch (error) {
    // What failed before is the better message.
    if (!isVarveError(error)) throw error
  }
}

class Collection {
  readonly #context: GcContext
  readonly #options: GcOptions
  readonly #state: UpkeepState
  readonly #notes: string[] = []
  readonly #condemned = { chunks: 0, bytes: 0 }
  readonly #lease: Lease | undefined
  #firstEpoch = 0
  readonly #dropped = { extents: 0, chunks: 0, bytes: 0, storedBytes: 0 }
  readonly #rewritten = { extents: 0, chunks: 0, bytes: 0, storedBytes: 0, newStoredBytes: 0 }
  readonly #throttle: Throttle
  #reflogFrom = 1
  #storeMs = 0
  #marking: Marking | undefined
  #planned: { readonly census: Census; readonly going: GoingExtents } | undefined

  constructor(context: GcContext, options: GcOptions, lease?: Lease) {
    this.#lease = lease
    this.#context = context
    this.#options = options
    this.#state = new UpkeepState(context.store.group.catalog)
    this.#throttle = new Throttle(options.rateBytes, context.store.clock)
  }

  async run(): Promise<GcReport> {
    const { store } = this.#context
    const { group } = store
    const { dryRun = false, now = false } = this.#options
    this.#look()
    const stamp = changesStamp(group.catalog)
    this.#firstEpoch = group.catalog.counter('gc_epoch')
    const before = await fileBytes(store)
    // On a full disk there is no room for sets, and something is to go.
    const kept = now || group.isTight ? undefined : await this.#fromSets()
    let walkedMs = soundLastGc(this.#state)?.walkedMs ?? 0
    let census = kept?.census
    if (!census || this.#going(census).isAny || (!dryRun && this.#storeMs - walkedMs >= WALK_EVERY_MS)) {
      const walked = new WalkedMarking(this.#context, this.#markOptions())
      await walked.update()
      this.#marking = walked
      const doubted: ChunkLocation[] = []
      census = await this.#count((row) => {
        const isLive = walked.find(row)
        if (kept && isLive !== kept.marking.has(row) && doubted.length < DOUBTED_MAX) doubted.push(row.alone())
        return isLive
      })
      await walked.requireFound()
      if (kept) await this.#checkSets(kept.marking, walked, doubted, stamp === changesStamp(group.catalog))
      if (dryRun) this.#foresee(census)
      else await this.#collect(census, walked)
      walkedMs = this.#storeMs
    }
    if (!dryRun) await this.#giveBack()
    const after = await fileBytes(store)
    const isHolding = ({ kind }: LeaseInfo) => kind === 'writer' || kind === 'reader'
    const report: GcReport = {
      dryRun,
      live: census.live,
      condemned: dryRun ? census.fresh : this.#condemned,
      waiting: census.waiting,
      nextMs: this.#nextMs(census),
      dropped: this.#dropped,
      rewritten: this.#rewritten,
      wasteBytes: this.#going(census).wasteBytes,
      returnedBytes: Math.max(0, before - after),
      heldBy: listLeases(group.catalog).filter(isHolding),
      notes: this.#notes,
    }
    const finishedMs = store.clock.nowMs()
    if (!dryRun) group.catalog.write((tx) => writeLastGc(tx, this.#state, report, { finishedMs, walkedMs, stamp }))
    return report
  }

  /** Counts by the sets that were kept of histories: what is found dead so is condemned, and nothing goes. */
  async #fromSets(): Promise<{ marking: KeptMarking; census: Census } | undefined> {
    const marking = new KeptMarking(this.#context, this.#markOptions(), !this.#options.dryRun)
    this.#marking = marking
    try {
      await marking.update()
      return { marking, census: await this.#count((row) => marking.has(row)) }
    } catch (error) {
      if (!isVarveError(error, 'LIMIT_EXCEEDED')) throw error
      return undefined
    }
  }

  /**
   * Sets that are not what a walk finds are forgotten.
   * @param doubted rows of which they say another thing
   * @param isStill whether nothing changed since they were asked: else what they say may have been true then
   */
  async #checkSets(
    sets: KeptMarking,
    walked: WalkedMarking,
    doubted: readonly ChunkLocation[],
    isStill: boolean,
  ): Promise<void> {
    if (!isStill) await sets.update()
    if (await sets.agreesWith(walked, doubted)) return
    if (isStill) {
      this.#notes.push(
        'the sets of what histories need were wrong; nothing was dropped by them, and they are made anew',
      )
    }
    if (!this.#options.dryRun) this.#context.store.group.catalog.write(forgetHistories)
  }

  #markOptions(): MarkOptions {
    const onMarked = (current: string, itemsDone: number, readBytes: number): Promise<void> =>
      this.#progress(current, itemsDone, readBytes)
    return { reflogFrom: this.#reflogFrom, signal: this.#options.signal, onMarked }
  }

  /** What time it is, and how far back the reflog keeps anything. */
  #look(): void {
    const { store, reflogTermMs } = this.#context
    const { catalog } = store.group
    const { dryRun, now } = this.#options
    if (dryRun) {
      this.#storeMs = (this.#state.read('clock') as { storeMs: number } | undefined)?.storeMs ?? 0
      this.#reflogFrom = now ? newestEntry(catalog) + 1 : reflogTerm(this.#state).from
      return
    }
    catalog.write((tx) => {
      this.#storeMs = tickStoreClock(tx, this.#state, store.clock)
      this.#reflogFrom = lookAtReflog(tx, this.#state, this.#storeMs, newestEntry(tx), now ? undefined : reflogTermMs)
    })
  }

  async #count(isLive: (row: PackedRow) => boolean): Promise<Census> {
    let rows = 0
    const { group } = this.#context.store
    const oldestLease = oldestLeaseEpoch(group.catalog)
    return takeCensus(group, {
      isLive,
      isRipe: (condemned) => this.#isRipe(condemned, oldestLease),
      confirmDead: async (rows) => {
        const { group } = this.#context.store
        if (group.isTight) return rows
        return this.#marking instanceof KeptMarking ? this.#marking.unmarked(rows) : rows
      },
      onFresh: async (chunks) => {
        const epoch = this.#options.dryRun ? group.catalog.counter('gc_epoch') + 1 : await this.#condemn(chunks)
        return this.#isRipe({ chunkId: 0, epoch, storeMs: this.#storeMs }, oldestLease)
      },
      onLive: async (rows) => {
        if (this.#options.dryRun) return
        group.catalog.write((tx) =>
          revive(
            tx,
            [...rows.keys()].map(({ hash }) => hash),
          ),
        )
        // What was condemned by this run and is taken back was not condemned.
        for (const [{ length }, { epoch }] of rows) {
          if (epoch <= this.#firstEpoch) continue
          this.#condemned.chunks--
          this.#condemned.bytes -= length
        }
      },
      onPage: (count) => {
        rows += count
        return this.#progress('looking through the chunk tables', rows, count * ROW_BYTES)
      },
    })
  }

  /** @returns gc's epoch from then on */
  async #condemn(chunks: readonly ChunkLocation[]): Promise<number> {
    return this.#guarded((tx, marking) => {
      const dead = chunks.filter((row) => !marking.has(row))
      this.#condemned.chunks += dead.length
      this.#condemned.bytes += dead.reduce((sum, { length }) => sum + length, 0)
      return condemn(
        tx,
        dead.map(({ hash: id, chunkId }) => ({ id, chunkId })),
        this.#storeMs,
      )
    })
  }

  /** @param oldestLease gc's epoch when the oldest living lease began */
  #isRipe({ epoch, storeMs }: Condemned, oldestLease: number | undefined): boolean {
    if (oldestLease !== undefined && epoch > oldestLease) return false
    return this.#options.now === true || this.#storeMs - storeMs >= this.#context.graceMs
  }

  async #collect(census: Census, walked: WalkedMarking): Promise<void> {
    const { store, pruned } = this.#context
    // First: a set must not outlive what is in it.
    store.group.catalog.write((tx) => dropBitmaps(tx, (id) => !walked.hasId(id) || pruned.has(id)))
    // Nor must a recovery copy name what goes.
    await store.group.bringRecoveryCopies()
    const going = this.#going(census)
    for (const { record } of going.damaged) {
      this.#notes.push(`extent ${record.eid} was left alone: its chunk table does not name all that is in it`)
    }
    const { isTight } = this.#context.store.group
    const most = isTight ? 1 : DROP_CHUNKS
    for (const batch of batchesOf(going.whole, most, ({ record }) => record.chunks)) {
      await this.#drop(batch)
      if (isTight) await this.#giveBack()
    }
    const { groups } = going
    if (!isTight) await this.#compact(groups)
    else if (groups.length > 0) this.#notes.push(`${extentsOf(groups)} not rewritten: the disk was full`)
  }

  #going(census: Census): GoingExtents {
    if (this.#planned?.census !== census) {
      this.#planned = { census, going: new GoingExtents(census, this.#context.wasteTolerance) }
    }
    return this.#planned.going
  }

  async #drop(tallies: readonly ExtentTally[]): Promise<void> {
    const { group } = this.#context.store
    const rows = await this.#rowsOf(tallies)
    const going = tallies.filter(({ record }) => rows.get(record.eid)?.length === record.chunks)
    const retired = await this.#guarded((tx, marking) => {
      const allowed = going.filter(({ record }) => this.#allows(tx, marking, rows.get(record.eid) ?? []))
      const leaving = new Set(
        leavingOf(
          this.#context.store.group,
          allowed.map(({ record }) => record.eid),
        ),
      )
      const goes = allowed.filter(({ record }) => leaving.has(record.eid))
      for (const { record, deadBytes } of goes) {
        this.#forget(tx, rows.get(record.eid) ?? [])
        this.#dropped.extents++
        this.#dropped.chunks += record.chunks
        this.#dropped.bytes += deadBytes
        this.#dropped.storedBytes += record.storedBytes
      }
      if (goes.length > 0) tx.advance('gc_epoch', 1)
      return group.retire(goes.map(({ record }) => record.eid))
    })
    await group.dropRetired(retired)
    const storedBytes = going.reduce((sum, { record }) => sum + record.storedBytes, 0)
    await this.#progress('dropping extents', this.#dropped.extents, storedBytes)
  }

  async #compact(groups: readonly RewriteGroup[]): Promise<void> {
    if (groups.length === 0) return
    const { store } = this.#context
    const { catalog } = store.group
    const lease = Lease.take(catalog, 'writer', store.clock)
    try {
      for (const batch of groupBatches(groups)) await this.#rewrite(batch, lease)
    } finally {
      catalog.write((tx) => lease.release(tx))
    }
  }

  async #rewrite(batch: readonly RewriteGroup[], lease: Lease): Promise<void> {
    const what = extentsOf(batch)
    try {
      for (let attempt = 1; attempt <= REWRITE_ATTEMPTS; attempt++) {
        if (await this.#rewriteOnce(batch, lease)) return
        // A branch moved meanwhile, as it does where somebody always commits.
        await this.#marking?.update()
      }
      this.#notes.push(`${what} left for the next run: something changed whenever they were rewritten`)
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_EXTENT', 'VG_FULL', 'STORAGE_FULL')) throw error
      this.#notes.push(`${what} not rewritten: ${error.message}`)
    }
  }

  /** @returns whether there is no more to be done */
  async #rewriteOnce(batch: readonly RewriteGroup[], lease: Lease): Promise<boolean> {
    const { store, compression } = this.#context
    const { catalog } = store.group
    const marking = this.#marking as Marking
    const eids = batch.flatMap(({ tallies }) => tallies.map(({ record }) => record.eid))
    let gone: readonly ChunkLocation[] = []
    const oldestLease = oldestLeaseEpoch(catalog)
    const { isDone, isTooLittle, oldExtents, oldStoredBytes, newStoredBytes } = await rewriteExtents(store, eids, {
      lease,
      compression,
      keeps: (row) => {
        const state = marking.has(row) ? undefined : condemnedAt(catalog, row.hash)
        return !(state?.chunkId === row.chunkId && this.#isRipe(state, oldestLease))
      },
      onBatch: (rawBytes) => this.#progress('rewriting extents', this.#rewritten.extents, rawBytes),
      // All that was written was not for nothing because a branch moved.
      beforeSwitch: () => marking.update(),
      isEnough: (goneBytes, newBytes) => newBytes < goneBytes,
      allows: (tx, dropped) => {
        if (rootsStamp(tx) !== marking.stamp || !this.#allows(tx, marking, dropped)) return false
        this.#forget(tx, dropped)
        gone = dropped
        return true
      },
    })
    if (isTooLittle)
      this.#notes.push(`${extentsOf(batch)} not rewritten: without what may go as much would be taken, or more`)
    if (!isDone) return isTooLittle === true
    this.#rewritten.extents += oldExtents
    this.#rewritten.chunks += gone.length
    this.#rewritten.bytes += gone.reduce((sum, { length }) => sum + length, 0)
    this.#rewritten.storedBytes += oldStoredBytes
    this.#rewritten.newStoredBytes += newStoredBytes
    return true
  }

  /** Whether all of this may go, by what the catalog says now. */
  #allows(tx: CatalogTransaction, marking: Marking, rows: readonly ChunkLocation[]): boolean {
    const oldestLease = oldestLeaseEpoch(tx)
    return rows.every((row) => {
      if (marking.has(row)) return false
      const state = condemnedAt(tx, row.hash)
      return state?.chunkId === row.chunkId && this.#isRipe(state, oldestLease)
    })
  }

  #forget(tx: CatalogTransaction, rows: readonly ChunkLocation[]): void {
    revive(
      tx,
      rows.map(({ hash }) => hash),
    )
  }

  async #rowsOf(tallies: readonly ExtentTally[]): Promise<Map<number, ChunkLocation[]>> {
    const { group } = this.#context.store
    const byVolume = new Map<number, number[]>()
    for (const { record, pv } of tallies) byVolume.set(pv, [...(byVolume.get(pv) ?? []), record.eid])
    const rows = new Map<number, ChunkLocation[]>()
    for (const [pv, eids] of byVolume) {
      for (const row of (await group.volume(pv)?.chunkRowsOf(eids)) ?? []) {
        const list = rows.get(row.eid)
        if (list) list.push(row)
        else rows.set(row.eid, [row])
      }
    }
    return rows
  }

  /** Runs `body` in a transaction in which the roots are those that were marked. */
  async #guarded<T>(body: (tx: CatalogTransaction, marking: Marking) => T): Promise<T> {
    const { catalog } = this.#context.store.group
    const marking = this.#marking as Marking
    for (;;) {
      throwIfCancelled(this.#options.signal)
      const outcome = catalog.write((tx) =>
        rootsStamp(tx) === marking.stamp ? { value: body(tx, marking) } : undefined,
      )
      if (outcome) return outcome.value
      await marking.update()
    }
  }

  async #giveBack(): Promise<void> {
    for (const volume of this.#context.store.group.volumes) {
      const spare = await volume.spareBytes()
      if (spare > SPARE_BYTES) await volume.giveBack(spare)
    }
  }

  #foresee(census: Census): void {
    const { whole, groups } = this.#going(census)
    for (const [changed, tallies] of [
      [this.#dropped, whole],
      [this.#rewritten, groups.flatMap(({ tallies }) => tallies)],
    ] as const) {
      for (const { record, ripe, ripeBytes } of tallies) {
        changed.extents++
        changed.chunks += ripe
        changed.bytes += ripeBytes
        changed.storedBytes += record.storedBytes
      }
    }
    this.#rewritten.newStoredBytes = groups.reduce((sum, { newStoredBytes }) => sum + newStoredBytes, 0)
  }

  #nextMs({ oldestWaitingMs, fresh }: Census): number | undefined {
    const from = oldestWaitingMs ?? (fresh.chunks > 0 ? this.#storeMs : undefined)
    if (from === undefined || this.#options.now) return undefined
    const { store, graceMs } = this.#context
    return store.clock.nowMs() + Math.max(0, from + graceMs - this.#storeMs)
  }

  /** Between two steps, none of which is long: tells of it, and waits as the rate asks for. @param bytes read or written for it */
  async #progress(current: string, itemsDone: number, bytes: number): Promise<void> {
    const { signal, onProgress } = this.#options
    throwIfCancelled(signal)
    onProgress?.({ phase: 'gc', itemsDone, bytesDone: 0, current })
    this.#lease?.beat(this.#context.store.clock)
    await this.#throttle.took(bytes, signal)
  }
}

async function fileBytes({ group }: ChunkStore): Promise<number> {
  let bytes = 0
  for (const volume of group.volumes) bytes += await volume.fileBytes()
  return bytes
}
