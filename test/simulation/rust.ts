/** Damage in a store of the simulation: a bit of an extent's stored bytes flips, behind everybody's back. */
import { isVarveError } from '../../src/base/errors.js'
import { type Checksum, theChecksum } from '../../src/codec/checksum.js'
import type { SqlDatabase } from '../../src/volume/sqlite.js'
import type { MemoryVolume } from '../support/memoryVolume.js'

interface Row {
  readonly frame: Buffer
  readonly checksum: Buffer
}

export class Rust {
  /** Whether ever a copy was damaged that had no other beside it: then who reads it may be told so. */
  wasOnlyCopy = false

  private constructor(
    private readonly database: SqlDatabase,
    private readonly volumes: readonly MemoryVolume[],
    private readonly checksum: Checksum,
  ) {}

  /** @param volumes but for the one in the catalog's file, which is `database` */
  static async make(database: SqlDatabase, volumes: readonly MemoryVolume[]): Promise<Rust> {
    return new Rust(database, volumes, await theChecksum())
  }

  /** Volumes on which the catalog has an extent. */
  copies(eid: number): number[] {
    return this.database.all<{ pv: number }>('SELECT pv FROM copy WHERE eid = ?', eid).map(({ pv }) => pv)
  }

  async isSound(eid: number, pv: number): Promise<boolean> {
    if (pv === 0) {
      const row = this.#home(eid)
      return row !== undefined && this.checksum.of(row.frame).equals(row.checksum)
    }
    try {
      return (await this.volumes[pv - 1]?.read(eid)) !== undefined
    } catch (error) {
      if (isVarveError(error, 'CORRUPT_EXTENT')) return false
      throw error
    }
  }

  /** Done twice, it is as it was. Of one that is not there, nothing. */
  async flip(eid: number, pv: number): Promise<void> {
    if (pv !== 0) {
      const held = await this.volumes[pv - 1]?.list(eid, eid + 1)
      if (held?.length === 1) this.volumes[pv - 1]?.damage(eid, 'frame')
      return
    }
    const row = this.#home(eid)
    if (!row) return
    const frame = Buffer.from(row.frame)
    frame[0] = (frame[0] ?? 0) ^ 1
    this.database.run('UPDATE payload SET frame = ? WHERE eid = ?', frame, eid)
  }

  #home(eid: number): Row | undefined {
    return this.database.get<Row>('SELECT frame, checksum FROM payload WHERE eid = ?', eid)
  }
}
