import { EXIT } from '../errors.js'
import { printColumns } from '../output.js'
import { plainLine } from '../text.js'
import type { Verb, VerbGroup } from '../verb.js'

const list: Verb = {
  examples: [
    { command: 'varve config', does: 'all settings' },
    { command: 'varve config list --json', does: 'for a program' },
  ],
  json: '{ name, value: string | null, source: string }[]          // source: "default" or where it was set',
  statuses: { [EXIT.notFound]: 'no store here' },

  async run(context) {
    const repository = await context.openToRead()
    const entries = await repository.config.list()
    if (context.json) {
      await context.out.jsonArray(entries.map(({ name, value, source }) => ({ name, value: value ?? null, source })))
    } else {
      const { dim } = context.colors
      await printColumns(
        context.out,
        [],
        entries.map(({ name, value, source }) => [name, plainLine(value ?? '-'), dim(source)]),
      )
    }
    return EXIT.ok
  },
}

const get: Verb = {
  define(command) {
    command.argument('<name>', 'the setting')
  },
  examples: [
    { command: 'varve config get default-branch', does: 'one value' },
    { command: 'varve config get author || echo "nobody in particular"', does: 'exit status 1 where none is set' },
  ],
  json: '{ name: string, value: string | null }',
  statuses: { [EXIT.failed]: 'not set', [EXIT.notFound]: 'no store here' },
  completes: ['config'],

  async run(context, command) {
    const [name = ''] = command.args
    const repository = await context.openToRead()
    const value = await repository.config.get(name)
    if (context.json) await context.out.json({ name, value: value ?? null })
    else if (value !== undefined) await context.out.line(plainLine(value))
    return value === undefined ? EXIT.failed : EXIT.ok
  },
}

const set: Verb = {
  define(command) {
    command.argument('<name>', 'the setting').argument('<value>', 'its value')
  },
  examples: [
    { command: 'varve config set author "Ann <ann@example.com>"', does: 'who commits where nothing else says it' },
    { command: 'varve config set compression zstd:6', does: 'for what is stored from now on' },
  ],
  json: '{ name, value: string }',
  statuses: { [EXIT.usage]: 'no such setting, or not a value for it', [EXIT.notFound]: 'no store here' },
  completes: ['config'],

  async run(context, command) {
    const [name = '', value = ''] = command.args
    const repository = await context.open()
    await repository.config.set(name, value)
    const stored = (await repository.config.get(name)) ?? value
    if (context.json) await context.out.json({ name, value: stored })
    else await context.say(`${name} = ${plainLine(stored)}`)
    return EXIT.ok
  },
}

const unset: Verb = {
  define(command) {
    command.argument('<name>', 'the setting')
  },
  examples: [
    { command: 'varve config unset author', does: 'back to the default' },
    { command: 'varve config unset compression -q', does: 'without a word' },
  ],
  json: '{ name: string, value: string | null }          // value: the default, now in force',
  statuses: { [EXIT.notFound]: 'no store here' },
  completes: ['config'],

  async run(context, command) {
    const [name = ''] = command.args
    const repository = await context.open()
    await repository.config.unset(name)
    const value = await repository.config.get(name)
    if (context.json) await context.out.json({ name, value: value ?? null })
    else await context.say(value === undefined ? `${name} is not set` : `${name} = ${plainLine(value)} (default)`)
    return EXIT.ok
  },
}

export const verb: VerbGroup = {
  about: 'Settings belong to the store. "varve config" lists them with their values.',
  default: 'list',
  subverbs: {
    list: { summary: 'List all settings', verb: list },
    get: { summary: 'Print one', verb: get },
    set: { summary: 'Change one', verb: set },
    unset: { summary: 'Go back to the default', verb: unset },
  },
}
