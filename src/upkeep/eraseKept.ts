/** Where contents of what was erased live on: other files that need the same chunks. */
import type { Hash } from '../base/hash.js'
import { type ByteName, nameToText } from '../base/names.js'
import type { WorkOptions } from '../base/progress.js'
import { KIND } from '../format/kinds.js'
import { shortRef } from '../refs/refName.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { PlanContext } from './erasePlan.js'
import type { KeptContent } from './eraseReport.js'
import { gcRoots } from './gcRoots.js'
import { reflogTerm } from './reflogTerm.js'
import { type Trace, visitTraces } from './usage.js'
import { findUsers } from './users.js'

/** Each content once for each path, in the newest revision that has it; what branches have comes first. */
export async function keptContents(
  { store, refs, worktrees, pruned }: PlanContext,
  survivors: ReadonlySet<Hash>,
  { signal }: WorkOptions,
): Promise<KeptContent[]> {
  if (survivors.size === 0) return []
  const { catalog } = store.group
  const { roots } = gcRoots(catalog, refs, worktrees, reflogTerm(new UpkeepState(catalog)).from)
  // What is kept by replacements alone has no path.
  const named = roots.filter(({ kind }) => kind !== 'replacement')
  const users = await findUsers(store, named, {
    wanted: survivors,
    kinds: new Set([KIND.chunk, KIND.manifest]),
    pruned,
    signal,
    onUnreadable: (_, error) => {
      throw error
    },
  })
  const names = new Map<Hash, string>()
  for (const { name, target } of refs.list()) if (!names.has(target)) names.set(target, shortRef(name))
  const isNamed = ({ id }: { readonly id: Hash }): boolean => names.has(id)
  const commits = [...users.commits.filter(isNamed), ...users.commits.filter((commit) => !isNamed(commit))]
  const seen = new Set<string>()
  const kept: KeptContent[] = []
  for (const { id: commit, trace } of commits) {
    const enters = (visit: {
      readonly trace: Trace
      readonly path: ByteName
      readonly from: Trace | undefined
    }): boolean => {
      const key = `${visit.path}\0${visit.trace.id}`
      // Below a file there are no paths.
      if (visit.from?.kind === KIND.manifest || seen.has(key)) return false
      seen.add(key)
      return true
    }
    for (const { trace: file, path } of visitTraces(trace, enters)) {
      if (file.kind !== KIND.chunk && file.kind !== KIND.manifest) continue
      const revision = names.get(commit) ?? commit
      kept.push({ id: file.id, path: nameToText(path), revision, commit, shared: wantedIn(file).size })
    }
  }
  return kept
}

function wantedIn(file: Trace): Set<Hash> {
  const found = new Set<Hash>()
  const pending = [file]
  for (let trace = pending.pop(); trace; trace = pending.pop()) {
    if (trace.isWanted) found.add(trace.id)
    for (const { to } of trace.below) pending.push(to)
  }
  return found
}
