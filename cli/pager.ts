/**
 * Long text for a person at a terminal goes through a pager, as in Git: VARVE_PAGER, else PAGER, else less.
 *
 * The pager starts with the first piece of output, so that an error or an empty answer starts none. One that is not there
 * is no error: output then goes where it would go without. Whoever closes it early has seen enough: the verb is told to
 * stop, and ends as with any output that was closed.
 */
import { EXIT } from './errors.js'
import { Interruption } from './interrupt.js'
import type { Io, Pager, PagerCommand, Sink } from './io.js'

/** What makes a command line one for the shell. */
const SHELL_SIGNS = process.platform === 'win32' ? /[|&<>"%^]/ : /[|&;<>()$`\\"'*?[#~=%\n]/
/** less leaves at once where all fits, shows colours, and lets its text stand. */
const LESS_OPTIONS = 'FRX'
const DEFAULT_PAGER = 'less'

/** `undefined`: none. Empty and `cat` say so; on a terminal that can do nothing a pager does more harm than good. */
export function pagerCommand(env: Io['env']): PagerCommand | undefined {
  const command = (env.VARVE_PAGER ?? env.PAGER ?? DEFAULT_PAGER).trim()
  if (command === '' || command === 'cat' || env.TERM === 'dumb') return undefined
  return {
    command: SHELL_SIGNS.test(command) ? command : command.split(/\s+/),
    env: env.LESS === undefined ? { LESS: LESS_OPTIONS } : {},
  }
}

/** What a shell ends with that did not find the program. */
const NOT_FOUND_STATUS = 127
/** More than a pipe holds: a program that never ran has taken no more. */
const REPLAYED_MAX = 1024 * 1024

/** A verb's outputs while a pager may have the terminal. */
export class PagedOutput {
  /** What is written goes into the pager. */
  readonly stdout: Sink
  /** Waits for the pager to end, where it would write over it. */
  readonly stderr: Sink
  /** Also aborted when the pager was closed early. */
  readonly signal: AbortSignal
  readonly #io: Io
  readonly #command: PagerCommand
  readonly #closed = new AbortController()
  #pager: Pager | undefined
  #starting: Promise<void> | undefined
  #isEnding = false
  /** What the pager got, until it is too much; `undefined` once it is. */
  #replayable: Buffer[] | undefined = []
  #replayableBytes = 0
  #heldErrors: (string | Uint8Array)[] = []

  constructor(io: Io, command: PagerCommand) {
    this.#io = io
    this.#command = command
    const { stdout, stderr } = io
    this.stdout = { isTerminal: stdout.isTerminal, columns: stdout.columns, write: (data) => this.#write(data) }
    this.stderr = {
      isTerminal: stderr.isTerminal,
      columns: stderr.columns,
      write: async (data) => {
        if (this.#pager && stderr.isTerminal) this.#heldErrors.push(data)
        else await stderr.write(data)
      },
    }
    this.signal = AbortSignal.any([io.signal, this.#closed.signal])
  }

  /** Lets the person read to the end. */
  async end(): Promise<void> {
    this.#isEnding = true
    const pager = this.#pager
    if (pager) {
      pager.end()
      await this.#replayIfMissing(pager)
      this.#pager = undefined
    }
    for (const data of this.#heldErrors.splice(0)) await this.#io.stderr.write(data)
  }

  async #write(data: string | Uint8Array): Promise<void> {
    this.#starting ??= this.#start()
    await this.#starting
    const pager = this.#pager
    if (!pager) return this.#io.stdout.write(data)
    this.#keep(data)
    try {
      await pager.write(data)
    } catch (error) {
      if (!(await this.#replayIfMissing(pager))) throw error
    }
  }

  async #start(): Promise<void> {
    const { command } = this.#command
    this.#pager = await this.#io.startPager(this.#command)
    if (!this.#pager) {
      const name = typeof command === 'string' ? command : command[0]
      if (name !== DEFAULT_PAGER) await this.#io.stderr.write(`warning: there is no pager ${name}\n`)
      return
    }
    void this.#pager.ended.then((status) => {
      if (this.#isEnding || status === NOT_FOUND_STATUS) return
      this.#closed.abort(new Interruption('SIGPIPE', EXIT.outputClosed))
    })
  }

  /** A shell says only afterwards that there was no such program. @returns Whether it did. */
  async #replayIfMissing(pager: Pager): Promise<boolean> {
    if ((await pager.ended) !== NOT_FOUND_STATUS || !this.#replayable) return false
    this.#pager = undefined
    for (const data of this.#replayable.splice(0)) await this.#io.stdout.write(data)
    return true
  }

  #keep(data: string | Uint8Array): void {
    if (!this.#replayable) return
    const bytes = Buffer.from(data as Uint8Array)
    this.#replayableBytes += bytes.length
    if (this.#replayableBytes > REPLAYED_MAX) this.#replayable = undefined
    else this.#replayable.push(bytes)
  }
}
