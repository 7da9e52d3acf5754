/**
 * Physical volumes in SQLite: a file of their own (`SqliteVolume`), or the catalog's file (`HomeVolume`).
 */
import { statSync } from 'node:fs'
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { theChecksum } from '../codec/checksum.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import { hashPrefixes } from './hashPrefixes.js'
import type { PackedRows } from './packedRows.js'
import { PayloadTables } from './payloadTables.js'
import type {
  ChunkKey,
  ChunkLocation,
  HashPrefixes,
  NewExtent,
  PhysicalVolume,
  RecoveryRows,
  RecoveryState,
  StagedExtents,
  StageOptions,
  StoredExtent,
  VolumeIdentity,
  VolumeState,
} from './physicalVolume.js'
import { type Remains, rebuildFile, rebuildRest, remainsOf } from './rebuild.js'
import { recoveryState, writeRecoveryRows } from './recoveryRows.js'
import {
  CATALOG_FORMAT,
  OLDEST_FORMAT,
  PAGE_BYTES,
  PAYLOAD_APPLICATION_ID,
  PAYLOAD_FORMAT,
  PAYLOAD_SCHEMA,
  RECOVERY_SCHEMA,
} from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'

abstract class TableVolume implements PhysicalVolume {
  readonly tables: PayloadTables
  readonly location: string

  constructor(
    protected readonly database: SqlDatabase,
    readonly number: number,
    readonly uuid: string,
  ) {
    this.tables = new PayloadTables(database)
    this.location = database.path
  }

  abstract stage(extents: readonly NewExtent[], publishSequence: number, options?: StageOptions): Promise<StagedExtents>
  abstract recoveryState(): Promise<RecoveryState | undefined>
  abstract writeRecovery(rows: RecoveryRows, publishSequence: number): Promise<void>
  abstract close(): Promise<void>

  async lookup(hashes: readonly Hash[]): Promise<ChunkLocation[]> {
    // On one view: else each takes and gives back the locks of the file by itself.
    return this.database.snapshot(() => hashes.flatMap((hash) => this.tables.lookup(hash, this.number)))
  }

  async read(eid: number): Promise<StoredExtent | undefined> {
    return this.tables.read(eid, await theChecksum())
  }

  async list(first: number, end: number): Promise<number[]> {
    return this.tables.list(first, end)
  }

  async hashesBetween(first: Hash, last: Hash, limit: number): Promise<Hash[]> {
    return this.tables.hashesBetween(first, last, limit)
  }

  async hashPrefixes(limit: number): Promise<HashPrefixes | undefined> {
    return this.database.snapshot(() => {
      const prefixes = hashPrefixes(this.database, limit)
      return prefixes && { prefixes, transactions: this.tables.state().transactions }
    })
  }

  async chunksOf(eid: number): Promise<Hash[]> {
    return this.tables.chunksOf(eid)
  }

  async chunkRows(after: ChunkKey | undefined, limit: number): Promise<ChunkLocation[]> {
    return this.tables.chunkRows(after, limit, this.number)
  }

  async packedChunkRows(after: ChunkKey | undefined, limit: number): Promise<PackedRows> {
    return this.tables.packedChunkRows(after, limit, this.number)
  }

  async chunkRowsOf(eids: readonly number[]): Promise<ChunkLocation[]> {
    return this.tables.chunkRowsOf(eids, this.number)
  }

  async remove(eids: readonly number[], chunks?: readonly ChunkKey[]): Promise<void> {
    this.database.write(() => this.tables.remove(eids, chunks))
  }

  async state(): Promise<VolumeState> {
    return this.tables.state()
  }

  async layout(): Promise<VolumeGroupLayout> {
    return this.tables.layout()
  }

  async layoutSequence(): Promise<number> {
    return this.tables.soundLayoutSequence()
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

  async spareBytes(): Promise<number> {
    return this.database.spareBytes()
  }

  async giveBack(bytes: number): Promise<void> {
    if (!rebuildRest(this.database, bytes)) await this.database.giveBack(bytes)
  }

  async rebuild(): Promise<void> {
    rebuildFile(this.database)
  }

  async remains(): Promise<Remains> {
    return remainsOf(this.database)
  }
}

/** A volume with a file of its own: rollback journal, so that payload is written to the disk once. */
export class SqliteVolume extends TableVolume {
  static create(
    path: string,
    header: VolumeIdentity,
    createdMs: number,
    layout: VolumeGroupLayout,
    options: OpenDatabaseOptions,
  ): SqliteVolume {
    const database = SqlDatabase.create(
      path,
      {
        ...options,
        applicationId: PAYLOAD_APPLICATION_ID,
        userVersion: PAYLOAD_FORMAT,
        pageBytes: PAGE_BYTES,
        journal: 'truncate',
        schema: PAYLOAD_SCHEMA + RECOVERY_SCHEMA,
      },
      (made) => new PayloadTables(made).initialise(header, createdMs, layout),
    )
    return new SqliteVolume(database, header.number, header.uuid)
  }

  /** @throws {VarveError} `NOT_A_STORE`, `FORMAT_NEWER`, `STORE_NOT_FOUND` */
  static open(path: string, options: OpenDatabaseOptions): SqliteVolume {
    const database = SqlDatabase.open(path, options)
    try {
      requireFormat(database, PAYLOAD_APPLICATION_ID)
      database.setJournal('truncate')
      const { number, uuid } = new PayloadTables(database).state()
      return new SqliteVolume(database, number, uuid)
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Durable when resolved: order of payload before publish is safety rule 1. */
  async stage(extents: readonly NewExtent[], publishSequence: number, options?: StageOptions): Promise<StagedExtents> {
    const transactions = this.database.write(() => {
      if (options?.replaces) this.tables.remove(extents.map(({ eid }) => eid))
      for (const extent of extents) this.tables.insert(extent)
      if (options?.recovery) writeRecoveryRows(this.database, options.recovery)
      return this.tables.countTransaction(publishSequence)
    })
    return { complete: () => transactions }
  }

  async recoveryState(): Promise<RecoveryState | undefined> {
    return recoveryState(this.database)
  }

  async writeRecovery(rows: RecoveryRows, publishSequence: number): Promise<void> {
    this.database.write(() => {
      writeRecoveryRows(this.database, rows)
      this.tables.sawPublish(publishSequence)
    })
  }

  /**
   * It has all that the catalog names on it, and is no older than that any more. Durable when it returns.
   * @param transactions that the catalog knows of
   */
  catchUp(transactions: number, layout: VolumeGroupLayout): void {
    this.database.write(() => {
      this.tables.countUpTo(transactions)
      this.tables.writeLayout(layout)
    })
  }

  async close(): Promise<void> {
    this.database.close()
  }
}

/** The volume in the catalog's file. Its payload is written by the publishing transaction itself. */
export class HomeVolume extends TableVolume {
  async stage(extents: readonly NewExtent[], _sequence?: number, options?: StageOptions): Promise<StagedExtents> {
    return this.stageNow(extents, options)
  }

  stageNow(extents: readonly NewExtent[], options?: StageOptions): StagedExtents {
    return {
      complete: () => {
        if (options?.replaces) this.tables.remove(extents.map(({ eid }) => eid))
        for (const extent of extents) this.tables.insert(extent)
        // Catalog and payload in one file cannot fall apart: nothing to count.
        return 0
      },
    }
  }

  /** None: it is lost with the catalog. */
  async recoveryState(): Promise<undefined> {
    return undefined
  }

  async writeRecovery(): Promise<void> {
    // None either.
  }

  /** Drops extents inside the catalog's transaction: catalog and payload in one file do not fall apart. */
  removeNow(eids: readonly number[]): void {
    this.tables.remove(eids)
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
  const newest = applicationId === PAYLOAD_APPLICATION_ID ? PAYLOAD_FORMAT : CATALOG_FORMAT
  if (version < OLDEST_FORMAT || version > newest) {
    const newer = version > newest
    throw new VarveError(
      newer ? 'FORMAT_NEWER' : 'NOT_A_STORE',
      `${database.path} has format ${version}; this varve reads format ${newest}`,
      {
        path: database.path,
        expected: newest,
        actual: version,
        ...(newer ? { hint: 'Use a newer varve.' } : {}),
      },
    )
  }
}
