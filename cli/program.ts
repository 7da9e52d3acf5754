/**
 * One run of the command line: find the verb, load it, parse, run, turn errors into a status. Everything that touches
 * the world comes in as `io`, so that tests run it in their own process.
 */
import { CommanderError, type OutputConfiguration } from 'commander'
import type { ErrorCode } from '../src/index.js'
import { GLOBAL_COMPLETES, globalOptions, readGlobalOptions, VerbCommand } from './command.js'
import { Context } from './context.js'
import { EXIT, type Failure, failureLines, failureOf, UsageError } from './errors.js'
import { attachHelp, formatHelp, PROGRAM_ABOUT, programFooter, wrapped } from './help.js'
import { helpColumnsFor, type Io } from './io.js'
import { colorsFor } from './output.js'
import { isGroup, type Verb, type VerbGroup } from './verb.js'
import { VERBS } from './verbs.js'
import { readVersion } from './version.js'

/** Runs a command as it is started: with the options given and the verb's own `VerbCommand`. */
export type Runner = (verb: Verb, command: VerbCommand) => Promise<void>

/** @returns The exit status. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let status: number = EXIT.ok
  let hints: Verb['hints']
  const printed: string[] = []
  const program = createProgram(
    async (verb, command) => {
      hints = verb.hints
      status = await runVerb(program, verb, command, io)
    },
    {
      writeOut: (text) => printed.push(text),
      writeErr: (text) => printed.push(text),
      outputError: () => undefined,
      getOutHelpWidth: () => helpColumnsFor(io.stdout),
      getErrHelpWidth: () => helpColumnsFor(io.stderr),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    },
  )
  try {
    try {
      await program.parseAsync([...argv], { from: 'user' })
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      status = await endOfParsing(program, error, printed, io)
    }
  } catch (error) {
    const failure = failureOf(error)
    const hint = hints?.[failure.code as ErrorCode] ?? failure.hint
    const hinted = hint === undefined ? failure : { ...failure, hint }
    status = await reportFailure(hinted, error, wantsJson(program, argv), io)
  }
  return status
}

/** `varve` with all verbs; a verb's options are defined once the verb is met. */
export function createProgram(run: Runner, output: OutputConfiguration = {}): VerbCommand {
  const program = new VerbCommand('varve')
  // Before anything is added: commands take over what their parent has when they are made.
  program.configureOutput(output)
  program.exitOverride().helpCommand(false).enablePositionalOptions().showSuggestionAfterError()
  program.description(PROGRAM_ABOUT).usage('[options] COMMAND [arguments]')
  program.footer = programFooter
  program.configureHelp(formatHelp)
  program.helpOption('-h, --help', 'show help')
  program.version(`varve ${readVersion()}`, '-V, --version', 'print the version')
  for (const option of globalOptions()) program.addOption(option)
  program.completesOptions = GLOBAL_COMPLETES
  for (const listing of VERBS) {
    const command = program.command(listing.name, { hidden: listing.heading === undefined })
    command.summary(listing.summary).description(listing.summary)
    if (listing.heading !== undefined) command.helpGroup(listing.heading)
  }
  program.loadVerb = async (command) => {
    await defineVerb(command, notRun)
  }
  program.hook('preSubcommand', async (_program, command) => {
    await defineVerb(command as VerbCommand, run)
  })
  return program
}

/** Loads what a verb of `createProgram` is and gives its command its options, once. */
export async function defineVerb(command: VerbCommand, run: Runner): Promise<Verb | VerbGroup> {
  const listing = VERBS.find((candidate) => candidate.name === command.name())
  if (listing === undefined) throw new UsageError(`unknown command '${command.name()}'`)
  const { verb } = await listing.load()
  if (command.loaded) return verb
  command.loaded = true
  if (isGroup(verb)) defineGroup(command, verb, run)
  else defineOne(command, verb, run)
  return verb
}

/** For commands that are looked at, by help and completion. */
const notRun: Runner = () => Promise.resolve()

function defineOne(command: VerbCommand, verb: Verb, run: Runner): void {
  verb.define?.(command)
  for (const option of globalOptions()) command.addOption(option.hideHelp())
  command.completesOperands = verb.completes ?? []
  command.completesPaths = verb.completesPaths
  command.completesOptions = { ...GLOBAL_COMPLETES, ...verb.completesOption }
  attachHelp(command, verb)
  command.action(() => run(verb, command))
}

function defineGroup(command: VerbCommand, group: VerbGroup, run: Runner): void {
  const names = Object.keys(group.subverbs)
  for (const option of globalOptions()) command.addOption(option.hideHelp())
  for (const [name, { summary, verb }] of Object.entries(group.subverbs)) {
    const inner = command.command(name).helpGroup('Commands:')
    inner.summary(summary).description(summary)
    defineOne(inner, verb, run)
  }
  command.footer = (columns) => `\n${wrapped(group.about, columns)}\n`
  command
    .usage(`[${names.join('|')}]`)
    .argument('[command]')
    // What follows a mistyped command is not what is wrong.
    .allowExcessArguments()
    .helpCommand(false)
  command.configureHelp({ ...formatHelp, visibleArguments: () => [] })
  command.action((given: string | undefined) => {
    const fallback = group.subverbs[group.default]
    if (given !== undefined || fallback === undefined) {
      const full = `${command.parent?.name() ?? ''} ${command.name()}`.trim()
      throw new UsageError(`unknown command '${given}' for ${full}`, `it takes ${names.join(', ')}`)
    }
    return run(fallback.verb, command)
  })
}

async function runVerb(program: VerbCommand, verb: Verb, command: VerbCommand, io: Io): Promise<number> {
  const context = new Context(io, program, readGlobalOptions(command), verb.pages)
  let status: number
  try {
    status = (await verb.run(context, command)) ?? EXIT.ok
    context.clearProgress()
    await context.out.flush()
  } catch (error) {
    context.clearProgress()
    // What was found before the error is the reader's. Nothing that fails from here on may hide the error itself.
    await context.out.flush().catch(() => undefined)
    await context.close().catch(() => undefined)
    throw error
  }
  await context.close()
  return status
}

/** Help and version end the parsing as errors do; what they print stands in `printed`. */
async function endOfParsing(program: VerbCommand, error: CommanderError, printed: string[], io: Io): Promise<number> {
  if (error.exitCode === 0) {
    await io.stdout.write(printed.join(''))
    return EXIT.ok
  }
  if (error.code === 'commander.help') {
    await io.stderr.write(program.helpInformation())
    return EXIT.usage
  }
  throw error
}

async function reportFailure(failure: Failure, error: unknown, json: boolean, io: Io): Promise<number> {
  if (failure.status === EXIT.outputClosed) return failure.status
  const { status, ...rest } = failure
  const red = colorsFor(io.stderr, io.env).red
  const text = json
    ? JSON.stringify({ error: rest }, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    : failureLines(failure)
        .map((line, index) => (index === 0 ? red(line) : line))
        .join('\n')
  const stack = (io.env.VARVE_DEBUG ?? '') !== '' && error instanceof Error ? `${error.stack}\n` : ''
  // A closed stderr leaves nobody to tell; the status still says it.
  await io.stderr.write(`${text}\n${stack}`).catch(() => undefined)
  return status
}

/** Also where the arguments could not be parsed: then the words themselves are all there is. */
function wantsJson(program: VerbCommand, argv: readonly string[]): boolean {
  if (program.getOptionValue('json') === true) return true
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json')
}
