/**
 * The catalog: what is visible, where it lies, and what points at it. One SQLite file of the group.
 *
 * Everything that makes data visible or reachable is one `write` transaction here. Rows that matter carry a check
 * over their fields, so a flipped bit is an error that names the row, never a wrong answer.
 */
import { CorruptionError } from '../base/errors.js'
import { rowCheck, rowMatches } from '../format/check.js'
import { decodeBases, type ExtentBase, encodeBases } from '../format/slots.js'
import { addBaseRows, dependantsOf, removeBaseRows, requireBaseRows } from './baseRows.js'
import { requireTotals } from './catalogTotals.js'
import { addUses, removeUses, requireUses, USED_BY_DEFAULT } from './extentUses.js'
import type { ExtentClass } from './physicalVolume.js'
import { BASES_FORMAT, CATALOG_FORMAT, NEWER_SCHEMAS, UPKEEP_FORMAT, USES_FORMAT } from './schema.js'
import type { Durability, SqlDatabase, SqlValue } from './sqlite.js'

/** What refs and leases use inside a transaction. The body that holds it must be synchronous. */
export interface CatalogTransaction {
  run(sql: string, ...parameters: SqlValue[]): { changes: number }
  get<T>(sql: string, ...parameters: SqlValue[]): T | undefined
  all<T>(sql: string, ...parameters: SqlValue[]): T[]
  counter(name: CounterName): number
  /** Adds to a counter. @returns the value before. */
  advance(name: CounterName, by: number): number
  /**
   * Keeps the sum of a table's row checks, by which rows that vanished are noticed: called with the check of each row that
   * comes or goes.
   */
  mix(name: SumName, rowCheck: number): void
}

/** Exclusive or of the row checks of all rows of a table. */
export type SumName = 'refs_check' | 'properties_check' | 'worktrees_check' | 'replacements_check'

export type CounterName =
  | SumName
  | 'next_eid'
  | 'next_chunk_id'
  | 'next_lease'
  | 'refs_sequence'
  | 'publish_sequence'
  /** Grows with every condemnation and every deletion: unchanged means nothing went away. */
  | 'gc_epoch'

const COUNTER_NAMES: readonly CounterName[] = [
  'refs_check',
  'properties_check',
  'worktrees_check',
  'next_eid',
  'next_chunk_id',
  'next_lease',
  'refs_sequence',
  'publish_sequence',
  'gc_epoch',
]
/** Came after stores were made without it: there it is 0 until the first row comes. */
const LATE_COUNTER: CounterName = 'replacements_check'

/** A visible extent, as the catalog knows it. */
export interface ExtentRecord {
  readonly eid: number
  readonly class: ExtentClass
  readonly rawBytes: number
  readonly storedBytes: number
  readonly chunks: number
  readonly checksum: Buffer
  readonly bases: readonly ExtentBase[]
}

interface ExtentRow {
  eid: number
  class: number
  raw_bytes: number
  stored_bytes: number
  chunks: number
  checksum: Buffer
  bases: Buffer | null
  row_check: number
}

interface CopyRow {
  eid: number
  pv: number
  row_check: number
}

export interface VolumeUse {
  readonly pv: number
  /** The volume's transaction count when the catalog last relied on it. */
  readonly transactions: number
  /** Frames of visible extents. */
  readonly storedBytes: number
}

interface VolumeUseRow {
  transactions: number
  stored_bytes: number
  row_check: number
}

export interface PlacedRecord {
  readonly record: ExtentRecord
  /** Volumes that hold a copy. */
  readonly pvs: readonly number[]
}

const PAGE_ROWS = 1000
const EXTENT_COLUMNS = 'eid, class, raw_bytes, stored_bytes, chunks, checksum, bases, row_check'

interface CounterRow {
  readonly value: number
  readonly row_check: number
}

/** Counters as an open write transaction has them. */
interface OpenCounters {
  readonly values: Map<CounterName, number>
  readonly changed: Set<CounterName>
}

export class Catalog implements CatalogTransaction {
  private open: OpenCounters | undefined
  /** It could not be upgraded, and is not tried again as long as this is open. */
  private isShared = false
  private seenFormat = 0
  /** Whether anything that matters was written since it was opened. */
  hasWritten = false
  /** As they were read last, and found to match their checks. */
  private readonly checkedCounters = new Map<CounterName, CounterRow>()

  constructor(private readonly database: SqlDatabase) {}

  get path(): string {
    return this.database.path
  }

  initialise(): void {
    for (const name of COUNTER_NAMES) {
      // Numbers begin at 1, so that 0 can mean none.
      const value = name.startsWith('next_') ? 1 : 0
      this.database.run(
        'INSERT INTO counter (name, value, row_check) VALUES (?, ?, ?)',
        name,
        value,
        rowCheck(name, value),
      )
    }
    this.writeVolumeUse({ pv: 0, transactions: 0, storedBytes: 0 })
  }

  run(sql: string, ...parameters: SqlValue[]): { changes: number } {
    return this.database.run(sql, ...parameters)
  }

  get<T>(sql: string, ...parameters: SqlValue[]): T | undefined {
    return this.database.get<T>(sql, ...parameters)
  }

  all<T>(sql: string, ...parameters: SqlValue[]): T[] {
    return this.database.all<T>(sql, ...parameters)
  }

  /** One durable write transaction (BEGIN IMMEDIATE). `body` is synchronous; a throw rolls everything back. */
  write<T>(body: (tx: CatalogTransaction) => T, durability: Durability = 'full'): T {
    this.hasWritten ||= durability !== 'offhand'
    return this.database.write(() => {
      if (this.open) return body(this)
      // Some are asked for and moved on several times: read once, and written once, at the end.
      const open: OpenCounters = { values: new Map(), changed: new Set() }
      this.open = open
      try {
        const result = body(this)
        for (const name of open.changed) this.writeCounter(name, open.values.get(name) ?? 0)
        return result
      } finally {
        this.open = undefined
      }
    }, durability)
  }

  /** Brings to the disk what was written `ordered`. */
  sync(): void {
    this.database.sync()
  }

  /**
   * One unchanging view over several reads. `body` is synchronous. Whoever compares rows with a count or a sum reads both
   * in here: else what another process writes in between looks like damage.
   */
  snapshot<T>(body: (tx: CatalogTransaction) => T): T {
    return this.database.snapshot(() => body(this))
  }

  counter(name: CounterName): number {
    const known = this.open?.values.get(name)
    if (known !== undefined) return known
    const value = this.readCounter(name)
    this.open?.values.set(name, value)
    return value
  }

  private readCounter(name: CounterName): number {
    const row = this.get<CounterRow>('SELECT value, row_check FROM counter WHERE name = ?', name)
    if (!row && name === LATE_COUNTER) return 0
    // The same row was compared with its check before: some are read with every object.
    const known = this.checkedCounters.get(name)
    if (row && known?.value === row.value && known.row_check === row.row_check) return row.value
    if (!row || !rowMatches(row.row_check, name, row.value)) throw this.damaged('counter', name)
    this.checkedCounters.set(name, row)
    return row.value
  }

  advance(name: CounterName, by: number): number {
    const before = this.counter(name)
    if (this.open) {
      this.open.values.set(name, before + by)
      this.open.changed.add(name)
    } else {
      this.writeCounter(name, before + by)
    }
    return before
  }

  private writeCounter(name: CounterName, value: number): void {
    this.run(
      'INSERT OR REPLACE INTO counter (name, value, row_check) VALUES (?, ?, ?)',
      name,
      value,
      rowCheck(name, value),
    )
  }

  mix(name: SumName, check: number): void {
    const before = this.counter(name)
    // Unsigned, as the checks are.
    this.advance(name, ((before ^ check) >>> 0) - before)
  }

  /**
   * All rows of a table that has a sum. @param read gives them
   * @throws {CorruptionError} `CORRUPT_CATALOG` unless these are all there should be
   */
  allOf<T extends { row_check: number }>(name: SumName, table: string, read: () => T[]): T[] {
    return this.snapshot(() => {
      const rows = read()
      const sum = rows.reduce((mixed, { row_check }) => (mixed ^ row_check) >>> 0, 0)
      if (sum !== this.counter(name)) throw this.damaged(table, 'that is missing')
      return rows
    })
  }

  extent(eid: number): ExtentRecord | undefined {
    const row = this.get<ExtentRow>(`SELECT ${EXTENT_COLUMNS} FROM extent WHERE eid = ?`, eid)
    return row && this.checkedExtent(row)
  }

  isVisible(eid: number): boolean {
    return this.get('SELECT 1 FROM extent WHERE eid = ?', eid) !== undefined
  }

  /** Volumes that hold a copy, ascending. @throws {CorruptionError} `CORRUPT_CATALOG` */
  copies(eid: number): number[] {
    return this.all<CopyRow>('SELECT eid, pv, row_check FROM copy WHERE eid = ? ORDER BY pv', eid).map((row) => {
      if (!rowMatches(row.row_check, row.eid, row.pv)) throw this.damaged('copy', `${row.eid}, ${row.pv}`)
      return row.pv
    })
  }

  hasCopy(eid: number, pv: number): boolean {
    return this.get('SELECT 1 FROM copy WHERE eid = ? AND pv = ?', eid, pv) !== undefined
  }

  /**
   * Visits visible extents with the volumes that hold them, as they are at one moment; ascending, read in pages so that
   * memory stays bounded. @param visit synchronous
   * @throws {CorruptionError} `CORRUPT_CATALOG` for a row that does not match its check, or an extent without a copy
   */
  eachExtent(visit: (placed: PlacedRecord) => void): void {
    this.snapshot(() => this.visitExtents(visit))
  }

  private visitExtents(visit: (placed: PlacedRecord) => void): void {
    let last = 0
    let copies = 0
    for (;;) {
      const rows = this.all<ExtentRow>(
        `SELECT ${EXTENT_COLUMNS} FROM extent WHERE eid > ? ORDER BY eid LIMIT ${PAGE_ROWS}`,
        last,
      )
      for (const row of rows) {
        const record = this.checkedExtent(row)
        // Rows out of order are damage too, and would be read for ever.
        if (record.eid <= last) throw this.damaged('extent', String(record.eid))
        last = record.eid
        const pvs = this.copies(record.eid)
        if (pvs.length === 0) throw this.damaged('copy', String(record.eid))
        copies += pvs.length
        visit({ record, pvs })
      }
      if (rows.length < PAGE_ROWS) break
    }
    // Rows that a damaged page lost are missed by counting the other table.
    if (this.get<{ n: number }>('SELECT count(*) AS n FROM copy')?.n !== copies)
      throw this.damaged('extent', 'that is missing')
  }

  /** @param usedBy numbers of logical volumes, where there are several */
  addExtent(record: ExtentRecord, pvs: readonly number[], usedBy = USED_BY_DEFAULT): void {
    const bases = record.bases.length > 0 ? encodeBases(record.bases) : null
    this.run(
      `INSERT INTO extent (${EXTENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      record.eid,
      record.class,
      record.rawBytes,
      record.storedBytes,
      record.chunks,
      record.checksum,
      bases,
      extentCheck(record, bases),
    )
    for (const pv of pvs) {
      this.run('INSERT INTO copy (eid, pv, row_check) VALUES (?, ?, ?)', record.eid, pv, rowCheck(record.eid, pv))
    }
    addBaseRows(this, record)
    addUses(this, record.eid, usedBy)
  }

  /** @param storedBytes of the extent */
  addCopy(eid: number, pv: number, storedBytes: number): void {
    this.run('INSERT INTO copy (eid, pv, row_check) VALUES (?, ?, ?)', eid, pv, rowCheck(eid, pv))
    this.countStored(pv, storedBytes)
  }

  /** @param storedBytes of the extent */
  dropCopy(eid: number, pv: number, storedBytes: number): void {
    this.run('DELETE FROM copy WHERE eid = ? AND pv = ?', eid, pv)
    this.countStored(pv, 0 - storedBytes)
  }

  private countStored(pv: number, change: number): void {
    const use = this.volumeUse(pv) ?? { pv, transactions: 0, storedBytes: 0 }
    this.writeVolumeUse({ ...use, storedBytes: use.storedBytes + change })
  }

  /**
   * Its row and those of its copies. What decodes through it goes first.
   * @returns the volumes that held a copy; none when it was not there
   * @throws {CorruptionError} `CORRUPT_CATALOG` when something visible decodes through it: nothing may be changed then
   */
  removeExtent(eid: number): number[] {
    const record = this.extent(eid)
    if (!record) return []
    removeBaseRows(this, record)
    removeUses(this, record)
    if (this.format >= USES_FORMAT) this.run('DELETE FROM heat WHERE eid = ?', eid)
    const pvs = this.copies(eid)
    this.run('DELETE FROM extent WHERE eid = ?', eid)
    this.run('DELETE FROM copy WHERE eid = ?', eid)
    for (const pv of pvs) {
      const use = this.volumeUse(pv)
      if (use) this.writeVolumeUse({ ...use, storedBytes: use.storedBytes - record.storedBytes })
    }
    return pvs
  }

  /** Brings a catalog of the first format to the one that has tables for upkeep, once something needs them. */
  upgrade(): void {
    if (this.hasUpkeep) return
    this.database.upgrade(UPKEEP_FORMAT, NEWER_SCHEMAS)
  }

  /**
   * Whether extents may have bases from now on. A catalog of an older format is upgraded for that, unless somebody else has it open: an
   * older program looks at the format only when it opens, and would move bases away from what hangs on them.
   */
  takesBases(): boolean {
    if (this.hasBases) return true
    this.isShared ||= !this.database.upgradeAlone(BASES_FORMAT, NEWER_SCHEMAS)
    return !this.isShared
  }

  /** @throws {VarveError} `STORE_LOCKED` where it is of an older format, and somebody else has it open */
  requireAtLeast(format: number): void {
    if (this.format >= format) return
    // Who had it open may be gone by then.
    while (!this.database.upgradeAlone(format, NEWER_SCHEMAS)) this.requireAlone()
  }

  /** @throws {VarveError} `STORE_LOCKED` while anybody else has it open, to read or to write */
  requireAlone(): void {
    // Only who is alone can change the kind of journal.
    this.database.seal()
    this.database.setJournal('wal')
  }

  get format(): number {
    // It only grows, and is asked for with each extent.
    if (this.seenFormat < CATALOG_FORMAT) this.seenFormat = this.database.userVersion
    return this.seenFormat
  }

  /** Whether it has the tables of format 2. */
  get hasUpkeep(): boolean {
    return this.format >= UPKEEP_FORMAT
  }

  /** Whether extents may have bases: it has the table of format 3. */
  get hasBases(): boolean {
    return this.format >= BASES_FORMAT
  }

  /** Visible extents that decode through this one, ascending. */
  dependants(eid: number): number[] {
    return dependantsOf(this, eid)
  }

  private checkedExtent(row: ExtentRow): ExtentRecord {
    const { eid, raw_bytes, stored_bytes, chunks, checksum, bases } = row
    if (!rowMatches(row.row_check, eid, row.class, raw_bytes, stored_bytes, chunks, checksum, bases)) {
      throw this.damaged('extent', String(eid))
    }
    return {
      eid: row.eid,
      class: row.class as ExtentClass,
      rawBytes: row.raw_bytes,
      storedBytes: row.stored_bytes,
      chunks: row.chunks,
      checksum: row.checksum,
      bases: row.bases ? decodeBases(row.bases) : [],
    }
  }

  /** What the catalog knows of a volume; `undefined` for one that never was. @throws {CorruptionError} */
  volumeUse(pv: number): VolumeUse | undefined {
    const row = this.get<VolumeUseRow>('SELECT transactions, stored_bytes, row_check FROM pv_state WHERE pv = ?', pv)
    if (!row) return undefined
    if (!rowMatches(row.row_check, pv, row.transactions, row.stored_bytes)) throw this.damaged('pv_state', String(pv))
    return { pv, transactions: row.transactions, storedBytes: row.stored_bytes }
  }

  writeVolumeUse({ pv, transactions, storedBytes }: VolumeUse): void {
    this.run(
      'INSERT OR REPLACE INTO pv_state (pv, transactions, stored_bytes, row_check) VALUES (?, ?, ?, ?)',
      pv,
      transactions,
      storedBytes,
      rowCheck(pv, transactions, storedBytes),
    )
  }

  /**
   * Whether counters and sums agree with the rows they count.
   * @throws {CorruptionError} `CORRUPT_CATALOG` naming the first that does not
   */
  checkTotals(pvs: readonly number[]): void {
    this.snapshot(() => {
      this.requireBases()
      requireUses(this, (visit) => this.visitExtents(({ record }) => visit(record)))
      requireTotals(this, COUNTER_NAMES, pvs)
    })
  }

  /**
   * Whoever takes extents away goes by `dependants`: so first it must be known that none is missing. Rows of that table have no
   * checks; those of extents, which say the same, have.
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   */
  requireBases(): void {
    this.snapshot(() => requireBaseRows(this, (visit) => this.visitBased(visit)))
  }

  private visitBased(visit: (record: ExtentRecord) => void): void {
    for (let last = 0; ; ) {
      const rows = this.all<ExtentRow>(
        `SELECT ${EXTENT_COLUMNS} FROM extent WHERE eid > ? AND bases IS NOT NULL ORDER BY eid LIMIT ${PAGE_ROWS}`,
        last,
      )
      for (const row of rows) {
        if (row.eid <= last) throw this.damaged('extent', String(row.eid))
        last = row.eid
        visit(this.checkedExtent(row))
      }
      if (rows.length < PAGE_ROWS) return
    }
  }

  damaged(table: string, row: string): CorruptionError {
    return new CorruptionError(
      'CORRUPT_CATALOG',
      `the catalog ${this.path} is damaged: row ${row} of table ${table} does not match its check`,
      { path: this.path, table, row, hint: 'Run `varve verify` to see what else is hit.' },
    )
  }
}

function extentCheck(record: ExtentRecord, bases: Buffer | null): number {
  return rowCheck(record.eid, record.class, record.rawBytes, record.storedBytes, record.chunks, record.checksum, bases)
}
