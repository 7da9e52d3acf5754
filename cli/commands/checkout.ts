import { EXIT, UsageError } from '../errors.js'
import type { Verb } from '../verb.js'
import { tellRestored } from './restore.js'
import { pathsOf, SWITCH_JSON, SWITCH_STATUSES, tellSwitch } from './switch.js'

interface Options {
  readonly branch?: string
  readonly detach?: boolean
  readonly force?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[rev]', 'a branch, or any commit: then on no branch')
      .option('-b, --branch <name>', 'begin a branch of this name there (default: at HEAD)')
      .option('-d, --detach', 'stand at the commit itself, also where REV is a branch')
      .option('-f, --force', 'give up uncommitted changes')
      .takePathsAfterDashes()
      .usage('[options] [rev]  |  [rev] -- <path...>')
  },
  about: 'For hands that know Git: "switch" and "restore" under their old name.',
  examples: [
    { command: 'varve checkout main', does: 'as varve switch main' },
    { command: 'varve checkout -b idea', does: 'as varve switch -c idea' },
    { command: 'varve checkout main~1 -- notes.txt', does: 'as varve restore --from main~1 notes.txt' },
  ],
  json: SWITCH_JSON,
  statuses: SWITCH_STATUSES,
  completes: ['revision'],
  completesPaths: 'restorable-path',

  async run(context, command) {
    const options = command.opts<Options>()
    const [rev] = command.args
    if (rev === undefined && options.branch === undefined && command.paths.length === 0) {
      throw new UsageError('checkout needs a branch, or paths after --')
    }
    const folder = await context.openFolder()
    if (command.paths.length > 0) {
      const paths = pathsOf(context, command, (path, from) => folder.pathWithin(path, from))
      await tellRestored(context, await folder.restore(paths, { ...context.work, from: rev }))
      return EXIT.ok
    }
    const isBranch = (await folder.repository.branches()).some(({ name }) => name === rev)
    const detach = options.detach === true || (!isBranch && options.branch === undefined)
    const how = { ...context.work, create: options.branch, detach, force: options.force === true }
    await tellSwitch(context, await folder.switchTo(rev ?? 'HEAD', how))
    return EXIT.ok
  },
}
