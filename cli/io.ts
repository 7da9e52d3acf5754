/**
 * The world as the command line sees it: two outputs, the environment, a clock, a signal that says "stop", a pager to be
 * started. All of it is handed to `main`, so that tests run verbs in their own process.
 */
import { homedir } from 'node:os'
import type { Writable } from 'node:stream'

export interface Sink {
  /** Resolves when the system took the bytes, so whoever awaits never piles up output. @throws {OutputError} */
  write(data: string | Uint8Array): Promise<void>
  readonly isTerminal: boolean
  /** Characters in a line, as far as known. */
  readonly columns: number
}

/** A program that shows a person what is written to it. It has the terminal until it ended. */
export interface Pager {
  /** As of a `Sink`. @throws {OutputError} once it is closed */
  write(data: string | Uint8Array): Promise<void>
  /** Says that nothing more comes. */
  end(): void
  /** Resolves with its exit status when it ended. */
  readonly ended: Promise<number | null>
}

export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. `-C` and relative paths start from here. `undefined`: it was deleted. */
  readonly cwd: string | undefined
  /** Aborted by Ctrl-C and its like; its reason may be an `Interruption`. */
  readonly signal: AbortSignal
  nowMs(): number
  /** @returns `undefined` where there is no such program. */
  startPager(command: PagerCommand): Promise<Pager | undefined>
  /** Starts varve once more, in a process that outlives this one and says nothing. That it cannot be started is no error. */
  startInBackground(args: readonly string[]): Promise<void>
}

export interface PagerCommand {
  /** A program and its arguments, or a line for the shell. */
  readonly command: readonly string[] | string
  /** What it finds in its environment beside ours. */
  readonly env: Readonly<Record<string, string>>
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
    cwd: currentFolder(),
    signal,
    nowMs: () => Date.now(),
    startPager: startProgram,
    startInBackground: startItself,
  }
}

/** Where somebody stands in a folder that was deleted, there is none. */
function currentFolder(): string | undefined {
  try {
    return process.cwd()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
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

async function startProgram({ command, env }: PagerCommand): Promise<Pager | undefined> {
  // Needed by those that page alone.
  const { spawn } = await import('node:child_process')
  const [file = '', ...args] = typeof command === 'string' ? [command] : command
  const child = spawn(file, args, {
    shell: typeof command === 'string',
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  })
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
  if (!started) return undefined
  const takeBack = leaveInterruptsToOthers()
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (status) => {
      takeBack()
      resolve(status)
    })
  })
  child.stdin.on('error', () => undefined)
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        // Node.js reports a reader that went away in several ways.
        child.stdin.write(data, (error) => (error ? reject(pagerClosed(error)) : resolve()))
      }),
    end: () => child.stdin.end(),
    ended,
  }
}

async function startItself(args: readonly string[]): Promise<void> {
  const { spawn } = await import('node:child_process')
  const [, script = ''] = process.argv
  // A debugger would be waited for.
  const execArgv = process.execArgv.filter((option) => !option.startsWith('--inspect'))
  try {
    const child = spawn(process.execPath, [...execArgv, script, ...args], {
      detached: true,
      stdio: 'ignore',
      windowsHide: true,
      // Not the folder at hand, which somebody may want to remove meanwhile.
      cwd: homedir(),
    })
    child.on('error', () => undefined)
    child.unref()
  } catch (error) {
    // No memory, no permission: what had been asked for is done all the same.
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

function pagerClosed(cause: Error): OutputError {
  return new OutputError(Object.assign(new Error(cause.message, { cause }), { code: 'EPIPE' }))
}

/**
 * Ctrl-C reaches all who share the terminal. A pager that goes on must not lose what it shows, nor find the terminal taken
 * by the shell; one that dies of it is noticed as closed.
 *
 * @returns What takes them back.
 */
function leaveInterruptsToOthers(): () => void {
  const listeners = process.listeners('SIGINT')
  const ignore = () => undefined
  process.removeAllListeners('SIGINT').on('SIGINT', ignore)
  return () => {
    process.removeListener('SIGINT', ignore)
    for (const listener of listeners) process.on('SIGINT', listener)
  }
}

const HELP_COLUMNS_MAX = 100

/** Lines of help stay readable however wide the terminal is. */
export function helpColumnsFor(sink: Sink): number {
  return Math.min(sink.columns, HELP_COLUMNS_MAX)
}
