/**
 * What must hold of a store after each transaction, told by what was written and what points at it, and not by asking the store:
 * all that a root reaches is visible; nothing goes before its grace, or while a lease protects it.
 *
 * Time is counted here in looks of gc at the clock: each makes at most `STEP_MS` of it pass. So what this allows may be more than
 * gc does, never less than it promises.
 */
import { type Hash, hashFromBytes } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { KIND, type Kind } from '../../src/format/kinds.js'
import { type Link, linksOf } from '../../src/history/links.js'
import type { CatalogTransaction } from '../../src/volume/catalog.js'
import type { PlacedExtent } from '../../src/volume/publishStaged.js'

/** As FORMAT.md has it. */
const STEP_MS = 2 * DAY_MS

export interface Terms {
  readonly graceMs: number
  readonly reflogMs: number
}

/** Who is in a transaction, as far as promises differ. */
export interface Acting {
  readonly name: string
  /** In a gc that was told to give no grace. */
  readonly isImpatient: boolean
  readonly isCollecting: boolean
}

interface Moment {
  /** Transactions before it. */
  readonly event: number
  /** gc's looks at the clock before it. */
  readonly looks: number
}

const NEVER: Moment = { event: -1, looks: Number.NEGATIVE_INFINITY }

interface LogEntry {
  readonly ids: readonly Hash[]
  readonly looks: number
}

/** What one transaction does, until it is known to be durable. */
class Doing {
  readonly published: PlacedExtent[] = []
  readonly removed: number[] = []
  readonly revived: Hash[] = []
  readonly pruned: Hash[] = []
  readonly leases: number[] = []
  movesRoots = false
  looks = false
}

export class Expectations {
  readonly problems: string[] = []
  #objects = new Map<Hash, { kind: Kind; bytes: Buffer; links?: readonly Link[] }>()
  #below = new Map<Hash, ReadonlySet<Hash>>()
  #extents = new Map<number, readonly Hash[]>()
  /** All that was ever visible; no number comes twice. */
  #published = new Set<number>()
  /** Of visible extents that have some: extents that they are decoded through, at once. */
  #bases = new Map<number, readonly number[]>()
  /** In how many visible extents each is. */
  #visible = new Map<Hash, number>()
  /** When each was last seen to be wanted, by itself: written, or revived by a writer. */
  #wanted = new Map<Hash, Moment>()
  /** When each commit was last a root. */
  #rooted = new Map<Hash, Moment>()
  readonly #leaseBegins = new Map<number, number>()
  /** Commits that lost their files. */
  #pruned: ReadonlySet<Hash> = new Set()
  /** What was below them, and when it was last wanted for their sake. */
  #thinned: readonly { readonly ids: ReadonlySet<Hash>; readonly moment: Moment }[] = []
  #roots: ReadonlySet<Hash> = new Set()
  #log: readonly LogEntry[] = []
  #logRows = 0
  #event = 0
  #looks = 0
  #doing = new Doing()
  drops = 0
  /** Extents that were compressed against others. */
  based = 0

  /** @param before of a store that this one goes on from, from which gc dropped nothing yet */
  constructor(
    private readonly terms: Terms,
    before?: Expectations,
  ) {
    if (!before) return
    this.#objects = new Map(before.#objects)
    this.#below = new Map(before.#below)
    this.#extents = new Map(before.#extents)
    this.#published = new Set(before.#published)
    this.#bases = new Map(before.#bases)
    this.#visible = new Map(before.#visible)
    this.#wanted = new Map(before.#wanted)
    this.#rooted = new Map(before.#rooted)
    this.#pruned = before.#pruned
    this.#thinned = before.#thinned
    this.#roots = before.#roots
    this.#log = before.#log
    this.#logRows = before.#logRows
    this.#event = before.#event
    this.#looks = before.#looks
  }

  /** A chunk or object that some writer was given. */
  saw(kind: Kind, id: Hash, bytes: Uint8Array): void {
    if (!this.#objects.has(id)) this.#objects.set(id, { kind, bytes: Buffer.from(kind === KIND.chunk ? [] : bytes) })
  }

  // ---- inside a transaction ----

  begin(): void {
    this.#doing = new Doing()
  }

  published(placed: readonly PlacedExtent[]): void {
    this.#doing.published.push(...placed)
  }

  removed(eid: number): void {
    this.#doing.removed.push(eid)
  }

  revived(id: Hash): void {
    this.#doing.revived.push(id)
  }

  pruned(id: Hash): void {
    this.#doing.pruned.push(id)
  }

  leased(id: number): void {
    this.#doing.leases.push(id)
  }

  movedRoots(): void {
    this.#doing.movesRoots = true
  }

  lookedAtClock(): void {
    this.#doing.looks = true
  }

  /** It is durable. */
  end(catalog: CatalogTransaction, actor: Acting): void {
    const doing = this.#doing
    this.#event++
    for (const id of doing.leases) this.#leaseBegins.set(id, this.#event)
    if (doing.looks) this.#look(actor)
    if (!actor.isCollecting) for (const id of doing.revived) this.#wanted.set(id, this.#now)
    this.#publish(doing.published)
    if (doing.pruned.length > 0) this.#prune(doing.pruned)
    const before = this.#roots
    if (doing.movesRoots) this.#moveRoots(catalog)
    if (doing.removed.length > 0) this.#drop(doing.removed, catalog, actor)
    if (doing.published.length + doing.removed.length > 0) this.#requireBases(actor)
    if (doing.movesRoots) this.#requireWhole(before, catalog, actor)
  }

  // ---- outside ----

  isRoot(id: Hash): boolean {
    return this.#roots.has(id) || [...this.#roots].some((root) => this.below(root).has(id))
  }

  isPruned(id: Hash): boolean {
    return this.#pruned.has(id)
  }

  get roots(): ReadonlySet<Hash> {
    return this.#roots
  }

  /** Whether it is visible, or was. */
  wasPublished(eid: number): boolean {
    return this.#published.has(eid)
  }

  /** Extents that are visible now. */
  get extents(): number[] {
    return [...this.#extents.keys()]
  }

  /** A commit, with all its history, and everything in it that was not thinned out. */
  below(root: Hash): ReadonlySet<Hash> {
    const known = this.#below.get(root)
    if (known) return known
    const found = this.#walk([root])
    this.#below.set(root, found)
    return found
  }

  #walk(from: readonly Hash[]): ReadonlySet<Hash> {
    const found = new Set(from)
    for (const id of found) {
      const isPruned = this.#pruned.has(id)
      for (const link of this.#linksOf(id)) if (!isPruned || link.kind === KIND.commit) found.add(link.id)
    }
    return found
  }

  problem(text: string): void {
    this.problems.push(text)
  }

  get #now(): Moment {
    return { event: this.#event, looks: this.#looks }
  }

  #linksOf(id: Hash): readonly Link[] {
    const object = this.#objects.get(id)
    if (!object) return []
    object.links ??= object.kind === KIND.chunk ? [] : linksOf({ kind: object.kind, id }, object.bytes)
    return object.links
  }

  #prune(commits: readonly Hash[]): void {
    const files = commits.flatMap((id) => this.#linksOf(id).filter(({ kind }) => kind !== KIND.commit))
    this.#thinned = [...this.#thinned, { ids: this.#walk(files.map(({ id }) => id)), moment: this.#now }]
    this.#pruned = new Set([...this.#pruned, ...commits])
    this.#below = new Map()
  }

  /** gc looks at the clock: what the reflog named may be given up from now on. */
  #look(actor: Acting): void {
    const before: Moment = { event: this.#event - 1, looks: this.#looks }
    this.#looks++
    const isKept = (entry: LogEntry): boolean =>
      !actor.isImpatient && (this.#looks - entry.looks - 1) * STEP_MS < this.terms.reflogMs
    for (const entry of this.#log) {
      if (isKept(entry)) continue
      for (const id of entry.ids) if ((this.#rooted.get(id) ?? NEVER).event < before.event) this.#rooted.set(id, before)
    }
    this.#log = this.#log.filter(isKept)
  }

  #publish(placed: readonly PlacedExtent[]): void {
    for (const { extent } of placed) {
      this.#extents.set(extent.eid, extent.hashes)
      this.#published.add(extent.eid)
      if (extent.bases.length > 0) {
        this.#bases.set(
          extent.eid,
          extent.bases.map(({ eid }) => eid),
        )
        this.based++
      }
      for (const id of extent.hashes) {
        const count = this.#visible.get(id) ?? 0
        if (count === 0) this.#wanted.set(id, this.#now)
        this.#visible.set(id, count + 1)
      }
    }
  }

  #moveRoots(catalog: CatalogTransaction): void {
    for (const root of this.#roots) this.#rooted.set(root, this.#now)
    const rows = catalog.all<{ id: Buffer }>(
      'SELECT target AS id FROM ref UNION SELECT head FROM worktree WHERE head IS NOT NULL',
    )
    this.#roots = new Set(rows.map(({ id }) => hashFromBytes(id)))
    const entries = catalog.all<{ old: Buffer | null; new: Buffer | null }>(
      'SELECT old, new FROM reflog ORDER BY seq LIMIT -1 OFFSET ?',
      this.#logRows,
    )
    this.#logRows += entries.length
    const fresh = entries.map((entry): LogEntry => {
      const ids = [entry.old, entry.new].flatMap((id) => (id ? [hashFromBytes(id)] : []))
      return { ids, looks: this.#looks }
    })
    this.#log = [...this.#log, ...fresh]
  }

  /** All that new roots reach is there, and nobody is about to drop it. */
  #requireWhole(before: ReadonlySet<Hash>, catalog: CatalogTransaction, actor: Acting): void {
    const fresh = [...this.#roots].filter((root) => !before.has(root))
    if (fresh.length === 0) return
    const condemned = new Set(
      catalog.all<{ hash: Buffer }>('SELECT hash FROM condemned').map(({ hash }) => hashFromBytes(hash)),
    )
    for (const root of fresh) {
      for (const id of this.below(root)) {
        const where = `below the new root ${describe(root)}`
        if (!this.#visible.has(id)) this.#problem(actor, `${describe(id)} ${where} is not there`)
        else if (condemned.has(id)) this.#problem(actor, `${describe(id)} ${where} is condemned`)
      }
    }
  }

  /** What cannot be decoded is as good as dropped. */
  #requireBases(actor: Acting): void {
    for (const [eid, bases] of this.#bases) {
      for (const base of bases) {
        if (base >= eid) this.#problem(actor, `extent ${eid} is compressed against extent ${base}, which is no older`)
        else if (!this.#extents.has(base)) this.#problem(actor, `extent ${base} is gone, and extent ${eid} needs it`)
      }
    }
  }

  #drop(eids: readonly number[], catalog: CatalogTransaction, actor: Acting): void {
    const gone: Hash[] = []
    for (const eid of eids) {
      for (const id of this.#extents.get(eid) ?? []) {
        const count = this.#visible.get(id) ?? 0
        if (count > 1) this.#visible.set(id, count - 1)
        else {
          this.#visible.delete(id)
          gone.push(id)
        }
      }
      this.#extents.delete(eid)
      this.#bases.delete(eid)
    }
    if (gone.length === 0) return
    this.drops += gone.length
    const leases = catalog.all<{ id: number; kind: string }>(
      "SELECT id, kind FROM lease WHERE kind IN ('writer', 'reader')",
    )
    const logged = this.#log.flatMap(({ ids }) => ids)
    for (const id of gone) {
      if (this.#visible.has(id)) continue
      const has = (root: Hash): boolean => this.below(root).has(id)
      const root = [...this.#roots].find(has)
      if (root) this.#problem(actor, `${describe(id)} was dropped, which the root ${describe(root)} needs`)
      const entry = logged.find(has)
      if (entry) this.#problem(actor, `${describe(id)} was dropped, which ${describe(entry)} in the reflog needs`)
      const last = this.#lastWanted(id)
      for (const lease of leases) {
        if ((this.#leaseBegins.get(lease.id) ?? 0) <= last.event) {
          this.#problem(actor, `${describe(id)} was dropped, which lease ${lease.id} (${lease.kind}) protects`)
        }
      }
      const passedMs = (this.#looks - last.looks) * STEP_MS
      if (!actor.isImpatient && passedMs < this.terms.graceMs) {
        this.#problem(actor, `${describe(id)} was dropped ${passedMs / DAY_MS} days after it was last wanted`)
      }
    }
  }

  #lastWanted(id: Hash): Moment {
    let last = this.#wanted.get(id) ?? NEVER
    for (const [root, moment] of this.#rooted) {
      if (moment.event > last.event && this.below(root).has(id)) last = moment
    }
    for (const { ids, moment } of this.#thinned) if (moment.event > last.event && ids.has(id)) last = moment
    return last
  }

  #problem(actor: Acting, text: string): void {
    this.problems.push(`${actor.name}: ${text}`)
  }
}

function describe(id: Hash): string {
  return id.slice(0, 8)
}
