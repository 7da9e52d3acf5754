/** The files that need something damaged: the trees of the refs are searched for it, then those of all other commits. */
import { isVarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { nameToText } from '../base/names.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { KIND } from '../format/kinds.js'
import { readCommit } from '../history/commits.js'
import type { Findings, VerifyProblem } from './findings.js'
import { type TraceVisit, UsageSearch, visitTraces } from './usage.js'
import { linkOfTip, type PrunedIds, type VerifyRoot } from './verifyGraph.js'

const MAX_PATHS = 20

/** @returns the problems, with the files they touch */
export async function problemsWithPaths(
  store: ChunkStore,
  tips: readonly VerifyRoot[],
  pruned: PrunedIds,
  findings: Findings,
): Promise<readonly VerifyProblem[]> {
  if (findings.bad.size === 0) return findings.problems
  const search = new UsageSearch(store, {
    isWanted: (id) => findings.bad.has(id),
    pruned,
    signal: findings.signal,
    onUnreadable: (_, error) => passOver(error),
  })
  const walks = new Map<Hash, number>()
  // A subtree that is shared is walked for each of its paths, but not for more than are named.
  const enters = ({ trace: { id } }: TraceVisit): boolean => {
    const count = (walks.get(id) ?? 0) + 1
    walks.set(id, count)
    return count <= MAX_PATHS
  }
  const named = new Map<VerifyProblem, NamedFiles>()
  const nameIn = async (
    root: VerifyRoot,
    isEntered: (visit: TraceVisit) => boolean,
    add: (files: NamedFiles, path: string) => void,
  ): Promise<void> => {
    const tip = await search.trace(linkOfTip(root))
    if (!tip) return
    for (const visit of visitTraces(tip, isEntered)) {
      for (const problem of findings.bad.get(visit.trace.id) ?? []) {
        const files = named.get(problem) ?? new NamedFiles()
        named.set(problem, files)
        add(files, nameToText(visit.path))
      }
    }
  }
  for (const root of tips) await nameIn(root, enters, (files, path) => files.add(root.name, path))
  // What many commits have at one path is walked once.
  const seen = new Set<string>()
  const entersAnew = (visit: TraceVisit): boolean => {
    const version = `${visit.trace.id} ${visit.path}`
    if (seen.has(version)) return false
    seen.add(version)
    return enters(visit)
  }
  for (const root of await olderCommits(store, tips)) {
    await nameIn(root, entersAnew, (files, path) => files.addOlder(root.name, path))
  }
  return findings.problems.map((problem) => {
    const files = named.get(problem)
    return files ? { ...problem, paths: files.list() } : problem
  })
}

class NamedFiles {
  readonly #files = new Set<string>()
  readonly #paths = new Set<string>()

  add(revision: string, path: string): void {
    this.#paths.add(path)
    if (this.#files.size < MAX_PATHS) this.#files.add(`${revision}:${path}`)
  }

  /** Unless a newer revision was named with that path. */
  addOlder(revision: string, path: string): void {
    if (!this.#paths.has(path)) this.add(revision, path)
  }

  list(): string[] {
    return [...this.#files].sort()
  }
}

/** All that the tips come from, newest first, by the first digits of their ids. */
async function olderCommits(store: ChunkStore, tips: readonly VerifyRoot[]): Promise<VerifyRoot[]> {
  const times = new Map<Hash, number>()
  const pending = tips.map(linkOfTip).flatMap(({ kind, id }) => (kind === KIND.commit ? [id] : []))
  const areTips = new Set(pending)
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (times.has(id)) continue
    times.set(id, Number.NEGATIVE_INFINITY)
    try {
      const { parents, committer } = await readCommit(store, id)
      times.set(id, committer.timeMs)
      pending.push(...parents)
    } catch (error) {
      passOver(error)
    }
  }
  return [...times]
    .filter(([id]) => !areTips.has(id))
    .sort(([, a], [, b]) => b - a)
    .map(([id]) => ({ name: shortHash(id), id }))
}

/** Reported when the graph was checked. */
function passOver(error: unknown): void {
  if (!isVarveError(error)) throw error
}
