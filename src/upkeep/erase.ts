/**
 * Erasing paths from all history, so that their bytes cannot be got back from the store's files: plan → rewrite → switch →
 * destroy → rebuild the files → report.
 *
 * Whatever stands in the way is found before anything is changed: others at work, a folder in the middle of a switch, damage, no
 * room. The switch is one transaction. From there on a note says that the erasure is not finished; `finishErasure` goes on from
 * wherever it was interrupted, and finds out by itself what is left to do.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { nameFromBytes, nameToBytes, nameToText } from '../base/names.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import type { Compression } from '../codec/compressor.js'
import { describeRef } from '../refs/refs.js'
import type { Replacements } from '../refs/replacements.js'
import { type LeaseInfo, takeUpkeep } from '../volume/lease.js'
import { type AskDiskSpace, requireRebuildRoom } from '../volume/rebuild.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { FolderHealth } from './doctor.js'
import { destroyUnreachable, otherLeases, requireNoLeases } from './eraseDestroy.js'
import { rewriteHistory } from './eraseHistory.js'
import { keptContents } from './eraseKept.js'
import { type ErasePlan, type PlanContext, planErasure } from './erasePlan.js'
import { type ErasureReport, NOT_REACHED, sealReport } from './eraseReport.js'
import { type ErasureNote, ErasureState } from './eraseState.js'
import { PathGlobs } from './pathGlobs.js'

export interface EraseOptions extends WorkOptions {
  /**
   * From the root of the tree, such as `docs/secret.txt`; `*`, `?`, `[…]` and `**` are special as in .gitignore. A directory stands for
   * all below it.
   */
  readonly paths: readonly string[]
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
  /** Is kept in the log of operations, and in the report. */
  readonly reason?: string | undefined
}

export interface EraseResult {
  readonly dryRun: boolean
  /** Commits that are written anew: those that have such a path, and all that come after one. */
  readonly commits: number
  /** What matches, and is no directory. */
  readonly paths: readonly {
    readonly path: string
    readonly pathBytes: Buffer
    /** Different contents. */
    readonly versions: number
  }[]
  /** Branches, tags and folders that move. */
  readonly refs: readonly { readonly kind: 'branch' | 'tag' | 'folder'; readonly name: string }[]
  /** Raw bytes of contents that nothing else needs. */
  readonly bytes: number
  /** Commits that only the reflog beyond its term remembers, and that have such paths: they go as a whole. */
  readonly forgottenCommits: number
  /** Who is in the way: of a dry run. */
  readonly inTheWay: readonly LeaseInfo[]
  /** Why the files cannot be written anew: of a dry run. */
  readonly noRoom: string | undefined
  /** `undefined`: of a dry run. */
  readonly report: ErasureReport | undefined
}

export interface EraseContext extends PlanContext {
  readonly replacements: Replacements
  readonly compression: Compression
  readonly who: string
  readonly folders: () => readonly FolderHealth[]
  /** Makes the folders of the store forget what they know of files. */
  readonly forgetFolders: () => void
  /** Default: asks the system. */
  readonly diskSpace?: AskDiskSpace | undefined
}

/**
 * @throws {VarveError} `INVALID_ARGUMENT`, `PATH_NOT_FOUND` for a glob that matches nothing; `STORE_LOCKED` while anybody else has
 * the store open; `SWITCH_INTERRUPTED`, `STORAGE_FULL`, `PV_MISSING`, `REF_CONFLICT`, `STORAGE_READ_ONLY`, `CANCELLED`
 * @throws {CorruptionError}
 */
export async function erasePaths(context: EraseContext, options: EraseOptions): Promise<EraseResult> {
  const globs = new PathGlobs(options.paths)
  const { store } = context
  const { group } = store
  requireAllVolumes(group)
  const state = new ErasureState(group.catalog)
  if (options.dryRun) {
    state.requireNone()
    const plan = await planErasure(context, globs, options)
    const inTheWay = otherLeases(group.catalog)
    return { ...resultOf(plan, true), inTheWay, noRoom: roomProblem(context), report: undefined }
  }
  return alone(context, async () => {
    state.requireNone()
    requireNoSwitch(context)
    requireRoom(context)
    const plan = await planErasure(context, globs, options)
    group.catalog.upgrade()
    const { reason = '' } = options
    const nowMs = store.clock.nowMs()
    const rewrite = { ...context, reason, globs: options.paths, nowMs }
    await rewriteHistory(rewrite, plan, globs, options)
    const report = await finish(context, state, state.read(), options)
    return { ...resultOf(plan, false), inTheWay: [], noRoom: undefined, report }
  })
}

/**
 * Goes on with an erasure that was interrupted. Without one it writes the files anew all the same, and says nothing.
 * @throws as `erasePaths`
 */
export async function finishErasure(context: EraseContext, options: WorkOptions): Promise<ErasureReport | undefined> {
  requireAllVolumes(context.store.group)
  const state = new ErasureState(context.store.group.catalog)
  return alone(context, async () => {
    requireNoSwitch(context)
    requireRoom(context)
    return finish(context, state, state.read(), options)
  })
}

/** Keeps other upkeep out, and refuses while anybody else is there. */
async function alone<T>(context: EraseContext, body: () => Promise<T>): Promise<T> {
  const { group, clock } = context.store
  const { catalog } = group
  if (group.readOnly) {
    throw new VarveError('STORAGE_READ_ONLY', 'this store was opened for reading only', { path: catalog.path })
  }
  await group.sweep()
  const lease = takeUpkeep(catalog, clock)
  let result: T
  try {
    requireNoLeases(catalog, catalog.path, { isBegun: false })
    requireNobodyElse(group)
    await group.refresh()
    // Before anything is changed: without them nothing could be destroyed in the end.
    catalog.requireBases()
    result = await body()
  } finally {
    catalog.write((tx) => lease.release(tx))
  }
  // What was written last lies in the log still.
  await group.volume(0)?.giveBack(0)
  return result
}

/** Who has it open without a lease cannot be named. */
function requireNobodyElse(group: VolumeGroup): void {
  try {
    group.catalog.requireAlone()
  } catch (error) {
    if (!isVarveError(error, 'STORE_LOCKED')) throw error
    throw new VarveError('STORE_LOCKED', `${group.catalog.path} is open in another program; nothing was changed`, {
      path: group.catalog.path,
      cause: error,
      hint: 'Run the command again when no other program has the store open, not even to read.',
    })
  }
}

function requireAllVolumes(group: VolumeGroup): void {
  group.requireOpen()
  const [absent] = group.absent.values()
  if (absent) throw absent
}

/** It would go on to trees that are not there any more. */
function requireNoSwitch({ folders }: EraseContext): void {
  const interrupted = folders().find(({ state }) => state === 'interrupted')
  if (!interrupted) return
  throw new VarveError(
    'SWITCH_INTERRUPTED',
    `a switch was interrupted in the working folder ${interrupted.path}; nothing was changed`,
    { path: interrupted.path, hint: 'In it, run `varve switch --continue` or `varve switch --abort` first.' },
  )
}

/** @throws {VarveError} `STORAGE_FULL` */
function requireRoom({ store, diskSpace }: EraseContext): void {
  requireRebuildRoom(
    store.group.volumes.map(({ location }) => location),
    diskSpace,
  )
}

function roomProblem(context: EraseContext): string | undefined {
  try {
    requireRoom(context)
    return undefined
  } catch (error) {
    if (!isVarveError(error, 'STORAGE_FULL')) throw error
    return error.message
  }
}

function resultOf(plan: ErasePlan, dryRun: boolean): Omit<EraseResult, 'inTheWay' | 'noRoom' | 'report'> {
  return {
    dryRun,
    commits: plan.commits.length,
    paths: plan.paths.map(({ path, versions }) => ({
      path: nameToText(path),
      pathBytes: nameToBytes(path),
      versions,
    })),
    refs: [
      ...plan.refs.map(describeRef).map(({ kind, name }) => ({ kind, name })),
      ...plan.folders.map(({ path }) => ({ kind: 'folder' as const, name: path })),
    ],
    bytes: plan.bytes,
    forgottenCommits: plan.forgotten,
  }
}

async function finish(
  context: EraseContext,
  state: ErasureState,
  note: ErasureNote | undefined,
  options: WorkOptions,
): Promise<ErasureReport | undefined> {
  const { group } = context.store
  const { catalog } = group
  if (note) {
    const replaced = new Map(mapOf(state).map(({ old, new: by }) => [old, by]))
    const onDead = (chunks: readonly Hash[], objects: readonly Hash[]): void =>
      catalog.write((tx) => {
        state.append(tx, 'chunks', chunks)
        state.append(tx, 'objects', objects)
      })
    await group.bringRecoveryCopies()
    await destroyUnreachable({ ...context, replaced }, { onDead }, options)
    context.forgetFolders()
  }
  for (const [index, volume] of group.volumes.entries()) {
    options.onProgress?.({
      phase: 'erase',
      itemsDone: index,
      itemsTotal: group.volumes.length,
      bytesDone: 0,
      current: `writing ${volume.location} anew`,
    })
    throwIfCancelled(options.signal)
    await volume.rebuild()
  }
  const report = note && (await reportOf(context, state, note, options))
  // The last that is left of it.
  if (note) catalog.write((tx) => state.clear(tx))
  for (const volume of group.volumes) await volume.giveBack(Number.MAX_SAFE_INTEGER)
  return report
}

function mapOf(state: ErasureState): { readonly old: Hash; readonly new: Hash }[] {
  return state.list('map').map((line) => {
    const [old, by] = line.split(' ')
    return { old: old as Hash, new: by as Hash }
  })
}

async function reportOf(
  context: EraseContext,
  state: ErasureState,
  note: ErasureNote,
  options: WorkOptions,
): Promise<ErasureReport> {
  const { store } = context
  const { group } = store
  const gone = async (list: 'chunks' | 'objects'): Promise<Hash[]> => {
    const ids = state.list(list) as Hash[]
    // Somebody stored it again: it is not gone.
    const found = await store.find(ids)
    return ids.filter((id) => !found.has(id)).sort()
  }
  const { who, reason, globs, signaturesDropped } = note
  return sealReport({
    kind: 'varve-erasure',
    format: 1,
    store: group.layout.vg,
    time: new Date(note.startedMs).toISOString(),
    who,
    reason,
    globs,
    paths: state.list('paths').map(pathOf),
    commits: mapOf(state),
    signaturesDropped,
    refs: note.refs.map(({ kind, name, old, new: now }) => ({ kind, name, old: old as Hash, new: now as Hash })),
    destroyed: { chunks: await gone('chunks'), objects: await gone('objects') },
    kept: await keptContents(context, new Set(state.list('survivors') as Hash[]), options),
    files: group.volumes.map(({ location }) => location),
    notReached: NOT_REACHED,
  })
}

function pathOf(line: string): ErasureReport['paths'][number] {
  const [versions = '', base64 = ''] = line.split(' ')
  const bytes = Buffer.from(base64, 'base64')
  const path = nameToText(nameFromBytes(bytes))
  const isText = Buffer.from(path, 'utf8').equals(bytes)
  return { path, ...(isText ? {} : { pathBase64: base64 }), versions: Number(versions) }
}
