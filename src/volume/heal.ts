/** Damaged copies of extents, mended from sound ones (safety rule 6). */
import { CorruptionError } from '../base/errors.js'
import type { Catalog } from './catalog.js'
import type { NewExtent, PhysicalVolume } from './physicalVolume.js'

/**
 * Puts a sound copy in the place of a damaged one, in one transaction of the volume: somebody else may have healed it meanwhile.
 * Killed before its end, the copy is still damaged, and is healed by the next who reads it.
 * @param extent As another copy has it, with the ids computed from its bytes.
 * @returns false when the catalog does not want the copy there any more.
 */
export async function healCopy(catalog: Catalog, volume: PhysicalVolume, extent: NewExtent): Promise<boolean> {
  const { eid, checksum } = extent
  const pv = volume.number
  const staged = await volume.stage([extent], catalog.counter('publish_sequence'), { replaces: true })
  const isWanted = catalog.write(() => {
    if (!catalog.extent(eid)?.checksum.equals(checksum) || !catalog.hasCopy(eid, pv)) return false
    const use = catalog.volumeUse(pv) ?? { pv, transactions: 0, storedBytes: 0 }
    catalog.writeVolumeUse({ ...use, transactions: Math.max(use.transactions, staged.complete()) })
    return true
  })
  // One that is visible may be brought there once more, and named, before it is dropped here: upkeep finds what nothing names.
  if (!isWanted && !catalog.isVisible(eid)) await volume.remove([eid])
  return isWanted
}

/** What is said of a copy that is not there, or is another extent. */
export function wrongCopy(eid: number, { location, uuid }: PhysicalVolume, isThere: boolean): CorruptionError {
  const what = isThere ? 'not the one the catalog names' : 'gone'
  return new CorruptionError('CORRUPT_EXTENT', `extent ${eid} in ${location} is ${what}`, {
    extent: eid,
    pv: uuid,
    path: location,
  })
}
