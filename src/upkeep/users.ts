/**
 * Who uses some chunks and objects: the commits whose files need them, and the roots of gc that reach these commits.
 *
 * All commits that the roots reach are walked, children before parents, and what keeps a commit is passed on to its parents, then
 * down to what is wanted. Refs and folders are kept apart, one by one; of the reflog only the entry that lasts longest counts.
 * Memory grows by a few numbers a commit.
 */
import type { Hash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import { KIND, type Kind } from '../format/kinds.js'
import { readCommit } from '../history/commits.js'
import type { Link } from '../history/links.js'
import type { GcRoot } from './gcRoots.js'
import { type Trace, UsageSearch } from './usage.js'

/** What keeps a chunk or object. */
export interface Keepers {
  /** Refs and folders, a bit for each of `Users.firm`. */
  readonly firm: bigint
  /** The newest entry of the reflog that does; 0 without one. */
  readonly entry: number
  /** The commit that needs it; `undefined` when several do. */
  readonly only: Hash | undefined
}

export interface UsingCommit {
  readonly id: Hash
  readonly timeMs: number
  readonly trace: Trace
}

export interface Users {
  /** Newest first. */
  readonly commits: readonly UsingCommit[]
  /** Roots that reach any of these commits. */
  readonly roots: readonly GcRoot[]
  /** Branches, tags and folders, in the order of the bits in `Keepers`. */
  readonly firm: readonly GcRoot[]
  /** What is wanted and reachable. */
  readonly keepers: ReadonlyMap<Hash, Keepers>
  /** Of what was found on the way: what it is. */
  readonly kinds: ReadonlyMap<Hash, Kind>
}

export interface UsersOptions {
  readonly wanted: { has(id: Hash): boolean }
  /** What the wanted are, if that is known. */
  readonly kinds?: ReadonlySet<Kind> | undefined
  readonly pruned: { has(id: Hash): boolean }
  /** As of `UsageOptions`. */
  onUnreadable(link: Link, error: unknown): void
  readonly signal?: AbortSignal | undefined
}

interface CommitNode {
  readonly id: Hash
  readonly timeMs: number
  readonly parents: readonly Hash[]
  readonly trace: Trace | undefined
  /** Commits that have it for a parent, and were not passed yet. */
  children: number
  firm: bigint
  entry: number
}

/** @throws {VarveError} `CANCELLED`, and what is no damage */
export async function findUsers(reader: ObjectReader, roots: readonly GcRoot[], options: UsersOptions): Promise<Users> {
  const nodes = await readCommits(reader, roots, options)
  const firm = roots.filter(({ kind }) => kind !== 'reflog')
  firm.forEach(({ id }, bit) => {
    const node = nodes.get(id)
    if (node) node.firm |= 1n << BigInt(bit)
  })
  for (const { id, entry = 0 } of roots) {
    const node = nodes.get(id)
    if (node) node.entry = Math.max(node.entry, entry)
  }
  const ordered = inOrder(nodes)
  for (const { parents, firm: bits, entry } of ordered) {
    for (const parent of parents) {
      const node = nodes.get(parent)
      if (!node) continue
      // Along a line of commits it stays one number.
      node.firm = node.firm === 0n ? bits : node.firm | bits
      node.entry = Math.max(node.entry, entry)
    }
  }
  const using = ordered.flatMap(({ trace, ...node }) => (trace ? [{ ...node, trace }] : []))
  const reaching = new Set<Hash>()
  for (const { id, trace, parents } of ordered.toReversed()) {
    if (trace || parents.some((parent) => reaching.has(parent))) reaching.add(id)
  }
  return {
    commits: using.sort((a, b) => b.timeMs - a.timeMs).map(({ id, timeMs, trace }) => ({ id, timeMs, trace })),
    roots: roots.filter(({ id }) => reaching.has(id)),
    firm,
    ...keepersBelow(using),
  }
}

/** All that the roots reach. */
async function readCommits(
  reader: ObjectReader,
  roots: readonly GcRoot[],
  { wanted, kinds, pruned, onUnreadable, signal }: UsersOptions,
): Promise<Map<Hash, CommitNode>> {
  const search = new UsageSearch(reader, { isWanted: (id) => wanted.has(id), kinds, pruned, onUnreadable, signal })
  const nodes = new Map<Hash, CommitNode>()
  const pending = [...new Set(roots.map(({ id }) => id))]
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (nodes.has(id)) continue
    const trace = await search.trace({ kind: KIND.commit, id })
    let parents: readonly Hash[] = []
    let timeMs = Number.NEGATIVE_INFINITY
    try {
      const commit = await readCommit(reader, id)
      parents = [...new Set(commit.parents)]
      timeMs = commit.committer.timeMs
    } catch (error) {
      onUnreadable({ kind: KIND.commit, id }, error)
    }
    nodes.set(id, { id, timeMs, parents, trace, children: 0, firm: 0n, entry: 0 })
    reader.readAhead(KIND.commit, parents)
    pending.push(...parents)
  }
  for (const { parents } of nodes.values()) {
    for (const parent of parents) {
      const node = nodes.get(parent)
      if (node) node.children++
    }
  }
  return nodes
}

/** Children before parents. */
function inOrder(nodes: ReadonlyMap<Hash, CommitNode>): CommitNode[] {
  const ordered: CommitNode[] = []
  const ready = [...nodes.values()].filter(({ children }) => children === 0)
  for (let node = ready.pop(); node; node = ready.pop()) {
    ordered.push(node)
    for (const id of node.parents) {
      const parent = nodes.get(id)
      if (parent && --parent.children === 0) ready.push(parent)
    }
  }
  return ordered
}

/** Passes on what keeps commits to all that is below them. */
function keepersBelow(commits: readonly (CommitNode & { readonly trace: Trace })[]): Pick<Users, 'keepers' | 'kinds'> {
  const found = new Map<Trace, Keepers>()
  const keepers = new Map<Hash, Keepers>()
  const kinds = new Map<Hash, Kind>()
  // Those of the newest entries first: then the entry of a trace changes once, however many commits share it.
  for (const { id, trace, firm, entry } of [...commits].sort((a, b) => b.entry - a.entry)) {
    const pending = [trace]
    for (let at = pending.pop(); at; at = pending.pop()) {
      const before = found.get(at)
      const now: Keepers = before
        ? {
            firm: before.firm | firm,
            entry: Math.max(before.entry, entry),
            only: before.only === id ? id : undefined,
          }
        : { firm, entry, only: id }
      if (before && before.firm === now.firm && before.entry === now.entry && before.only === now.only) continue
      found.set(at, now)
      if (at.isWanted) {
        keepers.set(at.id, now)
        kinds.set(at.id, at.kind)
      }
      for (const { to } of at.below) pending.push(to)
    }
  }
  return { keepers, kinds }
}
