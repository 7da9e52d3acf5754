import type { ReflogEntry } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { printColumns } from '../output.js'
import { agoText, isoTime, plainLine, shortId, subjectOf } from '../text.js'
import { parseCount } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly maxCount?: number
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[ref]', 'the branch or tag (default: all)')
      .option('-n, --max-count <count>', 'show so many at most', parseCount)
  },
  about: `
Newest first. What stands in front can be used as a revision while the branch exists: main@{1} is where main pointed
before its last move. The ids of deleted branches can be used as they are.`,
  examples: [
    { command: 'varve reflog main -n 10', does: 'the last ten moves of main' },
    { command: 'varve branch rescued main@{1}', does: 'keep where main was before' },
  ],
  json: `
{ ref: string, kind: "branch" | "tag",
  revision: string,                    // "main@{0}"
  old, new: string | null,             // null: did not exist before, was deleted
  time, operation, message, who: string }[]`,
  statuses: { [EXIT.notFound]: 'no such branch or tag, now or ever' },
  completes: ['ref'],
  pages: true,

  async run(context, command) {
    const options = command.opts<Options>()
    const repository = await context.openToRead()
    const [ref] = command.args
    const moves = await repository.reflog(ref, { limit: options.maxCount })
    if (ref !== undefined && moves.length === 0) {
      const { VarveError } = await context.library()
      throw new VarveError('REF_NOT_FOUND', `there is no branch or tag ${JSON.stringify(ref)}, and there never was`)
    }
    const entries = numbered(moves)
    if (context.json) {
      await context.out.jsonArray(
        entries.map(({ revision, entry }) => ({
          ref: entry.ref,
          kind: entry.kind,
          revision,
          old: entry.old ?? null,
          new: entry.new ?? null,
          time: isoTime(entry.timeMs),
          operation: entry.operation,
          message: entry.message,
          who: entry.who,
        })),
      )
    } else {
      const { yellow, dim } = context.colors
      await printColumns(
        context.out,
        [],
        entries.map(({ revision, entry }) => [
          plainLine(revision),
          entry.new === undefined ? 'deleted' : yellow(shortId(entry.new)),
          `${entry.operation}${entry.message === '' ? '' : `: ${shownMessage(context, entry.message)}`}`,
          dim(`${agoText(entry.timeMs, context.nowMs)}, ${plainLine(entry.who)}`),
        ]),
      )
    }
    return EXIT.ok
  },
}

/** At a terminal, where lines have an end, so much leaves room for the columns beside it. */
const MESSAGE_COLUMNS_MAX = 50

function shownMessage(context: Context, message: string): string {
  const subject = subjectOf(message)
  if (!context.io.stdout.isTerminal) return subject
  const characters = [...subject.replace(/\b[0-9a-f]{64}\b/g, shortId)]
  if (characters.length <= MESSAGE_COLUMNS_MAX) return characters.join('')
  return `${characters.slice(0, MESSAGE_COLUMNS_MAX - 1).join('')}…`
}

/** `main@{1}`, counted for each ref from its newest entry. */
function numbered(entries: readonly ReflogEntry[]): { revision: string; entry: ReflogEntry }[] {
  const next = new Map<string, number>()
  return entries.map((entry) => {
    const ref = `${entry.kind} ${entry.ref}`
    const index = next.get(ref) ?? 0
    next.set(ref, index + 1)
    return { revision: `${entry.ref}@{${index}}`, entry }
  })
}
