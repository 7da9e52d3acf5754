/**
 * Reverse mapping: which branches, commits and files need a chunk, an object, or what lies in an extent.
 *
 * Nothing is kept for it: it is found by walking what there is (users.ts, usage.ts). A version of a file is named once, by the
 * newest revision that has it, branches before other commits.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { nameToBytes, nameToText } from '../base/names.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { KIND } from '../format/kinds.js'
import type { Link } from '../history/links.js'
import type { PrunedCommits } from '../refs/pruned.js'
import { shortRef } from '../refs/refName.js'
import type { Refs } from '../refs/refs.js'
import type { Worktrees } from '../refs/worktrees.js'
import { UpkeepState } from '../volume/upkeepState.js'
import {
  type Answer,
  type ExtentPlace,
  findAsked,
  type KindName,
  kindName,
  malformedQuestion,
  parseQuestion,
  type UnreadableObject,
  unknownId,
} from './asked.js'
import { type Fate, type FateContext, GcForecast, type Keeper } from './fate.js'
import { type GcRoot, gcRoots } from './gcRoots.js'
import { reflogTerm } from './reflogTerm.js'
import { isDamage, type TraceVisit, visitTraces } from './usage.js'
import { findUsers, type Users } from './users.js'

export interface WhichOptions {
  /** Files and commits listed, at most so many of each. Default 100. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A branch, tag, folder, reflog or replacement that needs it. */
export interface WhichRoot extends Keeper {
  /** Where it stands, or stood. Of a replacement: what takes the place, whatever it is. */
  readonly commit: Hash
  /** Whether that very commit needs it, and not only one before it. */
  readonly isDirect: boolean
}

/** A version of a file, or of a directory, that needs it. */
export interface WhichFile {
  /** A branch or tag that stands at the commit, else the commit's id. */
  readonly revision: string
  readonly commit: Hash
  /** From the root, for people. */
  readonly path: string
  /** From the root, exact. */
  readonly pathBytes: Buffer
}

export interface WhichResult {
  /** `object`: what sort of one cannot be said, because it is damaged. */
  readonly kind: KindName | 'object' | 'extent'
  /** The whole id; absent for an extent. */
  readonly id?: Hash | undefined
  readonly extent?: number | undefined
  /** Raw. */
  readonly bytes: number
  /** Where it lies; nowhere, if it is missing. */
  readonly places: readonly ExtentPlace[]
  /** What gc will do with it; several for an extent of which not all is alike. */
  readonly fates: readonly Fate[]
  /** Each once; of a reflog, by its newest entry. */
  readonly roots: readonly WhichRoot[]
  /** Commits whose own files need it, newest first, or which it is; not those that only have such a commit before them. */
  readonly commits: readonly Hash[]
  /** All of them, with those that are not listed. */
  readonly commitCount: number
  /** Each version once, in the newest revision that has it. */
  readonly files: readonly WhichFile[]
  /** Whether there are more files than are listed. */
  readonly isCut: boolean
  /** What could not be looked at: more may need it. */
  readonly unreadable: readonly UnreadableObject[]
}

export interface UsageContext extends FateContext {
  readonly store: ChunkStore
  readonly refs: Refs
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
}

const LIMIT = 100

/**
 * @throws {VarveError} `INVALID_ARGUMENT`, `UNKNOWN_REVISION`, `AMBIGUOUS_REVISION`, `CANCELLED`
 * @throws {CorruptionError} `CORRUPT_CATALOG`
 */
export async function whichUse(context: UsageContext, what: string, options: WhichOptions = {}): Promise<WhichResult> {
  const { limit = LIMIT, signal } = options
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new VarveError('INVALID_ARGUMENT', `a limit is a whole number, 0 or more, not ${limit}`, { actual: limit })
  }
  const question = parseQuestion(what)
  if (!question) throw malformedQuestion(what)
  const unreadable = new Problems()
  const answer = await findAsked(context.store, question, (problem) => unreadable.add(problem))
  const roots = rootsNow(context)
  const users = await usersOf(context, answer.hanging, answer.kinds, roots, unreadable, signal)
  requireKnown(answer, users)
  const forecast = new GcForecast(context, roots)
  const sizes = [...answer.wanted].map(([id, bytes]) => ({ id, bytes }))
  return {
    ...describeAnswer(answer, users),
    bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    places: answer.places,
    fates: forecast.fatesOf(sizes, users),
    roots: rootsOf(users, forecast),
    commits: users.commits.slice(0, limit).map(({ id }) => id),
    commitCount: users.commits.length,
    ...filesOf(users, context.refs, limit),
    unreadable: unreadable.list(),
  }
}

/** What gc would start from, if it ran now. @throws {CorruptionError} `CORRUPT_CATALOG` */
export function rootsNow({ catalog, refs, worktrees }: UsageContext): readonly GcRoot[] {
  return gcRoots(catalog, refs, worktrees, reflogTerm(new UpkeepState(catalog)).from).roots
}

export function usersOf(
  { store, pruned }: UsageContext,
  wanted: { has(id: Hash): boolean },
  kinds: Answer['kinds'],
  roots: readonly GcRoot[],
  problems: Problems,
  signal: AbortSignal | undefined,
): Promise<Users> {
  return findUsers(store, roots, {
    wanted,
    kinds,
    pruned,
    signal,
    onUnreadable: (link, error) => problems.take(link, error),
  })
}

/** Each once. */
export class Problems {
  readonly #found = new Map<string, UnreadableObject>()

  add(problem: UnreadableObject): void {
    this.#found.set(`${problem.kind} ${problem.id ?? ''}`, problem)
  }

  /** @throws what is no damage */
  take({ kind, id }: Link, error: unknown): void {
    if (!isDamage(error)) throw error
    this.add({ kind: kindName(kind), id, code: error.code, message: error.message })
  }

  list(): UnreadableObject[] {
    return [...this.#found.values()]
  }
}

/** @throws {VarveError} `UNKNOWN_REVISION` for an id that neither lies anywhere nor is missed by anything */
export function requireKnown({ id, places }: Answer, users: Users): void {
  if (id !== undefined && places.length === 0 && !users.keepers.has(id)) throw unknownId(id)
}

export function describeAnswer(
  { id, extent, kinds }: Answer,
  users: Users,
): Pick<WhichResult, 'kind' | 'id' | 'extent'> {
  if (id === undefined) return { kind: 'extent', extent }
  const kind = [...(kinds ?? [])][0] ?? users.kinds.get(id)
  return { kind: kind === undefined ? 'object' : kindName(kind), id }
}

function rootsOf(users: Users, forecast: GcForecast): WhichRoot[] {
  const seen = new Set<string>()
  const found: WhichRoot[] = []
  for (const root of users.roots) {
    const name = `${root.kind} ${root.of}`
    if (seen.has(name)) continue
    seen.add(name)
    found.push({ ...forecast.keeperOf(root), commit: root.id, isDirect: users.direct.has(root.id) })
  }
  return found
}

function filesOf(users: Users, refs: Refs, limit: number): Pick<WhichResult, 'files' | 'isCut'> {
  const names = revisionNames(refs)
  const tips = new Set(users.roots.flatMap(({ kind, id }) => (kind === 'branch' ? [id] : [])))
  const commits = [
    ...users.commits.filter(({ id }) => tips.has(id)),
    ...users.commits.filter(({ id }) => !tips.has(id)),
  ]
  const files = new Map<string, WhichFile>()
  const versions = new Set<string>()
  // A version that a newer commit has at the same path was named there. Below a file there are no paths.
  const enters = ({ trace, path, from }: TraceVisit): boolean => {
    const version = `${trace.id} ${path}`
    if (from?.kind === KIND.manifest || versions.has(version)) return false
    versions.add(version)
    return true
  }
  for (const { id: commit, trace } of commits) {
    for (const visit of visitTraces(trace, enters)) {
      const { kind, isWanted } = visit.trace
      const isFile = kind === KIND.manifest || kind === KIND.chunk
      if (kind === KIND.commit || !(isFile || isWanted)) continue
      const key = `${commit} ${visit.path}`
      if (files.has(key)) continue
      if (files.size === limit) return { files: [...files.values()], isCut: true }
      files.set(key, {
        revision: names.get(commit) ?? commit,
        commit,
        path: nameToText(visit.path),
        pathBytes: nameToBytes(visit.path),
      })
    }
  }
  return { files: [...files.values()], isCut: false }
}

/** For each commit that a branch or tag stands at: its name, branches first. */
function revisionNames(refs: Refs): Map<Hash, string> {
  const names = new Map<Hash, string>()
  for (const { name, target } of refs.list()) if (!names.has(target)) names.set(target, shortRef(name))
  return names
}
