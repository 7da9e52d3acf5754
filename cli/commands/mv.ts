import { sep } from 'node:path'
import { EXIT, UsageError } from '../errors.js'
import { pathJson } from '../shapes.js'
import { plainLine } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly force?: boolean
  readonly dryRun?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .usage('[options] <source...> <destination>')
      .argument('<path...>', 'what to move, and at the end the new name, or a folder to move it into')
      .option('-f, --force', 'overwrite files; folders never are')
      .option('-n, --dry-run', 'only list what would be moved')
  },
  about: `
Everything is checked before the first is moved. What is uncommitted is taken along, and files that no commit has as well.
With a "/" at its end the destination must be a folder. Nothing is moved through a symlink, out of .varve or .git, or into them.`,
  examples: [
    { command: 'varve mv notes.txt ideas.txt', does: 'give a file another name' },
    { command: 'varve mv a.txt b.txt letters/', does: 'into a folder' },
    { command: 'varve mv -f draft.txt final.txt', does: 'in the place of another file' },
  ],
  json: '{ dryRun: boolean, moves: { from: { path }, to: { path } }[] }',
  statuses: {
    [EXIT.notFound]: 'no such file or folder, or not in a working folder',
    [EXIT.conflict]: 'the destination is taken, or a switch was interrupted',
    [EXIT.storage]: 'the system refuses it, or the destination lies on another file system',
    [EXIT.files]: 'a symlink is on the way, the name is not allowed, or something changed at that moment',
  },
  completes: ['file', 'file'],

  async run(context, command) {
    const options = command.opts<Options>()
    const dryRun = options.dryRun === true
    const destination = command.args.at(-1) ?? ''
    const sources = command.args.slice(0, -1)
    if (sources.length === 0) throw new UsageError('mv needs something to move and a destination')
    const folder = await context.openFolder()
    const within = (path: string) => folder.pathWithin(path, context.folder)
    const { moves } = await folder.movePaths(sources.map(within), within(destination), {
      ...context.work,
      into: destination.endsWith('/') || destination.endsWith(sep),
      force: options.force === true,
      dryRun,
    })
    if (context.json) {
      const told = moves.map(({ from, fromBytes, to, toBytes }) => ({
        from: pathJson(from, fromBytes),
        to: pathJson(to, toBytes),
      }))
      await context.out.json({ dryRun, moves: told })
      return EXIT.ok
    }
    for (const { from, to } of moves) {
      const names = `${plainLine(from)} to ${plainLine(to)}`
      if (dryRun) await context.out.line(`Would rename ${names}`)
      else await context.say(`Renaming ${names}`)
    }
    return EXIT.ok
  },
}
