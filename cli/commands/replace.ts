import { Option } from 'commander'
import type { ReplacementInfo } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { agoText, isoTime, plainLine, shortId } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly reason?: string
  readonly author?: string
  readonly force?: boolean
  readonly list?: boolean
  readonly undo?: string
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[a]', 'what is replaced: a revision, REV:PATH, or the id of any object')
      .argument('[b]', 'what takes its place')
      .option('--reason <text>', 'why, for whoever finds it later')
      .option('--author <text>', 'who does it, as in "Ann <ann@example.com>"')
      .option('-f, --force', 'also what is replaced already; with --undo, also what is gone')
      .addOption(new Option('-l, --list', 'list what is replaced (default)').conflicts(['reason', 'author', 'force']))
      .addOption(new Option('--undo <a>', 'show the original again').conflicts(['reason', 'author', 'list']))
      .usage('[--list]  |  [-f] --reason <text> <a> <b>  |  [-f] --undo <a>')
  },
  about: `
From now on whoever asks for A gets B: log, show, diff, ls, cat, export, switch and all others that read. What is stored does not
change: commits keep their ids, both A and B are kept, and --undo shows the original again. So it hides what should not be seen by
accident, and mends history that others hold; it does not take anything out of the store.

A commit can be replaced by any other that does not lead back to it. B's parents count then as well: with none, history ends there.
What lies below a commit can be replaced by what its entries could be about as well: the same kind and size; of a directory also
the same names. A file is meant by REV:PATH, wherever else it is used, too.

"varve verify" counts what is replaced, "varve which" names what it keeps. In a working folder that stands at A, status compares
with B.`,
  examples: [
    { command: 'varve replace v1.2 v1.2-clean --reason "held a password"', does: 'show another commit in its place' },
    {
      command: 'varve replace main~3:logo.png fixed:logo.png --reason "wrong colour"',
      does: 'the same size, another file',
    },
    { command: 'varve replace', does: 'what is replaced, by what, and why' },
    { command: 'varve replace --undo v1.2', does: 'show the original again' },
  ],
  json: `
// list:   Replacement[]
// others: { action: "replaced" | "undone", ...Replacement }
// Replacement: { id, by, kind?: "commit" | "tree" | "manifest" | "attributes" | "chunk",      // no kind: "by" is missing
//                reason, who, time,
//                isOriginalThere: boolean }                                                   // false: erased, or dropped by gc`,
  statuses: {
    [EXIT.usage]: 'B cannot take the place of A; no reason was given; what is to be shown again is gone',
    [EXIT.notFound]: 'no such revision, path or object; it is not replaced; the files of B were pruned',
    [EXIT.conflict]: 'A is replaced already, or the store is locked',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
  },
  completes: ['revision', 'revision'],

  async run(context, command) {
    const options = command.opts<Options>()
    const [a, b] = command.args
    if (options.undo !== undefined) {
      if (a !== undefined) throw new UsageError('--undo needs one name: varve replace --undo A')
      await undo(context, options.undo, options.force === true)
    } else if (a === undefined || options.list === true) {
      if (a !== undefined) throw new UsageError('--list takes no names')
      if (options.reason !== undefined || options.author !== undefined || options.force === true) {
        throw new UsageError('what by what? give A and B')
      }
      await list(context)
    } else {
      if (b === undefined) throw new UsageError('by what? give A and B')
      if (options.reason === undefined) throw new UsageError('why? give --reason TEXT')
      await replace(context, a, b, { ...options, reason: options.reason })
    }
    return EXIT.ok
  },
}

async function replace(
  context: Context,
  a: string,
  b: string,
  { reason, author, force = false }: Options & { readonly reason: string },
): Promise<void> {
  const repository = await context.open()
  // An empty variable is one that is not set.
  const who = author ?? (context.io.env.VARVE_AUTHOR || undefined)
  const replacement = await repository.replace(a, b, { reason, who, force })
  if (context.json) await context.out.json({ action: 'replaced', ...replacementJson(replacement) })
  else await context.say(`whoever asks for ${nameOf(replacement)} gets ${shortId(replacement.by)}`)
}

async function undo(context: Context, a: string, force: boolean): Promise<void> {
  const repository = await context.open()
  const replacement = await repository.undoReplace(a, { force })
  if (context.json) await context.out.json({ action: 'undone', ...replacementJson(replacement) })
  else if (replacement.isOriginalThere) await context.say(`${nameOf(replacement)} is shown again`)
  else await context.say(`forgot what took the place of ${shortId(replacement.id)}`)
}

async function list(context: Context): Promise<void> {
  const repository = await context.openToRead()
  const found = await repository.replacements()
  if (context.json) {
    await context.out.jsonArray(found.map(replacementJson))
    return
  }
  const { yellow, red, dim } = context.colors
  await printColumns(
    context.out,
    [],
    found.map(({ id, by, kind, reason, who, timeMs, isOriginalThere }) => [
      kind ?? red('missing'),
      yellow(shortId(id)),
      isOriginalThere ? '' : red('erased'),
      `by ${yellow(shortId(by))}`,
      plainLine(reason),
      dim(`${agoText(timeMs, context.nowMs)}, ${plainLine(who)}`),
    ]),
  )
}

function nameOf({ kind, id }: ReplacementInfo): string {
  return `${kind ?? 'object'} ${shortId(id)}`
}

function replacementJson({ timeMs, ...replacement }: ReplacementInfo) {
  const { id, by, kind, reason, who, isOriginalThere } = replacement
  return { id, by, ...(kind === undefined ? {} : { kind }), reason, who, time: isoTime(timeMs), isOriginalThere }
}
