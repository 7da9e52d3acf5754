/** Logical volumes: what they ask for, what is there, and bringing there what lacks. */
import { VarveError } from '../base/errors.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { LogicalVolumeLayout } from '../format/layout.js'
import { logicalVolume } from '../volume/placement.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { countLacking, planPolicy } from './copyPlans.js'
import { type PlaceCopiesOptions, type PlaceCopiesReport, placeCopies } from './placeCopies.js'

export interface LogicalVolumeInfo {
  readonly name: string
  readonly uuid: string
  readonly type: LogicalVolumeLayout['type']
  /** Volumes on which each extent lies. */
  readonly copies: number
  /** Numbers of the volumes it may use, in order; empty: all. */
  readonly physicalVolumes: readonly number[]
  readonly extents: number
  /** Frames of all copies. */
  readonly storedBytes: number
  /** Copies that it asks for and that are not there. */
  readonly lackingCopies: number
}

/** What is not given stays as it is. */
export interface PolicyChange {
  /** `linear`: one volume after the other; `striped`: in turn; `mirrored`: each extent on several. */
  readonly type?: LogicalVolumeLayout['type'] | undefined
  /** Volumes on which each extent lies: 2 or more where it is mirrored. Default then: 2. */
  readonly copies?: number | undefined
  /** Numbers of the volumes it may use; empty: all. */
  readonly physicalVolumes?: readonly number[] | undefined
}

export type ConvertOptions = PolicyChange & PlaceCopiesOptions

export interface ConvertReport extends PlaceCopiesReport {
  readonly type: LogicalVolumeLayout['type']
  readonly copies: number
  /** Copies that are asked for and still not there: of what is damaged. */
  readonly lackingCopies: number
}

export function logicalVolumeInfos(group: VolumeGroup): LogicalVolumeInfo[] {
  return group.layout.logicalVolumes.map((volume) => {
    const { name, uuid, type, copies, physicalVolumes } = volume
    let extents = 0
    let storedBytes = 0
    group.catalog.eachExtent(({ record, pvs }) => {
      extents++
      storedBytes += pvs.length * record.storedBytes
    })
    const lackingCopies = countLacking(group, volume)
    return { name, uuid, type, copies, physicalVolumes, extents, storedBytes, lackingCopies }
  })
}

/**
 * Changes what a logical volume asks for, and brings what is stored to where it wants it, while others read and commit: first
 * copies come, then copies go. What is stored once stays where it is between `linear` and `striped`. Killed, the same call again
 * does the rest; without a change it brings what lacks.
 * @throws {VarveError} `PV_NOT_FOUND`, `INVALID_ARGUMENT`, `VG_FULL` before anything is changed; as `placeCopies`
 */
export async function convertLogicalVolume(
  store: ChunkStore,
  name: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const { group } = store
  await group.refresh()
  const policy = changedPolicy(group, logicalVolume(group.layout, name), options)
  const before = await placeCopies(store, () => planPolicy(group, policy), { dryRun: true })
  if (options.dryRun) return reportOn(group, policy, before)
  if (isChange(options)) {
    const { uuid } = policy
    // What is written from now on comes as it is asked for.
    await group.changeLayout((layout) => ({
      ...layout,
      logicalVolumes: layout.logicalVolumes.map((volume) =>
        volume.uuid === uuid ? changedPolicy(group, volume, options) : volume,
      ),
    }))
  }
  const plan = () => planPolicy(group, logicalVolume(group.layout, name))
  return reportOn(group, policy, await placeCopies(store, plan, options))
}

function reportOn(group: VolumeGroup, policy: LogicalVolumeLayout, report: PlaceCopiesReport): ConvertReport {
  const { type, copies } = policy
  return { ...report, type, copies, lackingCopies: countLacking(group, policy) }
}

function isChange({ type, copies, physicalVolumes }: PolicyChange): boolean {
  return type !== undefined || copies !== undefined || physicalVolumes !== undefined
}

function changedPolicy(group: VolumeGroup, volume: LogicalVolumeLayout, change: PolicyChange): LogicalVolumeLayout {
  const type = change.type ?? (change.copies === undefined ? volume.type : typeFor(change.copies, volume.type))
  const copies = type === 'mirrored' ? (change.copies ?? Math.max(2, volume.copies)) : (change.copies ?? 1)
  const physicalVolumes = change.physicalVolumes ?? volume.physicalVolumes
  if (!['linear', 'striped', 'mirrored'].includes(type)) {
    throw new VarveError('INVALID_ARGUMENT', `a logical volume cannot be ${JSON.stringify(type)}`, {
      expected: ['linear', 'striped', 'mirrored'],
      actual: type,
    })
  }
  if (!Number.isSafeInteger(copies) || copies < 1 || copies > 1 !== (type === 'mirrored')) {
    throw new VarveError('INVALID_ARGUMENT', `a ${type} logical volume cannot have ${copies} copies of each extent`, {
      expected: type === 'mirrored' ? '2 or more' : 1,
      actual: copies,
    })
  }
  if (isChange(change)) requireVolumes(group, physicalVolumes, copies)
  return { ...volume, type, copies, physicalVolumes }
}

function typeFor(copies: number, before: LogicalVolumeLayout['type']): LogicalVolumeLayout['type'] {
  if (copies > 1) return 'mirrored'
  return before === 'mirrored' ? 'linear' : before
}

function requireVolumes({ layout, absent }: VolumeGroup, own: readonly number[], copies: number): void {
  const { physicalVolumes } = layout
  const unknown = own.find((number) => !physicalVolumes.some((volume) => volume.number === number))
  if (unknown !== undefined)
    throw new VarveError('PV_NOT_FOUND', `there is no volume ${unknown} in the group`, { pv: String(unknown) })
  if (new Set(own).size !== own.length)
    throw new VarveError('INVALID_ARGUMENT', 'a volume is named twice', { actual: own })
  const usable = physicalVolumes.filter(
    ({ number, allocatable }) => allocatable && !absent.has(number) && (own.length === 0 || own.includes(number)),
  )
  if (usable.length >= copies) return
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${copies} copies of each extent need as many volumes that take new extents`,
    {
      expected: copies,
      actual: usable.length,
      hint: 'Add a volume with `varve vg extend FILE`, or let it use all there are: `varve lv convert LV all`.',
    },
  )
}
