/**
 * Garbage collection: mark → condemn → wait → drop and compact → give back.
 *
 * Everything that the roots reach is marked. What is not is condemned, and stays readable for the grace period: whatever makes it
 * reachable again meanwhile revives it. Condemned before every living lease began, and longer ago than the grace period, it may go:
 * extents of which nothing is left are dropped, those of which enough has gone are rewritten without it (rewrite.ts), and the
 * file's spare bytes go back to the file system.
 *
 * Guarantees (safety rule 5): every transaction that condemns or drops compares the roots with those that were marked, and marks
 * what is new before it goes on; it asks again whether each chunk is condemned, ripe, and not marked. The catalog forgets an
 * extent, durably, before a volume drops it. Whatever goes wrong while marking, nothing is condemned. What marking found must be
 * in the volumes, or nothing is dropped. Killed at any moment, the next run does the rest.
 */
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import { shortHash } from '../base/hash.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { KIB, MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { describeKind } from '../cas/chunkStore.js'
import { type Condemned, condemn, condemnedAt, revive } from '../cas/condemned.js'
import type { Compression } from '../codec/compressor.js'
import { reachable } from '../history/reach.js'
import type { PrunedCommits } from '../refs/pruned.js'
import type { Refs } from '../refs/refs.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import { Lease, type LeaseInfo, listLeases, oldestLeaseEpoch, takeUpkeepLease } from '../volume/lease.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import { type Amount, type Census, type ExtentTally, takeCensus } from './census.js'
import { dropBitmaps } from './commitBitmaps.js'
import { type GcRoots, gcRoots, rootsStamp } from './gcRoots.js'
import { writeLastGc } from './lastGc.js'
import { LiveIds } from './liveIds.js'
import { lookAtReflog, reflogTerm } from './reflogTerm.js'
import { rewriteExtents } from './rewrite.js'
import { tickStoreClock } from './storeClock.js'
import { UpkeepState } from './upkeepState.js'

export interface GcOptions extends WorkOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
  /**
   * What nothing but the reflog remembers goes too, and no grace is given: a branch that was deleted or moved cannot be brought
   * back. What living leases need stays all the same.
   */
  readonly now?: boolean | undefined
}

export interface GcReport {
  readonly dryRun: boolean
  readonly live: Amount
  /** Not reachable, found so by this run. */
  readonly condemned: Amount
  /** Condemned, and kept for now. */
  readonly waiting: Amount
  /** When the next of that may go, in milliseconds since the epoch: an estimate, since only time that is looked at counts. */
  readonly nextMs: number | undefined
  readonly dropped: GcChange
  /** Extents of which something went: what they were, and what took their place. */
  readonly rewritten: GcChange & { readonly newStoredBytes: number }
  /** What is dead or dropped in extents that are not worth rewriting yet: raw bytes. */
  readonly wasteBytes: number
  /** The store's files got shorter by this. */
  readonly returnedBytes: number
  /** Leases that keep what is condemned. */
  readonly heldBy: readonly LeaseInfo[]
  /** What was left for a later run, and why. */
  readonly notes: readonly string[]
}

/** `bytes`: raw. */
export interface GcChange extends Amount {
  readonly extents: number
  readonly storedBytes: number
}

export interface GcContext {
  readonly store: ChunkStore
  readonly refs: Refs
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
  readonly graceMs: number
  readonly reflogTermMs: number
  /** The part of an extent's raw bytes that may be dead before it is rewritten, 0 … 1. */
  readonly wasteTolerance: number
  readonly compression: Compression
}

/** Chunks of the extents that are dropped in one transaction. */
const DROP_CHUNKS = 30_000
/** Raw bytes of the sources of one rewrite. */
const REWRITE_BYTES = 16 * MIB
const REWRITE_ATTEMPTS = 3
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
  const end = takeUpkeepLease(group.catalog, context.store.clock)
  try {
    await group.refresh()
    await group.dropOrphans()
    return await new Collection(context, options).run()
  } finally {
    end()
  }
}

class Collection {
  readonly #context: GcContext
  readonly #options: GcOptions
  readonly #state: UpkeepState
  readonly #live = new LiveIds()
  readonly #notes: string[] = []
  readonly #dropped = { extents: 0, chunks: 0, bytes: 0, storedBytes: 0 }
  readonly #rewritten = { extents: 0, chunks: 0, bytes: 0, storedBytes: 0, newStoredBytes: 0 }
  #roots: GcRoots = { roots: [], stamp: '' }
  #reflogFrom = 1
  #storeMs = 0
  #marked = 0

  constructor(context: GcContext, options: GcOptions) {
    this.#context = context
    this.#options = options
    this.#state = new UpkeepState(context.store.group.catalog)
  }

  async run(): Promise<GcReport> {
    const { store } = this.#context
    const { group } = store
    const { dryRun = false } = this.#options
    this.#look()
    await this.#mark()
    const census = await this.#count()
    await this.#requireFound()
    const before = await fileBytes(store)
    if (dryRun) this.#foresee(census)
    else await this.#collect(census)
    const after = await fileBytes(store)
    const isHolding = ({ kind }: LeaseInfo) => kind === 'writer' || kind === 'reader'
    const report: GcReport = {
      dryRun,
      live: census.live,
      condemned: census.fresh,
      waiting: census.waiting,
      nextMs: this.#nextMs(census),
      dropped: this.#dropped,
      rewritten: this.#rewritten,
      wasteBytes: this.#wasteBytes(census),
      returnedBytes: Math.max(0, before - after),
      heldBy: listLeases(group.catalog).filter(isHolding),
      notes: this.#notes,
    }
    if (!dryRun) group.catalog.write((tx) => writeLastGc(tx, this.#state, report, store.clock.nowMs()))
    return report
  }

  /** What time it is, and how far back the reflog keeps anything. */
  #look(): void {
    const { store, refs, reflogTermMs } = this.#context
    const { catalog } = store.group
    const { dryRun, now } = this.#options
    const newest = (): number => refs.reflog().length
    if (dryRun) {
      this.#storeMs = (this.#state.read('clock') as { storeMs: number } | undefined)?.storeMs ?? 0
      this.#reflogFrom = now ? newest() + 1 : reflogTerm(this.#state).from
      return
    }
    catalog.write((tx) => {
      this.#storeMs = tickStoreClock(tx, this.#state, store.clock)
      this.#reflogFrom = lookAtReflog(tx, this.#state, this.#storeMs, newest(), now ? undefined : reflogTermMs)
    })
  }

  /** Everything that the roots reach and that was not marked before. @throws as `reachable`, with the root that needs it */
  async #mark(): Promise<void> {
    const { store, refs, worktrees, pruned } = this.#context
    this.#roots = gcRoots(store.group.catalog, refs, worktrees, this.#reflogFrom)
    for (const { name, id } of this.#roots.roots) {
      const found = reachable(store, [id], { parents: true, pruned, seen: this.#live, signal: this.#options.signal })
      try {
        for await (const { kind } of found) {
          this.#marked++
          if (this.#marked % 1000 === 0) this.#progress(`marking ${describeKind(kind)}s of ${name}`, this.#marked)
        }
      } catch (error) {
        throw withRoot(error, name)
      }
    }
  }

  async #count(): Promise<Census> {
    let rows = 0
    const oldestLease = oldestLeaseEpoch(this.#context.store.group.catalog)
    return takeCensus(this.#context.store.group, this.#live, {
      isRipe: (condemned) => this.#isRipe(condemned, oldestLease),
      onFresh: async (chunks) => {
        const epoch = this.#options.dryRun
          ? this.#context.store.group.catalog.counter('gc_epoch') + 1
          : await this.#guarded((tx) => {
              const dead = chunks.filter(({ id }) => !this.#live.has(id))
              return condemn(tx, dead, this.#storeMs)
            })
        return this.#isRipe({ chunkId: 0, epoch, storeMs: this.#storeMs }, oldestLease)
      },
      onLive: async (ids) => {
        if (!this.#options.dryRun) this.#context.store.group.catalog.write((tx) => revive(tx, ids))
      },
      onPage: (count) => {
        rows += count
        this.#progress('looking through the chunk tables', rows)
      },
    })
  }

  /** Nothing is dropped from a store in which something is missing already. */
  async #requireFound(): Promise<void> {
    const { store } = this.#context
    const { catalog } = store.group
    const unseen = [...this.#live.missing()]
    // What came while the tables were looked through.
    const found = await store.find(unseen)
    const missing = unseen.filter((id) => !found.has(id))
    const [first] = missing
    if (first === undefined) return
    throw new CorruptionError(
      'MISSING_CHUNK',
      `gc dropped nothing: ${missing.length} of the chunks that are still needed are in no chunk table, the first ${shortHash(first)}`,
      { id: first, path: catalog.path, hint: 'Run `varve verify` to see what is hit.' },
    )
  }

  /** @param oldestLease gc's epoch when the oldest living lease began */
  #isRipe({ epoch, storeMs }: Condemned, oldestLease: number | undefined): boolean {
    if (oldestLease !== undefined && epoch > oldestLease) return false
    return this.#options.now === true || this.#storeMs - storeMs >= this.#context.graceMs
  }

  async #collect(census: Census): Promise<void> {
    const tallies = [...census.extents.values()]
    const damaged = tallies.filter(({ record, rows }) => rows !== record.chunks)
    for (const { record } of damaged) {
      this.#notes.push(`extent ${record.eid} was left alone: its chunk table does not name all that is in it`)
    }
    const sound = tallies.filter(({ record, rows }) => rows === record.chunks)
    const empty = sound.filter(({ record, ripe }) => ripe === record.chunks)
    const { isTight } = this.#context.store.group
    const most = isTight ? 1 : DROP_CHUNKS
    for (const batch of batchesOf(empty, most, ({ record }) => record.chunks)) {
      await this.#drop(batch)
      if (isTight) await this.#giveBack()
    }
    const worthIt = sound.filter((tally) => this.#isWorthIt(tally))
    if (!isTight) await this.#compact(worthIt)
    else if (worthIt.length > 0) this.#notes.push(`${worthIt.length} extents were not rewritten: the disk was full`)
    const { store, pruned } = this.#context
    store.group.catalog.write((tx) => dropBitmaps(tx, (id) => !this.#live.has(id) || pruned.has(id)))
    await this.#giveBack()
  }

  /** Whether so much of it may go that it is written anew. */
  #isWorthIt({ record, ripe, ripeBytes }: ExtentTally): boolean {
    const { wasteTolerance } = this.#context
    return ripe > 0 && ripe < record.chunks && ripeBytes >= wasteTolerance * record.rawBytes
  }

  #wasteBytes(census: Census): number {
    let bytes = 0
    for (const tally of census.extents.values()) {
      if (tally.ripe < tally.record.chunks && !this.#isWorthIt(tally)) bytes += tally.deadBytes
    }
    return bytes
  }

  async #drop(tallies: readonly ExtentTally[]): Promise<void> {
    const { group } = this.#context.store
    const rows = await this.#rowsOf(tallies)
    const going = tallies.filter(({ record }) => rows.get(record.eid)?.length === record.chunks)
    const retired = await this.#guarded((tx) => {
      const goes = going.filter(({ record }) => this.#allows(tx, rows.get(record.eid) ?? []))
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
    this.#progress('dropping extents', this.#dropped.extents)
  }

  async #compact(tallies: readonly ExtentTally[]): Promise<void> {
    if (tallies.length === 0) return
    const { store, compression } = this.#context
    const { catalog } = store.group
    const lease = Lease.take(catalog, 'writer', store.clock)
    try {
      for (const batch of rewrites(tallies)) {
        await this.#rewrite(batch, lease, compression)
        this.#progress('rewriting extents', this.#rewritten.extents)
      }
    } finally {
      catalog.write((tx) => lease.release(tx))
    }
  }

  async #rewrite(batch: readonly ExtentTally[], lease: Lease, compression: Compression): Promise<void> {
    const what = batch.length === 1 ? 'one extent was' : `${batch.length} extents were`
    try {
      for (let attempt = 1; attempt <= REWRITE_ATTEMPTS; attempt++) {
        if (await this.#rewriteOnce(batch, lease, compression)) return
        // A branch moved meanwhile, as it does where somebody always commits.
        await this.#mark()
      }
      this.#notes.push(`${what} left for the next run: something changed whenever they were rewritten`)
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_EXTENT', 'VG_FULL', 'STORAGE_FULL')) throw error
      this.#notes.push(`${what} not rewritten: ${error.message}`)
    }
  }

  /** @returns whether it was done */
  async #rewriteOnce(batch: readonly ExtentTally[], lease: Lease, compression: Compression): Promise<boolean> {
    const { store } = this.#context
    const { catalog } = store.group
    const eids = batch.map(({ record }) => record.eid)
    let chunks = 0
    const oldestLease = oldestLeaseEpoch(catalog)
    const { isDone, newStoredBytes } = await rewriteExtents(store, eids, {
      lease,
      compression,
      keeps: ({ hash, chunkId }) => {
        const state = this.#live.has(hash) ? undefined : condemnedAt(catalog, hash)
        return !(state?.chunkId === chunkId && this.#isRipe(state, oldestLease))
      },
      allows: (tx, dropped) => {
        if (rootsStamp(tx) !== this.#roots.stamp || !this.#allows(tx, dropped)) return false
        this.#forget(tx, dropped)
        chunks = dropped.length
        return true
      },
    })
    if (!isDone) return false
    this.#rewritten.extents += eids.length
    this.#rewritten.chunks += chunks
    this.#rewritten.newStoredBytes += newStoredBytes
    for (const { record, ripeBytes } of batch) {
      this.#rewritten.bytes += ripeBytes
      this.#rewritten.storedBytes += record.storedBytes
    }
    return true
  }

  /** Whether all of this may go, by what the catalog says now. */
  #allows(tx: CatalogTransaction, rows: readonly ChunkLocation[]): boolean {
    const oldestLease = oldestLeaseEpoch(tx)
    return rows.every(({ hash, chunkId }) => {
      if (this.#live.has(hash)) return false
      const state = condemnedAt(tx, hash)
      return state?.chunkId === chunkId && this.#isRipe(state, oldestLease)
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
  async #guarded<T>(body: (tx: CatalogTransaction) => T): Promise<T> {
    const { catalog } = this.#context.store.group
    for (;;) {
      throwIfCancelled(this.#options.signal)
      const outcome = catalog.write((tx) => (rootsStamp(tx) === this.#roots.stamp ? { value: body(tx) } : undefined))
      if (outcome) return outcome.value
      await this.#mark()
    }
  }

  async #giveBack(): Promise<void> {
    for (const volume of this.#context.store.group.volumes) {
      const spare = await volume.spareBytes()
      if (spare > SPARE_BYTES) await volume.giveBack(spare)
    }
  }

  #foresee(census: Census): void {
    for (const tally of census.extents.values()) {
      const { record, ripe, ripeBytes, rows } = tally
      if (rows !== record.chunks) continue
      const changed = ripe === record.chunks ? this.#dropped : this.#isWorthIt(tally) ? this.#rewritten : undefined
      if (!changed) continue
      changed.extents++
      changed.chunks += ripe
      changed.bytes += ripeBytes
      changed.storedBytes += record.storedBytes
    }
  }

  #nextMs({ oldestWaitingMs, fresh }: Census): number | undefined {
    const from = oldestWaitingMs ?? (fresh.chunks > 0 ? this.#storeMs : undefined)
    if (from === undefined || this.#options.now) return undefined
    const { store, graceMs } = this.#context
    return store.clock.nowMs() + Math.max(0, from + graceMs - this.#storeMs)
  }

  #progress(current: string, itemsDone: number): void {
    throwIfCancelled(this.#options.signal)
    this.#options.onProgress?.({ phase: 'gc', itemsDone, bytesDone: 0, current })
  }
}

/** Sources of one rewrite each; files and objects do not mix, and come in the order in which they were written. */
function* rewrites(tallies: readonly ExtentTally[]): Generator<ExtentTally[]> {
  const byClass = new Map<number, ExtentTally[]>()
  for (const tally of [...tallies].sort((a, b) => a.record.eid - b.record.eid)) {
    const same = byClass.get(tally.record.class)
    if (same) same.push(tally)
    else byClass.set(tally.record.class, [tally])
  }
  for (const same of byClass.values()) yield* batchesOf(same, REWRITE_BYTES, ({ record }) => record.rawBytes)
}

/** Neighbours together, up to a sum. */
function* batchesOf<T>(items: readonly T[], most: number, sizeOf: (item: T) => number): Generator<T[]> {
  let batch: T[] = []
  let size = 0
  for (const item of items) {
    if (batch.length > 0 && size + sizeOf(item) > most) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(item)
    size += sizeOf(item)
  }
  if (batch.length > 0) yield batch
}

async function fileBytes({ group }: ChunkStore): Promise<number> {
  let bytes = 0
  for (const volume of group.volumes) bytes += await volume.fileBytes()
  return bytes
}

/** Says what needs it, and that nothing was dropped. */
function withRoot(error: unknown, name: string): unknown {
  if (!isVarveError(error) || error.code === 'CANCELLED') return error
  const make = error instanceof CorruptionError ? CorruptionError : VarveError
  const { code, message, details, hint = 'Run `varve verify` to see what is hit.' } = error
  return new make(code, `gc dropped nothing: ${message} (needed by ${name})`, { ...details, hint, cause: error })
}
