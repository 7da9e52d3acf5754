/**
 * What the parts of a working folder share: where it stands, its own files, the rules of its scans, its lock.
 */
import { hostname } from 'node:os'
import { CorruptionError, isVarveError, VarveError } from './base/errors.js'
import type { FileStat } from './base/filesystem.js'
import { type Hash, isHash, shortHash } from './base/hash.js'
import { type ByteName, ROOT_NAME } from './base/names.js'
import type { WorkOptions } from './base/progress.js'
import { filesOf, requireStillThere } from './folderPlace.js'
import { readCommit } from './history/commits.js'
import type { TreeRoot } from './history/entries.js'
import { IdsOnly } from './history/idsOnly.js'
import { rememberingNodes } from './history/nodeCache.js'
import { parseAttributes } from './refs/properties.js'
import { shortRef } from './refs/refName.js'
import type { WorktreeRow } from './refs/worktrees.js'
import type { Repository } from './repository.js'
import type { Session } from './session.js'
import { EMPTY_TREE, storeFiles } from './treeCommit.js'
import type { CatalogTransaction } from './volume/catalog.js'
import { isProcessAlive } from './volume/lease.js'
import { diskPathOf } from './worktree/diskPath.js'
import { storageError } from './worktree/faults.js'
import { type FolderChanges, folderChanges, unchangedFolder } from './worktree/folderChanges.js'
import { type FolderFiles, folderIsGone, type LockOwner } from './worktree/folderFiles.js'
import { processBegin } from './worktree/processBegin.js'
import { ReadFailure, unreadableFiles } from './worktree/readFailure.js'
import { StatCache, StatCacheBuilder } from './worktree/statCache.js'

/** Where a working folder stands. */
export interface FolderHead {
  /** `undefined`: detached. */
  readonly branch: string | undefined
  /** `undefined` before the first commit. */
  readonly id: Hash | undefined
}

/** What a switch set out to do, as long as it is not done. */
export interface InterruptedSwitch {
  readonly from: Hash | undefined
  readonly to: Hash
  /** The branch to stand on afterwards; `undefined`: detached. */
  readonly branch: string | undefined
}

/** Runs inside a transaction. */
type MoveFolder = (tx: CatalogTransaction) => void

export abstract class FolderState {
  /** The store, with `HEAD` meaning where this folder stands. */
  readonly repository: Repository
  /** The folder itself, absolute. */
  readonly path: string
  protected readonly files: FolderFiles
  protected row: WorktreeRow
  private idsOfCommand: IdsOnly | undefined

  protected constructor(repository: Repository, path: string, row: WorktreeRow) {
    this.repository = repository
    this.path = path
    this.row = row
    const { fileSystem, random } = repository.parts
    this.files = filesOf(fileSystem, path, random)
    repository.standsAt = () => this.row
  }

  /** Where it stands. */
  get head(): FolderHead {
    const { branch, head } = this.row
    return { branch: branch === undefined ? undefined : shortRef(branch), id: head }
  }

  protected get session(): Session {
    return this.repository.parts
  }

  /** The tree of a commit; without one, that of the commit it stands at. */
  protected async tree(id: Hash | undefined = this.row.head): Promise<TreeRoot> {
    if (id === undefined) return EMPTY_TREE
    this.session.pruned.requireFiles(id)
    return readCommit(this.session.store, id)
  }

  /** Reads the store, and stores nothing. While a command has the folder to itself, it remembers what it decoded. */
  protected get ids(): IdsOnly {
    const { store } = this.session
    return this.idsOfCommand ?? new IdsOnly(store, store.profile, store.hasher)
  }

  /** Somebody may have named the folder by a symlink: only what lies below it must not be one. */
  protected get root(): Buffer {
    const path = Buffer.from(this.path)
    try {
      return this.session.fileSystem.lstat(path)?.type === 'symlink' ? diskPathOf(path, '.') : path
    } catch (error) {
      throw storageError('look at', this.path, error)
    }
  }

  /** What differs from the commit it stands at. That is not even read if the cache is about it. */
  protected async changesFromHead(options: WorkOptions): Promise<FolderChanges> {
    const { head } = this.row
    const cache = this.cache()
    const known = head === undefined ? undefined : cache.treeOf(head)
    return this.changesFrom(known ?? (await this.tree()), options, true, cache, head)
  }

  /**
   * @param isKept whether the folder stands, or is to stand, at the tree: then what was learned is kept
   * @param commit that has the tree, where that is known
   */
  protected async changesFrom(
    tree: TreeRoot,
    options: WorkOptions,
    isKept = true,
    cache = this.cache(),
    commit?: Hash,
  ): Promise<FolderChanges> {
    const learn = isKept ? this.newCache() : undefined
    const found = await this.whileThere(async (root) =>
      folderChanges(this.ids, this.session.fileSystem, root, tree, { ...this.scanning, ...options, cache, learn }),
    )
    const isNewCommit = commit !== undefined && cache.treeOf(commit) === undefined
    if (found.isNews || isNewCommit) this.keepCache(learn, tree, commit)
    return found
  }

  /** What is in the folder if that is surely what the tree has, with no file opened; `undefined` otherwise. */
  protected async unchangedFrom(tree: TreeRoot, options: WorkOptions): Promise<FolderChanges | undefined> {
    const cache = this.cache()
    if (!cache.isAbout(tree)) return undefined
    const found = await this.whileThere((root) =>
      unchangedFolder(this.ids, this.session.fileSystem, root, tree, { ...this.scanning, ...options, cache }),
    )
    // What could not be read may have changed.
    return found?.unreadable.length === 0 ? found : undefined
  }

  /**
   * Reads the folder, and makes sure that it is there from beginning to end: of one that was removed, unmounted or replaced
   * meanwhile it would look as if everything in it had been removed.
   *
   * @throws {VarveError} `WORKTREE_NOT_FOUND`, `UNREADABLE_FILES`
   */
  protected async whileThere<T>(read: (root: Buffer) => Promise<T>): Promise<T> {
    const before = this.requireThere()
    let result: T
    try {
      result = await read(this.root)
    } catch (error) {
      // That it is gone says more than what could not be read for it.
      if (error instanceof ReadFailure || isVarveError(error, 'UNREADABLE_FILES')) this.requireThere(before)
      throw error instanceof ReadFailure ? unreadableFiles([error.describe(ROOT_NAME)], 'make it readable') : error
    }
    this.requireThere(before)
    return result
  }

  private requireThere(before?: FileStat): FileStat {
    const { fileSystem, random } = this.session
    try {
      const now = fileSystem.lstat(this.root)
      const isSame = before === undefined || (now?.dev === before.dev && now.ino === before.ino)
      if (now?.type !== 'directory' || !isSame) throw folderIsGone(this.path)
      requireStillThere(fileSystem, this.path, this.row.id, random)
      return now
    } catch (error) {
      throw storageError('look at', this.path, error)
    }
  }

  /** What the cache is about: this store's contents, as they are answered now. A replacement makes them others. */
  private get cacheOwner(): string {
    const { group, replacements } = this.session
    const { stamp } = replacements
    return stamp === 0 ? group.layout.vg : `${group.layout.vg} ${stamp}`
  }

  protected cache(): StatCache {
    try {
      return StatCache.decode(this.files.read('stat-cache'), this.cacheOwner)
    } catch (error) {
      // It only saves time: without it, files are read.
      if (!(error instanceof VarveError)) throw error
      return StatCache.empty
    }
  }

  /** Moves the folder, in a transaction with whatever else happens. */
  protected async moveTo(
    next: Pick<WorktreeRow, 'branch' | 'head'>,
    move: (apply: MoveFolder) => Promise<void>,
  ): Promise<void> {
    const before = this.row
    const after = { ...before, ...next }
    await move((tx) => {
      if (after.head !== undefined) this.session.pruned.requireFiles(after.head)
      this.session.worktrees.move(tx, before, after)
    })
    this.row = after
  }

  /** One command at a time. */
  protected async alone<T>(body: () => Promise<T>): Promise<T> {
    const { group } = this.session
    if (group.readOnly) {
      throw new VarveError('STORAGE_READ_ONLY', 'this store was opened for reading only', { path: group.catalog.path })
    }
    const unlock = this.lock()
    try {
      await this.session.pending.flush()
      this.idsOfCommand = rememberingNodes(this.ids)
      // What another process did before the lock was taken.
      this.row = this.session.worktrees.get(this.row.id) ?? this.row
      return await body()
    } finally {
      this.idsOfCommand = undefined
      unlock()
    }
  }

  private lock(): () => void {
    const { group } = this.session
    const host = hostname()
    const isGone = ({ pid, host: where, began }: LockOwner): boolean => {
      if (where !== host) return false
      if (!isProcessAlive(pid)) return true
      const now = processBegin(pid)
      return began !== undefined && now !== undefined && began !== now
    }
    const owner = { pid: process.pid, host, began: processBegin(process.pid) }
    return this.files.lock(owner, isGone, (body) => group.catalog.write(body))
  }

  protected interrupted(): InterruptedSwitch | undefined {
    const bytes = this.files.read('switch')
    if (!bytes) return undefined
    const { from, to, branch } = parseNote(bytes, this.path)
    return { from: from ?? undefined, to, branch: branch ?? undefined }
  }

  protected requireNoSwitch(): void {
    const interrupted = this.interrupted()
    if (!interrupted) return
    const to = interrupted.branch ?? shortHash(interrupted.to)
    throw new VarveError('SWITCH_INTERRUPTED', `a switch to ${to} was interrupted in ${this.path}`, {
      path: this.path,
      hint: 'Go on with `varve switch --continue`, or back with `varve switch --abort`.',
    })
  }

  protected get scanning() {
    const { properties } = this.session
    return {
      ignoreFiles: true,
      skipGit: true,
      globalIgnore: properties.get('ignore').value.split('\n'),
      storeFiles: storeFiles(this.session),
      links: parseAttributes(properties.get('attributes').value).includes('links'),
    }
  }

  protected newCache(): StatCacheBuilder {
    return new StatCacheBuilder(this.cacheOwner, () => this.files.clock())
  }

  /** @param tree what was found was compared with; `undefined`: not all of it with one */
  protected keepCache(learn: StatCacheBuilder | undefined, tree: TreeRoot | undefined, commit?: Hash): void {
    if (learn) this.writeCache(() => learn.finish(tree, commit))
  }

  /** What is known of the folder stays known when it was brought from one tree to another. */
  protected carryCache(from: TreeRoot, to: TreeRoot, commit: Hash, differing: Iterable<ByteName>): void {
    const cache = this.cache()
    if (cache.isAbout(from)) this.writeCache(() => cache.carriedTo(to, differing, this.cacheOwner, commit))
  }

  private writeCache(encode: () => Buffer): void {
    try {
      this.files.write('stat-cache', encode())
    } catch (error) {
      // It only saves time. A full disk is told by what matters.
      if (!(error instanceof VarveError)) throw error
    }
  }
}

interface SwitchNote {
  readonly from: Hash | null
  readonly to: Hash
  readonly branch: string | null
}

/** @throws {CorruptionError} `CORRUPT` */
function parseNote(bytes: Buffer, folder: string): SwitchNote {
  try {
    const { from, to, branch } = JSON.parse(bytes.toString('utf8')) as Partial<Record<keyof SwitchNote, unknown>>
    const isFrom = from === null || (typeof from === 'string' && isHash(from))
    const isBranch = branch === null || typeof branch === 'string'
    if (isFrom && isBranch && typeof to === 'string' && isHash(to)) return { from, to, branch }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new CorruptionError('CORRUPT', `the note of an interrupted switch in ${folder} is damaged`, {
    path: folder,
    hint: 'Remove .varve/switch, look at `varve status`, and `varve restore` what is not as it should be.',
  })
}
