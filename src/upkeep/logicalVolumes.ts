/** Logical volumes: what they ask for, what is there, and bringing there what lacks. */
import { isVarveError, VarveError } from '../base/errors.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { type LogicalVolumeLayout, requireTag } from '../format/layout.js'
import type { BranchVolume } from '../refs/branchVolumes.js'
import { usesOf } from '../volume/extentUses.js'
import { isItsOwn, logicalVolume, numberOf } from '../volume/placement.js'
import { useOf } from '../volume/space.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { countLacking, planPolicies } from './copyPlans.js'
import {
  type LogicalVolumeTiers,
  noteTiers,
  requireTierTags,
  requireTierVolumes,
  tiersInfo,
} from './logicalVolumeTiers.js'
import { type PlaceCopiesOptions, type PlaceCopiesReport, placeCopies } from './placeCopies.js'

export interface LogicalVolumeInfo {
  readonly name: string
  readonly uuid: string
  readonly type: LogicalVolumeLayout['type']
  /** Volumes on which each extent lies. */
  readonly copies: number
  /** Volumes on which each extent of objects lies: trees, manifests, commits. */
  readonly objectCopies: number
  /** Over how many volumes it is striped; `null`: all, or it is not. */
  readonly stripes: number | null
  /** Numbers of the volumes it may use, in order; empty: all. */
  readonly physicalVolumes: readonly number[]
  /** It uses volumes with one of these alone; empty: all. */
  readonly tags: readonly string[]
  /** What its extents may take, one copy of each; `null`: as much as there is. */
  readonly virtualBytes: number | null
  /** What they take, one copy of each. */
  readonly usedBytes: number
  /** Whether nobody else may use that up. */
  readonly reserved: boolean
  /** Names of branches and tags that are kept in it, with all below them; not told of `default`, where all others are. */
  readonly branches: readonly string[]
  /** That it uses. Others may use them as well. */
  /** What is in each of its tiers; `null` where it has none. */
  readonly tiers: LogicalVolumeTiers | null
  readonly extents: number
  /** Their frames, of all copies. */
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
  /**
   * Volumes on which each extent of objects (trees, manifests, commits) lies, at least as many: these are small, and without them
   * nothing is found. `null`: as many as of any other.
   */
  readonly objectCopies?: number | null | undefined
  /** Over how many volumes it is striped; `null`: over all. */
  readonly stripes?: number | null | undefined
  /** Numbers of the volumes it may use; empty: all. */
  readonly physicalVolumes?: readonly number[] | undefined
  /** Only volumes with one of these tags may be used; an empty list: all. */
  readonly tags?: readonly string[] | undefined
  /**
   * Tags of its tiers: what is new comes to volumes with the one, what is not used any more goes to those with the other
   * (`tierLogicalVolume`). Of volumes that it may use those with neither are left out. `null`: it has none.
   */
  readonly tiers?: { readonly fast: string; readonly slow: string } | null | undefined
}

export type ConvertOptions = PolicyChange & PlaceCopiesOptions

export interface ConvertReport extends PlaceCopiesReport {
  readonly type: LogicalVolumeLayout['type']
  readonly copies: number
  readonly objectCopies: number
  /** Copies that are asked for and still not there: of what is damaged. */
  readonly lackingCopies: number
}

export function logicalVolumeInfos(group: VolumeGroup, branches: readonly BranchVolume[]): LogicalVolumeInfo[] {
  const { catalog, layout } = group
  return layout.logicalVolumes.map((volume) => {
    const { name, uuid, type, copies, objectCopies = copies, stripes = null, physicalVolumes, tags } = volume
    const { virtualBytes, reserved = false } = volume
    const { extents, storedBytes: usedBytes } = useOf(catalog, volume)
    let storedBytes = 0
    catalog.eachExtent(({ record, pvs }) => {
      if (usesOf(catalog, record.eid).includes(numberOf(volume))) storedBytes += pvs.length * record.storedBytes
    })
    return {
      ...{ name, uuid, type, copies, objectCopies, stripes, physicalVolumes, tags, tiers: tiersInfo(group, volume) },
      ...{ virtualBytes, reserved, usedBytes },
      branches: branches.filter((each) => each.logicalVolume === name).map((each) => each.name),
      ...{ extents, storedBytes, lackingCopies: countLacking(group, volume) },
    }
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
  const changed = group.layout.logicalVolumes.map((volume) => (volume.uuid === policy.uuid ? policy : volume))
  const before = await placeCopies(store, () => planPolicies(group, changed, policy), { dryRun: true })
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
    if (options.tiers !== undefined) noteTiers(store, logicalVolume(group.layout, name))
  }
  const plan = () => planPolicies(group, group.layout.logicalVolumes, logicalVolume(group.layout, name))
  try {
    return reportOn(group, policy, await placeCopies(store, plan, options))
  } catch (error) {
    throw isChange(options) && isVarveError(error, ...UNWRITABLE) ? doneInPart(error, name) : error
  }
}

/** What a disk says that may be otherwise later. */
const UNWRITABLE = ['STORAGE_FULL', 'STORAGE_READ_ONLY', 'STORAGE_DENIED', 'STORAGE_IO', 'VG_FULL'] as const

function doneInPart(cause: VarveError, name: string): VarveError {
  const { code, message, hint, details } = cause
  const rest = `What is new comes as it was asked for; \`varve lv convert ${name} --repair\` does the rest of what is there.`
  return new VarveError(code, message, { ...details, cause, hint: hint === undefined ? rest : `${hint} ${rest}` })
}

function reportOn(group: VolumeGroup, policy: LogicalVolumeLayout, report: PlaceCopiesReport): ConvertReport {
  const { type, copies, objectCopies = copies } = policy
  return { ...report, type, copies, objectCopies, lackingCopies: countLacking(group, policy) }
}

function isChange({ type, copies, objectCopies, stripes, physicalVolumes, tags, tiers }: PolicyChange): boolean {
  return [type, copies, objectCopies, stripes, physicalVolumes, tags, tiers].some((value) => value !== undefined)
}

/** @throws {VarveError} `INVALID_ARGUMENT`, `PV_NOT_FOUND` when there cannot be such a one in that group */
export function changedPolicy(
  group: Pick<VolumeGroup, 'layout' | 'absent'>,
  volume: LogicalVolumeLayout,
  change: PolicyChange,
): LogicalVolumeLayout {
  const type = typeOf(volume, change)
  const copies = type === 'mirrored' ? (change.copies ?? Math.max(2, volume.copies)) : (change.copies ?? 1)
  const { stripes: stripesBefore, objectCopies: objectCopiesBefore, tiers: tiersBefore, ...rest } = volume
  const objectCopies = change.objectCopies === undefined ? objectCopiesBefore : (change.objectCopies ?? undefined)
  const stripes = change.stripes === undefined ? stripesBefore : (change.stripes ?? undefined)
  const tiers = change.tiers === undefined ? tiersBefore : (change.tiers ?? undefined)
  const policy: LogicalVolumeLayout = {
    ...rest,
    type,
    copies,
    physicalVolumes: change.physicalVolumes ?? volume.physicalVolumes,
    tags: change.tags ?? volume.tags,
    // What it has of any other it has of these, whatever was asked for before.
    ...(objectCopies === undefined || (change.objectCopies == null && objectCopies <= copies) ? {} : { objectCopies }),
    ...(stripes === undefined || type !== 'striped' ? {} : { stripes }),
    ...(tiers ? { tiers: { fast: tiers.fast, slow: tiers.slow } } : {}),
  }
  requireSense(policy, change)
  if (isChange(change)) requireVolumes(group, policy)
  return policy
}

function typeOf(volume: LogicalVolumeLayout, { type, copies, stripes }: PolicyChange): LogicalVolumeLayout['type'] {
  if (type !== undefined) return type
  if (copies !== undefined && copies !== 1) return 'mirrored'
  if (stripes != null && volume.type === 'mirrored' && copies === undefined) {
    // Copies go when they are told to, not with something else.
    throw new VarveError(
      'INVALID_ARGUMENT',
      `logical volume ${volume.name} is mirrored, and what is mirrored has no stripes`,
      {
        actual: stripes,
        hint: `To end mirroring, say so as well: \`varve lv convert ${volume.name} -m 0 -i ${stripes}\`.`,
      },
    )
  }
  if (stripes != null) return 'striped'
  return copies === undefined ? volume.type : typeFor(copies, volume.type)
}

function requireSense({ type, copies, objectCopies, tags, tiers }: LogicalVolumeLayout, change: PolicyChange): void {
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
      hint:
        type === 'mirrored'
          ? 'Ask for one more copy at least: `-m 1`.'
          : 'More copies are what makes it mirrored: `-m` alone.',
    })
  }
  if (objectCopies !== undefined && !(Number.isSafeInteger(objectCopies) && objectCopies >= copies)) {
    throw new VarveError(
      'INVALID_ARGUMENT',
      `there cannot be ${objectCopies} copies of objects and ${copies} of contents`,
      {
        expected: `${copies} or more`,
        actual: objectCopies,
        hint: 'Without objects nothing is found: there are at least as many copies of them.',
      },
    )
  }
  const { stripes } = change
  if (stripes != null && !(Number.isSafeInteger(stripes) && stripes >= 1 && type === 'striped')) {
    throw new VarveError('INVALID_ARGUMENT', `a ${type} logical volume cannot have ${stripes} stripes`, {
      expected: '1 or more, and striped',
      actual: stripes,
      hint: 'Stripes are of one copy: `--type striped -m 0`.',
    })
  }
  for (const tag of tags) requireTag(tag)
  requireTierTags(tiers)
}

function typeFor(copies: number, before: LogicalVolumeLayout['type']): LogicalVolumeLayout['type'] {
  if (copies > 1) return 'mirrored'
  return before === 'mirrored' ? 'linear' : before
}

function requireVolumes({ layout, absent }: Pick<VolumeGroup, 'layout' | 'absent'>, policy: LogicalVolumeLayout): void {
  const { physicalVolumes } = layout
  const { physicalVolumes: own, copies, objectCopies = copies, stripes = 1, tags } = policy
  const unknown = own.find((number) => !physicalVolumes.some((volume) => volume.number === number))
  if (unknown !== undefined)
    throw new VarveError('PV_NOT_FOUND', `there is no volume ${unknown} in the group`, { pv: String(unknown) })
  if (new Set(own).size !== own.length)
    throw new VarveError('INVALID_ARGUMENT', 'a volume is named twice', { actual: own })
  const there = physicalVolumes.filter(({ number, allocatable }) => allocatable && !absent.has(number))
  requireTierVolumes(policy, physicalVolumes, there)
  const usable = there.filter((volume) => isItsOwn(policy, volume))
  const needed = Math.max(objectCopies, stripes)
  if (usable.length >= needed) return
  const what = stripes > objectCopies ? `${stripes} stripes` : `${objectCopies} copies of each extent`
  const tag = tags.join(' or ')
  const message =
    needed === 1
      ? `no volume takes new extents${tag && ` and has the tag ${tag}`}`
      : `${what} need as many volumes that take new extents${tag && ` and have the tag ${tag}`}; there are ${usable.length}`
  throw new VarveError('INVALID_ARGUMENT', message, {
    expected: needed,
    actual: usable.length,
    hint: `Add a volume with \`varve vg extend FILE${tag && ' --addtag TAG'}\`, or let it use all there are: \`varve lv convert LV all\`.`,
  })
}
