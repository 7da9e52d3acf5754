/** Extents as the catalog names them, from whichever of their copies is sound. */
import { isVarveError, VarveError } from '../base/errors.js'
import type { Catalog } from './catalog.js'
import { wrongCopy } from './heal.js'
import type { PhysicalVolume, StoredExtent } from './physicalVolume.js'

/** Where copies are read from. */
export interface CopySource {
  readonly catalog: Catalog
  volume(number: number): PhysicalVolume | undefined
  /** Volumes that could not be opened, with the reason. */
  readonly absent: ReadonlyMap<number, VarveError>
  /** Takes up volumes that another process added or took away. */
  refresh(): Promise<boolean>
}

/**
 * @param onDamaged told of each volume whose copy was tried before and is not what it should be (heal.ts)
 * @returns `undefined` for one that is not visible
 * @throws {CorruptionError} `CORRUPT_EXTENT` when no copy is sound; `details.pv` names the volumes tried
 * @throws {VarveError} `PV_MISSING` when the only copies lie on absent volumes
 */
export async function readVisible(
  source: CopySource,
  eid: number,
  onDamaged?: (pv: number) => void,
): Promise<StoredExtent | undefined> {
  const { catalog } = source
  let copies = catalog.copies(eid)
  if (copies.some((pv) => !source.volume(pv))) {
    await source.refresh()
    copies = catalog.copies(eid)
  }
  const record = catalog.extent(eid)
  if (!record || copies.length === 0) return undefined
  const failures: unknown[] = []
  const damaged: number[] = []
  for (const pv of readingOrder(eid, copies)) {
    const volume = source.volume(pv)
    if (!volume) {
      const reason = source.absent.get(pv)
      failures.push(reason ?? new VarveError('PV_MISSING', `volume ${pv} is not open`, { pv: String(pv) }))
      continue
    }
    try {
      const extent = await volume.read(eid)
      if (extent?.checksum.equals(record.checksum)) {
        for (const number of damaged) onDamaged?.(number)
        return extent
      }
      damaged.push(pv)
      failures.push(wrongCopy(eid, volume, extent !== undefined))
    } catch (error) {
      if (!isVarveError(error)) throw error
      if (error.code === 'CORRUPT_EXTENT') damaged.push(pv)
      failures.push(error)
    }
  }
  // It may have been freed or moved between the two reads: then it is looked up again.
  if (!catalog.isVisible(eid)) return undefined
  if (catalog.copies(eid).some((pv) => !copies.includes(pv))) return readVisible(source, eid, onDamaged)
  throw failures[0]
}

/** Each extent begins with another of its volumes: what is read one after the other comes from all of them. */
export function readingOrder(eid: number, copies: readonly number[]): number[] {
  return copies.map((_, index) => copies[(index + eid) % copies.length] as number)
}
