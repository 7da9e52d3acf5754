import { Option } from 'commander'
import type { RestoreResult, SwitchResult } from '../../src/index.js'
import type { VerbCommand } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { counted, plainLine, shortId } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly create?: string
  readonly detach?: boolean
  readonly force?: boolean
  readonly continue?: boolean
  readonly abort?: boolean
}

export const SWITCH_JSON = `
{ branch: string | null,                          // null: detached
  head: string, written, removed: number,         // files
  warnings: string[] }`

export const SWITCH_STATUSES = {
  [EXIT.notFound]: 'no such branch, revision or working folder',
  [EXIT.conflict]: 'uncommitted changes are in the way, the branch is in another folder, or a switch was interrupted',
  [EXIT.storage]: true,
  [EXIT.files]: 'names that cannot be written safely',
} as const

export const verb: Verb = {
  define(command) {
    command
      .argument('[branch]', 'where to go; with -c or --detach any revision')
      .option('-c, --create <name>', 'begin a branch of this name there (default: at HEAD)')
      .option('-d, --detach', 'stand at the commit itself, on no branch')
      .option('-f, --force', 'give up uncommitted changes')
      .addOption(
        new Option('--continue', 'go on with a switch that was interrupted').conflicts(['create', 'detach', 'abort']),
      )
      .addOption(new Option('--abort', 'go back on one').conflicts(['create', 'detach']))
  },
  about: `
Only files that differ between the two commits are touched; what you changed elsewhere is carried along. Uncommitted
changes that would be lost are listed, and nothing is done. Files that no commit has stay where they are.`,
  examples: [
    { command: 'varve switch main', does: 'go to a branch' },
    { command: 'varve switch -c idea', does: 'begin a branch here' },
    { command: 'varve switch --detach main~3', does: 'look at an older state' },
  ],
  json: SWITCH_JSON,
  statuses: SWITCH_STATUSES,
  completes: ['branch'],

  async run(context, command) {
    const options = command.opts<Options>()
    const [rev] = command.args
    const isUnderWay = options.continue === true || options.abort === true
    if (isUnderWay && rev !== undefined) {
      throw new UsageError('--continue and --abort know where to go', 'leave out the branch')
    }
    if (!isUnderWay && rev === undefined && options.create === undefined && !options.detach) {
      throw new UsageError('switch needs a branch')
    }
    const folder = await context.openFolder()
    const how = { ...context.work, force: options.force === true }
    if (isUnderWay) {
      if (options.continue) await tellSwitch(context, await folder.continueSwitch(how))
      else await tellBack(context, await folder.abortSwitch(how))
      return EXIT.ok
    }
    const result = await folder.switchTo(rev ?? 'HEAD', { ...how, create: options.create, detach: options.detach })
    await tellSwitch(context, result)
    return EXIT.ok
  },
}

export async function tellSwitch(
  context: Context,
  { branch, id, written, removed, warnings }: SwitchResult,
): Promise<void> {
  if (context.json) {
    await context.out.json({ branch: branch ?? null, head: id, written, removed, warnings })
    return
  }
  for (const warning of warnings) await context.warn(warning)
  const where = branch === undefined ? `detached at ${shortId(id)}` : `on ${plainLine(branch)}, at ${shortId(id)}`
  const done = [written > 0 ? `${counted(written, 'file')} written` : '', removed > 0 ? `${removed} removed` : '']
  const changed = done.filter((text) => text !== '').join(', ')
  await context.say(changed === '' ? where : `${where}: ${changed}`)
}

async function tellBack(context: Context, { written, removed, warnings }: RestoreResult): Promise<void> {
  if (context.json) await context.out.json({ written, removed, warnings })
  else await context.say(`back where it was: ${counted(written, 'file')} written, ${removed} removed`)
}

/** What stood after `--`, from the folder's root. */
export function pathsOf(
  context: Context,
  command: VerbCommand,
  within: (path: string, from: string) => string,
): string[] {
  return command.paths.map((path) => within(path, context.folder))
}
