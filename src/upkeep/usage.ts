/**
 * What leads to some chunks and objects: from a commit, through its trees, down to them.
 *
 * A search visits an object once, whatever paths lead to it, and remembers only that nothing is below it, or what is. So of a
 * long history only what differs from commit to commit is read. What cannot be read is told of and passed over.
 */
import { CorruptionError, isVarveError, type VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import { KIND, type Kind } from '../format/kinds.js'
import { type Link, linksOf } from '../history/links.js'
import { LiveIds } from './liveIds.js'

/** A chunk or object that is wanted, or has something below that is. */
export interface Trace {
  readonly kind: Kind
  readonly id: Hash
  readonly isWanted: boolean
  readonly below: readonly TraceLink[]
}

interface TraceLink {
  /** Entries of a directory: the entry's name. */
  readonly name: ByteName | undefined
  readonly to: Trace
}

/** A trace at one of the paths that lead to it. */
export interface TraceVisit {
  readonly trace: Trace
  /** From the root of the tree. */
  readonly path: ByteName
  /** What leads to it. */
  readonly from: Trace | undefined
}

export interface UsageOptions {
  isWanted(id: Hash): boolean
  /** What can be what is wanted; nothing that does not lead there is read. Default: anything. */
  readonly kinds?: ReadonlySet<Kind> | undefined
  /** Commits that have no files any more. */
  readonly pruned?: { has(id: Hash): boolean } | undefined
  /** Takes the error of an object that cannot be looked at, once for each, or throws it. */
  onUnreadable(link: Link, error: unknown): void
  readonly signal?: AbortSignal | undefined
}

/** What can lead to each kind, itself included, apart from commits. */
const LEADING: Readonly<Record<Kind, readonly Kind[]>> = {
  [KIND.chunk]: [KIND.chunk, KIND.manifest, KIND.tree],
  [KIND.manifest]: [KIND.manifest, KIND.tree],
  [KIND.tree]: [KIND.tree],
  [KIND.attributes]: [KIND.attributes],
  [KIND.commit]: [],
}

const READ_AHEAD_LINKS = 16

export class UsageSearch {
  readonly #reader: ObjectReader
  readonly #options: UsageOptions
  readonly #leading: ReadonlySet<Kind>
  readonly #traces = new Map<Hash, Trace>()
  /** Nothing wanted at or below them. */
  readonly #clean = new LiveIds()

  constructor(reader: ObjectReader, options: UsageOptions) {
    this.#reader = reader
    this.#options = options
    const kinds = options.kinds ?? new Set(Object.values(KIND))
    this.#leading = new Set([...kinds].flatMap((kind) => LEADING[kind]))
  }

  /** Of a commit, only its own files are looked through: its parents are commits of their own. @throws {VarveError} `CANCELLED` */
  async trace(link: Link): Promise<Trace | undefined> {
    const known = this.#traces.get(link.id)
    if (known || this.#clean.has(link.id)) return known
    throwIfCancelled(this.#options.signal)
    const below: TraceLink[] = []
    // A chunk that a file repeats is one all the same.
    const unnamed = new Set<Hash>()
    const links = link.kind === KIND.chunk ? [] : await this.#linksBelow(link)
    for (const [index, next] of links.entries()) {
      if (index % READ_AHEAD_LINKS === 0) this.#announce(links.slice(index, index + READ_AHEAD_LINKS))
      if (next.name === undefined && unnamed.has(next.id)) continue
      const to = next.kind === KIND.chunk ? this.#traceChunk(next) : await this.trace(next)
      if (!to) continue
      if (next.name === undefined) unnamed.add(next.id)
      below.push({ name: next.name, to })
    }
    return this.#remember(link, below)
  }

  #traceChunk(link: Link): Trace | undefined {
    return this.#traces.get(link.id) ?? this.#remember(link, [])
  }

  #remember({ kind, id }: Link, below: readonly TraceLink[]): Trace | undefined {
    const isWanted = this.#options.isWanted(id)
    if (!isWanted && below.length === 0) {
      // Chunks are many, and ask less than they would take.
      if (kind !== KIND.chunk) this.#clean.add(id)
      return undefined
    }
    const trace = { kind, id, isWanted, below }
    this.#traces.set(id, trace)
    return trace
  }

  async #linksBelow(link: Link): Promise<Link[]> {
    const { pruned, onUnreadable } = this.#options
    if (this.#leading.size === 0 || (link.kind === KIND.commit && pruned?.has(link.id))) return []
    try {
      const links = linksOf(link, await this.#reader.get(link.kind, link.id))
      return links.filter(({ kind }) => this.#leading.has(kind))
    } catch (error) {
      onUnreadable(link, error)
      return []
    }
  }

  #announce(links: readonly Link[]): void {
    for (const kind of [KIND.tree, KIND.manifest, KIND.attributes] as const) {
      const ids = links.flatMap(({ id, ...link }) =>
        link.kind === kind && !this.#traces.has(id) && !this.#clean.has(id) ? [id] : [],
      )
      if (ids.length > 1) this.#reader.readAhead(kind, ids)
    }
  }
}

/**
 * Walks down from a trace along every path, in the order of entries.
 * @param enters whether to show it, and to go on below; asked for each path, so that what is shared need not be walked for all
 */
export function* visitTraces(from: Trace, enters: (visit: TraceVisit) => boolean): Generator<TraceVisit> {
  const pending: TraceVisit[] = [{ trace: from, path: ROOT_NAME, from: undefined }]
  for (let visit = pending.pop(); visit; visit = pending.pop()) {
    if (!enters(visit)) continue
    yield visit
    const { trace, path } = visit
    for (const { name, to } of trace.below.toReversed()) {
      pending.push({ trace: to, path: name === undefined ? path : joinNames(path, name), from: trace })
    }
  }
}

/** What is said and passed over: an object that is wrong or not there, or lies on a volume that is not. */
export function isDamage(error: unknown): error is VarveError {
  return error instanceof CorruptionError || isVarveError(error, 'PV_MISSING')
}
