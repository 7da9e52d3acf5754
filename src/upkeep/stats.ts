/** What a store holds and what dedup, compression and bases saved. Counted from the catalog and the commits. */

import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import { walkCommits } from '../history/commits.js'
import { groupInfo, type PhysicalVolumeInfo } from '../volume/groupInfo.js'
import { EXTENT_CLASS } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

export interface StoreStats {
  readonly commits: number
  /** Sum over all commits that have their files of the bytes of all their files: what copies of every version would take. */
  readonly logicalBytes: number
  readonly logicalFiles: number
  /** Distinct chunks of file contents. */
  readonly chunks: number
  /** Their raw bytes. */
  readonly uniqueBytes: number
  /** Manifests, trees, attributes and commits. */
  readonly objects: number
  readonly objectBytes: number
  readonly extents: number
  /** Compressed frames of chunks and objects, one copy each. */
  readonly storedBytes: number
  /** Files on disk, all volumes. */
  readonly fileBytes: number
  readonly savedBy: {
    /** logical − unique */
    readonly dedupBytes: number
    /** raw bytes of chunks and objects − stored, where no base was used */
    readonly compressionBytes: number
    /** the same for extents that decode through bases */
    readonly basesBytes: number
  }
  readonly perVolume: readonly PhysicalVolumeInfo[]
}

export async function storeStats(
  group: VolumeGroup,
  reader: ObjectReader,
  roots: readonly Hash[],
  pruned: { has(id: Hash): boolean },
  signal?: AbortSignal,
): Promise<StoreStats> {
  let commits = 0
  let logicalBytes = 0
  let logicalFiles = 0
  for await (const { id, commit } of walkCommits(reader, roots)) {
    throwIfCancelled(signal)
    commits++
    if (pruned.has(id)) continue
    logicalBytes += commit.tree.size
    logicalFiles += commit.files
  }
  const count = { extents: 0, chunks: 0, uniqueBytes: 0, objects: 0, objectBytes: 0, storedBytes: 0 }
  const saved = { compressionBytes: 0, basesBytes: 0 }
  group.catalog.eachExtent(({ record }) => {
    throwIfCancelled(signal)
    count.extents++
    count.storedBytes += record.storedBytes
    if (record.class === EXTENT_CLASS.object) {
      count.objects += record.chunks
      count.objectBytes += record.rawBytes
    } else {
      count.chunks += record.chunks
      count.uniqueBytes += record.rawBytes
    }
    saved[record.bases.length === 0 ? 'compressionBytes' : 'basesBytes'] += record.rawBytes - record.storedBytes
  })
  const info = await groupInfo(group)
  return {
    commits,
    logicalBytes,
    logicalFiles,
    ...count,
    fileBytes: info.physicalVolumes.reduce((total, volume) => total + volume.fileBytes, 0),
    savedBy: { dedupBytes: Math.max(0, logicalBytes - count.uniqueBytes), ...saved },
    perVolume: info.physicalVolumes,
  }
}
