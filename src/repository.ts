/**
 * A repository: a store opened for use. This file wires the layers and carries the flow.
 *
 * Commit: file bytes → chunker (codec/) → id → known already? (cas/, volume/) → grouped into extents → compressed →
 * physical volumes → manifests, trees, attributes and the commit object the same way (history/) → publish: one catalog
 * transaction makes the new extents visible and moves the ref (refs/). Export runs it backwards.
 */
import { type Clock, systemClock } from './base/clock.js'
import { VarveError } from './base/errors.js'
import type { FileSystem } from './base/filesystem.js'
import type { Hash } from './base/hash.js'
import { type Randomness, systemRandomness } from './base/random.js'
import { BranchDraft } from './branchDraft.js'
import { ChunkStore } from './cas/chunkStore.js'
import { makeReachable } from './cas/makeReachable.js'
import { KIND } from './format/kinds.js'
import type { HashName, StoreProfile } from './format/profile.js'
import { makeProfile } from './format/profile.js'
import { type Change, type DiffOptions, diffRoots } from './history/changes.js'
import { type CommitInfo, describeCommit, readCommit, walkCommits } from './history/commits.js'
import type { PathLike } from './history/paths.js'
import { Snapshot } from './history/snapshot.js'
import { Properties, type PropertyInfo, type PropertyName, requirePropertyName } from './refs/properties.js'
import { branchRef, splitRef, tagRef } from './refs/refName.js'
import {
  describeRef,
  type OperationInfo,
  type RefInfo,
  type ReflogEntry,
  type RefRow,
  Refs,
  type RefUpdate,
  refExists,
  refNotFound,
} from './refs/refs.js'
import { parseRange, type RevisionContext, resolveRevision } from './refs/revision.js'
import { idsBelow, type Session, signatureNow } from './session.js'
import { type CommitFromOptions, type CommitFromResult, commitFrom } from './treeCommit.js'
import { type StoreStats, storeStats } from './upkeep/stats.js'
import { type VerifyOptions, type VerifyReport, verifyStore } from './upkeep/verify.js'
import type { CatalogTransaction } from './volume/catalog.js'
import {
  type ExtentMapEntry,
  extentMap,
  findVolume,
  groupInfo,
  type PhysicalVolumeInfo,
  type VolumeGroupInfo,
  withVolume,
} from './volume/groupInfo.js'
import { DEFAULT_LOGICAL_VOLUME } from './volume/placement.js'
import { VolumeGroup } from './volume/volumeGroup.js'
import { type ExportedTree, type ExportTreeOptions, exportTree } from './worktree/exportTree.js'
import { nodeFileSystem } from './worktree/nodeFileSystem.js'

export interface EnvironmentOptions {
  /** How long a lock that another process holds is waited for, in milliseconds. Default 10,000. */
  readonly lockTimeoutMs?: number | undefined
  /** Memory for decoded extents, in bytes. Default 32 MiB. */
  readonly cacheBytes?: number | undefined
  readonly clock?: Clock | undefined
  readonly random?: Randomness | undefined
  readonly fileSystem?: FileSystem | undefined
}

export interface CreateOptions extends EnvironmentOptions {
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

const LOCK_TIMEOUT_MS = 10_000

export class Repository {
  private constructor(private readonly session: Session) {}

  /**
   * Makes a store of one file and opens it. Durable when resolved.
   *
   * @param path the store's file; its folder must exist
   * @throws {VarveError} `STORE_EXISTS` when anything is at `path`, `INVALID_ARGUMENT`, `STORAGE_DENIED`, `STORAGE_FULL`
   * @example
   * ```ts
   * const repository = await Repository.create(`${dir}/notes.varve`, { compression: 'zstd:6' })
   * await repository.close()
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
    const group = await VolumeGroup.create(path, profile, groupOptions(options))
    const repository = await Repository.over(group, options)
    const { compression, defaultBranch } = options
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
   * `PV_DUPLICATE`, `CATALOG_STALE`, `CATALOG_MISSING`, `STORE_LOCKED`, `STORAGE_DENIED`
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
    })
    return Repository.over(group, options)
  }

  private static async over(group: VolumeGroup, options: EnvironmentOptions): Promise<Repository> {
    const clock = options.clock ?? systemClock
    try {
      const cache = options.cacheBytes === undefined ? {} : { extentCacheBytes: options.cacheBytes }
      return new Repository({
        group,
        store: await ChunkStore.open(group, clock, cache),
        refs: new Refs(group.catalog, clock),
        properties: new Properties(group.catalog),
        clock,
        fileSystem: options.fileSystem ?? nodeFileSystem,
      })
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
   * @throws {VarveError} as `resolve`
   * @example
   * ```ts
   * const snapshot = await repo.at('main~1')
   * for await (const entry of snapshot.walk()) console.log(entry.kind, entry.path)
   * ```
   */
  async at(rev: string): Promise<Snapshot> {
    const id = await this.resolve(rev)
    return new Snapshot(this.session.store, id, await readCommit(this.session.store, id))
  }

  /** What is said of one commit. @throws {VarveError} as `resolve` */
  async commit(rev: string): Promise<CommitInfo> {
    return (await this.at(rev)).info
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
      signal,
    })) {
      yield describeCommit(id, commit)
      if (--left === 0) return
    }
  }

  /**
   * What differs between two revisions, in the order of path bytes. Visits what changed, not what is there.
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
   * Writes the file tree of a revision into a folder, with recorded modes and times. Nothing is ever written outside
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
    try {
      const { root } = await this.at(rev)
      return await exportTree(store, root, fileSystem, dir, options)
    } finally {
      if (lease) group.catalog.write((tx) => lease.release(tx))
    }
  }

  // ---- refs ----

  /** Branches, by name. */
  async branches(): Promise<RefInfo[]> {
    return this.session.refs.list('heads/').map(describeRef)
  }

  /** Tags, by name. */
  async tags(): Promise<RefInfo[]> {
    return this.session.refs.list('tags/').map(describeRef)
  }

  /**
   * Makes a branch at a revision. Durable when resolved.
   *
   * @param options.force move the branch if it exists
   * @throws {VarveError} `REF_EXISTS`, `INVALID_REF_NAME`; as `resolve`
   * @example
   * ```ts
   * await repo.createBranch('drafts', 'main')
   * console.log((await repo.branches()).map((branch) => branch.name))
   * ```
   */
  async createBranch(name: string, rev: string, options: { readonly force?: boolean | undefined } = {}): Promise<void> {
    const target = await this.resolve(rev)
    const there = this.session.refs.get(branchRef(name))
    if (there && !options.force) throw refExists(there)
    await this.moveRefs([{ name: branchRef(name), expected: options.force ? 'any' : null, target }], 'branch', rev)
  }

  /** Deletes a branch; its commits stay reachable through the reflog. @throws {VarveError} `REF_NOT_FOUND` */
  async deleteBranch(name: string): Promise<void> {
    const { target } = this.requireRef(branchRef(name))
    await this.moveRefs([{ name: branchRef(name), expected: target, target: null }], 'branch-delete', name)
  }

  /** Renames a branch; its reflog goes with it. @throws {VarveError} `REF_NOT_FOUND`, `REF_EXISTS`, `INVALID_REF_NAME` */
  async renameBranch(from: string, to: string): Promise<void> {
    const { refs, group } = this.session
    const { who } = signatureNow(this.session, undefined)
    const log = { operation: 'branch-rename', message: `${from} to ${to}`, who }
    group.catalog.write((tx) => refs.rename(tx, branchRef(from), branchRef(to), log))
  }

  /**
   * Names a revision for good. Durable when resolved.
   *
   * @param options.force replace a tag of this name
   * @throws {VarveError} `REF_EXISTS`, `INVALID_REF_NAME`; as `resolve`
   * @example
   * ```ts
   * await repo.createTag('v1.0', 'main', { message: 'First release' })
   * console.log((await repo.commit('v1.0')).message)
   * ```
   */
  async createTag(
    name: string,
    rev: string,
    options: { readonly message?: string | undefined; readonly force?: boolean | undefined } = {},
  ): Promise<void> {
    const target = await this.resolve(rev)
    const { message, force } = options
    const expected = force ? 'any' : null
    await this.moveRefs([{ name: tagRef(name), expected, target, message, force }], 'tag', rev)
  }

  /** Deletes a tag. @throws {VarveError} `REF_NOT_FOUND` */
  async deleteTag(name: string): Promise<void> {
    const { target } = this.requireRef(tagRef(name))
    await this.moveRefs([{ name: tagRef(name), expected: target, target: null }], 'tag-delete', name)
  }

  /** What happened to a branch or tag, or to all of them; newest first. */
  async reflog(name?: string, options: { readonly limit?: number | undefined } = {}): Promise<ReflogEntry[]> {
    return this.session.refs.reflog(name === undefined ? undefined : this.fullRefName(name), options.limit)
  }

  /** Every operation on the store's refs; newest first. */
  async operations(options: { readonly limit?: number | undefined } = {}): Promise<OperationInfo[]> {
    return this.session.refs.operations(options.limit)
  }

  // ---- settings ----

  /** The store's properties. Names: `author`, `attributes`, `compression`, `default-branch`. */
  readonly config = {
    /** @throws {VarveError} `INVALID_ARGUMENT` for a name that is not known */
    get: async (name: string): Promise<PropertyInfo> => this.session.properties.get(requirePropertyName(name)),
    /** Durable when resolved. @throws {VarveError} `INVALID_ARGUMENT` */
    set: async (name: string, value: string): Promise<void> =>
      this.changeProperty(name, (property, tx) => this.session.properties.set(tx, property, value)),
    /** Back to the default. Durable when resolved. @throws {VarveError} `INVALID_ARGUMENT` */
    unset: async (name: string): Promise<void> =>
      this.changeProperty(name, (property, tx) => this.session.properties.unset(tx, property)),
    list: async (): Promise<PropertyInfo[]> => this.session.properties.list(),
  }

  // ---- volumes ----

  /** The volume group: its volumes and their use. */
  volumeGroup(): Promise<VolumeGroupInfo> {
    return groupInfo(this.session.group)
  }

  /**
   * Adds a physical volume: a new file. Durable when resolved; the group works on if this is interrupted anywhere.
   *
   * @throws {VarveError} `ALREADY_EXISTS`, `PV_DUPLICATE`, `PV_FOREIGN`, `STORAGE_DENIED`, `INVALID_ARGUMENT`
   * @example
   * ```ts
   * const volume = await repo.extendVolumeGroup(`${dir}/second.varve`, { capacityBytes: 10 * 2 ** 30 })
   * console.log(volume.number)
   * ```
   */
  async extendVolumeGroup(
    file: string,
    options: { readonly capacityBytes?: number | null | undefined; readonly tags?: readonly string[] | undefined } = {},
  ): Promise<PhysicalVolumeInfo> {
    const { group } = this.session
    const capacityBytes = options.capacityBytes ?? null
    if (capacityBytes !== null && (!Number.isSafeInteger(capacityBytes) || capacityBytes <= 0)) {
      throw new VarveError('INVALID_ARGUMENT', `a capacity is a number of bytes above 0, not ${capacityBytes}`, {
        actual: capacityBytes,
      })
    }
    await group.extend(file, { capacityBytes, tags: options.tags ?? [] })
    const added = (await groupInfo(group)).physicalVolumes.at(-1)
    if (!added) throw new VarveError('PV_NOT_FOUND', `${file} was added and is gone again`, { path: file })
    return added
  }

  /**
   * Changes how new extents are placed: `linear` fills volumes in order, `striped` takes them in turn. What is stored
   * stays where it is.
   */
  async changeVolumeGroup(change: {
    readonly type?: 'linear' | 'striped' | undefined
    readonly name?: string | undefined
  }): Promise<void> {
    const { type, name } = change
    if (type !== undefined && type !== 'linear' && type !== 'striped') {
      throw new VarveError('INVALID_ARGUMENT', `a volume group is linear or striped, not ${JSON.stringify(type)}`, {
        expected: ['linear', 'striped'],
        actual: type,
      })
    }
    await this.session.group.changeLayout((layout) => ({
      ...layout,
      name: name ?? layout.name,
      logicalVolumes: layout.logicalVolumes.map((volume) =>
        volume.name === DEFAULT_LOGICAL_VOLUME ? { ...volume, type: type ?? volume.type } : volume,
      ),
    }))
  }

  /**
   * Lets a volume take new extents or not, or limits its stored bytes (`null`: no limit).
   * @param name number, UUID or path
   * @throws {VarveError} `PV_NOT_FOUND`, `INVALID_ARGUMENT`
   */
  async changePhysicalVolume(
    name: string,
    change: { readonly allocatable?: boolean | undefined; readonly capacityBytes?: number | null | undefined },
  ): Promise<void> {
    const { group } = this.session
    const { number } = findVolume(group, name)
    await group.changeLayout((layout) => withVolume(layout, number, change))
  }

  /** Where extents lie, in runs of numbers, volume by volume. @throws {VarveError} `PV_NOT_FOUND` */
  async *extentMap(options: { readonly pv?: string | undefined } = {}): AsyncGenerator<ExtentMapEntry> {
    const { group } = this.session
    yield* extentMap(group, options.pv === undefined ? undefined : findVolume(group, options.pv).number)
  }

  // ---- care ----

  /**
   * Checks everything: files, extents, every chunk's hash, the chunk tables, and all history from every ref.
   * Damage is reported, not thrown.
   *
   * @throws {VarveError} `CANCELLED`, `STORE_LOCKED`
   * @example
   * ```ts
   * const report = await repo.verify()
   * if (!report.ok) for (const problem of report.problems) console.log(problem.message, problem.paths)
   * ```
   */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { store, refs, properties } = this.session
    const roots = () => refs.list().map((ref) => ({ name: describeRef(ref).name, id: ref.target }))
    const checkRows = [() => refs.reflog(), () => refs.operations(), () => properties.list()]
    return verifyStore(store, roots, checkRows, options)
  }

  /** What the store holds, and what dedup and compression saved. */
  async stats(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<StoreStats> {
    const { refs, group, store } = this.session
    const roots = refs.list().map(({ target }) => target)
    return storeStats(group, store, roots, options.signal)
  }

  /** Closes the store's files. */
  close(): Promise<void> {
    return this.session.group.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private revisions(): RevisionContext {
    const { refs, store, properties, clock } = this.session
    return {
      refs,
      reader: store,
      clock,
      head: properties.get('default-branch').value,
      findByPrefix: (prefix) => store.findByPrefix(KIND.commit, prefix),
    }
  }

  /** A branch before a tag of the same name; what was deleted is taken for a branch. */
  private fullRefName(name: string): string {
    if (splitRef(name)) return name
    const { refs } = this.session
    return !refs.get(branchRef(name)) && refs.get(tagRef(name)) ? tagRef(name) : branchRef(name)
  }

  private requireRef(name: string): RefRow {
    const found = this.session.refs.get(name)
    if (found) return found
    throw refNotFound(name)
  }

  /** Safety rule 4: every way of making something reachable goes through `makeReachable`. */
  private async moveRefs(updates: readonly RefUpdate[], operation: string, message: string): Promise<void> {
    const { who } = signatureNow(this.session, undefined)
    const roots = updates.flatMap(({ target }) => target ?? [])
    await makeReachable(
      this.session.store,
      () => idsBelow(this.session, roots),
      (tx) => this.session.refs.apply(tx, updates, { operation, message, who }),
    )
  }

  private async changeProperty(
    name: string,
    change: (property: PropertyName, tx: CatalogTransaction) => void,
  ): Promise<void> {
    const property = requirePropertyName(name)
    this.session.group.catalog.write((tx) => change(property, tx))
  }
}

function groupOptions(options: EnvironmentOptions) {
  return {
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandomness,
    lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
  }
}
