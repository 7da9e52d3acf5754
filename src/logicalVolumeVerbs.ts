/** Logical volumes: the part of a repository that says where what branches reach is kept, in how many copies, and how much of it. */
import { adoptingRefs, type BranchVolume } from './refs/branchVolumes.js'
import { RefVerbs } from './refVerbs.js'
import { requireWritable } from './session.js'
import {
  assignLogicalVolume,
  type CreateLogicalVolumeOptions,
  createLogicalVolume,
  removeLogicalVolume,
  resizeLogicalVolume,
  type SizeChange,
} from './upkeep/logicalVolumeChanges.js'
import {
  type ConvertOptions,
  type ConvertReport,
  convertLogicalVolume,
  type LogicalVolumeInfo,
  logicalVolumeInfos,
} from './upkeep/logicalVolumes.js'
import { type TierReport, tierLogicalVolume } from './upkeep/logicalVolumeTiers.js'
import { settleUses, type UsesContext } from './upkeep/logicalVolumeUses.js'
import type { PlaceCopiesOptions, PlaceCopiesReport } from './upkeep/placeCopies.js'
import { findVolume } from './volume/groupInfo.js'
import type { VolumeGroup } from './volume/volumeGroup.js'

/** Options that change nothing of a logical volume. */
const NO_CHANGE = new Set(['dryRun', 'rateBytes', 'signal', 'onProgress'])

export abstract class LogicalVolumeVerbs extends RefVerbs {
  /**
   * The logical volumes: what each asks for, and what lacks of it.
   * @example
   * ```ts
   * for (const volume of await repo.logicalVolumes()) console.log(volume.name, volume.type, volume.lackingCopies)
   * ```
   */
  async logicalVolumes(): Promise<LogicalVolumeInfo[]> {
    const { group } = this.session
    await group.refresh()
    return logicalVolumeInfos(group, this.session.branchVolumes.list())
  }

  /**
   * Changes what a logical volume asks for, and brings what is stored to where it wants it, while others read and commit: first all
   * copies come, each durable before the catalog names it, then those go that are too many. Between `linear` and `striped`, what is
   * stored stays where it is. Interrupted or killed, the same call again does the rest; without a change, it brings what lacks.
   *
   * @param name of the logical volume
   * @param options.copies volumes on which each extent is to lie; `objectCopies`: each of trees, manifests and commits
   * @param options.physicalVolumes numbers, UUIDs or paths of the volumes it may use, and `tags` that they have. Default: as it was, all of
   * them at first
   * @param options.tiers tags of volumes: what is new comes to the ones, and what is not used goes to the others (`tierLogicalVolume`)
   * @throws {VarveError} `PV_NOT_FOUND`, `INVALID_ARGUMENT`; `VG_FULL` when it does not fit, before anything is changed; `PV_MISSING`,
   * `STORE_LOCKED` while gc is at work, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
   * @example
   * ```ts
   * await repo.extendVolumeGroup(`${dir}/other-disk.varve`)
   * const { added, lackingCopies } = await repo.convertLogicalVolume('default', { copies: 2 })
   * console.log(added, lackingCopies)
   * ```
   */
  async convertLogicalVolume(
    name: string,
    options: Omit<ConvertOptions, 'physicalVolumes'> & {
      readonly physicalVolumes?: readonly string[] | undefined
    } = {},
  ): Promise<ConvertReport> {
    const { group, store } = this.session
    group.requireOpen()
    const physicalVolumes = numbersOf(group, options.physicalVolumes)
    const isRepair = Object.entries(options).every(([key, value]) => NO_CHANGE.has(key) || value === undefined)
    // Copies of what is not used any more need not be made, and of what was led there they must.
    const isDue = isRepair || adoptingRefs(group.catalog).length > 0
    if (isDue && !options.dryRun) await settleUses(this.usesContext, options)
    return convertLogicalVolume(store, name, { ...options, physicalVolumes })
  }

  /**
   * Brings what is read often to the fast tier of a logical volume, and what is not used to the slow one, while others read and commit: a
   * copy is brought there, durable, named by the catalog, and dropped where it was. Interrupted or killed at any moment, the next run
   * does the rest; without any use in between, it finds nothing to do.
   *
   * @param name of the logical volume
   * @throws {VarveError} `PV_NOT_FOUND`; `INVALID_ARGUMENT` for one without tiers; `STORE_LOCKED` while gc is at work, `STORAGE_FULL`,
   * `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
   * @example
   * ```ts
   * await repo.changePhysicalVolume('0', { tags: ['hdd'] })
   * await repo.extendVolumeGroup(`${dir}/ssd.varve`, { tags: ['ssd'], capacityBytes: 50 * 2 ** 30 })
   * await repo.convertLogicalVolume('default', { tiers: { fast: 'ssd', slow: 'hdd' } })
   * const { promoted, demoted } = await repo.tierLogicalVolume('default')
   * console.log(promoted.storedBytes, demoted.storedBytes)
   * ```
   */
  async tierLogicalVolume(name: string, options: PlaceCopiesOptions = {}): Promise<TierReport> {
    const { group, store } = this.session
    group.requireOpen()
    return tierLogicalVolume(store, name, options)
  }

  /**
   * Makes a logical volume: a policy of its own for the branches that are kept in it (`assignLogicalVolume`). Chunks are stored once
   * all the same, in as many copies and where each of those wants them that use them. Durable when resolved.
   *
   * @param name letters, digits, and `_ + . -`
   * @param options.copies volumes on which each extent is to lie; default 1. `physicalVolumes`: numbers, UUIDs or paths of the volumes it may
   * use, and `tags` that they have; default all
   * @param options.virtualBytes what its extents may take, one copy of each, as they are stored: it may be more than there is. Default: as
   * much as there is. With `reserved` that much is kept free for it
   * @throws {VarveError} `ALREADY_EXISTS`, `INVALID_ARGUMENT`, `PV_NOT_FOUND`, `VG_FULL` where that cannot be kept free, `STORE_LOCKED`
   * where the store is of an older format and somebody else has it open, `STORAGE_READ_ONLY`
   * @example
   * ```ts
   * await repo.extendVolumeGroup(`${dir}/second.varve`)
   * await repo.createLogicalVolume('safe', { copies: 2 })
   * await repo.assignLogicalVolume('safe', ['main'])
   * ```
   */
  async createLogicalVolume(
    name: string,
    options: Omit<CreateLogicalVolumeOptions, 'physicalVolumes'> & {
      readonly physicalVolumes?: readonly string[] | undefined
    } = {},
  ): Promise<void> {
    const { group, random } = this.session
    requireWritable(this.session)
    const physicalVolumes = numbersOf(group, options.physicalVolumes)
    await createLogicalVolume(this.session, name, { ...options, physicalVolumes }, random)
  }

  /**
   * Gives a logical volume another size. Durable when resolved.
   *
   * @throws {VarveError} `PV_NOT_FOUND`; `INVALID_ARGUMENT` where it holds more; `VG_FULL` where that cannot be kept free;
   * `STORAGE_READ_ONLY`
   * @example
   * ```ts
   * await repo.resizeLogicalVolume('default', { virtualBytes: 50e9 })
   * ```
   */
  async resizeLogicalVolume(name: string, size: SizeChange): Promise<void> {
    requireWritable(this.session)
    await resizeLogicalVolume(this.session, name, size)
  }

  /**
   * Ends a logical volume that no branch is kept in. What it used alone is used by `default` from then on, and follows.
   *
   * @throws {VarveError} `LV_IN_USE` while a branch is kept in it; `INVALID_ARGUMENT` for `default`; as `convertLogicalVolume`
   * @example
   * ```ts
   * await repo.createLogicalVolume('scratch')
   * await repo.removeLogicalVolume('scratch')
   * ```
   */
  async removeLogicalVolume(name: string, options: PlaceCopiesOptions = {}): Promise<PlaceCopiesReport> {
    if (!options.dryRun) requireWritable(this.session)
    return removeLogicalVolume(this.usesContext, name, options)
  }

  /**
   * Keeps branches and tags in a logical volume, with all that they reach, and with them those below (`team/docs` is below `team`). What
   * is stored follows, while others read and commit; interrupted or killed, the same call again does the rest. New commits are
   * kept there from the moment it begins.
   *
   * @param names of branches and tags, which need not be there yet
   * @throws {VarveError} `INVALID_REF_NAME`; `LV_FULL` where they reach more than it may hold, before anything is changed; as
   * `convertLogicalVolume`
   * @example
   * ```ts
   * await repo.createLogicalVolume('archive')
   * await repo.assignLogicalVolume('archive', ['team/docs'])
   * ```
   */
  async assignLogicalVolume(
    name: string,
    names: readonly string[],
    options: PlaceCopiesOptions = {},
  ): Promise<PlaceCopiesReport> {
    if (!options.dryRun) requireWritable(this.session)
    return assignLogicalVolume(this.usesContext, name, names, options)
  }

  /**
   * Which branches and tags were assigned to which logical volume.
   *
   * @example
   * ```ts
   * for (const { name, logicalVolume } of await repo.assignedLogicalVolumes()) console.log(name, logicalVolume)
   * ```
   */
  async assignedLogicalVolumes(): Promise<BranchVolume[]> {
    return this.session.branchVolumes.list()
  }

  /** @internal */
  protected get usesContext(): UsesContext {
    const { store, refs, worktrees, pruned, branchVolumes: volumes } = this.session
    return { store, refs, worktrees, pruned, volumes }
  }
}

function numbersOf(group: VolumeGroup, names: readonly string[] | undefined): number[] | undefined {
  return names?.map((name) => findVolume(group, name).number)
}
