import { filesBetween, filesOfFolder } from '../changedFile.js'
import { type DiffStyle, printDifferences, wantsChangedBytes } from '../changeText.js'
import type { VerbCommand } from '../command.js'
import type { Context } from '../context.js'
import { addDiffOptions, readDiffStyle } from '../diffOptions.js'
import { EXIT, UsageError } from '../errors.js'
import { splitRange } from '../values.js'
import type { Verb } from '../verb.js'
import { openToLook } from './status.js'

export const verb: Verb = {
  define(command) {
    command
      .argument('[a]', 'the earlier revision, or a range A..B (default: where the working folder stands)')
      .argument('[b]', 'the later revision (default: the working folder as it is)')
    addDiffOptions(command)
    command
      .option('--exit-code', 'exit with 1 if anything differs')
      .usage('[options] [a] [b] [-- path...]   or   <a>..<b> [-- path...]')
      .takePathsAfterDashes()
  },
  about: `
Between two revisions, or between one and the working folder as it is. Prints a unified diff in Git's form: patch and git
apply take it, where no binaries differ. A file is binary when there is a NUL in its first 8,000 bytes; of binaries, and of
files longer than 64 MiB, a line says how many bytes really changed. That is found from chunks, without reading what both
sides share. Times are no difference. Paths are read from where the command is given; of a store that is named, from its
root.

Files that moved are found by their content: the same, or at least half of it, which is not looked for among more than
400 files that went and 400 that came.`,
  examples: [
    { command: 'varve diff', does: 'what is not committed yet' },
    { command: 'varve diff main~1 main', does: 'what the last commit changed' },
    { command: 'varve diff v1.0 main | git apply', does: 'the same changes in another folder' },
    { command: 'varve diff v1.0..v2.0 --stat -- src docs', does: 'in two folders only' },
    { command: 'varve diff a b --name-status --exit-code', does: 'for a script' },
  ],
  json: 'Change[]          // with hunks; with --stat only line counts; with the other forms neither',
  statuses: {
    [EXIT.failed]: 'with --exit-code: something differs',
    [EXIT.notFound]: true,
    [EXIT.damage]: true,
  },
  completes: ['range', 'revision'],
  completesPaths: 'changed-path',
  pages: true,

  async run(context, command) {
    const style = readDiffStyle(command)
    const range = sides(command.args)
    if (range === undefined) {
      const differs = await diffFolder(context, command, style)
      return command.opts<{ exitCode?: boolean }>().exitCode === true && differs ? EXIT.failed : EXIT.ok
    }
    const [a, b] = range
    const repository = await context.openToRead()
    const [before, after] = [await repository.at(a), await repository.at(b)]
    const changes = repository.diff(before.id, after.id, {
      changedBytes: wantsChangedBytes(context, style),
      renames: style.renames,
      signal: context.signal,
      ...(command.paths.length === 0 ? {} : { paths: command.paths.map((path) => context.pathInTree(path)) }),
    })
    const differs = await printDifferences(context, filesBetween(before, after, changes), style)
    return command.opts<{ exitCode?: boolean }>().exitCode === true && differs ? EXIT.failed : EXIT.ok
  },
}

/** A revision beside the working folder as it is. */
async function diffFolder(
  context: Context,
  command: VerbCommand,
  style: DiffStyle & { readonly renames: boolean },
): Promise<boolean> {
  const [rev] = command.args
  if (context.namedStorePath !== undefined) {
    const hint = rev === undefined ? undefined : `varve diff ${rev}~1 ${rev}`
    throw new UsageError('diff needs two revisions where a store is named: A B or A..B', hint)
  }
  const folder = await openToLook(context)
  const paths = command.paths.map((path) => context.pathInTree(path))
  const changes = await folder.diff(rev, {
    ...context.work,
    changedBytes: wantsChangedBytes(context, style),
    renames: style.renames,
    ...(paths.length === 0 ? {} : { paths }),
  })
  const id = rev === undefined ? folder.head.id : await folder.repository.resolve(rev)
  const before = id === undefined ? undefined : await folder.repository.at(id)
  return printDifferences(context, asyncOf(filesOfFolder(before, folder.path, changes)), style)
}

async function* asyncOf<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

/** `undefined`: one side is the working folder. */
function sides(operands: readonly string[]): readonly [string, string] | undefined {
  const [first, second] = operands
  if (first === undefined) return undefined
  const range = splitRange(first)
  if (range !== undefined && second !== undefined) {
    throw new UsageError(`'${first}' is a range already; '${second}' is one revision too many`, 'paths go after --')
  }
  if (range !== undefined) return [range.from, range.to]
  return second === undefined ? undefined : [first, second]
}
