/** What is parsed: commander's `Command` with what varve's own help, paths and completion need, and the options all share. */
import { Command, type HelpContext, Option } from 'commander'

/**
 * What completion offers for an operand or for an option's value. `revision-path`: REV and REV:PATH. `tree-path`: what the
 * revision has that stands before it. `changed-path`: what looks changed in the working folder; `restorable-path`: of that,
 * what a revision has; `new-path`: of that, what it has not. All but the first are paths from where the command is given.
 */
export type Completes =
  | 'revision'
  | 'revision-path'
  | 'range'
  | 'branch'
  | 'tag'
  | 'ref'
  | 'pv'
  | 'lv'
  | 'config'
  | 'verb'
  | 'file'
  | 'tree-path'
  | 'changed-path'
  | 'restorable-path'
  | 'new-path'
  | 'working-folder'
  | readonly string[]

const DEFAULT_COLUMNS = 80

/** Commander's command, which also knows what stood after `--`. */
export class VerbCommand extends Command {
  /** What followed `--`, for verbs that take paths there; otherwise empty and part of `args`. */
  paths: readonly string[] = []
  /** What help says below the options. */
  footer: (columns: number) => string = () => ''
  /** What completion offers for the operands in turn; nothing for those beyond. */
  completesOperands: readonly Completes[] = []
  /** What completion offers for each path after `--`, where that is not what it offers for operands. */
  completesPaths: Completes | undefined
  /** What completion offers for an option's value, by long name without dashes. */
  completesOptions: Readonly<Record<string, Completes>> = {}
  /** Whether its options are there. */
  loaded = false
  /** Gives a command below this one its options: they are loaded only when it is used or looked at. */
  loadVerb: (command: VerbCommand) => Promise<void> = () => Promise.resolve()
  #takesPaths = false

  override createCommand(name?: string): VerbCommand {
    return new VerbCommand(name)
  }

  /** What follows `--` are paths and not further operands. */
  takePathsAfterDashes(): this {
    this.#takesPaths = true
    return this
  }

  override helpInformation(context?: HelpContext): string {
    return super.helpInformation(context) + this.footer(this.configureOutput().getOutHelpWidth?.() ?? DEFAULT_COLUMNS)
  }

  /** Verbs below this one that people may use. */
  get visibleVerbs(): readonly VerbCommand[] {
    return (this.commands as readonly VerbCommand[]).filter((command) => command.helpGroup() !== '')
  }

  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    const dashes = this.#takesPaths ? indexOfDashes(argv, this.options) : undefined
    this.paths = dashes === undefined ? [] : argv.slice(dashes + 1)
    const parsed = super.parseOptions(dashes === undefined ? argv : argv.slice(0, dashes))
    this.#refuseUnknown(parsed.unknown)
    return parsed
  }

  /** Before commander looks for options that are missing: a misspelt one is what it would miss. */
  #refuseUnknown(unknown: readonly string[]): void {
    const [first] = unknown
    const isVerb = this.parent !== null && this.commands.length === 0
    if (!isVerb || first === undefined || unknown.some((word) => word === '-h' || word === '--help'))
      return // Not in commander's declarations, but it knows what comes near.
    ;(this as unknown as { unknownOption(option: string): never }).unknownOption(first)
  }
}

/** Where `--` ends the options; a `--` that is an option's value does not. */
export function indexOfDashes(argv: readonly string[], options: readonly Option[]): number | undefined {
  const takesValue = new Set<string>()
  for (const option of options) {
    if (!option.required) continue
    if (option.short !== undefined) takesValue.add(option.short)
    if (option.long !== undefined) takesValue.add(option.long)
  }
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ''
    if (word === '--') return index
    if (word.startsWith('--') ? takesValue.has(word) : clusterWantsValue(word, takesValue)) index++
  }
  return undefined
}

/** Whether `-abc` ends in an option whose value is the next word. */
function clusterWantsValue(word: string, takesValue: ReadonlySet<string>): boolean {
  if (!word.startsWith('-')) return false
  for (let letter = 1; letter < word.length; letter++) {
    if (takesValue.has(`-${word[letter]}`)) return letter === word.length - 1
  }
  return false
}

/** What every command understands, before or after its name. */
export interface GlobalOptions {
  readonly directory?: string
  readonly store?: string
  readonly json: boolean
  readonly quiet: boolean
  readonly progress: boolean
  readonly pager: boolean
}

export function globalOptions(): Option[] {
  return [
    new Option('-C, --directory <dir>', 'work as if started in this folder'),
    new Option('--store <path>', 'the store (default: VARVE_STORE, else .varve/store.varve here or in a folder above)'),
    new Option('--json', 'print one JSON document instead of text; errors as one line of JSON on stderr'),
    new Option('-q, --quiet', 'print only what was asked for, and errors'),
    new Option('--no-progress', 'show no progress'),
    new Option('-P, --no-pager', 'print long texts straight to the terminal'),
  ]
}

/** What completes their values. */
export const GLOBAL_COMPLETES: Readonly<Record<string, Completes>> = { directory: 'file', store: 'file' }

/** The value given closest to the end of the command line wins. */
export function readGlobalOptions(command: Command): GlobalOptions {
  const given = (name: string): unknown => {
    for (let at: Command | null = command; at !== null; at = at.parent) {
      if (at.getOptionValueSource(name) === 'cli') return at.getOptionValue(name)
    }
    return undefined
  }
  const text = (name: string) => given(name) as string | undefined
  const directory = text('directory')
  const store = text('store')
  return {
    ...(directory === undefined ? {} : { directory }),
    ...(store === undefined ? {} : { store }),
    json: given('json') === true,
    quiet: given('quiet') === true,
    progress: given('progress') !== false,
    pager: given('pager') !== false,
  }
}
