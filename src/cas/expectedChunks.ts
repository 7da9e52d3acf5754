/**
 * Chunks that a reader is about to read, all of them, in an order that is not that of the extents: older versions that were
 * packed lie beside each other, a little of each in many extents, and cost much to decode. What is expected of an extent is taken
 * out of it when it is decoded, and kept until it is read; so it is decoded once.
 */
import type { Hash } from '../base/hash.js'
import { MIB } from '../base/units.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'

/** Of what was taken out and not read yet. */
const HELD_BYTES_MAX = 64 * MIB

interface Expected {
  readonly id: Hash
  readonly slot: number
}

export class ExpectedChunks {
  readonly #byExtent = new Map<number, Expected[]>()
  readonly #times = new Map<Hash, number>()
  readonly #held = new Map<Hash, Buffer>()
  #heldBytes = 0

  /** @param ids in any order, as often as they are read */
  expect(ids: readonly Hash[], locations: ReadonlyMap<Hash, ChunkLocation>): void {
    for (const id of ids) {
      const times = this.#times.get(id) ?? 0
      this.#times.set(id, times + 1)
      const at = locations.get(id)
      if (times > 0 || !at) continue
      const expected = this.#byExtent.get(at.eid)
      if (expected) expected.push({ id, slot: at.slot })
      else this.#byExtent.set(at.eid, [{ id, slot: at.slot }])
    }
  }

  /** Told of each extent that was decoded. @param bytesOf a slot; `undefined` unless they are what `id` says */
  take(eid: number, bytesOf: (slot: number, id: Hash) => Buffer | undefined): void {
    const expected = this.#byExtent.get(eid)
    if (!expected) return
    this.#byExtent.delete(eid)
    for (const { id, slot } of expected) {
      const bytes = this.#held.has(id) ? undefined : bytesOf(slot, id)
      if (!bytes || this.#heldBytes + bytes.length > HELD_BYTES_MAX) continue
      this.#held.set(id, Buffer.from(bytes))
      this.#heldBytes += bytes.length
    }
  }

  has(id: Hash): boolean {
    return this.#held.has(id)
  }

  /** Read, one of the times that it was expected to be. */
  read(id: Hash): Buffer | undefined {
    const bytes = this.#held.get(id)
    if (!bytes) return undefined
    const left = (this.#times.get(id) ?? 1) - 1
    this.#times.set(id, left)
    if (left <= 0) {
      this.#held.delete(id)
      this.#times.delete(id)
      this.#heldBytes -= bytes.length
    }
    return bytes
  }

  clear(): void {
    this.#byExtent.clear()
    this.#times.clear()
    this.#held.clear()
    this.#heldBytes = 0
  }
}
