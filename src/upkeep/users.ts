/**
 * Who uses some chunks and objects: the commits whose files need them, and the roots of gc that reach these commits.
 *
 * All commits that the roots reach are walked, children before parents, and what keeps a commit is passed on to its parents, then
 * down to what is wanted. Refs and folders are kept apart, one by one; of the reflog only the entry that lasts longest counts.
 * Memory grows by a few numbers a commit.
 */
import type { Hash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { ObjectReader } from '../cas/objects.js'
import { KIND, type Kind } from '../format/kinds.js'
import { readCommit } from '../history/commits.js'
import type { Link } from '../history/links.js'
import { type GcRoot, linkOfRoot } from './gcRoots.js'
import { type Trace, UsageSearch } from './usage.js'

/** What keeps a chunk or object. */
export interface Keepers {
  /** Refs, folders and replacements, a bit for each of `Users.firm`. */
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
  /** Roots that reach what is wanted. */
  readonly roots: readonly GcRoot[]
  /** These commits, and what takes the place of something else and needs it. */
  readonly direct: ReadonlySet<Hash>
  /** Branches, tags, folders and replacements, in the order of the bits in `Keepers`. */
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
export async function findUsers(store: ChunkStore, given: readonly GcRoot[], options: UsersOptions): Promise<Users> {
  const found = await findRoots(store, given, options)
  const roots = found.map(({ root }) => root)
  const nodes = await readCommits(
    store,
    found.map(({ link }) => link),
    options,
  )
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
  const commits = using.filter(({ trace }) => trace.kind === KIND.commit)
  const reaching = new Set<Hash>()
  for (const { id, trace, parents } of ordered.toReversed()) {
    if (trace || parents.some((parent) => reaching.has(parent))) reaching.add(id)
  }
  return {
    commits: commits.sort((a, b) => b.timeMs - a.timeMs).map(({ id, timeMs, trace }) => ({ id, timeMs, trace })),
    roots: roots.filter(({ id }) => reaching.has(id)),
    direct: new Set(using.map(({ id }) => id)),
    firm,
    ...keepersBelow(using),
  }
}

/** Those that lead anywhere, and where. What takes a place and is not there is told of, as what cannot be read is. */
async function findRoots(
  store: ChunkStore,
  roots: readonly GcRoot[],
  { onUnreadable }: UsersOptions,
): Promise<{ readonly root: GcRoot; readonly link: Link }[]> {
  const found: { readonly root: GcRoot; readonly link: Link }[] = []
  for (const root of roots) {
    try {
      const link = await linkOfRoot(store, root)
      if (link) found.push({ root: { ...root, id: link.id }, link })
    } catch (error) {
      onUnreadable({ kind: KIND.commit, id: root.id }, error)
    }
  }
  return found
}

/** All that the roots reach: commits, and what takes the place of something else, as if it were a commit without parents. */
async function readCommits(
  reader: ObjectReader,
  roots: readonly Link[],
  { wanted, kinds, pruned, onUnreadable, signal }: UsersOptions,
): Promise<Map<Hash, CommitNode>> {
  const search = new UsageSearch(reader, { isWanted: (id) => wanted.has(id), kinds, pruned, onUnreadable, signal })
  const nodes = new Map<Hash, CommitNode>()
  const pending = [...roots]
  for (let link = pending.pop(); link; link = pending.pop()) {
    const { kind, id } = link
    if (nodes.has(id)) continue
    const trace = await search.trace(link)
    let parents: readonly Hash[] = []
    let timeMs = Number.NEGATIVE_INFINITY
    if (kind !== KIND.commit) {
      nodes.set(id, { id, timeMs, parents, trace, children: 0, firm: 0n, entry: 0 })
      continue
    }
    try {
      const commit = await readCommit(reader, id)
      parents = [...new Set(commit.parents)]
      timeMs = commit.committer.timeMs
    } catch (error) {
      onUnreadable({ kind: KIND.commit, id }, error)
    }
    nodes.set(id, { id, timeMs, parents, trace, children: 0, firm: 0n, entry: 0 })
    reader.readAhead(KIND.commit, parents)
    pending.push(...parents.map((parent): Link => ({ kind: KIND.commit, id: parent })))
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
