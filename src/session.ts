/** An open store's parts, and the steps that every way of committing shares. */
import { hostname, userInfo } from 'node:os'
import type { Clock } from './base/clock.js'
import { isVarveError, VarveError } from './base/errors.js'
import type { FileSystem } from './base/filesystem.js'
import type { Hash } from './base/hash.js'
import type { Randomness } from './base/random.js'
import type { ChunkStore } from './cas/chunkStore.js'
import { StoreWriter } from './cas/storeWriter.js'
import { parseCompression } from './codec/compressor.js'
import type { Commit, Signature } from './format/commit.js'
import { type CommitInfo, describeCommit, readCommit, writeCommit } from './history/commits.js'
import { type ReachRoot, reachable } from './history/reach.js'
import type { PendingWrites } from './pendingWrites.js'
import type { BranchVolumes } from './refs/branchVolumes.js'
import { type Properties, parsePercentage } from './refs/properties.js'
import type { PrunedCommits } from './refs/pruned.js'
import { branchRef } from './refs/refName.js'
import type { Refs } from './refs/refs.js'
import type { Replacements } from './refs/replacements.js'
import type { Worktrees } from './refs/worktrees.js'
import type { CatalogTransaction } from './volume/catalog.js'
import { describeFilling, fillings } from './volume/space.js'
import type { VolumeGroup } from './volume/volumeGroup.js'

export interface Session {
  readonly group: VolumeGroup
  readonly store: ChunkStore
  /** As the catalog has them. */
  readonly refs: Refs
  /** What waits in a batch, and with `pending.refs` the refs as this repository sees them. */
  readonly pending: PendingWrites
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
  readonly replacements: Replacements
  readonly properties: Properties
  readonly branchVolumes: BranchVolumes
  readonly clock: Clock
  readonly fileSystem: FileSystem
  readonly random: Randomness
}

/** @throws {VarveError} `STORAGE_READ_ONLY` */
export function requireWritable({ group }: Session): void {
  if (!group.readOnly) return
  throw new VarveError('STORAGE_READ_ONLY', 'this store was opened for reading only', { path: group.catalog.path })
}

/** @param branches that it writes for: by them it is known where what is written goes */
export function openWriter(session: Session, branches: readonly string[], signal?: AbortSignal): StoreWriter {
  requireWritable(session)
  const { branchVolumes, group } = session
  return new StoreWriter(session.store, {
    // Looked up when there is something to compress.
    compression: () => parseCompression(session.properties.get('compression').value),
    signal,
    usedBy: () => branchVolumes.usedBy(group.layout, branches),
  })
}

/** What is nearly full after something was committed to a branch (property `full-warn`), for people. */
export function spaceWarnings({ group, branchVolumes, properties }: Session, branch: string | undefined): string[] {
  const { catalog, layout } = group
  const isLimited =
    layout.logicalVolumes.some(({ virtualBytes }) => virtualBytes !== null) ||
    layout.physicalVolumes.every(({ capacityBytes, allocatable }) => capacityBytes !== null || !allocatable)
  if (!isLimited) return []
  try {
    const part = parsePercentage('full-warn', properties.get('full-warn').value) / 100
    const usedBy = branchVolumes.usedBy(layout, branch === undefined ? [] : [branch])
    return fillings(catalog, layout, usedBy, part).map(describeFilling)
  } catch (error) {
    // It is committed; whoever needs the damaged row next is told so.
    if (isVarveError(error)) return []
    throw error
  }
}

/** Who commits, and now: what was asked for, else the store's `author`, else user@host. */
export function signatureNow(session: Session, author: string | undefined): Signature {
  const who = author ?? (session.properties.get('author').value || defaultAuthor())
  if (who.trim() === '' || /[\0\n\r]/.test(who)) {
    throw new VarveError('INVALID_ARGUMENT', 'an author is one line of text, such as `Name <mail>`', { actual: who })
  }
  const timeMs = session.clock.nowMs()
  return { who, timeMs, zoneMinutes: session.clock.zoneMinutes(timeMs) }
}

function defaultAuthor(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch (error) {
    // Some containers run under a user that has no name.
    if (error instanceof Error && 'syscall' in error) return `unknown@${hostname()}`
    throw error
  }
}

/** Whether readers find no files at a commit: it was pruned, or what took its place. */
export function filesLost({ pruned, replacements }: Session): { has(id: Hash): boolean } {
  return { has: (id) => pruned.has(replacements.resolve(id)) }
}

/** @throws {VarveError} `PRUNED` when readers find no files at a commit */
export function requireFiles({ pruned, replacements }: Session, id: Hash): void {
  pruned.requireFiles(replacements.resolve(id))
}

/** Where a branch stands: `undefined` before its first commit. */
export async function branchTip(session: Session, branch: string): Promise<{ id: Hash; commit: Commit } | undefined> {
  const target = session.pending.refs.get(branchRef(branch))?.target
  return target && { id: target, commit: await readCommit(session.store, target) }
}

export interface NewCommit {
  /** `undefined`: no branch moves. */
  readonly branch: string | undefined
  /** The branch must still stand here (compare-and-swap); `undefined`: it must not exist. */
  readonly parent: Hash | undefined
  readonly tree: Pick<Commit, 'tree' | 'files' | 'attributes'>
  readonly message: string
  readonly author: Signature
  readonly operation: string
  /** Trees taken over from elsewhere by id. */
  readonly adopted?: (() => AsyncIterable<Hash>) | undefined
  /** Whether an open batch may take it. */
  readonly batched?: boolean | undefined
  /** What else happens in the same transaction. */
  readonly also?: ((tx: CatalogTransaction, id: Hash) => void) | undefined
}

/**
 * Writes the commit object, publishes everything `writer` holds and moves the branch, in one transaction. Durable when
 * resolved, unless a batch takes it. @throws {VarveError} `REF_CONFLICT` when the branch moved
 */
export async function publishCommit(session: Session, writer: StoreWriter, make: NewCommit): Promise<CommitInfo> {
  const commit: Commit = {
    ...make.tree,
    parents: make.parent === undefined ? [] : [make.parent],
    author: make.author,
    committer: make.author,
    message: make.message,
    extraHeaders: [],
  }
  const id = await writeCommit(writer, commit)
  const log = { operation: make.operation, message: make.message.split('\n', 1)[0] ?? '', who: make.author.who }
  const { adopted, also } = make
  const updates =
    make.branch === undefined ? [] : [{ name: branchRef(make.branch), expected: make.parent ?? null, target: id }]
  if (make.batched) {
    const step = { updates, log, timeMs: session.clock.nowMs(), isOwn: adopted === undefined }
    if (await session.pending.add({ writer, step, commit: id, adopted })) {
      await writer.handOver()
      return describeCommit(id, commit)
    }
  }
  await session.pending.alone(() =>
    writer.publish({
      apply: (tx) => {
        if (updates.length > 0) session.refs.apply(tx, updates, log, adopted === undefined)
        also?.(tx, id)
      },
      reach: () => idsBelow(session, [id]),
      adopted,
    }),
  )
  return describeCommit(id, commit)
}

/** Every chunk and object below these roots; of a commit without its parents, unless asked for. */
export async function* idsBelow(
  session: Session,
  roots: readonly ReachRoot[],
  options: { readonly parents?: boolean } = {},
): AsyncGenerator<Hash> {
  const { store, pruned } = session
  for await (const { id } of reachable(store.originals, roots, { parents: options.parents ?? false, pruned })) yield id
}

/**
 * Runs `attempt` again while the branch moves under it, up to `retries` times.
 * @param retries 0 = the first conflict is the caller's
 * @param moveOn brings the work onto the new tip before the next attempt; what it throws is final
 */
export async function retrying<T>(retries: number, attempt: () => Promise<T>, moveOn: () => Promise<void>): Promise<T> {
  for (let left = retries; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left <= 0 || !isVarveError(error, 'REF_CONFLICT')) throw error
    }
    await moveOn()
  }
}
