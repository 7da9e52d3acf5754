import { Option } from 'commander'
import type { CleanResult } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { pathJson } from '../shapes.js'
import { plainLine } from '../text.js'
import { collect } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly ignored?: boolean
  readonly onlyIgnored?: boolean
  readonly exclude?: readonly string[]
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[path...]', 'only these files, and what is below these folders (default: the current folder)')
      .option('-f, --force', 'remove them; without it they are only listed')
      .option('-n, --dry-run', 'only list them, with --force as well')
      .option('-x, --ignored', 'also what ignore files name')
      .addOption(new Option('-X, --only-ignored', 'nothing but what ignore files name').conflicts(['ignored']))
      .option('-e, --exclude <pattern>', 'leave what matches, in the syntax of .gitignore; may be repeated', collect)
      .option('-d', 'for hands that know Git: folders are looked into with and without it')
  },
  about: `
Removes what is in the folder and not in the commit it stands at. A folder goes as a whole, and is listed with a "/", if all
that is in it goes. Never touched: .varve, .git, the store, what symlinks point to, and all of a folder below that has a
.varve or .git of its own; such a folder is named in a warning. What --exclude names stays, ignored or not.`,
  examples: [
    { command: 'varve clean', does: 'list what no commit has' },
    { command: 'varve clean -f', does: 'remove it' },
    { command: 'varve clean -fx -e .env', does: 'build outputs and the like too, but not this' },
    { command: 'varve clean -f -X build', does: 'only what is ignored, in one folder' },
  ],
  json: `
{ dryRun: boolean,
  paths: { path, kind: "file" | "directory" | "symlink" | "other" }[],     // a directory with all that is in it
  kept: { path, reason }[] }                      // left alone although it was asked for`,
  statuses: {
    [EXIT.notFound]: 'not in a working folder',
    [EXIT.conflict]: 'no commit yet, another command is at work in the folder, or a switch was interrupted',
    [EXIT.storage]: 'something could not be removed; all else is gone',
    [EXIT.files]: 'an ignore file cannot be read; nothing was removed',
  },
  completes: ['new-path'],

  async run(context, command) {
    const options = command.opts<Options>()
    const folder = await context.openFolder()
    const within = (path: string) => folder.pathWithin(path, context.folder)
    const apply = options.force === true && options.dryRun !== true
    const result = await folder.clean({
      ...context.work,
      apply,
      ignored: options.onlyIgnored ? 'only' : options.ignored ? 'also' : 'keep',
      exclude: options.exclude,
      paths: (command.args.length === 0 ? ['.'] : command.args).map(within),
      standingIn: within('.'),
    })
    await tellCleaned(context, result, apply)
    return EXIT.ok
  },
}

async function tellCleaned(context: Context, { paths, kept }: CleanResult, isDone: boolean): Promise<void> {
  if (context.json) {
    await context.out.json({
      dryRun: !isDone,
      paths: paths.map(({ path, pathBytes, kind }) => ({ ...pathJson(path, pathBytes), kind })),
      kept: kept.map(({ path, pathBytes, reason }) => ({ ...pathJson(path, pathBytes), reason })),
    })
    return
  }
  for (const { path, kind } of paths) {
    const shown = `${plainLine(path)}${kind === 'directory' ? '/' : ''}`
    if (isDone) await context.say(`Removing ${shown}`)
    else await context.out.line(`Would remove ${shown}`)
  }
  for (const { path, reason } of kept) await context.warn(`${plainLine(path)} stays: ${reason}`)
  if (paths.length === 0) await context.say('nothing to remove')
}
