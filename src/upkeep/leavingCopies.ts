/**
 * Copies that the catalog names no more, on their way out of their volumes: many at a time, for each drop goes through a volume's
 * chunk table. Until then they are what a killed process leaves behind, and found like that (`dropOrphans`).
 */
import { MIB } from '../base/units.js'
import type { Lease } from '../volume/lease.js'
import type { ChunkKey, NewExtent } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

/** Stored bytes that wait: their chunk rows are what a drop changes, and holds in memory. */
const WAITING_BYTES = 64 * MIB
/** Less of a volume than this is found chunk by chunk sooner than by a scan. */
const SCANNED_PART = 1 / 16

interface Leaving {
  readonly eids: number[]
  /** Of all of them; `undefined` once one came whose chunks are not known. */
  chunks: ChunkKey[] | undefined
  storedBytes: number
}

export class LeavingCopies {
  readonly #group: VolumeGroup
  readonly #lease: Lease
  readonly #byVolume = new Map<number, Leaving>()
  #storedBytes = 0

  constructor(group: VolumeGroup, lease: Lease) {
    this.#group = group
    this.#lease = lease
  }

  /** @param extent as it is there, where that is known */
  add(pv: number, eid: number, storedBytes: number, extent?: NewExtent): void {
    const leaving = this.#byVolume.get(pv) ?? { eids: [], chunks: [], storedBytes: 0 }
    this.#byVolume.set(pv, leaving)
    leaving.eids.push(eid)
    leaving.storedBytes += storedBytes
    this.#storedBytes += storedBytes
    if (extent) for (const hash of extent.hashes) leaving.chunks?.push({ hash, eid })
    else leaving.chunks = undefined
  }

  async dropIfMany(): Promise<void> {
    if (this.#storedBytes >= WAITING_BYTES) await this.drop()
  }

  /** @throws {VarveError} `LEASE_LOST`: then somebody may be bringing the same there */
  async drop(): Promise<void> {
    const { catalog } = this.#group
    if (this.#byVolume.size === 0) return
    catalog.write((tx) => this.#lease.require(tx))
    for (const [pv, { eids, chunks, storedBytes }] of this.#byVolume) {
      const staying = catalog.volumeUse(pv)?.storedBytes ?? 0
      const areFew = storedBytes < SCANNED_PART * staying
      await this.#group.requireVolume(pv).remove(eids, areFew ? chunks : undefined)
    }
    this.#byVolume.clear()
    this.#storedBytes = 0
  }
}
