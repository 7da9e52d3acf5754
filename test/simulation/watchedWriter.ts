/**
 * Writers of the simulation: what they are given is told to the expectations, large ones look up and publish after a few items
 * where others do after megabytes, and the one transaction of a small one may come anywhere in what others do.
 */

import type { ChosenBases } from '../../src/cas/basedCompression.js'
import type { ChunkStore } from '../../src/cas/chunkStore.js'
import type { BaseCandidates, Item } from '../../src/cas/objects.js'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { type Checksum, theChecksum } from '../../src/codec/checksum.js'
import type { Kind } from '../../src/format/kinds.js'
import type { CatalogTransaction } from '../../src/volume/catalog.js'
import type { Actor, World } from './world.js'

/** What is not for others to call. */
interface Inside {
  readonly store: ChunkStore
  fitsInline(): boolean
  readonly pending: readonly Item[]
  readonly compressor: { choose(items: readonly Item[]): Promise<ChosenBases> }
  resolvePending(): Promise<void>
  publishBatch(move: undefined): Promise<void>
  publishInline<T>(apply: (tx: CatalogTransaction) => T, checksum: Checksum, chosen: ChosenBases): { value: T }
}

type Put = StoreWriter['put']

/** Part of the items after which a large writer looks up, and of these after which it publishes. */
const LOOKS_UP = 0.4
const PUBLISHES = 0.3

/** @returns what takes the watch off again */
export function watchWriters(worldOf: (store: ChunkStore) => { world: World; actor: Actor } | undefined): () => void {
  const prototype = StoreWriter.prototype as StoreWriter & Record<'put' | 'publishInline', unknown>
  const { put } = StoreWriter.prototype
  const inside = prototype as unknown as Inside
  const { publishInline } = inside

  prototype.put = async function (this: StoreWriter, kind: Kind, bytes: Uint8Array, bases?: BaseCandidates) {
    const id = await (put as Put).call(this, kind, bytes, bases)
    const writer = this as unknown as Inside
    const found = worldOf(writer.store)
    if (!found) return id
    const { world, actor } = found
    world.expectations.saw(kind, id, bytes)
    if (actor.isLarge && world.chance.next() < LOOKS_UP) {
      await writer.resolvePending()
      if (world.chance.next() < PUBLISHES) await writer.publishBatch(undefined)
    }
    return id
  } satisfies Put
  const { publish } = StoreWriter.prototype
  prototype.publish = async function <T>(this: StoreWriter, move: Parameters<typeof publish<T>>[0]): Promise<T> {
    const writer = this as unknown as Inside
    const found = worldOf(writer.store)
    if (found && writer.fitsInline()) {
      const { world, actor } = found
      let outcome: (() => { value: unknown }) | undefined
      let isBegun = false
      const checksum = await theChecksum()
      // Chosen once, and used after the wait: others may have taken them away by then.
      const chosen = await writer.compressor.choose(writer.pending)
      writer.compressor.choose = async () => chosen
      const early = (): void => {
        // Others may come in between here as well.
        if (isBegun) return
        isBegun = true
        outcome = outcomeOf(() => publishInline.call(writer, move.apply, checksum, chosen))
      }
      // Not where it would go another way by then.
      await world.wait(actor, 'one transaction', move.adopted ? undefined : early)
      if (actor.isDead) return new Promise(() => undefined)
      if (outcome) writer.publishInline = outcome as unknown as Inside['publishInline']
    }
    return (publish as typeof publish<T>).call(this, move)
  } as typeof publish
  return () => {
    prototype.put = put
    prototype.publish = publish
  }
}

/** What it gave or threw, to be given or thrown later. */
function outcomeOf<T>(body: () => T): () => T {
  try {
    const value = body()
    return () => value
  } catch (error) {
    return () => {
      throw error
    }
  }
}
