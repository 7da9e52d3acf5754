/** Volumes that were put back from an older copy, opened to be brought up to date. */
import { VarveError } from '../base/errors.js'
import { locateVolume, requireIdentity } from './groupFiles.js'
import { SqliteVolume } from './sqliteVolume.js'
import type { VolumeGroup } from './volumeGroup.js'

/** @throws {VarveError} `PV_NOT_FOUND`, `PV_MISSING`, `PV_FOREIGN`, `CATALOG_STALE` when it knows more than the catalog */
export async function openStale(group: VolumeGroup, number: number): Promise<SqliteVolume> {
  const { layout, catalog } = group
  const volume = layout.physicalVolumes.find((each) => each.number === number)
  if (!volume) throw new VarveError('PV_NOT_FOUND', `there is no volume ${number} in the group`, { pv: String(number) })
  const path = locateVolume(catalog.path, volume, layout)
  if (path === undefined)
    throw new VarveError('PV_MISSING', `volume ${number} is missing: ${volume.path}`, {
      pv: volume.uuid,
      path: volume.path,
    })
  const member = SqliteVolume.open(path, group.options)
  try {
    const state = await member.state()
    requireIdentity(path, layout, volume, state)
    const isAhead = state.publishSequence > catalog.counter('publish_sequence')
    if (isAhead || state.highestEid >= catalog.counter('next_eid')) {
      throw new VarveError('CATALOG_STALE', `${catalog.path} is older than ${path}: it was put back from an old copy`, {
        path: catalog.path,
        pv: volume.uuid,
        hint: 'Put the newest copy of the catalog back.',
      })
    }
    return member
  } catch (error) {
    await member.close()
    throw error
  }
}
