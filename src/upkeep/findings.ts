/**
 * What the passes of a verification share: what they found, what they counted, and how far they are.
 *
 * Damage does not stop a pass: problems are gathered here. A full disk, a lock, a cancelled run, or a fault of the program does.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ErrorCode, isVarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'

export interface VerifyProblem {
  readonly code: string
  readonly message: string
  /** UUID of the volume. */
  readonly pv?: string | undefined
  readonly extent?: number | undefined
  readonly id?: string | undefined
  /** Another copy is sound: nothing is lost yet, and healing mends this one. */
  readonly mendable?: true | undefined
  /**
   * Files that need what is damaged, as `REF:PATH`; those that no branch or tag has as it stands now, as `COMMIT:PATH` of the newest commit
   * that needs it there. At most 20: `which` names all.
   */
  readonly paths?: readonly string[] | undefined
}

/** A copy of an extent that was damaged, and is as it should be again. */
export interface HealedCopy {
  readonly extent: number
  /** UUID of the volume. */
  readonly pv: string
}

export interface VerifyCounts {
  readonly volumes: number
  readonly extents: number
  readonly chunks: number
  readonly commits: number
  readonly objects: number
  /** Raw bytes hashed; where checksums alone were compared, stored bytes. */
  readonly bytes: number
}

const NOT_DAMAGE: ReadonlySet<ErrorCode> = new Set([
  'CANCELLED',
  'STORE_LOCKED',
  'STORAGE_FULL',
  'STORAGE_DENIED',
  'STORAGE_READ_ONLY',
])

/** @throws {unknown} what is no finding: it ends the run */
export function requireDamage(error: unknown): void {
  if (!isVarveError(error) || NOT_DAMAGE.has(error.code)) throw error
}

export class Findings {
  readonly problems: VerifyProblem[] = []
  readonly notes: string[] = []
  readonly healed: HealedCopy[] = []
  readonly checked: { -readonly [Name in keyof VerifyCounts]: number } = {
    volumes: 0,
    extents: 0,
    chunks: 0,
    commits: 0,
    objects: 0,
    bytes: 0,
  }
  /** Chunks and objects that cannot be read, for naming the files they belong to. */
  readonly bad = new Map<Hash, VerifyProblem[]>()
  /** Objects that are answered by others. */
  replaced = 0
  extentsTotal: number | undefined
  readonly #options: WorkOptions

  constructor(options: WorkOptions) {
    this.#options = options
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal
  }

  attempt(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.report(error)
    }
  }

  /**
   * @param id what cannot be read any more
   * @throws {unknown} what is no damage
   */
  report(error: unknown, id?: Hash): void {
    requireDamage(error)
    if (!isVarveError(error)) return
    const isKnown = id !== undefined && this.bad.get(id)?.some((other) => other.code === error.code)
    if (isKnown) return
    const problem = problemOf(error, id)
    this.add(problem)
    if (id !== undefined) this.markBad([id], problem)
  }

  add(problem: VerifyProblem): void {
    this.problems.push(problem)
  }

  markBad(ids: readonly Hash[], problem: VerifyProblem): void {
    for (const id of ids) this.bad.set(id, [...(this.bad.get(id) ?? []), problem])
  }

  /** Whether something was found already about a copy of an extent. */
  hasAbout(extent: number, pv: string): boolean {
    return this.problems.some((problem) => problem.extent === extent && problem.pv === pv)
  }

  /** Lets Node hear Ctrl-C: reading extents and objects alone never waits for anything. @throws {VarveError} `CANCELLED` */
  async progress(current: string): Promise<void> {
    await nextTurn()
    throwIfCancelled(this.#options.signal)
    this.#options.onProgress?.({
      phase: 'verify',
      itemsDone: this.checked.extents,
      itemsTotal: this.extentsTotal,
      bytesDone: this.checked.bytes,
      current,
    })
  }
}

export function problemOf(error: { code: string; message: string; details: object }, id?: string): VerifyProblem {
  const { pv, extent } = error.details as { pv?: unknown; extent?: unknown }
  return {
    code: error.code,
    message: error.message,
    ...(typeof pv === 'string' ? { pv } : {}),
    ...(typeof extent === 'number' ? { extent } : {}),
    ...(id === undefined ? {} : { id }),
  }
}
