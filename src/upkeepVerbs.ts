/** Care of a store: what is in it, whether it is still true, and what may go. */
import { parseDuration } from './base/units.js'
import { parseCompression } from './codec/compressor.js'
import { parsePercentage } from './refs/properties.js'
import { describeRef } from './refs/refs.js'
import { collectGarbage, type GcOptions, type GcReport } from './upkeep/gc.js'
import { type PruneOptions, type PruneResult, pruneCommits } from './upkeep/prune.js'
import { type StoreStats, storeStats } from './upkeep/stats.js'
import { type VerifyOptions, type VerifyReport, verifyStore } from './upkeep/verify.js'
import { VolumeVerbs } from './volumeVerbs.js'

export abstract class UpkeepVerbs extends VolumeVerbs {
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
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { store, refs, worktrees, properties, pruned, group } = this.session
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
    const totals = (): void => group.catalog.checkTotals(group.layout.physicalVolumes.map(({ number }) => number))
    const folders = (): unknown => worktrees.list()
    const checkRows = [
      totals,
      () => pruned.list(),
      () => refs.reflog(),
      () => refs.operations(),
      () => properties.list(),
      folders,
    ]
    return verifyStore(store, roots, checkRows, options, pruned)
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
    const { refs, group, store, pruned } = this.session
    const roots = refs.list().map(({ target }) => target)
    return storeStats(group, store, roots, pruned, options.signal)
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
    const { store, refs, worktrees, pruned, properties, group } = this.session
    group.requireOpen()
    return collectGarbage(
      {
        store,
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
    const { store, refs, worktrees, pruned, group, clock } = this.session
    group.requireOpen()
    return pruneCommits(
      { catalog: group.catalog, reader: store, refs, worktrees, pruned, nowMs: clock.nowMs() },
      options,
    )
  }
}
