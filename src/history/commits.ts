/**
 * Commits: read, written, and walked along their parents.
 *
 * A walk shows every commit once, newest committer time first, and never a parent before a child that was seen by then:
 * so histories made under leaping clocks still read from the newest backwards. Memory grows by an id a commit.
 */
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Commit } from '../format/commit.js'
import { KIND } from '../format/kinds.js'
import type { TreeEntry } from '../format/tree.js'
import { readCommit } from './commitObject.js'
import { CommitQueue, type QueuedCommit } from './commitQueue.js'
import { commitsOutside } from './commitRange.js'
import { entryAt, rootEntry, sameEntry } from './entries.js'
import { type PathLike, parsePath } from './paths.js'

export { type CommitInfo, describeCommit, readCommit, writeCommit } from './commitObject.js'
export { isAncestor } from './commitRange.js'

export interface WalkOptions {
  /** Commits that are neither shown nor passed. What lies below them may still be reached another way. */
  readonly stopAt?: { has(id: Hash): boolean } | undefined
  /** Neither these commits nor anything below them is shown. */
  readonly exclude?: Iterable<Hash> | undefined
  /** Only commits in which the entry at this path (a file, or a whole directory) is unlike that in every parent. */
  readonly touching?: PathLike | undefined
  /** Commits that have no files any more: they touch nothing, and others are compared with what came before them. */
  readonly pruned?: { has(id: Hash): boolean } | undefined
  readonly signal?: AbortSignal | undefined
}

/** Commits reachable from `starts`. @throws {VarveError} `CANCELLED`, `INVALID_PATH`, as `readCommit` */
export async function* walkCommits(
  reader: ObjectReader,
  starts: Iterable<Hash>,
  options: WalkOptions = {},
): AsyncGenerator<QueuedCommit> {
  const { stopAt, signal } = options
  const touches = options.touching === undefined ? undefined : new TouchFilter(reader, options.touching, options.pruned)
  const exclude = [...(options.exclude ?? [])]
  const inRange = exclude.length > 0 ? await commitsOutside(reader, starts, exclude, signal) : undefined
  const queue = new CommitQueue()
  const seen = new Set<Hash>()
  /** How many children of a commit were seen and not shown yet. */
  const children = new Map<Hash, number>()
  /** Their turn came while a child was still to be shown. */
  const held = new Map<Hash, QueuedCommit>()

  const see = async (id: Hash): Promise<void> => {
    if (seen.has(id) || stopAt?.has(id) || (inRange && !inRange.has(id))) return
    seen.add(id)
    const commit = inRange?.get(id) ?? (await readCommit(reader, id))
    for (const parent of commit.parents) children.set(parent, (children.get(parent) ?? 0) + 1)
    queue.push({ id, commit })
  }

  for (const id of starts) await see(id)
  for (let next = queue.pop(); next; next = queue.pop()) {
    throwIfCancelled(signal)
    if (children.has(next.id)) {
      held.set(next.id, next)
      continue
    }
    if (!touches || (await touches.passes(next))) yield next
    // A single one is read at once.
    if (next.commit.parents.length > 1) reader.readAhead(KIND.commit, next.commit.parents)
    for (const parent of next.commit.parents) {
      await see(parent)
      const left = (children.get(parent) ?? 1) - 1
      if (left > 0) {
        children.set(parent, left)
        continue
      }
      children.delete(parent)
      const waiting = held.get(parent)
      if (waiting) {
        held.delete(parent)
        queue.push(waiting)
      }
    }
  }
}

/** Compares a path's entry with that of the parents; what was looked up for a parent serves when its turn comes. */
class TouchFilter {
  private readonly path
  private readonly entries = new Map<Hash, TreeEntry | undefined>()

  constructor(
    private readonly reader: ObjectReader,
    path: PathLike,
    private readonly pruned: WalkOptions['pruned'],
  ) {
    this.path = parsePath(path)
  }

  async passes({ id, commit }: QueuedCommit): Promise<boolean> {
    if (this.pruned?.has(id)) return false
    const own = await this.entryOf(id, commit)
    this.entries.delete(id)
    const parents = await this.withFiles(commit.parents)
    if (parents.length === 0) return own !== undefined && (this.path.length > 0 || own.content.shape !== 0)
    for (const parent of parents) {
      const before = await this.entryOf(parent, await readCommit(this.reader, parent))
      if (sameEntry(own, before)) return false
    }
    return true
  }

  /** These commits, or the nearest ones before them that have files. */
  private async withFiles(commits: readonly Hash[]): Promise<Hash[]> {
    const found = new Set<Hash>()
    const seen = new Set<Hash>()
    const pending = [...commits]
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (seen.has(id)) continue
      seen.add(id)
      if (this.pruned?.has(id)) pending.push(...(await readCommit(this.reader, id)).parents)
      else found.add(id)
    }
    return [...found]
  }

  private async entryOf(id: Hash, commit: Commit): Promise<TreeEntry | undefined> {
    if (this.entries.has(id)) return this.entries.get(id)
    const entry = await entryAt(this.reader, rootEntry(commit), this.path)
    this.entries.set(id, entry)
    return entry
  }
}

/** Follows first parents. `generations` is smaller than asked for when the history ends before. */
export async function firstParentAncestor(
  reader: ObjectReader,
  id: Hash,
  generations: number,
): Promise<{ readonly id: Hash; readonly generations: number }> {
  let at = id
  for (let done = 0; done < generations; done++) {
    const parent = (await readCommit(reader, at)).parents[0]
    if (parent === undefined) return { id: at, generations: done }
    at = parent
  }
  return { id: at, generations }
}
