import { Encoder } from '@toondepauw/node-zstd'
import { compressSync } from 'lz4-napi'
import { type Bases, chooseBases, type ExtentMeta } from './bases.ts'
import { batchBytes, type Config } from './config.ts'
import { checksum, idOf, Kind, key } from './ids.ts'
import { Codec, type ExtentRow, type Place, type Store } from './store.ts'

interface Group {
  class: number
  eid: number
  buffer: Buffer
  fill: number
  ids: Buffer[]
  lengths: number[]
  wanted: Place[]
}

/** Groups new chunks into extents, and extents into transactions. */
export class Writer {
  private readonly groups: [Group, Group]
  private readonly pending = new Map<string, Place>()
  private readonly meta: Bases = new Map<number, ExtentMeta>()
  private rows: ExtentRow[] = []
  private later: (() => void)[] = []
  private nextEid = 1
  private nextId = 1
  private batch = 0
  private open = false
  private readonly plain = new Encoder(3)
  readonly totals = {
    chunks: 0,
    objects: 0,
    chunkRaw: 0,
    objectRaw: 0,
    extents: 0,
    chunkStored: 0,
    objectStored: 0,
    withBases: 0,
  }

  constructor(
    private readonly store: Store,
    private readonly config: Config,
  ) {
    this.groups = [this.emptyGroup(0), this.emptyGroup(1)]
  }

  find(id: Buffer): Place | undefined {
    if (!this.open && this.config.hold === 'whole') {
      this.store.begin()
      this.open = true
    }
    return this.pending.get(key(id)) ?? this.store.find(id)
  }

  /** Stores bytes that `find` does not know; `bases` are what they replace. */
  add(kind: Kind, id: Buffer, bytes: Uint8Array, bases: readonly Place[]): Place {
    const group = this.groups[kind === Kind.chunk ? 0 : 1]
    if (group.fill + bytes.length > group.buffer.length) this.seal(group)
    if (group.eid === 0) group.eid = this.nextEid++
    group.buffer.set(bytes, group.fill)
    group.fill += bytes.length
    const place = { eid: group.eid, slot: group.ids.length, length: bytes.length }
    group.ids.push(id)
    group.lengths.push(bytes.length)
    if (this.config.bases) group.wanted.push(...bases)
    this.pending.set(key(id), place)
    this.batch += bytes.length
    if (kind === Kind.chunk) this.totals.chunks++
    else this.totals.objects++
    return place
  }

  put(kind: Kind, bytes: Buffer, bases: readonly Place[]): { id: Buffer; place: Place } {
    const id = idOf(kind, bytes)
    return { id, place: this.find(id) ?? this.add(kind, id, bytes, bases) }
  }

  /** A long commit lets go of the lock from time to time. */
  breathe(): void {
    if (this.batch >= batchBytes) this.publish(undefined)
  }

  publish(head: Buffer | undefined): void {
    for (const group of this.groups) this.seal(group)
    if (!this.open) this.store.begin()
    for (const act of this.later) act()
    this.store.commit(this.rows, head)
    this.later = []
    this.rows = []
    this.open = false
    this.batch = 0
    this.pending.clear()
  }

  private seal(group: Group): void {
    if (group.eid === 0) return
    const raw = group.buffer.subarray(0, group.fill)
    // The bases of this batch's own extents are not stored yet, and never wanted: they come from the parent.
    const bases = chooseBases(
      group.wanted.filter((p) => this.meta.has(p.eid)),
      this.meta,
      this.config.extent,
    )
    const frame = this.encode(raw, bases)
    const row: ExtentRow = {
      eid: group.eid,
      class: group.class,
      codec: Codec[this.config.codec],
      raw: raw.length,
      bases,
      lengths: group.lengths,
      checksum: checksum(frame),
      frame,
    }
    this.meta.set(row.eid, metaOf(row, this.meta))
    this.count(row)
    this.rows.push(row)
    const { ids } = group
    const first = this.nextId
    this.nextId += ids.length
    const act = (): void => this.store.insert(row, ids, first)
    if (this.open) act()
    else this.later.push(act)
    Object.assign(group, { eid: 0, fill: 0, ids: [], lengths: [], wanted: [] })
  }

  private encode(raw: Buffer, bases: readonly Place[]): Buffer {
    if (this.config.codec === 'lz4') return compressSync(raw)
    const dictionary = this.store.dictionary(bases)
    return dictionary ? new Encoder(3, dictionary).encodeSync(raw) : this.plain.encodeSync(raw)
  }

  private count(row: ExtentRow): void {
    const t = this.totals
    t.extents++
    if (row.bases.length > 0) t.withBases++
    if (row.class === 0) {
      t.chunkRaw += row.raw
      t.chunkStored += row.frame.length
    } else {
      t.objectRaw += row.raw
      t.objectStored += row.frame.length
    }
  }

  private emptyGroup(kind: number): Group {
    return { class: kind, eid: 0, buffer: Buffer.alloc(this.config.extent), fill: 0, ids: [], lengths: [], wanted: [] }
  }
}

function metaOf(row: ExtentRow, known: Bases): ExtentMeta {
  const depth = Math.max(0, ...row.bases.map((b) => 1 + (known.get(b.eid)?.depth ?? 0)))
  const starts: number[] = []
  let at = 0
  for (const length of row.lengths) {
    starts.push(at)
    at += length
  }
  return { raw: row.raw, depth, bases: row.bases, starts }
}
