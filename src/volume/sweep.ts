/** What killed writers left behind: extents that no catalog row names, found through the writers' reservations. */
import type { Catalog } from './catalog.js'
import { endDeadLeases, type IsAlive, releaseLease, reservationsOf } from './lease.js'
import type { PhysicalVolume } from './physicalVolume.js'

/**
 * Ends leases of this machine whose process is gone, then drops what those writers left in the volumes. In this order: a
 * writer that was taken for dead must not publish what is being dropped. Nothing of it was ever visible. Killed in the middle, it is done again by the next.
 * @param isWhole whether all volumes are there: what lies on a missing one is swept once it is back
 * @returns extents dropped.
 */
export async function sweepDeadWriters(
  catalog: Catalog,
  volumes: readonly PhysicalVolume[],
  isAlive: IsAlive,
  isWhole: boolean,
): Promise<number> {
  let dropped = 0
  for (const lease of endDeadLeases(catalog, isAlive)) {
    for (const { firstEid, count } of reservationsOf(catalog, lease.id)) {
      for (const volume of volumes) {
        const held = await volume.list(firstEid, firstEid + count)
        // What it published is others' by now: a copy that is on its way somewhere is not named there yet.
        const orphans = held.filter((eid) => !catalog.isVisible(eid))
        if (orphans.length > 0) await volume.remove(orphans)
        dropped += orphans.length
      }
    }
    // Last: a lease that is still there is swept again.
    if (isWhole) catalog.write((tx) => releaseLease(tx, lease.id))
  }
  return dropped
}
