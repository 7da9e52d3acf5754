/**
 * What lies below some commits and not below others: `A..B`, and whether one commit is an ancestor of another.
 *
 * Answers are exact whatever the clocks said: times decide only what is looked at first. Both questions look at about
 * as many commits as differ, because an ancestor of a commit cannot have that commit below it: once everything left to
 * look at is an ancestor of everything found, nothing found can turn out to be excluded after all. Where clocks leapt,
 * or histories have no common root, the whole history below may be walked.
 */
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Commit } from '../format/commit.js'
import { readCommit } from './commitObject.js'
import { CommitQueue } from './commitQueue.js'

interface Node {
  readonly id: Hash
  readonly parents: readonly Hash[]
  /** Dropped once the commit is known to be excluded. */
  commit: Commit | undefined
  excluded: boolean
  queued: boolean
  /** Bit n: an ancestor of the lowest commit n of those found. */
  ancestorOf: bigint
}

/** Commits reachable from `starts` and not from `exclude`. */
export async function commitsOutside(
  reader: ObjectReader,
  starts: Iterable<Hash>,
  exclude: Iterable<Hash>,
  signal?: AbortSignal,
): Promise<Map<Hash, Commit>> {
  return new RangeSearch(reader, signal).run(starts, exclude)
}

class RangeSearch {
  private readonly nodes = new Map<Hash, Node>()
  private readonly queue = new CommitQueue()
  /** Queued commits that are not excluded so far. */
  private open = 0
  /** Queued commits that are not known to be ancestors of everything found. */
  private readonly suspects = new Set<Node>()

  constructor(
    private readonly reader: ObjectReader,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async run(starts: Iterable<Hash>, exclude: Iterable<Hash>): Promise<Map<Hash, Commit>> {
    for (const id of exclude) await this.visit(id, true)
    for (const id of starts) await this.visit(id, false)
    while (this.open > 0) await this.step()
    const found = this.found()
    if (found.length > 0) await this.clearSuspects(found)
    return new Map(this.found().map((node) => [node.id, node.commit as Commit]))
  }

  private found(): Node[] {
    return [...this.nodes.values()].filter((node) => !node.excluded)
  }

  /** Takes the newest commit of the queue and looks at its parents. */
  private async step(): Promise<Node | undefined> {
    throwIfCancelled(this.signal)
    const queued = this.queue.pop()
    const node = queued && this.nodes.get(queued.id)
    if (!node) return undefined
    node.queued = false
    this.suspects.delete(node)
    if (!node.excluded) this.open--
    for (const parent of node.parents) await this.visit(parent, node.excluded)
    return node
  }

  private async visit(id: Hash, excluded: boolean): Promise<void> {
    const known = this.nodes.get(id)
    if (known) {
      if (excluded) this.exclude(known)
      return
    }
    const commit = await readCommit(this.reader, id)
    const { parents } = commit
    const node: Node = { id, parents, commit: excluded ? undefined : commit, excluded, queued: true, ancestorOf: 0n }
    this.nodes.set(id, node)
    this.queue.push({ id, commit })
    if (!excluded) this.open++
  }

  /** Excludes a commit and all that is known below it. */
  private exclude(first: Node): void {
    const pending = [first]
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (node.excluded) continue
      node.excluded = true
      node.commit = undefined
      if (node.queued) this.open--
      for (const parent of node.parents) {
        const below = this.nodes.get(parent)
        if (below) pending.push(below)
      }
    }
  }

  /** Goes on until no queued commit can have one of `found` below it. */
  private async clearSuspects(found: readonly Node[]): Promise<void> {
    const ids = new Set(found.map(({ id }) => id))
    const lowest = found.filter(({ parents }) => !parents.some((parent) => ids.has(parent)))
    // A root among them has no ancestors: then nothing ever has all bits, and everything below is looked at.
    const all = (1n << BigInt(lowest.length)) - 1n
    for (const [bit, { parents }] of lowest.entries()) {
      for (const parent of parents) this.markAncestor(this.nodes.get(parent), 1n << BigInt(bit), all)
    }
    for (const { id } of this.queue) {
      const node = this.nodes.get(id)
      if (node && node.ancestorOf !== all) this.suspects.add(node)
    }
    while (this.suspects.size > 0) {
      const node = await this.step()
      if (!node) return
      for (const parent of node.parents) {
        const below = this.nodes.get(parent)
        this.markAncestor(below, node.ancestorOf, all)
        if (below?.queued && below.ancestorOf !== all) this.suspects.add(below)
      }
    }
  }

  private markAncestor(first: Node | undefined, bits: bigint, all: bigint): void {
    const pending = first ? [first] : []
    for (let node = pending.pop(); node; node = pending.pop()) {
      if ((node.ancestorOf | bits) === node.ancestorOf) continue
      node.ancestorOf |= bits
      if (node.ancestorOf === all) this.suspects.delete(node)
      for (const parent of node.parents) {
        const below = this.nodes.get(parent)
        if (below) pending.push(below)
      }
    }
  }
}

const FROM_DESCENDANT = 1
const BELOW_ANCESTOR = 2

/** Whether `ancestor` is reachable from `descendant`. A commit is its own ancestor. */
export async function isAncestor(
  reader: ObjectReader,
  ancestor: Hash,
  descendant: Hash,
  signal?: AbortSignal,
): Promise<boolean> {
  if (ancestor === descendant) return true
  const colours = new Map<Hash, number>([
    [ancestor, BELOW_ANCESTOR],
    [descendant, FROM_DESCENDANT],
  ])
  const queue = new CommitQueue()
  const queued = new Map<Hash, number>()
  // Queued commits that may have `ancestor` below them: reached from `descendant`, and no ancestors of `ancestor`.
  let open = 0
  const enqueue = async (id: Hash): Promise<void> => {
    const before = queued.get(id)
    const now = colours.get(id) ?? 0
    queued.set(id, now)
    if (before === FROM_DESCENDANT) open--
    if (now === FROM_DESCENDANT) open++
    if (before === undefined) queue.push({ id, commit: await readCommit(reader, id) })
  }
  await enqueue(ancestor)
  await enqueue(descendant)
  while (open > 0) {
    throwIfCancelled(signal)
    const next = queue.pop()
    if (!next) return false
    const colour = queued.get(next.id) ?? 0
    queued.delete(next.id)
    if (colour === FROM_DESCENDANT) open--
    for (const parent of next.commit.parents) {
      if (parent === ancestor && colour & FROM_DESCENDANT) return true
      const before = colours.get(parent) ?? 0
      if ((before | colour) === before) continue
      colours.set(parent, before | colour)
      await enqueue(parent)
    }
  }
  return false
}
