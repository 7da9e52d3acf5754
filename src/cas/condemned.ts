/**
 * Chunks and objects that gc found unreachable: kept for the grace period, given up to nobody, and revived by whatever makes
 * them reachable again (safety rules 3 and 4).
 *
 * A row names the chunk by its number too. What is stored anew under the same id has another number, and is not condemned by
 * a row that was forgotten.
 */
import { type Hash, hashFromBytes, hashToBytes } from '../base/hash.js'
import type { CatalogTransaction } from '../volume/catalog.js'

export interface Condemned {
  readonly chunkId: number
  /** gc's epoch from this condemnation on. */
  readonly epoch: number
  /** By the store's own time (upkeep/storeClock.ts). */
  readonly storeMs: number
}

export interface CondemnedChunk {
  readonly id: Hash
  readonly chunkId: number
}

interface CondemnedRow {
  hash: Buffer
  chunk_id: number
  gc_epoch: number
  condemned_ms: number
}

/** In an open transaction. What is condemned already stays as it is. @returns gc's epoch from now on */
export function condemn(tx: CatalogTransaction, chunks: readonly CondemnedChunk[], storeMs: number): number {
  const epoch = tx.advance('gc_epoch', 1) + 1
  for (const { id, chunkId } of chunks) {
    tx.run(
      'INSERT INTO condemned (hash, chunk_id, gc_epoch, condemned_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      hashToBytes(id),
      chunkId,
      epoch,
      storeMs,
    )
  }
  return epoch
}

export function revive(tx: CatalogTransaction, ids: Iterable<Hash>): void {
  for (const id of ids) tx.run('DELETE FROM condemned WHERE hash = ?', hashToBytes(id))
}

/** For whoever drops at once all that is not reachable. */
export function forgetCondemned(tx: CatalogTransaction): void {
  tx.run('DELETE FROM condemned')
}

export function condemnedAt(tx: CatalogTransaction, id: Hash): Condemned | undefined {
  const row = tx.get<CondemnedRow>('SELECT * FROM condemned WHERE hash = ?', hashToBytes(id))
  return row && stateOf(row)
}

/** Those of a range of ids, both ends included. */
export function condemnedBetween(tx: CatalogTransaction, first: Hash, last: Hash): Map<Hash, Condemned> {
  const rows = tx.all<CondemnedRow>(
    'SELECT * FROM condemned WHERE hash BETWEEN ? AND ?',
    hashToBytes(first),
    hashToBytes(last),
  )
  return new Map(rows.map((row) => [hashFromBytes(row.hash), stateOf(row)]))
}

export function isAnyCondemned(tx: CatalogTransaction): boolean {
  return tx.get('SELECT 1 FROM condemned LIMIT 1') !== undefined
}

export function condemnedIds(tx: CatalogTransaction): Set<Hash> {
  return new Set(tx.all<{ hash: Buffer }>('SELECT hash FROM condemned').map((row) => hashFromBytes(row.hash)))
}

function stateOf({ chunk_id: chunkId, gc_epoch: epoch, condemned_ms: storeMs }: CondemnedRow): Condemned {
  return { chunkId, epoch, storeMs }
}
