/**
 * Why gc keeps what it keeps: of a chunk, an object, an extent, or of all that a file or directory of a revision needs.
 *
 * A file is its manifests and chunks, each counted once, however often it holds them; a directory is its trees and all below. What
 * is recorded beside them (times, modes), and the directories above, are not counted.
 */
import { type Hash, shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { TreeEntry, TreeEntryKind } from '../format/tree.js'
import { requireEntry, rootEntry } from '../history/entries.js'
import { contentLinks } from '../history/links.js'
import { parsePath } from '../history/paths.js'
import type { Snapshot } from '../history/snapshot.js'
import { parseRevision } from '../refs/revisionSyntax.js'
import { findAsked, kindName, malformedQuestion, parseQuestion, type UnreadableObject } from './asked.js'
import type { Amount } from './census.js'
import { type Fate, GcForecast, type Stored } from './fate.js'
import { UsageSearch, visitTraces } from './usage.js'
import {
  describeAnswer,
  Problems,
  requireKnown,
  rootsNow,
  type UsageContext,
  usersOf,
  type WhichResult,
} from './which.js'

export interface ExplainOptions {
  readonly signal?: AbortSignal | undefined
}

/** `chunks`: chunks and objects, each once; `bytes`: raw. */
export interface Explanation extends Amount {
  readonly kind: WhichResult['kind'] | TreeEntryKind
  /** Of a chunk or object. */
  readonly id?: Hash | undefined
  readonly extent?: number | undefined
  /** Of a file or directory: the commit that was looked at. */
  readonly commit?: Hash | undefined
  /** From the root, for people. */
  readonly path?: string | undefined
  /** What becomes of how much of it. */
  readonly fates: readonly Fate[]
  /** Of a file or directory: what of it no other commit needs; absent when something could not be looked at. */
  readonly onlyHere?: Amount | undefined
  /** What could not be looked at: more may be kept, or for more reasons. */
  readonly unreadable: readonly UnreadableObject[]
}

export interface ExplainContext extends UsageContext {
  /** The files of a revision. */
  at(revision: string): Promise<Snapshot>
}

const LOOKUP_BATCH = 500

/**
 * @param what an id or a prefix of one, `extent:NUMBER`, `REV:PATH`, or a path of HEAD
 * @throws {VarveError} as `whichUse` and `Repository.at`; `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_PATH`
 */
export async function explainKeeping(
  context: ExplainContext,
  what: string,
  { signal }: ExplainOptions = {},
): Promise<Explanation> {
  const question = parseQuestion(what)
  if (!question) return explainEntry(context, what, signal)
  const problems = new Problems()
  const answer = await findAsked(context.store, question, (problem) => problems.add(problem))
  const roots = rootsNow(context)
  const users = await usersOf(context, answer.wanted, answer.kinds, roots, problems, signal)
  requireKnown(answer, users)
  const stored = [...answer.wanted].map(([id, bytes]) => ({ id, bytes }))
  return {
    ...describeAnswer(answer, users),
    ...amountOf(stored),
    fates: new GcForecast(context, roots).fatesOf(stored, users),
    unreadable: problems.list(),
  }
}

async function explainEntry(
  context: ExplainContext,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Explanation> {
  // More likely a variable that is not set than all of HEAD.
  if (what === '') throw malformedQuestion(what)
  const { commitText, path = '' } = what.includes(':') ? parseRevision(what) : { commitText: '', path: what }
  const segments = parsePath(what.includes(':') ? Buffer.from(path, 'latin1') : path)
  const snapshot = await context.at(commitText === '' ? 'HEAD' : commitText)
  const entry = await requireEntry(context.store, rootEntry(snapshot.root), segments)
  const problems = new Problems()
  const wanted = await idsBelow(context.store, entry, problems, signal)
  const roots = rootsNow(context)
  const users = await usersOf(context, wanted, new Set(wanted.values()), roots, problems, signal)
  const stored = await storedOf(context.store, wanted, problems)
  const unreadable = problems.list()
  const onlyHere = stored.filter(({ id }) => users.keepers.get(id)?.only === snapshot.id)
  return {
    kind: entry.kind,
    commit: snapshot.id,
    path: Buffer.from(segments.join('/'), 'latin1').toString('utf8'),
    ...amountOf(stored),
    fates: new GcForecast(context, roots).fatesOf(stored, users),
    // What could not be looked at might need it too.
    ...(unreadable.length === 0 ? { onlyHere: amountOf(onlyHere) } : {}),
    unreadable,
  }
}

/** All that the content of an entry is made of. */
async function idsBelow(
  store: ChunkStore,
  entry: TreeEntry,
  problems: Problems,
  signal: AbortSignal | undefined,
): Promise<Map<Hash, Kind>> {
  const search = new UsageSearch(store, {
    isWanted: () => true,
    onUnreadable: (link, error) => problems.take(link, error),
    signal,
  })
  const ids = new Map<Hash, Kind>()
  for (const link of contentLinks(entry.kind === 'directory' ? KIND.tree : KIND.manifest, entry.content)) {
    const trace = await search.trace(link)
    if (!trace) continue
    for (const { trace: found } of visitTraces(trace, (visit) => !ids.has(visit.trace.id)))
      ids.set(found.id, found.kind)
  }
  return ids
}

async function storedOf(store: ChunkStore, wanted: ReadonlyMap<Hash, Kind>, problems: Problems): Promise<Stored[]> {
  const ids = [...wanted]
  const stored: Stored[] = []
  for (let from = 0; from < ids.length; from += LOOKUP_BATCH) {
    const batch = ids.slice(from, from + LOOKUP_BATCH)
    const found = await store.find(batch.map(([id]) => id))
    for (const [id, kind] of batch) {
      const place = found.get(id)
      if (place) stored.push({ id, bytes: place.length })
      else {
        const what = kindName(kind)
        const message = `${what} ${shortHash(id)} is in no volume of the group`
        problems.add({ kind: what, id, code: 'MISSING_CHUNK', message })
      }
    }
  }
  return stored
}

function amountOf(stored: readonly Stored[]): Amount {
  return { chunks: stored.length, bytes: stored.reduce((sum, { bytes }) => sum + bytes, 0) }
}
