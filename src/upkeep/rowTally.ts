/**
 * Rows of one extent, counted and summed up in any order: so the rows that an extent's contents ask for can be compared with those
 * of a chunk table that is read from its beginning to its end, and none has to be looked up.
 *
 * 52 bits of a sum of mixed rows: it finds damage, and proves nothing to whoever makes rows for it.
 */

import { PACKED_ROW_WORDS, PackedRows } from '../volume/packedRows.js'
import type { NewExtent } from '../volume/physicalVolume.js'

const ODD_A = 0x9e3779b1
const ODD_B = 0x85ebca77
const LOW_BITS = 20

export class RowTally {
  count = 0
  #a = 0
  #b = 0

  add({ words }: PackedRows, index: number): void {
    let [a, b] = [1, 1]
    const end = (index + 1) * PACKED_ROW_WORDS
    for (let at = index * PACKED_ROW_WORDS; at < end; at++) {
      const word = words[at] as number
      a = Math.imul(a ^ word, ODD_A)
      a ^= a >>> 15
      b = Math.imul(b + word, ODD_B)
      b ^= b >>> 13
    }
    this.count++
    this.#a = (this.#a + a) | 0
    this.#b = (this.#b + b) | 0
  }

  get sum(): number {
    return (this.#a >>> 0) * 2 ** LOW_BITS + (this.#b & (2 ** LOW_BITS - 1))
  }
}

const scratch = PackedRows.of([{ hash: ''.padEnd(64, '0') as never, eid: 0, slot: 0, length: 0, chunkId: 0 }])

/** The rows that a chunk table must have of an extent. */
export function tallyOf({ eid, slots, hashes }: NewExtent): RowTally {
  const tally = new RowTally()
  for (const [slot, { length, chunkId }] of slots.entries()) {
    const hash = hashes[slot]
    if (hash === undefined) continue
    scratch.set(0, { hash, eid, slot, length, chunkId })
    tally.add(scratch, 0)
  }
  return tally
}
