/**
 * What is remembered of scrubs: the round at work or interrupted, the last that was finished, and what is known to be damaged.
 *
 * A problem is known until a round that was begun later ends without finding it. Who is at work says so; whoever takes the round
 * over has another token, by which the other notices.
 */
import { hostname } from 'node:os'
import { VarveError } from '../base/errors.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { isProcessAlive } from '../volume/lease.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { processBegin } from '../worktree/processBegin.js'
import type { HealedCopy, VerifyCounts, VerifyProblem } from './findings.js'

const NAME = 'scrub'
/** More is counted, and not remembered. */
const REMEMBERED_MAX = 500

/** A round that is not finished: at work, or interrupted. */
export interface ScrubRound {
  readonly startedMs: number
  /** Where it goes on: extents with smaller numbers were checked. */
  readonly nextExtent: number
  /** Where it ends: what came later is for the next round. */
  readonly lastExtent: number
  readonly checked: VerifyCounts
  readonly healed: readonly HealedCopy[]
}

/** A round that came to its end. */
export interface ScrubResult {
  readonly startedMs: number
  readonly finishedMs: number
  readonly checked: VerifyCounts
  /** Copies mended. */
  readonly healed: number
  readonly problems: number
}

export interface ScrubStatus {
  readonly current: ScrubRound | undefined
  /** The process that is at it; `undefined`: it was interrupted. */
  readonly atWork: { readonly host: string; readonly pid: number } | undefined
  readonly last: ScrubResult | undefined
  /** Found by the last round or the current one; none that a later round found gone. At most 500. */
  readonly problems: readonly VerifyProblem[]
}

interface Worker {
  readonly host: string
  readonly pid: number
  readonly began?: string | undefined
  readonly token: string
}

type KnownProblem = VerifyProblem & { readonly round: number }

export interface StoredScrub {
  /** Counts rounds. */
  readonly number: number
  readonly round?: ScrubRound | undefined
  readonly worker?: Worker | undefined
  readonly last?: ScrubResult | undefined
  readonly problems: readonly KnownProblem[]
}

const NOTHING: StoredScrub = { number: 0, problems: [] }

/** @throws {CorruptionError} `CORRUPT_CATALOG` */
export function scrubStatus(catalog: Catalog): ScrubStatus {
  const { round: current, worker, last, problems } = read(catalog)
  const isAtWork = worker !== undefined && !isGone(worker)
  const known = new Map(problems.map(({ round, ...problem }) => [keyOf(problem), problem]))
  return {
    current,
    atWork: current && isAtWork ? { host: worker.host, pid: worker.pid } : undefined,
    last,
    problems: [...known.values()],
  }
}

function read(catalog: Catalog): StoredScrub {
  return (new UpkeepState(catalog).read(NAME) as StoredScrub | undefined) ?? NOTHING
}

/** One process's hold on the round. */
export class ScrubHold {
  readonly #catalog: Catalog
  readonly #worker: Worker
  #stored: StoredScrub

  private constructor(catalog: Catalog, worker: Worker, stored: StoredScrub) {
    this.#catalog = catalog
    this.#worker = worker
    this.#stored = stored
  }

  /**
   * Takes up the round that was interrupted, or begins one.
   * @param restart begins one in any case, also over what is damaged, and from whoever is at it
   * @throws {VarveError} `STORE_LOCKED` while another process is at it; `CORRUPT_CATALOG`
   */
  static take(catalog: Catalog, restart: boolean, token: string, nowMs: number): ScrubHold {
    const worker = { host: hostname(), pid: process.pid, began: processBegin(process.pid), token }
    return catalog.write((tx) => {
      const before = restart ? readIfWhole(catalog) : read(catalog)
      if (!restart) requireFree(catalog, before)
      const isNew = restart || !before.round
      const stored: StoredScrub = isNew
        ? { ...before, number: before.number + 1, round: newRound(tx, nowMs), worker }
        : { ...before, worker }
      new UpkeepState(catalog).write(tx, NAME, stored)
      return new ScrubHold(catalog, worker, stored)
    })
  }

  get round(): ScrubRound {
    return this.#stored.round as ScrubRound
  }

  /** What this round found in earlier sessions. */
  get found(): VerifyProblem[] {
    return this.#stored.problems.flatMap(({ round, ...problem }) => (round === this.#stored.number ? [problem] : []))
  }

  /**
   * @param found all that this round found until now
   * @param isSure whether it must outlast a power failure
   * @throws {VarveError} `LEASE_LOST` when another process took over; `STORE_LOCKED`
   */
  save(round: ScrubRound, found: readonly VerifyProblem[], isSure = false): void {
    const healed = round.healed.slice(0, REMEMBERED_MAX)
    this.#write({ ...this.#stored, round: { ...round, healed }, problems: this.#known(found) }, isSure)
  }

  /** Somebody else, or this process later, may go on. */
  leave(round: ScrubRound, found: readonly VerifyProblem[]): void {
    this.#stored = { ...this.#stored, worker: undefined }
    this.save(round, found, true)
  }

  /** @param stays whether a problem that was known is to be known further, though it was not found */
  finish(last: ScrubResult, found: readonly VerifyProblem[], stays: (known: VerifyProblem) => boolean): void {
    const { number } = this.#stored
    const problems = this.#known(found).filter((known) => known.round === number || stays(known))
    this.#write({ number, last, problems }, true)
  }

  #known(found: readonly VerifyProblem[]): KnownProblem[] {
    const { number } = this.#stored
    const known = new Map<string, KnownProblem>()
    for (const problem of this.#stored.problems) if (problem.round !== number) known.set(keyOf(problem), problem)
    for (const problem of found.slice(0, REMEMBERED_MAX)) known.set(keyOf(problem), { ...problem, round: number })
    return [...known.values()].sort((a, b) => b.round - a.round).slice(0, REMEMBERED_MAX)
  }

  #write(next: StoredScrub, isSure: boolean): void {
    const body = (tx: CatalogTransaction): void => {
      if (read(this.#catalog).worker?.token !== this.#worker.token) {
        throw new VarveError('LEASE_LOST', 'another scrub was begun, and this one left the round to it', {
          path: this.#catalog.path,
        })
      }
      new UpkeepState(this.#catalog).write(tx, NAME, next)
    }
    this.#catalog.write(body, isSure ? 'full' : 'ordered')
    this.#stored = next
  }
}

function newRound(tx: CatalogTransaction, startedMs: number): ScrubRound {
  const lastExtent = tx.get<{ eid: number | null }>('SELECT max(eid) AS eid FROM extent')?.eid ?? 0
  const checked = { volumes: 0, extents: 0, chunks: 0, commits: 0, objects: 0, bytes: 0 }
  return { startedMs, nextExtent: 0, lastExtent, checked, healed: [] }
}

function readIfWhole(catalog: Catalog): StoredScrub {
  try {
    return read(catalog)
  } catch (error) {
    if (error instanceof VarveError && error.code === 'CORRUPT_CATALOG') return NOTHING
    throw error
  }
}

function requireFree(catalog: Catalog, { worker }: StoredScrub): void {
  // Of another machine nobody knows whether it still runs: it is taken over from, and notices.
  if (!worker || worker.host !== hostname() || isGone(worker)) return
  throw new VarveError('STORE_LOCKED', `a scrub of this store is at work already: process ${worker.pid}`, {
    path: catalog.path,
    hint: 'Wait for it to end; or begin anew, and it ends: `varve scrub --restart`.',
  })
}

function isGone({ host, pid, began }: Worker): boolean {
  if (host !== hostname()) return false
  if (!isProcessAlive(pid)) return true
  const now = processBegin(pid)
  return began !== undefined && now !== undefined && began !== now
}

/** Not by words: they may name a place that changes. */
function keyOf({ code, pv, extent, id, message }: VerifyProblem): string {
  const place = [pv, extent, id]
  return JSON.stringify([code, ...place, ...(place.every((part) => part === undefined) ? [message] : [])])
}
