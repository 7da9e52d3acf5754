/**
 * Physical volumes in SQLite: a file of their own (`SqliteVolume`), or the catalog's file (`HomeVolume`).
 */
import { statSync } from 'node:fs'
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import type { Checksum } from '../codec/checksum.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import { PayloadTables } from './payloadTables.js'
import type {
  ChunkLocation,
  NewExtent,
  PhysicalVolume,
  StagedExtents,
  StoredExtent,
  VolumeIdentity,
  VolumeState,
} from './physicalVolume.js'
import { FORMAT_VERSION, PAGE_BYTES, PAYLOAD_APPLICATION_ID, PAYLOAD_SCHEMA } from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'

abstract class TableVolume implements PhysicalVolume {
  readonly tables: PayloadTables
  readonly location: string

  constructor(
    protected readonly database: SqlDatabase,
    checksum: Checksum,
    readonly number: number,
    readonly uuid: string,
  ) {
    this.tables = new PayloadTables(database, checksum)
    this.location = database.path
  }

  abstract stage(extents: readonly NewExtent[], publishSequence: number): Promise<StagedExtents>
  abstract close(): Promise<void>

  async lookup(hashes: readonly Hash[]): Promise<ChunkLocation[]> {
    return hashes.flatMap((hash) => this.tables.lookup(hash, this.number))
  }

  async read(eid: number): Promise<StoredExtent | undefined> {
    return this.tables.read(eid)
  }

  async list(first: number, end: number): Promise<number[]> {
    return this.tables.list(first, end)
  }

  async hashesBetween(first: Hash, last: Hash, limit: number): Promise<Hash[]> {
    return this.tables.hashesBetween(first, last, limit)
  }

  async chunksOf(eid: number): Promise<Hash[]> {
    return this.tables.chunksOf(eid)
  }

  async remove(eids: readonly number[]): Promise<void> {
    this.database.write(() => this.tables.remove(eids))
  }

  async state(): Promise<VolumeState> {
    return this.tables.state()
  }

  async layout(): Promise<VolumeGroupLayout> {
    return this.tables.layout()
  }

  async writeLayout(layout: VolumeGroupLayout): Promise<void> {
    this.database.write(() => this.tables.writeLayout(layout))
  }

  async integrityProblems(): Promise<string[]> {
    return this.database.integrityProblems()
  }

  async fileBytes(): Promise<number> {
    const log = statSync(`${this.database.path}-wal`, { throwIfNoEntry: false })
    return statSync(this.database.path).size + (log?.size ?? 0)
  }
}

/** A volume with a file of its own: rollback journal, so that payload is written to the disk once. */
export class SqliteVolume extends TableVolume {
  static create(
    path: string,
    header: VolumeIdentity,
    createdMs: number,
    layout: VolumeGroupLayout,
    checksum: Checksum,
    options: OpenDatabaseOptions,
  ): SqliteVolume {
    const database = SqlDatabase.create(
      path,
      {
        ...options,
        applicationId: PAYLOAD_APPLICATION_ID,
        userVersion: FORMAT_VERSION,
        pageBytes: PAGE_BYTES,
        journal: 'truncate',
        schema: PAYLOAD_SCHEMA,
      },
      (made) => new PayloadTables(made, checksum).initialise(header, createdMs, layout),
    )
    return new SqliteVolume(database, checksum, header.number, header.uuid)
  }

  /** @throws {VarveError} `NOT_A_STORE`, `FORMAT_NEWER`, `STORE_NOT_FOUND` */
  static open(path: string, checksum: Checksum, options: OpenDatabaseOptions): SqliteVolume {
    const database = SqlDatabase.open(path, options)
    try {
      requireFormat(database, PAYLOAD_APPLICATION_ID)
      database.setJournal('truncate')
      const { number, uuid } = new PayloadTables(database, checksum).state()
      return new SqliteVolume(database, checksum, number, uuid)
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Durable when resolved: order of payload before publish is safety rule 1. */
  async stage(extents: readonly NewExtent[], publishSequence: number): Promise<StagedExtents> {
    const transactions = this.database.write(() => {
      for (const extent of extents) this.tables.insert(extent)
      return this.tables.countTransaction(publishSequence)
    })
    return { complete: () => transactions }
  }

  async close(): Promise<void> {
    this.database.close()
  }
}

/** The volume in the catalog's file. Its payload is written by the publishing transaction itself. */
export class HomeVolume extends TableVolume {
  async stage(extents: readonly NewExtent[]): Promise<StagedExtents> {
    return this.stageNow(extents)
  }

  stageNow(extents: readonly NewExtent[]): StagedExtents {
    return {
      complete: () => {
        for (const extent of extents) this.tables.insert(extent)
        // Catalog and payload in one file cannot fall apart: nothing to count.
        return 0
      },
    }
  }

  /** For the writer whose transaction is its lease: it looks up under the write lock. */
  lookupNow(hash: Hash): ChunkLocation[] {
    return this.tables.lookup(hash, this.number)
  }

  async close(): Promise<void> {
    // The catalog owns the connection.
  }
}

/** @throws {VarveError} `NOT_A_STORE`, `FORMAT_NEWER` */
export function requireFormat(database: SqlDatabase, applicationId: number): void {
  if (database.applicationId !== applicationId) {
    throw new VarveError('NOT_A_STORE', `${database.path} is a SQLite file, but not one of varve's`, {
      path: database.path,
      expected: applicationId,
      actual: database.applicationId,
    })
  }
  const version = database.userVersion
  if (version !== FORMAT_VERSION) {
    const newer = version > FORMAT_VERSION
    throw new VarveError(
      newer ? 'FORMAT_NEWER' : 'NOT_A_STORE',
      `${database.path} has format ${version}; this varve reads format ${FORMAT_VERSION}`,
      {
        path: database.path,
        expected: FORMAT_VERSION,
        actual: version,
        ...(newer ? { hint: 'Use a newer varve.' } : {}),
      },
    )
  }
}
