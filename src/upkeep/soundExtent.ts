/** Extents on their way to another volume. */
import type { ChunkStore } from '../cas/chunkStore.js'
import type { NewExtent } from '../volume/physicalVolume.js'

/**
 * An extent from whichever copy is sound, each chunk of which was hashed. `undefined` for one that is not visible.
 * @throws {CorruptionError} `CORRUPT_EXTENT` when no copy is, or one that it is compressed against is damaged
 */
export async function soundExtent(store: ChunkStore, eid: number): Promise<NewExtent | undefined> {
  const extent = await store.group.readExtent(eid)
  if (!extent) return undefined
  const raw = await store.decode(extent)
  let offset = 0
  const hashes = extent.slots.map(({ kind, length }) => {
    offset += length
    return store.hasher.id(kind, raw.subarray(offset - length, offset))
  })
  return { ...extent, hashes }
}
