/** Several processes that commit to branches of their own of one store, at the same time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { say } from './scenario.js'
import { sumOf } from './statistics.js'
import { makeStore, type Shape } from './volumeShapes.js'
import type { WriterRun } from './volumeWriterRun.js'

const COMMITS = { small: 50, large: 1 } as const
const WRITERS = [1, 2, 4] as const

export interface WritersRound {
  readonly shape: string
  readonly size: keyof typeof COMMITS
  readonly writers: number
  readonly commitsPerSecond: number
  readonly megabytesPerSecond: number
  /** Of the time of all writers: spent waiting for a write lock, of the catalog and of the other volumes; and having one. */
  readonly waitedForCatalog: number
  readonly waitedForVolumes: number
  readonly heldCatalog: number
  readonly heldVolumes: number
  readonly longestHeldMs: number
  readonly medianMs: number
  readonly longestMs: number
  /** Processors that were at it, on average. */
  readonly processors: number
}

export async function measureWriters(
  shapes: readonly Shape[],
  rounds: number,
  workFolder: string,
): Promise<WritersRound[]> {
  const results: WritersRound[] = []
  for (let round = 0; round < rounds; round++) {
    for (const size of ['small', 'large'] as const) {
      for (const shape of round % 2 === 0 ? shapes : [...shapes].reverse()) {
        for (const writers of WRITERS) {
          const result = await runTogether(shape, size, writers, join(workFolder, 'writers'))
          results.push(result)
          say(
            `writers, round ${round + 1}: ${size}, ${shape.name}, ${writers}: ${result.commitsPerSecond.toFixed(1)} commits/s, ` +
              `waited ${(100 * result.waitedForCatalog).toFixed(0)} + ${(100 * result.waitedForVolumes).toFixed(0)} %`,
          )
        }
      }
    }
  }
  return results
}

async function runTogether(
  shape: Shape,
  size: keyof typeof COMMITS,
  writers: number,
  folder: string,
): Promise<WritersRound> {
  rmSync(folder, { recursive: true, force: true })
  const path = await makeStore(shape, folder)
  const started = Array.from({ length: writers }, (_, number) => new Writer([path, `b${number}`, size, COMMITS[size]]))
  try {
    for (const writer of started) await writer.line()
    for (const writer of started) writer.begin()
    const runs: WriterRun[] = []
    for (const writer of started) runs.push(JSON.parse(await writer.line()) as WriterRun)
    return summaryOf(shape, size, runs)
  } finally {
    for (const writer of started) writer.end()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

class Writer {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(args: readonly (string | number)[]) {
    const script = join(import.meta.dirname, 'volumeWriterRun.ts')
    this.#child = spawn(process.execPath, ['--import', 'tsx', script, ...args.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  }

  /** @throws {Error} when it ended */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next()
    if (done) throw new Error('a writer ended before its time')
    return value
  }

  begin(): void {
    this.#child.stdin?.write('begin\n')
  }

  end(): void {
    this.#child.kill()
  }
}

function summaryOf({ name }: Shape, size: keyof typeof COMMITS, runs: readonly WriterRun[]): WritersRound {
  const seconds = Math.max(...runs.map(({ wallMs }) => wallMs)) / 1000
  const allMs = sumOf(runs.map(({ wallMs }) => wallMs))
  const locks = runs.flatMap((run) => Object.entries(run.locks))
  const catalog = locks.filter(([file]) => file === 'store.varve').map(([, use]) => use)
  const volumes = locks.filter(([file]) => file !== 'store.varve').map(([, use]) => use)
  const part = (uses: typeof catalog, of: 'waitedMs' | 'heldMs'): number => sumOf(uses.map((use) => use[of])) / allMs
  return {
    shape: name,
    size,
    writers: runs.length,
    commitsPerSecond: sumOf(runs.map(({ commits }) => commits)) / seconds,
    megabytesPerSecond: sumOf(runs.map(({ bytes }) => bytes)) / 1e6 / seconds,
    waitedForCatalog: part(catalog, 'waitedMs'),
    waitedForVolumes: part(volumes, 'waitedMs'),
    heldCatalog: part(catalog, 'heldMs'),
    heldVolumes: part(volumes, 'heldMs'),
    longestHeldMs: Math.max(...locks.map(([, { longestHeldMs }]) => longestHeldMs)),
    medianMs: Math.max(...runs.map(({ medianMs }) => medianMs)),
    longestMs: Math.max(...runs.map(({ longestMs }) => longestMs)),
    processors: sumOf(runs.map(({ cpuMs }) => cpuMs)) / 1000 / seconds,
  }
}
