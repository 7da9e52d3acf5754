/** Extents on their way to another volume. */
import { availableParallelism } from 'node:os'
import type { ChunkStore } from '../cas/chunkStore.js'
import { HashThread, idsOf } from '../codec/hashThread.js'
import type { NewExtent } from '../volume/physicalVolume.js'

/** An extent that was read and decoded, and is being hashed. */
export interface ComingExtent {
  /** With its ids. */
  readonly extent: Promise<NewExtent>
}

/** Reads them, while a thread of its own hashes those that were read before: whoever writes them holds this one up. */
export class SoundExtents {
  readonly #store: ChunkStore
  readonly #hashing: HashThread | undefined

  /** @param aheadBytes raw bytes that are read before their ids are asked for */
  constructor(store: ChunkStore, aheadBytes: number) {
    const { peSize } = store.profile
    this.#store = store
    if (availableParallelism() === 1) return
    this.#hashing = new HashThread(store.hasher, peSize, { memories: Math.ceil(aheadBytes / peSize) })
  }

  /**
   * An extent from whichever copy is sound, each chunk of which is hashed. It is read when this resolves. `undefined` for one that is
   * not visible.
   * @throws {CorruptionError} `CORRUPT_EXTENT` when no copy is, or one that it is compressed against is damaged
   */
  async begin(eid: number): Promise<ComingExtent | undefined> {
    const extent = await this.#store.group.readExtent(eid)
    if (!extent) return undefined
    const raw = await this.#store.decode(extent)
    const ids = this.#hashing?.ids(raw, extent.slots) ?? Promise.resolve(idsOf(this.#store.hasher, raw, extent.slots))
    return { extent: ids.then((hashes) => ({ ...extent, hashes })) }
  }

  /** To be called in any case. */
  async stop(): Promise<void> {
    await this.#hashing?.stop()
  }
}
