/** Where there are tiers: what is written anew stays in the one that most of it was in. Packing a history is no use of it. */
import type { Hash } from '../base/hash.js'
import { usesOf } from '../volume/extentUses.js'
import { hasTiers } from '../volume/heat.js'
import { policiesOf } from '../volume/placement.js'
import { type Tier, tierOf } from '../volume/tiers.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

export class SourceTiers {
  readonly #group: VolumeGroup
  readonly #isOn: boolean
  readonly #from = new Map<Hash, number>()
  readonly #known = new Map<number, Tier>()

  constructor(group: VolumeGroup) {
    this.#group = group
    this.#isOn = hasTiers(group.layout)
  }

  /** @param eid the extent that a chunk was in */
  note(id: Hash, eid: number): void {
    if (this.#isOn) this.#from.set(id, eid)
  }

  /** Of chunks that are written together. */
  of(items: Iterable<{ readonly id: Hash; readonly length: number }>): Tier {
    if (!this.#isOn) return 'fast'
    let fastBytes = 0
    for (const { id, length } of items) fastBytes += this.ofExtent(this.#from.get(id)) === 'fast' ? length : 0 - length
    return fastBytes > 0 ? 'fast' : 'slow'
  }

  ofExtent(eid: number | undefined): Tier {
    if (!this.#isOn) return 'fast'
    if (eid === undefined) return 'slow'
    const tier = this.#known.get(eid) ?? this.#lookUp(eid)
    this.#known.set(eid, tier)
    return tier
  }

  #lookUp(eid: number): Tier {
    const { layout, catalog } = this.#group
    const pvs = catalog.copies(eid)
    const volumes = layout.physicalVolumes.filter(({ number }) => pvs.includes(number))
    const policies = policiesOf(layout, usesOf(catalog, eid))
    const isFast = policies.some((policy) => volumes.some((volume) => tierOf(policy, volume) === 'fast'))
    return isFast ? 'fast' : 'slow'
  }
}
