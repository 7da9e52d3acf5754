/**
 * The chunks of many extents by number, 0 … n − 1, in as little memory as that takes: rows of chunk tables side by side, and a hash table
 * over the first bytes of their ids.
 */
import { HASH_BYTES, type Hash, hashFromBytes, hashToBytes } from '../base/hash.js'
import type { PackedRow } from '../volume/packedRows.js'

const START_CHUNKS = 1024

export class ChunkIndex {
  #ids = Buffer.alloc(START_CHUNKS * HASH_BYTES)
  #eids = new Float64Array(START_CHUNKS)
  #chunkIds = new Float64Array(START_CHUNKS)
  #slots = new Int32Array(START_CHUNKS)
  #lengths = new Int32Array(START_CHUNKS)
  /** Numbers plus one, by the first four bytes of ids; open addressing. */
  #table = new Int32Array(4 * START_CHUNKS)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Of an id that is there several times the first counts. @returns whether it is new */
  add({ hash, eid, slot, length, chunkId }: Pick<PackedRow, 'hash' | 'eid' | 'slot' | 'length' | 'chunkId'>): boolean {
    const id = hashToBytes(hash)
    if (this.#find(id) >= 0) return false
    if (this.#count === this.#lengths.length) this.#grow()
    const index = this.#count++
    this.#ids.set(id, index * HASH_BYTES)
    this.#eids[index] = eid
    this.#slots[index] = slot
    this.#lengths[index] = length
    this.#chunkIds[index] = chunkId
    this.#enter(index)
    return true
  }

  /** −1 for an id that is not there. */
  indexOf(id: Hash): number {
    return this.#find(hashToBytes(id))
  }

  id(index: number): Hash {
    return hashFromBytes(this.#ids.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))
  }

  eid(index: number): number {
    return this.#eids[index] ?? 0
  }

  slot(index: number): number {
    return this.#slots[index] ?? 0
  }

  length(index: number): number {
    return this.#lengths[index] ?? 0
  }

  chunkId(index: number): number {
    return this.#chunkIds[index] ?? 0
  }

  #find(id: Uint8Array): number {
    const mask = this.#table.length - 1
    for (let at = startOf(id) & mask; ; at = (at + 1) & mask) {
      const index = (this.#table[at] ?? 0) - 1
      if (index < 0) return -1
      if (this.#ids.compare(id, 0, HASH_BYTES, index * HASH_BYTES, (index + 1) * HASH_BYTES) === 0) return index
    }
  }

  #enter(index: number): void {
    const mask = this.#table.length - 1
    let at = startOf(this.#ids.subarray(index * HASH_BYTES, index * HASH_BYTES + 4)) & mask
    while (this.#table[at] !== 0) at = (at + 1) & mask
    this.#table[at] = index + 1
  }

  #grow(): void {
    const capacity = 2 * this.#lengths.length
    this.#ids = Buffer.concat([this.#ids, Buffer.alloc(this.#ids.length)])
    this.#eids = grown(this.#eids, new Float64Array(capacity))
    this.#chunkIds = grown(this.#chunkIds, new Float64Array(capacity))
    this.#slots = grown(this.#slots, new Int32Array(capacity))
    this.#lengths = grown(this.#lengths, new Int32Array(capacity))
    this.#table = new Int32Array(4 * capacity)
    for (let index = 0; index < this.#count; index++) this.#enter(index)
  }
}

/** Ids are evenly spread. */
function startOf(id: Uint8Array): number {
  return (id[0] ?? 0) | ((id[1] ?? 0) << 8) | ((id[2] ?? 0) << 16) | ((id[3] ?? 0) << 24)
}

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
