/** Where chunks lie: rows of chunk tables, as far as the catalog names their extents. */
import type { Hash } from '../base/hash.js'
import type { Catalog } from './catalog.js'
import type { ChunkLocation, PhysicalVolume } from './physicalVolume.js'

/**
 * @param volumes as they are now; asked again after `refresh`
 * @param refresh takes up volumes that another process added; resolves with whether there were any
 */
export async function lookupVisible(
  catalog: Catalog,
  volumes: () => Iterable<PhysicalVolume>,
  hashes: readonly Hash[],
  refresh: () => Promise<boolean>,
): Promise<ChunkLocation[]> {
  for (;;) {
    const epoch = gcEpoch(catalog)
    const found = await lookupOnce(catalog, volumes(), hashes)
    const hits = new Set(found.map(({ hash }) => hash))
    if (hashes.every((hash) => hits.has(hash))) return found
    // What is not here may lie on a volume that another process added, or gc moved it while it was looked for.
    if (!(await refresh()) && gcEpoch(catalog) === epoch) return found
  }
}

/** Unchecked: a damaged counter must not keep anything from being read. */
function gcEpoch(catalog: Catalog): number | undefined {
  return catalog.get<{ value: number }>("SELECT value FROM counter WHERE name = 'gc_epoch'")?.value
}

async function lookupOnce(
  catalog: Catalog,
  volumes: Iterable<PhysicalVolume>,
  hashes: readonly Hash[],
): Promise<ChunkLocation[]> {
  const found: ChunkLocation[] = []
  for (const volume of volumes) {
    // Neighbours lie in few extents: each is asked for once.
    const visible = new Map<number, boolean>()
    for (const location of await volume.lookup(hashes)) {
      const known = visible.get(location.eid) ?? catalog.hasCopy(location.eid, location.pv)
      visible.set(location.eid, known)
      if (known) found.push(location)
    }
  }
  return found
}
