/**
 * What a verb is: how it is parsed, what help says about it, what it does.
 *
 * A file in commands/ exports one `verb`; verbs.ts lists them with their summaries, so that `varve --help` loads none.
 */
import type { ErrorCode } from '../src/index.js'
import type { Completes, VerbCommand } from './command.js'
import type { Context } from './context.js'

export interface Example {
  readonly command: string
  readonly does: string
}

export interface Verb {
  /** Adds operands and options. */
  define?(command: VerbCommand): void
  /** Paragraphs of help below the summary. */
  readonly about?: string
  readonly examples: readonly Example[]
  /** The shape of what --json prints, written like a type of TypeScript; comments give units. */
  readonly json: string
  /** The exit statuses that can come of it, beside 0, 2, 130 and 141; a text where the verb gives one a meaning of its own. */
  readonly statuses?: Readonly<Record<number, string | true>>
  /** What to do about an error, in terms of this command's options; said instead of the library's own hint. */
  readonly hints?: Readonly<Partial<Record<ErrorCode, string>>>
  /** What completion offers for the operands in turn. */
  readonly completes?: readonly Completes[]
  /** The same for each of the paths after `--`. */
  readonly completesPaths?: Completes
  /** The same for options that take a value, by long name without dashes. */
  readonly completesOption?: Readonly<Record<string, Completes>>
  /** Whether what it prints for a person at a terminal goes through a pager. */
  readonly pages?: boolean
  /** Resolves with the exit status, 0 when `undefined`. */
  run(context: Context, command: VerbCommand): Promise<number | undefined>
}

/** Verbs below a verb: `vg extend`. */
export interface VerbGroup {
  readonly about: string
  readonly subverbs: Readonly<Record<string, { readonly summary: string; readonly verb: Verb }>>
  /** What the group alone does. */
  readonly default: string
}

export function isGroup(verb: Verb | VerbGroup): verb is VerbGroup {
  return 'subverbs' in verb
}
