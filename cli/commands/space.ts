import { Option } from 'commander'
import type { SpaceBytes, SpaceReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { plainLine, shortId, sizeText, subjectOf } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly by: 'ref' | 'commit'
  readonly branch?: string
}

export const verb: Verb = {
  define(command) {
    command
      .addOption(
        new Option('--by <what>', 'of branches and tags with their history, or of each commit alone')
          .choices(['ref', 'commit'])
          .default('ref'),
      )
      .option('--branch <name>', 'with --by commit: whose commits (default: the default branch)')
  },
  about: `
How much each branch and tag needs, and how much of that nothing else does: what would come back if it were deleted, once the
reflog and gc's grace period let it go. With --by commit the same of each commit of a branch: what pruning it alone would bring.
Stored is the share of what the store takes after compression. What several need is unique to none of them.`,
  examples: [
    { command: 'varve space', does: 'which branch takes the space?' },
    { command: 'varve space --by commit | sort -h -k1', does: 'which commit does?' },
  ],
  json: `
{ owners: { name, all, unique: { rawBytes, storedBytes: number } }[],      // name: "branch main", "tag v1", or a commit's id
  total, shared: { rawBytes, storedBytes: number } }                       // shared: what more than one of them needs`,
  statuses: { [EXIT.notFound]: 'no store here, or no such branch', [EXIT.damage]: true },
  completesOption: { branch: 'branch' },

  async run(context, command) {
    const { by, branch } = command.opts<Options>()
    if (branch !== undefined && by !== 'commit') throw new UsageError('--branch goes with --by commit')
    const repository = await context.openToReadLong()
    const report = await repository.space({ by, branch, signal: context.signal })
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
