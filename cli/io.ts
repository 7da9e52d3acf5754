/**
 * The world as the command line sees it: two outputs, the environment, a clock, a signal that says "stop". All of it is
 * handed to `main`, so that tests run verbs in their own process.
 */
import type { Writable } from 'node:stream'

export interface Sink {
  /** Resolves when the system took the bytes, so whoever awaits never piles up output. @throws {OutputError} */
  write(data: string | Uint8Array): Promise<void>
  readonly isTerminal: boolean
  /** Characters in a line, as far as known. */
  readonly columns: number
}

export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. `-C` and relative paths start from here. */
  readonly cwd: string
  /** Aborted by Ctrl-C and its like; its reason may be an `Interruption`. */
  readonly signal: AbortSignal
  nowMs(): number
}

/** An output went away (`EPIPE`: the reader closed it) or could not be written (a full disk behind `>`). */
export class OutputError extends Error {
  override readonly name = 'OutputError'
  readonly closed: boolean

  constructor(cause: NodeJS.ErrnoException) {
    super(`cannot write the output: ${cause.message}`, { cause })
    this.closed = cause.code === 'EPIPE' || cause.code === 'ERR_STREAM_DESTROYED'
  }
}

const DEFAULT_COLUMNS = 80

export function processIo(signal: AbortSignal): Io {
  return {
    stdout: streamSink(process.stdout),
    stderr: streamSink(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    signal,
    nowMs: () => Date.now(),
  }
}

function streamSink(stream: Writable & { isTTY?: boolean; columns?: number }): Sink {
  // Without a listener a closed pipe ends the process with a stack trace; `write` reports it to whoever wrote.
  stream.on('error', () => undefined)
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        stream.write(data, (error) => (error ? reject(new OutputError(error)) : resolve()))
      }),
    get isTerminal() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.columns ?? DEFAULT_COLUMNS
    },
  }
}

const HELP_COLUMNS_MAX = 100

/** Lines of help stay readable however wide the terminal is. */
export function helpColumnsFor(sink: Sink): number {
  return Math.min(sink.columns, HELP_COLUMNS_MAX)
}
