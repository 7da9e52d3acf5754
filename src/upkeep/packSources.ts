/** All that is packed: extents as they are now, and which chunks and objects lie in them, each once. */
import { CorruptionError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { ExtentBase } from '../format/slots.js'
import { USED_BY_DEFAULT, type UsedBy, usesOf } from '../volume/extentUses.js'
import { EXTENT_CLASS, type ExtentClass } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { ChunkIndex } from './chunkIndex.js'
import type { OldExtent } from './switchExtents.js'

const PAGE_ROWS = 5000

export class PackSources {
  readonly extents = new Map<number, OldExtent & { readonly class: ExtentClass; readonly pv: number }>()
  readonly chunks = new ChunkIndex()
  readonly objects = new ChunkIndex()
  /** By extent: where it belongs among those that it is decoded with. Read in that order, few are decoded often. */
  readonly regions = new Map<number, number>()
  readonly merged: Hash[] = []
  /** Of extents: the logical volumes that use each. */
  readonly #usedBy = new Map<number, UsedBy>()
  /** Of chunks that lie in several extents: all that use any of these. */
  readonly #shared = new Map<Hash, UsedBy>()
  readonly notes: string[] = []
  bytes = 0

  static async of(store: ChunkStore): Promise<PackSources> {
    const sources = new PackSources()
    await sources.#look(store)
    return sources
  }

  indexOf(extentClass: ExtentClass): ChunkIndex {
    return extentClass === EXTENT_CLASS.object ? this.objects : this.chunks
  }

  /** Logical volumes that use a chunk, which lies in that extent. */
  usedBy(id: Hash, eid: number): UsedBy {
    return this.#shared.get(id) ?? this.#usedBy.get(eid) ?? USED_BY_DEFAULT
  }

  get storedBytes(): number {
    return [...this.extents.values()].reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  }

  async #look({ group }: ChunkStore): Promise<void> {
    const missing = new Map<number, number>()
    group.catalog.eachExtent(({ record, pvs }) => {
      const { eid, checksum, storedBytes, chunks, class: extentClass } = record
      const usedBy = usesOf(group.catalog, eid)
      this.extents.set(eid, { eid, checksum, storedBytes, usedBy, class: extentClass, pv: pvs[0] ?? 0 })
      missing.set(eid, chunks)
      if (usedBy !== USED_BY_DEFAULT) this.#usedBy.set(eid, usedBy)
      // Bases come before: their numbers are lower.
      this.regions.set(eid, regionOf(record.bases, this.regions) ?? this.regions.size)
    })
    for (const volume of group.volumes) {
      for (let page = await volume.packedChunkRows(undefined, PAGE_ROWS); page.count > 0; ) {
        for (const row of page.rows(volume.number)) {
          const extent = this.extents.get(row.eid)
          if (extent?.pv !== volume.number) continue
          missing.set(row.eid, (missing.get(row.eid) ?? 0) - 1)
          if (this.indexOf(extent.class).add(row)) this.bytes += row.length
          else this.#merge(row.hash, row.eid, extent.class)
        }
        page = await volume.packedChunkRows(page.last, PAGE_ROWS)
      }
    }
    const [damaged] = [...missing].find(([eid, count]) => count !== 0 && this.#isThere(group, eid)) ?? []
    if (damaged === undefined) return
    throw new CorruptionError('CORRUPT_EXTENT', `the chunk table does not name all that is in extent ${damaged}`, {
      extent: damaged,
      hint: 'Run `varve verify` to see what is hit.',
    })
  }

  #merge(id: Hash, eid: number, extentClass: ExtentClass): void {
    this.merged.push(id)
    if (this.#usedBy.size === 0) return
    const index = this.indexOf(extentClass)
    const before = this.usedBy(id, index.eid(index.indexOf(id)))
    const both = new Set([...before, ...(this.#usedBy.get(eid) ?? USED_BY_DEFAULT)])
    this.#shared.set(
      id,
      [...both].sort((a, b) => a - b),
    )
  }

  /** A dry run has no lease: other upkeep may have moved what is in it meanwhile. */
  #isThere({ catalog }: VolumeGroup, eid: number): boolean {
    if (catalog.isVisible(eid)) return true
    this.extents.delete(eid)
    return false
  }
}

/** The middle of the regions of its bases. */
function regionOf(bases: readonly ExtentBase[], regions: ReadonlyMap<number, number>): number | undefined {
  let sum = 0
  let slots = 0
  for (const base of bases) {
    sum += (regions.get(base.eid) ?? 0) * base.slots.length
    slots += base.slots.length
  }
  return slots === 0 ? undefined : sum / slots
}
