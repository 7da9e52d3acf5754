import type { CommitInfo, LogOptions, Repository } from '../../src/index.js'
import { CommitPrinter } from '../commitText.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { commitJson } from '../shapes.js'
import { parseCount } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly maxCount?: number
  readonly oneline?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[rev]', 'where to start, or a range A..B (default: HEAD)')
      .option('-n, --max-count <count>', 'show so many at most', parseCount)
      .option('--oneline', 'one line a commit')
      .usage('[options] [rev | a..b] [-- path]')
      .takePathsAfterDashes()
  },
  about: `
With a path only those commits are shown that changed the file or something in the folder. It is read from where the command
is given; of a store that is named, from its root.`,
  examples: [
    { command: 'varve log --oneline -n 20', does: 'the last twenty' },
    { command: 'varve log v1.0..main', does: 'what main has and v1.0 has not' },
    { command: 'varve log main -- docs/a.txt', does: 'the commits that changed a file' },
  ],
  json: 'Commit[]',
  statuses: { [EXIT.notFound]: true, [EXIT.damage]: true },
  completes: ['range'],
  completesPaths: 'tree-path',
  pages: true,

  async run(context, command) {
    const options = command.opts<Options>()
    const [rev = 'HEAD'] = command.args
    const [path, ...morePaths] = command.paths
    if (morePaths.length > 0) throw new UsageError('log takes one path')
    const repository = await context.openToRead()
    const commits = repository.log({
      from: rev,
      signal: context.signal,
      ...(options.maxCount === undefined ? {} : { limit: options.maxCount }),
      ...(path === undefined ? {} : { path: context.pathInTree(path) }),
    } satisfies LogOptions)
    if (context.json) await context.out.jsonArray(map(commits, commitJson))
    else await printCommits(context, repository, commits, options.oneline === true)
    return EXIT.ok
  },
}

async function* map<In, Out>(source: AsyncIterable<In>, convert: (item: In) => Out): AsyncIterable<Out> {
  for await (const item of source) yield convert(item)
}

async function printCommits(
  context: Context,
  repository: Repository,
  commits: AsyncIterable<CommitInfo>,
  oneLine: boolean,
): Promise<void> {
  const printer = await CommitPrinter.create(context, repository)
  let first = true
  for await (const commit of commits) {
    if (oneLine) {
      await context.out.line(printer.oneLine(commit))
      continue
    }
    if (!first) await context.out.line()
    first = false
    for (const line of printer.lines(commit)) await context.out.line(line)
  }
}
