/**
 * Moving a working folder from commit to commit, and bringing files of it back.
 *
 * A switch writes down what it is about to do before it touches a file, and removes that note when the folder stands where
 * it was to stand. What a killed switch leaves is a mixture of two known trees and whatever somebody changed: it can
 * be gone on with, or gone back on, and neither loses what is in neither tree.
 */
import { CorruptionError, VarveError } from './base/errors.js'
import { type Hash, shortHash } from './base/hash.js'
import { type ByteName, nameToBytes, nameToText, ROOT_NAME } from './base/names.js'
import type { WorkOptions } from './base/progress.js'
import { makeReachable } from './cas/makeReachable.js'
import { FolderState } from './folderState.js'
import { entryAt, pathNotFound, rootEntry, type TreeRoot } from './history/entries.js'
import { requireRecorded } from './history/listing.js'
import { joinPath, type PathLike, parsePath } from './history/paths.js'
import { diffRecorded, type RecordedChange } from './history/recordedDiff.js'
import { parseAttributes } from './refs/properties.js'
import { branchRef, shortRef } from './refs/refName.js'
import { refExists } from './refs/refs.js'
import { idsBelow, signatureNow } from './session.js'
import { applyCheckout, type CheckoutPlan } from './worktree/checkout.js'
import { isOfGit } from './worktree/checkoutNames.js'
import { type CheckoutOptions, planCheckout } from './worktree/checkoutPlan.js'
import { select } from './worktree/selection.js'
import { treeSteps } from './worktree/treeSteps.js'

export interface SwitchOptions extends WorkOptions {
  /** Make this branch at `rev` and stand on it. */
  readonly create?: string | undefined
  /** Stand at the commit itself, on no branch. */
  readonly detach?: boolean | undefined
  /** Give up uncommitted changes of files that the commit has. Files it does not have stay, unless they are in the way. */
  readonly force?: boolean | undefined
}

export interface SwitchResult {
  /** `undefined`: detached. */
  readonly branch: string | undefined
  readonly id: Hash
  readonly written: number
  readonly removed: number
  readonly warnings: readonly string[]
}

export interface RestoreOptions extends WorkOptions {
  /** A revision. Default: where the folder stands. */
  readonly from?: string | undefined
}

export interface RestoreResult {
  readonly written: number
  readonly removed: number
  readonly warnings: readonly string[]
}

/** Where a switch leads. */
interface Goal {
  readonly id: Hash
  /** Full; `undefined`: detached. */
  readonly branch: string | undefined
  readonly isNewBranch: boolean
}

export abstract class FolderSwitch extends FolderState {
  /**
   * Brings the folder to a branch, or with `detach` to any commit. Files that are the same in both stay as they are,
   * with whatever was done to them; uncommitted changes of others are in the way. Contents are written beside and renamed.
   *
   * @param rev a branch; any revision with `create` or `detach`
   * @throws {VarveError} `UNCOMMITTED_CHANGES` (`details.paths`: all that is in the way; nothing was changed),
   * `UNKNOWN_REVISION`, `REF_EXISTS`, `REF_CONFLICT` when the branch is in another folder, `SWITCH_INTERRUPTED`,
   * `UNSAFE_PATH`, `NAME_CLASH`, `UNREADABLE_FILES`; `STORAGE_FULL` and the like, and `ALREADY_EXISTS` for what somebody
   * changed meanwhile: after these `continueSwitch` or `abortSwitch`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.commit({ message: 'First' })
   * const { branch } = await folder.switchTo('HEAD', { create: 'idea' })
   * console.log(branch)
   * ```
   */
  async switchTo(rev: string, options: SwitchOptions = {}): Promise<SwitchResult> {
    return this.alone(async () => {
      this.requireNoSwitch()
      return this.goTo(await this.goalOf(rev, options), await this.tree(), options)
    })
  }

  /**
   * Goes on with a switch that was interrupted.
   * @throws {VarveError} `INVALID_ARGUMENT` when there is none; as `switchTo`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * if ((await folder.status()).interrupted) await folder.continueSwitch()
   * ```
   */
  async continueSwitch(options: Pick<SwitchOptions, 'force' | 'signal' | 'onProgress'> = {}): Promise<SwitchResult> {
    return this.alone(async () => {
      const { to, branch } = this.requireSwitch()
      const full = branch === undefined ? undefined : branchRef(branch)
      const isNewBranch = full !== undefined && this.session.refs.get(full) === undefined
      return this.goTo({ id: to, branch: full, isNewBranch }, await this.tree(), { ...options, resumes: true })
    })
  }

  /**
   * Goes back on a switch that was interrupted: the folder stands where it stood before. What is in it as neither of the
   * two commits has it stays.
   * @throws {VarveError} `INVALID_ARGUMENT` when there is none; as `switchTo`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * if ((await folder.status()).interrupted) await folder.abortSwitch()
   * ```
   */
  async abortSwitch(options: Pick<SwitchOptions, 'force' | 'signal' | 'onProgress'> = {}): Promise<RestoreResult> {
    return this.alone(async () => {
      const { to } = this.requireSwitch()
      const [here, there] = [await this.tree(), await this.tree(to)]
      // What is as neither of the two has it was so before, or came meanwhile: it is nobody's to refuse.
      const plan = await this.plan(there, here, { ...options, resumes: true, leaves: true })
      const done = await applyCheckout(this.ids, this.session.fileSystem, this.root, here, plan, options)
      this.files.remove('switch')
      return done
    })
  }

  /**
   * Brings files and directories back as a revision has them, whatever was done to them: naming them is the permission to
   * overwrite. What the folder's commit has below a named directory, and the revision has not, is removed. What neither of
   * them knows is never lost, unless it stands itself at a path that is named.
   *
   * @param paths from the folder's root
   * @throws {VarveError} `PATH_NOT_FOUND` for what neither the revision nor the folder's commit has, `UNKNOWN_REVISION`,
   * `UNCOMMITTED_CHANGES` (`details.paths`: what no commit has, and is in the way; nothing was changed), `UNSAFE_PATH`,
   * `NAME_CLASH`, `STORAGE_FULL`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.commit({ message: 'First' })
   * await folder.restore(['readme.txt'])
   * ```
   */
  async restore(paths: readonly PathLike[], options: RestoreOptions = {}): Promise<RestoreResult> {
    const { from } = options
    return this.alone(async () => {
      const { fileSystem } = this.session
      const here = await this.tree()
      const there = from === undefined ? here : (await this.repository.at(from)).root
      const named = new Set(paths.map((path) => joinPath(parsePath(path))))
      const plan = await this.planOf(here, there, this.changesBelow(here, there, named), {
        ...options,
        insists: true,
        discards: (path, isTracked) => named.has(path) || (isTracked && !isOfGit(path)),
      })
      if (plan.conflicts.length > 0) {
        const lost = plan.conflicts.map(nameToText)
        throw new VarveError('UNCOMMITTED_CHANGES', `${counted(lost)} would be lost: ${shown(lost)}`, {
          paths: lost,
          hint: 'Nothing was changed. Move them away, or name what is to be overwritten itself.',
        })
      }
      return applyCheckout(this.ids, fileSystem, this.root, there, plan, options)
    })
  }

  private async goalOf(rev: string, { create, detach }: SwitchOptions): Promise<Goal> {
    const { refs } = this.session
    if (create !== undefined) {
      const branch = branchRef(create)
      const there = refs.get(branch)
      if (there) throw refExists(there)
      return { id: await this.repository.resolve(rev), branch, isNewBranch: true }
    }
    if (detach) return { id: await this.repository.resolve(rev), branch: undefined, isNewBranch: false }
    const found = isBranchName(rev) ? refs.get(branchRef(rev)) : undefined
    if (found) return { id: found.target, branch: found.name, isNewBranch: false }
    const id = await this.repository.resolve(rev)
    throw new VarveError('INVALID_ARGUMENT', `${JSON.stringify(rev)} is a commit (${shortHash(id)}), not a branch`, {
      actual: rev,
      hint: 'To stand at it without a branch: --detach. To begin one there: -c NEW.',
    })
  }

  private async goTo(goal: Goal, here: TreeRoot, options: SwitchPlanOptions): Promise<SwitchResult> {
    const { store, fileSystem, refs, worktrees } = this.session
    const { id, branch, isNewBranch } = goal
    // Asked again when the folder is moved; but then its files would have been.
    worktrees.requireFree({ id: this.row.id, branch })
    const there = await this.tree(id)
    const plan = await this.plan(here, there, options)
    const note = { from: this.row.head ?? null, to: id, branch: branch === undefined ? null : shortRef(branch) }
    this.files.write('switch', Buffer.from(`${JSON.stringify(note)}\n`))
    const done = await applyCheckout(this.ids, fileSystem, this.root, there, plan, options).catch(rethrowInterrupted)
    const { who } = signatureNow(this.session, undefined)
    const updates = branch !== undefined && isNewBranch ? [{ name: branch, expected: null, target: id }] : []
    await this.moveTo({ branch, head: id }, (move) =>
      makeReachable(
        store,
        // With all its history: nothing else may point at it.
        (epoch) => (epoch === 0 ? undefined : () => idsBelow(this.session, [id], { parents: true })),
        (tx) => {
          refs.apply(tx, updates, { operation: 'branch', message: 'switch', who })
          move(tx)
        },
      ),
    )
    this.files.remove('switch')
    this.carryCache(here, there, id, plan.directories)
    return { branch: this.head.branch, id, ...done }
  }

  /** @throws {VarveError} `UNCOMMITTED_CHANGES` */
  private async plan(from: TreeRoot, to: TreeRoot, options: SwitchPlanOptions): Promise<CheckoutPlan> {
    const { force = false } = options
    const plan = await this.planOf(from, to, this.changesBetween(from, to, options), {
      ...options,
      discards: (path) => force && !isOfGit(path),
    })
    if (plan.conflicts.length === 0) return plan
    const paths = plan.conflicts.map(nameToText)
    throw new VarveError('UNCOMMITTED_CHANGES', `${counted(paths)} would be overwritten: ${shown(paths)}`, {
      paths,
      hint: force
        ? 'Nothing was changed. Move them away: what a store or Git keeps is not given up.'
        : 'Nothing was changed. Commit them, move them away, or give them up with --force.',
    })
  }

  private async planOf(
    from: TreeRoot,
    to: TreeRoot,
    changes: AsyncIterable<RecordedChange>,
    options: CheckoutOptions,
  ): Promise<CheckoutPlan> {
    const { storeFiles } = this.scanning
    const links = parseAttributes(this.session.properties.get('attributes').value).includes('links')
    return planCheckout(this.ids, this.session.fileSystem, this.root, from, to, changes, {
      signal: options.signal,
      onProgress: options.onProgress,
      discards: options.discards,
      insists: options.insists,
      resumes: options.resumes,
      leaves: options.leaves,
      cache: this.cache(),
      storeFiles,
      links,
    })
  }

  /** What differs between two trees; if all else is given up, also between the folder and the second one. */
  private async *changesBetween(
    from: TreeRoot,
    to: TreeRoot,
    options: SwitchPlanOptions,
  ): AsyncGenerator<RecordedChange> {
    const { ids } = this
    yield* diffRecorded(ids, from, to)
    if (!options.force) return
    const { changes } = await this.changesFrom(to, { signal: options.signal, onProgress: options.onProgress })
    for (const { path, before } of changes) {
      if (!before) continue
      const { entry, recorded } = await requireRecorded(ids, to, path.split('/') as ByteName[])
      const side = { entry, attributes: recorded?.attributes ?? {} }
      yield { path, before: side, after: side }
    }
  }

  /**
   * What a revision has at and below some paths, and what only the folder's commit has there.
   * @throws {VarveError} `PATH_NOT_FOUND`
   */
  private async *changesBelow(
    here: TreeRoot,
    there: TreeRoot,
    named: ReadonlySet<ByteName>,
  ): AsyncGenerator<RecordedChange> {
    const { ids } = this
    const wanted: PathLike[] = []
    for (const path of named) {
      const segments = parsePath(nameToBytes(path))
      if (await entryAt(ids, rootEntry(there), segments)) wanted.push(nameToBytes(path))
      else if (!(await entryAt(ids, rootEntry(here), segments))) throw pathNotFound(segments)
    }
    const isWithin = (path: ByteName): boolean => path !== ROOT_NAME && isAtOrBelow(path, named)
    for await (const change of diffRecorded(ids, here, there)) if (isWithin(change.path)) yield change
    const { selection } = await select(ids, there, wanted)
    for await (const { is, path, entry, attributes } of treeSteps(ids, there, selection)) {
      if (is !== 'leave' && isWithin(path)) yield { path, before: { entry, attributes }, after: { entry, attributes } }
    }
  }

  private requireSwitch() {
    const interrupted = this.interrupted()
    if (interrupted) return interrupted
    throw new VarveError('INVALID_ARGUMENT', `no switch was interrupted in ${this.path}`, { path: this.path })
  }
}

type SwitchPlanOptions = Pick<SwitchOptions, 'force'> &
  Pick<CheckoutOptions, 'leaves' | 'resumes' | 'signal' | 'onProgress'>

/** Whether a path is one of these, or one of them leads to it. */
function isAtOrBelow(path: ByteName, named: ReadonlySet<ByteName>): boolean {
  if (named.has(ROOT_NAME) || named.has(path)) return true
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    if (named.has(path.slice(0, end) as ByteName)) return true
  }
  return false
}

function isBranchName(rev: string): boolean {
  try {
    branchRef(rev)
    return true
  } catch (error) {
    if (error instanceof VarveError) return false
    throw error
  }
}

/** Says how to go on, beside what is to be done about the error itself. */
function rethrowInterrupted(error: unknown): never {
  if (!(error instanceof VarveError)) throw error
  const { code, message, details, hint, cause } = error
  const next = 'go on with `varve switch --continue`, or back with `varve switch --abort`'
  const both = hint === undefined ? next : `${hint.replace(/[.]$/, '')}; then ${next}`
  const make = error instanceof CorruptionError ? CorruptionError : VarveError
  throw new make(code, message, { ...details, hint: both, cause: cause ?? error })
}

const NAMED_AT_MOST = 5

function counted(paths: readonly string[]): string {
  return paths.length === 1 ? 'one file' : `${paths.length} files`
}

function shown(paths: readonly string[]): string {
  const named = paths.slice(0, NAMED_AT_MOST).map((path) => JSON.stringify(path))
  return paths.length > named.length ? `${named.join(', ')} and ${paths.length - named.length} more` : named.join(', ')
}
