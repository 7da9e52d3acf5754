/**
 * Recovery copies: what the catalog alone knows (refs, both logs, settings, working folders) as rows on a payload volume, so that
 * losing the catalog's file does not lose history. They follow the catalog, and may be some way behind it.
 *
 * A volume is sent what came since its copy was made: rows of the logs behind the last it has, refs that moved since, and tables
 * that change rarely as a whole when their sum is another. What is sent of refs and logs fits on any copy between the one it was made
 * for and the one it leads to; a table that is not sent is asked for its sum where the rest is written, for it may have been changed
 * and changed back. So two that send at once do no harm.
 */
import type { Catalog, CatalogTransaction } from './catalog.js'
import type { RecoveryPart, RecoveryRows, RecoveryState } from './physicalVolume.js'
import { NEWER_PAYLOAD_SCHEMAS, PAYLOAD_FORMAT } from './schema.js'
import type { SqlDatabase, SqlRun, SqlValue } from './sqlite.js'

const COLUMNS = {
  counter: ['name', 'value', 'row_check'],
  ref: ['name', 'target', 'message', 'time_ms', 'row_check'],
  reflog: ['seq', 'ref', 'old', 'new', 'time_ms', 'operation', 'message', 'who', 'operation_seq', 'row_check'],
  operation: ['seq', 'time_ms', 'kind', 'who', 'detail', 'row_check'],
  worktree: ['id', 'path', 'branch', 'head', 'row_check'],
  property: ['dataset', 'name', 'value', 'source', 'row_check'],
  upkeep: ['name', 'value', 'row_check'],
  pruned: ['commit_id', 'time_ms', 'policy', 'row_check'],
  replacement: ['id', 'by', 'reason', 'who', 'time_ms', 'row_check'],
} as const

type KeptTable = keyof typeof COLUMNS
const KEPT_TABLES = Object.keys(COLUMNS) as readonly KeptTable[]
/** Sent as a whole when the sum of their checks is another. */
const SUMMED: ReadonlyMap<string, KeptTable> = new Map([
  ['properties_check', 'property'],
  ['worktrees_check', 'worktree'],
  ['replacements_check', 'replacement'],
])
/** Without these, what the reflog still keeps would not be known. */
const KEPT_UPKEEP = ['clock', 'reflog']
/** Change with what is kept; the others only say which numbers are given out next. */
const TELLING = ['refs_sequence', 'publish_sequence', 'gc_epoch', 'refs_check', ...SUMMED.keys()]

/** @returns `undefined` for a volume without a copy */
export function recoveryState(database: SqlDatabase): RecoveryState | undefined {
  return database.snapshot(() => {
    if (database.userVersion < PAYLOAD_FORMAT) return undefined
    const counters = countersOf(database, 'recovery_')
    return counters.size === 0 ? undefined : { counters, ...positions(database, 'recovery_', true) }
  })
}

/** Whether one goes further than another. */
export function goesFurther(one: RecoveryState['counters'], other: RecoveryState['counters']): boolean {
  for (const name of ['refs_sequence', 'publish_sequence']) {
    const ahead = (one.get(name) ?? 0) - (other.get(name) ?? 0)
    if (ahead !== 0) return ahead > 0
  }
  return false
}

/**
 * What a copy lacks. @param since how far it goes; `undefined`: there is none yet
 * @param isThorough looks at what only upkeep changes as well
 * @returns `undefined` when nothing changed that is kept
 */
export function recoveryRows(
  catalog: Catalog,
  since: RecoveryState | undefined,
  isThorough: boolean,
): RecoveryRows | undefined {
  return catalog.snapshot((tx) => {
    const counters = countersOf(tx, '')
    const hasUpkeep = catalog.hasUpkeep
    const isLooked = hasUpkeep && (isThorough || since === undefined)
    const place = positions(tx, '', isLooked)
    const prunedStamp = isLooked ? place.prunedStamp : (since?.prunedStamp ?? '')
    const state = { counters, lastEntry: place.lastEntry, prunedStamp }
    const isSame = since !== undefined && TELLING.every((name) => counters.get(name) === since.counters.get(name))
    if (isSame && prunedStamp === since.prunedStamp) return undefined
    const parts = since
      ? newParts(tx, since, counters)
      : [whole(tx, 'ref'), whole(tx, 'reflog'), whole(tx, 'operation')]
    for (const [sum, table] of SUMMED) {
      if (table === 'replacement' && !hasUpkeep) continue
      if (since?.counters.get(sum) !== counters.get(sum) || !since) parts.push(whole(tx, table))
    }
    if (prunedStamp !== (since?.prunedStamp ?? '')) parts.push(whole(tx, 'pruned'))
    if (hasUpkeep) parts.push(upkeepPart(tx))
    parts.push(whole(tx, 'counter'))
    return { since, state, parts }
  })
}

/** In an open transaction of the volume. A copy that goes further already stays as it is, and so does one that this does not fit on. */
export function writeRecoveryRows(database: SqlDatabase, { state, parts }: RecoveryRows): void {
  database.upgrade(PAYLOAD_FORMAT, NEWER_PAYLOAD_SCHEMAS)
  const there = countersOf(database, 'recovery_')
  if (goesFurther(there, state.counters) || !fits(there, { state, parts })) return
  for (const run of recoveryRuns({ parts })) database.run(...run)
}

export function recoveryRuns({ parts }: Pick<RecoveryRows, 'parts'>): SqlRun[] {
  return parts.flatMap(({ table, columns, clears, rows }) => {
    const places = columns.map(() => '?').join(', ')
    const insert = `INSERT OR REPLACE INTO recovery_${table} (${columns.join(', ')}) VALUES (${places})`
    const cleared: SqlRun[] =
      clears === 'all'
        ? [[`DELETE FROM recovery_${table}`]]
        : clears.values.map((value) => [`DELETE FROM recovery_${table} WHERE ${clears.column} = ?`, value])
    return [...cleared, ...rows.map((row): SqlRun => [insert, ...row])]
  })
}

/** As text: those of a copy that rows were made for. In SQL: `COUNTERS_THERE`. */
export function countersText({ counters }: Pick<RecoveryState, 'counters'>): string {
  return JSON.stringify([...counters].sort(([one], [other]) => (one < other ? -1 : 1)))
}

export const COUNTERS_THERE = `SELECT json_group_array(json_array(name, value)) AS counters
  FROM (SELECT name, value FROM recovery_counter ORDER BY name)`

/** Tables that are not sent are those of the catalog: somebody else may have brought others since the copy was looked at. */
function fits(there: RecoveryState['counters'], { state, parts }: Omit<RecoveryRows, 'since'>): boolean {
  return [...SUMMED].every(
    ([sum, table]) =>
      there.get(sum) === state.counters.get(sum) || parts.some((each) => each.table === table && each.clears === 'all'),
  )
}

/** Brings a copy into a catalog that has nothing of it, in an open transaction. */
export function readRecoveryRows(from: SqlDatabase, to: CatalogTransaction): void {
  from.snapshot(() => {
    for (const table of KEPT_TABLES) {
      const columns = COLUMNS[table]
      const insert = `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
      for (const row of from.all<Row>(`SELECT ${columns.join(', ')} FROM recovery_${table}`)) {
        to.run(insert, ...valuesOf(row, columns))
      }
    }
  })
}

/** Takes a copy out again that turned out to be damaged, in an open transaction. */
export function clearRecovered(database: SqlDatabase): void {
  for (const table of KEPT_TABLES) database.run(`DELETE FROM ${table}`)
}

type Row = Readonly<Record<string, SqlValue>>
type Source = Pick<CatalogTransaction, 'get' | 'all'>

function countersOf(source: Source, prefix: string): Map<string, number> {
  const rows = source.all<{ name: string; value: number }>(`SELECT name, value FROM ${prefix}counter`)
  return new Map(rows.map(({ name, value }) => [name, value]))
}

function positions(
  source: Source,
  prefix: string,
  isThorough: boolean,
): Pick<RecoveryState, 'lastEntry' | 'prunedStamp'> {
  const last = source.get<{ seq: number | null }>(`SELECT max(seq) AS seq FROM ${prefix}reflog`)
  const pruned = isThorough
    ? source.get<{ n: number; last: number | null }>(`SELECT count(*) AS n, max(time_ms) AS last FROM ${prefix}pruned`)
    : undefined
  return { lastEntry: last?.seq ?? 0, prunedStamp: pruned?.n ? `${pruned.n} ${pruned.last}` : '' }
}

function newParts(tx: Source, since: RecoveryState, counters: ReadonlyMap<string, number>): RecoveryPart[] {
  const sequence = since.counters.get('refs_sequence') ?? 0
  if (counters.get('refs_sequence') === sequence) return []
  const moved = namesMoved(tx, sequence)
  const names = JSON.stringify(moved.map(({ name }) => name))
  const isIn = '(SELECT value FROM json_each(?))'
  // A renamed ref takes its entries along.
  const renamed = moved.some(({ ends }) => ends) ? moved.filter(({ begins }) => begins).map(({ name }) => name) : []
  return [
    {
      ...part('ref', select(tx, 'ref', `WHERE name IN ${isIn}`, names)),
      clears: { column: 'name', values: moved.map(({ name }) => name) },
    },
    part('reflog', [
      ...select(tx, 'reflog', 'WHERE seq > ?', since.lastEntry),
      ...(renamed.length > 0
        ? select(tx, 'reflog', `WHERE ref IN ${isIn} AND seq <= ?`, JSON.stringify(renamed), since.lastEntry)
        : []),
    ]),
    part('operation', select(tx, 'operation', 'WHERE seq > ?', sequence)),
  ]
}

interface MovedName {
  readonly name: string
  readonly begins: number
  readonly ends: number
}

/** Refs that operations moved since. */
function namesMoved(tx: Source, sequence: number): MovedName[] {
  return tx.all<MovedName>(
    `SELECT json_extract(change.value, '$.name') AS name,
       max(json_extract(change.value, '$.before') IS NULL) AS begins,
       max(json_extract(change.value, '$.after') IS NULL) AS ends
     FROM operation, json_each(operation.detail, '$.refs') AS change WHERE operation.seq > ? GROUP BY 1`,
    sequence,
  )
}

function upkeepPart(tx: Source): RecoveryPart {
  const names = JSON.stringify(KEPT_UPKEEP)
  return {
    ...part('upkeep', select(tx, 'upkeep', 'WHERE name IN (SELECT value FROM json_each(?))', names)),
    clears: 'all',
  }
}

function whole(tx: Source, table: KeptTable): RecoveryPart {
  return { ...part(table, select(tx, table, '')), clears: 'all' }
}

function part(table: KeptTable, rows: readonly SqlValue[][]): RecoveryPart {
  return { table, columns: COLUMNS[table], clears: { column: COLUMNS[table][0], values: [] }, rows }
}

function select(tx: Source, table: KeptTable, condition: string, ...parameters: SqlValue[]): SqlValue[][] {
  const columns = COLUMNS[table]
  return tx
    .all<Row>(`SELECT ${columns.join(', ')} FROM ${table} ${condition}`, ...parameters)
    .map((row) => valuesOf(row, columns))
}

function valuesOf(row: Row, columns: readonly string[]): SqlValue[] {
  return columns.map((column) => row[column] ?? null)
}
