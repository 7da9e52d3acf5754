/**
 * What logical volumes use, found by a walk over all that their branches and tags reach.
 *
 * While things are written, uses only come (volume/extentUses.ts): what nobody reaches any more keeps the copies it had, and a branch that
 * was led elsewhere may reach what was written for another logical volume. A walk puts both right.
 */
import type { Hash } from '../base/hash.js'
import type { WorkOptions } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Link } from '../history/links.js'
import { reachable } from '../history/reach.js'
import { type BranchVolumes, forgetAdopting } from '../refs/branchVolumes.js'
import type { PrunedCommits } from '../refs/pruned.js'
import { shortRef } from '../refs/refName.js'
import type { Refs } from '../refs/refs.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import { addUses, DEFAULT_LV, dropUse, isUsedBy, knowsUses, type UsedBy, usesOf } from '../volume/extentUses.js'
import { listLeases } from '../volume/lease.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { type GcRoot, gcRoots, linkOfRoot } from './gcRoots.js'
import { reflogTerm } from './reflogTerm.js'

export interface UsesContext {
  readonly store: ChunkStore
  readonly refs: Refs
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
  readonly volumes: BranchVolumes
}

/** Ids looked up together. */
const LOOKUP_IDS = 1000

/** Extents by logical volume. */
type Reached = ReadonlyMap<number, ReadonlySet<number>>

/**
 * Makes the rows of uses say what is used. Uses go only where nobody writes meanwhile: else the next walk takes them away. Does nothing
 * where there is one logical volume.
 * @throws {VarveError} `CANCELLED`, `MISSING_CHUNK`
 * @throws {CorruptionError} when history is damaged: then nothing was changed
 */
export async function settleUses(
  context: UsesContext,
  options: Pick<WorkOptions, 'signal' | 'onProgress'>,
): Promise<void> {
  const { group } = context.store
  await group.refresh()
  if (!knowsUses(group.catalog)) return
  // Of a writer that was killed: else it would be waited for.
  await group.sweep()
  while (!(await settleOnce(context, options)));
}

/** @returns false where extents were rewritten during the walk: what was found in them lies elsewhere now */
async function settleOnce(context: UsesContext, options: Pick<WorkOptions, 'signal' | 'onProgress'>): Promise<boolean> {
  const { catalog } = context.store.group
  const end = catalog.counter('next_eid')
  const before = stampOf(catalog, context)
  const reached = await reachedExtents(context, options)
  return catalog.write((tx) => {
    for (const eids of reached.values()) for (const eid of eids) if (!catalog.isVisible(eid)) return false
    for (const [lv, eids] of reached) for (const eid of eids) addUses(catalog, eid, [lv])
    if (before === undefined || stampOf(tx, context) !== before) return true
    const all = closures(context.store, reached)
    const isReached = (eid: number) => [...all.values()].some((eids) => eids.has(eid))
    const reachedRecords: { readonly eid: number; readonly storedBytes: number }[] = []
    catalog.eachExtent(({ record: { eid, storedBytes } }) => {
      // What nobody reaches is kept as it was, as long as it is kept.
      if (eid < end && isReached(eid)) reachedRecords.push({ eid, storedBytes })
    })
    // What is decoded through others first: as long as it is used, so are they.
    for (const record of reachedRecords.reverse()) {
      for (const lv of usesOf(catalog, record.eid)) {
        const isNeeded = catalog.dependants(record.eid).some((eid) => isUsedBy(catalog, eid, lv))
        if (!isNeeded && !all.get(lv)?.has(record.eid)) dropUse(catalog, record, lv)
      }
    }
    forgetAdopting(catalog, tx)
    return true
  })
}

/** What would be used, if all that is reached now were looked at. @throws as `settleUses` */
export async function reachedUses(
  context: UsesContext,
  options: Pick<WorkOptions, 'signal' | 'onProgress'>,
): Promise<(eid: number) => UsedBy> {
  const all = [...closures(context.store, await reachedExtents(context, options))]
  return (eid) => {
    const lvs = all.filter(([, eids]) => eids.has(eid)).map(([lv]) => lv)
    return lvs.length > 0 ? lvs.sort((a, b) => a - b) : usesOf(context.store.group.catalog, eid)
  }
}

/**
 * Unchanged as long as nothing was written, and no branch was given to another logical volume. `undefined` while somebody is about to write:
 * he may rely on what is not reached yet.
 */
function stampOf(tx: CatalogTransaction, { volumes }: UsesContext): string | undefined {
  if (listLeases(tx).some(({ kind }) => kind === 'writer')) return undefined
  const kept = JSON.stringify(volumes.list())
  return `${tx.counter('refs_sequence')} ${tx.counter('publish_sequence')} ${tx.counter('gc_epoch')} ${kept}`
}

async function reachedExtents(
  { store, refs, worktrees, pruned, volumes }: UsesContext,
  { signal, onProgress }: Pick<WorkOptions, 'signal' | 'onProgress'>,
): Promise<Reached> {
  const { group } = store
  const { roots } = gcRoots(group.catalog, refs, worktrees, reflogTerm(new UpkeepState(group.catalog)).from)
  const byVolume = new Map<number, Link[]>()
  for (const root of roots) {
    const link = await linkOfRoot(store.originals, root)
    const [lv = DEFAULT_LV] = volumes.usedBy(group.layout, namesOf(root, worktrees))
    if (link) byVolume.set(lv, [...(byVolume.get(lv) ?? []), link])
  }
  const reached = new Map<number, Set<number>>()
  let itemsDone = 0
  for (const [lv, links] of byVolume) {
    const eids = new Set<number>()
    reached.set(lv, eids)
    let batch: Hash[] = []
    const look = async (): Promise<void> => {
      for (const eid of await placesOf(store, batch, lv, eids)) eids.add(eid)
      itemsDone += batch.length
      onProgress?.({ phase: 'move', itemsDone, bytesDone: 0, current: 'looking at what is used' })
      batch = []
    }
    for await (const { id } of reachable(store.originals, links, { parents: true, pruned, signal })) {
      batch.push(id)
      if (batch.length >= LOOKUP_IDS) await look()
    }
    await look()
  }
  return reached
}

function namesOf({ kind, of }: GcRoot, worktrees: Worktrees): readonly string[] {
  if (kind === 'branch' || kind === 'tag') return [of]
  // A folder's commit is kept as the branch is that it is on.
  if (kind === 'head')
    return worktrees
      .list()
      .flatMap(({ path, branch }) => (path === of && branch !== undefined ? [shortRef(branch)] : []))
  return kind === 'reflog' ? [shortRef(of)] : []
}

/** Of each id one extent that it lies in: one that was found already or is used already, where there is such. */
async function placesOf(
  { group }: ChunkStore,
  ids: readonly Hash[],
  lv: number,
  known: ReadonlySet<number>,
): Promise<Set<number>> {
  const { catalog } = group
  const found = new Map<Hash, number[]>()
  for (const { hash, eid } of await group.lookup(ids)) found.set(hash, [...(found.get(hash) ?? []), eid])
  const places = new Set<number>()
  for (const eids of found.values()) {
    if (eids.some((eid) => known.has(eid) || places.has(eid))) continue
    const place = eids.find((eid) => isUsedBy(catalog, eid, lv)) ?? eids[0]
    if (place !== undefined) places.add(place)
  }
  return places
}

/** With all that these are decoded through. */
function closures({ bounds }: ChunkStore, reached: Reached): Reached {
  const all = new Map<number, Set<number>>()
  for (const [lv, eids] of reached) {
    const closure = new Set<number>()
    for (const eid of eids) for (const other of bounds.of(eid)?.through.keys() ?? []) closure.add(other)
    all.set(lv, closure)
  }
  return all
}
