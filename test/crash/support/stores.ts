/** Stores for crash tests, and a look behind the public interface at what a killed process left in them. */
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.js'
import { systemRandomness } from '../../../src/base/random.js'
import { type CreateOptions, Repository } from '../../../src/index.js'
import { SqlDatabase } from '../../../src/volume/sqlite.js'
import { VolumeGroup } from '../../../src/volume/volumeGroup.js'
import { noise } from './chance.js'

/** The first file of a group; the others lie beside it. */
export const STORE_NAME = 'store.varve'

/** A new store in `folder`: one file, or striped over `pvs`. */
export async function createSpread(folder: string, pvs: number, options: CreateOptions = {}): Promise<Repository> {
  const repo = await Repository.create(join(folder, STORE_NAME), options)
  for (let number = 1; number < pvs; number++) await repo.extendVolumeGroup(join(folder, `pv${number}.varve`))
  if (pvs > 1) await repo.convertLogicalVolume('default', { type: 'striped' })
  return repo
}

/** A clock and chance that make the same store, byte for byte, from the same seed. */
export function repeatable(seed: string): Pick<CreateOptions, 'clock' | 'random'> {
  let timeMs = Date.UTC(2030, 0, 1)
  let draws = 0
  return {
    clock: { nowMs: () => (timeMs += 1000), zoneMinutes: () => 60 },
    random: { bytes: (count) => noise(`${seed}:${draws++}`, count) },
  }
}

export interface Leftovers {
  readonly leases: number
  /** Extents that a volume holds and the catalog does not place there. */
  readonly invisibleExtents: number
  /** Chunk rows of such extents, or of none at all. */
  readonly strayChunks: number
}

/** What is in the files and belongs to nobody. */
export async function leftoversOf(store: string): Promise<Leftovers> {
  const group = await VolumeGroup.open(store, {
    clock: systemClock,
    random: systemRandomness,
    lockTimeoutMs: 10_000,
    readOnly: true,
  })
  try {
    const leases = group.catalog.all('SELECT id FROM lease').length
    let invisibleExtents = 0
    let strayChunks = 0
    for (const volume of group.volumes) {
      const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
      const visible = new Set(held.filter((eid) => group.catalog.hasCopy(eid, volume.number)))
      invisibleExtents += held.length - visible.size
      const database = SqlDatabase.open(volume.location, { lockTimeoutMs: 10_000, readOnly: true })
      for (const { eid } of database.all<{ eid: number }>('SELECT eid FROM chunk')) if (!visible.has(eid)) strayChunks++
      database.close()
    }
    return { leases, invisibleExtents, strayChunks }
  } finally {
    await group.close()
  }
}
