/**
 * Replaces one object by another, and takes that back.
 *
 * Both are kept: what takes the place is a root of gc (gcRoots.ts), with all below it; the original stays as long as anything
 * names it. Whoever moves something else in place of something meanwhile is noticed by the sum of the rows.
 */
import { VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { makeReachable, type Reach } from '../cas/makeReachable.js'
import { KIND } from '../format/kinds.js'
import type { PrunedCommits } from '../refs/pruned.js'
import type { Replacement, Replacements } from '../refs/replacements.js'
import type { KindName } from './asked.js'
import { kindName } from './asked.js'
import { leadsTo, nameOf, requireReplaceable, type StoredObject } from './replaceable.js'

/** A replacement as callers see it. */
export interface ReplacementInfo extends Replacement {
  /** What both are; absent while what takes the place cannot be found. */
  readonly kind?: KindName | undefined
  /** Whether the original is still in the store: one that was erased cannot be shown again. */
  readonly isOriginalThere: boolean
}

export interface ReplaceContext {
  /** As readers see it. */
  readonly store: ChunkStore
  readonly pruned: PrunedCommits
  readonly replacements: Replacements
  /** All below what takes the place, its history included. */
  reach(root: StoredObject): Reach
}

export interface ReplaceRequest {
  readonly a: StoredObject
  readonly b: StoredObject
  readonly reason: string
  readonly who: string
  readonly timeMs: number
  readonly force: boolean
}

/** Replacements that hang together, at most. */
const CHAIN_MAX = 100

/**
 * Durable when resolved.
 * @throws {VarveError} `INVALID_ARGUMENT`, `ALREADY_EXISTS`, `LIMIT_EXCEEDED`, `PRUNED`, `MISSING_CHUNK`; `REF_CONFLICT` when
 * replacements came or went meanwhile
 */
export async function replaceObject(context: ReplaceContext, request: ReplaceRequest): Promise<Replacement> {
  const { store, replacements, pruned } = context
  const { a, b, reason, who, timeMs } = request
  const { stamp } = replacements
  requireRoom(replacements, request)
  if (b.kind === KIND.commit) pruned.requireFiles(b.id)
  await requireReplaceable(store, a, b)
  if (await leadsTo(store, b, a)) throw ring(a, b)
  store.group.catalog.upgrade()
  const replacement: Replacement = { id: a.id, by: b.id, reason, who, timeMs }
  await makeReachable(
    store,
    (epoch) => (epoch === 0 ? undefined : context.reach(b)),
    (tx) => {
      if (replacements.stamp !== stamp) throw conflict()
      if (b.kind === KIND.commit) pruned.requireFiles(b.id)
      replacements.add(tx, replacement)
    },
  )
  return replacement
}

/** Sorted by the id that is replaced. @throws {CorruptionError} `CORRUPT_CATALOG` */
export async function describeReplacements(
  { originals }: ChunkStore,
  replacements: readonly Replacement[],
): Promise<ReplacementInfo[]> {
  const there = await originals.find(replacements.map(({ id }) => id))
  const described: ReplacementInfo[] = []
  for (const replacement of replacements) {
    const kind = await originals.kindOf(replacement.by)
    described.push({
      ...replacement,
      ...(kind === undefined ? {} : { kind: kindName(kind) }),
      isOriginalThere: there.has(replacement.id),
    })
  }
  return described
}

/** Commits that are kept because they take the place of something. @throws {CorruptionError} `CORRUPT_EXTENT` */
export async function commitsInPlace(originals: ChunkStore, replacements: readonly Replacement[]): Promise<Hash[]> {
  const found: Hash[] = []
  for (const { id, by } of replacements) {
    const isKept = (await originals.kindOf(id)) !== undefined && (await originals.kindOf(by)) === KIND.commit
    if (isKept) found.push(by)
  }
  return found
}

/**
 * Durable when resolved.
 * @param force also where the original is gone: then nothing answers for its id any more
 * @throws {VarveError} `INVALID_ARGUMENT` when the original is gone, `REF_CONFLICT`
 */
export async function undoReplacement(
  { store, replacements }: Pick<ReplaceContext, 'store' | 'replacements'>,
  replacement: Replacement,
  force: boolean,
): Promise<void> {
  const { id, by } = replacement
  const { catalog } = store.group
  const { stamp } = replacements
  if (!force && !(await store.find([id])).has(id)) {
    throw new VarveError(
      'INVALID_ARGUMENT',
      `${shortHash(id)} is not in the store any more: there is nothing to show again instead of ${shortHash(by)}`,
      { id, hint: 'To forget what took its place all the same, force it: then nothing answers for the old id.' },
    )
  }
  catalog.write((tx) => {
    if (replacements.stamp !== stamp) throw conflict()
    replacements.remove(tx, id)
  })
}

/** The one that is meant by an id, or digits that it begins with. @throws {VarveError} `AMBIGUOUS_REVISION` */
export function findReplaced(replacements: Replacements, text: string): Replacement | undefined {
  if (!/^[0-9a-f]{4,64}$/i.test(text)) return undefined
  const found = replacements.list().filter(({ id }) => id.startsWith(text.toLowerCase()))
  if (found.length <= 1) return found[0]
  const candidates = found.map(({ id }) => id)
  throw new VarveError(
    'AMBIGUOUS_REVISION',
    `${JSON.stringify(text)} may mean ${candidates.map(shortHash).join(', ')}`,
    {
      actual: text,
      candidates,
      hint: `Write more digits, up to ${2 * HASH_BYTES}.`,
    },
  )
}

/** What the rows that are there have against one more. */
function requireRoom(replacements: Replacements, { a, b, force }: ReplaceRequest): void {
  if (a.id === b.id) {
    throw new VarveError('INVALID_ARGUMENT', `${nameOf(a)} cannot take its own place`, { id: a.id, actual: b.id })
  }
  const known = replacements.get(a.id)
  if (known && !force) throw alreadyReplaced(known)
  const next = new Map(replacements.list().map(({ id, by }) => [id, by]))
  next.set(a.id, b.id)
  if (stepsFrom(next, a.id) === undefined) throw ring(a, b)
  // What ends in the one that is replaced gets longer with it.
  const longest = Math.max(...[...next.keys()].map((id) => stepsFrom(next, id) ?? 0))
  if (longest <= CHAIN_MAX) return
  throw new VarveError('LIMIT_EXCEEDED', `${longest} replacements would hang together`, {
    expected: `at most ${CHAIN_MAX}`,
    actual: longest,
    hint: `Replace ${shortHash(a.id)} by what is to be seen in the end.`,
  })
}

/** How many replacements lead from an id to where they end; `undefined` where they never do. */
function stepsFrom(next: ReadonlyMap<Hash, Hash>, from: Hash): number | undefined {
  let steps = 0
  for (let at = next.get(from); at !== undefined; at = next.get(at)) if (++steps > next.size) return undefined
  return steps
}

function alreadyReplaced({ id, by }: Replacement): VarveError {
  return new VarveError('ALREADY_EXISTS', `${shortHash(id)} is replaced already, by ${shortHash(by)}`, {
    id,
    actual: by,
    hint: 'Undo that first, or force it.',
  })
}

function ring(a: StoredObject, b: StoredObject): VarveError {
  return new VarveError(
    'INVALID_ARGUMENT',
    `${nameOf(b)} cannot take the place of ${nameOf(a)}: it leads back to it, and nobody would ever come to an end`,
    { id: a.id, actual: b.id },
  )
}

function conflict(): VarveError {
  return new VarveError('REF_CONFLICT', 'other replacements came or went meanwhile; nothing was changed', {
    hint: 'Run the command again.',
  })
}
