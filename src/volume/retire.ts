/** Extents on their way out: the catalog forgets them first, durably, then the volumes drop them. */
import type { Catalog } from './catalog.js'
import { allReservations } from './lease.js'
import type { PhysicalVolume } from './physicalVolume.js'
import type { HomeVolume } from './sqliteVolume.js'

/** By volume: extents that no catalog row names any more. */
export type RetiredExtents = ReadonlyMap<number, readonly number[]>

/** Inside the catalog's transaction. What lies in the catalog's own file goes with it. */
export function retireExtents(catalog: Catalog, home: HomeVolume, eids: readonly number[]): RetiredExtents {
  const byVolume = new Map<number, number[]>()
  // What decodes through another one has the higher number, and goes first.
  for (const eid of [...eids].sort((a, b) => b - a)) {
    for (const pv of catalog.removeExtent(eid)) byVolume.set(pv, [...(byVolume.get(pv) ?? []), eid])
  }
  const atHome = byVolume.get(0) ?? []
  if (atHome.length > 0) home.removeNow(atHome)
  byVolume.delete(0)
  return byVolume
}

/**
 * Drops what volumes hold, no catalog row names, and nobody is about to publish: left by a process that was killed while it
 * removed extents. @returns extents dropped
 */
export async function dropOrphans(catalog: Catalog, volumes: readonly PhysicalVolume[]): Promise<number> {
  let dropped = 0
  for (const volume of volumes) {
    // Listed first: what a writer brings after this is not in the list, and one that was at work then has either published
    // it or still has its reservation.
    const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
    const orphans = catalog.snapshot((tx) => {
      const reserved = allReservations(tx)
      const isReserved = (eid: number) =>
        reserved.some(({ firstEid, count }) => eid >= firstEid && eid < firstEid + count)
      return held.filter((eid) => !catalog.hasCopy(eid, volume.number) && !isReserved(eid))
    })
    if (orphans.length > 0) await volume.remove(orphans)
    dropped += orphans.length
  }
  return dropped
}
