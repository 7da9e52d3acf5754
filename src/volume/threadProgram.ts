/**
 * What a volume's thread runs, and what is said to it. In plain JavaScript, and in a text, so that it needs no file wherever the
 * library is bundled: it knows nothing of volumes but how to run statements that it is sent in one transaction, and how that is counted.
 *
 * All of a transaction is done, and durable, when it answers with a count; else none of it.
 */

/** How it opens its file. */
export interface ThreadData {
  readonly path: string
  /** A module as better-sqlite3 is, by its path. */
  readonly driver: string
  readonly nativeBinding: string | undefined
  readonly pragmas: readonly string[]
  readonly lockTimeoutMs: number
}

/** Bytes of `memory`. */
interface BytesAt {
  readonly at: number
  readonly length: number
}

export type ThreadRun = readonly (string | number | bigint | null | BytesAt)[]

export interface ThreadTransaction {
  readonly memory: ArrayBuffer
  /** A statement each, and what goes in it. */
  readonly runs: readonly ThreadRun[]
  /** Only where `query` still gives `expected`; else without them. */
  readonly also: { readonly query: string; readonly expected: string; readonly runs: readonly ThreadRun[] } | undefined
  /** See `PayloadTables.headerCheckStart` and `countTransaction`. */
  readonly headerCheckStart: number
  readonly publishSequence: number
}

export interface ThreadAnswer {
  readonly memory: ArrayBuffer
  /** The volume's count; `undefined` where it failed. */
  readonly transactions?: number
  readonly failure?: { readonly code: string | undefined; readonly message: string }
}

/** Nothing more comes: it closes its file and ends. */
export const THE_END = null

export const THREAD_PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { crc32 } = require('node:zlib')
const { path, driver, nativeBinding, pragmas, lockTimeoutMs } = workerData
const Database = require(driver)
const database = new Database(path, { fileMustExist: true, timeout: lockTimeoutMs, nativeBinding })
for (const pragma of pragmas) database.exec('PRAGMA ' + pragma)
const statements = new Map()
const asleep = new Int32Array(new SharedArrayBuffer(4))

function statement(sql) {
  if (!statements.has(sql)) statements.set(sql, database.prepare(sql))
  return statements.get(sql)
}

// As waitForLock has it.
function begin() {
  const endMs = performance.now() + lockTimeoutMs
  statement('PRAGMA busy_timeout = 0').get()
  try {
    for (;;) {
      try {
        return statement('BEGIN IMMEDIATE').run()
      } catch (error) {
        if (!String(error.code).startsWith('SQLITE_BUSY') || performance.now() >= endMs) throw error
        Atomics.wait(asleep, 0, 0, 1)
      }
    }
  } finally {
    statement('PRAGMA busy_timeout = ' + lockTimeoutMs).get()
  }
}

function runAll(runs, memory) {
  for (const [sql, ...values] of runs) {
    statement(sql).run(
      ...values.map((value) =>
        typeof value === 'object' && value !== null ? Buffer.from(memory, value.at, value.length) : value,
      ),
    )
  }
}

// As rowCheck has it of two integers, from where the fields before them left it.
function checkOf(start, ...integers) {
  const bytes = Buffer.alloc(9 * integers.length)
  integers.forEach((integer, index) => {
    bytes[9 * index] = 1
    bytes.writeBigInt64LE(BigInt(integer), 9 * index + 1)
  })
  return crc32(bytes, start)
}

function count(start, publishSequence) {
  const row = statement('SELECT transactions, publish_sequence, row_check FROM pv_header WHERE id = 1').get()
  if (checkOf(start, row.transactions, row.publish_sequence) !== row.row_check) throw new Error('the header changed')
  const transactions = row.transactions + 1
  const sequence = Math.max(row.publish_sequence, publishSequence)
  statement('UPDATE pv_header SET transactions = ?, publish_sequence = ?, row_check = ? WHERE id = 1').run(
    transactions,
    sequence,
    checkOf(start, transactions, sequence),
  )
  return transactions
}

function transact({ memory, runs, also, headerCheckStart, publishSequence }) {
  begin()
  try {
    runAll(runs, memory)
    if (also && Object.values(statement(also.query).get())[0] === also.expected) runAll(also.runs, memory)
    const transactions = count(headerCheckStart, publishSequence)
    statement('COMMIT').run()
    return transactions
  } catch (error) {
    if (database.inTransaction) statement('ROLLBACK').run()
    throw error
  }
}

parentPort.on('message', (message) => {
  if (message === null) {
    database.close()
    return parentPort.close()
  }
  const { memory } = message
  let answer
  try {
    answer = { memory, transactions: transact(message) }
  } catch (error) {
    answer = { memory, failure: { code: error.code, message: error.message } }
  }
  parentPort.postMessage(answer, [memory])
})
`
