/**
 * A volume group: the catalog and the physical volumes, opened together.
 *
 * Model: the catalog says which extents are visible and on which volumes their copies lie; volumes hold bytes and
 * chunk tables. `lookup` and `readExtent` answer only for visible extents, from whichever copy is sound.
 * The layout is changed only by `extend` and `change*`, and copied to every volume.
 */
import { resolve } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { newUuid } from '../base/random.js'
import { formatNeededFor, type PhysicalVolumeLayout, type VolumeGroupLayout } from '../format/layout.js'
import type { StoreProfile } from '../format/profile.js'
import { Catalog } from './catalog.js'
import { createCatalog, type FirstVolumes } from './createCatalog.js'
import { holdsSomething, requireElsewhere } from './degraded.js'
import { refuseExported } from './exported.js'
import { USED_BY_DEFAULT } from './extentUses.js'
import { realPath } from './files.js'
import { freeVolumeAt } from './freeVolume.js'
import {
  catalogOf,
  identifyFile,
  locateVolume,
  openMember,
  recordedPath,
  refuseAbsentPlace,
  refuseUsedFile,
} from './groupFiles.js'
import type { OpenGroupOptions } from './groupOptions.js'
import { noteWritten } from './heat.js'
import { forgetCopies, giveUp, layoutWithout, nextVolumeNumber, requireAbsent, requireEmpty } from './layoutChanges.js'
import { isProcessAlive } from './lease.js'
import { lookupVisible } from './lookup.js'
import { rememberCatalogPath } from './movedGroup.js'
import { bringMember } from './newMember.js'
import type { ChunkLocation, NewExtent, PhysicalVolume, StagedExtents, StoredExtent } from './physicalVolume.js'
import { Placement, policiesOf } from './placement.js'
import { extentsByVolume, type PlacedExtent, publishStaged, type StagedOn } from './publishStaged.js'
import { readVisible } from './readExtent.js'
import { RecoveryCopies } from './recoveryCopies.js'
import { keepReserve, releaseReserve } from './reserve.js'
import { dropOrphans, type RetiredExtents, retireExtents } from './retire.js'
import { CATALOG_APPLICATION_ID } from './schema.js'
import { SqlDatabase } from './sqlite.js'
import { HomeVolume, requireFormat, type SqliteVolume } from './sqliteVolume.js'
import { sweepDeadWriters } from './sweep.js'
import { threadedVolume } from './threadedVolume.js'
import { VolumeFilters } from './volumeFilters.js'

export class VolumeGroup {
  private readonly members = new Map<number, PhysicalVolume>()
  /** Volumes that could not be opened, with the reason. All they hold lies elsewhere as well, unless opened `partial`. */
  readonly absent = new Map<number, VarveError>()
  private currentLayout: VolumeGroupLayout
  private refreshing: Promise<boolean> | undefined
  private readonly recovery: RecoveryCopies
  private readonly filters: VolumeFilters

  private constructor(
    readonly catalog: Catalog,
    readonly home: HomeVolume,
    private readonly database: SqlDatabase,
    readonly options: OpenGroupOptions,
    layout: VolumeGroupLayout,
    /** Whether the catalog's disk had next to no room when it was opened to free some: then work in small steps. */
    readonly isTight = false,
  ) {
    this.currentLayout = layout
    this.recovery = new RecoveryCopies(catalog, options.clock)
    this.filters = new VolumeFilters(catalog)
    this.members.set(0, options.wrapVolume?.(home) ?? home)
  }

  /** Makes a group of one file, or with others besides. @throws {VarveError} `STORE_EXISTS`; as `others` */
  static async create(
    path: string,
    profile: StoreProfile,
    options: OpenGroupOptions,
    others?: FirstVolumes,
  ): Promise<VolumeGroup> {
    const { database, layout } = await createCatalog(resolve(path), profile, options, others)
    const home = new HomeVolume(database, 0, (layout.physicalVolumes[0] as PhysicalVolumeLayout).uuid)
    const group = new VolumeGroup(new Catalog(database), home, database, options, layout)
    try {
      await group.openMembers(layout)
    } catch (error) {
      await group.close()
      throw error
    }
    return group
  }

  /**
   * Opens a group through any of its files.
   * @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `FORMAT_NEWER`, `PV_MISSING`, `PV_STALE`, `PV_FOREIGN`,
   *   `PV_DUPLICATE`, `CATALOG_STALE`, `CATALOG_MISSING`, `VG_EXPORTED`, `CORRUPT`
   */
  static async open(path: string, options: OpenGroupOptions): Promise<VolumeGroup> {
    // First of all: not even who it is can be asked on a full disk.
    const wasTight = options.frees === true && releaseReserve(resolve(path))
    const identity = identifyFile(path, options)
    const catalogPath = identity.role === 'catalog' ? resolve(path) : catalogOf(identity)
    const isTight = wasTight || (options.frees === true && releaseReserve(catalogPath))
    if (!options.readOnly && !isTight) keepReserve(catalogPath, options.random)
    const database = SqlDatabase.open(catalogPath, options)
    try {
      if (isTight) database.keepLogShort()
      requireFormat(database, CATALOG_APPLICATION_ID)
      const catalog = new Catalog(database)
      const probe = new HomeVolume(database, 0, '')
      const layout = probe.tables.layout()
      refuseExported(layout, catalogPath, options)
      database.setJournal('wal')
      const state = probe.tables.state()
      if (state.vg !== layout.vg || identity.layout.vg !== layout.vg) {
        throw new VarveError('PV_FOREIGN', `${path} does not belong to the group of ${catalogPath}`, {
          path,
          expected: layout.vg,
          actual: identity.layout.vg,
        })
      }
      const home = new HomeVolume(database, 0, state.uuid)
      const group = new VolumeGroup(catalog, home, database, options, layout, isTight)
      try {
        await group.openMembers(layout)
        await rememberCatalogPath(group, catalogPath)
      } catch (error) {
        await group.closeMembers()
        throw error
      }
      return group
    } catch (error) {
      database.close()
      throw error
    }
  }

  get layout(): VolumeGroupLayout {
    return this.currentLayout
  }

  get isOneFile(): boolean {
    return this.currentLayout.physicalVolumes.length === 1
  }

  /** @throws {VarveError} `INVALID_ARGUMENT` once the group was closed */
  requireOpen(): void {
    this.database.requireOpen()
  }

  get readOnly(): boolean {
    return this.database.readOnly
  }

  volume(number: number): PhysicalVolume | undefined {
    return this.members.get(number)
  }

  get volumes(): PhysicalVolume[] {
    return [...this.members.values()]
  }

  /** Whether another process changed the layout since it was read. */
  get hasOldLayout(): boolean {
    return this.home.tables.layoutSequence() !== this.currentLayout.sequence
  }

  /** Takes up changes of the layout that another process made. @returns whether there were any. */
  async refresh(): Promise<boolean> {
    this.refreshing ??= this.reload().finally(() => {
      this.refreshing = undefined
    })
    return this.refreshing
  }

  private async reload(): Promise<boolean> {
    if (!this.hasOldLayout) return false
    const layout = this.home.tables.layout()
    await this.openMembers(layout, true)
    await this.closeMembersBut(layout)
    // Last: if a volume cannot be opened, the next to ask is told so as well.
    this.currentLayout = layout
    return true
  }

  /**
   * Where visible copies of these chunks lie. A hash may come back several times (duplicates, copies) or not at all.
   * @param isThorough false for whoever stores what is not found: see `lookupVisible`
   */
  lookup(hashes: readonly Hash[], isThorough = true): Promise<ChunkLocation[]> {
    const { catalog, filters } = this
    const places = { catalog, filters, volumes: () => this.volumes, refresh: () => this.refresh() }
    return lookupVisible(places, hashes, isThorough)
  }

  /** See `readVisible`. */
  readExtent(eid: number, onDamaged?: (pv: number) => void): Promise<StoredExtent | undefined> {
    return readVisible(this, eid, onDamaged)
  }

  /** Where what these logical volumes use is to go, with the use of each volume as it is now. */
  placement(usedBy = USED_BY_DEFAULT): Placement {
    const used = new Map(
      this.currentLayout.physicalVolumes.map(({ number }) => [
        number,
        this.catalog.volumeUse(number)?.storedBytes ?? 0,
      ]),
    )
    // Each publish begins one volume further, so that many small commits are spread as well.
    const turn = this.catalog.counter('publish_sequence')
    const policies = policiesOf(this.currentLayout, usedBy)
    return new Placement(this.currentLayout, policies, used, turn, (pv) => this.members.has(pv))
  }

  /**
   * Brings extents to their volumes: durable on every volume but the catalog's own when resolved (safety rule 1).
   * May be called again with the same extents after it failed. The result's `publish` makes them visible and is called
   * inside the publishing transaction.
   */
  async stage(placed: readonly PlacedExtent[]): Promise<{ publish(): void }> {
    const results = await Promise.allSettled(
      [...extentsByVolume(placed)].map(
        async ([pv, extents]): Promise<StagedOn> => [pv, await this.stageOn(pv, extents)],
      ),
    )
    // Settled, all of them: no volume is still writing when this fails.
    const staged = results.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    await this.followLater()
    return { publish: () => this.publish(placed, staged) }
  }

  /** As `stage`, on one volume: `publish` makes it visible with what the others have. */
  async stageOn(pv: number, extents: readonly NewExtent[]): Promise<StagedExtents> {
    const volume = this.requireVolume(pv)
    const recovery = await this.recovery.rowsFor(volume)
    const sequence = this.catalog.counter('publish_sequence')
    const staging = await volume.stage(extents, sequence, { recovery })
    await this.recovery.brought(volume, recovery)
    return this.filters.noting(pv, staging, extents)
  }

  /** See `RecoveryCopies`. */
  async followLater(): Promise<void> {
    if (this.members.size > 1) await this.recovery.followLater(this.volumes)
  }

  /** `stage` and `publish` in one step, for a group of one file, inside a transaction of the catalog. */
  publishNow(extents: readonly NewExtent[], usedBy = USED_BY_DEFAULT): void {
    const placed = extents.map((extent) => ({ extent, pvs: [0], usedBy }))
    this.publish(placed, [[0, this.home.stageNow(extents)]])
  }

  /** Inside the publishing transaction. @param staged each volume once */
  publish(placed: readonly PlacedExtent[], staged: readonly StagedOn[]): void {
    publishStaged(this.catalog, this.currentLayout, placed, staged)
    noteWritten(this.catalog, this.currentLayout, placed, this.options.clock.nowMs())
  }

  /**
   * Adds a volume: a new file, or one that belongs to no group. The group keeps working if this is killed at any point.
   * @throws {VarveError} `PV_IN_USE`, `PV_DUPLICATE`, `PV_FOREIGN`, `ALREADY_EXISTS`, `INVALID_PATH`
   */
  async extend(file: string, details: { capacityBytes: number | null; tags: readonly string[] }): Promise<void> {
    const path = resolve(file)
    await this.refresh()
    refuseUsedFile(path, this.currentLayout, this.volumes, this.options)
    refuseAbsentPlace(path, this.catalog.path, this.currentLayout, this.absent)
    const layout = this.currentLayout
    const free = freeVolumeAt(path, this.options)
    const volume: PhysicalVolumeLayout = {
      number: nextVolumeNumber(this.catalog, layout),
      uuid: free?.uuid ?? newUuid(this.options.random),
      path: recordedPath(this.catalog.path, path),
      capacityBytes: details.capacityBytes ?? free?.capacityBytes ?? null,
      allocatable: true,
      tags: details.tags,
    }
    const next = { ...layout, sequence: layout.sequence + 1, physicalVolumes: [...layout.physicalVolumes, volume] }
    // File first, durable; then the catalog: a crash between the two leaves a file that nothing names.
    const header = { uuid: volume.uuid, vg: layout.vg, number: volume.number }
    const member = bringMember(path, free, header, next, this.options)
    try {
      this.switchLayout(next, () => this.catalog.writeVolumeUse({ pv: volume.number, transactions: 0, storedBytes: 0 }))
    } catch (error) {
      await member.takeBack()
      throw error
    }
    this.adopt(member.volume)
    await this.copyLayout(next)
  }

  /**
   * Takes a volume out on which nothing lies, or one that is `lost` and of which all lies elsewhere; `given-up`: or does not. Its file
   * stays, and says that it belongs to no group any more. Nobody may move extents meanwhile; whoever brought something there and has not published it yet is
   * told so when it does.
   * @throws {VarveError} `PV_NOT_FOUND`; `PV_IN_USE`; `INVALID_ARGUMENT` for the catalog's own, where a logical volume needs it, and for
   *   one that is said to be lost and is there
   */
  async reduce(number: number, state: 'empty' | 'lost' | 'given-up' = 'empty'): Promise<void> {
    await this.refresh()
    const isLost = state !== 'empty'
    // It may be back.
    if (isLost) await this.openMembers(this.currentLayout)
    const next = layoutWithout(this.currentLayout, number, isLost)
    if (isLost) requireAbsent(this.absent, number)
    const lost = [...this.absent.keys()]
    let retired: RetiredExtents = new Map()
    this.switchLayout(next, () => {
      if (state === 'empty') requireEmpty(this.catalog, number, this.absent.has(number))
      else if (state === 'lost') forgetCopies(this.catalog, number, lost)
      else retired = giveUp(this.catalog, this.home, number)
    })
    for (const [pv, eids] of retired) await this.members.get(pv)?.remove(eids)
    const member = this.members.get(number)
    this.members.delete(number)
    this.absent.delete(number)
    if (member) await this.tellLayout(member, next)
    await member?.close()
    await this.copyLayout(next)
  }

  /** Changes policies, never what is stored. `edit` gets the layout as it is now; `also` is done in the same transaction. */
  async changeLayout(
    edit: (layout: VolumeGroupLayout) => VolumeGroupLayout,
    also: () => void = () => undefined,
  ): Promise<void> {
    await this.refresh()
    const next = { ...edit(this.currentLayout), sequence: this.currentLayout.sequence + 1 }
    this.catalog.requireAtLeast(formatNeededFor(next))
    this.switchLayout(next, also)
    await this.copyLayout(next)
  }

  /** Durable when it returns; the other volumes follow (`copyLayout`). */
  private switchLayout(next: VolumeGroupLayout, also: () => void): void {
    this.database.write(() => {
      const found = this.home.tables.layoutSequence()
      if (found !== next.sequence - 1) {
        throw new VarveError('REF_CONFLICT', 'the layout of the volume group was changed by another process', {
          expected: next.sequence - 1,
          actual: found,
          hint: 'Run the command again.',
        })
      }
      this.home.tables.writeLayout(next)
      also()
    })
    this.currentLayout = next
  }

  /** Copies the layout to volumes that have an older one (after a change, or after a crash in the middle of one). */
  private async copyLayout(layout: VolumeGroupLayout): Promise<void> {
    for (const member of this.members.values()) {
      if (member.number === 0 || (await member.layoutSequence()) >= layout.sequence) continue
      await this.tellLayout(member, layout)
    }
  }

  private async tellLayout(member: PhysicalVolume, layout: VolumeGroupLayout): Promise<void> {
    try {
      await member.writeLayout(layout)
    } catch (error) {
      // One that can only be read, or is full, must not keep the others from being used; `verify` tells of its old layout.
      if (!isVarveError(error, 'STORAGE_FULL', 'STORAGE_READ_ONLY', 'STORAGE_DENIED', 'STORAGE_IO')) throw error
    }
  }

  /** See `sweepDeadWriters`. @returns extents dropped. */
  async sweep(): Promise<number> {
    return sweepDeadWriters(this.catalog, this.volumes, this.options.isAlive ?? isProcessAlive, this.absent.size === 0)
  }

  /**
   * Takes extents out of sight, inside the catalog's transaction.
   * @returns what the other volumes still hold, for `dropRetired` once the transaction is durable
   */
  retire(eids: readonly number[]): RetiredExtents {
    return retireExtents(this.catalog, this.home, eids)
  }

  /** Killed before its end, `dropOrphans` does the rest. */
  async dropRetired(retired: RetiredExtents): Promise<void> {
    for (const [pv, eids] of retired) await this.requireVolume(pv).remove(eids)
  }

  /** See `dropOrphans`. @returns extents dropped */
  dropOrphans(): Promise<number> {
    return dropOrphans(this.catalog, this.volumes)
  }

  /** Drops extents that were staged and never became visible. */
  async dropUnpublished(placed: readonly PlacedExtent[]): Promise<void> {
    for (const member of this.members.values()) {
      if (member.number === 0) continue
      const eids = placed.filter(({ pvs }) => pvs.includes(member.number)).map(({ extent }) => extent.eid)
      if (eids.length > 0) await member.remove(eids)
    }
  }

  /**
   * Until it is opened for writing again: see `SqlDatabase.seal`. Other volumes are readable as they are.
   * @param isAlone whether others are kept out until it is closed
   */
  seal(isAlone = false): void {
    if (isAlone) this.database.sealAlone()
    else this.database.seal()
  }

  /** Before anything goes away. See `RecoveryCopies`. */
  async bringRecoveryCopies(): Promise<void> {
    await this.recovery.followAll(this.volumes)
  }

  async close(): Promise<void> {
    try {
      if (this.catalog.hasWritten) await this.recovery.follow(this.volumes)
    } finally {
      await this.closeMembers()
      this.database.close()
    }
  }

  requireVolume(number: number): PhysicalVolume {
    const member = this.members.get(number)
    if (!member) throw this.absent.get(number) ?? new VarveError('PV_MISSING', `volume ${number} is not open`)
    return member
  }

  /** @param isKnown whether the group was open before */
  private async openMembers(layout: VolumeGroupLayout, isKnown = false): Promise<void> {
    const seen = new Map<string, number>()
    for (const volume of layout.physicalVolumes) {
      if (volume.number === 0 || this.members.get(volume.number)?.uuid === volume.uuid) continue
      try {
        const path = locateVolume(this.catalog.path, volume, layout)
        const real = path && realPath(path)
        const other = real === undefined ? undefined : seen.get(real)
        if (real !== undefined && other !== undefined) {
          throw new VarveError('PV_DUPLICATE', `volumes ${other} and ${volume.number} are one file: ${real}`, {
            path: real,
            hint: 'Put the file of the other one back in the place of the link to it.',
          })
        }
        if (real !== undefined) seen.set(real, volume.number)
        const transactions = this.catalog.volumeUse(volume.number)?.transactions ?? 0
        const member = await openMember(
          this.catalog.path,
          layout,
          volume,
          {
            transactions,
            publishSequence: () => this.catalog.counter('publish_sequence'),
            layoutSequence: () => this.home.tables.layoutSequence(),
            nextEid: () => this.catalog.counter('next_eid'),
          },
          this.options,
        )
        this.adopt(member)
      } catch (error) {
        if (!(error instanceof VarveError)) throw error
        const isNew = isKnown && !this.options.partial && !this.absent.has(volume.number)
        // Nothing lies there yet: it is tried again and again, for soon something may.
        if (isNew && !holdsSomething(this.catalog, volume.number)) throw error
        this.absent.set(volume.number, error)
      }
    }
    if (!this.options.partial) requireElsewhere(this.catalog, this.absent)
    if (!this.readOnly) await this.copyLayout(layout)
  }

  /** From now on it is read and written. */
  adopt(member: SqliteVolume): void {
    const { threads = true, wrapVolume } = this.options
    const volume = threads ? threadedVolume(member, this.options) : member
    this.members.set(member.number, wrapVolume?.(volume) ?? volume)
    this.absent.delete(member.number)
  }

  private async closeMembersBut({ physicalVolumes }: VolumeGroupLayout): Promise<void> {
    for (const [number, member] of this.members) {
      if (physicalVolumes.some((volume) => volume.number === number)) continue
      this.members.delete(number)
      await member.close()
    }
    for (const number of this.absent.keys()) {
      if (!physicalVolumes.some((volume) => volume.number === number)) this.absent.delete(number)
    }
  }

  private async closeMembers(): Promise<void> {
    for (const member of this.members.values()) await member.close()
    this.members.clear()
  }
}
