/**
 * Commits of a group of which nobody knows what named them: no volume had a copy of the refs. The last of each line of history is
 * made a branch, for what nothing names is dropped by gc.
 */
import type { Clock } from '../base/clock.js'
import { isVarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { ChunkStore } from '../cas/chunkStore.js'
import type { Commit } from '../format/commit.js'
import { KIND } from '../format/kinds.js'
import { readCommit } from '../history/commitObject.js'
import { branchRef } from '../refs/refName.js'
import { Refs } from '../refs/refs.js'
import { EXTENT_CLASS } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

/** A branch that was made for the last commit of a line of history. */
export interface FoundCommit {
  /** Of the branch. */
  readonly name: string
  readonly target: Hash
}

/** In a store without refs. @returns branches, the newest commit first */
export async function nameFoundCommits(group: VolumeGroup, clock: Clock, who: string): Promise<FoundCommit[]> {
  const { originals: store } = await ChunkStore.open(group, clock)
  const commits = await commitsIn(store)
  const earlier = new Set([...commits.values()].flatMap(({ parents }) => parents))
  const found = [...commits]
    .filter(([id]) => !earlier.has(id))
    .sort(([, a], [, b]) => b.committer.timeMs - a.committer.timeMs)
    .map(([target], index) => ({ name: `found-${index + 1}`, target }))
  if (found.length === 0) return found
  const refs = new Refs(group.catalog, clock)
  const updates = found.map(({ name, target }) => ({ name: branchRef(name), expected: null, target }))
  const log = { operation: 'recover', message: 'no volume had a copy of the refs', who }
  group.catalog.write((tx) => refs.apply(tx, updates, log))
  return found
}

async function commitsIn(store: ChunkStore): Promise<Map<Hash, Commit>> {
  const { group } = store
  const eids: number[] = []
  group.catalog.eachExtent(({ record }) => {
    if (record.class === EXTENT_CLASS.object) eids.push(record.eid)
  })
  const commits = new Map<Hash, Commit>()
  for (const eid of eids) {
    for (const id of await commitIdsOf(store, eid)) {
      const commit = await unlessDamaged(readCommit(store, id))
      if (commit) commits.set(id, commit)
    }
  }
  return commits
}

async function commitIdsOf(store: ChunkStore, eid: number): Promise<Hash[]> {
  const extent = await unlessDamaged(store.decoded(eid))
  if (!extent) return []
  for (const pv of store.group.catalog.copies(eid)) {
    const rows = await store.group.requireVolume(pv).chunkRowsOf([eid])
    if (rows.length < extent.slots.length) continue
    return rows.filter(({ slot }) => extent.slots[slot]?.kind === KIND.commit).map(({ hash }) => hash)
  }
  return []
}

/** What is damaged, `verify` tells of. */
async function unlessDamaged<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (isVarveError(error, 'CORRUPT', 'CORRUPT_EXTENT', 'CORRUPT_CHUNK', 'CORRUPT_OBJECT', 'MISSING_CHUNK'))
      return undefined
    throw error
  }
}
