/**
 * Where small commits of this process put what they wrote: what comes next is compressed against it, and asking the volumes for each
 * id takes longer than compressing it. Places hold as long as gc's epoch is the same; then all of them are forgotten.
 */
import type { Hash } from '../base/hash.js'
import type { NewExtent } from '../volume/physicalVolume.js'
import type { ChosenSlot } from './baseChoice.js'

const PLACES_MAX = 20_000

export class WrittenPlaces {
  readonly #places = new Map<Hash, ChosenSlot>()
  #epoch: number | undefined

  /** @param epoch as the transaction saw it that published the extent */
  add({ eid, slots, hashes }: NewExtent, epoch: number): void {
    this.#holdFor(epoch)
    if (this.#places.size + slots.length > PLACES_MAX) this.#places.clear()
    for (const [slot, { length }] of slots.entries()) {
      const id = hashes[slot]
      if (id !== undefined) this.#places.set(id, { eid, slot, length })
    }
  }

  /** As far as they are known here. */
  find(ids: readonly Hash[], epoch: number): { readonly places: Map<Hash, ChosenSlot>; readonly unknown: Hash[] } {
    this.#holdFor(epoch)
    const places = new Map<Hash, ChosenSlot>()
    const unknown: Hash[] = []
    for (const id of ids) {
      const place = this.#places.get(id)
      if (place) places.set(id, place)
      else unknown.push(id)
    }
    return { places, unknown }
  }

  #holdFor(epoch: number): void {
    if (this.#epoch !== epoch) this.#places.clear()
    this.#epoch = epoch
  }
}
