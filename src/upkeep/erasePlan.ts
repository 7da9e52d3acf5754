/**
 * The plan of an erasure: which commits have paths that are to go, what is written anew for it, and how much goes.
 *
 * All commits that gc's roots reach are looked at, and those that an older entry of the reflog names, as far as they are still
 * there: these go as a whole. All that stays is read, so that nothing is changed in a store in which something is damaged.
 */
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Content } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import { readCommit, walkCommits } from '../history/commits.js'
import { type ReachRoot, reachable } from '../history/reach.js'
import type { PrunedCommits } from '../refs/pruned.js'
import type { RefRow, Refs } from '../refs/refs.js'
import type { WorktreeRow, Worktrees } from '../refs/worktrees.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { ErasureTally } from './eraseTally.js'
import { TreeScan } from './eraseTree.js'
import { gcRoots, linkOfRoot } from './gcRoots.js'
import { LiveIds } from './liveIds.js'
import type { PathGlobs } from './pathGlobs.js'
import { reflogTerm } from './reflogTerm.js'

export interface PlanContext {
  /** Of what is really there, whatever is answered in its place. */
  readonly store: ChunkStore
  readonly refs: Refs
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
}

export interface ErasedPath {
  readonly path: ByteName
  /** Different contents. */
  readonly versions: number
}

export interface ErasePlan {
  /** Of the roots that were looked at (`rootsStamp`). */
  readonly stamp: string
  /** Commits that are written anew, parents before children. */
  readonly commits: readonly Hash[]
  /** In the order of name bytes. */
  readonly paths: readonly ErasedPath[]
  readonly refs: readonly RefRow[]
  readonly folders: readonly WorktreeRow[]
  /** Raw bytes of the contents that nothing else needs. */
  readonly bytes: number
  /** Chunks and objects of what goes that something else needs as well. */
  readonly survivors: readonly Hash[]
  /** Commits that nothing but the reflog beyond its term remembers, and that have such paths: they go as a whole. */
  readonly forgotten: number
}

/**
 * @throws {VarveError} `PATH_NOT_FOUND` when a glob matches nothing, `CANCELLED`
 * @throws {CorruptionError} when something that stays is damaged or missing
 */
export async function planErasure(context: PlanContext, globs: PathGlobs, options: WorkOptions): Promise<ErasePlan> {
  return new Planning(context, globs, options).run()
}

class Planning {
  readonly #kept = new LiveIds()
  readonly #versions = new Map<ByteName, Set<string>>()
  readonly #erased = new Map<Hash, Content>()
  readonly #reaches = new Map<Hash, boolean>()

  constructor(
    private readonly context: PlanContext,
    private readonly globs: PathGlobs,
    private readonly options: WorkOptions,
  ) {}

  async run(): Promise<ErasePlan> {
    const { store, refs, worktrees } = this.context
    const { catalog } = store.group
    const reflogFrom = reflogTerm(new UpkeepState(catalog)).from
    const { roots, stamp } = gcRoots(catalog, refs, worktrees, reflogFrom)
    const starts: Hash[] = []
    for (const root of roots) {
      const link = await linkOfRoot(store, root)
      if (link?.kind === KIND.commit) starts.push(link.id)
      else if (link) await this.#keep(link)
    }
    const commits = await this.#commitsToRewrite(starts)
    const forgotten = await this.#lookAtForgotten(refs)
    this.#requireMatches()
    await this.#requireFound()
    const moves = (id: Hash | undefined): boolean => id !== undefined && this.#reaches.get(id) === true
    return {
      stamp,
      commits,
      paths: [...this.#versions]
        .map(([path, versions]) => ({ path, versions: versions.size }))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
      refs: refs.list().filter(({ target }) => moves(target)),
      folders: worktrees.list().filter(({ head }) => moves(head)),
      ...(await this.#weigh()),
      forgotten,
    }
  }

  /** Those that have a match, and all that come after one. */
  async #commitsToRewrite(starts: readonly Hash[]): Promise<Hash[]> {
    const { store, pruned } = this.context
    const newestFirst: Hash[] = []
    for await (const { id } of walkCommits(store, starts, { signal: this.options.signal })) newestFirst.push(id)
    const scan = new TreeScan(store, this.globs, {
      erased: (path, entry) => this.#take(path, entry),
      kept: (root) => this.#keep(root),
    })
    const rewritten: Hash[] = []
    for (const [index, id] of newestFirst.reverse().entries()) {
      this.#progress(`looking at commit ${shortHash(id)}`, index + 1)
      const commit = await readCommit(store, id)
      this.#kept.add(id)
      const goes =
        (!pruned.has(id) && (await scan.hasMatch(commit))) ||
        commit.parents.some((parent) => this.#reaches.get(parent) === true)
      this.#reaches.set(id, goes)
      if (goes) rewritten.push(id)
    }
    return rewritten
  }

  /** What is gone already is passed over. @returns commits that have a match */
  async #lookAtForgotten(refs: Refs): Promise<number> {
    const { store, pruned } = this.context
    const scan = new TreeScan(store, this.globs, {
      erased: (path, entry) => this.#take(path, entry),
      kept: async () => undefined,
    })
    let found = 0
    const seen = new Set<Hash>()
    const pending = refs.reflog().flatMap(({ old, new: after }) => [old, after])
    while (pending.length > 0) {
      const id = pending.pop()
      if (id === undefined || this.#reaches.has(id) || seen.has(id)) continue
      seen.add(id)
      throwIfCancelled(this.options.signal)
      try {
        const commit = await readCommit(store, id)
        pending.push(...commit.parents)
        if (!pruned.has(id) && (await scan.hasMatch(commit))) found++
      } catch (error) {
        if (!(error instanceof CorruptionError) && !isVarveError(error, 'SNAPSHOT_GONE')) throw error
      }
    }
    return found
  }

  #take(path: ByteName, { kind, executable, content, foreignId = '' }: Parameters<TreeTaker>[1]): void {
    const versions = this.#versions.get(path) ?? new Set()
    this.#versions.set(path, versions.add(`${kind} ${executable} ${content.id ?? foreignId}`))
    if (content.id !== undefined) this.#erased.set(content.id, content)
  }

  async #keep(root: ReachRoot): Promise<void> {
    const { store } = this.context
    for await (const _ of reachable(store, [root], { seen: this.#kept, signal: this.options.signal })) {
      // Read, and remembered.
    }
  }

  #requireMatches(): void {
    const [first, ...others] = this.globs.unmatched
    if (first === undefined) return
    const names = [first, ...others].map((glob) => JSON.stringify(glob)).join(', ')
    throw new VarveError('PATH_NOT_FOUND', `nothing in all of history matches ${names}; nothing was changed`, {
      path: first,
      paths: [first, ...others],
      hint: 'A path is meant from the root of the tree; `**/NAME` is a name anywhere.',
    })
  }

  /** @throws {CorruptionError} `MISSING_CHUNK`; `CORRUPT_EXTENT` for an extent that could not be rewritten */
  async #requireFound(): Promise<void> {
    const { store } = this.context
    const tally = new ErasureTally(store.group, (rows) => this.#progress('looking through the chunk tables', rows))
    const extents = await tally.count(({ hash }: ChunkLocation) => this.#kept.find(hash))
    tally.requireSound(extents.values())
    const missing = [...this.#kept.missing()]
    const found = await store.find(missing)
    const first = missing.find((id) => !found.has(id))
    if (first === undefined) return
    throw new CorruptionError(
      'MISSING_CHUNK',
      `${shortHash(first)}, which is needed by what stays, is in no chunk table; nothing was changed`,
      { id: first, path: store.group.catalog.path, hint: 'Run `varve verify` to see what is hit.' },
    )
  }

  async #weigh(): Promise<Pick<ErasePlan, 'bytes' | 'survivors'>> {
    const { store } = this.context
    const survivors = new Set<Hash>()
    let bytes = 0
    const roots = [...this.#erased.values()].map((content): ReachRoot => ({ use: 'file', content }))
    try {
      for await (const { id, length } of reachable(store, roots, { signal: this.options.signal })) {
        if (this.#kept.has(id)) survivors.add(id)
        else bytes += length
      }
    } catch (error) {
      // What goes anyway may be damaged.
      if (!(error instanceof CorruptionError)) throw error
    }
    return { bytes, survivors: [...survivors] }
  }

  #progress(current: string, itemsDone: number): void {
    throwIfCancelled(this.options.signal)
    this.options.onProgress?.({ phase: 'erase', itemsDone, bytesDone: 0, current })
  }
}

type TreeTaker = ConstructorParameters<typeof TreeScan>[2]['erased']
