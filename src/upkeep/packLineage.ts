/**
 * Where chunks come from: which chunk of a later version took the place of one, and how long ago it was written.
 *
 * History is walked from the newest commit back, each commit beside the one that followed it; only files that differ are looked
 * at. What is in the newest commit has no later version, and is listed in the order of its files.
 */
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import { walkCommits } from '../history/commits.js'
import { runsFrom } from '../history/contentChunks.js'
import { Lineage } from '../history/lineage.js'
import { diffTrees } from '../history/treeDiff.js'
import type { ChunkIndex } from './chunkIndex.js'

export interface ChunkLineage {
  /** Chunks of the newest commit, in the order of its files. */
  readonly tip: readonly number[]
  /** By chunk: that of a later version which took its place; −1 where there is none. */
  readonly later: Int32Array
  /** By chunk: the commit that has it and was looked at first, 0 for the newest; those that no commit has come last. */
  readonly age: Int32Array
}

interface LineageOptions {
  /** Commits that have no files any more. */
  readonly pruned: { has(id: Hash): boolean }
  readonly signal?: AbortSignal | undefined
  onCommit(count: number): Promise<void>
}

const NEVER = 0x7fffffff

export async function chunkLineage(
  reader: ObjectReader,
  index: ChunkIndex,
  starts: readonly Hash[],
  options: LineageOptions,
): Promise<ChunkLineage> {
  const walk = new LineageWalk(reader, index)
  /** By commit that is to come: the files of one that followed it. */
  const after = new Map<Hash, Content>()
  let newest: Content | undefined
  let count = 0
  for await (const { id, commit } of walkCommits(reader, starts, { signal: options.signal })) {
    throwIfCancelled(options.signal)
    const isPruned = options.pruned.has(id)
    const next = after.get(id) ?? newest ?? EMPTY_CONTENT
    after.delete(id)
    if (!isPruned) {
      await walk.visit(next, commit.tree)
      newest ??= commit.tree
    }
    for (const parent of commit.parents) if (!after.has(parent)) after.set(parent, isPruned ? next : commit.tree)
    await options.onCommit(++count)
  }
  return walk
}

class LineageWalk implements ChunkLineage {
  readonly tip: number[] = []
  readonly later: Int32Array
  readonly age: Int32Array
  #commits = 0

  constructor(
    private readonly reader: ObjectReader,
    private readonly index: ChunkIndex,
  ) {
    this.later = new Int32Array(index.count).fill(-1)
    this.age = new Int32Array(index.count).fill(NEVER)
  }

  /** @param next the tree of the commit that followed; empty for the newest */
  async visit(next: Content, tree: Content): Promise<void> {
    for await (const { before, after } of diffTrees(this.reader, next, tree)) {
      const content = after && after.kind !== 'directory' && after.kind !== 'gitlink' ? after.content : undefined
      if (
        !content ||
        content.shape === 0 ||
        (before?.content.id === content.id && before?.content.shape === content.shape)
      )
        continue
      await this.#file(before?.kind === 'file' ? before.content : undefined, content)
    }
    this.#commits++
  }

  async #file(next: Content | undefined, content: Content): Promise<void> {
    const lineage = await Lineage.ofContent(this.reader, next)
    const fresh: { readonly chunk: number; readonly places: () => readonly Hash[] | Promise<readonly Hash[]> }[] = []
    for await (const runs of runsFrom(this.reader, content, 0)) {
      for (const part of runs) {
        const chunk = this.index.indexOf(part.id)
        if (chunk >= 0 && this.age[chunk] === NEVER) {
          this.age[chunk] = this.#commits
          if (this.#commits === 0) this.tip.push(chunk)
          if (lineage) fresh.push({ chunk, places: lineage.next(part.length) })
        }
        await lineage?.wrote(part)
      }
    }
    for (const { chunk, places } of fresh) {
      const ids = await places()
      // Where it lies in the middle of several.
      const id = ids[Math.floor(ids.length / 2)]
      const later = id === undefined ? -1 : this.index.indexOf(id)
      if (later !== chunk) this.later[chunk] = later
    }
  }
}
