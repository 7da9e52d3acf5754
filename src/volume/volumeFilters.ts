/**
 * Which volumes are asked for which hashes: in front of the chunk tables of many volumes stands an index of the hashes in them.
 *
 * It is kept in memory alone and comes of the chunk tables, of each volume once it was asked so much that reading its table has cost
 * no more. A volume counts the transactions that bring extents, and the catalog knows the last that made something visible
 * (F-STALE): an index that covers as many has all that is visible there. What it has too much, after extents went, costs a
 * question. One that is behind, because another process brought something, is dropped, and its volume asked as if there had been none.
 */
import { isVarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import type { Catalog } from './catalog.js'
import { HashIndex, prefixOf } from './hashIndex.js'
import type { HashPrefixes, NewExtent, PhysicalVolume, StagedExtents } from './physicalVolume.js'

/** Fewer are asked sooner than anything else is done. */
export const FILTERED_FROM = 5
/** A question costs as much as this many hashes, whatever is asked. */
const QUESTION_COST = 20
/** Rows of a chunk table that are indexed in the time that one hash is looked up in. */
const ROWS_PER_HASH = 16
/** Hashes asked before anything is indexed at all: an empty table takes as long as these. */
const FIRST_INDEXED_AT = 160

interface Filter {
  readonly volume: PhysicalVolume
  /** Transactions of the volume whose rows are all in the index; `undefined`: it is not indexed. */
  covers: number | undefined
  /** Hashes it was asked since. */
  asked: number
  /** It is indexed when it was asked that many. */
  indexedAt: number
}

interface Brought {
  readonly transactions: number
  readonly volumes: number
}

const NOTHING_BROUGHT: Brought = { transactions: 0, volumes: 0 }

export class VolumeFilters {
  readonly #hashes = new HashIndex<Filter>()
  readonly #filters = new Map<number, Filter>()
  #brought = NOTHING_BROUGHT

  constructor(private readonly catalog: Catalog) {}

  /** @returns for each volume what it has to be asked for: hashes that are not among these are on none that is visible */
  async share(
    volumes: readonly PhysicalVolume[],
    hashes: readonly Hash[],
  ): Promise<Map<PhysicalVolume, readonly Hash[]>> {
    const all = new Map<PhysicalVolume, readonly Hash[]>(volumes.map((volume) => [volume, hashes]))
    if (volumes.length < FILTERED_FROM) return all
    // Before any is asked, or indexed: what becomes visible after this is for the next lookup.
    if (!this.#dropOld()) return all
    const filters = volumes.flatMap((volume) => this.#filterOf(volume) ?? [])
    await this.#indexDue(filters, hashes.length)
    // Without waiting: another lookup may drop one of them.
    const indexed = new Map(
      filters.filter(({ covers }) => covers !== undefined).map((filter) => [filter, [] as Hash[]]),
    )
    if (indexed.size === 0) return all
    for (const hash of hashes) for (const filter of this.#hashes.ownersOf(hash)) indexed.get(filter)?.push(hash)
    for (const [{ volume }, some] of indexed) all.set(volume, some)
    return all
  }

  /** Extents of our own that a volume holds now: the index takes them up as they are published. */
  noting(pv: number, staged: StagedExtents, extents: readonly NewExtent[]): StagedExtents {
    const filter = this.#filters.get(pv)
    if (filter?.covers === undefined) return staged
    return {
      complete: () => {
        const transactions = staged.complete()
        // Others brought something in between, or all of it was indexed since.
        if (filter.covers !== transactions - 1) return transactions
        const prefixes = Uint32Array.from(
          extents.flatMap(({ hashes }) => hashes),
          prefixOf,
        )
        if (this.#hashes.add(filter, prefixes)) filter.covers = transactions
        return transactions
      },
    }
  }

  /** None for the catalog's own, which counts no transactions. */
  #filterOf(volume: PhysicalVolume): Filter | undefined {
    if (volume.number === 0) return undefined
    const known = this.#filters.get(volume.number)
    if (known?.volume === volume) return known
    if (known) this.#drop(known)
    const filter = { volume, covers: undefined, asked: 0, indexedAt: FIRST_INDEXED_AT }
    this.#filters.set(volume.number, filter)
    return filter
  }

  /** @returns false where it cannot be told which are old */
  #dropOld(): boolean {
    try {
      const brought = this.catalog.get<Brought>(
        'SELECT total(transactions) AS transactions, count(*) AS volumes FROM pv_state',
      ) as Brought
      if (brought.transactions === this.#brought.transactions && brought.volumes === this.#brought.volumes) return true
      for (const { pv, transactions } of this.catalog.all<{ pv: number; transactions: number }>(
        'SELECT pv, transactions FROM pv_state',
      )) {
        const filter = this.#filters.get(pv)
        if (filter?.covers !== undefined && filter.covers < transactions) this.#drop(filter)
      }
      this.#brought = brought
      return true
    } catch (error) {
      // What is damaged there must not keep anything from being read.
      if (isVarveError(error, 'CORRUPT')) return false
      throw error
    }
  }

  #drop(filter: Filter): void {
    this.#hashes.drop(filter)
    Object.assign(filter, { covers: undefined, asked: 0, indexedAt: FIRST_INDEXED_AT })
  }

  /** Counts a question to each that is not indexed, and indexes those that were asked enough. */
  async #indexDue(filters: readonly Filter[], hashes: number): Promise<void> {
    const read: [filter: Filter, found: HashPrefixes][] = []
    for (const filter of filters) {
      if (filter.covers !== undefined) continue
      filter.asked += QUESTION_COST + hashes
      if (filter.asked < filter.indexedAt) continue
      // If there are too many rows, not before it was asked twice as much.
      filter.indexedAt = 2 * filter.asked
      const found = await this.#read(filter)
      if (found) read.push([filter, found])
    }
    let coming = read.reduce((sum, [, { prefixes }]) => sum + prefixes.length, 0)
    for (const [filter, { prefixes, transactions }] of read) {
      const isInUse = this.#filters.get(filter.volume.number) === filter
      if (isInUse && this.#hashes.add(filter, prefixes, coming)) filter.covers = transactions
      coming -= prefixes.length
    }
    // More may have become visible meanwhile, and another lookup have seen that.
    if (read.length > 0) this.#brought = NOTHING_BROUGHT
  }

  async #read(filter: Filter): Promise<HashPrefixes | undefined> {
    try {
      return await filter.volume.hashPrefixes(ROWS_PER_HASH * filter.asked)
    } catch (error) {
      // Read as a whole, a damaged table gives nothing. It is asked, and says what is wrong where that matters.
      if (!isVarveError(error)) throw error
      filter.indexedAt = Number.POSITIVE_INFINITY
      return undefined
    }
  }
}
