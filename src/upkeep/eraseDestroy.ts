/**
 * What nothing reaches any more is destroyed at once: no grace, and no part of an extent that is spared as not worth it.
 *
 * Extents of which nothing is left are dropped, others written anew without it. What is dropped was written down before (`onDead`).
 * As in gc every transaction that drops something compares the roots with those that were marked; and it asks that nobody else
 * holds a lease. Killed at any moment, it is done again: what is left is found as before.
 */
import { CorruptionError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { forgetCondemned } from '../cas/condemned.js'
import type { Compression } from '../codec/compressor.js'
import { KIND } from '../format/kinds.js'
import type { Link } from '../history/links.js'
import { reachable } from '../history/reach.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import { Lease, type LeaseInfo, listLeases } from '../volume/lease.js'
import { type ChunkLocation, EXTENT_CLASS } from '../volume/physicalVolume.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { batchesOf, rewriteBatches } from './batches.js'
import type { PlanContext } from './erasePlan.js'
import { ErasureTally, type ExtentCount } from './eraseTally.js'
import { gcRoots, linkOfRoot, rootsStamp } from './gcRoots.js'
import { LiveIds } from './liveIds.js'
import { reflogTerm } from './reflogTerm.js'
import { rewriteExtents } from './rewrite.js'
import { leavingOf, takeBackMoving } from './switchExtents.js'

export interface DestroyContext extends PlanContext {
  readonly compression: Compression
  /** Commits that were erased: the reflog names them still. */
  readonly replaced: ReadonlyMap<Hash, unknown>
}

export interface DestroyTasks {
  /** Writes down what is about to go. */
  onDead(chunks: readonly Hash[], objects: readonly Hash[]): void
}

/** Chunks of the extents that are dropped in one transaction. */
const DROP_CHUNKS = 30_000
/** Others commit meanwhile, or begin something. */
const ATTEMPTS = 10

/**
 * @throws {VarveError} `STORE_LOCKED` while others are at work: what is left is done by the next call; `CANCELLED`, `VG_FULL`
 * @throws {CorruptionError} when something that stays is damaged or missing: then nothing more is dropped
 */
export async function destroyUnreachable(
  context: DestroyContext,
  tasks: DestroyTasks,
  options: WorkOptions,
): Promise<void> {
  await new Destruction(context, tasks, options).run()
}

/**
 * @param ours a lease that may be there
 * @param isBegun whether something was changed already
 * @throws {VarveError} `STORE_LOCKED` while somebody else reads or writes, with who it is
 */
export function requireNoLeases(
  tx: CatalogTransaction,
  path: string,
  { ours, isBegun }: { readonly ours?: number; readonly isBegun: boolean },
): void {
  const other = otherLeases(tx).find(({ id }) => id !== ours)
  if (!other) return
  const since = new Date(other.startedMs).toISOString()
  const soFar = isBegun ? 'not all is destroyed yet' : 'nothing was changed'
  throw new VarveError(
    'STORE_LOCKED',
    `a ${other.kind} is at work: process ${other.pid} on ${other.host}, since ${since}; ${soFar}`,
    {
      path,
      lease: other.id,
      host: other.host,
      pid: other.pid,
      hint:
        `Run ${isBegun ? '`varve erase --finish`' : 'the command again'} when it has ended. ` +
        'Of a process that was killed, its own machine clears it.',
    },
  )
}

/** Of readers and writers, and those that are being cleared away. */
export function otherLeases(tx: CatalogTransaction): LeaseInfo[] {
  return listLeases(tx).filter(({ kind }) => kind !== 'upkeep')
}

class Destruction {
  readonly #live = new LiveIds()
  #stamp = ''
  #marked = 0
  readonly #tally: ErasureTally

  constructor(
    private readonly context: DestroyContext,
    private readonly tasks: DestroyTasks,
    private readonly options: WorkOptions,
  ) {
    this.#tally = new ErasureTally(context.store.group, (rows) =>
      this.#progress('looking through the chunk tables', rows),
    )
  }

  async run(): Promise<void> {
    const { group, clock } = this.context.store
    const { catalog } = group
    const lease = Lease.take(catalog, 'writer', clock)
    try {
      await takeBackMoving(this.context.store)
      await group.dropOrphans()
      for (let attempt = 1; ; attempt++) {
        await this.#mark()
        const extents = await this.#count()
        const dying = [...extents.values()].filter(({ dead }) => dead > 0)
        if (dying.length === 0) break
        if (attempt > ATTEMPTS) throw this.#movedTooOften()
        const dead = dying.filter((extent) => extent.dead === extent.record.chunks)
        const leaving = new Set(this.#leavingOf(dead))
        await this.#drop(
          dead.filter(({ record }) => leaving.has(record.eid)),
          lease,
        )
        // What others are compressed against is rewritten with them.
        await this.#compact(
          dying.filter(({ record }) => !leaving.has(record.eid)),
          lease,
        )
      }
      await group.dropOrphans()
      catalog.write((tx) => {
        forgetCondemned(tx)
        // Made anew when they are asked for.
        tx.run('DELETE FROM bitmap')
        tx.advance('gc_epoch', 1)
      })
    } finally {
      catalog.write((tx) => lease.release(tx))
    }
  }

  async #mark(): Promise<void> {
    const { store, refs, worktrees, replaced } = this.context
    const { catalog } = store.group
    const { roots, stamp } = gcRoots(catalog, refs, worktrees, reflogTerm(new UpkeepState(catalog)).from)
    this.#stamp = stamp
    const inPlace = roots.filter(({ kind }) => kind === 'replacement')
    for (const root of roots) {
      if (root.kind === 'replacement') continue
      // Of one that is erased right now the reflog means what took its place, though it is still there.
      const { end } = root
      const erased = replaced.has(root.id)
      const link = erased ? end && { kind: KIND.commit, id: end } : await linkOfRoot(store, root)
      if (link) await this.#markFrom(link, root.name)
    }
    // What takes the place of something is needed as long as that is; and it may need others.
    for (let before = -1; before !== this.#live.size; ) {
      before = this.#live.size
      for (const root of inPlace) {
        const link = this.#live.has(root.of as Hash) ? await linkOfRoot(store, root) : undefined
        if (link) await this.#markFrom(link, root.name)
      }
    }
  }

  async #markFrom(link: Link, name: string): Promise<void> {
    const { store, pruned } = this.context
    const { signal } = this.options
    for await (const _ of reachable(store, [link], { parents: true, pruned, seen: this.#live, signal })) {
      this.#marked++
      if (this.#marked % 1000 === 0) this.#progress(`marking what ${name} needs`, this.#marked)
    }
  }

  async #count(): Promise<Map<number, ExtentCount>> {
    const { store } = this.context
    const extents = await this.#tally.count(
      (row) => this.#live.find(row.hash),
      (rows, known) => this.#tell(rows, known),
    )
    this.#tally.requireSound(extents.values())
    const missing = [...this.#live.missing()]
    const found = await store.find(missing)
    const first = missing.find((id) => !found.has(id))
    if (first === undefined) return extents
    throw new CorruptionError('MISSING_CHUNK', `${shortHash(first)}, which is still needed, is in no chunk table`, {
      id: first,
      path: store.group.catalog.path,
      hint: 'Run `varve verify` to see what is hit.',
    })
  }

  #tell(rows: readonly ChunkLocation[], extents: ReadonlyMap<number, ExtentCount>): void {
    const isData = ({ eid }: ChunkLocation): boolean => extents.get(eid)?.record.class === EXTENT_CLASS.data
    const idsOf = (some: readonly ChunkLocation[]): Hash[] => some.map(({ hash }) => hash)
    this.tasks.onDead(idsOf(rows.filter(isData)), idsOf(rows.filter((row) => !isData(row))))
  }

  /** @returns whether the roots are those that were marked. @throws {VarveError} `STORE_LOCKED` */
  #isAllowed(tx: CatalogTransaction, lease: Lease): boolean {
    requireNoLeases(tx, this.context.store.group.catalog.path, { ours: lease.id, isBegun: true })
    return rootsStamp(tx) === this.#stamp
  }

  #leavingOf(extents: readonly ExtentCount[]): number[] {
    return leavingOf(
      this.context.store.group,
      extents.map(({ record }) => record.eid),
    )
  }

  async #drop(extents: readonly ExtentCount[], lease: Lease): Promise<void> {
    const { group } = this.context.store
    // From the newest: what decodes through others goes first.
    const inOrder = [...extents].sort((a, b) => b.record.eid - a.record.eid)
    for (const batch of batchesOf(inOrder, DROP_CHUNKS, ({ record }) => record.chunks)) {
      const retired = group.catalog.write((tx) => {
        if (!this.#isAllowed(tx, lease) || this.#leavingOf(batch).length < batch.length) return undefined
        tx.advance('gc_epoch', 1)
        return group.retire(batch.map(({ record }) => record.eid))
      })
      // Marked once more, all of it.
      if (!retired) return
      await group.dropRetired(retired)
      this.#progress('dropping extents', batch.length)
    }
  }

  async #compact(extents: readonly ExtentCount[], lease: Lease): Promise<void> {
    const { store, compression } = this.context
    let done = 0
    for (const batch of rewriteBatches(extents)) {
      const eids = batch.map(({ record }) => record.eid)
      const { isDone } = await rewriteExtents(store, eids, {
        lease,
        compression,
        keeps: ({ hash }) => this.#live.has(hash),
        allows: (tx) => this.#isAllowed(tx, lease),
      })
      if (!isDone) return
      done += eids.length
      this.#progress('rewriting extents', done)
    }
  }

  #movedTooOften(): VarveError {
    return new VarveError('STORE_LOCKED', 'others kept committing while it was destroyed; not all of it is yet', {
      path: this.context.store.group.catalog.path,
      hint: 'Run `varve erase --finish`.',
    })
  }

  #progress(current: string, itemsDone: number): void {
    throwIfCancelled(this.options.signal)
    this.options.onProgress?.({ phase: 'erase', itemsDone, bytesDone: 0, current })
  }
}
