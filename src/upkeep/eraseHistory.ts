/**
 * History written anew without some paths, and the refs moved on to it.
 *
 * Commits are written from the oldest on; each keeps all but its tree, its parents, and a signature, which would not be true any
 * more. Nobody sees them until one transaction moves all refs and folders, says which commit took the place of which, and notes
 * that the erasure is not finished. Whoever moved anything meanwhile has it fail, and nothing is changed.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { StoreWriter } from '../cas/storeWriter.js'
import type { Compression } from '../codec/compressor.js'
import type { Commit } from '../format/commit.js'
import { readCommit, writeCommit } from '../history/commits.js'
import { reachable } from '../history/reach.js'
import { BranchVolumes } from '../refs/branchVolumes.js'
import { Properties } from '../refs/properties.js'
import { shortRef } from '../refs/refName.js'
import { describeRef } from '../refs/refs.js'
import type { Replacements } from '../refs/replacements.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { ErasePlan, PlanContext } from './erasePlan.js'
import { type ErasedRef, ErasureState } from './eraseState.js'
import { TreeEraser } from './eraseTree.js'
import { rootsStamp } from './gcRoots.js'
import type { PathGlobs } from './pathGlobs.js'

export interface RewriteContext extends PlanContext {
  readonly replacements: Replacements
  readonly compression: Compression
  readonly who: string
  readonly reason: string
  readonly globs: readonly string[]
  readonly nowMs: number
}

/** @throws {VarveError} `REF_CONFLICT` when a branch, tag or folder moved since the plan; then nothing was changed */
export async function rewriteHistory(
  context: RewriteContext,
  plan: ErasePlan,
  globs: PathGlobs,
  options: WorkOptions,
): Promise<void> {
  const { store, compression, pruned } = context
  // What comes lies as safely as all ask for that are led to it; others, which may be full, have no part in it.
  const led = plan.refs.map(({ name }) => shortRef(name))
  const volumes = new BranchVolumes(new Properties(store.group.catalog))
  const usedBy = () => volumes.usedBy(store.group.layout, led)
  const writer = new StoreWriter(store, { compression, bases: false, signal: options.signal, usedBy })
  try {
    const eraser = new TreeEraser(writer, globs)
    const map = new Map<Hash, Hash>()
    let signaturesDropped = 0
    for (const id of plan.commits) {
      throwIfCancelled(options.signal)
      const { signature, ...commit }: Commit = await readCommit(writer, id)
      if (signature !== undefined) signaturesDropped++
      // What a pruned one names is not there.
      const tree = pruned.has(id) ? commit : await eraser.without(commit)
      // Two that differed in what is erased alone are one now.
      const parents = [...new Set(commit.parents.map((parent) => map.get(parent) ?? parent))]
      const { tree: content, files, attributes } = tree
      map.set(id, await writeCommit(writer, { ...commit, tree: content, files, attributes, parents }))
      options.onProgress?.({
        phase: 'erase',
        itemsDone: map.size,
        itemsTotal: plan.commits.length,
        bytesDone: 0,
        current: `writing commit ${shortHash(id)} anew`,
      })
    }
    await writer.publish({
      apply: (tx) => switchHistory(tx, context, plan, map, signaturesDropped),
      reach: () => idsBelow(context, [...map.values()]),
    })
  } catch (error) {
    // The error at hand is the one to tell. A lease left behind is swept once this process is gone.
    await writer.abandon().catch(() => undefined)
    throw error
  }
}

async function* idsBelow({ store, pruned }: PlanContext, commits: readonly Hash[]): AsyncGenerator<Hash> {
  for await (const { id } of reachable(store, commits, { parents: true, pruned })) yield id
}

function switchHistory(
  tx: CatalogTransaction,
  context: RewriteContext,
  plan: ErasePlan,
  map: ReadonlyMap<Hash, Hash>,
  signaturesDropped: number,
): void {
  const { store, refs, worktrees, pruned, replacements, who, reason, globs, nowMs } = context
  const { catalog } = store.group
  if (rootsStamp(tx) !== plan.stamp) {
    throw new VarveError('REF_CONFLICT', 'a branch, tag or folder moved meanwhile; nothing was changed', {
      path: catalog.path,
      hint: 'Run the command again.',
    })
  }
  const moved: ErasedRef[] = []
  const updates = plan.refs.flatMap((row) => {
    const { name, target, message } = row
    const now = map.get(target)
    if (now === undefined) return []
    const { kind, name: short } = describeRef(row)
    moved.push({ kind, name: short, old: target, new: now })
    return [{ name, expected: target, target: now, message, force: true }]
  })
  refs.apply(tx, updates, { operation: 'erase', message: reason, who })
  for (const row of plan.folders) {
    const head = row.head && map.get(row.head)
    if (row.head === undefined || head === undefined) continue
    worktrees.move(tx, row, { ...row, head })
    moved.push({ kind: 'folder', name: row.path, old: row.head, new: head })
  }
  for (const [id, by] of map) {
    const shown = replacements.get(id)
    replacements.add(tx, { id, by, reason, who, timeMs: nowMs })
    // What readers saw in its place they see in the place of the new one.
    const end = shown && (map.get(shown.by) ?? shown.by)
    if (shown && end !== undefined && end !== by) replacements.add(tx, { ...shown, id: by, by: end })
    const was = pruned.get(id)
    if (!was) continue
    pruned.remove(tx, id)
    pruned.add(tx, { ...was, id: by })
  }
  const state = new ErasureState(catalog)
  state.write(tx, { startedMs: nowMs, who, reason, globs, signaturesDropped, refs: moved })
  state.append(
    tx,
    'map',
    [...map].map(([id, by]) => `${id} ${by}`),
  )
  state.append(
    tx,
    'paths',
    plan.paths.map(({ path, versions }) => `${versions} ${Buffer.from(path, 'latin1').toString('base64')}`),
  )
  state.append(tx, 'survivors', plan.survivors)
}
