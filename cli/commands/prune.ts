import type { PruneResult } from '../../src/index.js'
import type { VerbCommand } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { tellCollected } from '../gcText.js'
import { printColumns } from '../output.js'
import { counted, isoTime, plainLine, shortId, subjectOf, timeText } from '../text.js'
import { collect, parseCountFromNone } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly keepLast?: number
  readonly keepHourly?: number
  readonly keepDaily?: number
  readonly keepWeekly?: number
  readonly keepMonthly?: number
  readonly keepYearly?: number
  readonly keepWithin?: string
  readonly keepTag?: readonly string[]
  readonly branch?: readonly string[]
  readonly dryRun?: boolean
  readonly gc?: boolean
}

export const verb: Verb = {
  define(command) {
    keepOption(command, 'last', 'the newest commits of each branch')
    keepOption(command, 'hourly', 'the newest commit of each of the last hours that have any')
    keepOption(command, 'daily', 'the same of days')
    keepOption(command, 'weekly', 'the same of weeks, which begin on Monday')
    keepOption(command, 'monthly', 'the same of months')
    keepOption(command, 'yearly', 'the same of years')
    command
      .option(
        '--keep-within <duration>',
        'all that is at most so much older than the newest commit: 12h, 30d, 6m, 1y6m',
      )
      .option(
        '--keep-tag <pattern>',
        'tagged commits, of tags that match; may be repeated (default: all tags)',
        collect,
      )
      .option('--branch <pattern>', 'only branches that match; may be repeated (default: all)', collect)
      .option('--gc', 'run gc as well, as "varve gc" does')
      .option('-n, --dry-run', 'only show what stays and what goes')
  },
  about: `
Commits that no option keeps lose their files. They keep id, message and place in history, and say that they were pruned, when
and by which policy. "varve gc" gives the space back, once the grace period is over. Always kept: the tips of all branches,
what folders stand at, and all that a branch needs which --branch leaves out. Commits are counted along first parents.

A number counts hours, days and so on that have commits, each in the time zone of its commits. A commit dated in the future stays,
and takes no other's place; nor does one whose clock was set back. In patterns, * is any text and ? any one character.`,
  examples: [
    { command: 'varve prune -n --keep-daily 7 --keep-weekly 4 --keep-monthly 12', does: 'what would stay, and why' },
    { command: 'varve prune --keep-last 10 --keep-within 30d', does: 'all of a month, and ten in any case' },
    { command: "varve prune --branch 'backup/*' --keep-daily 30 --gc", does: 'only these branches, and gc at once' },
  ],
  json: `
{ dryRun: boolean, policy,
  branches: { name, commits: { id, time, subject, reasons: string[] }[] }[],    // newest first; without reasons it goes
  pruned: string[],
  gc?: object }                                                                 // with --gc: as "varve gc --json"`,
  statuses: {
    [EXIT.usage]: 'a policy that keeps nothing, or a pattern that matches nothing',
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'a branch, tag or folder moved meanwhile; nothing was pruned',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
  },
  completesOption: { branch: 'branch', 'keep-tag': 'tag' },

  async run(context, command) {
    const options = command.opts<Options>()
    const { parseDuration } = await context.library()
    const { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, dryRun = false, gc = false } = options
    if (gc && dryRun)
      throw new UsageError('--gc goes without --dry-run', 'see what gc would do once the commits are pruned')
    const repository = await (dryRun ? context.openToRead() : context.open({ frees: true }))
    const result = await repository.prune({
      ...context.work,
      ...{ keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, dryRun },
      keepWithinMs: options.keepWithin === undefined ? undefined : parseDuration(options.keepWithin),
      keepTags: options.keepTag,
      branches: options.branch,
    })
    if (!context.json) await tell(context, result, gc)
    const collected = gc ? await repository.gc(context.work) : undefined
    if (context.json) await context.out.json({ ...pruneJson(result), ...(collected && { gc: collected }) })
    else if (collected) await tellCollected(context, collected)
    return EXIT.ok
  },
}

function keepOption(command: VerbCommand, name: string, what: string): void {
  command.option(`--keep-${name} <n>`, what, parseCountFromNone)
}

function pruneJson({ dryRun, policy, branches, pruned }: PruneResult) {
  return {
    dryRun,
    policy,
    branches: branches.map(({ name, commits }) => ({
      name,
      commits: commits.map(({ id, timeMs, zoneMinutes, subject, reasons }) => ({
        id,
        time: isoTime(timeMs, zoneMinutes),
        subject,
        reasons,
      })),
    })),
    pruned,
  }
}

async function tell(context: Context, { dryRun, branches, pruned }: PruneResult, gc: boolean): Promise<void> {
  const { green, red, yellow } = context.colors
  context.clearProgress()
  for (const { name, commits } of branches) {
    await context.out.line(`${green(plainLine(name))}: ${counted(commits.length, 'commit')}`)
    const rows = commits.map(({ id, timeMs, zoneMinutes, subject, reasons }) => [
      reasons.length > 0 ? '  stays' : red('  goes'),
      yellow(shortId(id)),
      timeText(timeMs, zoneMinutes).slice(0, 16),
      subjectOf(subject),
      plainLine(reasons.join(', ')),
    ])
    await printColumns(context.out, ['left', 'left', 'left', 'left', 'left'], rows)
  }
  const what = counted(pruned.length, 'commit')
  const files = pruned.length === 1 ? 'its files' : 'their files'
  if (pruned.length === 0) await context.say('nothing goes')
  else if (dryRun) await context.say(`${what} would lose ${files}`)
  else await context.say(`${what} lost ${files}${gc ? '' : '; `varve gc` gives the space back'}`)
}
