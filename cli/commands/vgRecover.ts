import type { MovedRef, RecoverGroupReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { agoText, counted, plainLine, plainText, shortId, sizeText } from '../text.js'
import type { Verb } from '../verb.js'
import { PROBLEM_SHAPE, printProblems } from '../verifyText.js'

interface RecoverFlags {
  readonly to?: string
  readonly partial?: boolean
  readonly exported?: boolean
  readonly dryRun?: boolean
}

export const recover: Verb = {
  define(command) {
    command
      .argument('<file...>', 'a volume that is left; more where the first does not lead to them')
      .option('--to <file>', 'where the new catalog goes (default: where the lost one was)')
      .option('--partial', 'do without volumes that are not found: they are no part of the group any more')
      .option('--exported', 'the store was exported ("varve vg export"), and its catalog is lost all the same')
      .option('-n, --dry-run', 'only say what would come back')
  },
  about: `
The first file of a store is its catalog: it knows branches and tags, and where everything lies. Volumes keep copies of what it
knows, as of the last commit that reached them. From these a new catalog is made. What lay in the lost file and on no other volume is
gone; afterwards all history is looked through, and what lacks is listed as "varve verify --quick" does. A copy of the lost file that
is newer than that is the better way: put it back.`,
  examples: [
    { command: 'varve vg recover -n /disk2/photos.pv1', does: 'what would come back?' },
    { command: 'varve vg recover /disk2/photos.pv1', does: 'a new catalog where the lost one was' },
    {
      command: 'varve vg recover /new/photos.pv1 /new/photos.pv2 --to /new/photos.varve',
      does: 'from volumes that lie elsewhere now',
    },
  ],
  json: `
{ dryRun: boolean, path, volumes: { number: number, path }[],
  missing: { number: number, path, message }[], extents, storedBytes, unusableExtents: number,
  asOfMs?: number, branches, tags: number,
  moved: { name, kind: "branch" | "tag", from, to? }[], found: { name, target }[],
  problems: ${PROBLEM_SHAPE} }`,
  statuses: {
    [EXIT.notFound]: 'no such file',
    [EXIT.conflict]: 'the catalog is there',
    [EXIT.damage]: 'a volume is not found, or contents are gone',
    [EXIT.storage]: true,
  },
  completes: ['file'],

  async run(context, command) {
    const { to, partial = false, exported = false, dryRun = false } = command.opts<RecoverFlags>()
    const [first = '', ...volumes] = command.args.map((file) => context.resolvePath(file))
    const { recoverVolumeGroup, Repository } = await context.library()
    const report = await recoverVolumeGroup(first, {
      volumes,
      partial,
      exported,
      dryRun,
      to: to === undefined ? undefined : context.resolvePath(to),
    })
    if (!context.json) await tell(context, report)
    const problems = dryRun
      ? []
      : (await context.adopt(await Repository.open(report.path)).verify({ ...context.work, quick: true })).problems
    if (context.json) await context.out.json({ ...report, problems })
    else {
      context.clearProgress()
      await printProblems(context, problems)
      if (problems.length > 0)
        await context.out.line(
          context.colors.red(`${counted(problems.length, 'problem')} found`) +
            '; from a folder that has such files, `varve commit --from DIR -b NAME` stores what lacks',
        )
      else if (!dryRun) await context.say('all that history names is there')
    }
    const isAsItWas = problems.length === 0 && report.moved.length === 0 && report.asOfMs !== undefined
    return isAsItWas ? EXIT.ok : EXIT.damage
  },
}

async function tell(context: Context, report: RecoverGroupReport): Promise<void> {
  const {
    dryRun,
    path,
    volumes,
    missing,
    extents,
    storedBytes,
    unusableExtents,
    branches,
    tags,
    asOfMs,
    moved,
    found,
  } = report
  const what = `${counted(extents, 'extent')}, ${sizeText(storedBytes)} stored, on ${counted(volumes.length, 'volume')}`
  await context.out.line(`${dryRun ? 'would make' : 'made'} the catalog ${plainLine(path)}: ${what}`)
  const refs = `${counted(branches, 'branch', 'branches')}, ${counted(tags, 'tag')}`
  if (asOfMs === undefined) {
    await context.warn('no volume has a copy of the refs: what branches and tags there were is not known')
    for (const { name, target } of found)
      await context.out.line(`branch ${name} was made at ${shortId(target)}, which no other commit builds on`)
  } else
    await context.out.line(`${refs}, last moved ${agoText(asOfMs, context.nowMs)} (${new Date(asOfMs).toISOString()})`)
  for (const { message } of missing)
    await context.warn(`${plainText(message)}; ${dryRun ? 'it would be' : 'it is'} no part any more`)
  if (unusableExtents > 0) {
    await context.warn(
      `${counted(unusableExtents, 'extent')} of no use: what they are decoded through is gone, or they are damaged`,
    )
  }
  for (const ref of moved) await context.warn(movedText(ref))
}

function movedText({ kind, name, from, to }: MovedRef): string {
  const lost = `${kind} ${plainLine(name)} was at ${shortId(from)}, which is gone`
  return to === undefined
    ? `${lost}, and so is all it was at before: there is none any more`
    : `${lost}: it is at ${shortId(to)}`
}
