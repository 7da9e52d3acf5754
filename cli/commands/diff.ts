import { Option } from 'commander'
import { type ChangeStyle, printChanges } from '../changeText.js'
import { EXIT, UsageError } from '../errors.js'
import { changeJson } from '../shapes.js'
import { splitRange, trimSlashes } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly stat?: boolean
  readonly nameStatus?: boolean
  readonly exitCode?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('<a>', 'the earlier revision, or a range A..B')
      .argument('[b]', 'the later revision')
      .addOption(new Option('--stat', 'one line a file with a bar').conflicts('nameStatus'))
      .option(
        '--name-status',
        'only a letter and the path: A added, D removed, M modified, T type, X executable or not',
      )
      .option('--exit-code', 'exit with 1 if anything differs')
      .usage('[options] <a> <b> [-- path...]   or   <a>..<b> [-- path...]')
      .takePathsAfterDashes()
  },
  about: `
For each file: how many bytes are new and how many are gone. That is found from chunks, whatever kind of file it is,
and without reading what both sides share. Times are no difference.`,
  examples: [
    { command: 'varve diff main~1 main', does: 'what the last commit changed' },
    { command: 'varve diff v1.0..v2.0 --stat -- src docs', does: 'in two folders only' },
    { command: 'varve diff a b --name-status --exit-code', does: 'for a script' },
  ],
  json: 'Change[]',
  statuses: {
    [EXIT.failed]: 'with --exit-code: something differs',
    [EXIT.notFound]: true,
    [EXIT.damage]: true,
  },
  completes: ['range', 'revision'],

  async run(context, command) {
    const options = command.opts<Options>()
    const [a, b] = sides(command.args)
    const style: ChangeStyle = options.nameStatus ? 'name-status' : options.stat ? 'stat' : 'full'
    const repository = await context.openToRead()
    const changes = repository.diff(a, b, {
      changedBytes: context.json || style !== 'name-status',
      signal: context.signal,
      ...(command.paths.length === 0 ? {} : { paths: command.paths.map(trimSlashes) }),
    })
    let differs = false
    if (context.json) {
      await context.out.jsonArray(
        (async function* () {
          for await (const change of changes) {
            differs = true
            yield changeJson(change)
          }
        })(),
      )
    } else {
      differs = await printChanges(context, changes, style)
    }
    return options.exitCode === true && differs ? EXIT.failed : EXIT.ok
  },
}

function sides(operands: readonly string[]): readonly [string, string] {
  const [first = '', second] = operands
  const range = splitRange(first)
  if (range !== undefined && second !== undefined) {
    throw new UsageError(`'${first}' is a range already; '${second}' is one revision too many`, 'paths go after --')
  }
  if (range !== undefined) return [range.from, range.to]
  if (second === undefined)
    throw new UsageError('diff needs two revisions: A B or A..B', `varve diff ${first}~1 ${first}`)
  return [first, second]
}
