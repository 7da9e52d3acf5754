import type { PropertyInfo } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { printColumns } from '../output.js'
import { plainLine } from '../text.js'
import type { Verb, VerbGroup } from '../verb.js'

const list: Verb = {
  examples: [
    { command: 'varve config', does: 'all settings' },
    { command: 'varve config list --json', does: 'for a program' },
  ],
  json: '{ name, value: string, source: "local" | "default", description: string }[]',
  statuses: { [EXIT.notFound]: 'no store here' },

  async run(context) {
    const repository = await context.openToRead()
    const entries = await repository.config.list()
    if (context.json) {
      await context.out.jsonArray(entries)
    } else {
      const { dim } = context.colors
      await printColumns(
        context.out,
        [],
        entries.map(({ name, value, source, description }) => [name, plainLine(value), source, dim(description)]),
      )
    }
    return EXIT.ok
  },
}

const SETTING = '{ name, value: string, source: "local" | "default" }'

function settingJson({ name, value, source }: PropertyInfo) {
  return { name, value, source }
}

const get: Verb = {
  define(command) {
    command.argument('<name>', 'the setting')
  },
  examples: [
    { command: 'varve config get default-branch', does: 'one value' },
    { command: 'varve config get compression --json', does: 'and whether it is the default' },
  ],
  json: SETTING,
  statuses: { [EXIT.usage]: 'no such setting', [EXIT.notFound]: 'no store here' },
  completes: ['config'],

  async run(context, command) {
    const [name = ''] = command.args
    const repository = await context.openToRead()
    const setting = await repository.config.get(name)
    if (context.json) await context.out.json(settingJson(setting))
    else await context.out.line(plainLine(setting.value))
    return EXIT.ok
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
  json: SETTING,
  statuses: { [EXIT.usage]: 'no such setting, or not a value for it', [EXIT.notFound]: 'no store here' },
  completes: ['config'],

  async run(context, command) {
    const [name = '', value = ''] = command.args
    const repository = await context.open()
    await repository.config.set(name, value)
    await report(context, await repository.config.get(name))
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
  json: SETTING,
  statuses: { [EXIT.usage]: 'no such setting', [EXIT.notFound]: 'no store here' },
  completes: ['config'],

  async run(context, command) {
    const [name = ''] = command.args
    const repository = await context.open()
    await repository.config.unset(name)
    await report(context, await repository.config.get(name))
    return EXIT.ok
  },
}

async function report(context: Context, setting: PropertyInfo): Promise<void> {
  const { name, value, source } = setting
  if (context.json) await context.out.json(settingJson(setting))
  else await context.say(`${name} = ${plainLine(value)}${source === 'default' ? ' (default)' : ''}`)
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
