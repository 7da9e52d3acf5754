/** Rows of chunk tables by extent and slot, for whoever goes through many extents: ids are not in the extents themselves. */
import { SLOTS_MAX } from '../base/limits.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'

export class SlotRows {
  readonly #store: ChunkStore
  readonly #rows = new Map<number, (ChunkLocation | undefined)[]>()

  constructor(store: ChunkStore) {
    this.#store = store
  }

  /** Of these extents and what they are compressed against, from one of the volumes on which each lies. Each table is read once. */
  async load(eids: readonly number[]): Promise<void> {
    const { catalog } = this.#store.group
    const wanted = new Set(eids)
    for (const eid of eids) for (const base of catalog.extent(eid)?.bases ?? []) wanted.add(base.eid)
    const byVolume = new Map<number, number[]>()
    for (const eid of wanted) {
      const pv = catalog.copies(eid).find((number) => this.#store.group.volume(number))
      if (pv === undefined) continue
      const list = byVolume.get(pv)
      if (list) list.push(eid)
      else byVolume.set(pv, [eid])
    }
    for (const [pv, held] of byVolume) {
      for (const row of (await this.#store.group.volume(pv)?.chunkRowsOf(held)) ?? []) {
        // No writer makes more: it is damaged, and missed where it should be.
        if (row.slot >= SLOTS_MAX) continue
        const rows = this.#rows.get(row.eid) ?? []
        this.#rows.set(row.eid, rows)
        while (rows.length < row.slot) rows.push(undefined)
        rows[row.slot] = row
      }
    }
  }

  /** By slot; there may be none, or fewer than there should be. */
  of(eid: number): readonly (ChunkLocation | undefined)[] {
    return this.#rows.get(eid) ?? []
  }
}
