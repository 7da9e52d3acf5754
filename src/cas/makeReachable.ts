/**
 * Safety rule 4: every transaction that makes anything reachable goes through here.
 *
 * What the new root reaches is compared with the condemned chunks and revived in the same transaction, and the
 * transaction fails when something is gone. The walk happens before the transaction; gc's epoch, which grows with
 * every condemnation and deletion, tells inside the transaction whether the walk still holds. In a store where gc
 * never condemned anything the walk is skipped.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { ChunkStore } from './chunkStore.js'
import { condemnedIds, revive } from './condemned.js'

/** Every chunk and object below the new root. */
export type Reach = () => AsyncIterable<Hash>

const BATCH = 1000
const ATTEMPTS = 10

/**
 * @param reachAt what has to be walked when gc's epoch is this; `undefined` for nothing. Asked again whenever gc comes in
 *   between.
 * @param apply moves the refs; runs inside the transaction, and again in another if gc came in between.
 * @param write begins the transaction
 * @throws {VarveError} `MISSING_CHUNK` when something the root needs is gone.
 */
export async function makeReachable<T>(
  store: ChunkStore,
  reachAt: (epoch: number) => Reach | undefined,
  apply: (tx: CatalogTransaction) => T,
  write: <R>(body: (tx: CatalogTransaction) => R) => R = (body) => store.group.catalog.write(body),
): Promise<T> {
  const { catalog } = store.group
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const epoch = catalog.counter('gc_epoch')
    const reach = reachAt(epoch)
    const revived = reach ? await intersect(store, reach) : []
    const result = write((tx) => {
      if (tx.counter('gc_epoch') !== epoch) return undefined
      revive(tx, revived)
      return { value: apply(tx) }
    })
    if (result) return result.value
  }
  throw new VarveError('STORE_LOCKED', 'gc kept condemning while this root was made reachable', {
    hint: 'Run the command again when gc has ended.',
  })
}

async function intersect(store: ChunkStore, reach: Reach): Promise<Hash[]> {
  const condemned = condemnedIds(store.group.catalog)
  const hit: Hash[] = []
  let batch: Hash[] = []
  const check = async (): Promise<void> => {
    const found = await store.find(batch)
    for (const id of batch) {
      if (!found.has(id)) {
        throw new VarveError('MISSING_CHUNK', `${shortHash(id)}, which the new root needs, is gone`, { id })
      }
      if (condemned.has(id)) hit.push(id)
    }
    batch = []
  }
  for await (const id of reach()) {
    batch.push(id)
    if (batch.length === BATCH) await check()
  }
  await check()
  return hit
}
