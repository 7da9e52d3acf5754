/**
 * One SQLite file, opened the way varve needs it.
 *
 * Guarantees: every write transaction takes the write lock first (BEGIN IMMEDIATE) and is durable when `write`
 * returns (synchronous FULL, and a full flush on macOS); a body that throws leaves nothing behind; SQLite's errors
 * come out as `VarveError`s that name the file.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type BetterSqlite3 from 'better-sqlite3'
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import { openDatabase } from './driver.js'
import { DURABLE } from './durable.js'
import { openingHint, refuseSidecar, statOf } from './files.js'
import { waitForLock } from './writeLock.js'

/**
 * better-sqlite3 12 aborts the process on Node 24 when one of its objects is garbage collected. There they are kept: a
 * few kilobytes for every store that was opened, until the process ends. So `pragma` and `iterate`, which make
 * statements of their own, are not used here.
 */
const COLLECTING_ABORTS = Number(process.versions.node.split('.')[0]) >= 24
/** 4 MiB at 4 KiB a page. */
const GIVE_BACK_PAGES = 1024
const SHORT_LOG_PAGES = 32
const keptForEver: unknown[] = []

export type SqlValue = string | number | bigint | Buffer | null
/** A statement that gives nothing back, with what goes in it. */
export type SqlRun = readonly [sql: string, ...values: SqlValue[]]

/**
 * `full`: on the disk when `write` returns. `ordered`: on the disk before the next write that is `full`, and until then
 * all of it or, after a power failure, nothing of it. Only a write-ahead log keeps that order. `offhand`: as `ordered`, where nobody
 * else is writing (else STORE_LOCKED at once), and `sync` does not bring it to the disk.
 */
export type Durability = 'full' | 'ordered' | 'offhand'

export interface OpenDatabaseOptions {
  /** How long a busy lock is waited for, in milliseconds, before STORE_LOCKED. */
  readonly lockTimeoutMs: number
  readonly readOnly?: boolean
  /** Memory for pages, in KiB. Default: SQLite's, 16 MB. */
  readonly cacheKib?: number
}

export interface CreateDatabaseOptions extends OpenDatabaseOptions {
  readonly applicationId: number
  readonly userVersion: number
  readonly pageBytes: number
  readonly journal: 'wal' | 'truncate'
  readonly schema: string
}

export class SqlDatabase {
  /** See `keepLogShort`. */
  isLogShort = false
  /** Whether something was written `ordered` since the last `sync`. */
  private isUnsynced = false
  private readonly statements = new Map<string, BetterSqlite3.Statement>()
  private transaction: BetterSqlite3.Transaction<(body: () => unknown) => unknown> | undefined

  private constructor(
    readonly path: string,
    private readonly handle: BetterSqlite3.Database,
    readonly readOnly: boolean,
    private readonly lockTimeoutMs: number,
  ) {}

  /**
   * Makes a new file with its schema and first rows: killed in the middle it leaves nothing, or an empty file, which
   * the next `create` takes. Durable when it returns.
   * @param initialise writes the first rows, inside the transaction that makes the schema
   * @throws {VarveError} `STORE_EXISTS` when anything is at `path`; `INVALID_PATH`
   */
  static create(
    path: string,
    options: CreateDatabaseOptions,
    initialise: (database: SqlDatabase) => void,
  ): SqlDatabase {
    refuseSidecar(path)
    const stat = statOf(path)
    if (stat && !(stat.isFile() && stat.size === 0)) {
      throw new VarveError('STORE_EXISTS', `${path} exists already`, { path })
    }
    const database = SqlDatabase.connect(path, { ...options, fileMustExist: false })
    try {
      database.guard(() => {
        database.set('page_size', options.pageBytes)
        database.setDurability()
        const make = database.handle.transaction(() => {
          // FULL auto-vacuum would move pages behind gc's back; INCREMENTAL lets it give space back when told. It writes the first page,
          // and takes the write lock with that: before the transaction, a page would be left of one that comes to nothing.
          database.set('auto_vacuum', 'INCREMENTAL')
          // Somebody else may have been as quick.
          if (database.pragma('schema_version') !== 0) {
            throw new VarveError('STORE_EXISTS', `${path} exists already`, { path })
          }
          database.set('application_id', options.applicationId)
          database.set('user_version', options.userVersion)
          database.handle.exec(options.schema)
          initialise(database)
        })
        // The lock cannot come first: it makes that page without auto-vacuum.
        make.deferred()
        database.setJournal(options.journal)
      })
    } catch (error) {
      database.close()
      throw error
    }
    return database
  }

  /**
   * @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `STORAGE_DENIED`, `STORE_LOCKED`
   */
  static open(path: string, options: OpenDatabaseOptions): SqlDatabase {
    const stat = statOf(path)
    if (!stat) throw new VarveError('STORE_NOT_FOUND', `there is no file ${path}`, { path })
    if (!stat.isFile()) throw new VarveError('NOT_A_STORE', `${path} is not a file`, { path })
    const database = SqlDatabase.connect(path, { ...options, fileMustExist: true })
    try {
      database.guard(() => {
        // The first read shows whether this is a database at all, and settles the journal mode.
        database.pragma('schema_version')
        database.setDurability()
        if (options.cacheKib !== undefined) database.set('cache_size', 0 - options.cacheKib)
      })
    } catch (error) {
      database.close()
      throw error
    }
    return database
  }

  /** Does nothing where the file has that journal already. */
  setJournal(journal: 'wal' | 'truncate'): void {
    this.guard(() => {
      if (this.readOnly || this.pragma('journal_mode') === journal) return
      this.set('journal_mode', journal)
      this.setDurability()
    })
  }

  /**
   * Lets it be read where nothing can be written: what a write-ahead log holds goes into the file, and readers need no files
   * beside it any more. `setJournal` ends that. @throws {VarveError} `STORE_LOCKED` while others have it open
   */
  seal(): void {
    this.guard(() => {
      this.set('journal_mode', 'truncate')
      if (this.pragma('journal_mode') === 'truncate') return
      throw new VarveError('STORE_LOCKED', `${this.path} is open elsewhere, and cannot be sealed now`, {
        path: this.path,
        hint: 'Run the command again when other commands have ended.',
      })
    })
  }

  /** As `seal`, and keeps others out until this is closed. @throws {VarveError} `STORE_LOCKED` while others have it open */
  sealAlone(): void {
    // Kept from the change of the journal on, which takes being alone.
    this.set('locking_mode', 'EXCLUSIVE')
    try {
      this.seal()
    } catch (error) {
      this.set('locking_mode', 'NORMAL')
      throw error
    }
  }

  private setDurability(): void {
    for (const [name, value] of DURABLE) this.set(name, value)
    // A big batch that writes pages before its end shuts readers of a rollback-journal file out meanwhile. A
    // write-ahead log takes such pages without harm, and memory is better spent elsewhere.
    this.set('cache_spill', this.pragma('journal_mode') === 'wal' ? 'ON' : 'OFF')
  }

  get applicationId(): number {
    return this.guard(() => this.pragma('application_id') as number)
  }

  get userVersion(): number {
    return this.guard(() => this.pragma('user_version') as number)
  }

  /** Makes the tables of all versions up to that one that came since (`schemas`, by version) and says which the file is now; does nothing if somebody was as quick. */
  upgrade(userVersion: number, schemas: ReadonlyMap<number, string>): void {
    this.write(() => {
      const before = this.userVersion
      if (before >= userVersion) return
      for (const [version, schema] of schemas) {
        if (version > before && version <= userVersion) this.handle.exec(schema)
      }
      this.set('user_version', userVersion)
    })
  }

  /**
   * As `upgrade`, while nobody else has the file open: programs look at its version when they open it, and not again.
   * @returns false where somebody has; then nothing was changed
   */
  upgradeAlone(userVersion: number, schemas: ReadonlyMap<number, string>): boolean {
    const timeoutMs = this.guard(() => this.pragma('busy_timeout')) as number
    try {
      // Not waited for: they may have it open for days.
      this.set('busy_timeout', 0)
      // Kept from the change of the journal on, which takes being alone, to the end of the upgrade.
      this.set('locking_mode', 'EXCLUSIVE')
      this.seal()
      this.upgrade(userVersion, schemas)
      return true
    } catch (error) {
      if (isVarveError(error, 'STORE_LOCKED')) return false
      throw error
    } finally {
      this.set('busy_timeout', timeoutMs)
      this.set('locking_mode', 'NORMAL')
      this.setJournal('wal')
      // The lock is given up with the next read.
      this.guard(() => this.pragma('schema_version'))
    }
  }

  /** For a disk with next to no room: the write-ahead log is emptied after every few pages. */
  keepLogShort(): void {
    this.isLogShort = true
    this.set('wal_autocheckpoint', SHORT_LOG_PAGES)
    this.set('journal_size_limit', 0)
  }

  /** SQLite's own structural check; an empty list when all is well. */
  integrityProblems(): string[] {
    return this.guard(() => {
      const rows = this.statement('PRAGMA integrity_check(100)').all() as { integrity_check: string }[]
      return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok')
    })
  }

  run(sql: string, ...parameters: SqlValue[]): { changes: number } {
    return this.guard(() => ({ changes: this.statement(sql).run(...parameters).changes }))
  }

  get<T>(sql: string, ...parameters: SqlValue[]): T | undefined {
    return this.guard(() => this.statement(sql).get(...parameters) as T | undefined)
  }

  all<T>(sql: string, ...parameters: SqlValue[]): T[] {
    return this.guard(() => this.statement(sql).all(...parameters) as T[])
  }

  /** Runs `body` in one write transaction; nested calls join the outer one. */
  write<T>(body: () => T, durability: Durability = 'full'): T {
    if (this.handle.inTransaction) return body()
    return this.guard(() => {
      if (durability === 'full') return this.whenFree(body)
      this.set('synchronous', 'NORMAL')
      this.isUnsynced ||= durability === 'ordered'
      try {
        return this.whenFree(body, durability === 'ordered' ? this.lockTimeoutMs : 0)
      } finally {
        this.set('synchronous', 'FULL')
      }
    })
  }

  /** Brings to the disk what was written `ordered`. */
  sync(): void {
    if (!this.isUnsynced) return
    // A transaction that writes nothing syncs nothing; this one writes a page, and the whole log is synced with it.
    this.write(() => this.set('user_version', this.userVersion))
    this.isUnsynced = false
  }

  /** Runs `body` on one unchanging view of the file. */
  snapshot<T>(body: () => T): T {
    if (this.handle.inTransaction) return body()
    return this.guard(() => this.inTransaction('deferred', body))
  }

  /** Only the write lock is waited for in short steps. What a commit waits for, readers of a file without a log, SQLite does. */
  private whenFree<T>(body: () => T, timeoutMs = this.lockTimeoutMs): T {
    return waitForLock(() => {
      let isBegun = false
      try {
        this.setPatience(0)
        const value = this.inTransaction('immediate', () => {
          isBegun = true
          this.setPatience(this.lockTimeoutMs)
          return body()
        })
        return { value }
      } catch (error) {
        if (isBegun || !sqliteCode(error)?.startsWith('SQLITE_BUSY')) throw error
        return { busy: error }
      } finally {
        if (!isBegun) this.setPatience(this.lockTimeoutMs)
      }
    }, timeoutMs)
  }

  private setPatience(ms: number): void {
    // A statement, which is kept: `exec` would be as slow as some transactions are.
    this.statement(`PRAGMA busy_timeout = ${ms}`).get()
  }

  private inTransaction<T>(kind: 'immediate' | 'deferred', body: () => T): T {
    // Made once: making one takes longer than many a transaction does.
    this.transaction ??= this.handle.transaction((work: () => unknown) => work())
    return this.transaction[kind](body) as T
  }

  /** All pages. */
  lengthBytes(): number {
    return this.guard(() => (this.pragma('page_count') as number) * (this.pragma('page_size') as number))
  }

  /** Pages that nothing is in. */
  spareBytes(): number {
    return this.guard(() => (this.pragma('freelist_count') as number) * (this.pragma('page_size') as number))
  }

  /**
   * Shortens the file by about so many bytes, of those that nothing is in. Step by step: each has the write lock for a
   * moment. A file that was made without the means for it stays as long as it is.
   */
  async giveBack(bytes: number): Promise<void> {
    const pageBytes = this.guard(() => this.pragma('page_size') as number)
    const step = this.isLogShort ? SHORT_LOG_PAGES : GIVE_BACK_PAGES
    for (let left = Math.ceil(bytes / pageBytes); left > 0; left -= step) {
      const before = this.spareBytes()
      if (before === 0) break
      this.guard(() => this.handle.exec(`PRAGMA incremental_vacuum(${Math.min(left, step)})`))
      if (this.spareBytes() === before) break
      await nextTurn()
    }
    this.guard(() => this.statement('PRAGMA wal_checkpoint(TRUNCATE)').get())
  }

  close(): void {
    if (!this.handle.open) return
    try {
      this.sync()
    } finally {
      if (COLLECTING_ABORTS) keptForEver.push(this.handle, ...this.statements.values())
      this.statements.clear()
      this.guard(() => this.handle.close())
    }
  }

  private set(pragma: string, value: string | number): void {
    this.handle.exec(`PRAGMA ${pragma} = ${value}`)
  }

  private pragma(name: string): unknown {
    const row = this.statement(`PRAGMA ${name}`).get() as Record<string, unknown> | undefined
    return row?.[name]
  }

  private statement(sql: string): BetterSqlite3.Statement {
    let statement = this.statements.get(sql)
    if (!statement) {
      statement = this.handle.prepare(sql)
      this.statements.set(sql, statement)
    }
    return statement
  }

  /** @throws {VarveError} `INVALID_ARGUMENT` once the file was closed */
  requireOpen(): void {
    if (!this.handle.open) throw new VarveError('INVALID_ARGUMENT', `${this.path} was closed`, { path: this.path })
  }

  private guard<T>(body: () => T): T {
    this.requireOpen()
    try {
      return body()
    } catch (error) {
      // Inside a transaction the whole of it is done again, by the call that began it.
      if (!this.readOnly || this.handle.inTransaction || !isHalfDone(error)) throw mapSqliteError(error, this.path)
      this.rollBackForOthers()
    }
    try {
      return body()
    } catch (error) {
      throw mapSqliteError(error, this.path)
    }
  }

  /** What a killed process left half done can be undone by those alone who may write: then by them, at once. */
  private rollBackForOthers(): void {
    const writer = SqlDatabase.connect(this.path, { lockTimeoutMs: this.lockTimeoutMs, fileMustExist: true })
    try {
      writer.guard(() => writer.pragma('schema_version'))
    } finally {
      writer.close()
    }
  }

  private static connect(path: string, options: OpenDatabaseOptions & { fileMustExist: boolean }): SqlDatabase {
    try {
      const readonly = options.readOnly ?? false
      const handle = openDatabase(path, {
        fileMustExist: options.fileMustExist,
        readonly,
        timeout: options.lockTimeoutMs,
      })
      return new SqlDatabase(path, handle, readonly, options.lockTimeoutMs)
    } catch (error) {
      throw mapSqliteError(error, path)
    }
  }
}

const DAMAGE_CODES = ['SQLITE_ERROR', 'SQLITE_CONSTRAINT', 'SQLITE_MISMATCH', 'SQLITE_FORMAT', 'SQLITE_RANGE']

/** As a `VarveError` that names the file, whichever thread it came from. */
export function mapSqliteError(error: unknown, path: string): unknown {
  const code = sqliteCode(error)
  if (code === undefined) return error
  const cause = error
  const says = error instanceof Error ? error.message : String(error)
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED') || code === 'SQLITE_PROTOCOL') {
    return new VarveError('STORE_LOCKED', `${path} is locked by another process`, {
      path,
      cause,
      hint: 'Wait for the other command to end, or give a longer lock time-out.',
    })
  }
  // The index of the write-ahead log cannot be made: there is no room even for that.
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') {
    return new VarveError('STORAGE_FULL', `no space left for ${path}`, {
      path,
      cause,
      hint:
        'Nothing was lost. Free some space; or add a volume elsewhere (`varve vg extend FILE`), close this one to new data ' +
        '(`varve pv change PV --allocatable n`), and run the command again.',
    })
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return new CorruptionError('CORRUPT', `${path} is damaged: ${says}`, {
      path,
      cause,
      hint: 'Run `varve verify` to see what is hit.',
    })
  }
  if (code === 'SQLITE_NOTADB') {
    return new VarveError('NOT_A_STORE', `${path} is not a varve store, or its first page is damaged`, { path, cause })
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return new VarveError('STORAGE_READ_ONLY', `${path} cannot be written: ${says}`, {
      path,
      cause,
      hint:
        'Check the permissions of the file and of its folder, and how its disk is mounted. Even to be read, a store needs ' +
        'two more files in its folder: `-wal` and `-shm`, which may be empty.',
    })
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code === 'SQLITE_PERM' || code === 'SQLITE_AUTH') {
    return new VarveError('STORAGE_DENIED', `${path} cannot be opened: ${says}`, {
      path,
      cause,
      hint: openingHint(path),
    })
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return new VarveError('STORAGE_IO', `reading or writing ${path} failed: ${says} (${code})`, { path, cause })
  }
  if (DAMAGE_CODES.some((damage) => code.startsWith(damage))) {
    // A schema that does not fit, a value of the wrong type, a broken constraint: the file is not what was written.
    return new CorruptionError('CORRUPT', `${path} is damaged: ${says} (${code})`, { path, cause })
  }
  return new VarveError('STORAGE_IO', `working on ${path} failed: ${says} (${code})`, { path, cause })
}

function isHalfDone(error: unknown): boolean {
  const code = sqliteCode(error instanceof VarveError ? error.cause : error)
  return code === 'SQLITE_READONLY_ROLLBACK' || code === 'SQLITE_READONLY_RECOVERY'
}

function sqliteCode(error: unknown): string | undefined {
  if (error instanceof VarveError || !(error instanceof Error)) return undefined
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && code.startsWith('SQLITE_')) return code
  // better-sqlite3 reports a missing folder as a TypeError without a code.
  if (error instanceof TypeError && error.message.includes('directory does not exist')) return 'SQLITE_CANTOPEN'
  return undefined
}
