/**
 * What gc will do with chunks and objects, and when: what keeps them, or when their space may come back.
 *
 * Times are estimates, the earliest there can be: grace period and reflog are counted by the store's own time, at which nobody may
 * look for a while; and an extent is rewritten only once enough of it may go.
 */
import type { Clock } from '../base/clock.js'
import type { Hash } from '../base/hash.js'
import { type Condemned, condemnedAt } from '../cas/condemned.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { type LeaseInfo, listLeases } from '../volume/lease.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { Amount } from './census.js'
import type { GcRoot } from './gcRoots.js'
import { reflogTerm } from './reflogTerm.js'
import { STEP_MS_MAX } from './storeClock.js'
import type { Keepers, Users } from './users.js'

/** What keeps something from gc. */
export interface Keeper {
  readonly kind: 'branch' | 'tag' | 'head' | 'reflog' | 'replacement'
  /** Of the branch or tag, also one that was deleted; `head`: where the working folder is; `replacement`: the id that is replaced. */
  readonly name: string
  /** `reflog`: when it forgets, in milliseconds since the epoch; an estimate, the earliest. */
  readonly untilMs?: number | undefined
}

/** What becomes of some chunks and objects, by what gc knows of them; `bytes`: raw. */
export interface Fate extends Amount {
  /** `condemned`: a gc found that nothing needs it. `unneeded`: so it is, and the next gc will find it. */
  readonly state: 'kept' | 'condemned' | 'unneeded'
  /** Empty unless `kept`. The reflog is named where nothing else keeps it. */
  readonly keptBy: readonly Keeper[]
  /** When it was condemned, by the store's own time as if it had gone on like the clock. */
  readonly condemnedMs?: number | undefined
  /** When its space may come back, in milliseconds since the epoch; absent while a branch, tag or folder keeps it. */
  readonly freeMs?: number | undefined
  /** Leases without whose end it does not go. */
  readonly heldBy: readonly LeaseInfo[]
}

export interface FateContext {
  readonly catalog: Catalog
  readonly clock: Clock
  readonly graceMs: number
  readonly reflogTermMs: number
}

/** A chunk or object in the store. */
export interface Stored {
  readonly id: Hash
  readonly bytes: number
}

interface LeaseRow {
  id: number
  gc_epoch: number
}

interface HeldLease {
  readonly info: LeaseInfo
  readonly epoch: number
}

type SharedFate = Omit<Fate, keyof Amount>

export class GcForecast {
  readonly #context: FateContext
  readonly #roots: readonly GcRoot[]
  readonly #state: UpkeepState
  readonly #nowMs: number
  readonly #storeMs: number

  /** @throws {CorruptionError} `CORRUPT_CATALOG` */
  constructor(context: FateContext, roots: readonly GcRoot[]) {
    this.#context = context
    this.#roots = roots
    this.#state = new UpkeepState(context.catalog)
    this.#nowMs = context.clock.nowMs()
    this.#storeMs = storeTime(this.#state, this.#nowMs)
  }

  /** One for all of which the same is to be said, the most bytes first. */
  fatesOf(stored: Iterable<Stored>, users: Users): Fate[] {
    return this.#context.catalog.snapshot((tx) => {
      const leases = heldLeases(tx)
      const found = new Map<string, { readonly fate: SharedFate; chunks: number; bytes: number }>()
      for (const { id, bytes } of stored) {
        const { key, fate } = this.#fateOf(id, users, tx, leases)
        const sum = found.get(key) ?? { fate: fate(), chunks: 0, bytes: 0 }
        sum.chunks++
        sum.bytes += bytes
        found.set(key, sum)
      }
      const fates = [...found.values()].map(({ fate, chunks, bytes }) => ({ ...fate, chunks, bytes }))
      return fates.sort((a, b) => b.bytes - a.bytes)
    })
  }

  keeperOf({ kind, of, entry }: GcRoot): Keeper {
    return entry === undefined ? { kind, name: of } : { kind, name: of, untilMs: this.#reflogEndMs(entry) }
  }

  /** `key`: the same for all that has the same fate. */
  #fateOf(
    id: Hash,
    users: Users,
    tx: CatalogTransaction,
    leases: readonly HeldLease[],
  ): { readonly key: string; readonly fate: () => SharedFate } {
    const keepers = users.keepers.get(id)
    if (keepers) {
      const { firm, entry } = keepers
      return { key: firm === 0n ? `entry ${entry}` : `firm ${firm}`, fate: () => this.#kept(keepers, users) }
    }
    const condemned = condemnedAt(tx, id)
    const holding = leases.filter(({ epoch }) => condemned === undefined || condemned.epoch > epoch)
    const heldBy = holding.map(({ info }) => info)
    if (!condemned) return { key: 'unneeded', fate: () => this.#unneeded(heldBy) }
    const key = `condemned ${condemned.storeMs} ${heldBy.map((lease) => lease.id).join(' ')}`
    return { key, fate: () => this.#condemned(condemned, heldBy) }
  }

  #kept({ firm, entry }: Keepers, users: Users): SharedFate {
    if (firm !== 0n) {
      const keeping = users.firm.filter((_, bit) => (firm >> BigInt(bit)) & 1n)
      return { state: 'kept', keptBy: keeping.map((root) => this.keeperOf(root)), heldBy: [] }
    }
    const root = this.#roots.find((other) => other.entry === entry)
    const keptBy = root ? [this.keeperOf(root)] : []
    return { state: 'kept', keptBy, freeMs: this.#reflogEndMs(entry) + this.#context.graceMs, heldBy: [] }
  }

  #unneeded(heldBy: readonly LeaseInfo[]): SharedFate {
    return { state: 'unneeded', keptBy: [], freeMs: this.#nowMs + this.#context.graceMs, heldBy }
  }

  #condemned({ storeMs }: Condemned, heldBy: readonly LeaseInfo[]): SharedFate {
    const waitedMs = Math.max(0, this.#storeMs - storeMs)
    return {
      state: 'condemned',
      keptBy: [],
      condemnedMs: this.#nowMs - waitedMs,
      freeMs: this.#nowMs + Math.max(0, this.#context.graceMs - waitedMs),
      heldBy,
    }
  }

  /** It forgets an entry a term after a gc saw it: those that none saw yet, a term after the next that writes down what it sees. */
  #reflogEndMs(entry: number): number {
    const { looks } = reflogTerm(this.#state)
    const seen = looks.find(({ newest }) => newest >= entry)
    const last = looks.at(-1)
    const next = Math.max(this.#storeMs, last === undefined ? 0 : last.storeMs + STEP_MS_MAX / 2)
    const endMs = (seen?.storeMs ?? next) + this.#context.reflogTermMs
    return this.#nowMs + Math.max(0, endMs - this.#storeMs)
  }
}

/** What the store's time would be if gc looked now. */
function storeTime(state: UpkeepState, nowMs: number): number {
  const clock = state.read('clock') as { readonly storeMs: number; readonly seenMs: number } | undefined
  if (!clock) return 0
  return clock.storeMs + Math.min(Math.max(nowMs - clock.seenMs, 0), STEP_MS_MAX)
}

function heldLeases(tx: CatalogTransaction): HeldLease[] {
  const rows = tx.all<LeaseRow>("SELECT id, gc_epoch FROM lease WHERE kind IN ('writer', 'reader')")
  const epochs = new Map(rows.map((row) => [row.id, row.gc_epoch]))
  return listLeases(tx).flatMap((info) => {
    const epoch = epochs.get(info.id)
    return epoch === undefined ? [] : [{ info, epoch }]
  })
}
