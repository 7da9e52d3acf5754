/**
 * Runs the command line in the test's own process: `main` with an `Io` that gathers what is printed.
 *
 * With VARVE_TEST_PVS=3 every store made by `Workbench.init` lies on three physical volumes, striped.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import type { Io, Pager, PagerCommand, Sink } from '../../cli/io.js'
import { main } from '../../cli/program.js'

export interface Run {
  readonly status: number
  readonly out: string
  readonly bytes: Buffer
  readonly err: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly columns?: number
  readonly stdoutIsTerminal?: boolean
  readonly stderrIsTerminal?: boolean
  readonly signal?: AbortSignal
  readonly nowMs?: () => number
  /** Called with each piece before it is taken; may throw. */
  readonly onWrite?: (data: string | Uint8Array) => void
  /** Default: there is none. */
  readonly startPager?: (command: PagerCommand) => Promise<Pager | undefined>
  /** Default: nothing is started. */
  readonly startInBackground?: Io['startInBackground']
}

class MemorySink implements Sink {
  readonly pieces: Buffer[] = []
  readonly isTerminal: boolean
  readonly columns: number
  readonly #onWrite: RunOptions['onWrite']

  constructor(isTerminal: boolean, columns: number, onWrite?: RunOptions['onWrite']) {
    this.isTerminal = isTerminal
    this.columns = columns
    this.#onWrite = onWrite
  }

  async write(data: string | Uint8Array): Promise<void> {
    this.#onWrite?.(data)
    this.pieces.push(Buffer.from(data as Uint8Array))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces)
  }
}

async function runIn(cwd: string, argv: readonly string[], options: RunOptions = {}): Promise<Run> {
  const columns = options.columns ?? 120
  const stdout = new MemorySink(options.stdoutIsTerminal ?? false, columns, options.onWrite)
  const stderr = new MemorySink(options.stderrIsTerminal ?? false, columns)
  const io: Io = {
    stdout,
    stderr,
    env: options.env ?? {},
    cwd,
    signal: options.signal ?? new AbortController().signal,
    nowMs: options.nowMs ?? (() => Date.now()),
    startPager: options.startPager ?? (() => Promise.resolve(undefined)),
    startInBackground: options.startInBackground ?? (() => Promise.resolve()),
  }
  const status = await main(argv, io)
  return { status, out: stdout.bytes.toString('utf8'), bytes: stdout.bytes, err: stderr.bytes.toString('utf8') }
}

export interface ReportedError {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Physical volumes of each store that `Workbench.init` makes. */
export const VOLUMES = Number(process.env.VARVE_TEST_PVS ?? '1')

/** For all suites of a process; it goes with all that the run leaves. */
let template: Promise<Workbench> | undefined

/** A temporary folder with, once `init` ran, a store in it. */
export class Workbench {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'varve-cli-'))

  path(...segments: string[]): string {
    return join(this.folder, ...segments)
  }

  /** Writes a file, its folders too. */
  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.path(path)), { recursive: true })
    writeFileSync(this.path(path), content)
  }

  run(...argv: string[]): Promise<Run> {
    return runIn(this.folder, argv)
  }

  runWith(options: RunOptions, ...argv: string[]): Promise<Run> {
    return runIn(this.folder, argv, options)
  }

  /** Runs and expects it to go well. @returns What was printed. */
  /** A commit of which all lies on the volume that was added last. */
  async putOnLast(): Promise<void> {
    const volumes = await this.json<{ number: number }[]>('pv')
    for (const { number } of volumes.slice(0, -1)) await this.ok('pv', 'change', String(number), '--allocatable', 'n')
    this.write('on-last/f', 'lies on the last volume')
    await this.commit('on-last', 'on the last volume')
  }

  async ok(...argv: string[]): Promise<string> {
    const run = await this.run(...argv)
    expect({ argv, status: run.status, err: run.err }).toEqual({ argv, status: 0, err: '' })
    return run.out
  }

  /** Runs with --json. @returns What was printed, parsed. */
  async json<T = Record<string, unknown>>(...argv: string[]): Promise<T> {
    return JSON.parse(await this.ok('--json', ...argv)) as T
  }

  /** Runs with --json and expects it to fail with `status` and `code`. @returns What was reported. */
  async fails(status: number, code: string, ...argv: string[]): Promise<ReportedError> {
    const run = await this.run('--json', ...argv)
    expect({ argv, err: run.err }, 'it should fail').not.toEqual({ argv, err: '' })
    const { error } = JSON.parse(run.err) as { error: ReportedError }
    expect({ argv, status: run.status, code: error.code, message: error.message }).toMatchObject({ argv, status, code })
    return error
  }

  /** A store in this folder, on as many volumes as the suite asks for. */
  async init(...options: string[]): Promise<void> {
    if (options.length > 0) return this.#makeStore(options)
    // Making one takes more syncs than most tests do; a copy of all its files is as good.
    template ??= (async () => {
      const first = new Workbench()
      await first.#makeStore([])
      return first
    })()
    cpSync((await template).path('.varve'), this.path('.varve'), { recursive: true })
  }

  async #makeStore(options: readonly string[]): Promise<void> {
    await this.ok('init', ...options)
    for (let number = 1; number < VOLUMES; number++) {
      await this.ok('vg', 'extend', this.path('.varve', `volume-${number}`))
    }
    if (VOLUMES > 1) await this.ok('lv', 'convert', 'default', '--type', 'striped')
  }

  /** Commits the folder `tree` below this one. @returns The id. */
  async commit(tree: string, message: string, ...options: string[]): Promise<string> {
    const { commit } = await this.json<{ commit: { id: string } }>('commit', '--from', tree, '-m', message, ...options)
    return commit.id
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
