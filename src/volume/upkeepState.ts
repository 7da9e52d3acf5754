/**
 * What upkeep has to remember of a store between its runs: small values by name, in a table of the catalog. A value that is
 * damaged is an error that says so; what is lost is begun anew.
 */
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from './catalog.js'

interface StateRow {
  value: string
  row_check: number
}

export class UpkeepState {
  constructor(private readonly catalog: Catalog) {}

  /**
   * @returns what was written last under that name, as it came out of JSON; `undefined` for nothing
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   */
  read(name: string): unknown {
    if (!this.catalog.hasUpkeep) return undefined
    const row = this.catalog.get<StateRow>('SELECT value, row_check FROM upkeep WHERE name = ?', name)
    if (!row) return undefined
    if (!rowMatches(row.row_check, name, row.value)) throw this.catalog.damaged('upkeep', name)
    return JSON.parse(row.value)
  }

  /** In an open transaction, of a catalog that was upgraded. */
  write(tx: CatalogTransaction, name: string, value: unknown): void {
    const text = JSON.stringify(value)
    tx.run('INSERT OR REPLACE INTO upkeep (name, value, row_check) VALUES (?, ?, ?)', name, text, rowCheck(name, text))
  }
}
