/** A batch: commits, branches and tags that are written together. The handle that `Repository.batch` gives. */
import { VarveError } from './base/errors.js'
import { KIB, MIB } from './base/units.js'
import type { BatchLimits, PendingWrites } from './pendingWrites.js'

export interface BatchOptions {
  /** Raw bytes of new content that are kept in memory at most. Then they are written. 64 KiB to 32 MiB; default 8 MiB. */
  readonly flushBytes?: number | undefined
  /** Milliseconds after which a commit is written at the latest. 1 to 86,400,000; `null`: no limit. Default 1,000. */
  readonly flushMs?: number | null | undefined
}

const FLUSH_BYTES = 8 * MIB
const FLUSH_BYTES_MIN = 64 * KIB
const FLUSH_BYTES_MAX = 32 * MIB
const FLUSH_MS = 1000
const FLUSH_MS_MAX = 86_400_000

/** Commits, branches and tags that are written together, from `Repository.batch`. */
export class Batch {
  private isOver = false

  /** @internal For `Repository.batch`. */
  constructor(private readonly pending: PendingWrites) {}

  /**
   * Writes all that was committed before: then it is visible to others, and durable as the repository was opened for.
   *
   * @throws {VarveError} `REF_CONFLICT` when another process moved one of the branches or tags: then nothing of it was written, and
   * `abandon` is what is left; `STORAGE_FULL`, `STORAGE_IO`, `STORE_LOCKED`, `VG_FULL`, `LEASE_LOST`: nothing was written either, it is
   * still there, and may be flushed again
   * @example
   * ```ts
   * await using batch = await repo.batch()
   * const draft = await repo.draft('main')
   * await draft.write('hello.txt', 'Hello\n')
   * await draft.commit({ message: 'Say hello' })
   * await batch.flush()
   * ```
   */
  async flush(): Promise<void> {
    if (!this.isOver) await this.pending.flush()
  }

  /**
   * Flushes, and ends the batch. `await using` calls it. Does nothing when it is over.
   *
   * @throws {VarveError} as `flush`; the batch is then still open
   * @example
   * ```ts
   * const batch = await repo.batch()
   * for (const name of ['a', 'b', 'c']) {
   *   const draft = await repo.draft('main')
   *   await draft.write(name, 'new\n')
   *   await draft.commit({ message: `Add ${name}` })
   * }
   * await batch.end()
   * ```
   */
  async end(): Promise<void> {
    if (this.isOver) return
    await this.pending.end()
    this.isOver = true
  }

  /**
   * Ends the batch and drops what was not written yet: branches and tags are again where the store has them. A draft that was begun
   * in the batch cannot be committed any more; who reads on from a dropped commit is told `SNAPSHOT_GONE`.
   *
   * @example
   * ```ts
   * const batch = await repo.batch({ flushMs: null })
   * const draft = await repo.draft('main')
   * await draft.write('never', 'mind')
   * await draft.commit({ message: 'Not after all' })
   * await batch.abandon()
   * console.log((await repo.commit('main')).message === 'second')
   * ```
   */
  async abandon(): Promise<void> {
    if (this.isOver) return
    await this.pending.abandon()
    this.isOver = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }
}

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function batchLimits({ flushBytes = FLUSH_BYTES, flushMs = FLUSH_MS }: BatchOptions): BatchLimits {
  requireBetween('flushBytes', flushBytes, FLUSH_BYTES_MIN, FLUSH_BYTES_MAX)
  if (flushMs !== null) requireBetween('flushMs', flushMs, 1, FLUSH_MS_MAX)
  return { bytes: flushBytes, ms: flushMs ?? undefined }
}

function requireBetween(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${name} of a batch is a whole number from ${least} to ${most}, not ${value}`,
    {
      expected: `${least} to ${most}`,
      actual: value,
    },
  )
}
