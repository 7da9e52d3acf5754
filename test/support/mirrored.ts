/** A store that keeps two copies of everything on three volumes, and ways to damage it behind its back. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type BetterSqlite3 from 'better-sqlite3'
import { expect } from 'vitest'
import type { CreateOptions, Repository } from '../../src/repository.js'
import { readingOrder } from '../../src/volume/readExtent.js'
import { createRepository } from './repositories.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as typeof BetterSqlite3

export async function createMirrored(
  options: CreateOptions = {},
): Promise<{ repo: Repository; folder: string; path: string }> {
  const made = await createRepository({ compression: 'none', chunkBytes: 1024, extentBytes: 65_536, ...options })
  const { repo, folder } = made
  for (let number = repo.parts.group.volumes.length; number < 3; number++) {
    await repo.extendVolumeGroup(join(folder, `mirror${number}.varve`))
  }
  await repo.parts.group.changeLayout((layout) => ({
    ...layout,
    logicalVolumes: layout.logicalVolumes.map((volume) => ({ ...volume, type: 'mirrored' as const, copies: 2 })),
  }))
  return made
}

/** Numbers of the extents that hold contents of files, ascending. */
export function dataExtents({ parts }: Repository): number[] {
  const eids: number[] = []
  parts.group.catalog.eachExtent(({ record }) => {
    if (record.class === 0) eids.push(record.eid)
  })
  return eids
}

/** Runs SQL, statements apart by `;`, on a file of a store. @param leastRows how many rows it must change */
export function change(file: string, sql: string, leastRows = 1): void {
  const database = new Database(file)
  const before = database.prepare('SELECT total_changes() AS n').get() as { n: number }
  database.exec(sql)
  const after = database.prepare('SELECT total_changes() AS n').get() as { n: number }
  database.close()
  expect(after.n - before.n, sql).toBeGreaterThanOrEqual(leastRows)
}

/** The file and UUID of a copy of an extent. @param which 0 or 1, of two: the one that is read first, and the other */
export function copyOf({ parts }: Repository, eid: number, which = 0): { file: string; uuid: string } {
  const volume = parts.group.volume(readingOrder(eid, parts.group.catalog.copies(eid))[which] ?? -1)
  if (!volume) throw new Error(`extent ${eid} has no copy ${which}`)
  return { file: volume.location, uuid: volume.uuid }
}

export const flip = (eid: number): string => `UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ${eid}`
