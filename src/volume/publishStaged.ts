/** Extents that volumes have brought to the disk become visible: rows of the catalog, in the transaction that publishes them. */
import type { VolumeGroupLayout } from '../format/layout.js'
import type { Catalog } from './catalog.js'
import type { UsedBy } from './extentUses.js'
import type { NewExtent, StagedExtents } from './physicalVolume.js'
import { volumeFull } from './placement.js'

/** An extent on its way, and the volumes it was placed on. */
export interface PlacedExtent {
  readonly extent: NewExtent
  readonly pvs: readonly number[]
  /** Logical volumes that use it. Default: the one that every group has. */
  readonly usedBy?: UsedBy | undefined
}

/** What a volume has made of what was brought to it. */
export type StagedOn = readonly [pv: number, staged: StagedExtents]

export function extentsByVolume(placed: readonly PlacedExtent[]): Map<number, NewExtent[]> {
  const byVolume = new Map<number, NewExtent[]>()
  for (const { extent, pvs } of placed) {
    for (const pv of pvs) {
      const list = byVolume.get(pv) ?? []
      list.push(extent)
      byVolume.set(pv, list)
    }
  }
  return byVolume
}

/** @throws {VarveError} `VG_FULL` when another writer has filled a volume meanwhile */
export function publishStaged(
  catalog: Catalog,
  layout: VolumeGroupLayout,
  placed: readonly PlacedExtent[],
  staged: readonly StagedOn[],
): void {
  for (const [pv, stage] of staged) {
    const transactions = stage.complete()
    const stored = placed.reduce((sum, { extent, pvs }) => sum + (pvs.includes(pv) ? extent.frame.length : 0), 0)
    const before = catalog.volumeUse(pv) ?? { pv, transactions: 0, storedBytes: 0 }
    const storedBytes = before.storedBytes + stored
    // Placement went by what was known then.
    const { capacityBytes = null } = layout.physicalVolumes.find(({ number }) => number === pv) ?? {}
    if (capacityBytes !== null && storedBytes > capacityBytes) throw volumeFull(pv, capacityBytes, storedBytes)
    catalog.writeVolumeUse({ pv, transactions: Math.max(before.transactions, transactions), storedBytes })
  }
  for (const { extent, pvs, usedBy } of placed) {
    const { eid, class: kind, rawBytes, checksum, bases } = extent
    const record = { eid, class: kind, rawBytes, storedBytes: extent.frame.length, chunks: extent.slots.length }
    catalog.addExtent({ ...record, checksum, bases }, pvs, usedBy)
  }
  catalog.advance('publish_sequence', 1)
}
