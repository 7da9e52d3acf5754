/** What a volume group looks like from outside: its volumes, their use, and where extents lie. */
import { VarveError } from '../base/errors.js'
import {
  type LogicalVolumeLayout,
  type PhysicalVolumeLayout,
  requireTag,
  type VolumeGroupLayout,
} from '../format/layout.js'
import { mostCopies } from './placement.js'
import { type GroupSpace, groupSpace } from './space.js'
import { requireOneTier, type Tier, tierOf } from './tiers.js'
import type { VolumeGroup } from './volumeGroup.js'

export interface PhysicalVolumeInfo {
  /** 0 is the volume in the catalog's own file. */
  readonly number: number
  readonly uuid: string
  /** Where its file lies, or where it should lie when `problem` is set. */
  readonly path: string
  readonly capacityBytes: number | null
  readonly allocatable: boolean
  readonly tags: readonly string[]
  readonly extents: number
  /** Frames, as capacity counts them. */
  readonly storedBytes: number
  /** `null` without a capacity. */
  readonly freeBytes: number | null
  /** The file on disk; 0 when absent. */
  readonly fileBytes: number
  /** Why it could not be opened (only in a group opened `partial`). */
  readonly problem: { readonly code: string; readonly message: string } | undefined
}

export interface VolumeGroupInfo {
  readonly uuid: string
  readonly name: string
  /** Grows with every change of the layout. */
  readonly sequence: number
  readonly extentBytes: number
  /** Nobody writes to it, or reads contents, until it is imported (only in a group opened `partial`). */
  readonly exported: boolean
  readonly physicalVolumes: readonly PhysicalVolumeInfo[]
  readonly logicalVolumes: readonly LogicalVolumeLayout[]
  readonly space: GroupSpace
}

/** One row of `pv list --map`: extents in a row (by number) on one volume. */
export interface ExtentMapEntry {
  readonly pv: number
  readonly firstExtent: number
  readonly lastExtent: number
  readonly extents: number
  readonly rawBytes: number
  readonly storedBytes: number
  /** Of the logical volume that has tiers and uses this volume for one; `null`: none does. */
  readonly tier: Tier | null
}

export async function groupInfo(group: VolumeGroup): Promise<VolumeGroupInfo> {
  const { layout } = group
  const use = new Map<number, { extents: number; stored: number }>()
  group.catalog.eachExtent(({ record, pvs }) => {
    for (const pv of pvs) {
      const sum = use.get(pv) ?? { extents: 0, stored: 0 }
      use.set(pv, { extents: sum.extents + 1, stored: sum.stored + record.storedBytes })
    }
  })
  const physicalVolumes = await Promise.all(
    layout.physicalVolumes.map(async (volume): Promise<PhysicalVolumeInfo> => {
      const member = group.volume(volume.number)
      const problem = group.absent.get(volume.number)
      const storedBytes = use.get(volume.number)?.stored ?? 0
      return {
        number: volume.number,
        uuid: volume.uuid,
        path: member?.location ?? volume.path,
        capacityBytes: volume.capacityBytes,
        allocatable: volume.allocatable,
        tags: volume.tags,
        extents: use.get(volume.number)?.extents ?? 0,
        storedBytes,
        freeBytes: volume.capacityBytes === null ? null : Math.max(0, volume.capacityBytes - storedBytes),
        fileBytes: member ? await member.fileBytes() : 0,
        problem: problem && { code: problem.code, message: problem.message },
      }
    }),
  )
  return {
    uuid: layout.vg,
    name: layout.name,
    sequence: layout.sequence,
    extentBytes: layout.profile.peSize,
    exported: layout.exported ?? false,
    physicalVolumes,
    logicalVolumes: layout.logicalVolumes,
    space: groupSpace(group.catalog, layout),
  }
}

/** Ascending by extent; a run ends where the next number lies elsewhere. */
export function extentMap(group: VolumeGroup, pv: number | undefined): ExtentMapEntry[] {
  const ended: ExtentMapEntry[] = []
  const runs = new Map<number, ExtentMapEntry>()
  const { physicalVolumes, logicalVolumes } = group.layout
  const tiers = new Map(
    physicalVolumes.map((volume) => [
      volume.number,
      logicalVolumes.map((policy) => tierOf(policy, volume)).find((tier) => tier !== undefined),
    ]),
  )
  group.catalog.eachExtent(({ record, pvs }) => {
    const { eid, rawBytes, storedBytes } = record
    for (const number of pvs) {
      if (pv !== undefined && number !== pv) continue
      const run = runs.get(number)
      if (run && run.lastExtent !== eid - 1) ended.push(run)
      const grown = run?.lastExtent === eid - 1 ? run : undefined
      runs.set(number, {
        pv: number,
        firstExtent: grown?.firstExtent ?? eid,
        lastExtent: eid,
        extents: (grown?.extents ?? 0) + 1,
        rawBytes: (grown?.rawBytes ?? 0) + rawBytes,
        storedBytes: (grown?.storedBytes ?? 0) + storedBytes,
        tier: tiers.get(number) ?? null,
      })
    }
  })
  return [...ended, ...runs.values()]
}

/**
 * A volume named by number, UUID or path.
 * @throws {VarveError} `PV_NOT_FOUND`
 */
export function findVolume(group: VolumeGroup, name: string): PhysicalVolumeLayout {
  const found = group.layout.physicalVolumes.find(
    (volume) =>
      String(volume.number) === name ||
      volume.uuid === name ||
      (volume.path !== '' && volume.path === name) ||
      group.volume(volume.number)?.location === name,
  )
  if (found) return found
  throw new VarveError('PV_NOT_FOUND', `there is no physical volume ${JSON.stringify(name)} in this group`, {
    actual: name,
    candidates: group.layout.physicalVolumes.map((volume) => `${volume.number} ${volume.path}`.trim()),
    hint: 'Name it by number, UUID or path; `varve pv list` shows them.',
  })
}

/** What is not given stays as it is. */
export interface VolumeChange {
  readonly allocatable?: boolean | undefined
  /** `null`: as the disk allows. */
  readonly capacityBytes?: number | null | undefined
  /** In the place of those it had. */
  readonly tags?: readonly string[] | undefined
}

/** @throws {VarveError} `INVALID_ARGUMENT` also where a logical volume would have too few volumes left */
export function withVolume(layout: VolumeGroupLayout, number: number, change: VolumeChange): VolumeGroupLayout {
  const { capacityBytes, tags } = change
  if (typeof capacityBytes === 'number' && (!Number.isSafeInteger(capacityBytes) || capacityBytes < 0)) {
    throw new VarveError('INVALID_ARGUMENT', `a capacity is a number of bytes, not ${capacityBytes}`, {
      actual: capacityBytes,
    })
  }
  for (const tag of tags ?? []) requireTag(tag)
  const physicalVolumes = layout.physicalVolumes.map((volume) =>
    volume.number === number
      ? {
          ...volume,
          allocatable: change.allocatable ?? volume.allocatable,
          capacityBytes: capacityBytes === undefined ? volume.capacityBytes : capacityBytes,
          tags: tags === undefined ? volume.tags : [...new Set(tags)].sort(),
        }
      : volume,
  )
  if (tags) {
    for (const volume of layout.logicalVolumes) {
      requireOneTier(volume, physicalVolumes)
      requireTagged(volume, physicalVolumes)
    }
  }
  return { ...layout, physicalVolumes }
}

function requireTagged(policy: LogicalVolumeLayout, volumes: readonly PhysicalVolumeLayout[]): void {
  const needed = policy.objectCopies ?? policy.copies
  const own = mostCopies(policy, volumes)
  if (own >= needed) return
  const { name, tags, tiers } = policy
  const wanted = tiers ? [...tags, `${tiers.fast} and ${tiers.slow}`] : tags
  throw new VarveError('INVALID_ARGUMENT', `logical volume ${name} needs volumes with the tag ${wanted.join(' or ')}`, {
    expected: needed,
    actual: own,
    hint: tiers
      ? `Give another volume the tag first, or end the tiers: \`varve lv convert ${name} --tiers none\`.`
      : `Give another volume the tag first, or let it use all there are: \`varve lv convert ${name} all\`.`,
  })
}
