/** Extents, and how much of each goes: counted over the chunk tables. */
import { CorruptionError } from '../base/errors.js'
import type { ExtentRecord } from '../volume/catalog.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

export interface ExtentCount {
  readonly record: ExtentRecord
  /** The volume on which it was counted. */
  readonly pv: number
  rows: number
  dead: number
}

const PAGE_ROWS = 5000

export class ErasureTally {
  constructor(
    private readonly group: VolumeGroup,
    private readonly onPage: (rows: number) => void,
  ) {}

  /**
   * Of visible extents, each on one volume.
   * @param onDead told of what is not live, page by page
   */
  async count(
    isLive: (row: ChunkLocation) => boolean,
    onDead: (rows: readonly ChunkLocation[], extents: ReadonlyMap<number, ExtentCount>) => void = () => undefined,
  ): Promise<Map<number, ExtentCount>> {
    const { group } = this
    const extents = new Map<number, ExtentCount>()
    group.catalog.eachExtent(({ record, pvs }) => {
      extents.set(record.eid, { record, pv: pvs[0] ?? 0, rows: 0, dead: 0 })
    })
    let rows = 0
    for (const volume of group.volumes) {
      for (let page = await volume.chunkRows(undefined, PAGE_ROWS); page.length > 0; ) {
        const dead = page.filter((row) => {
          const extent = extents.get(row.eid)
          if (extent?.pv !== volume.number) return false
          extent.rows++
          if (isLive(row)) return false
          extent.dead++
          return true
        })
        if (dead.length > 0) onDead(dead, extents)
        rows += page.length
        this.onPage(rows)
        page = page.length < PAGE_ROWS ? [] : await volume.chunkRows(page.at(-1), PAGE_ROWS)
      }
    }
    return extents
  }

  /**
   * What its chunk table does not name might be what has to go.
   * @throws {CorruptionError} `CORRUPT_EXTENT`
   */
  requireSound(extents: Iterable<ExtentCount>): void {
    for (const { record, rows, pv } of extents) {
      if (rows === record.chunks) continue
      throw new CorruptionError(
        'CORRUPT_EXTENT',
        `extent ${record.eid} has ${record.chunks} chunks, and its chunk table names ${rows}`,
        {
          extent: record.eid,
          pv: this.group.volume(pv)?.uuid ?? String(pv),
          expected: record.chunks,
          actual: rows,
          hint: 'Run `varve verify` to see what is hit. Until that is mended, nobody can say that something is erased.',
        },
      )
    }
  }
}
