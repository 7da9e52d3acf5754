/** Care of a store: what is in it, whether it is still true, and what may go. */
import { VarveError } from './base/errors.js'
import type { Hash } from './base/hash.js'
import { parseDuration } from './base/units.js'
import type { StoreCacheStats } from './cas/chunkStore.js'
import { parseCompression } from './codec/compressor.js'
import { foldersHealth } from './folderHealth.js'
import { walkCommits } from './history/commits.js'
import type { Snapshot } from './history/snapshot.js'
import { parsePercentage } from './refs/properties.js'
import { branchRef } from './refs/refName.js'
import { describeRef, refNotFound } from './refs/refs.js'
import { type DefragmentOptions, type DefragmentReport, defragment } from './upkeep/defragment.js'
import { type DoctorReport, examine } from './upkeep/doctor.js'
import { type ExplainOptions, type Explanation, explainKeeping } from './upkeep/explain.js'
import { collectGarbage } from './upkeep/gc.js'
import type { GcOptions, GcReport } from './upkeep/gcReport.js'
import { isGcDue } from './upkeep/lastGc.js'
import { isPackDue } from './upkeep/lastPack.js'
import { settleUses } from './upkeep/logicalVolumeUses.js'
import { type PackOptions, type PackReport, packStore } from './upkeep/pack.js'
import { type PruneOptions, type PruneResult, pruneCommits } from './upkeep/prune.js'
import { commitsInPlace } from './upkeep/replace.js'
import { type ScrubOptions, type ScrubReport, scrubStore } from './upkeep/scrub.js'
import { type ScrubStatus, scrubStatus } from './upkeep/scrubState.js'
import { type SpaceOwner, type SpaceReport, spaceReport } from './upkeep/space.js'
import { type StoreStats, storeStats } from './upkeep/stats.js'
import { type VerifyOptions, type VerifyReport, type VerifySubject, verifyStore } from './upkeep/verify.js'
import { type UsageContext, type WhichOptions, type WhichResult, whichUse } from './upkeep/which.js'
import { VolumeVerbs } from './volumeVerbs.js'

export abstract class UpkeepVerbs extends VolumeVerbs {
  abstract at(rev: string): Promise<Snapshot>

  /**
   * Checks everything: files, extents, every chunk's hash, the chunk tables, and all history from every ref.
   * Damage is reported, not thrown. Every copy of an extent is read; with `heal`, a damaged one is mended from a sound one. With
   * `checksums`, stored bytes are compared with their checksums, and no more; with `quick`, everything but contents is checked.
   *
   * @throws {VarveError} `INVALID_ARGUMENT`, `CANCELLED`, `STORE_LOCKED`; with `heal` also `STORAGE_READ_ONLY`, `STORAGE_FULL`
   * @example
   * ```ts
   * const report = await repo.verify()
   * if (!report.ok) for (const problem of report.problems) console.log(problem.message, problem.paths)
   * // Each night what a disk may have lost, and one part of the contents as a whole: on the third of seven,
   * await repo.verify({ checksums: true })
   * await repo.verify({ subset: { index: 3, of: 7 }, heal: true })
   * ```
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    await this.session.group.refresh()
    return verifyStore(this.verifySubject(), options)
  }

  /**
   * Checks what `verify` checks, but for SQLite's own look at each file; slowly if told so, and in a round that goes on where it
   * was interrupted: by `signal`, or by anything else. Damaged copies of extents are mended from sound ones. Others may write, and
   * gc may run, meanwhile. What it found is remembered (`scrubStatus`) until a later round finds it gone.
   *
   * @throws {VarveError} `INVALID_ARGUMENT`; `STORE_LOCKED` while another is at work; `LEASE_LOST` when another took over;
   * `STORAGE_READ_ONLY`, `STORAGE_FULL`, `CANCELLED`
   * @example
   * ```ts
   * const { ok, healed } = await repo.scrub({ rateBytes: 50 * 2 ** 20 })
   * console.log(ok ? `all is sound, ${healed.length} copies were mended` : 'there is damage')
   * ```
   */
  async scrub(options: ScrubOptions = {}): Promise<ScrubReport> {
    await this.session.group.refresh()
    return scrubStore({ subject: this.verifySubject(), random: this.session.random }, options)
  }

  /**
   * How far a scrub is, what the last one found, and what is known to be damaged.
   *
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   * @example
   * ```ts
   * const { last } = await repo.scrubStatus()
   * console.log(last === undefined ? 'never' : new Date(last.finishedMs))
   * ```
   */
  async scrubStatus(): Promise<ScrubStatus> {
    return scrubStatus(this.session.group.catalog)
  }

  /**
   * What should be done about the store, and how, from cheap looks alone: nothing is read back, nothing changed.
   *
   * @example
   * ```ts
   * for (const { message, advice } of (await repo.doctor()).findings) console.log(message, advice)
   * ```
   */
  async doctor(): Promise<DoctorReport> {
    const { session } = this
    const { group, pruned, clock, branchVolumes, properties } = session
    group.requireOpen()
    const fullPart = parsePercentage('full-warn', properties.get('full-warn').value) / 100
    return examine({ group, pruned, clock, branchVolumes, fullPart, folders: () => foldersHealth(session) })
  }

  private verifySubject(): VerifySubject {
    const { store, refs, worktrees, properties, pruned, replacements, group } = this.session
    // Else every question would end in an error, and be taken for damage.
    group.requireOpen()
    // What a folder stands at without a branch hangs on the folder alone.
    const detached = () =>
      worktrees
        .list()
        .flatMap(({ path, branch, head }) =>
          branch === undefined && head !== undefined ? [{ name: `HEAD of ${path}`, id: head }] : [],
        )
    const roots = () => [...refs.list().map((ref) => ({ name: describeRef(ref).name, id: ref.target })), ...detached()]
    // As it is at that moment: another process may have changed it.
    const totals = (): void => {
      const { physicalVolumes } = group.home.tables.layout()
      group.catalog.checkTotals(physicalVolumes.map(({ number }) => number))
    }
    const folders = (): unknown => worktrees.list()
    const checkRows = [
      totals,
      () => pruned.list(),
      () => refs.reflog(),
      () => refs.operations(),
      () => properties.list(),
      folders,
    ]
    return { store: store.originals, roots, checkRows, pruned, replacements: () => replacements.list() }
  }

  /**
   * What the store holds, and what dedup and compression saved.
   * @example
   * ```ts
   * const { logicalBytes, storedBytes } = await repo.stats()
   * console.log(`${(logicalBytes / storedBytes).toFixed(1)} times as much as is stored`)
   * ```
   */
  async stats(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<StoreStats> {
    await this.session.pending.flush()
    const { refs, group, store, pruned } = this.session
    const roots = refs.list().map(({ target }) => target)
    return storeStats(group, store.originals, roots, pruned, options.signal)
  }

  /**
   * How often what was read since the store was opened was still in memory, and what is held there: of extents, a run of reads from
   * one counts once. Costs nothing. `cacheBytes` says how much memory extents get when a store is opened.
   *
   * @example
   * ```ts
   * await (await repo.at('main')).read('readme.txt')
   * const { extents, objects } = repo.cacheStats()
   * console.log(extents.hits, extents.misses, extents.bytes, objects.hits)
   * ```
   */
  cacheStats(): StoreCacheStats {
    return this.session.store.cacheStats
  }

  /**
   * Gives back the space of what nothing reaches any more: refs, working folders, the reflog within its term
   * (`reflog-keep`). What is found so is condemned, kept for the grace period (`gc-grace`), revived when it is used again, and
   * dropped by a later run. Others may read and commit meanwhile. Interrupted anywhere, the next run does the rest.
   *
   * @throws {CorruptionError} when something reachable is damaged or missing: then nothing is dropped
   * @throws {VarveError} `STORE_LOCKED` while another gc is at work, `PV_MISSING`, `STORAGE_READ_ONLY`, `CANCELLED`
   * @example
   * ```ts
   * const { condemned, dropped } = await repo.gc({ dryRun: true })
   * console.log(condemned.bytes, dropped.storedBytes)
   * ```
   */
  async gc(options: GcOptions = {}): Promise<GcReport> {
    await this.session.pending.flush()
    const { store, refs, worktrees, pruned, properties, group } = this.session
    group.requireOpen()
    const report = await collectGarbage(
      {
        store: store.originals,
        refs,
        worktrees,
        pruned,
        graceMs: parseDuration(properties.get('gc-grace').value),
        reflogTermMs: parseDuration(properties.get('reflog-keep').value),
        wasteTolerance: parsePercentage('gc-waste', properties.get('gc-waste').value) / 100,
        compression: parseCompression(properties.get('compression').value),
      },
      options,
    )
    // What others reach still, and those do not any more who gave it up, takes up nothing of their size.
    const isSized = group.layout.logicalVolumes.some(({ virtualBytes }) => virtualBytes !== null)
    if (isSized && !options.dryRun) await settleUses(this.usesContext, options)
    return report
  }

  /**
   * Whether gc may have something to do and did not run for a day: to be asked after commits, or on a timer, by programs that run
   * it themselves. A store of the first format, which gc would upgrade, never is.
   *
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   * @example
   * ```ts
   * if (await repo.isGcDue()) await repo.gc({ rateBytes: 16 * 2 ** 20 })
   * ```
   */
  async isGcDue(): Promise<boolean> {
    const { group, clock } = this.session
    return isGcDue(group.catalog, clock.nowMs())
  }

  /**
   * Rewrites the extents that hold a commit's files, where these lie in many pieces, in the order of the files: reading them all
   * is quicker afterwards. Others may read and commit meanwhile; interrupted, what was done stays. Needs room for 64 MiB.
   *
   * @throws {VarveError} as `at`; `STORE_LOCKED` while gc is at work, `VG_FULL`, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `CANCELLED`
   * @throws {CorruptionError} when a tree or a manifest of the commit is damaged; damaged contents are left alone and noted
   * @example
   * ```ts
   * const { piecesBefore, piecesAfter } = await repo.defragment({ revision: 'main', dryRun: true })
   * console.log(piecesBefore, piecesAfter)
   * ```
   */
  async defragment(options: DefragmentOptions = {}): Promise<DefragmentReport> {
    await this.session.pending.flush()
    const { store, group, properties } = this.session
    group.requireOpen()
    const { root } = await this.at(options.revision ?? 'HEAD')
    const compression = parseCompression(properties.get('compression').value)
    return defragment({ store, compression }, root.tree, options)
  }

  /**
   * Puts all chunks together anew, by what they are like: the newest commit whole and in the order of its files, older ones as
   * what they differ in. The store becomes smaller, or stays as it is; nothing is dropped. Others may read and commit meanwhile;
   * interrupted or killed, all is as it was. Needs room for the packed store beside the old one.
   *
   * @throws {VarveError} `STORE_LOCKED` while other upkeep is at work, `VG_FULL`, `STORAGE_FULL`, `STORAGE_READ_ONLY`,
   * `PV_MISSING`, `CANCELLED`
   * @throws {CorruptionError} when something is damaged; nothing was changed then
   * @example
   * ```ts
   * const { storedBytes, newStoredBytes, isPacked } = await repo.pack()
   * console.log(isPacked ? storedBytes - newStoredBytes : 'as small as can be')
   * ```
   */
  async pack(options: PackOptions = {}): Promise<PackReport> {
    await this.session.pending.flush()
    const { store, group, refs, worktrees, pruned, properties } = this.session
    group.requireOpen()
    const compression = parseCompression(properties.get('compression').value)
    return packStore({ store, refs, worktrees, pruned, compression }, options)
  }

  /**
   * Whether packing may pay: much was written since the last time, in proportion to all that is stored; and nobody tried for a
   * day. To be asked after gc, by programs that run it themselves. Of a store with more than 512 MiB of contents it never is.
   *
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   * @example
   * ```ts
   * if (await repo.isPackDue()) await repo.pack({ rateBytes: 16 * 2 ** 20 })
   * ```
   */
  async isPackDue(): Promise<boolean> {
    const { group, clock } = this.session
    return !group.isTight && isPackDue(group.catalog, clock.nowMs())
  }

  /**
   * Thins out branches: commits that no rule keeps lose their files, and keep object, id, place in history and message. Tips of
   * branches, what folders stand at and, unless `keepTags` names some, all tagged commits stay. `gc` gives the space back.
   * Durable when resolved; all of it or nothing.
   *
   * @throws {VarveError} `INVALID_ARGUMENT` for a policy that keeps nothing, or a pattern that matches nothing; `REF_CONFLICT` when
   * refs moved meanwhile; `STORAGE_READ_ONLY`, `CANCELLED`
   * @example
   * ```ts
   * const { branches } = await repo.prune({ keepLast: 10, keepDaily: 30, dryRun: true })
   * for (const { id, reasons } of branches.flatMap(({ commits }) => commits)) console.log(id, reasons.join(', ') || 'goes')
   * ```
   */
  async prune(options: PruneOptions): Promise<PruneResult> {
    await this.session.pending.flush()
    const { store, refs, worktrees, pruned, replacements, group, clock } = this.session
    group.requireOpen()
    const result = await pruneCommits(
      {
        ...{ catalog: group.catalog, reader: store.originals, refs, worktrees, pruned, replacements },
        nowMs: clock.nowMs(),
        isThere: async (id) => (await store.kindOf(id)) !== undefined,
      },
      options,
    )
    if (!result.dryRun && result.pruned.length > 0) await group.bringRecoveryCopies()
    return result
  }
  /**
   * What needs a chunk or object, or what lies in an extent: branches, tags, folders and reflogs, commits, and files, each version of
   * one in the newest revision that has it. Also where it lies, and what gc will do with it. Damage on the way is reported, not
   * thrown. Walks all history.
   *
   * @param what an id or a prefix of at least 4 digits, of a chunk, manifest, tree, attributes or commit; or `extent:NUMBER`
   * @throws {VarveError} `UNKNOWN_REVISION` for what is not in the store, `AMBIGUOUS_REVISION` (`details.candidates`: the ids),
   * `INVALID_ARGUMENT`, `CANCELLED`, `SNAPSHOT_GONE`
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   * @example
   * ```ts
   * const { id } = await (await repo.at('main')).stat('readme.txt')
   * const { files, roots, places } = await repo.which(id ?? '')
   * console.log(files.map(({ revision, path }) => `${revision}:${path}`), roots.map(({ name }) => name), places[0]?.extent)
   * ```
   */
  async which(what: string, options: WhichOptions = {}): Promise<WhichResult> {
    await this.session.pending.flush()
    return whichUse(this.usageContext(), what, options)
  }

  /**
   * Why gc keeps something, or when its space may come back: of a chunk, object or extent, or of all that a file or directory needs,
   * each chunk and object counted once. Changes nothing. Damage on the way is reported, not thrown.
   *
   * @param what as `which` takes it; or `REV:PATH`; or a path of HEAD, unless it looks like an id: then `:PATH`
   * @throws {VarveError} as `which` and `at`; `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @throws {CorruptionError} `CORRUPT_CATALOG`; when what leads to the path is damaged
   * @example
   * ```ts
   * const { fates, onlyHere } = await repo.explain('main~1:readme.txt')
   * for (const { state, bytes, keptBy } of fates) console.log(state, bytes, keptBy.map(({ name }) => name))
   * console.log(onlyHere?.bytes)
   * ```
   */
  async explain(what: string, options: ExplainOptions = {}): Promise<Explanation> {
    await this.session.pending.flush()
    // What a reader would see there.
    const at = async (rev: string): Promise<Snapshot> =>
      this.at(this.session.replacements.resolve(await this.resolve(rev)))
    return explainKeeping({ ...this.usageContext(), at }, what, options)
  }

  private usageContext(): UsageContext {
    const { store, refs, worktrees, pruned, properties, group, clock } = this.session
    group.requireOpen()
    return {
      store: store.originals,
      refs,
      worktrees,
      pruned,
      clock,
      catalog: group.catalog,
      graceMs: parseDuration(properties.get('gc-grace').value),
      reflogTermMs: parseDuration(properties.get('reflog-keep').value),
    }
  }

  /**
   * What takes the space of the store: how much each branch and tag needs with its history, or each commit of a branch alone, and
   * how much of that nothing else does: what would come back without it. Sets of chunks that had to be made for the answer are
   * kept for the next, if the store can be written to.
   *
   * @param options.by `ref` (default) or `commit`
   * @param options.branch with `commit`: whose commits. Default: the default branch.
   * @param options.revisions instead: these commits alone, without their history. Unique is then what the others of them have not:
   *   of two, in what they differ.
   * @throws {VarveError} `REF_NOT_FOUND`, `CANCELLED`; of revisions, as `resolve`
   * @throws {CorruptionError} when something that is needed is damaged
   * @example
   * ```ts
   * const { owners } = await repo.space()
   * for (const { name, unique } of owners) console.log(name, unique.storedBytes)
   * ```
   */
  async space(
    options: {
      readonly by?: 'ref' | 'commit' | undefined
      readonly branch?: string | undefined
      readonly revisions?: readonly string[] | undefined
      readonly signal?: AbortSignal | undefined
    } = {},
  ): Promise<SpaceReport> {
    await this.session.pending.flush()
    const { refs, worktrees, pruned, properties, replacements } = this.session
    const store = this.session.store.originals
    const { signal } = options
    const history = async (ids: readonly Hash[]): Promise<Hash[]> => {
      const found: Hash[] = []
      for await (const { id } of walkCommits(store, ids, { signal })) found.push(id)
      return found
    }
    if (options.revisions) {
      const owners: SpaceOwner[] = []
      for (const name of options.revisions) owners.push({ name, ids: [await this.resolve(name)] })
      return spaceReport(store, pruned, owners, [], signal)
    }
    // A folder on a branch needs nothing that the branch does not.
    const heads = worktrees.list().flatMap(({ branch, head }) => (branch === undefined ? (head ?? []) : []))
    heads.push(...(await commitsInPlace(store, replacements.list())))
    if (options.by !== 'commit') {
      const owners: SpaceOwner[] = []
      for (const ref of refs.list()) {
        const { kind, name } = describeRef(ref)
        owners.push({ name: `${kind} ${name}`, ids: await history([ref.target]) })
      }
      return spaceReport(store, pruned, owners, await history(heads), signal)
    }
    const name = branchRef(options.branch ?? properties.get('default-branch').value)
    const branch = refs.get(name)
    if (!branch) throw refNotFound(name)
    const own = await history([branch.target])
    const isOwn = new Set(own)
    const others = (await history([...refs.list().map(({ target }) => target), ...heads])).filter(
      (id) => !isOwn.has(id),
    )
    const owners = own.map((id) => ({ name: id, ids: [id] }))
    return spaceReport(store, pruned, owners, others, signal)
  }

  /**
   * Prepares the store for media that can only be read: afterwards it opens with `readOnly` where not even the files of a
   * write-ahead log can be made beside it. Copy it there once it is closed. The next opening for writing ends that.
   *
   * @throws {VarveError} `STORE_LOCKED` while others have it open, `STORAGE_READ_ONLY`
   * @example
   * ```ts
   * await repo.seal()
   * ```
   */
  async seal(): Promise<void> {
    await this.session.pending.flush()
    const { group } = this.session
    if (group.readOnly) {
      throw new VarveError('STORAGE_READ_ONLY', 'this store was opened for reading only', { path: group.catalog.path })
    }
    group.seal()
  }
}
