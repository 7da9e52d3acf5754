import { Option } from 'commander'
import type { SpaceBytes, SpaceReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { plainLine, shortId, sizeText, subjectOf } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly by?: 'ref' | 'commit'
  readonly branch?: string
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[revisions...]', 'commits to be compared, each without its history')
      .addOption(
        new Option('--by <what>', 'of branches and tags with their history (default), or of each commit alone').choices(
          ['ref', 'commit'],
        ),
      )
      .option('--branch <name>', 'with --by commit: whose commits (default: the default branch)')
  },
  about: `
How much each branch and tag needs, and how much of that nothing else does: what would come back if it were deleted, once the
reflog and gc's grace period let it go. With --by commit the same of each commit of a branch: what pruning it alone would bring.
With revisions, what each of these commits needs, and what of it the others among them do not: of two, in what they differ.
Stored is the share of what the store takes after compression. What several need is unique to none of them.`,
  examples: [
    { command: 'varve space', does: 'which branch takes the space?' },
    { command: 'varve space --by commit | sort -h -k1', does: 'which commit does?' },
    { command: 'varve space v1.0 v2.0', does: 'how much of each is not in the other?' },
  ],
  json: `
{ owners: { name, all, unique: { chunks, rawBytes, storedBytes: number } }[],     // name: "branch main", "tag v1", a commit's id, or
                                                                              // a revision as it was given
  total, shared: { chunks, rawBytes, storedBytes: number } }                      // shared: what more than one of them needs`,
  statuses: { [EXIT.notFound]: 'no store here, no such branch or revision', [EXIT.damage]: true },
  completes: ['revision'],
  completesOption: { branch: 'branch' },

  async run(context, command) {
    const { by, branch } = command.opts<Options>()
    if (branch !== undefined && by !== 'commit') throw new UsageError('--branch goes with --by commit')
    const revisions = command.args.length > 0 ? command.args : undefined
    if (revisions && by !== undefined) throw new UsageError('--by is of all: it goes without revisions')
    const repository = await context.openToReadLong()
    const report = await repository.space({ by, branch, revisions, signal: context.signal })
    if (context.json) {
      await context.out.json(report)
      return EXIT.ok
    }
    const subjects = new Map<string, string>()
    if (by === 'commit') {
      for (const { name } of report.owners) subjects.set(name, (await repository.commit(name)).message)
    }
    await tell(context, report, (name) => {
      const message = subjects.get(name)
      return message === undefined ? plainLine(name) : `${context.colors.yellow(shortId(name))} ${subjectOf(message)}`
    })
    return EXIT.ok
  },
}

async function tell(context: Context, report: SpaceReport, shown: (name: string) => string): Promise<void> {
  const row = (unique: SpaceBytes | undefined, all: SpaceBytes, name: string) => [
    unique === undefined ? '' : sizeText(unique.storedBytes),
    sizeText(all.storedBytes),
    sizeText(all.rawBytes),
    name,
  ]
  await printColumns(
    context.out,
    ['right', 'right', 'right', 'left'],
    [
      ['unique', 'stored', 'raw', ''],
      ...report.owners.map(({ name, all, unique }) => row(unique, all, shown(name))),
      row(undefined, report.shared, 'needed by several'),
      row(undefined, report.total, 'all together'),
    ],
  )
}
