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
  /** Sum over all commits of the bytes of all their files: what copies of every version would take. */
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

interface ClassRow {
  class: number
  has_bases: number
  extents: number
  chunks: number
  raw: number
  stored: number
}

export async function storeStats(
  group: VolumeGroup,
  reader: ObjectReader,
  roots: readonly Hash[],
  signal?: AbortSignal,
): Promise<StoreStats> {
  let commits = 0
  let logicalBytes = 0
  let logicalFiles = 0
  for await (const { commit } of walkCommits(reader, roots)) {
    throwIfCancelled(signal)
    commits++
    logicalBytes += commit.tree.size
    logicalFiles += commit.files
  }
  const rows = group.catalog.all<ClassRow>(
    `SELECT class, bases IS NOT NULL AS has_bases, count(*) AS extents, sum(chunks) AS chunks, sum(raw_bytes) AS raw,
       sum(stored_bytes) AS stored FROM extent GROUP BY class, has_bases`,
  )
  const sum = (wanted: (row: ClassRow) => boolean, field: 'chunks' | 'raw' | 'stored' | 'extents'): number =>
    rows.filter(wanted).reduce((total, row) => total + row[field], 0)
  const isObject = (row: ClassRow): boolean => row.class === EXTENT_CLASS.object
  const plain = (row: ClassRow): boolean => row.has_bases === 0
  const info = await groupInfo(group)
  const uniqueBytes = sum((row) => !isObject(row), 'raw')
  return {
    commits,
    logicalBytes,
    logicalFiles,
    chunks: sum((row) => !isObject(row), 'chunks'),
    uniqueBytes,
    objects: sum(isObject, 'chunks'),
    objectBytes: sum(isObject, 'raw'),
    extents: sum(() => true, 'extents'),
    storedBytes: sum(() => true, 'stored'),
    fileBytes: info.physicalVolumes.reduce((total, volume) => total + volume.fileBytes, 0),
    savedBy: {
      dedupBytes: Math.max(0, logicalBytes - uniqueBytes),
      compressionBytes: sum(plain, 'raw') - sum(plain, 'stored'),
      basesBytes: sum((row) => !plain(row), 'raw') - sum((row) => !plain(row), 'stored'),
    },
    perVolume: info.physicalVolumes,
  }
}
