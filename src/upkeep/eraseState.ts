/**
 * What an erasure has to remember until it is finished: in the table `upkeep`, from the transaction that moves the refs on.
 *
 * It is no log that is played back: what is to be destroyed is found again as what nothing reaches. Remembered is that there is
 * something to do, and what the report will say. Long lists are kept in parts; what is in one twice counts once.
 */
import { VarveError } from '../base/errors.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { UpkeepState } from '../volume/upkeepState.js'

const NAME = 'erasure'
const PART_ITEMS = 5000

export interface ErasureNote {
  readonly startedMs: number
  readonly who: string
  readonly reason: string
  readonly globs: readonly string[]
  readonly signaturesDropped: number
  readonly refs: readonly ErasedRef[]
}

/** A branch, tag or folder that was moved. */
export interface ErasedRef {
  readonly kind: 'branch' | 'tag' | 'folder'
  readonly name: string
  readonly old: string
  readonly new: string
}

/**
 * `map`: old and new commit, one text. `paths`: path and versions. `chunks`, `objects`: ids that go. `survivors`: chunks and
 * objects of what was erased that something else needs as well.
 */
export type ErasureList = 'map' | 'paths' | 'chunks' | 'objects' | 'survivors'

export class ErasureState {
  readonly #state: UpkeepState

  constructor(private readonly catalog: Catalog) {
    this.#state = new UpkeepState(catalog)
  }

  /** `undefined`: none is unfinished. @throws {CorruptionError} `CORRUPT_CATALOG` */
  read(): ErasureNote | undefined {
    return this.#state.read(NAME) as ErasureNote | undefined
  }

  /** In an open transaction, of a catalog that was upgraded. */
  write(tx: CatalogTransaction, note: ErasureNote): void {
    this.#state.write(tx, NAME, note)
  }

  /** In an open transaction. */
  append(tx: CatalogTransaction, list: ErasureList, items: readonly string[]): void {
    let part = this.#parts(list).length
    for (let from = 0; from < items.length; from += PART_ITEMS) {
      this.#state.write(tx, `${NAME} ${list} ${part++}`, items.slice(from, from + PART_ITEMS))
    }
  }

  /** Each once. @throws {CorruptionError} `CORRUPT_CATALOG` */
  list(list: ErasureList): string[] {
    const items = new Set<string>()
    for (const name of this.#parts(list)) for (const item of this.#state.read(name) as string[]) items.add(item)
    return [...items]
  }

  /** The old commits of an erasure that is not finished: some of what they need may be gone. */
  commits(): ReadonlySet<string> {
    return new Set(this.read() ? this.list('map').map((line) => line.slice(0, line.indexOf(' '))) : [])
  }

  /** In an open transaction. */
  clear(tx: CatalogTransaction): void {
    tx.run('DELETE FROM upkeep WHERE name = ? OR name LIKE ?', NAME, `${NAME} %`)
  }

  /** @throws {VarveError} `STORE_LOCKED` */
  requireNone(): void {
    const note = this.read()
    if (!note) return
    const when = new Date(note.startedMs).toISOString().slice(0, 10)
    throw new VarveError('STORE_LOCKED', `an erasure of ${when} was interrupted, and comes first`, {
      path: this.catalog.path,
      hint: 'Run `varve erase --finish`.',
    })
  }

  #parts(list: ErasureList): string[] {
    if (!this.catalog.hasUpkeep) return []
    return this.catalog
      .all<{ name: string }>('SELECT name FROM upkeep WHERE name LIKE ?', `${NAME} ${list} %`)
      .map(({ name }) => name)
  }
}
