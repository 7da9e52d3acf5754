/** Revisions, found: from what somebody wrote to the commit that is meant. */
import type { Clock } from '../base/clock.js'
import { VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, shortHash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import { firstParentAncestor, readCommit } from '../history/commits.js'
import { branchRef, isRefName, shortRef } from './refName.js'
import type { ReflogEntry, RefRow, Refs } from './refs.js'
import { type ParsedRevision, parseRevision, type Step } from './revisionSyntax.js'
import { suggest } from './suggestions.js'
import { parseTime } from './time.js'

export { parseRange } from './revisionSyntax.js'

export interface RevisionContext {
  readonly reader: ObjectReader
  readonly refs: Pick<Refs, 'get' | 'list' | 'history'>
  readonly clock: Clock
  /** The branch that `HEAD` and `@` stand for. */
  readonly head: string
  /** The commit that they stand for, where that is not simply where the branch is: in a working folder. */
  readonly headId?: Hash | undefined
  /** Ids of commits that begin with these hex digits. */
  findByPrefix(prefix: string): Promise<Hash[]>
  /** What took the place of a commit that is gone; itself, of any other. The reflog names it as it was. Default: itself. */
  successorOf?(id: Hash): Promise<Hash>
}

export interface ResolvedRevision {
  readonly id: Hash
  /** `undefined` unless the revision was written with `:`. */
  readonly path?: ByteName
}

const PREFIX_DIGITS_MIN = 4
const HEX_PATTERN = /^[0-9a-f]+$/i
const CANDIDATES_MAX = 20
const UPSTREAM_PATTERN = /^(u|upstream|push|-\d+)$/i

/**
 * @throws {VarveError} `UNKNOWN_REVISION` (`details.candidates`: names that may have been meant); `AMBIGUOUS_REVISION`
 * (`details.candidates`: what it may mean); `INVALID_ARGUMENT` for what is not written as a revision is, `INVALID_PATH`
 */
export async function resolveRevision(context: RevisionContext, text: string): Promise<ResolvedRevision> {
  const parsed = parseRevision(text)
  let id = await resolveBase(context, parsed)
  for (const step of parsed.steps) id = await follow(context, id, step)
  return { id, ...(parsed.path === undefined ? {} : { path: parsed.path }) }
}

async function resolveBase(context: RevisionContext, parsed: ParsedRevision): Promise<Hash> {
  if (parsed.at !== undefined) {
    const id = resolveInReflog(context, parsed, parsed.at)
    return context.successorOf?.(id) ?? id
  }
  const { name } = parsed
  if (name === 'HEAD') {
    if (context.headId !== undefined) return context.headId
    const row = context.refs.get(branchRef(context.head))
    if (row) return row.target
    const wanted = { ...parsed, name: context.head }
    throw unknown(wanted, `the branch ${JSON.stringify(context.head)} has no commits yet`, allNames(context))
  }
  const isHex = HEX_PATTERN.test(name)
  // A whole id is never a name: names that look like one are refused.
  if (!isHex || name.length < 2 * HASH_BYTES) {
    const row = findRef(context, parsed)
    if (row) return row.target
  }
  if (isHex && name.length >= PREFIX_DIGITS_MIN && name.length <= 2 * HASH_BYTES) {
    const found = await context.findByPrefix(name.toLowerCase())
    const [first, ...others] = [...new Set(found)].sort()
    if (first && others.length === 0) return first
    if (first) throw ambiguous(parsed, [first, ...others])
    throw unknown(parsed, `no branch or tag has this name, and no commit's id begins with it`, allNames(context))
  }
  const tooShort = isHex && name.length < PREFIX_DIGITS_MIN
  throw unknown(
    parsed,
    tooShort
      ? `no branch or tag has this name, and an id needs at least ${PREFIX_DIGITS_MIN} digits`
      : 'no branch or tag has this name',
    allNames(context),
  )
}

/** @throws {VarveError} `AMBIGUOUS_REVISION` when a branch and a tag have the name and point at two commits. */
function findRef(context: RevisionContext, parsed: ParsedRevision): RefRow | undefined {
  const rows = fullNames(parsed.name).flatMap((fullName) => context.refs.get(fullName) ?? [])
  const [first] = rows
  if (first && rows.some(({ target }) => target !== first.target)) {
    throw ambiguous(
      parsed,
      rows.map(({ name }) => name),
    )
  }
  return first
}

/** What a written name can be the name of. */
function fullNames(name: string): string[] {
  const names: string[] = []
  if (isRefName(name)) names.push(`heads/${name}`, `tags/${name}`)
  const full = name.replace(/^refs\//, '')
  if (/^(heads|tags)\/./.test(full)) names.push(full)
  return [...new Set(names)]
}

function resolveInReflog(context: RevisionContext, parsed: ParsedRevision, at: string): Hash {
  if (UPSTREAM_PATTERN.test(at)) {
    throw new VarveError('UNSUPPORTED', `@{${at}} is not understood`, {
      actual: parsed.text,
      hint: 'Write @{N} for the Nth move back, or @{time}.',
    })
  }
  const { history } = context.refs
  const isHead = parsed.name === 'HEAD'
  const name = isHead
    ? branchRef(context.head)
    : // A ref that was deleted still has its moves.
      (findRef(context, parsed)?.name ?? fullNames(parsed.name).find((fullName) => history.count(fullName) > 0))
  if (name === undefined) throw unknown(parsed, `no branch or tag ${JSON.stringify(parsed.name)}`, allNames(context))
  const index = /^\d+$/.test(at) ? Number(at) : undefined
  const entry =
    index === undefined ? entryAtTime(context, parsed, name, at) : entryAtIndex(context, parsed, name, index)
  if (entry.new === undefined) {
    throw unknown(parsed, `${shortRef(name)} was deleted there`, [], 'Go one further back.')
  }
  return entry.new
}

function entryAtIndex(context: RevisionContext, parsed: ParsedRevision, name: string, index: number): ReflogEntry {
  const entry = context.refs.history.entryAt(name, Math.min(index, Number.MAX_SAFE_INTEGER))
  if (entry) return entry
  const count = context.refs.history.count(name)
  throw unknown(parsed, `the reflog of ${shortRef(name)} has ${count} ${count === 1 ? 'entry' : 'entries'}, from @{0}`)
}

function entryAtTime(context: RevisionContext, parsed: ParsedRevision, name: string, at: string): ReflogEntry {
  const timeMs = parseTime(at, context.clock)
  const entry = context.refs.history.entryBefore(name, timeMs)
  if (entry) return entry
  const first = context.refs.history.firstEntry(name)
  throw unknown(
    parsed,
    first
      ? `the reflog of ${shortRef(name)} begins at ${new Date(first.timeMs).toISOString()}`
      : `the reflog of ${shortRef(name)} is empty`,
  )
}

async function follow(context: RevisionContext, id: Hash, step: Step): Promise<Hash> {
  const { reader } = context
  if (step.kind === '~') {
    const reached = await firstParentAncestor(reader, id, step.count)
    if (reached.generations === step.count) return reached.id
    throw new VarveError(
      'UNKNOWN_REVISION',
      `there is no ${step.text}: the history ends ${reached.generations} before ${shortHash(id)}`,
      { actual: step.text, expected: `at most ~${reached.generations}` },
    )
  }
  if (step.count === 0) return id
  const { parents } = await readCommit(reader, id)
  const parent = parents[step.count - 1]
  if (parent !== undefined) return parent
  const has = parents.length === 0 ? 'no parents' : parents.length === 1 ? 'one parent' : `${parents.length} parents`
  throw new VarveError('UNKNOWN_REVISION', `there is no ${step.text}: ${shortHash(id)} has ${has}`, {
    actual: step.text,
    expected: `at most ^${parents.length}`,
  })
}

function allNames(context: RevisionContext): string[] {
  return context.refs.list().map(({ name }) => shortRef(name))
}

function unknown(parsed: ParsedRevision, why: string, names: readonly string[] = [], hint?: string): VarveError {
  const candidates = suggest(parsed.name, names)
  const advice = candidates.length > 0 ? `Did you mean ${candidates.join(', ')}?` : hint
  return new VarveError('UNKNOWN_REVISION', `there is no revision ${JSON.stringify(parsed.text)}: ${why}`, {
    actual: parsed.text,
    candidates,
    ...(advice === undefined ? {} : { hint: advice }),
  })
}

function ambiguous(parsed: ParsedRevision, meanings: readonly string[]): VarveError {
  const candidates = meanings.slice(0, CANDIDATES_MAX)
  const shown = candidates
    .slice(0, 5)
    .map((meaning) => (meaning.length === 2 * HASH_BYTES ? meaning.slice(0, 16) : meaning))
  const more = meanings.length > shown.length ? `, and ${meanings.length - shown.length} more` : ''
  return new VarveError('AMBIGUOUS_REVISION', `${JSON.stringify(parsed.text)} may mean ${shown.join(', ')}${more}`, {
    actual: parsed.text,
    candidates,
    hint: 'Write more digits, or the full name of the ref.',
  })
}
