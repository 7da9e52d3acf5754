/**
 * What is the same for all schedules on one kind of store: the database, which is made once and filled anew for each of them (to
 * make one takes longer than most schedules do), and its layout.
 */
import type { PhysicalVolumeLayout, VolumeGroupLayout } from '../../src/format/layout.js'
import { makeProfile } from '../../src/format/profile.js'
import { Catalog } from '../../src/volume/catalog.js'
import { firstLayout } from '../../src/volume/firstLayout.js'
import { PayloadTables } from '../../src/volume/payloadTables.js'
import type { NewExtent } from '../../src/volume/physicalVolume.js'
import {
  CATALOG_APPLICATION_ID,
  CATALOG_FORMAT,
  CATALOG_SCHEMA,
  PAGE_BYTES,
  PAYLOAD_SCHEMA,
} from '../../src/volume/schema.js'
import { SqlDatabase, type SqlValue } from '../../src/volume/sqlite.js'
import { seededRandom } from '../support/groups.js'

const BEGIN_MS = Date.UTC(2026, 0, 1)

/** What a store holds at one moment: from here many schedules begin. */
export interface Scene {
  /** By table, all rows in one statement. */
  readonly rows: readonly { readonly insert: string; readonly values: readonly SqlValue[] }[]
  /** By volume, but for the one in the catalog's file. */
  readonly staged: readonly (readonly NewExtent[])[]
  readonly nowMs: number
}

/** What a store is spread over: `copies` of each extent, each on another volume. */
export interface Spread {
  readonly volumes: number
  readonly copies: number
}

export class Ground {
  readonly #tables: string[]
  readonly empty: Scene

  private constructor(
    readonly database: SqlDatabase,
    readonly layout: VolumeGroupLayout,
    readonly spread: Spread,
  ) {
    this.#tables = database
      .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .map(({ name }) => name)
    this.empty = { rows: this.rows(), staged: [], nowMs: BEGIN_MS }
  }

  static make(spread: Spread): Ground {
    const random = seededRandom('ground')
    const profile = makeProfile({
      peSize: 65_536,
      chunker: { minBytes: 64, averageBytes: 256, maxBytes: 1024 },
      splitter: { averageFanout: 4, maxFanout: 8 },
    })
    const first = firstLayout('/nowhere/store.varve', profile, BEGIN_MS, random)
    const home = first.physicalVolumes[0] as PhysicalVolumeLayout
    const others = Array.from({ length: spread.volumes - 1 }, (_, index): PhysicalVolumeLayout => {
      const number = index + 1
      return { ...home, number, uuid: `${home.uuid.slice(0, -1)}${number}`, path: `pv${number}` }
    })
    const { copies } = spread
    const layout: VolumeGroupLayout = {
      ...first,
      physicalVolumes: [home, ...others.map(({ catalogPath: _, ...volume }) => volume)],
      logicalVolumes: first.logicalVolumes.map((volume) => ({
        ...volume,
        type: copies > 1 ? 'mirrored' : 'striped',
        copies,
      })),
    }
    const options = {
      lockTimeoutMs: 0,
      applicationId: CATALOG_APPLICATION_ID,
      userVersion: CATALOG_FORMAT,
      pageBytes: PAGE_BYTES,
      journal: 'wal' as const,
      schema: PAYLOAD_SCHEMA + CATALOG_SCHEMA,
    }
    const database = SqlDatabase.create(':memory:', options, (made) => {
      new PayloadTables(made).initialise({ uuid: home.uuid, vg: layout.vg, number: 0 }, BEGIN_MS, layout)
      const catalog = new Catalog(made)
      catalog.initialise()
      for (const { number } of others) catalog.writeVolumeUse({ pv: number, transactions: 0, storedBytes: 0 })
    })
    return new Ground(database, layout, spread)
  }

  /** All that is in the database now. */
  rows(): Scene['rows'] {
    return this.#tables.flatMap((table) => {
      const rows = this.database.all<Record<string, SqlValue>>(`SELECT * FROM ${table}`).map(Object.values)
      if (rows.length === 0) return []
      const places = rows.map((row) => `(${row.map(() => '?').join(', ')})`)
      return [{ insert: `INSERT INTO ${table} VALUES ${places.join(', ')}`, values: rows.flat() as SqlValue[] }]
    })
  }

  restore({ rows }: Scene): void {
    this.database.write(() => {
      for (const table of this.#tables) this.database.run(`DELETE FROM ${table}`)
      for (const { insert, values } of rows) this.database.run(insert, ...values)
    })
  }
}
