/**
 * Thins out the history of branches by a retention policy (retention.ts): what goes loses its files, and keeps object, id, place
 * and message.
 *
 * Plan, then apply: the plan reads first parents of each branch, and says of every commit why it stays. A commit goes only if no
 * branch that is thinned out keeps it, no other branch, tag or folder needs it, and it takes no other's place. It is applied in one transaction that
 * compares the refs and folders with those of the plan. Space comes back by gc.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { formatDuration } from '../base/units.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Commit } from '../format/commit.js'
import { readCommit, walkCommits } from '../history/commits.js'
import { matchesName, requireNamePattern } from '../refs/nameGlob.js'
import type { PrunedCommits } from '../refs/pruned.js'
import { describeRef, type RefInfo, type Refs } from '../refs/refs.js'
import type { Replacements } from '../refs/replacements.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { Catalog } from '../volume/catalog.js'
import { rootsStamp } from './gcRoots.js'
import { forgetHistories } from './historyBitmaps.js'
import { planRetention, type RetentionPolicy } from './retention.js'

export interface PruneOptions extends RetentionPolicy, WorkOptions {
  /** Only these branches, by names or patterns with `*` and `?`. Default: all. */
  readonly branches?: readonly string[] | undefined
  /** Says what would go, and does nothing. */
  readonly dryRun?: boolean | undefined
}

/** A commit that has its files, on a branch that is thinned out. */
export interface PruneVerdict {
  readonly id: Hash
  readonly timeMs: number
  readonly zoneMinutes: number
  /** Its first line. */
  readonly subject: string
  /** Why it stays, for people; if there is none, it goes. */
  readonly reasons: readonly string[]
}

export interface PruneResult {
  readonly dryRun: boolean
  readonly branches: readonly { readonly name: string; readonly commits: readonly PruneVerdict[] }[]
  /** Commits that lost their files, each once. */
  readonly pruned: readonly Hash[]
  /** The policy in one line, as it is remembered. */
  readonly policy: string
}

export interface PruneContext {
  readonly catalog: Catalog
  readonly reader: ObjectReader
  readonly refs: Refs
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
  readonly replacements: Replacements
  /** Whether the store has what was replaced: of what was erased, nothing but the note is left. */
  isThere(id: Hash): Promise<boolean>
  readonly nowMs: number
}

interface Plan {
  readonly stamp: string
  readonly branches: PruneResult['branches']
  readonly goes: readonly Hash[]
}

/**
 * @throws {VarveError} `INVALID_ARGUMENT` for a policy that keeps nothing, or a pattern that matches nothing; `REF_CONFLICT` when
 * refs moved meanwhile; `CANCELLED`
 */
export async function pruneCommits(context: PruneContext, options: PruneOptions): Promise<PruneResult> {
  // Refused before anything is read, tags or not.
  planRetention([], options, context.nowMs)
  const { branches, goes, stamp } = await planPrune(context, options)
  const policy = describePolicy(options)
  const { catalog, pruned, nowMs } = context
  if (!options.dryRun && goes.length > 0) {
    catalog.upgrade()
    catalog.write((tx) => {
      if (rootsStamp(tx) !== stamp) {
        throw new VarveError(
          'REF_CONFLICT',
          'a branch, tag or folder moved while the plan was made; nothing was pruned',
          {
            hint: 'Run the command again.',
          },
        )
      }
      for (const id of goes) pruned.add(tx, { id, timeMs: nowMs, policy })
      forgetHistories(tx)
    })
  }
  return { dryRun: options.dryRun === true, branches, pruned: goes, policy }
}

async function planPrune(context: PruneContext, options: PruneOptions): Promise<Plan> {
  const { catalog, refs, worktrees, replacements, nowMs } = context
  const { stamp, all, heads, inPlace } = catalog.snapshot((tx) => ({
    stamp: rootsStamp(tx),
    all: refs.list().map(describeRef),
    heads: worktrees.list().flatMap(({ path, head }) => (head === undefined ? [] : [{ path, id: head }])),
    inPlace: replacements.list(),
  }))
  const branches = all.filter(({ kind }) => kind === 'branch')
  const tags = all.filter(({ kind }) => kind === 'tag')
  const chosen = chosenBranches(branches, options.branches)
  const keepTags = tagPatterns(tags, options.keepTags)
  const tagsAt = new Map<Hash, string[]>()
  for (const { name, target } of tags) tagsAt.set(target, [...(tagsAt.get(target) ?? []), name])

  /** Why a commit stays, whatever the policy says. */
  const needed = new Map<Hash, string>()
  for (const { id, by } of inPlace) {
    if (await context.isThere(id)) needed.set(by, `replacement of ${shortHash(id)}`)
  }
  for (const { path, id } of heads) needed.set(id, `HEAD of ${path}`)
  for (const { name, target } of branches) needed.set(target, `tip of ${name}`)
  for (const { name, target } of branches.filter((branch) => !chosen.includes(branch))) {
    for await (const { id } of walkCommits(context.reader, [target], { signal: options.signal })) {
      if (!needed.has(id)) needed.set(id, `in ${name}`)
    }
  }
  const reasonsById = new Map<Hash, Set<string>>()
  const chains: { readonly name: string; readonly chain: readonly ChainCommit[] }[] = []
  for (const { name, target } of chosen) {
    const chain = await firstParents(context, target, options.signal)
    chains.push({ name, chain })
    const commits = chain.map(({ id, commit }) => ({
      id,
      timeMs: commit.committer.timeMs,
      zoneMinutes: commit.committer.zoneMinutes,
      tags: tagsAt.get(id) ?? [],
      isTip: id === target,
    }))
    for (const { id, reasons } of planRetention(commits, { ...options, keepTags }, nowMs)) {
      const known = reasonsById.get(id) ?? new Set()
      for (const reason of reasons) known.add(reason === 'tip' ? `tip of ${name}` : reason)
      const need = needed.get(id)
      if (need !== undefined) known.add(need)
      reasonsById.set(id, known)
    }
  }
  const goes = [...reasonsById].filter(([, reasons]) => reasons.size === 0).map(([id]) => id)
  const told = chains.map(({ name, chain }) => ({
    name,
    commits: chain.map(({ id, commit }) => verdictOf(id, commit, [...(reasonsById.get(id) ?? [])])),
  }))
  return { stamp, branches: told, goes }
}

interface ChainCommit {
  readonly id: Hash
  readonly commit: Commit
}

/** Newest first; without those that have no files any more: they would take a place among those that are counted. */
async function firstParents(
  { reader, pruned }: PruneContext,
  tip: Hash,
  signal: AbortSignal | undefined,
): Promise<ChainCommit[]> {
  const chain: ChainCommit[] = []
  for (let id: Hash | undefined = tip; id !== undefined; ) {
    throwIfCancelled(signal)
    const commit: Commit = await readCommit(reader, id)
    if (!pruned.has(id)) chain.push({ id, commit })
    id = commit.parents[0]
  }
  return chain
}

function verdictOf(id: Hash, { committer, message }: Commit, reasons: readonly string[]): PruneVerdict {
  const { timeMs, zoneMinutes } = committer
  return { id, timeMs, zoneMinutes, subject: message.split('\n', 1)[0] ?? '', reasons }
}

/** @throws {VarveError} `INVALID_ARGUMENT` for a pattern that matches none */
function chosenBranches(branches: readonly RefInfo[], patterns: readonly string[] | undefined): readonly RefInfo[] {
  if (patterns === undefined) return branches
  for (const pattern of patterns) requireMatch(pattern, 'branch', branches)
  return branches.filter(({ name }) => patterns.some((pattern) => matchesName(pattern, name)))
}

/** All tags keep what they point at, unless some are named. @throws {VarveError} `INVALID_ARGUMENT` for a pattern that matches none */
function tagPatterns(tags: readonly RefInfo[], patterns: readonly string[] | undefined): readonly string[] {
  if (patterns === undefined || patterns.length === 0) return ['*']
  for (const pattern of patterns) requireMatch(pattern, 'tag', tags)
  return patterns
}

function requireMatch(pattern: string, kind: 'branch' | 'tag', known: readonly RefInfo[]): void {
  requireNamePattern(pattern, kind)
  if (known.some(({ name }) => matchesName(pattern, name))) return
  throw new VarveError('INVALID_ARGUMENT', `no ${kind} matches ${JSON.stringify(pattern)}`, {
    actual: pattern,
    candidates: known.map(({ name }) => name),
    hint: 'Nothing was pruned.',
  })
}

function describePolicy(options: PruneOptions): string {
  const numbers = [
    ['last', options.keepLast],
    ['hourly', options.keepHourly],
    ['daily', options.keepDaily],
    ['weekly', options.keepWeekly],
    ['monthly', options.keepMonthly],
    ['yearly', options.keepYearly],
  ] as const
  const parts = numbers.flatMap(([name, count = 0]) => (count > 0 ? [`${name} ${count}`] : []))
  if ((options.keepWithinMs ?? 0) > 0) parts.push(`within ${formatDuration(options.keepWithinMs ?? 0)}`)
  if ((options.keepTags ?? []).length > 0) parts.push(`tags ${options.keepTags?.join(' ')}`)
  return `keep ${parts.join(', ')}`
}
