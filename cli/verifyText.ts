/** What verify and scrub say to people about what they checked, found and mended. */
import type { HealedCopy, ScrubResult, VerifyCounts, VerifyProblem } from '../src/index.js'
import type { Context } from './context.js'
import { EXIT } from './errors.js'
import { agoText, counted, plainLine, plainText, sizeText } from './text.js'

const PATHS_LISTED_AT_MOST = 10
/** The library names no more: where there are so many, there may be others. */
const PATHS_NAMED_AT_MOST = 20

/** What both print with --json. */
export const PROBLEM_SHAPE = '{ code, message, pv?, extent?, id?, mendable?: true, paths?: string[] }[]'

interface Verified {
  readonly ok: boolean
  readonly checked: VerifyCounts
  readonly problems: readonly VerifyProblem[]
  readonly healed: readonly HealedCopy[]
  readonly notes: readonly string[]
}

export async function printVerified(context: Context, report: Verified): Promise<void> {
  const { checked, problems, healed, notes } = report
  await context.say(
    `checked ${counted(checked.volumes, 'volume')}, ${counted(checked.extents, 'extent')}, ${counted(checked.chunks, 'chunk')}, ` +
      `${counted(checked.objects, 'object')}, ${counted(checked.commits, 'commit')}; ${sizeText(checked.bytes)} read and compared`,
  )
  context.clearProgress()
  await printProblems(context, problems)
  for (const { extent, pv } of healed) await context.out.line(`mended  extent ${extent} in volume ${pv}`)
  for (const note of notes) await context.say(`note: ${plainText(note)}`)
  if (problems.length > 0) {
    await context.out.line(context.colors.red(`${counted(problems.length, 'problem')} found`))
  } else if (healed.length > 0) {
    const copies = counted(healed.length, 'damaged copy was', 'damaged copies were')
    await context.out.line(`${copies} mended from sound ones; all is sound now`)
  } else {
    await context.say('no problems found')
  }
}

export async function printProblems(context: Context, problems: readonly VerifyProblem[]): Promise<void> {
  for (const problem of problems) {
    const code = context.colors.red(problem.code)
    const more = problem.mendable ? '; another copy is sound' : ''
    await context.out.line(`${code}  ${plainText(problem.message)}${more}`)
    const paths = problem.paths ?? []
    for (const path of paths.slice(0, PATHS_LISTED_AT_MOST)) await context.out.line(`  ${plainLine(path)}`)
    const unlisted = paths.length - PATHS_LISTED_AT_MOST
    if (unlisted > 0) await context.out.line(`  … and ${unlisted} ${moreText(problem, paths.length)}`)
  }
}

function moreText({ extent, id }: VerifyProblem, named: number): string {
  if (named < PATHS_NAMED_AT_MOST) return 'more'
  const what = extent === undefined ? id : `extent:${extent}`
  return what === undefined ? 'or more others' : `or more others: "varve which ${what}" lists them`
}

/** 1 when there was damage and it is mended: a disk that does that once may do it again. */
export function verifiedStatus({ ok, healed }: Verified): number {
  if (!ok) return EXIT.damage
  return healed.length > 0 ? EXIT.failed : EXIT.ok
}

/** `3 days ago: no problems` */
export function lastScrubText({ finishedMs, problems, healed }: ScrubResult, nowMs: number): string {
  const mended = healed > 0 ? `, ${counted(healed, 'copy', 'copies')} mended` : ''
  return `${agoText(finishedMs, nowMs)}: ${problems === 0 ? 'no problems' : counted(problems, 'problem')}${mended}`
}
