/**
 * Commits, branches and tags that are kept in memory until they are written together: what `Repository.batch` is made of.
 *
 * Model: chunks and objects wait in `objects`, moves of refs in `refs`, where all that reads through this repository finds them. A
 * flush is the work of one ordinary writer: it puts all objects and does all moves, one after the other, in one transaction.
 * So nothing of it is visible elsewhere before all is, the safety rules hold as for one large commit, and what is gathered here needs
 * neither lease nor lock: it was never looked up.
 *
 * Everything happens in turn: what is added waits for the flush at work, so that memory is bounded; and a write that is none of
 * the batch's (`alone`) comes after all that was added before, and before all that is added later.
 */
import type { Hash } from './base/hash.js'
import { KIB } from './base/units.js'
import type { Reach } from './cas/makeReachable.js'
import { PendingObjects } from './cas/pendingObjects.js'
import type { StoreWriter } from './cas/storeWriter.js'
import { PendingRefs } from './refs/pendingRefs.js'
import { shortRef } from './refs/refName.js'
import type { RefStep, Refs } from './refs/refs.js'
import type { CatalogTransaction } from './volume/catalog.js'

/** What a move takes in memory, counted with the bytes. */
const STEP_BYTES = KIB

export interface BatchLimits {
  readonly bytes: number
  /** `undefined`: no limit. */
  readonly ms: number | undefined
}

export interface PendingWrite {
  readonly step: RefStep
  /** What it puts, and has not begun to write. */
  readonly writer?: StoreWriter | undefined
  /** The new commit. */
  readonly commit?: Hash | undefined
  /** As `Move.adopted`. */
  readonly adopted?: Reach | undefined
  /** Throws inside the transaction where something is in the way by then. */
  readonly require?: ((tx: CatalogTransaction) => void) | undefined
}

export interface PendingContext {
  readonly refs: Refs
  /** @param branches that it writes for */
  openWriter(branches: readonly string[]): StoreWriter
  /** All below these commits, but their parents. */
  below(commits: readonly Hash[]): AsyncIterable<Hash>
}

export class PendingWrites {
  readonly objects = new PendingObjects()
  readonly refs: PendingRefs
  private limits: BatchLimits | undefined
  private writes: PendingWrite[] = []
  private timer: NodeJS.Timeout | undefined
  /** Its time came, and writing failed: the next to come tries again. */
  private isOverdue = false
  private turn: Promise<unknown> = Promise.resolve()
  private timesAbandoned = 0

  constructor(private readonly context: PendingContext) {
    this.refs = new PendingRefs(context.refs)
  }

  get isOpen(): boolean {
    return this.limits !== undefined
  }

  /** Grows when commits were given up that something may have been built on. */
  get abandoned(): number {
    return this.timesAbandoned
  }

  open(limits: BatchLimits): void {
    this.limits = limits
  }

  /**
   * Takes a write in; first writes what is there if it is time, or there would be too much.
   * @returns `false` where no batch is open, or it is too large for one: then it is to be written by itself, `alone`
   * @throws {VarveError} as `Refs.apply`; what writing throws: then nothing was taken in
   */
  async add(write: PendingWrite): Promise<boolean> {
    if (!this.isOpen) return false
    return this.inTurn(async () => {
      const { limits } = this
      const items = write.writer ? write.writer.untouched : []
      if (!limits || !items) return false
      const bytes = items.reduce((sum, item) => sum + item.bytes.length, STEP_BYTES)
      if (bytes > limits.bytes) return false
      const held = this.objects.bytes + this.writes.length * STEP_BYTES
      if (this.isOverdue || held + bytes > limits.bytes) await this.write()
      this.refs.add(write.step)
      this.objects.add(items)
      const { writer: _done, ...kept } = write
      this.writes.push(kept)
      this.startTimer(limits)
      return true
    })
  }

  /** Runs `body` when everything added before is written, and before anything else is added. */
  async alone<T>(body: () => Promise<T>): Promise<T> {
    if (!this.isOpen) return body()
    return this.inTurn(async () => {
      await this.write()
      return body()
    })
  }

  /** Writes everything added before. @throws what writing throws; then all is as before, and may be tried again */
  async flush(): Promise<void> {
    if (this.isOpen) await this.inTurn(() => this.write())
  }

  /** Writes everything, and takes nothing more in. @throws as `flush`; then it stays open */
  async end(): Promise<void> {
    if (!this.isOpen) return
    await this.inTurn(async () => {
      await this.write()
      this.limits = undefined
    })
  }

  /** Forgets what was not written, and takes nothing more in. */
  async abandon(): Promise<void> {
    if (!this.isOpen) return
    await this.inTurn(async () => {
      if (this.writes.length > 0) this.timesAbandoned++
      this.refs.take()
      this.objects.abandon()
      this.forget()
      this.limits = undefined
    })
  }

  private async write(): Promise<void> {
    if (this.writes.length === 0) return
    const { context, writes } = this
    const writer = context.openWriter(namesOf(writes))
    const commits = writes.flatMap(({ commit }) => commit ?? [])
    const reaches = writes.flatMap(({ adopted }) => adopted ?? [])
    async function* adopted(): AsyncGenerator<Hash> {
      for (const reach of reaches) yield* reach()
    }
    let putBack: (() => void) | undefined
    try {
      for (const item of this.objects.all()) await writer.putItem(item)
      await writer.publish({
        apply: (tx) => {
          for (const { require } of writes) require?.(tx)
          context.refs.applySteps(tx, this.refs.steps)
          // Here, so that nobody finds a move in the catalog and among those that wait.
          putBack = this.refs.take()
        },
        reach: async function* reach() {
          yield* context.below(commits)
          yield* adopted()
        },
        adopted: reaches.length === 0 ? undefined : adopted,
      })
    } catch (error) {
      putBack?.()
      // The error at hand is the one to tell. A lease left behind is swept once this process is gone.
      await writer.abandon().catch(() => undefined)
      throw error
    }
    this.forget()
  }

  private forget(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.isOverdue = false
    this.writes = []
    this.objects.clear()
  }

  private startTimer({ ms }: BatchLimits): void {
    if (ms === undefined || this.timer) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.flush().catch(() => {
        this.isOverdue = true
      })
    }, ms)
    // A program that has nothing else to do ends its batch.
    this.timer.unref()
  }

  private inTurn<T>(body: () => Promise<T>): Promise<T> {
    const done = this.turn.then(body, body)
    this.turn = done.catch(() => undefined)
    return done
  }
}

/** Of all branches and tags that move. */
function namesOf(writes: readonly PendingWrite[]): string[] {
  return [...new Set(writes.flatMap(({ step }) => step.updates.map(({ name }) => shortRef(name))))]
}
