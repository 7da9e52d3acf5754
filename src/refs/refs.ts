/**
 * Branches and tags: names for commits, over tables of the catalog.
 *
 * A change is a set of updates, each with the value it expects, inside a transaction of the catalog: all of them happen,
 * or none. Each writes its reflog row, all together one row of the operation log. Tags do not move unless forced to.
 * Names are full here: `heads/NAME`, `tags/NAME`.
 */
import type { Clock } from '../base/clock.js'
import { VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, hashFromBytes, hashToBytes, shortHash } from '../base/hash.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { noteAdopting, noteAllAdopting } from './branchVolumes.js'
import { LogWriter, type OperationInfo, type OperationLog, type RefChange, Reflog, type ReflogEntry } from './reflog.js'
import { type RefKind, requireFullRef, shortRef, splitRef } from './refName.js'

export type { OperationInfo, OperationLog, RefChange, ReflogEntry } from './reflog.js'

export interface RefRow {
  /** Full: `heads/NAME` or `tags/NAME`. */
  readonly name: string
  readonly target: Hash
  /** Tags only; `''` without one. */
  readonly message: string
  /** When it last moved. */
  readonly timeMs: number
}

/** A branch or tag as callers see it. */
export interface RefInfo {
  readonly name: string
  readonly kind: RefKind
  readonly target: Hash
  readonly message?: string
  /** When it last moved, in milliseconds since the epoch. */
  readonly timeMs: number
}

export interface RefUpdate {
  /** Full: `heads/NAME` or `tags/NAME`. */
  readonly name: string
  /** What it must point at before; `null`: it must not exist. */
  readonly expected: Hash | null | 'any'
  /** What it points at after; `null`: it is deleted. */
  readonly target: Hash | null
  /** Of a tag. */
  readonly message?: string | undefined
  /** Lets a tag move. */
  readonly force?: boolean | undefined
}

interface SqlRefRow {
  name: string
  target: Buffer
  message: string
  time_ms: number
  row_check: number
}

/** Updates that happen together, as one operation. */
export interface RefStep {
  readonly updates: readonly RefUpdate[]
  readonly log: OperationLog
  readonly timeMs: number
  /** What they are led to was written for them, on what they pointed at before. */
  readonly isOwn?: boolean | undefined
}

/** What one update does. */
export interface RefOutcome {
  readonly change: RefChange
  /** The row from then on; `undefined`: none. */
  readonly row: RefRow | undefined
}

type Reader = Pick<CatalogTransaction, 'get'>

export class Refs {
  private readonly log: Reflog

  constructor(
    private readonly catalog: Catalog,
    private readonly clock: Clock,
  ) {
    this.log = new Reflog(catalog)
  }

  /** @throws {CorruptionError} `CORRUPT_CATALOG` */
  get(name: string, source: Reader = this.catalog): RefRow | undefined {
    const row = source.get<SqlRefRow>('SELECT name, target, message, time_ms, row_check FROM ref WHERE name = ?', name)
    if (row) return this.checked(row)
    // Not there, or lost to a damaged page: a branch that is taken for new would lose its history.
    this.list()
    return undefined
  }

  /** Refs whose full name begins with `prefix`, sorted by the bytes of their names. @throws as `get` */
  list(prefix = ''): RefRow[] {
    const rows = this.catalog.allOf('refs_check', 'ref', () =>
      this.catalog.all<SqlRefRow>('SELECT name, target, message, time_ms, row_check FROM ref ORDER BY name'),
    )
    return rows.map((row) => this.checked(row)).filter(({ name }) => name.startsWith(prefix))
  }

  /**
   * Moves refs inside an open transaction. An update that changes nothing writes nothing.
   * @throws {VarveError} `REF_CONFLICT` when a ref is not where an update expects it, `REF_EXISTS` when a tag would move
   * without force, `REF_NOT_FOUND` when one that is not there would be deleted, `INVALID_REF_NAME`
   */
  apply(tx: CatalogTransaction, updates: readonly RefUpdate[], log: OperationLog, isOwn = false): void {
    this.applySteps(tx, [{ updates, log, timeMs: this.clock.nowMs(), isOwn }])
  }

  /**
   * One step after the other, each on what the one before left, and each with its rows in both logs. A ref that moves several
   * times is written once. @throws as `apply`: then the transaction must not stand
   */
  applySteps(tx: CatalogTransaction, steps: readonly RefStep[]): void {
    const rows = new Map<string, RefRow | undefined>()
    const current = (name: string): RefRow | undefined => {
      if (!rows.has(name)) rows.set(name, this.get(name, tx))
      return rows.get(name)
    }
    const moved = new Set<string>()
    const log = new LogWriter(tx)
    for (const step of steps) {
      const changes = outcomesOf(step, current).map(({ change, row }) => {
        rows.set(change.name, row)
        moved.add(change.name)
        return change
      })
      this.record(tx, log, step, changes, changes)
      if (!step.isOwn) noteAdopting(this.catalog, tx, changes)
    }
    for (const name of moved) {
      const row = rows.get(name)
      if (row) this.write(tx, row)
      else this.remove(tx, name)
    }
  }

  /**
   * Renames a branch or tag inside an open transaction; its reflog goes with it.
   * @throws {VarveError} `REF_NOT_FOUND`, `REF_EXISTS`, `INVALID_REF_NAME`
   */
  rename(tx: CatalogTransaction, from: string, to: string, log: OperationLog): void {
    requireFullRef(to)
    const before = this.get(from, tx)
    if (!before) throw refNotFound(from)
    const there = this.get(to, tx)
    if (there) throw refExists(there)
    const timeMs = this.clock.nowMs()
    this.remove(tx, from)
    this.write(tx, { ...before, name: to, timeMs })
    this.log.moveEntries(tx, from, to)
    const { target } = before
    this.record(
      tx,
      new LogWriter(tx),
      { log, timeMs },
      [
        { name: from, before: target, after: undefined },
        { name: to, before: undefined, after: target },
      ],
      [{ name: to, before: target, after: target }],
    )
    // The reflog came along: it does not say for which logical volume that was written.
    noteAllAdopting(this.catalog, tx, [to])
  }

  /** Moves of refs, newest first. @param name full; all refs without it */
  reflog(name?: string, limit?: number): ReflogEntry[] {
    return this.log.entries(name, limit)
  }

  /** For revisions such as `main@{1}`. */
  get history(): Pick<Reflog, 'count' | 'entryAt' | 'entryBefore' | 'firstEntry'> {
    return this.log
  }

  /** Transactions that changed refs, newest first. */
  operations(limit?: number): OperationInfo[] {
    return this.log.operations(limit)
  }

  private record(
    tx: CatalogTransaction,
    writer: LogWriter,
    { log, timeMs }: Pick<RefStep, 'log' | 'timeMs'>,
    changes: readonly RefChange[],
    moves: readonly RefChange[],
  ): void {
    if (changes.length === 0) return
    const operation = writer.addOperation(log, timeMs, changes)
    for (const move of moves) writer.addEntry(log, timeMs, move, operation)
    tx.advance('refs_sequence', 1)
  }

  private write(tx: CatalogTransaction, { name, target, message, timeMs }: RefRow): void {
    const before = tx.get<{ row_check: number }>('SELECT row_check FROM ref WHERE name = ?', name)?.row_check ?? 0
    const bytes = hashToBytes(target)
    const check = rowCheck(name, bytes, message, timeMs)
    tx.run(
      'INSERT OR REPLACE INTO ref (name, target, message, time_ms, row_check) VALUES (?, ?, ?, ?, ?)',
      name,
      bytes,
      message,
      timeMs,
      check,
    )
    tx.mix('refs_check', (before ^ check) >>> 0)
  }

  private remove(tx: CatalogTransaction, name: string): void {
    const row = tx.get<{ row_check: number }>('SELECT row_check FROM ref WHERE name = ?', name)
    if (!row) return
    tx.run('DELETE FROM ref WHERE name = ?', name)
    tx.mix('refs_check', row.row_check)
  }

  private checked(row: SqlRefRow): RefRow {
    const { name, target, message, time_ms: timeMs } = row
    if (!rowMatches(row.row_check, name, target, message, timeMs) || target.length !== HASH_BYTES || !splitRef(name)) {
      throw this.catalog.damaged('ref', name)
    }
    return { name, target: hashFromBytes(target), message, timeMs }
  }
}

/**
 * What a step does to refs that are as `current` says. An update that changes nothing has no outcome.
 * @throws as `Refs.apply`
 */
export function outcomesOf(
  { updates, timeMs }: RefStep,
  current: (name: string) => RefRow | undefined,
): readonly RefOutcome[] {
  const names = new Set<string>()
  return updates.flatMap((update) => {
    requireFullRef(update.name)
    if (names.has(update.name)) {
      throw new VarveError('INVALID_ARGUMENT', `${shortRef(update.name)} is updated twice at once`, {
        ref: update.name,
      })
    }
    names.add(update.name)
    return outcomeOf(update, current(update.name), timeMs) ?? []
  })
}

function outcomeOf(update: RefUpdate, current: RefRow | undefined, timeMs: number): RefOutcome | undefined {
  const { name, expected, target, force, message = '' } = update
  if (target !== null && current?.target === target && current.message === message && expected !== null) {
    if (expected !== 'any' && expected !== target) throw refConflict(name, expected, current.target)
    return undefined
  }
  // A tag that is in the way is said to be there, whoever expected what.
  if (current && target !== null && !force && splitRef(name)?.kind === 'tag') throw refExists(current)
  if (expected !== 'any' && expected !== (current?.target ?? null)) {
    throw refConflict(name, expected, current?.target ?? null)
  }
  if (target === null && !current) {
    if (expected === null) return undefined
    throw refNotFound(name)
  }
  const change = { name, before: current?.target, after: target ?? undefined }
  return { change, row: target === null ? undefined : { name, target, message, timeMs } }
}

export function describeRef({ name, target, message, timeMs }: RefRow): RefInfo {
  const parts = splitRef(name)
  return {
    name: parts?.name ?? name,
    kind: parts?.kind ?? 'branch',
    target,
    ...(message === '' ? {} : { message }),
    timeMs,
  }
}

export function refNotFound(name: string): VarveError {
  const parts = splitRef(name)
  return new VarveError('REF_NOT_FOUND', `there is no ${parts?.kind ?? 'ref'} ${JSON.stringify(parts?.name ?? name)}`, {
    ref: name,
  })
}

/** What is said of a ref that is in the way. */
export function refExists({ name, target }: RefRow): VarveError {
  const isTag = splitRef(name)?.kind === 'tag'
  return new VarveError(
    'REF_EXISTS',
    `the ${isTag ? 'tag' : 'branch'} ${JSON.stringify(shortRef(name))} is there already, at ${shortHash(target)}`,
    { ref: name, actual: target, ...(isTag ? { hint: 'Tags do not move, unless they are forced to.' } : {}) },
  )
}

function refConflict(name: string, expected: Hash | null, actual: Hash | null): VarveError {
  const found = actual === null ? 'is not there any more' : `is at ${shortHash(actual)}`
  const wanted = expected === null ? 'was not there before' : `was at ${shortHash(expected)}`
  return new VarveError('REF_CONFLICT', `${shortRef(name)} moved meanwhile: it ${wanted}, and ${found}`, {
    ref: name,
    expected: expected ?? undefined,
    actual: actual ?? undefined,
    hint: 'Look at what came in between, and try again; or let the command retry.',
  })
}
