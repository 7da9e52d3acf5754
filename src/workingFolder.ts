/**
 * A working folder: a folder in which somebody works on the files of a store. It stands at a commit, and, unless it is
 * detached, on a branch, which its commits move.
 *
 * There is no staging area: a commit takes what is there, less what ignore files name. Which commit a folder stands at is
 * in the catalog (refs/worktrees.ts), so that a commit and the folder move together. One command at a time changes a folder.
 */
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { isVarveError, VarveError } from './base/errors.js'
import type { Hash } from './base/hash.js'
import type { ByteName } from './base/names.js'
import type { WorkOptions } from './base/progress.js'
import { newUuid, systemRandomness } from './base/random.js'
import type { ObjectReader } from './cas/objects.js'
import {
  type FolderPlace,
  findFolder,
  findLostFolder,
  forgetPlace,
  makeStateFolder,
  ownStoreOf,
  placeIfAllowed,
} from './folderPlace.js'
import type { FolderHead, InterruptedSwitch } from './folderState.js'
import type { SwitchOptions } from './folderSwitch.js'
import { FolderTidy } from './folderTidy.js'
import { folderTree } from './folderTree.js'
import { type Change, type DiffOptions, describeChange } from './history/changes.js'
import type { TreeRoot } from './history/entries.js'
import { isBelow, type PathLike, parsePath } from './history/paths.js'
import { adopt, openStoreOf, repairedRow, rowOf, tellFolder } from './knownFolders.js'
import { parseAttributes } from './refs/properties.js'
import { shortRef } from './refs/refName.js'
import { type CreateOptions, type OpenOptions, Repository } from './repository.js'
import { openWriter, publishCommit, signatureNow, spaceWarnings } from './session.js'
import { type CommitFromResult, isUnchanged, requireMessage } from './treeCommit.js'
import { lookAtDestination } from './worktree/destination.js'
import { FolderContents } from './worktree/folderContents.js'
import { FOLDER_STATE_NAME } from './worktree/folderFiles.js'
import { nodeFileSystem } from './worktree/nodeFileSystem.js'
import type { UnreadableFile } from './worktree/readFailure.js'
import { missingFolders, removeContents, removeEmpty } from './worktree/takeBack.js'
import { TreeBeside } from './worktree/treeBeside.js'

export interface FolderStatus extends FolderHead {
  /** Where the branch is, if others moved it away from where the folder stands. */
  readonly tip: Hash | undefined
  readonly interrupted: InterruptedSwitch | undefined
  /** What a commit would record, in the order of path bytes. */
  readonly changes: readonly Change[]
  /** Everything in the folder that is not a directory, less what is ignored. */
  readonly files: number
  readonly ignored: number
  readonly unreadable: readonly UnreadableFile[]
  readonly warnings: readonly string[]
}

export interface FolderCommitOptions extends WorkOptions {
  readonly message: string
  /** `Name <mail>`. Default: the store's `author`, else user@host. */
  readonly author?: string | undefined
  /** Only what changed in these files and below these directories, from the folder's root. Default: all. */
  readonly paths?: readonly PathLike[] | undefined
  /** Do without what cannot be read: it stays as the commit before has it, and is named. */
  readonly skipUnreadable?: boolean | undefined
  readonly allowEmpty?: boolean | undefined
}

export interface RepairOptions extends OpenOptions {
  /** The store's file, if it is not where the folder says. */
  readonly store?: string | undefined
}

const FOLDER_MODE = 0o755

/** A folder in which files of a store are worked on, from `WorkingFolder.open` or `init`. */
export class WorkingFolder extends FolderTidy {
  /**
   * Makes a store in a folder, `.varve/store.varve`, and the folder a working folder of it. What is in the folder is
   * left as it is. Durable when resolved.
   *
   * @param dir made if need be; its parent must exist
   * @throws {VarveError} `STORE_EXISTS`, and as `Repository.create`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/notes`)
   * console.log(folder.head.branch)
   * ```
   */
  static async init(dir: string, options: CreateOptions = {}): Promise<WorkingFolder> {
    const path = resolve(dir)
    const fileSystem = options.fileSystem ?? nodeFileSystem
    const store = ownStoreOf(path)
    const place = placeIfAllowed(fileSystem, path, options.random ?? systemRandomness)
    if (place && place.store !== store) throw isFolderOf(place)
    const missing = missingFolders(fileSystem, dirname(store))
    try {
      makeStateFolder(fileSystem, path)
      const repository = await Repository.create(store, options)
      const row = () => adopt(repository.parts, { path, store, id: undefined })
      return await over(repository, () => new WorkingFolder(repository, path, row()))
    } catch (error) {
      // A store that was begun in vain would be in the way of the next one. What others made is not ours to take away.
      const isOurs = missing.length > 0 && !isVarveError(error, 'STORE_EXISTS', 'STORE_LOCKED')
      if (isOurs) removeContents(fileSystem, Buffer.from(dirname(store)))
      removeEmpty(fileSystem, ...missing)
      throw error
    }
  }

  /**
   * Opens the working folder that `start` is in: itself, or the nearest above.
   *
   * @throws {VarveError} `WORKTREE_NOT_FOUND`; `ALREADY_EXISTS` in a copy of a working folder; and as `Repository.open`
   * @example
   * ```ts
   * await WorkingFolder.init(`${dir}/notes`).then((made) => made.close())
   * await using folder = await WorkingFolder.open(`${dir}/notes`)
   * console.log((await folder.status()).changes.length)
   * ```
   */
  static async open(start: string, options: OpenOptions = {}): Promise<WorkingFolder> {
    const place = findFolder(options.fileSystem ?? nodeFileSystem, start, options.random ?? systemRandomness)
    const repository = await openStoreOf(place, options)
    const { id, path } = place
    const row = () => (id === undefined ? adopt(repository.parts, place) : rowOf(repository.parts, { ...place, id }))
    return over(repository, () => new WorkingFolder(repository, path, row()))
  }

  /**
   * Makes another working folder of a store, and writes the files of a revision into it. It stands on the branch that is
   * named, on a new one, or on none. The folder opens its own connection to the store.
   *
   * @param dir new or empty
   * @throws {VarveError} `DESTINATION_NOT_EMPTY`, `REF_CONFLICT` when the branch is in another folder; as `switchTo`: then
   * nothing is left behind
   * @example
   * ```ts
   * const second = await WorkingFolder.add(repo.path, `${dir}/second`, 'main', { create: 'second' })
   * console.log(second.head.branch)
   * await second.close()
   * ```
   */
  static async add(
    store: string,
    dir: string,
    rev: string,
    options: Pick<SwitchOptions, 'create' | 'detach' | 'signal' | 'onProgress'> & OpenOptions = {},
  ): Promise<WorkingFolder> {
    const path = resolve(dir)
    const fileSystem = options.fileSystem ?? nodeFileSystem
    const random = options.random ?? systemRandomness
    const { exists } = lookAtDestination(fileSystem, Buffer.from(path), false)
    const missing = missingFolders(fileSystem, path)
    const repository = await Repository.open(store, options)
    const { group, worktrees } = repository.parts
    const row = { id: newUuid(random), path, branch: undefined, head: undefined }
    try {
      makeStateFolder(fileSystem, path)
      if (!exists) fileSystem.chmod(Buffer.from(path), FOLDER_MODE)
      tellFolder(repository.parts, { path, store: repository.path, id: row.id }, row.id)
      group.catalog.write((tx) => worktrees.add(tx, row))
      const folder = new WorkingFolder(repository, path, row)
      await folder.switchTo(rev, options)
      return folder
    } catch (error) {
      removeContents(fileSystem, Buffer.from(path))
      removeEmpty(fileSystem, ...missing)
      const forget = async () => group.readOnly || group.catalog.write((tx) => worktrees.remove(tx, row.id))
      // The error at hand is the one to tell.
      await forget().catch(() => undefined)
      await repository.close()
      throw error
    }
  }

  /**
   * Working folders of a store, by path.
   * @example
   * ```ts
   * for (const { path, branch } of WorkingFolder.list(repo)) console.log(path, branch)
   * ```
   */
  static list(repository: Repository): readonly (FolderHead & { readonly path: string; readonly isThere: boolean })[] {
    const { worktrees, fileSystem, random } = repository.parts
    return worktrees.list().map(({ id, path, branch, head }) => ({
      path,
      branch: branch === undefined ? undefined : shortRef(branch),
      id: head,
      isThere: placeIfAllowed(fileSystem, path, random)?.id === id,
    }))
  }

  /**
   * Makes a store forget a working folder. The folder's files stay; it is a plain folder then.
   *
   * @throws {VarveError} `WORKTREE_NOT_FOUND`; `UNCOMMITTED_CHANGES` (`details.paths`), unless `force`
   * @example
   * ```ts
   * const second = await WorkingFolder.add(repo.path, `${dir}/third`, 'main', { detach: true })
   * await second.close()
   * await WorkingFolder.remove(repo, `${dir}/third`)
   * ```
   */
  static async remove(
    repository: Repository,
    dir: string,
    options: { readonly force?: boolean | undefined } & WorkOptions = {},
  ): Promise<void> {
    const path = resolve(dir)
    const { worktrees, group, fileSystem, random } = repository.parts
    const row = worktrees.list().find((candidate) => candidate.path === path)
    if (!row) {
      throw new VarveError('WORKTREE_NOT_FOUND', `${path} is no working folder of ${repository.path}`, {
        path,
        candidates: worktrees.list().map((candidate) => candidate.path),
      })
    }
    const there = placeIfAllowed(fileSystem, path, random)
    // A copy of a store knows the folders of the store that it is a copy of.
    const isOurs =
      there?.store === repository.path || (there && fileSystem.lstat(Buffer.from(there.store)) === undefined)
    const isThere = there?.id === row.id && isOurs
    if (isThere && !options.force) {
      const { changes } = await new WorkingFolder(repository, path, row).status(options)
      const paths = changes.map((change) => change.path)
      if (paths.length > 0) {
        throw new VarveError('UNCOMMITTED_CHANGES', `${path} has uncommitted changes`, {
          paths,
          hint: 'Commit them, or let the folder be forgotten all the same with --force: its files stay.',
        })
      }
    }
    group.catalog.write((tx) => worktrees.remove(tx, row.id))
    if (isThere) forgetPlace(fileSystem, path, random)
  }

  /**
   * Makes the folder that `start` is in and its store known to each other again: where the store does not know the folder,
   * was moved, or what the folder knows of it is damaged. The folder stands where it stood, as far as the store knows that;
   * else on the default branch, or detached at its tip if that branch is in another folder. Its files stay as they are.
   *
   * @throws {VarveError} `WORKTREE_NOT_FOUND`, `STORE_NOT_FOUND`; as `Repository.open`
   * @example
   * ```ts
   * await WorkingFolder.init(`${dir}/lost`).then((made) => made.close())
   * await using folder = await WorkingFolder.repair(`${dir}/lost`)
   * console.log(folder.head.branch)
   * ```
   */
  static async repair(start: string, options: RepairOptions = {}): Promise<WorkingFolder> {
    const { store, fileSystem = nodeFileSystem, random = systemRandomness } = options
    const found = store === undefined ? findLostFolder(fileSystem, start, random) : undefined
    const repository = found ? await openStoreOf(found, options) : await Repository.open(resolve(store ?? ''), options)
    return over(repository, () => {
      const { parts, path } = repository
      const place = found ?? findLostFolder(fileSystem, start, random, path, parts.worktrees.list())
      return new WorkingFolder(repository, place.path, repairedRow(parts, place))
    })
  }

  /**
   * What differs between the folder and the commit it stands at. Files that look as they did when they were last read are
   * not opened; with `renames`, those that came are read once more where ids do not tell where they came from.
   *
   * @throws {VarveError} `CANCELLED`, `UNREADABLE_FILES` when the folder itself cannot be read
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * for (const { kind, path } of (await folder.status()).changes) console.log(kind, path)
   * ```
   */
  async status(options: Pick<DiffOptions, 'renames'> & WorkOptions = {}): Promise<FolderStatus> {
    const found = await this.changesFromHead(options)
    const changes = options.renames ? await this.contents(options.signal).withRenames(found.changes) : found.changes
    const { branch, head } = this.row
    const tip = branch === undefined ? head : this.session.refs.get(branch)?.target
    return {
      ...this.head,
      ...found,
      changes: changes.map(describeChange),
      tip: tip === head ? undefined : tip,
      interrupted: this.interrupted(),
    }
  }

  /**
   * What differs between a revision and the folder as it is, in the order of path bytes.
   *
   * @param rev default: the commit it stands at
   * @throws {VarveError} `UNKNOWN_REVISION`, `CANCELLED`, `UNREADABLE_FILES`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.commit({ message: 'First' })
   * for (const { kind, path } of await folder.diff('HEAD')) console.log(kind, path)
   * ```
   */
  async diff(rev?: string, options: DiffOptions & WorkOptions = {}): Promise<readonly Change[]> {
    const tree = rev === undefined ? await this.tree() : (await this.repository.at(rev)).root
    const { changes } = await this.changesFrom(tree, options, rev === undefined)
    const filters = options.paths?.map(parsePath)
    const isWanted = (path: ByteName): boolean =>
      filters === undefined || filters.some((filter) => isBelow(path.split('/') as ByteName[], filter))
    const wanted = changes.filter(({ path }) => isWanted(path))
    const contents = this.contents(options.signal)
    const moved = options.renames ? await contents.withRenames(wanted) : wanted
    const described: Change[] = []
    for (const change of moved) {
      const counts = options.changedBytes ? await contents.changedBytes(change) : undefined
      const bytes = counts ? { addedBytes: counts.added, removedBytes: counts.removed } : {}
      described.push({ ...describeChange(change), ...bytes })
    }
    return described
  }

  private contents(signal: AbortSignal | undefined): FolderContents {
    const { store, fileSystem } = this.session
    return new FolderContents([store, store.profile, store.hasher], fileSystem, this.root, signal)
  }

  /**
   * Commits what is in the folder, on its branch. Durable when resolved; the folder then stands at the new commit.
   *
   * @throws {VarveError} `UNREADABLE_FILES`, `REF_CONFLICT` when the branch was moved by others, `SWITCH_INTERRUPTED`,
   * `PATH_NOT_FOUND` for paths that are nowhere, `STORE_LOCKED`, and as `Repository.commitFrom`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * const { commit, files } = await folder.commit({ message: 'As it is' })
   * console.log(commit?.id, files)
   * ```
   */
  async commit(options: FolderCommitOptions): Promise<CommitFromResult> {
    requireMessage(options.message)
    const { session } = this
    const author = signatureNow(session, options.author)
    return this.alone(async () => {
      this.requireNoSwitch()
      const before = this.row
      const base = await this.tree()
      const branch = this.head.branch ?? 'HEAD'
      const nothingNew = { commit: undefined, newBytes: 0, storedBytes: 0 }
      const canBeUnchanged = before.head !== undefined && !options.allowEmpty
      const same = canBeUnchanged && !options.paths ? await this.unchangedFrom(base, options) : undefined
      if (same) {
        const { files, ignored, warnings } = same
        return { branch, files, bytes: base.tree.size, ignored, skipped: [], warnings, ...nothingNew }
      }
      const writer = openWriter(session, this.head.branch === undefined ? [] : [this.head.branch], options.signal)
      try {
        const learn = this.newCache()
        const found = await this.whileThere(() =>
          folderTree(writer, session, this.path, base, {
            ...this.scanning,
            beside: new TreeBeside(writer, base, this.cache(), learn),
            before: base,
            attributes: parseAttributes(session.properties.get('attributes').value),
            paths: options.paths,
            skipUnreadable: options.skipUnreadable,
            signal: options.signal,
            onProgress: options.onProgress,
          }),
        )
        const { tree, stored, isWhole, skipped, warnings } = found
        const { files, ignored } = stored
        const result = { branch, files, bytes: stored.tree.size, ignored, skipped, warnings }
        if (canBeUnchanged && (await this.isUnchangedFrom(writer, base, tree))) {
          await writer.abandon()
          this.keepCache(learn, isWhole ? base : undefined, before.head)
          return { ...result, ...nothingNew }
        }
        const commit = await publishCommit(session, writer, {
          branch: this.head.branch,
          parent: before.head,
          tree,
          message: options.message,
          author,
          operation: 'commit',
          also: (tx, id) => session.worktrees.move(tx, before, { ...before, head: id }),
        })
        this.row = { ...before, head: commit.id }
        this.keepCache(learn, isWhole ? tree : undefined, commit.id)
        const told = [...warnings, ...spaceWarnings(session, this.head.branch)]
        const { newBytes, storedBytes } = writer.stats
        return { ...result, warnings: told, commit, newBytes, storedBytes }
      } catch (error) {
        // The error at hand is the one to tell. A lease left behind is swept once this process is gone.
        await writer.abandon().catch(() => undefined)
        throw error
      }
    })
  }

  /**
   * The path of a file from the folder's root, `/` separating, for a path as somebody wrote it.
   *
   * @param from the folder that relative paths start from
   * @throws {VarveError} `INVALID_PATH` for what lies outside
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/notes`)
   * console.log(folder.pathWithin('a.txt', `${dir}/notes/letters`) === 'letters/a.txt')
   * ```
   */
  pathWithin(path: string, from: string = this.path): string {
    const within = relative(this.path, resolve(from, path))
    if (within === '..' || within.startsWith(`..${sep}`) || isAbsolute(within)) {
      throw new VarveError('INVALID_PATH', `${path} is not in the working folder ${this.path}`, { path })
    }
    return within.split(sep).join('/')
  }

  /**
   * Closes the store.
   * @example
   * ```ts
   * const folder = await WorkingFolder.init(`${dir}/notes`)
   * await folder.close()
   * ```
   */
  close(): Promise<void> {
    return this.repository.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private async isUnchangedFrom(reader: ObjectReader, base: TreeRoot, tree: TreeRoot): Promise<boolean> {
    // A commit that recorded nothing beside contents does not differ in what it did not record.
    const recorded = base.attributes.shape === 0 ? tree.attributes : base.attributes
    return isUnchanged(reader, { ...base, attributes: recorded }, tree)
  }
}

/** Closes the store if it comes to nothing. */
async function over(repository: Repository, make: () => WorkingFolder): Promise<WorkingFolder> {
  try {
    return make()
  } catch (error) {
    await repository.close()
    throw error
  }
}

function isFolderOf({ path, store }: FolderPlace): VarveError {
  return new VarveError('STORE_EXISTS', `${path} is a working folder of ${store} already`, {
    path,
    hint: `Make the store elsewhere. To give up what the folder is, remove ${join(path, FOLDER_STATE_NAME)} first.`,
  })
}
