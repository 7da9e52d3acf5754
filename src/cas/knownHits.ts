/**
 * Known chunks of a writer's batch, with the extent that was seen to hold each: looked at again inside the publishing transaction, while
 * their bytes are still at hand (safety rule 3).
 */
import type { Hash } from '../base/hash.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import { condemnedAt, isAnyCondemned, revive } from './condemned.js'
import type { WriterUses } from './writerUses.js'

export class KnownHits {
  readonly #hits = new Map<Hash, number>()
  /** gc's, when the first was looked up: unchanged, all are where they were. */
  #epoch: number | undefined

  constructor(private readonly uses: WriterUses) {}

  /** Before the first lookup of a batch. @param epoch gc's */
  begin(epoch: () => number): void {
    this.#epoch ??= epoch()
  }

  add(id: Hash, eid: number): void {
    this.#hits.set(id, eid)
  }

  /** It is stored again. */
  delete(id: Hash): void {
    this.#hits.delete(id)
  }

  clear(): void {
    this.#hits.clear()
    this.#epoch = undefined
  }

  /** Inside the publishing transaction. Revives condemned ones. @returns those whose extent is gone, or serves no more */
  recheck(tx: CatalogTransaction): Hash[] {
    const isCondemned = (id: Hash): boolean => condemnedAt(tx, id) !== undefined
    if (isAnyCondemned(tx)) revive(tx, [...this.#hits.keys()].filter(isCondemned))
    const unserving = this.uses.use(new Set(this.#hits.values()))
    const epoch = tx.counter('gc_epoch')
    if (epoch === this.#epoch && unserving.length === 0) return []
    const gone = new Map(unserving.map((eid) => [eid, true]))
    const absent = [...this.#hits]
      .filter(([, eid]) => {
        const known = gone.get(eid) ?? tx.get('SELECT 1 FROM extent WHERE eid = ?', eid) === undefined
        gone.set(eid, known)
        return known
      })
      .map(([id]) => id)
    // What is left was there at this epoch, as this transaction saw it.
    this.#epoch = epoch
    return absent
  }
}
