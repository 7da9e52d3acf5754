/**
 * Processes that end when the harness does. Each leads a group of its own, so that what it has started itself (GNU time
 * starts the tool it measures) ends with it.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

const running = new Set<ChildProcess>()

export interface Ended {
  /** Null when a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly printed: string
  /** The end of what came on stderr. */
  readonly said: string
  readonly seconds: number
}

const SAID_CHARACTERS_MAX = 8192

export interface ChildOptions {
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  /** Default: what it prints is thrown away, as by `>/dev/null`. */
  readonly keepPrinted?: boolean
}

/** @throws {Error} When it cannot be started. */
export function runChild(program: string, args: readonly string[], options: ChildOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const spawnOptions: SpawnOptions = {
      cwd: options.folder,
      // Node.js reads these certificates at each start: a tenth of a second that is no part of what is measured.
      env: { ...options.environment, NODE_EXTRA_CA_CERTS: undefined },
      stdio: ['ignore', options.keepPrinted === true ? 'pipe' : 'ignore', 'pipe'],
      detached: true,
    }
    const startedMs = performance.now()
    const child = spawn(program, [...args], spawnOptions)
    running.add(child)
    let [printed, said, seconds] = ['', '', 0]
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      printed += piece
    })
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      said = (said + piece).slice(-SAID_CHARACTERS_MAX)
    })
    child.on('error', (error) => {
      running.delete(child)
      reject(error)
    })
    child.on('exit', () => {
      seconds = (performance.now() - startedMs) / 1000
    })
    child.on('close', (status, signal) => {
      running.delete(child)
      resolve({ status, signal, printed, said, seconds })
    })
  })
}

export function stopChildren(): void {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  running.clear()
}
