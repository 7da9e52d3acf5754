/**
 * What the parts of a working folder share: where it stands, its own files, the rules of its scans, its lock.
 */
import { hostname } from 'node:os'
import { CorruptionError, VarveError } from './base/errors.js'
import { type Hash, isHash, shortHash } from './base/hash.js'
import type { WorkOptions } from './base/progress.js'
import { filesOf } from './folderPlace.js'
import { readCommit } from './history/commits.js'
import type { TreeRoot } from './history/entries.js'
import { IdsOnly } from './history/idsOnly.js'
import { shortRef } from './refs/refName.js'
import type { WorktreeRow } from './refs/worktrees.js'
import type { Repository } from './repository.js'
import type { Session } from './session.js'
import { EMPTY_TREE, storeFiles } from './treeCommit.js'
import type { CatalogTransaction } from './volume/catalog.js'
import { isProcessAlive } from './volume/lease.js'
import { type FolderChanges, folderChanges } from './worktree/folderChanges.js'
import type { FolderFiles } from './worktree/folderFiles.js'
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
    return id === undefined ? EMPTY_TREE : readCommit(this.session.store, id)
  }

  protected get ids(): IdsOnly {
    const { store } = this.session
    return new IdsOnly(store, store.profile, store.hasher)
  }

  protected get root(): Buffer {
    return Buffer.from(this.path)
  }

  protected async changesFrom(tree: TreeRoot, options: WorkOptions): Promise<FolderChanges> {
    const learn = this.newCache()
    const found = await folderChanges(this.ids, this.session.fileSystem, this.root, tree, {
      ...this.scanning,
      ...options,
      cache: this.cache(),
      learn,
    })
    this.keepCache(learn)
    return found
  }

  protected cache(): StatCache {
    return StatCache.decode(this.files.read('stat-cache'), this.session.group.layout.vg)
  }

  /** Moves the folder, in a transaction with whatever else happens. */
  protected async moveTo(
    next: Pick<WorktreeRow, 'branch' | 'head'>,
    move: (apply: MoveFolder) => Promise<void>,
  ): Promise<void> {
    const before = this.row
    const after = { ...before, ...next }
    await move((tx) => this.session.worktrees.move(tx, before, after))
    this.row = after
  }

  /** One command at a time. */
  protected async alone<T>(body: () => Promise<T>): Promise<T> {
    const { group } = this.session
    if (group.readOnly) {
      throw new VarveError('STORAGE_READ_ONLY', 'this store was opened for reading only', { path: group.catalog.path })
    }
    const unlock = this.files.lock({ pid: process.pid, host: hostname() }, isProcessAlive)
    try {
      // What another process did before the lock was taken.
      this.row = this.session.worktrees.get(this.row.id) ?? this.row
      return await body()
    } finally {
      unlock()
    }
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
    }
  }

  protected newCache(): StatCacheBuilder | undefined {
    const beganNs = this.files.nowNs()
    return beganNs === undefined ? undefined : new StatCacheBuilder(this.session.group.layout.vg, beganNs)
  }

  protected keepCache(learn: StatCacheBuilder | undefined): void {
    if (!learn?.isNew) return
    try {
      this.files.write('stat-cache', learn.finish())
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
