import { EXIT } from '../errors.js'
import { counted, plainLine, shortId, sizeText } from '../text.js'
import { trimSlashes } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly into?: boolean
  readonly overwrite?: boolean
  readonly owner?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('<rev>', 'what to write out')
      .argument('<dir>', 'the folder to write: a new or an empty one')
      .argument('[path...]', 'only these files and folders')
      .option('--into', 'DIR may hold other things already; they stay')
      .option('--overwrite', 'with --into: files that are in the way are replaced')
      .option('--owner', 'also set owners, by number, where they are recorded; takes privileges')
      .usage('[options] <rev> <dir> [--] [path...]')
      .takePathsAfterDashes()
  },
  about: `
Contents, names, modes, times, symlinks and hard links come back as they were recorded, owners with --owner. Nothing is
written outside DIR, whatever the names in the store are. Every byte is checked on its way.`,
  examples: [
    { command: 'varve export main /tmp/out', does: 'the newest state' },
    { command: 'varve export main@{yesterday} /tmp/out docs', does: 'a folder as it was yesterday' },
    { command: 'varve export v1.0 . --into --overwrite src/a.c', does: 'put one file back' },
  ],
  json: '{ commit: string, dir: string, files, directories, sizeBytes: number, warnings: string[] }',
  statuses: {
    [EXIT.notFound]: true,
    [EXIT.conflict]: 'DIR is not empty, or a file is in the way',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
    [EXIT.files]: 'names that clash or are not safe to write here',
  },
  hints: {
    DESTINATION_NOT_EMPTY: 'name another folder, or write into it with --into',
    ALREADY_EXISTS: 'nothing was written; --overwrite replaces them',
  },
  completes: ['revision', 'file'],

  async run(context, command) {
    const options = command.opts<Options>()
    const [rev = '', dir = '', ...operands] = command.args
    const paths = [...operands, ...command.paths].map(trimSlashes)
    const repository = await context.openToReadLong()
    const commit = await repository.resolve(rev)
    const target = context.resolvePath(dir)
    const result = await repository.export(commit, target, {
      ...context.work,
      ...(paths.length === 0 ? {} : { paths }),
      into: options.into === true,
      overwrite: options.overwrite === true,
      owner: options.owner === true,
    })
    for (const warning of result.warnings) await context.warn(warning)
    if (context.json) {
      const { files, directories, bytes: sizeBytes, warnings } = result
      await context.out.json({ commit, dir: target, files, directories, sizeBytes, warnings })
    } else {
      await context.say(
        `exported ${plainLine(rev)} (${shortId(commit)}) to ${target}: ${counted(result.files, 'file')}, ${sizeText(result.bytes)}`,
      )
    }
    return EXIT.ok
  },
}
