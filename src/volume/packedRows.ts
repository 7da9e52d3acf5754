/**
 * Rows of a chunk table, many in one piece of memory: for whoever looks at all of them. An object for each takes three times as
 * long to make.
 *
 *   hash 32 ‖ eid u48 ‖ slot u32 ‖ length u32 ‖ chunk id u48, big-endian; a number that does not fit is the greatest that does
 */
import { HASH_BYTES, type Hash, hashFromBytes } from '../base/hash.js'

const EID_AT = HASH_BYTES
const SLOT_AT = EID_AT + 6
const LENGTH_AT = SLOT_AT + 4
const CHUNK_ID_AT = LENGTH_AT + 4
export const PACKED_ROW_BYTES = CHUNK_ID_AT + 6
export const PACKED_ROW_WORDS = PACKED_ROW_BYTES / 4

const U32_MAX = 2 ** 32 - 1
const U48_MAX = 2 ** 48 - 1

interface Row {
  readonly hash: Hash
  readonly eid: number
  readonly slot: number
  readonly length: number
  readonly chunkId: number
}

export class PackedRows {
  readonly count: number
  readonly bytes: Buffer
  /** The same memory, in the byte order of the machine: for comparing and mixing. */
  readonly words: Uint32Array

  constructor(rows: Buffer) {
    const bytes = rows.byteOffset % 4 === 0 ? rows : Buffer.from(new Uint8Array(rows).buffer)
    this.bytes = bytes
    this.count = bytes.length / PACKED_ROW_BYTES
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, this.count * PACKED_ROW_WORDS)
  }

  static of(rows: readonly Row[]): PackedRows {
    const packed = new PackedRows(Buffer.allocUnsafeSlow(rows.length * PACKED_ROW_BYTES))
    for (const [index, row] of rows.entries()) packed.set(index, row)
    return packed
  }

  set(index: number, { hash, eid, slot, length, chunkId }: Row): void {
    const at = index * PACKED_ROW_BYTES
    this.bytes.write(hash, at, 'hex')
    this.bytes.writeUIntBE(fitting(eid, U48_MAX), at + EID_AT, 6)
    this.bytes.writeUInt32BE(fitting(slot, U32_MAX), at + SLOT_AT)
    this.bytes.writeUInt32BE(fitting(length, U32_MAX), at + LENGTH_AT)
    this.bytes.writeUIntBE(fitting(chunkId, U48_MAX), at + CHUNK_ID_AT, 6)
  }

  eid(index: number): number {
    return this.bytes.readUIntBE(index * PACKED_ROW_BYTES + EID_AT, 6)
  }

  length(index: number): number {
    return this.bytes.readUInt32BE(index * PACKED_ROW_BYTES + LENGTH_AT)
  }

  chunkId(index: number): number {
    return this.bytes.readUIntBE(index * PACKED_ROW_BYTES + CHUNK_ID_AT, 6)
  }

  hash(index: number): Hash {
    const at = index * PACKED_ROW_BYTES
    return hashFromBytes(this.bytes.subarray(at, at + HASH_BYTES))
  }

  slot(index: number): number {
    return this.bytes.readUInt32BE(index * PACKED_ROW_BYTES + SLOT_AT)
  }

  /** One after the other; each keeps all of them in memory. */
  *rows(pv: number): Generator<PackedRow> {
    for (let index = 0; index < this.count; index++) yield new PackedRow(this, index, pv)
  }

  /** What the next page begins behind; `undefined` of none. */
  get last(): Pick<Row, 'hash' | 'eid'> | undefined {
    return this.count === 0 ? undefined : { hash: this.hash(this.count - 1), eid: this.eid(this.count - 1) }
  }
}

/** A row that is read where it lies: ids are made into texts when they are asked for. */
export class PackedRow implements Row {
  constructor(
    private readonly page: PackedRows,
    private readonly index: number,
    readonly pv: number,
  ) {}

  get hash(): Hash {
    return this.page.hash(this.index)
  }

  get eid(): number {
    return this.page.eid(this.index)
  }

  get slot(): number {
    return this.page.slot(this.index)
  }

  get length(): number {
    return this.page.length(this.index)
  }

  get chunkId(): number {
    return this.page.chunkId(this.index)
  }

  /** By itself, without its page. */
  alone(): Row & { readonly pv: number } {
    const { hash, pv, eid, slot, length, chunkId } = this
    return { hash, pv, eid, slot, length, chunkId }
  }
}

/** Damaged records hold anything where the schema has whole numbers. */
function fitting(value: number, most: number): number {
  return Number.isInteger(value) && value >= 0 && value < most ? value : most
}
