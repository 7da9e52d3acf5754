/**
 * Runs one command in a process of its own and says what it took.
 *
 * Wall time is taken here, around the process. Peak memory and processor time come from GNU time, where it is
 * installed: it starts the command itself, so the numbers are those of the command and of what it waited for. Its own
 * millisecond is in every measured command alike, the start-ups included.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './children.js'
import { largestOf, sumOf } from './statistics.js'

/** A command as data, so that a tool's adapter only says what to run. */
export interface Step {
  readonly program: string
  readonly args: readonly string[]
  /** Where it runs; the scratch folder otherwise. */
  readonly folder?: string
  /** Added to a bare environment; nothing of the caller's own configuration reaches a tool. */
  readonly environment?: Readonly<Record<string, string>>
  /** Exit statuses that mean success. Default: 0 alone. */
  readonly successes?: readonly number[]
}

export interface Run {
  readonly seconds: number
  /** User and system time. Undefined without GNU time. */
  readonly cpuSeconds: number | undefined
  /** The largest resident size of one process. Undefined without GNU time. */
  readonly peakBytes: number | undefined
}

const GNU_TIME = '/usr/bin/time'

/** Several commands that together do one thing. */
export function together(runs: readonly Run[]): Run {
  const cpu = runs.map((run) => run.cpuSeconds)
  return {
    seconds: sumOf(runs.map((run) => run.seconds)),
    cpuSeconds: cpu.every((value) => value !== undefined) ? sumOf(cpu) : undefined,
    peakBytes: largestOf(runs.map((run) => run.peakBytes)),
  }
}

export class Meter {
  /** False: peak memory and processor time stay unknown. */
  readonly seesMemory: boolean
  private readonly reportFile: string

  constructor(
    private readonly scratchFolder: string,
    private readonly homeFolder: string,
  ) {
    this.reportFile = join(scratchFolder, 'time.txt')
    this.seesMemory = /GNU/.test(String(spawnSync(GNU_TIME, ['--version'], { encoding: 'utf8' }).stdout ?? ''))
  }

  async runAll(steps: readonly Step[]): Promise<Run> {
    const runs: Run[] = []
    for (const step of steps) runs.push(await this.run(step))
    return together(runs)
  }

  /** @throws {Error} When the command cannot be started or ends badly, with the end of what it said. */
  async run(step: Step): Promise<Run> {
    const [program, args] = this.seesMemory
      ? [GNU_TIME, ['-q', '-o', this.reportFile, '-f', '%M %U %S', step.program, ...step.args]]
      : [step.program, [...step.args]]
    const ended = await runChild(program, args, {
      folder: step.folder ?? this.scratchFolder,
      environment: this.environmentOf(step),
    })
    if (ended.status === null || !(step.successes ?? [0]).includes(ended.status)) {
      const how = ended.status === null ? `was ended by ${ended.signal}` : `ended with status ${ended.status}`
      const name = [step.program, ...step.args].join(' ')
      throw new Error(`${name} ${how}: ${ended.said.trim() || 'it said nothing'}`)
    }
    return { seconds: ended.seconds, ...(this.seesMemory ? readTimes(this.reportFile) : UNKNOWN) }
  }

  /** What a command prints, or undefined when it is not there or fails. Not measured. */
  ask(step: Step): string | undefined {
    const asked = spawnSync(step.program, [...step.args], { env: this.environmentOf(step), encoding: 'utf8' })
    return asked.status === 0 ? asked.stdout.trim() : undefined
  }

  private environmentOf(step: Step): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, HOME: this.homeFolder, LC_ALL: 'C.UTF-8', ...step.environment }
  }
}

const UNKNOWN = { cpuSeconds: undefined, peakBytes: undefined } as const

function readTimes(file: string): Omit<Run, 'seconds'> {
  const numbers = readFileSync(file, 'utf8').trim().split(/\s+/).map(Number)
  const [kibibytes, user, system] = numbers
  if (kibibytes === undefined || user === undefined || system === undefined || !numbers.every(Number.isFinite)) {
    return UNKNOWN
  }
  return { cpuSeconds: user + system, peakBytes: kibibytes * 1024 }
}
