/**
 * Replacements: from now on, whoever asks for one object gets another.
 *
 * A row says which, by which, why, who and when. Rows may hang together (A by B, B by C); they never form a ring. The original may be
 * in the store or not. All rows are kept in memory, and read again once their sum in the catalog is another: so the answers
 * are those of the moment, whoever changed them, and cost next to nothing where there are none.
 */
import { HASH_BYTES, type Hash, hashFromBytes, hashToBytes } from '../base/hash.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'

export interface Replacement {
  /** What is asked for. */
  readonly id: Hash
  /** What is answered; itself replaced, maybe. */
  readonly by: Hash
  readonly reason: string
  readonly who: string
  readonly timeMs: number
}

interface ReplacementRow {
  id: Buffer
  by: Buffer
  reason: string
  who: string
  time_ms: number
  row_check: number
}

interface Known {
  readonly sum: number
  readonly rows: ReadonlyMap<Hash, Replacement>
  /** For each that is replaced, where its rows end. */
  readonly ends: ReadonlyMap<Hash, Hash>
}

export class Replacements {
  private last: Known | undefined

  constructor(private readonly catalog: Catalog) {}

  /** @throws {CorruptionError} `CORRUPT_CATALOG` */
  get(id: Hash): Replacement | undefined {
    return this.known().rows.get(id)
  }

  /** Sorted by id, read anew. @throws {CorruptionError} `CORRUPT_CATALOG` */
  list(): Replacement[] {
    if (!this.catalog.hasUpkeep) return []
    const rows = this.catalog.allOf('replacements_check', 'replacement', () =>
      this.catalog.all<ReplacementRow>('SELECT id, by, reason, who, time_ms, row_check FROM replacement ORDER BY id'),
    )
    return rows.map((row) => this.checked(row))
  }

  /** What is answered for it in the end; itself, if nothing takes its place. @throws {CorruptionError} `CORRUPT_CATALOG` */
  resolve(id: Hash): Hash {
    return this.ends.get(id) ?? id
  }

  /** For each that is replaced, what `resolve` says. @throws {CorruptionError} `CORRUPT_CATALOG` */
  get ends(): ReadonlyMap<Hash, Hash> {
    return this.known().ends
  }

  /** Unchanged as long as all answers are the same. */
  get stamp(): number {
    return this.known().sum
  }

  /** In an open transaction, of a catalog that was upgraded. What it was replaced by before is forgotten. */
  add(tx: CatalogTransaction, { id, by, reason, who, timeMs }: Replacement): void {
    this.remove(tx, id)
    const fields = [hashToBytes(id), hashToBytes(by), reason, who, timeMs] as const
    const check = rowCheck(...fields)
    tx.run(
      'INSERT INTO replacement (id, by, reason, who, time_ms, row_check) VALUES (?, ?, ?, ?, ?, ?)',
      ...fields,
      check,
    )
    tx.mix('replacements_check', check)
  }

  /** In an open transaction, of a catalog that was upgraded. @returns whether there was one */
  remove(tx: CatalogTransaction, id: Hash): boolean {
    const row = tx.get<{ row_check: number }>('SELECT row_check FROM replacement WHERE id = ?', hashToBytes(id))
    if (!row) return false
    tx.run('DELETE FROM replacement WHERE id = ?', hashToBytes(id))
    tx.mix('replacements_check', row.row_check)
    return true
  }

  private known(): Known {
    const sum = this.catalog.counter('replacements_check')
    if (this.last?.sum === sum) return this.last
    return this.catalog.snapshot((view) => {
      const rows = new Map(this.list().map((replacement) => [replacement.id, replacement]))
      this.last = { sum: view.counter('replacements_check'), rows, ends: this.endsOf(rows) }
      return this.last
    })
  }

  private endsOf(rows: ReadonlyMap<Hash, Replacement>): Map<Hash, Hash> {
    const ends = new Map<Hash, Hash>()
    for (const { id, by } of rows.values()) {
      let end = by
      // As many steps as there are rows lead out of them, or in a ring.
      for (let next = rows.get(end), steps = 1; next; next = rows.get(end), steps++) {
        if (steps > rows.size) throw this.catalog.damaged('replacement', id)
        end = next.by
      }
      ends.set(id, end)
    }
    return ends
  }

  private checked({ id, by, reason, who, time_ms: timeMs, row_check }: ReplacementRow): Replacement {
    const areIds = id.length === HASH_BYTES && by.length === HASH_BYTES
    if (!rowMatches(row_check, id, by, reason, who, timeMs) || !areIds) {
      throw this.catalog.damaged('replacement', id.toString('hex'))
    }
    return { id: hashFromBytes(id), by: hashFromBytes(by), reason, who, timeMs }
  }
}
