/** Properties and the volume group: the part of a repository that says how and where things are stored. */
import { VarveError } from './base/errors.js'
import { requireTag } from './format/layout.js'
import { LogicalVolumeVerbs } from './logicalVolumeVerbs.js'
import { type PropertyInfo, type PropertyName, requirePropertyName } from './refs/properties.js'
import { requireWritable } from './session.js'
import { planBalance } from './upkeep/copyPlans.js'
import { type MoveCopiesOptions, type MoveCopiesReport, moveCopies } from './upkeep/moveCopies.js'
import { type PlaceCopiesOptions, type PlaceCopiesReport, placeCopies } from './upkeep/placeCopies.js'
import { type RestoreVolumeReport, restoreVolume } from './upkeep/restoreVolume.js'
import type { CatalogTransaction } from './volume/catalog.js'
import { exportGroup } from './volume/exported.js'
import {
  type ExtentMapEntry,
  extentMap,
  findVolume,
  groupInfo,
  type PhysicalVolumeInfo,
  type VolumeChange,
  type VolumeGroupInfo,
  withVolume,
} from './volume/groupInfo.js'
import {
  lossOf,
  nextVolumeNumber,
  type ReduceOptions,
  type ReduceReport,
  requireAbsent,
  requireElsewhereToo,
  requireEmpty,
} from './volume/layoutChanges.js'
import { takeUpkeep } from './volume/lease.js'
import { requireOneTier } from './volume/tiers.js'
import { requireCapacity } from './volume/volumePlace.js'

export abstract class VolumeVerbs extends LogicalVolumeVerbs {
  /** The store's properties. Names: `author`, `attributes`, `compression`, `default-branch`, `ignore`. */
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

  /**
   * The volume group: its volumes and their use.
   * @example
   * ```ts
   * const { physicalVolumes } = await repo.volumeGroup()
   * for (const volume of physicalVolumes) console.log(volume.path, volume.storedBytes)
   * ```
   */
  async volumeGroup(): Promise<VolumeGroupInfo> {
    await this.session.group.refresh()
    return groupInfo(this.session.group)
  }

  /**
   * Why volumes are not there that the store does without: it keeps copies of all they hold elsewhere. Empty while all are there.
   * @example
   * ```ts
   * for (const reason of repo.absentVolumes) console.log(reason.message)
   * ```
   */
  get absentVolumes(): readonly VarveError[] {
    return [...this.session.group.absent.values()]
  }

  /**
   * Adds a physical volume: a new file, or one that `createPhysicalVolumes` made. Durable when resolved; the group works on if this is interrupted anywhere.
   *
   * @throws {VarveError} `ALREADY_EXISTS`, `PV_IN_USE`, `PV_DUPLICATE`, `PV_FOREIGN`, `STORAGE_DENIED`, `INVALID_PATH`, `INVALID_ARGUMENT`
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
    requireCapacity(capacityBytes)
    const tags = options.tags ?? []
    for (const tag of tags) requireTag(tag)
    await group.refresh()
    const number = nextVolumeNumber(group.catalog, group.layout)
    for (const volume of group.layout.logicalVolumes) requireOneTier(volume, [{ number, tags }])
    await group.extend(file, { capacityBytes, tags })
    const added = (await groupInfo(group)).physicalVolumes.at(-1)
    if (!added) throw new VarveError('PV_NOT_FOUND', `${file} was added and is gone again`, { path: file })
    return added
  }

  /**
   * Takes a volume out of the group on which nothing lies any more. Its file stays where it is, and belongs to no group then. Durable
   * when resolved; interrupted anywhere, the volume is in the group, or it is not.
   *
   * @param name number, UUID or path
   * @param options.missing its file is lost: what was there is forgotten, where it lies on other volumes as well; `convertLogicalVolume`
   * brings further copies of it then
   * @param options.force with `missing`, in a store that was opened `partial`: what lay there alone is given up for good, and all that
   * cannot be read without it. `verify` says what that hits; gc drops nothing from then on as long as anything needs it
   * @returns what was given up, or would be
   * @throws {VarveError} `PV_NOT_FOUND`; `PV_IN_USE` while extents lie there, or, of one that is missing, lie nowhere else;
   * `INVALID_ARGUMENT` for the one in the catalog's file, where a logical volume keeps more copies than volumes would be left, and for
   * one that is said to be missing and is not; `CATALOG_STALE`, `PV_FOREIGN`, `PV_DUPLICATE` where that is why it cannot be used;
   * `STORE_LOCKED` while gc is at work
   * @example
   * ```ts
   * const { number } = await repo.extendVolumeGroup(`${dir}/borrowed.varve`)
   * await repo.reduceVolumeGroup(String(number))
   * ```
   */
  async reduceVolumeGroup(name: string, options: ReduceOptions = {}): Promise<ReduceReport> {
    const { group, store } = this.session
    await group.refresh()
    const { number } = findVolume(group, name)
    const { missing = false, force = false, dryRun = false } = options
    if (force && !missing) {
      throw new VarveError('INVALID_ARGUMENT', 'only what lay on a volume that is missing can be given up', {
        pv: String(number),
        hint: `Move what it holds to others: \`varve pv move ${number}\`.`,
      })
    }
    const report = { dryRun, ...(force ? lossOf(group.catalog, number) : { lostExtents: 0, lostBytes: 0 }) }
    if (dryRun) {
      if (missing) requireAbsent(group.absent, number)
      if (missing && !force) requireElsewhereToo(group.catalog, number, [...group.absent.keys()])
      if (!missing) requireEmpty(group.catalog, number, group.absent.has(number))
      return report
    }
    await group.sweep()
    // Nobody moves extents there meanwhile.
    const lease = takeUpkeep(group.catalog, store.clock)
    try {
      await group.reduce(number, force ? 'given-up' : missing ? 'lost' : 'empty')
    } finally {
      group.catalog.write((tx) => lease.release(tx))
    }
    return report
  }

  /**
   * Moves extents from the volumes that hold most to those that hold least, until all that take new extents hold about as much, while
   * others read and commit. Interrupted or killed, the next run does the rest.
   *
   * @throws {VarveError} `STORE_LOCKED` while gc is at work, `VG_FULL`, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
   * @example
   * ```ts
   * await repo.extendVolumeGroup(`${dir}/empty.varve`)
   * const { added } = await repo.balanceVolumeGroup()
   * for (const { pv, storedBytes } of added) console.log(pv, storedBytes)
   * ```
   */
  async balanceVolumeGroup(options: PlaceCopiesOptions = {}): Promise<PlaceCopiesReport> {
    const { group, store } = this.session
    group.requireOpen()
    const plan = () => planBalance(group)
    return placeCopies(store, plan, options)
  }

  /**
   * Gives the group another name, for people.
   *
   * @throws {VarveError} `INVALID_ARGUMENT` for an empty name, `STORAGE_READ_ONLY`
   * @example
   * ```ts
   * await repo.renameVolumeGroup('photos')
   * ```
   */
  async renameVolumeGroup(name: string): Promise<void> {
    if (typeof name !== 'string' || name.trim() === '')
      throw new VarveError('INVALID_ARGUMENT', 'a volume group needs a name', { actual: name })
    await this.session.group.changeLayout((layout) => ({ ...layout, name }))
  }

  /**
   * Has the group ready to be moved elsewhere: all is on the disk, its files can be read where nothing can be written, and nobody opens
   * it until it is imported (`importVolumeGroup`). Closes the repository. Durable when resolved; interrupted anywhere, it is exported, or
   * it is not.
   *
   * @returns the group with its files, as they are to be taken along
   * @throws {VarveError} `STORE_LOCKED` while others have it open, also while gc is at work; why a volume is missing;
   * `STORAGE_READ_ONLY`, `STORAGE_FULL`
   * @example
   * ```ts
   * const { physicalVolumes } = await repo.exportVolumeGroup()
   * for (const { path } of physicalVolumes) console.log(path)
   * ```
   */
  async exportVolumeGroup(): Promise<VolumeGroupInfo> {
    const { group, pending } = this.session
    requireWritable(this.session)
    await pending.end()
    await group.refresh()
    const info = await groupInfo(group)
    await exportGroup(group)
    return { ...info, exported: true }
  }

  /**
   * Lets a volume take new extents or not, limits its stored bytes (`null`: no limit), or gives it other tags, by which a logical volume
   * chooses.
   * @param name number, UUID or path
   * @throws {VarveError} `PV_NOT_FOUND`; `INVALID_ARGUMENT` also for less than it holds, and where a logical volume needs a tag
   * @example
   * ```ts
   * await repo.changePhysicalVolume('0', { capacityBytes: 20 * 2 ** 30 })
   * ```
   */
  async changePhysicalVolume(name: string, change: VolumeChange): Promise<void> {
    const { group } = this.session
    const { number } = findVolume(group, name)
    const used = group.catalog.volumeUse(number)?.storedBytes ?? 0
    requireCapacity(change.capacityBytes ?? null)
    if (typeof change.capacityBytes === 'number' && change.capacityBytes < used) {
      throw new VarveError('INVALID_ARGUMENT', `volume ${number} holds ${used} bytes already`, {
        expected: `${used} bytes or more`,
        actual: change.capacityBytes,
        hint: 'To keep new data away from it, make it not allocatable.',
      })
    }
    await group.changeLayout((layout) => withVolume(layout, number, change))
  }

  /**
   * Moves what a volume holds to others, extent by extent, while others read and commit: a copy is brought there, durable, named
   * by the catalog, and dropped here. Make the volume not allocatable first, or new extents may come to it meanwhile. Interrupted
   * or killed, the next run does the rest.
   *
   * @param name number, UUID or path
   * @param options.to such names of the volumes that may take it. Default: all others that are allocatable.
   * @throws {VarveError} `PV_NOT_FOUND`, `PV_MISSING`, `INVALID_ARGUMENT`; `VG_FULL` when it does not fit, before anything is moved;
   * `STORE_LOCKED` while gc is at work, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
   * @example
   * ```ts
   * await repo.extendVolumeGroup(`${dir}/larger.varve`)
   * const { moved } = await repo.movePhysicalVolume('0', { dryRun: true })
   * for (const { pv, extents, storedBytes } of moved) console.log(pv, extents, storedBytes)
   * ```
   */
  async movePhysicalVolume(
    name: string,
    options: Omit<MoveCopiesOptions, 'to'> & { readonly to?: readonly string[] | undefined } = {},
  ): Promise<MoveCopiesReport> {
    const { group, store } = this.session
    const { number } = findVolume(group, name)
    const to = options.to?.map((other) => findVolume(group, other).number)
    if (to?.includes(number)) {
      throw new VarveError('INVALID_ARGUMENT', `volume ${number} cannot be moved to itself`, { actual: name })
    }
    group.requireOpen()
    return moveCopies(store, number, { ...options, to })
  }

  /**
   * Brings a volume up to date that was put back from an older copy, and that the store does without until then (`absentVolumes`): what
   * it lacks comes from other copies. Interrupted or killed, the next run does the rest.
   *
   * @param name number, UUID or path
   * @throws {VarveError} `PV_NOT_FOUND`; `INVALID_ARGUMENT` for one that is there; `PV_MISSING` or why else it could not be opened;
   * `STORE_LOCKED` while gc is at work, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `CANCELLED`
   * @example
   * ```ts
   * for (const { details } of repo.absentVolumes) await repo.restorePhysicalVolume(String(details.pv))
   * ```
   */
  async restorePhysicalVolume(name: string, options: PlaceCopiesOptions = {}): Promise<RestoreVolumeReport> {
    const { group, store } = this.session
    group.requireOpen()
    return restoreVolume(store, findVolume(group, name).number, options)
  }

  /**
   * Where extents lie, in runs of numbers, volume by volume.
   *
   * @throws {VarveError} `PV_NOT_FOUND`
   * @example
   * ```ts
   * for await (const run of repo.extentMap()) console.log(run.pv, run.firstExtent, run.lastExtent)
   * ```
   */
  async *extentMap(options: { readonly pv?: string | undefined } = {}): AsyncGenerator<ExtentMapEntry> {
    const { group } = this.session
    yield* extentMap(group, options.pv === undefined ? undefined : findVolume(group, options.pv).number)
  }

  private async changeProperty(
    name: string,
    change: (property: PropertyName, tx: CatalogTransaction) => void,
  ): Promise<void> {
    const property = requirePropertyName(name)
    this.session.group.catalog.write((tx) => change(property, tx))
  }
}
