/**
 * What goes to which tier, by use. All numbers of the policy are in volume/tiers.ts.
 *
 * - Down goes what is coldest, once the fast tier holds more than its high-water mark, until it holds no more than the low one. Where a
 *   volume of the fast tier has no capacity, so that there are no marks, what is too cold goes down.
 * - Up comes what is hot, hottest first, as far as it fits below the low-water mark. Where it does not, the coldest of the fast tier go down
 *   for it, if it is clearly hotter than each of them.
 * - What was moved rests: it is not moved again for a while. What went down counts its reads from nought there.
 *
 * So it comes to rest: planned again without any use in between, nothing moves; and the steps that are left of a plan are the plan of what
 * is left, so that whoever is killed on the way ends where it would have without (`isDraining` says that it was on its way down).
 */

import { isVarveError } from '../base/errors.js'
import type { LogicalVolumeLayout, PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import { usesOf } from '../volume/extentUses.js'
import { allHeat, heatAt } from '../volume/heat.js'
import type { ExtentClass } from '../volume/physicalVolume.js'
import { arePlaced, copiesFor, isItsOwn, numberOf, Placement, type Policies, policiesOf } from '../volume/placement.js'
import {
  COLD_READS,
  capacityOf,
  HIGH_PART,
  HOT_READS,
  HOTTER_READS,
  HOTTER_TIMES,
  LOW_PART,
  REST_MS,
  type Tier,
  tierOf,
} from '../volume/tiers.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { CopyStep } from './copyPlans.js'

/** As far as the policy goes by it. */
export interface TieredExtent {
  readonly eid: number
  readonly tier: Tier
  /** Of all its copies. */
  readonly bytes: number
  /** Now. */
  readonly heat: number
  /** It was moved not long ago. */
  readonly isResting: boolean
}

export interface FastTier {
  readonly usedBytes: number
  /** `null`: not known. */
  readonly capacityBytes: number | null
  /** It was above its high-water mark, and was not brought below the low one yet. */
  readonly isDraining: boolean
}

/** Whether the coldest of a fast tier should go down. */
export function isAboveMark({ usedBytes, capacityBytes }: Omit<FastTier, 'isDraining'>): boolean {
  return capacityBytes !== null && usedBytes > HIGH_PART * capacityBytes
}

/**
 * @param fast all that is in the fast tier, whoever uses it
 * @param move brings it to the other tier, as far as planned. @returns false where there is no room for it: it stays
 */
export function decideTiers(
  extents: readonly TieredExtent[],
  fast: FastTier,
  move: (eid: number, to: Tier) => boolean,
): void {
  const movable = extents.filter(({ isResting }) => !isResting)
  const coldestFirst = movable.filter(({ tier }) => tier === 'fast').sort((a, b) => a.heat - b.heat || a.eid - b.eid)
  const hottestFirst = movable
    .filter(({ tier, heat }) => tier === 'slow' && heat >= HOT_READS)
    .sort((a, b) => b.heat - a.heat || b.eid - a.eid)
  const { capacityBytes } = fast
  const lowBytes = capacityBytes === null ? Number.POSITIVE_INFINITY : LOW_PART * capacityBytes
  const isDraining = fast.isDraining || isAboveMark(fast)
  let usedBytes = fast.usedBytes
  let next = 0
  /** @returns false where there is no such, or no room below */
  const sendDown = (goes: (extent: TieredExtent) => boolean): boolean => {
    const coldest = coldestFirst[next]
    if (!coldest || !goes(coldest) || !move(coldest.eid, 'slow')) return false
    next++
    usedBytes -= coldest.bytes
    return true
  }
  if (capacityBytes === null) {
    while (sendDown(({ heat }) => heat < COLD_READS));
  } else if (isDraining) {
    while (usedBytes > lowBytes && sendDown(() => true));
  }
  for (const { eid, bytes, heat } of hottestFirst) {
    const isColder = (other: TieredExtent): boolean => heat >= HOTTER_TIMES * other.heat + HOTTER_READS
    // First whether enough can go: nothing goes down for what then stays where it is.
    let roomBytes = lowBytes - usedBytes
    for (let index = next; roomBytes < bytes; index++) {
      const other = coldestFirst[index]
      if (!other || !isColder(other)) return
      roomBytes += other.bytes
    }
    while (usedBytes + bytes > lowBytes) if (!sendDown(isColder)) return
    // Those that are less hot do not go before it.
    if (!move(eid, 'fast')) return
    usedBytes += bytes
  }
}

/** What a logical volume with tiers has in each. */
export interface TierUse {
  /** Extents of which all copies are there. */
  readonly extents: number
  /** Frames of their copies. */
  readonly storedBytes: number
  /** Of all that is on volumes of it, whoever uses it. */
  readonly usedBytes: number
  /** What these may hold; `null` where one has no limit. */
  readonly capacityBytes: number | null
}

interface Lying {
  readonly eid: number
  readonly class: ExtentClass
  readonly storedBytes: number
  readonly rawBytes: number
  readonly pvs: readonly number[]
  readonly tier: Tier
  readonly users: Policies
}

/** All volumes of a tier that are there, to be read from; of those that take new extents, `allocatable` says so. */
function volumesOf(group: VolumeGroup, policy: LogicalVolumeLayout, tier: Tier): PhysicalVolumeLayout[] {
  return group.layout.physicalVolumes.filter(
    (volume) => !group.absent.has(volume.number) && isItsOwn(policy, volume) && tierOf(policy, volume) === tier,
  )
}

/** Used, and of what: of the volumes of a tier that take new extents. */
function roomOf({ catalog }: VolumeGroup, volumes: readonly PhysicalVolumeLayout[]) {
  const own = volumes.filter(({ allocatable }) => allocatable)
  const usedBytes = own.reduce((sum, { number }) => sum + (catalog.volumeUse(number)?.storedBytes ?? 0), 0)
  return { usedBytes, capacityBytes: capacityOf(own) }
}

/** Extents that a logical volume uses, and that lie in one of its tiers: what lies in both, or in neither, is to be repaired first. */
function lyingIn(group: VolumeGroup, policy: LogicalVolumeLayout): Lying[] {
  const number = numberOf(policy)
  const fast = new Set(volumesOf(group, policy, 'fast').map((volume) => volume.number))
  const slow = new Set(volumesOf(group, policy, 'slow').map((volume) => volume.number))
  const found: Lying[] = []
  group.catalog.eachExtent(({ record, pvs }) => {
    const users = policiesOf(group.layout, usesOf(group.catalog, record.eid))
    if (!users.some((user) => numberOf(user) === number)) return
    const isIn = [pvs.some((pv) => fast.has(pv)), pvs.some((pv) => slow.has(pv))] as const
    if (isIn[0] === isIn[1]) return
    const { eid, class: kind, storedBytes, rawBytes } = record
    found.push({ eid, class: kind, storedBytes, rawBytes, pvs, tier: isIn[0] ? 'fast' : 'slow', users })
  })
  return found
}

export function tierUse(group: VolumeGroup, policy: LogicalVolumeLayout): Readonly<Record<Tier, TierUse>> {
  const sums = { fast: { extents: 0, storedBytes: 0 }, slow: { extents: 0, storedBytes: 0 } }
  for (const { tier, storedBytes, pvs } of lyingIn(group, policy)) {
    sums[tier].extents++
    sums[tier].storedBytes += storedBytes * pvs.length
  }
  const use = (tier: Tier): TierUse => ({ ...sums[tier], ...roomOf(group, volumesOf(group, policy, tier)) })
  return { fast: use('fast'), slow: use('slow') }
}

/** Asked of the catalog's sums alone. */
export function isTieringDue(group: VolumeGroup, policy: LogicalVolumeLayout): boolean {
  return policy.tiers !== undefined && isAboveMark(roomOf(group, volumesOf(group, policy, 'fast')))
}

/**
 * What is to go to the other tier, in the order in which it is to be done. What several logical volumes use stays where one of them would lack
 * a copy otherwise.
 */
export function planTiers(
  group: VolumeGroup,
  policy: LogicalVolumeLayout,
  nowMs: number,
  wasDraining: boolean,
): CopyStep[] {
  const heat = allHeat(group.catalog)
  const lying = new Map<number, Lying>()
  const extents: TieredExtent[] = []
  const targets = new TierTargets(group, policy)
  const fastVolumes = volumesOf(group, policy, 'fast')
  // What the sums below count, too.
  const counted = new Set(fastVolumes.filter(({ allocatable }) => allocatable).map(({ number }) => number))
  for (const extent of lyingIn(group, policy)) {
    if (!targets.mayMove(extent)) continue
    const { eid, class: kind, tier, storedBytes, pvs } = extent
    const copies = tier === 'fast' ? pvs.filter((pv) => counted.has(pv)).length : copiesFor(policy, kind)
    const known = heat.get(eid)
    const isResting = known !== undefined && known.movedMs > 0 && Math.abs(nowMs - known.movedMs) < REST_MS
    lying.set(eid, extent)
    extents.push({ eid, tier, bytes: storedBytes * copies, heat: heatAt(known, nowMs), isResting })
  }
  const steps: CopyStep[] = []
  const fast = { ...roomOf(group, fastVolumes), isDraining: wasDraining }
  decideTiers(extents, fast, (eid, to) => {
    const extent = lying.get(eid) as Lying
    const step = targets.stepFor(extent, to)
    if (step) steps.push(step)
    return step !== undefined
  })
  return steps
}

/** Volumes of each tier, chosen as the logical volume chooses them for what is new, and what they hold as far as it was planned. */
class TierTargets {
  readonly #layout: VolumeGroupLayout
  readonly #used: Map<number, number>
  readonly #volumes: Readonly<Record<Tier, readonly number[]>>
  readonly #placements: Readonly<Record<Tier, Placement | undefined>>

  constructor(group: VolumeGroup, policy: LogicalVolumeLayout) {
    const { layout, catalog } = group
    this.#layout = layout
    this.#used = new Map(
      layout.physicalVolumes.map(({ number }) => [number, catalog.volumeUse(number)?.storedBytes ?? 0]),
    )
    const numbers = (tier: Tier): number[] => volumesOf(group, policy, tier).map(({ number }) => number)
    this.#volumes = { fast: numbers('fast'), slow: numbers('slow') }
    const { tiers: _, ...rest } = policy
    const turn = catalog.counter('publish_sequence')
    const placementOn = (physicalVolumes: readonly number[]): Placement | undefined =>
      // None would mean all.
      physicalVolumes.length === 0
        ? undefined
        : new Placement(layout, [{ ...rest, physicalVolumes, tags: [] }], this.#used, turn)
    this.#placements = { fast: placementOn(this.#volumes.fast), slow: placementOn(this.#volumes.slow) }
  }

  /** Whether all that use it have what they ask for when it is in the other tier. */
  mayMove({ class: kind, pvs, tier, users }: Lying): boolean {
    const there = this.#volumes[tier === 'fast' ? 'slow' : 'fast']
    return users.length === 1 || arePlaced(this.#layout, users, kind, [...this.#without(pvs, tier), ...there])
  }

  /** `undefined` where there is no room, or another logical volume needs it where it is. */
  stepFor({ eid, class: kind, storedBytes, rawBytes, pvs, tier, users }: Lying, to: Tier): CopyStep | undefined {
    const add = this.#place(kind, storedBytes, to)
    if (!add) return undefined
    const staying = this.#without(pvs, tier)
    if (users.length > 1 && !arePlaced(this.#layout, users, kind, [...staying, ...add])) {
      for (const pv of add) this.#count(pv, 0 - storedBytes)
      return undefined
    }
    const drop = pvs.filter((pv) => !staying.includes(pv))
    for (const pv of drop) this.#count(pv, 0 - storedBytes)
    return { eid, storedBytes, rawBytes, add, drop, usedBy: users.map(numberOf) }
  }

  #without(pvs: readonly number[], tier: Tier): number[] {
    return pvs.filter((pv) => !this.#volumes[tier].includes(pv))
  }

  #place(kind: ExtentClass, storedBytes: number, to: Tier): number[] | undefined {
    try {
      return this.#placements[to]?.place(kind, storedBytes)
    } catch (error) {
      if (!isVarveError(error, 'VG_FULL')) throw error
      return undefined
    }
  }

  #count(pv: number, bytes: number): void {
    this.#used.set(pv, (this.#used.get(pv) ?? 0) + bytes)
  }
}
