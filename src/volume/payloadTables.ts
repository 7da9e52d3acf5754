/**
 * The tables every SQLite volume has: header, layout, extents (`payload`) and their chunk table.
 * Synchronous, so that the volume in the catalog's own file can take part in the catalog's transactions.
 */
import { CorruptionError, VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, hashFromBytes, hashToBytes } from '../base/hash.js'
import type { Checksum } from '../codec/checksum.js'
import { rowCheck, rowMatches } from '../format/check.js'
import { decodeLayout, encodeLayout, type VolumeGroupLayout } from '../format/layout.js'
import { decodeBases, decodeSlots, encodeBases, encodeSlots } from '../format/slots.js'
import { PACKED_ROW_BYTES, PackedRows } from './packedRows.js'
import type {
  ChunkKey,
  ChunkLocation,
  ExtentClass,
  NewExtent,
  StoredExtent,
  VolumeIdentity,
  VolumeState,
} from './physicalVolume.js'
import type { SqlDatabase, SqlRun } from './sqlite.js'

interface HeaderRow {
  uuid: string
  vg: string
  number: number
  created_ms: number
  transactions: number
  publish_sequence: number
  row_check: number
}

interface LayoutRow {
  sequence: number
  layout: Buffer
  row_check: number
}

interface PayloadRow {
  class: number
  codec: number
  cipher: number
  raw_bytes: number
  slots: Buffer
  bases: Buffer | null
  checksum: Buffer
  row_check: number
  frame: Buffer
}

interface PackedPage {
  count: number
  last: unknown
  sound: number | null
  rows: string | null
}

interface WholeChunkRow extends ChunkRow {
  hash: Buffer
}

interface ChunkRow {
  eid: number
  slot: number
  length: number
  chunk_id: number
}

const INSERT_PAYLOAD = `INSERT INTO payload
  (eid, class, codec, cipher, key_id, nonce, raw_bytes, slots, bases, checksum, row_check, frame)
  VALUES (?, ?, ?, 0, NULL, NULL, ?, ?, ?, ?, ?, ?)`
const INSERT_CHUNK = 'INSERT INTO chunk (hash, eid, slot, length, chunk_id) VALUES (?, ?, ?, ?, ?)'
/** Fewer rows than that are not worth the writing of a table, nor is a smaller part of what stays. */
const REBUILD_ROWS = 1000
const REBUILD_PART = 0.5
const CHUNK_COLUMNS = 'hash, eid, slot, length, chunk_id'
/** The rows of a page in one text, in hexadecimal: SQLite makes that faster than rows are made into objects. */
const packedPage = (condition: string): string => `
  SELECT count(*) AS count, max(hash) AS last,
    sum(typeof(hash) = 'blob' AND typeof(eid) = 'integer' AND typeof(slot) = 'integer' AND typeof(length) = 'integer'
      AND typeof(chunk_id) = 'integer') AS sound,
    group_concat(hex(hash) || printf('%012x%08x%08x%012x', eid, slot, length, chunk_id), '') AS rows
  FROM (SELECT ${CHUNK_COLUMNS} FROM chunk ${condition} ORDER BY hash, eid LIMIT ?)`
const FIRST_PACKED_PAGE = packedPage('')
const NEXT_PACKED_PAGE = packedPage('WHERE (hash, eid) > (?, ?)')
const DELETE_CHUNK = 'DELETE FROM chunk WHERE hash = ? AND eid = ?'
const SELECT_CHUNK = 'SELECT eid, slot, length, chunk_id FROM chunk WHERE hash = ? ORDER BY eid'

export class PayloadTables {
  constructor(private readonly database: SqlDatabase) {}

  initialise(header: VolumeIdentity, createdMs: number, layout: VolumeGroupLayout): void {
    this.database.run(
      `INSERT INTO pv_header (id, uuid, vg, number, created_ms, transactions, publish_sequence, row_check)
       VALUES (1, ?, ?, ?, ?, 0, 0, ?)`,
      header.uuid,
      header.vg,
      header.number,
      createdMs,
      rowCheck(header.uuid, header.vg, header.number, createdMs, 0, 0),
    )
    const bytes = encodeLayout(layout)
    this.database.run(
      'INSERT INTO pv_layout (id, sequence, layout, row_check) VALUES (1, ?, ?, ?)',
      layout.sequence,
      bytes,
      rowCheck(layout.sequence, bytes),
    )
  }

  state(): VolumeState {
    const row = this.headerRow()
    return {
      uuid: row.uuid,
      vg: row.vg,
      number: row.number,
      transactions: row.transactions,
      publishSequence: row.publish_sequence,
      highestEid: this.highestEid(),
    }
  }

  private headerRow(): HeaderRow {
    const row = this.database.get<HeaderRow>(
      'SELECT uuid, vg, number, created_ms, transactions, publish_sequence, row_check FROM pv_header WHERE id = 1',
    )
    if (!row) throw this.damaged('the volume header is missing')
    const { uuid, vg, number, created_ms, transactions, publish_sequence } = row
    if (!rowMatches(row.row_check, uuid, vg, number, created_ms, transactions, publish_sequence))
      throw this.damaged('the volume header does not match its check')
    return row
  }

  /** Counts one write transaction; call it inside that transaction. @returns the new count. */
  countTransaction(publishSequence: number): number {
    const row = this.headerRow()
    return this.writeCounts(row, row.transactions + 1, Math.max(row.publish_sequence, publishSequence))
  }

  /** It knows of so many publishes, and brought nothing. */
  sawPublish(sequence: number): void {
    const row = this.headerRow()
    this.writeCounts(row, row.transactions, Math.max(row.publish_sequence, sequence))
  }

  /** As if it had seen so many. */
  countUpTo(transactions: number): void {
    const row = this.headerRow()
    this.writeCounts(row, Math.max(row.transactions, transactions), row.publish_sequence)
  }

  private writeCounts(row: HeaderRow, transactions: number, sequence: number): number {
    this.database.run(
      'UPDATE pv_header SET transactions = ?, publish_sequence = ?, row_check = ? WHERE id = 1',
      transactions,
      sequence,
      rowCheck(row.uuid, row.vg, row.number, row.created_ms, transactions, sequence),
    )
    return transactions
  }

  layout(): VolumeGroupLayout {
    return decodeLayout(this.layoutRow().layout)
  }

  /** As `layoutSequence`, of a layout that matches its check. */
  soundLayoutSequence(): number {
    return this.layoutRow().sequence
  }

  private layoutRow(): LayoutRow {
    const row = this.database.get<LayoutRow>('SELECT sequence, layout, row_check FROM pv_layout WHERE id = 1')
    if (!row) throw this.damaged('the layout of the volume group is missing')
    if (!rowMatches(row.row_check, row.sequence, row.layout)) {
      throw this.damaged('the layout of the volume group does not match its check')
    }
    return row
  }

  layoutSequence(): number {
    return this.database.get<{ sequence: number }>('SELECT sequence FROM pv_layout WHERE id = 1')?.sequence ?? 0
  }

  /** Never over a newer one. */
  writeLayout(layout: VolumeGroupLayout): void {
    if (this.layoutSequence() >= layout.sequence) return
    const bytes = encodeLayout(layout)
    this.database.run(
      'UPDATE pv_layout SET sequence = ?, layout = ?, row_check = ? WHERE id = 1',
      layout.sequence,
      bytes,
      rowCheck(layout.sequence, bytes),
    )
  }

  /** From now on it belongs to that group, with that layout, whatever it was told before. */
  assign({ vg, number }: Pick<VolumeIdentity, 'vg' | 'number'>, layout: VolumeGroupLayout): void {
    const { uuid, created_ms, transactions, publish_sequence } = this.headerRow()
    this.database.run(
      'UPDATE pv_header SET vg = ?, number = ?, row_check = ? WHERE id = 1',
      vg,
      number,
      rowCheck(uuid, vg, number, created_ms, transactions, publish_sequence),
    )
    const bytes = encodeLayout(layout)
    const check = rowCheck(layout.sequence, bytes)
    const { sequence } = layout
    this.database.run(
      'UPDATE pv_layout SET sequence = ?, layout = ?, row_check = ? WHERE id = 1',
      sequence,
      bytes,
      check,
    )
  }

  insert(extent: NewExtent): void {
    const { eid } = extent
    const there = this.database.get<{ row_check: number }>('SELECT row_check FROM payload WHERE eid = ?', eid)
    // The very same extent: an earlier try brought it here, and failed on another volume.
    if (there && there.row_check === checkOf(extent)) return
    if (there) {
      throw new VarveError('CATALOG_STALE', `extent ${eid} is in ${this.database.path} already, with other contents`, {
        extent: eid,
        path: this.database.path,
        hint: 'The catalog was put back from an old copy. Put the newest one back.',
      })
    }
    for (const run of insertionOf(extent)) this.database.run(...run)
  }

  /** The check of the header as far as no transaction changes it: that of the whole row goes on from here. */
  headerCheckStart(): number {
    const { uuid, vg, number, created_ms } = this.headerRow()
    return rowCheck(uuid, vg, number, created_ms)
  }

  lookup(hash: Hash, pv: number): ChunkLocation[] {
    const rows = this.database.all<ChunkRow>(SELECT_CHUNK, hashToBytes(hash))
    return rows.map((row) => ({
      hash,
      pv,
      eid: row.eid,
      slot: row.slot,
      length: row.length,
      chunkId: row.chunk_id,
    }))
  }

  read(eid: number, checksum: Checksum): StoredExtent | undefined {
    const row = this.database.get<PayloadRow>(
      'SELECT class, codec, cipher, raw_bytes, slots, bases, checksum, row_check, frame FROM payload WHERE eid = ?',
      eid,
    )
    if (!row) return undefined
    const { codec, cipher, raw_bytes, slots, bases } = row
    if (!rowMatches(row.row_check, eid, row.class, codec, cipher, raw_bytes, slots, bases, row.checksum)) {
      throw this.damagedExtent(eid, 'its row does not match its check', 'a matching check', row.row_check)
    }
    // A damaged record can have NULL or another type where the schema has none: SQLite checks types on writing only.
    if (!Buffer.isBuffer(row.frame)) throw this.damagedExtent(eid, 'its frame is missing', 'a blob', typeof row.frame)
    const actual = checksum.of(row.frame)
    if (!actual.equals(row.checksum)) {
      throw this.damagedExtent(
        eid,
        'its bytes do not match their checksum',
        row.checksum.toString('hex'),
        actual.toString('hex'),
      )
    }
    return {
      eid,
      class: row.class as ExtentClass,
      codec: row.codec,
      rawBytes: row.raw_bytes,
      slots: decodeSlots(row.slots),
      bases: row.bases ? decodeBases(row.bases) : [],
      checksum: row.checksum,
      frame: row.frame,
    }
  }

  hashesBetween(first: Hash, last: Hash, limit: number): Hash[] {
    return this.database
      .all<{ hash: Buffer }>(
        'SELECT DISTINCT hash FROM chunk WHERE hash BETWEEN ? AND ? ORDER BY hash LIMIT ?',
        hashToBytes(first),
        hashToBytes(last),
        limit,
      )
      .flatMap((row) => hashOf(row.hash))
  }

  chunksOf(eid: number): Hash[] {
    return this.database
      .all<{ hash: Buffer }>('SELECT hash FROM chunk WHERE eid = ?', eid)
      .flatMap((row) => hashOf(row.hash))
  }

  chunkRows(after: ChunkKey | undefined, limit: number, pv: number): ChunkLocation[] {
    const rows = after
      ? this.database.all<WholeChunkRow>(
          `SELECT ${CHUNK_COLUMNS} FROM chunk WHERE (hash, eid) > (?, ?) ORDER BY hash, eid LIMIT ?`,
          hashToBytes(after.hash),
          after.eid,
          limit,
        )
      : this.database.all<WholeChunkRow>(`SELECT ${CHUNK_COLUMNS} FROM chunk ORDER BY hash, eid LIMIT ?`, limit)
    return rows.map((row) => this.located(row, pv))
  }

  packedChunkRows(after: ChunkKey | undefined, limit: number, pv: number): PackedRows {
    const page = after
      ? this.database.get<PackedPage>(NEXT_PACKED_PAGE, hashToBytes(after.hash), after.eid, limit)
      : this.database.get<PackedPage>(FIRST_PACKED_PAGE, limit)
    const bytes = Buffer.from(page?.rows ?? '', 'hex')
    const count = page?.count ?? 0
    const isWhole = bytes.length === count * PACKED_ROW_BYTES && page?.rows?.length === 2 * bytes.length
    // SQL does not promise the order in which texts are put together.
    const isInOrder = isWhole && endsWith(bytes, page?.last)
    if (count === 0 || (isInOrder && page?.sound === count)) return new PackedRows(bytes)
    // Something else than numbers, or longer ones.
    return PackedRows.of(this.chunkRows(after, limit, pv))
  }

  chunkRowsOf(eids: readonly number[], pv: number): ChunkLocation[] {
    return this.database
      .all<WholeChunkRow>(
        `SELECT ${CHUNK_COLUMNS} FROM chunk WHERE eid IN (SELECT value FROM json_each(?))`,
        JSON.stringify(eids),
      )
      .map((row) => this.located(row, pv))
  }

  /** @throws {CorruptionError} `CORRUPT`: who asks for whole rows must not go by half of them */
  private located({ hash, eid, slot, length, chunk_id: chunkId }: WholeChunkRow, pv: number): ChunkLocation {
    const [known] = hashOf(hash)
    if (known === undefined) throw this.damaged('its chunk table has a row without an id')
    return { hash: known, pv, eid, slot, length, chunkId }
  }

  /** 0 when there is none. */
  highestEid(): number {
    return this.database.get<{ eid: number | null }>('SELECT max(eid) AS eid FROM payload')?.eid ?? 0
  }

  list(first: number, end: number): number[] {
    return this.database
      .all<{ eid: number }>('SELECT eid FROM payload WHERE eid >= ? AND eid < ? ORDER BY eid', first, end)
      .map((row) => row.eid)
  }

  /** The ids are not in the rows, so without `chunks` the chunk table is scanned: once for all of them. */
  remove(eids: readonly number[], chunks?: readonly ChunkKey[]): void {
    const list = JSON.stringify(eids)
    this.database.run('DELETE FROM payload WHERE eid IN (SELECT value FROM json_each(?))', list)
    // Fewer than there should be: some are damaged, and found by the number of their extent alone.
    if (chunks && this.removeChunks(chunks) === chunks.length) return
    const { changes } = this.database.run('DELETE FROM chunk WHERE eid IN (SELECT value FROM json_each(?))', list)
    if (changes >= REBUILD_ROWS) this.rebuildChunks(changes)
  }

  /** @returns how many there were */
  private removeChunks(chunks: readonly ChunkKey[]): number {
    let removed = 0
    for (const { hash, eid } of chunks) removed += this.database.run(DELETE_CHUNK, hashToBytes(hash), eid).changes
    return removed
  }

  /** Rows that went left their pages half empty, all over the table; what comes is spread as evenly, and fills none of them. */
  private rebuildChunks(removed: number): void {
    const { left } = this.database.get<{ left: number }>('SELECT count(*) AS left FROM chunk') ?? { left: 0 }
    if (removed < REBUILD_PART * left) return
    this.database.run(`CREATE TEMP TABLE chunks_in_order AS SELECT ${CHUNK_COLUMNS} FROM chunk ORDER BY hash, eid`)
    this.database.run('DELETE FROM chunk')
    this.database.run(`INSERT INTO chunk SELECT ${CHUNK_COLUMNS} FROM chunks_in_order ORDER BY rowid`)
    this.database.run('DROP TABLE chunks_in_order')
  }

  private damaged(what: string): CorruptionError {
    return new CorruptionError('CORRUPT', `${this.database.path} is damaged: ${what}`, { path: this.database.path })
  }

  private damagedExtent(eid: number, what: string, expected: unknown, actual: unknown): CorruptionError {
    return new CorruptionError('CORRUPT_EXTENT', `extent ${eid} in ${this.database.path} is damaged: ${what}`, {
      extent: eid,
      path: this.database.path,
      expected,
      actual,
    })
  }
}

/** All rows of an extent that is not there yet. */
export function insertionOf(extent: NewExtent): SqlRun[] {
  const { eid, class: kind, codec, rawBytes, checksum, frame, hashes } = extent
  const parts = encodedParts(extent)
  return [
    [INSERT_PAYLOAD, eid, kind, codec, rawBytes, ...parts, checksum, checkOf(extent, parts), frame],
    ...extent.slots.map(({ length, chunkId }, index): SqlRun => {
      const hash = hashes[index]
      if (hash === undefined) throw new VarveError('INVALID_ARGUMENT', `slot ${index} has no id`)
      return [INSERT_CHUNK, hashToBytes(hash), eid, index, length, chunkId]
    }),
  ]
}

function checkOf(extent: NewExtent, parts = encodedParts(extent)): number {
  const { eid, class: kind, codec, rawBytes, checksum } = extent
  return rowCheck(eid, kind, codec, 0, rawBytes, ...parts, checksum)
}

function encodedParts({ slots, bases }: NewExtent): [slots: Buffer, bases: Buffer | null] {
  return [encodeSlots(slots), bases.length > 0 ? encodeBases(bases) : null]
}

/** Nothing for a damaged key: no chunk is found by it anyway. */
function hashOf(value: unknown): Hash[] {
  return Buffer.isBuffer(value) && value.length === HASH_BYTES ? [hashFromBytes(value)] : []
}

function endsWith(rows: Buffer, hash: unknown): boolean {
  return (
    Buffer.isBuffer(hash) &&
    rows
      .subarray(rows.length - PACKED_ROW_BYTES)
      .subarray(0, HASH_BYTES)
      .equals(hash)
  )
}
