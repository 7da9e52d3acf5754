/** The files that need something damaged: the trees of the refs are searched for it. */
import { isVarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { nameToText } from '../base/names.js'
import type { ChunkStore } from '../cas/chunkStore.js'
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
    onUnreadable: (_, error) => {
      // Reported when the graph was checked.
      if (!isVarveError(error)) throw error
    },
  })
  const walks = new Map<Hash, number>()
  // A subtree that is shared is walked for each of its paths, but not for more than are named.
  const enters = ({ trace: { id } }: TraceVisit): boolean => {
    const count = (walks.get(id) ?? 0) + 1
    walks.set(id, count)
    return count <= MAX_PATHS
  }
  const paths = new Map<VerifyProblem, Set<string>>()
  for (const root of tips) {
    const tip = await search.trace(linkOfTip(root))
    if (!tip) continue
    for (const { trace, path } of visitTraces(tip, enters)) {
      for (const problem of findings.bad.get(trace.id) ?? []) {
        const named = paths.get(problem) ?? new Set()
        if (named.size < MAX_PATHS) named.add(`${root.name}:${nameToText(path)}`)
        paths.set(problem, named)
      }
    }
  }
  return findings.problems.map((problem) => {
    const named = paths.get(problem)
    return named ? { ...problem, paths: [...named].sort() } : problem
  })
}
