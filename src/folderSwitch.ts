/**
 * Moving a working folder from commit to commit, and bringing files of it back.
 *
 * A switch writes down what it is about to do before it touches a file, and removes that note when the folder stands where
 * it was to stand. What a killed switch leaves is a mixture of two known trees and whatever somebody changed: it can
 * be gone on with, or gone back on, and neither loses what is in neither tree.
 */
import { VarveError } from './base/errors.js'
import { type Hash, shortHash } from './base/hash.js'
import { type ByteName, nameToBytes, nameToText } from './base/names.js'
import type { WorkOptions } from './base/progress.js'
import { makeReachable } from './cas/makeReachable.js'
import { FolderState } from './folderState.js'
import { entryAt, pathNotFound, rootEntry, type TreeRoot } from './history/entries.js'
import { joinPath, type PathLike, parsePath } from './history/paths.js'
import { diffTrees } from './history/treeDiff.js'
import { branchRef, shortRef } from './refs/refName.js'
import { refExists } from './refs/refs.js'
import { idsBelow, signatureNow } from './session.js'
import { applyCheckout, type CheckoutPlan, leadsWithin, planCheckout } from './worktree/checkout.js'
import { diskPathOf } from './worktree/diskPath.js'
import { exportTree } from './worktree/exportTree.js'

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
   * `UNSAFE_PATH`, `NAME_CLASH`, `STORAGE_FULL`; after the last ones `continueSwitch` or `abortSwitch`
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
      return this.goTo({ id: to, branch: full, isNewBranch }, await this.tree(), options)
    })
  }

  /**
   * Goes back on a switch that was interrupted: the folder stands where it stood before.
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
      const plan = await this.plan(there, here, options)
      const done = await applyCheckout(this.session.store, this.session.fileSystem, this.root, here, plan, options)
      this.files.remove('switch')
      return done
    })
  }

  /**
   * Brings files back as a revision has them, whatever is in the folder: naming them is the permission to overwrite. What
   * the folder's commit has below a named directory, and the revision has not, is removed.
   *
   * @param paths from the folder's root
   * @throws {VarveError} `PATH_NOT_FOUND` for what neither the revision nor the folder's commit has, `UNKNOWN_REVISION`,
   * `ALREADY_EXISTS` where a directory is in the place of a file, or the reverse
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.commit({ message: 'First' })
   * await folder.restore(['readme.txt'])
   * ```
   */
  async restore(paths: readonly PathLike[], options: RestoreOptions = {}): Promise<RestoreResult> {
    const { from } = options
    const [here, there] = [
      await this.tree(),
      from === undefined ? await this.tree() : (await this.repository.at(from)).root,
    ]
    return this.alone(async () => {
      const { store, fileSystem } = this.session
      const written: PathLike[] = []
      const removed: ByteName[] = []
      for (const path of paths.map(parsePath)) {
        const wanted = await entryAt(store, rootEntry(there), path)
        const held = await entryAt(store, rootEntry(here), path)
        if (!wanted && !held) throw pathNotFound(path)
        if (wanted) written.push(nameToBytes(joinPath(path)))
        removed.push(...(await this.onlyIn(here, there, joinPath(path))))
      }
      let count = 0
      for (const path of removed) if (this.removeFile(path)) count++
      if (written.length === 0) return { written: 0, removed: count, warnings: [] }
      const { files, warnings } = await exportTree(store, there, fileSystem, this.root, {
        signal: options.signal,
        onProgress: options.onProgress,
        paths: written,
        into: true,
        overwrite: true,
        times: 'now',
      })
      return { written: files, removed: count, warnings }
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

  private async goTo(goal: Goal, here: TreeRoot, options: SwitchOptions): Promise<SwitchResult> {
    const { store, fileSystem, refs, worktrees } = this.session
    const { id, branch, isNewBranch } = goal
    // Asked again when the folder is moved; but then its files would have been.
    worktrees.requireFree({ id: this.row.id, branch })
    const there = await this.tree(id)
    const plan = await this.plan(here, there, options)
    const note = { from: this.row.head ?? null, to: id, branch: branch === undefined ? null : shortRef(branch) }
    this.files.write('switch', Buffer.from(`${JSON.stringify(note)}\n`))
    const done = await applyCheckout(store, fileSystem, this.root, there, plan, options)
    if (options.force) await this.discard(there, options)
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
    return { branch: this.head.branch, id, ...done }
  }

  /** @throws {VarveError} `UNCOMMITTED_CHANGES` */
  private async plan(from: TreeRoot, to: TreeRoot, options: SwitchOptions): Promise<CheckoutPlan> {
    const plan = await planCheckout(this.ids, this.session.fileSystem, this.root, from, to, {
      signal: options.signal,
      onProgress: options.onProgress,
      cache: this.cache(),
      discard: options.force ? () => true : undefined,
    })
    if (plan.conflicts.length === 0) return plan
    const paths = plan.conflicts.map(nameToText)
    const count = paths.length === 1 ? 'one file' : `${paths.length} files`
    throw new VarveError('UNCOMMITTED_CHANGES', `${count} would be overwritten: ${shown(paths)}`, {
      paths,
      hint: 'Nothing was changed. Commit them, move them away, or give them up with --force.',
    })
  }

  /** Gives up what was changed in files that the tree has. */
  private async discard(tree: TreeRoot, options: WorkOptions): Promise<void> {
    const { changes } = await this.changesFrom(tree, options)
    const paths = changes.flatMap(({ path, before }) => (before ? [nameToBytes(path)] : []))
    if (paths.length === 0) return
    const { store, fileSystem } = this.session
    await exportTree(store, tree, fileSystem, this.root, { paths, into: true, overwrite: true, times: 'now' })
  }

  private requireSwitch() {
    const interrupted = this.interrupted()
    if (interrupted) return interrupted
    throw new VarveError('INVALID_ARGUMENT', `no switch was interrupted in ${this.path}`, { path: this.path })
  }

  /** Files at or below a path that one tree has and the other has not. */
  private async onlyIn(here: TreeRoot, there: TreeRoot, path: ByteName): Promise<ByteName[]> {
    const found: ByteName[] = []
    for await (const change of diffTrees(this.session.store, here.tree, there.tree)) {
      const isWithin = path === '' || change.path === path || change.path.startsWith(`${path}/`)
      if (isWithin && !change.after) found.push(change.path)
    }
    return found
  }

  private removeFile(path: ByteName): boolean {
    const { fileSystem } = this.session
    const diskPath = diskPathOf(this.root, path)
    const stat = leadsWithin(fileSystem, this.root, path) ? fileSystem.lstat(diskPath) : undefined
    if (!stat || stat.type === 'directory') return false
    fileSystem.unlink(diskPath)
    return true
  }
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

const NAMED_AT_MOST = 5

function shown(paths: readonly string[]): string {
  const named = paths.slice(0, NAMED_AT_MOST).map((path) => JSON.stringify(path))
  return paths.length > named.length ? `${named.join(', ')} and ${paths.length - named.length} more` : named.join(', ')
}
