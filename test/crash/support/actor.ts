/**
 * Processes that do things to a store while the test looks on, or kills them. One program (../actor/main.ts), bundled
 * in a moment, so that it starts fast and dist/ need be neither there nor new. It tells what it did in lines.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { COMPILED_PLAINLY } from '../../frame/compiledPlainly.js'
import { makeBuildFolder } from '../../support/builtCommand.js'

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url))

export interface Stage {
  /** Starts the program. @param through a command that is to run it, such as `unshare -m`. */
  enter(verb: string, args: readonly string[], through?: readonly string[]): Actor
  remove(): void
}

export async function buildStage(): Promise<Stage> {
  const folder = makeBuildFolder('crash')
  const script = join(folder, 'actor.js')
  await build({
    absWorkingDir: PROJECT,
    entryPoints: [fileURLToPath(new URL('../actor/main.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
  })
  return {
    enter: (verb, args, through = []) => {
      const node = [process.execPath, ...COMPILED_PLAINLY, '--enable-source-maps']
      const [command, ...rest] = [...through, ...node, script, verb, ...args]
      return new Actor(spawn(command as string, rest, { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '' } }))
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export class Actor {
  /** Everything said so far, a line each. */
  readonly said: string[] = []
  /** Resolves when the process is gone and all it said was heard. */
  readonly ended: Promise<Ended>
  private heard = 0
  private rest = ''
  private stderr = ''
  /** Whether the process is gone. */
  isOver = false
  private wake: (() => void) | undefined

  constructor(private readonly child: ChildProcessWithoutNullStreams) {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.rest + text).split('\n')
      this.rest = lines.pop() ?? ''
      this.said.push(...lines)
      this.wake?.()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // It may be dead before it read what it was told.
    child.stdin.on('error', () => undefined)
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => {
        this.stderr += error.message
      })
      child.on('close', (code, signal) => {
        this.isOver = true
        resolve({ code, signal, stderr: this.stderr })
        this.wake?.()
      })
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** The next line; `undefined` when there is none within the time, or ever. */
  async hear(withinMs = 60_000): Promise<string | undefined> {
    const untilMs = Date.now() + withinMs
    while (this.heard === this.said.length && !this.isOver) {
      const leftMs = untilMs - Date.now()
      if (leftMs <= 0) return undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.heard < this.said.length ? this.said[this.heard++] : undefined
  }

  /** Passes over lines until one begins so. @throws when it never comes */
  async hearAbout(beginning: string, withinMs = 60_000): Promise<string> {
    for (;;) {
      const line = await this.hear(withinMs)
      if (line === undefined) {
        this.kill()
        const { code, signal, stderr } = await this.ended
        throw new Error(`waited for ${beginning}, and the actor ended with ${signal ?? code}: ${stderr}`)
      }
      if (line.startsWith(beginning)) return line
    }
  }

  tell(line: string): void {
    this.child.stdin.write(`${line}\n`)
  }

  kill(): void {
    this.signal('SIGKILL')
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Waits for a good end. @throws what it said of a bad one */
  async done(): Promise<void> {
    const { code, signal, stderr } = await this.ended
    if (code !== 0) throw new Error(`the actor ended with ${signal ?? code}: ${stderr}`)
  }
}
