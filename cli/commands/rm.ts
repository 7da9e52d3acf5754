import { EXIT } from '../errors.js'
import { pathJson } from '../shapes.js'
import { plainLine } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly recursive?: boolean
  readonly force?: boolean
  readonly dryRun?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('<path...>', 'files and folders that the commit has')
      .option('-r, --recursive', 'folders too, with all of the commit that is below them')
      .option('-f, --force', 'also what has uncommitted changes: they are lost')
      .option('-n, --dry-run', 'only list what would be removed')
  },
  about: `
Removes files that the folder's commit has, so that the next commit has them no more; folders that become empty go as well.
Uncommitted changes that would be lost are listed, and nothing is done. Files that no commit has stay: see "varve clean".`,
  examples: [
    { command: 'varve rm notes.txt', does: 'a file' },
    { command: 'varve rm -r old drafts', does: 'folders' },
    { command: 'varve rm -rn old', does: 'see first what would go' },
  ],
  json: '{ dryRun: boolean, paths: { path }[] }            // files, and folders that were empty',
  statuses: {
    [EXIT.notFound]: 'the commit has no such path, it is a folder and -r is missing, or not in a working folder',
    [EXIT.conflict]: 'uncommitted changes would be lost, or a switch was interrupted; nothing was removed',
    [EXIT.storage]: 'something could not be removed; all else is gone',
    [EXIT.files]: 'files that changed at that moment stayed; all else is gone',
  },
  completes: ['tree-path'],

  async run(context, command) {
    const options = command.opts<Options>()
    const dryRun = options.dryRun === true
    const folder = await context.openFolder()
    const within = (path: string) => folder.pathWithin(path, context.folder)
    const { paths } = await folder.removePaths(command.args.map(within), {
      ...context.work,
      recursive: options.recursive === true,
      force: options.force === true,
      dryRun,
      standingIn: within('.'),
    })
    if (context.json) {
      await context.out.json({ dryRun, paths: paths.map(({ path, pathBytes }) => pathJson(path, pathBytes)) })
      return EXIT.ok
    }
    for (const { path } of paths) {
      if (dryRun) await context.out.line(`rm '${plainLine(path)}'`)
      else await context.say(`rm '${plainLine(path)}'`)
    }
    return EXIT.ok
  },
}
