/** The options of commands that print differences. */
import { Option } from 'commander'
import type { DiffForm, DiffStyle } from './changeText.js'
import type { VerbCommand } from './command.js'
import { UsageError } from './errors.js'
import { parseCountFromNone } from './values.js'

interface Options {
  readonly stat?: boolean
  readonly bytes?: boolean
  readonly nameStatus?: boolean
  readonly nameOnly?: boolean
  readonly unified?: number
  readonly wordDiff?: boolean
  readonly renames: boolean
  readonly nul?: boolean
}

const DEFAULT_CONTEXT_LINES = 3

export function addDiffOptions(command: VerbCommand): void {
  const forms = ['stat', 'bytes', 'nameStatus', 'nameOnly']
  const form = (flags: string, about: string, own: string) =>
    new Option(flags, about).conflicts(forms.filter((name) => name !== own))
  command
    .addOption(form('--stat', 'one line a file: how many lines changed, or bytes of a binary', 'stat'))
    .addOption(form('--bytes', 'one line a file: bytes that are new and that are gone, whatever kind it is', 'bytes'))
    .addOption(
      form(
        '--name-status',
        'only a letter and the path: A added, D removed, M modified, T type, X executable or not, R renamed',
        'nameStatus',
      ),
    )
    .addOption(form('--name-only', 'only the path', 'nameOnly'))
    .option('-U, --unified <lines>', 'so many equal lines around each change (default: 3)', parseCountFromNone)
    .addOption(new Option('--word-diff', 'mark changed words: [-gone-]{+new+}').conflicts(forms))
    .option('--no-renames', 'show a file that moved as one removed and one added')
    .option('-z, --nul', 'with --name-status and --name-only: exact paths, each followed by a NUL')
}

/** @throws {UsageError} for options that do not go together */
export function readDiffStyle(command: VerbCommand): DiffStyle & { readonly renames: boolean } {
  const options = command.opts<Options>()
  const form = formOf(options)
  const nulEnds = options.nul === true
  if (nulEnds && form !== 'name-status' && form !== 'name-only') {
    throw new UsageError('-z goes with --name-status or --name-only')
  }
  const { unified: contextLines = DEFAULT_CONTEXT_LINES, renames } = options
  return { form, contextLines, words: options.wordDiff === true, nulEnds, renames }
}

function formOf({ stat, bytes, nameStatus, nameOnly }: Options): DiffForm {
  if (nameStatus) return 'name-status'
  if (nameOnly) return 'name-only'
  if (bytes) return 'bytes'
  return stat ? 'stat' : 'patch'
}
