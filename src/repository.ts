/**
 * A repository: a store opened for use. This file wires the layers and carries the flow.
 *
 * Commit: file bytes → chunker (codec/) → id → known already? (cas/, volume/) → grouped into extents → compressed →
 * physical volumes → manifests, trees, attributes and the commit object the same way (history/) → publish: one catalog
 * transaction makes the new extents visible and moves the ref (refs/). Export runs it backwards.
 */
import { systemClock } from './base/clock.js'
import { VarveError } from './base/errors.js'
import type { Hash } from './base/hash.js'
import { systemRandomness } from './base/random.js'
import { Batch, type BatchOptions, batchLimits } from './batch.js'
import { BranchDraft } from './branchDraft.js'
import { ChunkStore } from './cas/chunkStore.js'
import { type EnvironmentOptions, groupOptions } from './environment.js'
import { type FirstVolumesOptions, firstVolumes } from './firstVolumes.js'
import type { Commit } from './format/commit.js'
import { KIND } from './format/kinds.js'
import type { HashName, StoreProfile } from './format/profile.js'
import { makeProfile } from './format/profile.js'
import { type Change, type DiffOptions, diffRoots } from './history/changes.js'
import { type CommitInfo, describeCommit, readCommit, walkCommits } from './history/commits.js'
import type { PathLike } from './history/paths.js'
import { Snapshot } from './history/snapshot.js'
import { PendingWrites } from './pendingWrites.js'
import { RedactVerbs } from './redactVerbs.js'
import { BranchVolumes } from './refs/branchVolumes.js'
import { PROPERTIES, Properties } from './refs/properties.js'
import { PrunedCommits } from './refs/pruned.js'
import { splitRef } from './refs/refName.js'
import { Refs } from './refs/refs.js'
import { Replacements } from './refs/replacements.js'
import { parseRange, type RevisionContext, resolveRevision } from './refs/revision.js'
import { type WorktreeRow, Worktrees } from './refs/worktrees.js'
import { filesLost, idsBelow, openWriter, requireFiles, requireWritable, type Session } from './session.js'
import { type CommitFromOptions, type CommitFromResult, commitFrom, storeFiles } from './treeCommit.js'
import type { Lease } from './volume/lease.js'
import { VolumeGroup } from './volume/volumeGroup.js'
import { type ExportedTree, type ExportTreeOptions, exportTree } from './worktree/exportTree.js'
import { nodeFileSystem } from './worktree/nodeFileSystem.js'

export interface CreateOptions extends EnvironmentOptions, FirstVolumesOptions {
  /** Default `sha256`. Frozen with the store. */
  readonly hash?: HashName | undefined
  /** Average chunk in bytes; shortest a quarter, longest eight times as long. Default 8 KiB. Frozen with the store. */
  readonly chunkBytes?: number | undefined
  /** Most raw bytes in an extent, 64 KiB to 1 MiB. Default 1 MiB. Frozen with the store. */
  readonly extentBytes?: number | undefined
  /** `zstd:1` … `zstd:19`, `lz4`, `none`. Default `zstd:3`. A property: may be changed later. */
  readonly compression?: string | undefined
  /** Default `main`. A property: may be changed later. */
  readonly defaultBranch?: string | undefined
}

export interface OpenOptions extends EnvironmentOptions {
  readonly readOnly?: boolean | undefined
  /** Open although volumes are missing or refused: for looking at the group, and for rescue. */
  readonly partial?: boolean | undefined
  /**
   * For work that frees space (`gc`, `prune`, deleting branches and tags): where the disk of the catalog is full, it gets the room
   * that a store of 32 MiB or more keeps for that.
   */
  readonly frees?: boolean | undefined
}

export interface LogOptions {
  /** Revisions to begin at, or `A..B`: in B and not in A. Default: the default branch. */
  readonly from?: string | readonly string[] | undefined
  /** Revisions that are left out, with everything below them. */
  readonly exclude?: readonly string[] | undefined
  readonly limit?: number | undefined
  /** Only commits that changed this file or directory. */
  readonly path?: PathLike | undefined
  readonly signal?: AbortSignal | undefined
}

/** A store opened for use: made by `Repository.create`, opened by `Repository.open`. */
export class Repository extends RedactVerbs {
  /**
   * Makes a store of one file, or of several (`volumes`), and opens it. Durable when resolved; killed before, there is no store, and
   * the same call makes one.
   *
   * @param path the store's file; its folder must exist
   * @throws {VarveError} `STORE_EXISTS` when anything is at `path`, `ALREADY_EXISTS` and `PV_IN_USE` of `volumes`, `INVALID_ARGUMENT`,
   * `STORAGE_DENIED`, `STORAGE_FULL`
   * @example
   * ```ts
   * const repository = await Repository.create(`${dir}/notes.varve`, { compression: 'zstd:6' })
   * await repository.close()
   * ```
   * @example
   * ```ts
   * const volumes = [`${dir}/other-disk.pv1`, `${dir}/third-disk.pv2`]
   * await using mirrored = await Repository.create(`${dir}/photos.varve`, { volumes, copies: 2 })
   * console.log((await mirrored.volumeGroup()).physicalVolumes.length)
   * ```
   */
  static async create(path: string, options: CreateOptions = {}): Promise<Repository> {
    const average = options.chunkBytes
    const profile = makeProfile({
      hash: options.hash,
      peSize: options.extentBytes,
      ...(average === undefined
        ? {}
        : { chunker: { minBytes: Math.floor(average / 4), averageBytes: average, maxBytes: average * 8 } }),
    })
    const { compression, defaultBranch } = options
    // Before anything is made: what is refused leaves nothing behind.
    if (compression !== undefined) PROPERTIES.compression.accept(compression)
    if (defaultBranch !== undefined) PROPERTIES['default-branch'].accept(defaultBranch)
    const environment = groupOptions(options)
    const group = await VolumeGroup.create(path, profile, environment, firstVolumes(path, options, environment))
    const repository = await Repository.over(group, options)
    try {
      if (compression !== undefined) await repository.config.set('compression', compression)
      if (defaultBranch !== undefined) await repository.config.set('default-branch', defaultBranch)
    } catch (error) {
      await repository.close()
      throw error
    }
    return repository
  }

  /**
   * Opens a store through any file of its volume group.
   *
   * @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `FORMAT_NEWER`, `PV_MISSING`, `PV_STALE`, `PV_FOREIGN`,
   * `PV_DUPLICATE`, `CATALOG_STALE`, `CATALOG_MISSING`, `VG_EXPORTED`, `STORE_LOCKED`, `STORAGE_DENIED`
   * @throws {CorruptionError} `CORRUPT`
   * @example
   * ```ts
   * await using repository = await Repository.open(repo.path, { readOnly: true })
   * console.log((await repository.branches()).length)
   * ```
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Repository> {
    const group = await VolumeGroup.open(path, {
      ...groupOptions(options),
      readOnly: options.readOnly ?? false,
      partial: options.partial ?? false,
      frees: options.frees ?? false,
    })
    return Repository.over(group, options)
  }

  private static async over(group: VolumeGroup, options: EnvironmentOptions): Promise<Repository> {
    const clock = options.clock ?? systemClock
    try {
      const cache = options.cacheBytes === undefined ? {} : { extentCacheBytes: options.cacheBytes }
      const replacements = new Replacements(group.catalog)
      const store = await ChunkStore.open(group, clock, { ...cache, replaced: () => replacements.ends })
      const refs = new Refs(group.catalog, clock)
      const pending: PendingWrites = new PendingWrites({
        refs,
        openWriter: (branches) => openWriter(session, branches),
        below: (commits) => idsBelow(session, commits),
      })
      store.pending = pending.objects
      const properties = new Properties(group.catalog)
      const session: Session = {
        group,
        store,
        refs,
        pending,
        worktrees: new Worktrees(group.catalog),
        pruned: new PrunedCommits(group.catalog),
        replacements,
        random: options.random ?? systemRandomness,
        properties,
        branchVolumes: new BranchVolumes(properties),
        clock,
        fileSystem: options.fileSystem ?? nodeFileSystem,
      }
      return new Repository(session)
    } catch (error) {
      await group.close()
      throw error
    }
  }

  /** The catalog's file. */
  get path(): string {
    return this.session.group.catalog.path
  }

  /** What was frozen when the store was made. */
  get profile(): StoreProfile {
    return this.session.store.profile
  }

  /** What `HEAD` means, where the repository was opened for a working folder. @internal */
  standsAt: (() => Pick<WorktreeRow, 'branch' | 'head'>) | undefined

  /** What this repository is made of. @internal */
  get parts(): Session {
    return this.session
  }

  // ---- revisions ----

  /**
   * The commit that a revision names: a branch, a tag, an id or a prefix of at least 4 digits, `REV~N`, `REV^N`,
   * `BRANCH@{N}`, `BRANCH@{time}`, `@` for the default branch.
   *
   * @throws {VarveError} `UNKNOWN_REVISION` (`details.candidates`: what is spelled alike), `AMBIGUOUS_REVISION`
   * (`details.candidates`: the ids), `INVALID_ARGUMENT`
   * @example
   * ```ts
   * const id = await repo.resolve('main')
   * console.log(id === (await repo.resolve(id.slice(0, 12))))
   * ```
   */
  async resolve(rev: string): Promise<Hash> {
    const { id, path } = await resolveRevision(this.revisions(), rev)
    if (path !== undefined) {
      throw new VarveError('INVALID_ARGUMENT', `a revision without a path is meant here, not ${JSON.stringify(rev)}`, {
        actual: rev,
      })
    }
    return id
  }

  /**
   * The file tree of a commit, for reading.
   *
   * @throws {VarveError} as `resolve`; `PRUNED` for a commit that lost its files
   * @example
   * ```ts
   * const snapshot = await repo.at('main~1')
   * for await (const entry of snapshot.walk()) console.log(entry.kind, entry.path)
   * ```
   */
  async at(rev: string): Promise<Snapshot> {
    const id = await this.resolve(rev)
    requireFiles(this.session, id)
    return new Snapshot(this.session.store, id, await readCommit(this.session.store, id))
  }

  /**
   * What is said of one commit.
   *
   * @throws {VarveError} as `resolve`
   * @example
   * ```ts
   * const { author, message } = await repo.commit('main')
   * console.log(author.who, message)
   * ```
   */
  async commit(rev: string): Promise<CommitInfo> {
    const id = await this.resolve(rev)
    return this.described(id, await readCommit(this.session.store, id))
  }

  /**
   * Commits, newest first, each before its parents.
   *
   * @throws {VarveError} as `resolve`; `CANCELLED`
   * @example
   * ```ts
   * for await (const commit of repo.log({ from: 'main', limit: 10 })) console.log(commit.id, commit.message)
   * ```
   */
  async *log(options: LogOptions = {}): AsyncGenerator<CommitInfo> {
    const { limit, signal } = options
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0)) {
      throw new VarveError('INVALID_ARGUMENT', `a limit is a whole number, 0 or more, not ${limit}`, { actual: limit })
    }
    const starts: Hash[] = []
    const exclude: Hash[] = []
    const named = options.from === undefined ? ['@'] : typeof options.from === 'string' ? [options.from] : options.from
    for (const text of named) {
      const range = parseRange(text)
      if (range?.from !== undefined) exclude.push(await this.resolve(range.from))
      starts.push(await this.resolve(range ? range.to : text))
    }
    for (const text of options.exclude ?? []) exclude.push(await this.resolve(text))
    let left = limit ?? Number.POSITIVE_INFINITY
    if (left === 0) return
    for await (const { id, commit } of walkCommits(this.session.store, starts, {
      exclude,
      touching: options.path,
      pruned: filesLost(this.session),
      signal,
    })) {
      yield this.described(id, commit)
      if (--left === 0) return
    }
  }

  /**
   * What differs between two revisions, in the order of path bytes. Visits what changed, not what is there. `textDiff`
   * says which lines of a file did.
   *
   * @throws {VarveError} as `resolve`; `CANCELLED`
   * @example
   * ```ts
   * for await (const change of repo.diff('main~1', 'main', { changedBytes: true })) {
   *   console.log(change.kind, change.path, change.addedBytes)
   * }
   * ```
   */
  async *diff(a: string, b: string, options: DiffOptions = {}): AsyncGenerator<Change> {
    const [before, after] = [await this.at(a), await this.at(b)]
    yield* diffRoots(this.session.store, before.root, after.root, options)
  }

  // ---- committing and exporting ----

  /**
   * Edits on a branch without a working folder; `commit` on the draft ends it. The branch may be unborn.
   *
   * @throws {VarveError} `INVALID_REF_NAME`, `STORAGE_READ_ONLY`
   * @example
   * ```ts
   * const draft = await repo.draft('main')
   * await draft.write('docs/guide.md', '# Guide\n')
   * await draft.append('docs/guide.md', 'More to come.\n')
   * const commit = await draft.commit({ message: 'Begin the guide' })
   * console.log(commit.tree.files)
   * ```
   */
  async draft(branch: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<BranchDraft> {
    return BranchDraft.open(this.session, branch, async (rev) => (await this.at(rev)).root, options.signal)
  }

  /**
   * Commits the state of a folder: all of it, unless ignore rules are given. Durable when resolved; nothing is visible
   * before. Memory is bounded whatever the files' sizes.
   *
   * @throws {VarveError} `UNREADABLE_FILES` (`details.paths`: all of them), `REF_CONFLICT`, `PATH_NOT_FOUND`,
   * `CANCELLED`, `STORAGE_FULL`, `STORAGE_IO`, `STORE_LOCKED`, `VG_FULL`, `LEASE_LOST`, `INVALID_ARGUMENT`
   * @example
   * ```ts
   * const result = await repo.commitFrom(dir, { branch: 'main', message: 'As it is today' })
   * console.log(result.commit?.id, result.files, result.newBytes)
   * ```
   */
  commitFrom(dir: string, options: CommitFromOptions): Promise<CommitFromResult> {
    return commitFrom(this.session, dir, options)
  }

  /**
   * Writes the file tree of a revision into a folder, with recorded modes, times and hard links. Nothing is ever written outside
   * the folder or through a symlink.
   *
   * @param dir a new or empty folder, unless `into`
   * @throws {VarveError} `DESTINATION_NOT_EMPTY`, `ALREADY_EXISTS` (`details.paths`), `UNSAFE_PATH`, `NAME_CLASH`,
   * `PATH_NOT_FOUND`, `CANCELLED`, `STORAGE_FULL`, `STORAGE_IO`, `STORAGE_DENIED`; as `resolve`
   * @example
   * ```ts
   * const result = await repo.export('main', `${dir}/out`)
   * console.log(result.files, result.bytes)
   * ```
   */
  async export(rev: string, dir: string, options: ExportTreeOptions = {}): Promise<ExportedTree> {
    const { store, fileSystem, group } = this.session
    // A long read: gc leaves alone what is reachable while the lease lives.
    const lease = group.readOnly ? undefined : store.takeReaderLease()
    const end = (held: Lease): void => group.catalog.write((tx) => held.release(tx))
    let result: ExportedTree
    try {
      const { root } = await this.at(rev)
      result = await exportTree(store, root, fileSystem, dir, { ...options, storeFiles: storeFiles(this.session) })
    } catch (error) {
      // The error at hand is the one to tell; a lease left behind is swept once this process is gone.
      if (lease)
        await Promise.resolve(lease)
          .then(end)
          .catch(() => undefined)
      throw error
    }
    if (lease) end(lease)
    return result
  }

  /**
   * Begins a batch: from now on until its end, commits of drafts, branches and tags made through this repository are gathered in
   * memory, and written together. Many small commits then take less time, and less room, than each by itself.
   *
   * What was committed is at once what this repository reads: `log`, `at`, `diff`, drafts, `reflog`. Others see it, and it is durable,
   * after a flush: when there is much of it (`flushBytes`), after some time (`flushMs`), by `flush` or `sync`, before any other write
   * through this repository, and at the batch's end. Each flush is one transaction: all commits since the last one, or none; a
   * process that is killed in between loses those, and no commit without all that came after it.
   *
   * One batch at a time. A commit that is too large for it (about 1 MiB) is written by itself, after all that came before.
   *
   * @throws {VarveError} `INVALID_ARGUMENT` also while a batch is open; `STORAGE_READ_ONLY`
   * @example
   * ```ts
   * await using batch = await repo.batch({ flushMs: 200 })
   * for (const name of ['a', 'b', 'c']) {
   *   const draft = await repo.draft('main')
   *   await draft.write(name, 'new\n')
   *   await draft.commit({ message: `Add ${name}` })
   * }
   * console.log((await repo.commit('main')).message)
   * ```
   */
  async batch(options: BatchOptions = {}): Promise<Batch> {
    const { pending } = this.session
    this.session.group.requireOpen()
    requireWritable(this.session)
    const limits = batchLimits(options)
    if (pending.isOpen) {
      throw new VarveError('INVALID_ARGUMENT', 'a batch is open already', { hint: 'End it before the next one.' })
    }
    pending.open(limits)
    return new Batch(pending)
  }

  /**
   * Flushes an open batch, and brings to the disk all that was committed before.
   *
   * @throws {VarveError} as `Batch.flush`
   * @example
   * ```ts
   * await using fast = await Repository.open(repo.path, { durability: 'normal' })
   * const draft = await fast.draft('main')
   * await draft.write('hello.txt', 'Hello\n')
   * await draft.commit({ message: 'Say hello' })
   * await fast.sync()
   * ```
   */
  async sync(): Promise<void> {
    const { pending, group } = this.session
    group.requireOpen()
    await pending.flush()
    group.catalog.sync()
  }

  /**
   * Ends an open batch, brings to the disk what was not synced, and closes the store's files.
   *
   * @throws {VarveError} as `Batch.flush`: then it is still open
   * @example
   * ```ts
   * const repository = await Repository.open(repo.path)
   * await repository.close()
   * ```
   */
  async close(): Promise<void> {
    await this.session.pending.end()
    this.session.store.reads?.write()
    await this.session.group.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private described(id: Hash, commit: Commit): CommitInfo {
    const { pruned: lost, replacements } = this.session
    const pruned = lost.get(replacements.resolve(id))
    const info = describeCommit(id, commit)
    return pruned ? { ...info, pruned: { timeMs: pruned.timeMs, policy: pruned.policy } } : info
  }

  private revisions(): RevisionContext {
    const { store, pending, properties, clock } = this.session
    // A folder that has no commit yet stands nowhere in particular.
    const place = this.standsAt?.()
    const standsAt = place?.head === undefined ? undefined : place
    return {
      refs: pending.refs,
      reader: store,
      clock,
      head: splitRef(standsAt?.branch ?? '')?.name ?? properties.get('default-branch').value,
      headId: standsAt?.head,
      findByPrefix: async (prefix) => [
        ...(await store.findByPrefix(KIND.commit, prefix)),
        ...pending.objects.findByPrefix(KIND.commit, prefix),
        ...(await this.successors(prefix)),
      ],
      successorOf: (id) => this.successorOf(id),
    }
  }
}
