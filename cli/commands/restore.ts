import type { RestoreResult } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { counted } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly from?: string
}

export const verb: Verb = {
  define(command) {
    command
      .argument('<path...>', 'files and folders of the working folder')
      .option('--from <rev>', 'the revision to take them from (default: where the folder stands)')
  },
  about: `
Naming files is the permission to overwrite them. Below a named folder, what the folder's commit has and the revision has
not is removed. What no commit has is never lost, unless it is named itself.`,
  examples: [
    { command: 'varve restore notes.txt', does: 'give up what was changed in a file' },
    { command: 'varve restore --from main~3 src', does: 'a folder as it was' },
  ],
  json: '{ written, removed: number, warnings: string[] }',
  statuses: {
    [EXIT.notFound]: 'no such path, revision or working folder',
    [EXIT.conflict]: 'something that no commit has is in the way',
    [EXIT.storage]: true,
  },
  completes: ['restorable-path'],
  completesOption: { from: 'revision' },

  async run(context, command) {
    const folder = await context.openFolder()
    const paths = command.args.map((path) => folder.pathWithin(path, context.folder))
    await tellRestored(context, await folder.restore(paths, { ...context.work, from: command.opts<Options>().from }))
    return EXIT.ok
  },
}

export async function tellRestored(context: Context, { written, removed, warnings }: RestoreResult): Promise<void> {
  if (context.json) {
    await context.out.json({ written, removed, warnings })
    return
  }
  for (const warning of warnings) await context.warn(warning)
  await context.say(`${counted(written, 'file')} restored${removed > 0 ? `, ${removed} removed` : ''}`)
}
