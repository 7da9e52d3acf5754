/** Logical volumes that come, grow and go, and the branches that are kept in them. */
import { VarveError } from '../base/errors.js'
import { newUuid, type Randomness } from '../base/random.js'
import type { LogicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import { noteAllAdopting } from '../refs/branchVolumes.js'
import { requireRefName, shortRef } from '../refs/refName.js'
import type { Catalog } from '../volume/catalog.js'
import {
  addUses,
  beginUseBy,
  beginUses,
  DEFAULT_LV,
  endUseBy,
  endUses,
  type UsedBy,
  usesOf,
} from '../volume/extentUses.js'
import { takeUpkeep } from '../volume/lease.js'
import { DEFAULT_LOGICAL_VOLUME, logicalVolume, numberOf } from '../volume/placement.js'
import { logicalVolumeFull, requireReservable, useOf } from '../volume/space.js'
import { planPolicies } from './copyPlans.js'
import { changedPolicy, type PolicyChange } from './logicalVolumes.js'
import { reachedUses, settleUses, type UsesContext } from './logicalVolumeUses.js'
import { type PlaceCopiesOptions, type PlaceCopiesReport, placeCopies } from './placeCopies.js'

/** A size for a logical volume: what its extents may take, one copy of each, as they are stored. */
export interface SizeChange {
  /** `null`: as much as there is. */
  readonly virtualBytes?: number | null | undefined
  /** Whether nobody else may use that up: then it is no more than there is. */
  readonly reserved?: boolean | undefined
}

export type CreateLogicalVolumeOptions = Omit<PolicyChange, 'objectCopies' | 'stripes'> &
  SizeChange & {
    readonly objectCopies?: number | undefined
    readonly stripes?: number | undefined
  }

const NAME_PATTERN = /^[A-Za-z0-9_+.][A-Za-z0-9_+.-]*$/

/** @throws {VarveError} `INVALID_ARGUMENT`, `ALREADY_EXISTS`, `PV_NOT_FOUND`, `VG_FULL`, `STORE_LOCKED` */
export async function createLogicalVolume(
  { store }: Pick<UsesContext, 'store'>,
  name: string,
  options: CreateLogicalVolumeOptions,
  random: Randomness,
): Promise<void> {
  const { group } = store
  const { catalog } = group
  requireName(name)
  await group.refresh()
  const made = (layout: VolumeGroupLayout): LogicalVolumeLayout => {
    if (layout.logicalVolumes.some((volume) => volume.name === name))
      throw new VarveError('ALREADY_EXISTS', `there is a logical volume ${name} already`, { actual: name })
    const first: LogicalVolumeLayout = {
      ...{ name, uuid: newUuid(random), type: 'linear', physicalVolumes: [], copies: 1, virtualBytes: null, tags: [] },
      number: 1 + Math.max(...layout.logicalVolumes.map(numberOf)),
    }
    // Said as well where nothing is asked for: so it is looked whether there are volumes enough.
    return withSize(
      changedPolicy({ ...group, layout }, first, { ...options, physicalVolumes: options.physicalVolumes ?? [] }),
      options,
    )
  }
  const before = made(group.layout)
  const logicalVolumes = [...group.layout.logicalVolumes, before]
  if (before.reserved) requireReservable(catalog, { ...group.layout, logicalVolumes })
  await group.changeLayout(
    (layout) => ({ ...layout, logicalVolumes: [...layout.logicalVolumes, made(layout)] }),
    () => {
      beginUses(catalog, (visit) => catalog.eachExtent(({ record }) => visit(record)))
      beginUseBy(catalog, numberOf(before))
    },
  )
}

/** @throws {VarveError} `PV_NOT_FOUND`, `INVALID_ARGUMENT` where it would not hold what is there; `VG_FULL` */
export async function resizeLogicalVolume(
  { store: { group } }: Pick<UsesContext, 'store'>,
  name: string,
  size: SizeChange,
): Promise<void> {
  await group.refresh()
  const resized = (layout: VolumeGroupLayout): VolumeGroupLayout => {
    const before = logicalVolume(layout, name)
    const after = withSize(before, size)
    const { storedBytes } = useOf(group.catalog, before)
    if (after.virtualBytes !== null && after.virtualBytes < storedBytes) {
      throw new VarveError('INVALID_ARGUMENT', `logical volume ${name} holds ${storedBytes} bytes`, {
        expected: `${storedBytes} or more`,
        actual: after.virtualBytes,
        hint: 'Give something up first: `varve prune`, then `varve gc`.',
      })
    }
    const logicalVolumes = layout.logicalVolumes.map((volume) => (volume.name === name ? after : volume))
    // Less can be kept free at any time, however little there is.
    const isMore = after.reserved && !(before.reserved && Number(after.virtualBytes) <= Number(before.virtualBytes))
    if (isMore) requireReservable(group.catalog, { ...layout, logicalVolumes })
    return { ...layout, logicalVolumes }
  }
  resized(group.layout)
  await group.changeLayout(resized)
}

/**
 * Ends a logical volume that no branch is kept in. What it alone used is from then on used by the one that every group has, and follows.
 * @throws {VarveError} `INVALID_ARGUMENT` for that one; `LV_IN_USE`; as `placeCopies`
 */
export async function removeLogicalVolume(
  context: UsesContext,
  name: string,
  options: PlaceCopiesOptions,
): Promise<PlaceCopiesReport> {
  const { store, volumes } = context
  const { group } = store
  const { catalog } = group
  await group.refresh()
  if (name === DEFAULT_LOGICAL_VOLUME) {
    throw new VarveError('INVALID_ARGUMENT', `logical volume ${name} stays: what is kept nowhere else is kept there`, {
      actual: name,
    })
  }
  const number = numberOf(logicalVolume(group.layout, name))
  const requireUnused = (): void => {
    const branches = volumes.list().filter(({ logicalVolume: own }) => own === name)
    const [first] = branches
    if (!first) return
    throw new VarveError(
      'LV_IN_USE',
      `${branches.map((each) => each.name).join(', ')}: kept in logical volume ${name}`,
      {
        actual: branches.map((each) => each.name),
        hint: `Keep it elsewhere first: \`varve lv set ${DEFAULT_LOGICAL_VOLUME} ${first.name}\`.`,
      },
    )
  }
  requireUnused()
  const without = (layout: VolumeGroupLayout) => layout.logicalVolumes.filter((volume) => volume.name !== name)
  if (options.dryRun) return placeCopies(store, () => planPolicies(group, without(group.layout)), { dryRun: true })
  await group.sweep()
  // Refused before anything is changed where other upkeep is at work, which may be writing for it.
  const lease = takeUpkeep(catalog, store.clock)
  try {
    await group.changeLayout(
      (layout) => ({ ...layout, logicalVolumes: without(layout) }),
      () => {
        requireUnused()
        catalog.eachExtent(({ record: { eid } }) => {
          const lvs = usesOf(catalog, eid)
          if (lvs.length === 1 && lvs[0] === number) addUses(catalog, eid, [DEFAULT_LV])
        })
        if (without(group.layout).length === 1) endUses(catalog)
        else endUseBy(catalog, number)
      },
    )
  } finally {
    catalog.write((tx) => lease.release(tx))
  }
  return placeCopies(store, () => planPolicies(group, group.layout.logicalVolumes), options)
}

/**
 * Keeps branches and tags in a logical volume from now on, with all that they reach, and all others of which these names are the first
 * part (`team` of `team/docs`). What is stored follows, while others read and commit: killed, the same again does the rest.
 * @throws {VarveError} `PV_NOT_FOUND`, `INVALID_REF_NAME`; `LV_FULL` before anything is changed; as `placeCopies`
 */
export async function assignLogicalVolume(
  context: UsesContext,
  name: string,
  branches: readonly string[],
  options: PlaceCopiesOptions,
): Promise<PlaceCopiesReport> {
  const { group } = context.store
  for (const branch of branches) requireRefName(branch)
  await group.refresh()
  const target = logicalVolume(group.layout, name)
  const { logicalVolumes } = group.layout
  if (options.dryRun || target.virtualBytes !== null) {
    const usedBy = await reachedUses({ ...context, volumes: context.volumes.with(branches, name) }, options)
    requireFits(group.catalog, target, usedBy)
    if (options.dryRun)
      return placeCopies(context.store, () => planPolicies(group, logicalVolumes, undefined, usedBy), options)
  }
  if (logicalVolumes.length > 1) {
    group.catalog.write((tx) => {
      for (const branch of branches) context.volumes.set(tx, branch, name)
      // Killed before it was looked at what they reach, doctor tells of it.
      const isMeant = (ref: string) => branches.some((branch) => ref === branch || ref.startsWith(`${branch}/`))
      const refs = context.refs.list().map((ref) => ref.name)
      noteAllAdopting(
        group.catalog,
        tx,
        refs.filter((ref) => isMeant(shortRef(ref))),
      )
    })
  }
  await settleUses(context, options)
  return placeCopies(context.store, () => planPolicies(group, group.layout.logicalVolumes), options)
}

/** @throws {VarveError} `LV_FULL` where it would use more than it may hold */
function requireFits(catalog: Catalog, volume: LogicalVolumeLayout, usedBy: (eid: number) => UsedBy): void {
  const { name, virtualBytes } = volume
  if (virtualBytes === null) return
  let bytes = 0
  catalog.eachExtent(({ record: { eid, storedBytes } }) => {
    if (usedBy(eid).includes(numberOf(volume))) bytes += storedBytes
  })
  if (bytes > virtualBytes) throw logicalVolumeFull(name, virtualBytes, bytes)
}

function withSize(volume: LogicalVolumeLayout, { virtualBytes, reserved }: SizeChange): LogicalVolumeLayout {
  const { reserved: before, ...rest } = volume
  const bytes = virtualBytes === undefined ? volume.virtualBytes : virtualBytes
  if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes > 0)) {
    throw new VarveError('INVALID_ARGUMENT', `a logical volume cannot hold ${bytes} bytes`, {
      expected: 'a whole number of bytes, 1 or more',
      actual: bytes,
    })
  }
  const isReserved = bytes !== null && (reserved ?? before ?? false)
  if (reserved && bytes === null) {
    throw new VarveError('INVALID_ARGUMENT', 'nothing can be kept free for a logical volume without a size', {
      hint: 'Give it a size.',
    })
  }
  return { ...rest, virtualBytes: bytes, ...(isReserved ? { reserved: true } : {}) }
}

function requireName(name: string): void {
  if (typeof name === 'string' && NAME_PATTERN.test(name) && name !== 'all') return
  throw new VarveError('INVALID_ARGUMENT', `${JSON.stringify(name)} cannot be the name of a logical volume`, {
    actual: name,
    hint: 'Names are made of letters, digits, and _ + . -',
  })
}
