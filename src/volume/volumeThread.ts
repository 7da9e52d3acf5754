/**
 * A thread that runs transactions on the file of one volume, by a connection of its own: one at a time, durable when it answers.
 *
 * It may not start, and may die. Whoever asked is told so once it is gone and its locks with it; whether its last transaction was
 * committed is then unknown.
 */
import type { Worker } from 'node:worker_threads'
import { driverPlace } from './driver.js'
import { DURABLE } from './durable.js'
import { mapSqliteError, type SqlRun } from './sqlite.js'
import {
  THE_END,
  THREAD_PROGRAM,
  type ThreadAnswer,
  type ThreadData,
  type ThreadRun,
  type ThreadTransaction,
} from './threadProgram.js'

export interface ThreadOptions {
  readonly lockTimeoutMs: number
  /** A module in the place of better-sqlite3, by its path: for fault injection, and for disks that are slow. */
  readonly driver?: string | undefined
}

interface Transaction extends Omit<ThreadTransaction, 'memory' | 'runs' | 'also'> {
  readonly runs: readonly SqlRun[]
  /** See `ThreadTransaction`. */
  readonly also?: { readonly query: string; readonly expected: string; readonly runs: readonly SqlRun[] } | undefined
}

/** Of a volume's own file alone, whose journal is rolled back: pages are not written before the end. See `SqlDatabase`. */
const PRAGMAS = [
  'journal_mode = truncate',
  ...[...DURABLE].map(([name, value]) => `${name} = ${value}`),
  'cache_spill = OFF',
  // It reads next to nothing, and keeps what it writes until it is written, in any case.
  'cache_size = -1024',
]

/** What it makes is short-lived; contents lie beside the heap. */
const HEAP = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 }
/** In this process: each takes some memory. Volumes that are left are written by the thread that does everything else. */
const MOST_THREADS = 4
let running = 0

export class VolumeThread {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #answer: ((answer: ThreadAnswer | undefined) => void) | undefined
  /** Goes there and comes back. */
  #memory: ArrayBuffer | undefined
  #isOver = false

  private constructor(
    private readonly path: string,
    { lockTimeoutMs, driver }: ThreadOptions,
  ) {
    // Loaded here: most commands start none.
    const threads = process.getBuiltinModule('node:worker_threads')
    const { module, nativeBinding } = driverPlace()
    const workerData: ThreadData = { path, driver: driver ?? module, nativeBinding, pragmas: PRAGMAS, lockTimeoutMs }
    // What this process was started with, loaders among it, is not for this program.
    this.#worker = new threads.Worker(THREAD_PROGRAM, { eval: true, workerData, execArgv: [], resourceLimits: HEAP })
    running++
    this.#worker.unref()
    this.#worker.on('message', (answer: ThreadAnswer) => this.#answered(answer))
    // It could not open the file, or ran out of memory: its end follows.
    this.#worker.on('error', () => undefined)
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        running--
        this.#isOver = true
        this.#answered(undefined)
        resolve()
      })
    })
  }

  /** @returns `undefined` where threads cannot be started, and where there are enough of them */
  static start(path: string, options: ThreadOptions): VolumeThread | undefined {
    if (running >= MOST_THREADS) return undefined
    try {
      return new VolumeThread(path, options)
    } catch {
      // Programs may be run without the permission to start threads.
      return undefined
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Not before the one before was answered.
   * @returns the volume's count of transactions; `undefined`: it is not known whether anything was done, and nothing is being done
   * @throws {VarveError} as `SqlDatabase.write`; then nothing was done
   */
  async transact({ runs, also, ...rest }: Transaction): Promise<number | undefined> {
    if (this.#isOver) return undefined
    const packed = new PackedRuns()
    const [packedRuns, alsoRuns] = [packed.add(runs), packed.add(also?.runs ?? [])]
    const memory = packed.into(this.#memory)
    this.#memory = undefined
    const message: ThreadTransaction = {
      ...rest,
      memory,
      runs: packedRuns,
      also: also && { ...also, runs: alsoRuns },
    }
    const answer = await new Promise<ThreadAnswer | undefined>((resolve) => {
      this.#answer = resolve
      // Somebody waits for it.
      this.#worker.ref()
      this.#worker.postMessage(message, [memory])
    })
    this.#memory = answer?.memory
    if (!answer?.failure) return answer?.transactions
    const { code, message: says } = answer.failure
    // It is there already, or the file is not what it was taken for: whoever asked looks closer.
    if (!code?.startsWith('SQLITE_') || code.startsWith('SQLITE_CONSTRAINT')) return undefined
    throw mapSqliteError(Object.assign(new Error(says), { code }), this.path)
  }

  /** What it is at is done first. Its file is closed when resolved. */
  async stop(): Promise<void> {
    if (!this.#isOver) {
      // Somebody waits for it.
      this.#worker.ref()
      this.#worker.postMessage(THE_END)
    }
    await this.#ended
  }

  #answered(answer: ThreadAnswer | undefined): void {
    const resolve = this.#answer
    this.#answer = undefined
    this.#worker.unref()
    resolve?.(answer)
  }
}

/** Their bytes, one after the other: sent by themselves, each would be copied with all the memory it is a part of. */
class PackedRuns {
  readonly #parts: Buffer[] = []
  #bytes = 0

  add(runs: readonly SqlRun[]): ThreadRun[] {
    return runs.map((run) =>
      run.map((value) => {
        if (!Buffer.isBuffer(value)) return value
        this.#parts.push(value)
        this.#bytes += value.length
        return { at: this.#bytes - value.length, length: value.length }
      }),
    )
  }

  into(memory: ArrayBuffer | undefined): ArrayBuffer {
    const into = memory && memory.byteLength >= this.#bytes ? memory : new ArrayBuffer(this.#bytes)
    const bytes = Buffer.from(into)
    let at = 0
    for (const part of this.#parts) at += part.copy(bytes, at)
    return into
  }
}
