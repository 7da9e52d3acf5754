import { Decoder } from '@toondepauw/node-zstd'
import Database from 'better-sqlite3'
import { uncompressSync } from 'lz4-napi'
import { noWaits, retrying } from './busy.ts'
import { type Config, KiB, MiB } from './config.ts'
import { idOf, type Kind } from './ids.ts'
import { In, Out } from './varint.ts'

/** Where a chunk lies. */
export interface Place {
  eid: number
  slot: number
  length: number
}

export interface ExtentRow {
  eid: number
  class: number
  codec: number
  raw: number
  bases: Place[]
  lengths: number[]
  checksum: Buffer
  frame: Buffer
}

export const Codec = { zstd: 1, lz4: 2 } as const

const payloadSchema = `
CREATE TABLE IF NOT EXISTS chunk(hash BLOB NOT NULL, id INT NOT NULL, eid INT NOT NULL, slot INT NOT NULL,
  length INT NOT NULL, PRIMARY KEY(hash, eid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS extent(eid INTEGER PRIMARY KEY, class INT, codec INT, raw INT, bases BLOB, slots BLOB,
  checksum BLOB, frame BLOB);`
const catalogSchema = `
CREATE TABLE IF NOT EXISTS known(eid INTEGER PRIMARY KEY, class INT, raw INT, stored INT, bases BLOB);
CREATE TABLE IF NOT EXISTS copy(eid INT, pv INT, PRIMARY KEY(eid, pv)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ref(name TEXT PRIMARY KEY, id BLOB) WITHOUT ROWID;`

interface Decoded {
  raw: Buffer
  starts: number[]
}

/** The SQLite side: rows in, rows out, and decoded extents kept for a while. */
export class Store {
  readonly payload: Database.Database
  readonly catalog: Database.Database
  readonly waits = noWaits()
  /** Extents decoded, again and again if the cache is too small. */
  decodes = 0
  private readonly findRow: Database.Statement<[Buffer], [number, number, number]>
  private readonly extentRow: Database.Statement<[number], [number, Buffer, Buffer, Buffer]>
  private readonly addChunk: Database.Statement
  private readonly addExtent: Database.Statement
  private readonly addKnown: Database.Statement
  private readonly addCopy: Database.Statement
  private readonly setRef: Database.Statement
  private readonly decoded = new Map<number, Decoded>()
  private decodedBytes = 0

  constructor(
    path: string,
    private readonly config: Config,
    private readonly cacheLimit = 64 * MiB,
  ) {
    this.payload = open(path, config.page, config.journal, config.spill)
    this.catalog = config.split ? open(`${path}-cat`, 4 * KiB, 'WAL', config.spill) : this.payload
    retrying(this.waits, () => this.payload.exec(payloadSchema))
    retrying(this.waits, () => this.catalog.exec(catalogSchema))
    this.findRow = this.payload.prepare('SELECT eid, slot, length FROM chunk WHERE hash = ? LIMIT 1')
    this.findRow.raw()
    this.extentRow = this.payload.prepare('SELECT codec, bases, slots, frame FROM extent WHERE eid = ?')
    this.extentRow.raw()
    this.addChunk = this.payload.prepare('INSERT INTO chunk VALUES(?,?,?,?,?)')
    this.addExtent = this.payload.prepare('INSERT INTO extent VALUES(?,?,?,?,?,?,?,?)')
    this.addKnown = this.catalog.prepare('INSERT INTO known VALUES(?,?,?,?,?)')
    this.addCopy = this.catalog.prepare('INSERT INTO copy VALUES(?,1)')
    this.setRef = this.catalog.prepare('INSERT OR REPLACE INTO ref VALUES(?,?)')
  }

  begin(): void {
    retrying(this.waits, () => this.payload.exec('BEGIN IMMEDIATE'))
  }

  /** Payload first and durable, then the catalog: the order that a crash cannot hurt. */
  commit(rows: readonly ExtentRow[], head: Buffer | undefined): void {
    if (!this.config.split) {
      this.publish(rows, head)
      retrying(this.waits, () => this.payload.exec('COMMIT'))
      return
    }
    retrying(this.waits, () => this.payload.exec('COMMIT'))
    retrying(this.waits, () => this.catalog.exec('BEGIN IMMEDIATE'))
    this.publish(rows, head)
    retrying(this.waits, () => this.catalog.exec('COMMIT'))
  }

  private publish(rows: readonly ExtentRow[], head: Buffer | undefined): void {
    for (const r of rows) {
      this.addKnown.run(r.eid, r.class, r.raw, r.frame.length, encodeBases(r.bases))
      this.addCopy.run(r.eid)
    }
    if (head) this.setRef.run('main', head)
  }

  head(): Buffer {
    const row = retrying(this.waits, () => this.catalog.prepare('SELECT id FROM ref WHERE name = ?').get('main'))
    return (row as { id: Buffer }).id
  }

  find(id: Buffer): Place | undefined {
    const row = this.findRow.get(id)
    return row && { eid: row[0], slot: row[1], length: row[2] }
  }

  insert(row: ExtentRow, ids: readonly Buffer[], firstId: number): void {
    const slots = new Out()
    for (const length of row.lengths) slots.int(length)
    this.addExtent.run(
      row.eid,
      row.class,
      row.codec,
      row.raw,
      encodeBases(row.bases),
      slots.done(),
      row.checksum,
      row.frame,
    )
    for (const [slot, id] of ids.entries()) this.addChunk.run(id, firstId + slot, row.eid, slot, row.lengths[slot])
  }

  /** The bytes at a place; a view into the cache. */
  bytes(place: Place): Buffer {
    const extent = this.extent(place.eid)
    const start = extent.starts[place.slot]
    if (start === undefined) throw new Error(`no slot ${place.slot} in extent ${place.eid}`)
    return extent.raw.subarray(start, start + place.length)
  }

  /** Looks an id up, reads and verifies it. */
  get(kind: Kind, id: Buffer): Buffer {
    const place = this.find(id)
    if (!place) throw new Error('unknown id')
    const bytes = this.bytes(place)
    if (!idOf(kind, bytes).equals(id)) throw new Error('wrong bytes')
    return bytes
  }

  private extent(eid: number): Decoded {
    const hit = this.decoded.get(eid)
    if (hit) {
      this.decoded.delete(eid)
      this.decoded.set(eid, hit)
      return hit
    }
    const row = this.extentRow.get(eid)
    if (!row) throw new Error(`no extent ${eid}`)
    const [codec, bases, slots, frame] = row
    this.decodes++
    const raw =
      codec === Codec.lz4 ? uncompressSync(frame) : new Decoder(this.dictionary(decodeBases(bases))).decodeSync(frame)
    const starts: number[] = []
    const lengths = new In(slots)
    for (let at = 0; lengths.more; at += lengths.int()) starts.push(at)
    return this.remember(eid, { raw, starts })
  }

  /** A base may begin with the codec's magic number, so one zero byte goes first. */
  dictionary(bases: readonly Place[]): Buffer | undefined {
    if (bases.length === 0) return undefined
    return Buffer.concat([Buffer.alloc(1), ...bases.map((base) => this.bytes(base))])
  }

  private remember(eid: number, extent: Decoded): Decoded {
    this.decoded.set(eid, extent)
    this.decodedBytes += extent.raw.length
    for (const [old, gone] of this.decoded) {
      if (this.decodedBytes <= this.cacheLimit || old === eid) break
      this.decoded.delete(old)
      this.decodedBytes -= gone.raw.length
    }
    return extent
  }

  close(): void {
    this.payload.close()
    if (this.config.split) this.catalog.close()
  }
}

function open(path: string, page: number, journal: string, spill: boolean): Database.Database {
  const db = new Database(path, { timeout: 0 })
  const waits = noWaits()
  retrying(waits, () => {
    db.pragma(`page_size = ${page}`)
    db.pragma(`journal_mode = ${journal}`)
    db.pragma('synchronous = FULL')
  })
  // The same bytes, not the same pages, between checkpoints.
  if (journal === 'WAL') db.pragma(`wal_autocheckpoint = ${(4 * MiB) / page}`)
  db.pragma('cache_size = -16000')
  if (!spill) db.pragma('cache_spill = OFF')
  return db
}

function encodeBases(bases: readonly Place[]): Buffer | null {
  if (bases.length === 0) return null
  const out = new Out()
  for (const base of bases) out.int(base.eid).int(base.slot).int(base.length)
  return out.done()
}

function decodeBases(bytes: Buffer | null): Place[] {
  const bases: Place[] = []
  if (!bytes) return bases
  for (const input = new In(bytes); input.more; )
    bases.push({ eid: input.int(), slot: input.int(), length: input.int() })
  return bases
}
