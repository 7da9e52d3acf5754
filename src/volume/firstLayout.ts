/** The layout of a new group: one volume, in the catalog's own file, and one logical volume over all there will be. */
import { newUuid, type Randomness } from '../base/random.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import type { StoreProfile } from '../format/profile.js'
import { DEFAULT_LOGICAL_VOLUME } from './placement.js'

export function firstLayout(
  catalogPath: string,
  profile: StoreProfile,
  createdMs: number,
  random: Randomness,
): VolumeGroupLayout {
  return {
    vg: newUuid(random),
    name: 'store',
    sequence: 1,
    createdMs,
    profile,
    physicalVolumes: [
      { number: 0, uuid: newUuid(random), path: '', catalogPath, capacityBytes: null, allocatable: true, tags: [] },
    ],
    logicalVolumes: [
      {
        name: DEFAULT_LOGICAL_VOLUME,
        uuid: newUuid(random),
        type: 'linear',
        physicalVolumes: [],
        copies: 1,
        virtualBytes: null,
        tags: [],
      },
    ],
  }
}
