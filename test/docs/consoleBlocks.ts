/**
 * Sessions in documents: a `console run` block is commands with the output they really have.
 *
 * A line `$ command` is run by sh; lines `> more` after it belong to the command; all other lines up to the next command
 * are what it prints, standard output and error together. In them `…` stands for any text within its line, and a line of
 * nothing but `…` for any number of lines. A command succeeds, unless it says otherwise: `$ command # exits 3`.
 */
import { spawnSync } from 'node:child_process'

export interface Step {
  readonly command: string
  readonly output: string
  readonly status: number
}

export function parseSteps(block: string): Step[] {
  const steps: { command: string; output: string; status: number }[] = []
  let inCommand = false
  for (const line of block.split('\n').slice(0, block.endsWith('\n') ? -1 : undefined)) {
    const step = steps.at(-1)
    if (line.startsWith('$ ')) {
      const command = line.slice(2)
      steps.push({ command, output: '', status: Number(/# exits (\d+)\s*$/.exec(command)?.[1] ?? 0) })
      inCommand = true
    } else if (step === undefined) {
      throw new Error(`no command before: ${line}`)
    } else if (inCommand && (line === '>' || line.startsWith('> '))) {
      step.command += `\n${line.slice(2)}`
    } else {
      inCommand = false
      step.output += `${line}\n`
    }
  }
  return steps
}

/** Whether `actual` is what `expected` shows, up to what `…` leaves out. Blanks at the ends of lines do not count. */
export function matchesShown(expected: string, actual: string): boolean {
  const pattern = trimLines(expected)
    .map((line) => (line.trim() === '…' ? '(?:.*\n)*?' : `${line.split('…').map(escapeForPattern).join('.*?')}\n`))
    .join('')
  const lines = trimLines(actual)
  return new RegExp(`^${pattern}$`).test(lines.map((line) => `${line}\n`).join(''))
}

function trimLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trimEnd())
  while (lines.at(-1) === '') lines.pop()
  return lines
}

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

export interface StepResult extends Step {
  readonly actualOutput: string
  /** `undefined` when sh did not come so far. */
  readonly actualStatus: number | undefined
}

/** No output of a command holds it: it is not printable, and commands here are harmless. */
const MARK = '\u001e'

/** Runs all steps in one sh, so that `cd` and variables last from one to the next. */
export function runSteps(steps: readonly Step[], folder: string, environment: NodeJS.ProcessEnv): StepResult[] {
  const script = steps.map(({ command }) => `{ ${command}\n} 2>&1\nprintf '\\036%d\\036' $?\n`).join('')
  const ended = spawnSync('sh', ['-c', script], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
  })
  const pieces = ended.stdout.split(MARK)
  return steps.map((step, index) => {
    const status = pieces[2 * index + 1]
    const output = (pieces[2 * index] ?? '') + (status === undefined ? ended.stderr : '')
    return { ...step, actualOutput: output, actualStatus: status === undefined ? undefined : Number(status) }
  })
}
