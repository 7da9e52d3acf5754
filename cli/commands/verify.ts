import type { VerifyReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { counted, plainLine, plainText, sizeText } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly quick?: boolean
}

const PATHS_LISTED_AT_MOST = 10

export const verb: Verb = {
  define(command) {
    command.option('--quick', 'check structure and history only; file contents are not read')
  },
  about: `
Every stored extent is read and decoded, every chunk and object compared with its id, and every commit walked. What is
damaged is named with the files it touches. Nothing is changed.`,
  examples: [
    { command: 'varve verify', does: 'everything' },
    { command: 'varve verify --quick && echo fine', does: 'often, as in a nightly script' },
  ],
  json: `
{ ok: boolean,
  checked: { volumes, extents, chunks, commits, objects, bytes: number },          // bytes: read and hashed
  problems: { code, message, pv?, extent?, id?, paths?: string[] }[],
  notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.damage]: 'problems were found',
    [EXIT.storage]: true,
  },

  async run(context, command) {
    const options = command.opts<Options>()
    const repository = await context.openToRead()
    const report = await repository.verify({ ...context.work, quick: options.quick === true })
    if (context.json) await context.out.json(report)
    else await printReport(context, report)
    return report.ok ? EXIT.ok : EXIT.damage
  },
}

async function printReport(context: Context, report: VerifyReport): Promise<void> {
  const { checked, problems, notes } = report
  await context.say(
    `checked ${counted(checked.volumes, 'volume')}, ${counted(checked.extents, 'extent')}, ${counted(checked.chunks, 'chunk')}, ` +
      `${counted(checked.objects, 'object')}, ${counted(checked.commits, 'commit')}; ${sizeText(checked.bytes)} read and compared`,
  )
  context.clearProgress()
  const { red } = context.colors
  for (const problem of problems) {
    await context.out.line(`${red(problem.code)}  ${plainText(problem.message)}`)
    const paths = problem.paths ?? []
    for (const path of paths.slice(0, PATHS_LISTED_AT_MOST)) await context.out.line(`  ${plainLine(path)}`)
    const unlisted = paths.length - PATHS_LISTED_AT_MOST
    if (unlisted > 0) await context.out.line(`  … and ${counted(unlisted, 'more', 'more')}`)
  }
  for (const note of notes) await context.say(`note: ${plainText(note)}`)
  if (report.ok) await context.say('no problems found')
  else await context.out.line(red(`${counted(problems.length, 'problem')} found`))
}
