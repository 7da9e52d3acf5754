/**
 * A volume by itself, without its group: what it holds counts as named, for there is no catalog that says otherwise. Read only, and
 * also of a file whose header or layout is damaged.
 */
import { isVarveError, type VarveError } from '../base/errors.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import { decodeSlots } from '../format/slots.js'
import type { ExtentRecord, PlacedRecord } from './catalog.js'
import type { ExtentClass, PhysicalVolume, VolumeState } from './physicalVolume.js'
import { CATALOG_APPLICATION_ID, PAYLOAD_APPLICATION_ID } from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'
import { HomeVolume, requireFormat } from './sqliteVolume.js'

interface PayloadRow {
  eid: number
  class: number
  raw_bytes: number
  stored_bytes: number
  slots: Buffer
  checksum: Buffer
}

const PAGE_ROWS = 1000
const COLUMNS = 'eid, class, raw_bytes, length(frame) AS stored_bytes, slots, checksum'
/** Of a file that does not say which volume it is. */
const NO_NUMBER = -1

export class LoneVolume {
  readonly absent: ReadonlyMap<number, VarveError> = new Map()
  readonly volumes: readonly PhysicalVolume[]
  readonly catalog: LoneCatalog

  private constructor(
    private readonly database: SqlDatabase,
    readonly role: 'catalog' | 'payload',
    readonly self: HomeVolume,
    /** `undefined` when it is damaged. */
    readonly header: VolumeState | undefined,
    readonly layout: VolumeGroupLayout | undefined,
  ) {
    this.volumes = [self]
    this.catalog = new LoneCatalog(database, self.number)
  }

  /** @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `FORMAT_NEWER`, `CORRUPT` when nothing can be read */
  static open(path: string, options: Pick<OpenDatabaseOptions, 'lockTimeoutMs'>): LoneVolume {
    const database = SqlDatabase.open(path, { ...options, readOnly: true })
    try {
      const role = database.applicationId === CATALOG_APPLICATION_ID ? 'catalog' : 'payload'
      requireFormat(database, role === 'catalog' ? CATALOG_APPLICATION_ID : PAYLOAD_APPLICATION_ID)
      const { tables } = new HomeVolume(database, NO_NUMBER, '')
      const header = unlessDamaged(() => tables.state())
      const layout = unlessDamaged(() => tables.layout())
      const self = new HomeVolume(database, header?.number ?? NO_NUMBER, header?.uuid ?? '')
      return new LoneVolume(database, role, self, header, layout)
    } catch (error) {
      database.close()
      throw error
    }
  }

  volume(number: number): PhysicalVolume | undefined {
    return number === this.self.number ? this.self : undefined
  }

  /** Extent numbers, ascending, page by page. @throws {VarveError} `CORRUPT` where the table cannot be followed */
  *pages(): Generator<readonly number[]> {
    for (let after = 0; ; ) {
      const rows = this.database.all<{ eid: number }>(
        'SELECT eid FROM payload WHERE eid > ? ORDER BY eid LIMIT ?',
        after,
        PAGE_ROWS,
      )
      const eids = rows.map(({ eid }) => eid)
      const last = eids.at(-1)
      if (last === undefined) return
      yield eids
      after = last
    }
  }

  /** @throws {VarveError} as `pages` */
  countExtents(): number {
    return this.database.get<{ n: number }>('SELECT count(*) AS n FROM payload')?.n ?? 0
  }

  close(): void {
    this.database.close()
  }
}

/** As a catalog would have it that names all that the volume holds, and nothing else. */
class LoneCatalog {
  constructor(
    private readonly database: SqlDatabase,
    private readonly pv: number,
  ) {}

  snapshot<T>(body: () => T): T {
    return this.database.snapshot(body)
  }

  extent(eid: number): ExtentRecord | undefined {
    const row = this.database.get<PayloadRow>(`SELECT ${COLUMNS} FROM payload WHERE eid = ?`, eid)
    return row && recordOf(row)
  }

  isVisible(eid: number): boolean {
    return this.database.get('SELECT 1 FROM payload WHERE eid = ?', eid) !== undefined
  }

  copies(eid: number): number[] {
    return this.isVisible(eid) ? [this.pv] : []
  }

  hasCopy(eid: number, pv: number): boolean {
    return pv === this.pv && this.isVisible(eid)
  }

  eachExtent(visit: (placed: PlacedRecord) => void): void {
    for (let after = 0; ; ) {
      const rows = this.database.all<PayloadRow>(
        `SELECT ${COLUMNS} FROM payload WHERE eid > ? ORDER BY eid LIMIT ?`,
        after,
        PAGE_ROWS,
      )
      const last = rows.at(-1)
      if (last === undefined) return
      for (const row of rows) {
        const record = recordOf(row)
        // How many chunks it has, nobody knows.
        if (record.chunks >= 0) visit({ record, pvs: [this.pv] })
      }
      after = last.eid
    }
  }

  /** What decodes through it may lie on other volumes: nobody is asked. */
  dependants(): number[] {
    return []
  }
}

/** What is wrong with a row is said by whoever reads the extent. */
function recordOf({ eid, class: kind, raw_bytes, stored_bytes, slots, checksum }: PayloadRow): ExtentRecord {
  const chunks = unlessDamaged(() => decodeSlots(slots).length) ?? -1
  return {
    eid,
    class: kind as ExtentClass,
    rawBytes: raw_bytes,
    storedBytes: stored_bytes,
    chunks,
    checksum,
    bases: [],
  }
}

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    // Columns of a damaged record can have any type.
    if (error instanceof TypeError || isVarveError(error, 'CORRUPT', 'CORRUPT_OBJECT')) return undefined
    throw error
  }
}
