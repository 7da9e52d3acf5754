/** Tiers of a logical volume: what they ask for, what is in them, and bringing there what belongs there by now. */
import { VarveError } from '../base/errors.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { type LogicalVolumeLayout, type PhysicalVolumeLayout, requireTag } from '../format/layout.js'
import { beginHeat, endHeat, hasTiers, noteMoved } from '../volume/heat.js'
import { isItsOwn, logicalVolume, ownTiers } from '../volume/placement.js'
import { requireOneTier, type Tier, tierOf } from '../volume/tiers.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { CopyStep } from './copyPlans.js'
import { type PlaceCopiesOptions, type PlaceCopiesReport, placeCopies } from './placeCopies.js'
import { isTieringDue, planTiers, type TierUse, tierUse } from './tierPlan.js'

export interface LogicalVolumeTiers {
  readonly fast: TierUse & { readonly tag: string }
  readonly slow: TierUse & { readonly tag: string }
  /** The fast tier holds more than its high-water mark, or was not brought below the low one yet. */
  readonly isDue: boolean
}

export interface TieredAmount {
  readonly extents: number
  /** Frames of all their copies. */
  readonly storedBytes: number
}

export interface TierReport extends PlaceCopiesReport {
  /** To the fast tier. */
  readonly promoted: TieredAmount
  /** To the slow tier. */
  readonly demoted: TieredAmount
  /** As they are now. */
  readonly tiers: LogicalVolumeTiers
}

/** Name in the table `upkeep`: UUIDs of logical volumes whose fast tier was above its mark, and was not brought to the low one yet. */
const DRAINING = 'draining'

export function tiersInfo(group: VolumeGroup, policy: LogicalVolumeLayout): LogicalVolumeTiers | null {
  const { tiers, uuid } = policy
  if (!tiers) return null
  const { fast, slow } = tierUse(group, policy)
  const isDue = isTieringDue(group, policy) || drainingOf(group).includes(uuid)
  return { fast: { tag: tiers.fast, ...fast }, slow: { tag: tiers.slow, ...slow }, isDue }
}

/** From cheap looks alone: whether a run of `tierLogicalVolume` is due, or was begun and not ended. */
export function tieringDue(group: VolumeGroup, policy: LogicalVolumeLayout): 'full' | 'interrupted' | undefined {
  if (!policy.tiers) return undefined
  if (drainingOf(group).includes(policy.uuid)) return 'interrupted'
  return isTieringDue(group, policy) ? 'full' : undefined
}

/**
 * Brings what is used to the fast tier and what is not to the slow one, while others read and commit (tierPlan.ts says what goes where).
 * Killed anywhere, the same call again does the rest.
 * @throws {VarveError} `PV_NOT_FOUND`; `INVALID_ARGUMENT` for one without tiers; as `placeCopies`
 */
export async function tierLogicalVolume(
  store: ChunkStore,
  name: string,
  options: PlaceCopiesOptions = {},
): Promise<TierReport> {
  const { group } = store
  await group.refresh()
  const policy = tieredVolume(group, name)
  // What this process has read counts.
  store.reads?.write()
  const nowMs = store.clock.nowMs()
  const isDraining = () => drainingOf(group).includes(policy.uuid)
  let planned: readonly CopyStep[] = []
  const plan = (): readonly CopyStep[] => {
    planned = planTiers(group, tieredVolume(group, name), nowMs, isDraining())
    return planned
  }
  if (options.dryRun) {
    const report = await placeCopies(store, plan, options)
    return reportOn(group, policy, report, planned)
  }
  // Else a run that takes up what one left that was killed would be content below the high mark.
  if (isTieringDue(group, policy)) writeDraining(group, policy.uuid, true)
  const done: CopyStep[] = []
  const report = await placeCopies(store, plan, options, (tx, steps) => {
    for (const step of steps) noteMoved(tx, step.eid, tierOfStep(group, policy, step), nowMs)
    done.push(...steps)
  })
  if (isDraining()) writeDraining(group, policy.uuid, false)
  return reportOn(group, policy, report, done)
}

function tieredVolume(group: VolumeGroup, name: string): LogicalVolumeLayout {
  const policy = logicalVolume(group.layout, name)
  if (policy.tiers) return policy
  throw new VarveError('INVALID_ARGUMENT', `logical volume ${name} has no tiers`, {
    actual: name,
    hint: `Give it some: \`varve lv convert ${name} --tiers FAST:SLOW\`, two tags of volumes (\`varve pv change PV --addtag TAG\`).`,
  })
}

function tierOfStep({ layout }: VolumeGroup, policy: LogicalVolumeLayout, { add }: CopyStep): Tier {
  const volume = layout.physicalVolumes.find(({ number }) => number === add[0])
  return (volume && tierOf(policy, volume)) ?? 'slow'
}

function reportOn(
  group: VolumeGroup,
  policy: LogicalVolumeLayout,
  report: PlaceCopiesReport,
  steps: readonly CopyStep[],
): TierReport {
  const amount = (to: Tier): TieredAmount => {
    const moved = steps.filter((step) => tierOfStep(group, policy, step) === to)
    const storedBytes = moved.reduce((sum, { add, storedBytes: bytes }) => sum + add.length * bytes, 0)
    return { extents: moved.length, storedBytes }
  }
  const tiers = tiersInfo(group, policy) as LogicalVolumeTiers
  return { ...report, promoted: amount('fast'), demoted: amount('slow'), tiers }
}

/** After they were changed: what is in the fast one is not known to be unused. */
export function noteTiers({ group, clock }: ChunkStore, policy: LogicalVolumeLayout): void {
  const { catalog, layout } = group
  const [fast = []] = policy.tiers ? ownTiers(policy, layout.physicalVolumes) : []
  const pvs = fast.map(({ number }) => number)
  catalog.write((tx) => (hasTiers(layout) ? beginHeat(tx, pvs, clock.nowMs()) : endHeat(tx)))
  if (drainingOf(group).includes(policy.uuid)) writeDraining(group, policy.uuid, false)
}

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function requireTierTags(tiers: LogicalVolumeLayout['tiers']): void {
  if (!tiers) return
  for (const tag of [tiers.fast, tiers.slow]) requireTag(tag)
  if (tiers.fast !== tiers.slow) return
  throw new VarveError('INVALID_ARGUMENT', `the tag ${tiers.fast} cannot be both tiers`, {
    actual: tiers,
    hint: 'A volume is in one tier: `varve pv change PV --addtag TAG` gives those of the other another tag.',
  })
}

/**
 * @param there volumes that take new extents
 * @throws {VarveError} `INVALID_ARGUMENT` where a tier has too few volumes for its copies, or a volume would be in both
 */
export function requireTierVolumes(
  policy: LogicalVolumeLayout,
  all: readonly PhysicalVolumeLayout[],
  there: readonly PhysicalVolumeLayout[],
): void {
  const { name, copies, objectCopies = copies, tags, tiers } = policy
  if (!tiers) return
  requireOneTier(policy, all)
  for (const tag of [tiers.fast, tiers.slow]) {
    const own = there.filter((volume) => isItsOwn(policy, volume) && volume.tags.includes(tag))
    if (own.length >= objectCopies) continue
    const isTagKnown = all.some((volume) => volume.tags.includes(tag))
    const among = tags.length > 0 ? `, among those with the tag ${tags.join(' or ')}` : ''
    const what = objectCopies === 1 ? 'a volume' : `${objectCopies} volumes, one for each copy,`
    const lacks = isTagKnown
      ? `a tier of logical volume ${name} needs ${what} with the tag ${tag} that takes new extents${among}`
      : `no volume has the tag ${tag}`
    throw new VarveError('INVALID_ARGUMENT', lacks, {
      expected: objectCopies,
      actual: own.length,
      hint: `\`varve pv change PV --addtag ${tag}\` gives a volume the tag, \`varve vg extend FILE --addtag ${tag}\` adds one; \`--tiers none\` ends tiers.`,
    })
  }
}

function drainingOf({ catalog }: VolumeGroup): readonly string[] {
  const note = new UpkeepState(catalog).read(DRAINING) as { readonly volumes: readonly string[] } | undefined
  return note?.volumes ?? []
}

function writeDraining(group: VolumeGroup, uuid: string, isDraining: boolean): void {
  const { catalog } = group
  catalog.write((tx) => {
    const others = drainingOf(group).filter((other) => other !== uuid)
    const volumes = isDraining ? [...others, uuid] : others
    if (volumes.length > 0) new UpkeepState(catalog).write(tx, DRAINING, { volumes })
    else tx.run('DELETE FROM upkeep WHERE name = ?', DRAINING)
  })
}
