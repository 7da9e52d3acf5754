import { Option } from 'commander'
import type { Repository } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { refJson } from '../shapes.js'
import { agoText, plainLine, shortId, subjectOf } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly message?: string
  readonly delete?: boolean
  readonly force?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[name]', 'the tag; without one, or as "list", tags are listed')
      .argument('[rev]', 'what it names (default: HEAD)')
      .addOption(new Option('-d, --delete', 'delete the tag').conflicts(['message', 'force']))
      .option('-m, --message <text>', 'what the tag stands for')
      .option('-f, --force', 'let a tag that exists name something else')
      .usage('[list]  |  [-f] [-m message] <name> [rev]  |  -d <name>')
  },
  examples: [
    { command: 'varve tag v1.0 -m "as delivered"', does: 'tag the newest commit' },
    { command: 'varve tag v0.9 main~4', does: 'tag an older one' },
    { command: 'varve tag', does: 'list them' },
  ],
  json: `
// list:   Ref[]
// others: { action: "created" | "moved" | "deleted", name, target: string | null, was: string | null }`,
  statuses: {
    [EXIT.notFound]: 'no such tag or revision',
    [EXIT.conflict]: 'the name is taken, or the store is locked',
  },
  completes: ['tag', 'revision'],

  async run(context, command) {
    const options = command.opts<Options>()
    const [name, rev] = command.args
    if (name === undefined || (name === 'list' && rev === undefined)) {
      if (options.delete === true || options.force === true || options.message !== undefined) {
        throw new UsageError('which tag? give its name')
      }
      await list(context)
    } else if (options.delete === true) {
      if (rev !== undefined) throw new UsageError('deleting needs one name: varve tag -d NAME')
      await remove(context, name)
    } else {
      await create(context, name, rev ?? 'HEAD', options)
    }
    return EXIT.ok
  },
}

async function list(context: Context): Promise<void> {
  const repository = await context.openToRead()
  const tags = await repository.tags()
  if (context.json) {
    await context.out.jsonArray(tags.map(refJson))
    return
  }
  const { yellow } = context.colors
  await printColumns(
    context.out,
    [],
    tags.map((tag) => [
      plainLine(tag.name),
      yellow(shortId(tag.target)),
      agoText(tag.timeMs, context.nowMs),
      subjectOf(tag.message ?? ''),
    ]),
  )
}

async function create(context: Context, name: string, rev: string, options: Options): Promise<void> {
  const repository = await context.open()
  const target = await repository.resolve(rev)
  const was = await targetOf(repository, name)
  await repository.createTag(name, target, {
    force: options.force === true,
    ...(options.message === undefined ? {} : { message: options.message }),
  })
  const action = was === undefined ? 'created' : 'moved'
  if (context.json) await context.out.json({ action, name, target, was: was ?? null })
  else if (was === undefined) await context.say(`tagged ${shortId(target)} as ${plainLine(name)}`)
  else await context.say(`moved tag ${plainLine(name)} to ${shortId(target)} (was ${shortId(was)})`)
}

async function remove(context: Context, name: string): Promise<void> {
  const repository = await context.open({ frees: true })
  const was = await targetOf(repository, name)
  await repository.deleteTag(name)
  if (context.json) await context.out.json({ action: 'deleted', name, target: null, was: was ?? null })
  else await context.say(`deleted tag ${plainLine(name)}${was === undefined ? '' : ` (was ${shortId(was)})`}`)
}

async function targetOf(repository: Repository, name: string): Promise<string | undefined> {
  return (await repository.tags()).find((tag) => tag.name === name)?.target
}
