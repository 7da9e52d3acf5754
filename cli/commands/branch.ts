import { Option } from 'commander'
import type { Repository } from '../../src/index.js'
import type { VerbCommand } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { refJson } from '../shapes.js'
import { agoText, plainLine, shortId, subjectOf } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly delete?: boolean
  readonly move?: boolean
  readonly force?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[name]', 'the branch; without one, or as "list", branches are listed')
      .argument('[rev]', 'where it starts (default: HEAD); with -m the new name')
      .addOption(new Option('-d, --delete', 'delete the branch').conflicts(['move', 'force']))
      .option('-m, --move', 'rename NAME; its reflog goes with it')
      .option('-f, --force', 'move a branch that exists')
      .usage('[list]  |  [-f] <name> [rev]  |  -d <name>  |  -m <old> <new>')
  },
  about: `
In the list * marks the branch that the working folder stands on, or the default branch of a store that --store names. What
a deleted branch held stays in the store and in the reflog; its last commit is printed.`,
  examples: [
    { command: 'varve branch', does: 'list them; * marks the one that the folder stands on' },
    { command: 'varve branch before-move main~3', does: 'mark a commit by a branch' },
    { command: 'varve branch -d before-move', does: 'delete it again' },
  ],
  json: `
// list:   { name, target, time, default: boolean, subject: string }[]
// others: { action: "created" | "moved" | "renamed" | "deleted", name, target: string | null, was: string | null }
//         was: the old name of a renamed, the old target of a moved or deleted branch`,
  statuses: {
    [EXIT.notFound]: 'no such branch or revision',
    [EXIT.conflict]: 'the name is taken, or the branch moved meanwhile',
  },
  completes: ['branch', 'revision'],

  async run(context, command) {
    const options = command.opts<Options>()
    const [name, second] = command.args
    if (options.delete === true) await remove(context, command)
    else if (options.move === true) await rename(context, command)
    else if (name === undefined || (name === 'list' && second === undefined)) await list(context)
    else await create(context, name, second ?? 'HEAD', options.force === true)
    return EXIT.ok
  },
}

async function list(context: Context): Promise<void> {
  const repository = await context.openToRead()
  const { value: defaultBranch } = await repository.config.get('default-branch')
  const branches = await repository.branches()
  const subjects = await Promise.all(
    branches.map(async (branch) => subjectOf((await repository.commit(branch.target)).message)),
  )
  if (context.json) {
    await context.out.jsonArray(
      branches.map((branch, index) => {
        const { name, target, time } = refJson(branch)
        return { name, target, time, default: name === defaultBranch, subject: subjects[index] }
      }),
    )
    return
  }
  const marked = context.namedStorePath === undefined ? context.branch : defaultBranch
  const { green, yellow } = context.colors
  await printColumns(
    context.out,
    [],
    branches.map((branch, index) => [
      branch.name === marked ? `* ${green(plainLine(branch.name))}` : `  ${plainLine(branch.name)}`,
      yellow(shortId(branch.target)),
      agoText(branch.timeMs, context.nowMs),
      subjects[index] ?? '',
    ]),
  )
  if (branches.length === 0) await context.say('no branches yet; the first commit makes one')
}

async function create(context: Context, name: string, rev: string, force: boolean): Promise<void> {
  const repository = await context.open()
  const target = await repository.resolve(rev)
  const was = await targetOf(repository, name)
  await repository.createBranch(name, target, { force })
  const action = was === undefined ? 'created' : 'moved'
  if (context.json) await context.out.json({ action, name, target, was: was ?? null })
  else if (was === undefined) await context.say(`created branch ${plainLine(name)} at ${shortId(target)}`)
  else await context.say(`moved branch ${plainLine(name)} to ${shortId(target)} (was ${shortId(was)})`)
}

async function rename(context: Context, command: VerbCommand): Promise<void> {
  const [old, name] = command.args
  if (old === undefined || name === undefined)
    throw new UsageError('renaming needs both names: varve branch -m OLD NEW')
  const repository = await context.open()
  await repository.renameBranch(old, name)
  const target = await repository.resolve(name)
  if (context.json) await context.out.json({ action: 'renamed', name, target, was: old })
  else await context.say(`renamed branch ${plainLine(old)} to ${plainLine(name)}`)
}

async function remove(context: Context, command: VerbCommand): Promise<void> {
  const [name, tooMuch] = command.args
  if (name === undefined || tooMuch !== undefined) throw new UsageError('deleting needs one name: varve branch -d NAME')
  const repository = await context.open({ frees: true })
  const was = await targetOf(repository, name)
  await repository.deleteBranch(name)
  if (context.json) await context.out.json({ action: 'deleted', name, target: null, was: was ?? null })
  else await context.say(`deleted branch ${plainLine(name)}${was === undefined ? '' : ` (was ${shortId(was)})`}`)
}

async function targetOf(repository: Repository, name: string): Promise<string | undefined> {
  return (await repository.branches()).find((branch) => branch.name === name)?.target
}
