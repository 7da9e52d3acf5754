/**
 * Which volumes an extent goes to. A logical volume is a named policy; nothing here moves what is stored already.
 */
import { VarveError } from '../base/errors.js'
import { KIB } from '../base/units.js'
import type { LogicalVolumeLayout, PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import { DEFAULT_LV, type UsedBy } from './extentUses.js'
import { EXTENT_CLASS, type ExtentClass } from './physicalVolume.js'
import { chooseTier, type Tier, tierOf, tiersOf } from './tiers.js'

export const DEFAULT_LOGICAL_VOLUME = 'default'

/** What is decided for what several logical volumes use: each of them has what it asks for. */
export type Policies = readonly LogicalVolumeLayout[]

export function numberOf({ number = DEFAULT_LV }: Pick<LogicalVolumeLayout, 'number'>): number {
  return number
}

/** Of these numbers those that are known; where none is, the one that every group has. */
export function policiesOf({ logicalVolumes }: Pick<VolumeGroupLayout, 'logicalVolumes'>, usedBy: UsedBy): Policies {
  const known = logicalVolumes.filter((volume) => usedBy.includes(numberOf(volume)))
  return known.length > 0 ? known : [logicalVolume({ logicalVolumes }, DEFAULT_LOGICAL_VOLUME)]
}

export function logicalVolume(layout: Pick<VolumeGroupLayout, 'logicalVolumes'>, name: string): LogicalVolumeLayout {
  const found = layout.logicalVolumes.find((volume) => volume.name === name)
  if (!found) {
    throw new VarveError('PV_NOT_FOUND', `there is no logical volume ${name}`, {
      actual: name,
      candidates: layout.logicalVolumes.map((volume) => volume.name),
    })
  }
  return found
}

/** Volumes on which each extent of a class is to lie. */
export function copiesFor({ copies, objectCopies }: LogicalVolumeLayout, extentClass: ExtentClass): number {
  return extentClass === EXTENT_CLASS.object ? (objectCopies ?? copies) : copies
}

/** Whether a logical volume may use a volume, whether or not that takes new extents. */
export function isItsOwn(
  { physicalVolumes, tags, tiers }: Pick<LogicalVolumeLayout, 'physicalVolumes' | 'tags' | 'tiers'>,
  volume: Pick<PhysicalVolumeLayout, 'number' | 'tags'>,
): boolean {
  if (physicalVolumes.length > 0 && !physicalVolumes.includes(volume.number)) return false
  if (tags.length > 0 && !volume.tags.some((tag) => tags.includes(tag))) return false
  return !tiers || tierOf({ tiers }, volume) !== undefined
}

/** Of these volumes those that a logical volume may use, by tier, fast first; in one where it has no tiers. */
export function ownTiers<V extends Pick<PhysicalVolumeLayout, 'number' | 'tags'>>(
  policy: Pick<LogicalVolumeLayout, 'physicalVolumes' | 'tags' | 'tiers'>,
  volumes: readonly V[],
): readonly (readonly V[])[] {
  return tiersOf(
    policy,
    volumes.filter((volume) => isItsOwn(policy, volume)),
  )
}

/** How many copies of an extent could lie on these volumes, in whichever tier that has fewest. */
export function mostCopies(
  policy: Pick<LogicalVolumeLayout, 'physicalVolumes' | 'tags' | 'tiers'>,
  volumes: readonly PhysicalVolumeLayout[],
): number {
  return Math.min(...ownTiers(policy, volumes).map((tier) => tier.length))
}

export function volumeFull(pv: number, capacityBytes: number, storedBytes: number): VarveError {
  return new VarveError('VG_FULL', `volume ${pv} holds ${capacityBytes} bytes at most, not ${storedBytes}`, {
    pv: String(pv),
    expected: capacityBytes,
    actual: storedBytes,
    hint: 'Add a volume with `varve vg extend FILE`, or raise the limit with `varve pv resize PV SIZE`.',
  })
}

/**
 * So much goes to one volume before it is the next one's turn. Each volume that a commit touches costs it several syncs: what is
 * shorter than that is better off together.
 */
const TURN_BYTES = 64 * KIB

/**
 * Chooses volumes for extents, one after the other, counting what it has given out.
 *
 * - linear: the first volume with room, in the layout's order.
 * - striped: each extent on the next volume in turn, of the first so many with room; a few short ones on one.
 * - mirrored: `copies` volumes, by turns in the same way.
 *
 * Where more copies are asked for of objects, each lies on so many, chosen in the same way. Where there are tiers, all this holds within
 * one of them: the fast one while it has room, else the slow one.
 */
export class Placement {
  private turn: number
  /** Since it is this turn. */
  private turnBytes = 0
  /** Of each the volumes that it may use, in the order in which they choose. */
  private readonly choices: readonly {
    readonly policy: LogicalVolumeLayout
    readonly own: readonly PhysicalVolumeLayout[]
  }[]

  constructor(
    layout: VolumeGroupLayout,
    policies: Policies,
    /** Stored bytes per volume number; kept up to date by `place`. */
    private readonly usedBytes: Map<number, number>,
    firstTurn: number,
    /** Whether a volume is there to be written to. */
    isThere: (pv: number) => boolean = () => true,
  ) {
    this.choices = fewestFirst(layout, policies).map((policy) => ({
      policy,
      own: layout.physicalVolumes.filter(
        (volume) => volume.allocatable && isThere(volume.number) && isItsOwn(policy, volume),
      ),
    }))
    this.turn = firstTurn
  }

  /** Volumes on which each extent of a class is to lie at least. */
  copies(extentClass: ExtentClass): number {
    return Math.max(...this.choices.map(({ policy }) => copiesFor(policy, extentClass)))
  }

  /**
   * @param beside where what it is decoded through lies: copies go there first, so that each volume can be read by itself. Stripes
   *   are for speed, and go by turns all the same
   * @param tier where there are tiers: the one to begin with
   * @throws {VarveError} `VG_FULL`
   */
  place(extentClass: ExtentClass, storedBytes: number, beside: readonly number[] = [], tier: Tier = 'fast'): number[] {
    const chosen: PhysicalVolumeLayout[] = []
    for (const { policy, own: all } of this.choices) {
      const asked = copiesFor(policy, extentClass)
      const used = (volume: PhysicalVolumeLayout) => this.used(volume)
      const own = chooseTier(tiersOf(policy, all), tier, asked, storedBytes, used)
      const copies = asked - chosen.filter((volume) => own.includes(volume)).length
      if (copies > 0) chosen.push(...this.chooseFor(policy, own, chosen, copies, storedBytes, beside))
    }
    for (const volume of chosen) this.usedBytes.set(volume.number, this.used(volume) + storedBytes)
    this.turnBytes += storedBytes
    if (this.turnBytes >= TURN_BYTES) {
      this.turn++
      this.turnBytes = 0
    }
    return chosen.map((volume) => volume.number)
  }

  private chooseFor(
    policy: LogicalVolumeLayout,
    own: readonly PhysicalVolumeLayout[],
    chosen: readonly PhysicalVolumeLayout[],
    copies: number,
    storedBytes: number,
    beside: readonly number[],
  ): readonly PhysicalVolumeLayout[] {
    const roomy = own.filter(
      (volume) =>
        !chosen.includes(volume) &&
        (volume.capacityBytes === null || this.used(volume) + storedBytes <= volume.capacityBytes),
    )
    if (roomy.length < copies) {
      throw new VarveError('VG_FULL', `no room for ${storedBytes} bytes in logical volume ${policy.name}`, {
        expected: copies,
        actual: roomy.length,
        hint:
          own.length < copies
            ? 'It asks for more copies than there are volumes it may use: `varve vg extend FILE` adds one, `varve lv convert` asks for fewer.'
            : 'Add a volume with `varve vg extend FILE`, or raise a limit with `varve pv resize PV SIZE`.',
      })
    }
    const near = copies > 1 ? roomy.filter(({ number }) => beside.includes(number)) : []
    return near.length >= copies ? near.slice(0, copies) : this.choose(policy, roomy, copies)
  }

  private choose(
    { type, stripes }: LogicalVolumeLayout,
    roomy: readonly PhysicalVolumeLayout[],
    copies: number,
  ): PhysicalVolumeLayout[] {
    if (type === 'linear') return roomy.slice(0, copies)
    const wide = roomy.slice(0, Math.max(stripes ?? roomy.length, copies))
    const rotated = wide.map((_, index) => wide[(index + this.turn) % wide.length] as PhysicalVolumeLayout)
    return rotated.slice(0, copies)
  }

  private used(volume: PhysicalVolumeLayout): number {
    return this.usedBytes.get(volume.number) ?? 0
  }
}

/** Who may use fewest volumes first: others may be content with what it chooses. */
export function fewestFirst(
  { physicalVolumes }: Pick<VolumeGroupLayout, 'physicalVolumes'>,
  policies: Policies,
): Policies {
  const own = (policy: LogicalVolumeLayout) => physicalVolumes.filter((volume) => isItsOwn(policy, volume)).length
  return policies.length < 2 ? policies : [...policies].sort((a, b) => own(a) - own(b))
}

/** Whether copies on these volumes are all that these policies ask for. */
export function arePlaced(
  layout: Pick<VolumeGroupLayout, 'physicalVolumes'>,
  policies: Policies,
  extentClass: ExtentClass,
  pvs: readonly number[],
): boolean {
  const volumes = layout.physicalVolumes.filter(({ number }) => pvs.includes(number))
  return policies.every((policy) =>
    ownTiers(policy, volumes).some((tier) => tier.length >= copiesFor(policy, extentClass)),
  )
}
