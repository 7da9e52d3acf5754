/**
 * Two logs of what happened to refs, written in the transaction that moves them. The reflog has a row for each ref that
 * moved; the operation log has one row for each transaction, with before and after of every ref. Rows are never
 * changed, but that a renamed branch takes its reflog along.
 *
 * Every row is checked when it is read: a damaged one is an error that names it.
 */

import { type Hash, hashFromBytes, hashToBytes, isHash } from '../base/hash.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { type RefKind, shortRef, splitRef } from './refName.js'

/** One move of one ref. */
export interface ReflogEntry {
  /** The name of the branch or tag. */
  readonly ref: string
  readonly kind: RefKind
  /** `undefined`: it did not exist before. */
  readonly old: Hash | undefined
  /** `undefined`: it was deleted. */
  readonly new: Hash | undefined
  readonly timeMs: number
  /** What moved it, such as `commit`. */
  readonly operation: string
  readonly message: string
  readonly who: string
}

/** One transaction that changed refs. */
export interface OperationInfo {
  /** Grows with every operation. */
  readonly sequence: number
  readonly timeMs: number
  /** Such as `commit`. */
  readonly kind: string
  readonly message: string
  readonly who: string
  readonly refs: readonly RefChange[]
}

export interface RefChange {
  /** Full: `heads/NAME` or `tags/NAME`. */
  readonly name: string
  /** `undefined`: it did not exist. */
  readonly before: Hash | undefined
  readonly after: Hash | undefined
}

/** What an operation is called in both logs. */
export interface OperationLog {
  readonly operation: string
  readonly message: string
  readonly who: string
}

interface ReflogRow {
  seq: number
  ref: string
  old: Buffer | null
  new: Buffer | null
  time_ms: number
  operation: string
  message: string
  who: string
  operation_seq: number
  row_check: number
}

interface OperationRow {
  seq: number
  time_ms: number
  kind: string
  who: string
  detail: string
  row_check: number
}

const REFLOG_COLUMNS = 'seq, ref, old, new, time_ms, operation, message, who, operation_seq, row_check'
const INSERT_ENTRY = `INSERT INTO reflog (${REFLOG_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
/** SQLite: no limit. */
const UNLIMITED = -1

const PAGE_ROWS = 256

export class Reflog {
  constructor(private readonly catalog: Catalog) {}

  /** Newest first. @param ref full name; all refs without it. */
  entries(ref: string | undefined, limit: number | undefined): ReflogEntry[] {
    const entries: ReflogEntry[] = []
    for (const row of this.rows(ref)) {
      if (entries.length >= (limit ?? Number.POSITIVE_INFINITY)) break
      entries.push(entryOf(row))
    }
    return entries
  }

  /** How many moves of a ref are on record. @param ref full name */
  count(ref: string): number {
    let count = 0
    for (const _ of this.rows(ref)) count++
    return count
  }

  /** The move `index` moves before the last one. */
  entryAt(ref: string, index: number): ReflogEntry | undefined {
    let left = index
    for (const row of this.rows(ref)) if (left-- === 0) return entryOf(row)
    return undefined
  }

  /** The last move at or before `timeMs`. */
  entryBefore(ref: string, timeMs: number): ReflogEntry | undefined {
    for (const row of this.rows(ref)) if (row.time_ms <= timeMs) return entryOf(row)
    return undefined
  }

  /** The first move on record. */
  firstEntry(ref: string): ReflogEntry | undefined {
    let first: ReflogRow | undefined
    for (const row of this.rows(ref)) first = row
    return first && entryOf(first)
  }

  /** Newest first. */
  operations(limit: number | undefined): OperationInfo[] {
    const { rows, newest } = this.catalog.snapshot((view) => ({
      rows: view.all<OperationRow>(
        'SELECT seq, time_ms, kind, who, detail, row_check FROM operation ORDER BY seq DESC LIMIT ?',
        limit ?? UNLIMITED,
      ),
      newest: view.counter('refs_sequence'),
    }))
    if (rows.length < Math.min(limit ?? newest, newest)) throw this.catalog.damaged('operation', 'that is missing')
    return rows.map((row, index) => {
      if (row.seq !== newest - index) throw this.catalog.damaged('operation', String(newest - index))
      return this.checkedOperation(row)
    })
  }

  /** Gives all rows of one ref to another. */
  moveEntries(tx: CatalogTransaction, from: string, to: string): void {
    for (const row of [...this.rows(from)]) {
      const check = reflogCheck({ ...row, ref: to })
      tx.run('UPDATE reflog SET ref = ?, row_check = ? WHERE seq = ?', to, check, row.seq)
    }
  }

  /**
   * Rows of a ref, newest first. Every row on the way is checked before its ref is compared: a row whose name is damaged
   * must not be passed over in silence, as an index or a condition in SQL would.
   */
  private *rows(ref: string | undefined): Iterable<ReflogRow> {
    let before: number | undefined
    for (;;) {
      // Rows are numbered without gaps, and each transaction that moves refs counts one: so a lost row is noticed.
      const { page, newest } = this.catalog.snapshot((view) => ({
        page: view.all<ReflogRow>(
          `SELECT ${REFLOG_COLUMNS} FROM reflog WHERE seq < ? ORDER BY seq DESC LIMIT ${PAGE_ROWS}`,
          before ?? Number.MAX_SAFE_INTEGER,
        ),
        newest: view.counter('refs_sequence'),
      }))
      if (before === undefined && page.length === 0 && newest !== 0) throw this.catalog.damaged('reflog', '1')
      for (const row of page) {
        const follows = before === undefined ? row.operation_seq === newest : row.seq === before - 1
        if (!rowMatches(row.row_check, ...reflogFields(row)) || !follows || !splitRef(row.ref)) {
          throw this.catalog.damaged('reflog', String(row.seq))
        }
        before = row.seq
        if (ref === undefined || row.ref === ref) yield row
      }
      if (page.length < PAGE_ROWS) break
    }
    if (before !== undefined && before !== 1) throw this.catalog.damaged('reflog', String(before - 1))
  }

  private checkedOperation(row: OperationRow): OperationInfo {
    const detail = rowMatches(row.row_check, row.seq, row.time_ms, row.kind, row.who, row.detail)
      ? parseDetail(row.detail)
      : undefined
    if (!detail) throw this.catalog.damaged('operation', String(row.seq))
    return { sequence: row.seq, timeMs: row.time_ms, kind: row.kind, who: row.who, ...detail }
  }
}

/** Adds to both logs, in one open transaction: which numbers are the next is asked once. */
export class LogWriter {
  private lastOperation: number | undefined
  private lastEntry: number | undefined

  constructor(private readonly tx: CatalogTransaction) {}

  /** Writes one operation row. @returns its number. */
  addOperation(log: OperationLog, timeMs: number, changes: readonly RefChange[]): number {
    const detail = JSON.stringify({
      message: log.message,
      refs: changes.map(({ name, before, after }) => ({ name, before: before ?? null, after: after ?? null })),
    })
    const seq = (this.lastOperation ?? lastSequence(this.tx, 'operation')) + 1
    this.lastOperation = seq
    this.tx.run(
      'INSERT INTO operation (seq, time_ms, kind, who, detail, row_check) VALUES (?, ?, ?, ?, ?, ?)',
      seq,
      timeMs,
      log.operation,
      log.who,
      detail,
      rowCheck(seq, timeMs, log.operation, log.who, detail),
    )
    return seq
  }

  /** Writes one reflog row. */
  addEntry(log: OperationLog, timeMs: number, change: RefChange, operationSeq: number): void {
    const row = {
      seq: (this.lastEntry ?? lastSequence(this.tx, 'reflog')) + 1,
      ref: change.name,
      old: bytesOrNull(change.before),
      new: bytesOrNull(change.after),
      time_ms: timeMs,
      operation: log.operation,
      message: log.message,
      who: log.who,
      operation_seq: operationSeq,
    }
    this.lastEntry = row.seq
    this.tx.run(INSERT_ENTRY, ...reflogFields(row), reflogCheck(row))
  }
}

function entryOf(row: ReflogRow): ReflogEntry {
  return {
    ref: shortRef(row.ref),
    kind: splitRef(row.ref)?.kind ?? 'branch',
    old: hashOrUndefined(row.old),
    new: hashOrUndefined(row.new),
    timeMs: row.time_ms,
    operation: row.operation,
    message: row.message,
    who: row.who,
  }
}

function reflogCheck(row: Omit<ReflogRow, 'row_check'>): number {
  return rowCheck(...reflogFields(row))
}

function reflogFields(row: Omit<ReflogRow, 'row_check'>) {
  const { seq, ref, old, new: target, time_ms, operation, message, who, operation_seq } = row
  return [seq, ref, old, target, time_ms, operation, message, who, operation_seq] as const
}

function lastSequence(tx: CatalogTransaction, table: 'operation' | 'reflog'): number {
  return tx.get<{ last: number | null }>(`SELECT max(seq) AS last FROM ${table}`)?.last ?? 0
}

function bytesOrNull(id: Hash | undefined): Buffer | null {
  return id === undefined ? null : hashToBytes(id)
}

function hashOrUndefined(bytes: Buffer | null): Hash | undefined {
  return bytes === null ? undefined : hashFromBytes(bytes)
}

/** `undefined` for what this varve would not have written. */
function parseDetail(detail: string): Pick<OperationInfo, 'message' | 'refs'> | undefined {
  const parsed = parseObject(detail)
  const { message, refs } = parsed
  if (typeof message !== 'string' || !Array.isArray(refs)) return undefined
  const changes: RefChange[] = []
  for (const item of refs as unknown[]) {
    const { name, before, after } = fieldsOf(item)
    if (typeof name !== 'string' || !isTarget(before) || !isTarget(after)) return undefined
    changes.push({ name, before: before ?? undefined, after: after ?? undefined })
  }
  return { message, refs: changes }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return fieldsOf(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function isTarget(value: unknown): value is Hash | null {
  return value === null || (typeof value === 'string' && isHash(value))
}
