/** Where chunks lie: rows of chunk tables, as far as the catalog names their extents. */
import type { Hash } from '../base/hash.js'
import type { Catalog } from './catalog.js'
import type { ChunkLocation, PhysicalVolume } from './physicalVolume.js'
import type { VolumeFilters } from './volumeFilters.js'

export interface LookupPlaces {
  readonly catalog: Catalog
  readonly filters: VolumeFilters
  /** As they are now; asked again after `refresh`. */
  readonly volumes: () => readonly PhysicalVolume[]
  /** Takes up volumes that another process added; resolves with whether there were any. */
  readonly refresh: () => Promise<boolean>
}

/**
 * @param isThorough whether every volume is asked for what filters say is nowhere: for readers, who need what they ask for, so that
 *   nothing that is there is ever missing
 */
export async function lookupVisible(
  places: LookupPlaces,
  hashes: readonly Hash[],
  isThorough: boolean,
): Promise<ChunkLocation[]> {
  const { catalog, refresh } = places
  for (;;) {
    const epoch = gcEpoch(catalog)
    const found = await lookupOnce(places, hashes, isThorough)
    // What is not here may lie on a volume that another process added, or gc moved it while it was looked for.
    if (missing(hashes, found).length === 0) return found
    if (!(await refresh()) && gcEpoch(catalog) === epoch) return found
  }
}

/** Unchecked: a damaged counter must not keep anything from being read. */
function gcEpoch(catalog: Catalog): number | undefined {
  return catalog.get<{ value: number }>("SELECT value FROM counter WHERE name = 'gc_epoch'")?.value
}

function missing(hashes: readonly Hash[], found: readonly ChunkLocation[]): readonly Hash[] {
  const hits = new Set(found.map(({ hash }) => hash))
  return hashes.filter((hash) => !hits.has(hash))
}

async function lookupOnce(
  { catalog, filters, volumes }: LookupPlaces,
  hashes: readonly Hash[],
  isThorough: boolean,
): Promise<ChunkLocation[]> {
  const found: ChunkLocation[] = []
  const ask = async (volume: PhysicalVolume, wanted: readonly Hash[]): Promise<void> => {
    // Neighbours lie in few extents: each is asked for once.
    const visible = new Map<number, boolean>()
    for (const location of await volume.lookup(wanted)) {
      const known = visible.get(location.eid) ?? catalog.hasCopy(location.eid, location.pv)
      visible.set(location.eid, known)
      if (known) found.push(location)
    }
  }
  const shares = await filters.share(volumes(), hashes)
  for (const [volume, share] of shares) if (share.length > 0) await ask(volume, share)
  const lacking = isThorough ? missing(hashes, found) : []
  if (lacking.length === 0) return found
  for (const [volume, share] of shares) if (share.length < hashes.length) await ask(volume, lacking)
  return found
}
