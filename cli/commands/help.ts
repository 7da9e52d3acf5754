import type { VerbCommand } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { topicText } from '../help.js'
import { TOPICS } from '../topics.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  define(command) {
    command.argument('[name...]', 'a command, or one of revisions, exit-statuses, json, environment')
  },
  examples: [
    { command: 'varve help commit', does: 'the same as varve commit --help' },
    { command: 'varve help vg extend', does: 'a command below a command' },
    { command: 'varve help revisions', does: 'a topic' },
  ],
  json: '{ name, text: string }',
  completes: ['verb'],
  pages: true,

  async run(context, command) {
    const name = command.args.join(' ')
    const text = await helpFor(context, command.args)
    if (text === undefined) {
      const known = [...context.program.visibleVerbs.map((each) => each.name()), ...TOPICS.map((topic) => topic.name)]
      throw new UsageError(`no help on '${name}'`, `there is help on ${known.join(', ')}`)
    }
    if (context.json) await context.out.json({ name, text })
    else await context.out.text(text)
    return EXIT.ok
  },
}

async function helpFor(context: Context, words: readonly string[]): Promise<string | undefined> {
  const [first, second, ...rest] = words
  if (first === undefined) return context.program.helpInformation()
  const topic = TOPICS.find((candidate) => candidate.name === first)
  if (topic !== undefined && second === undefined) return topicText(topic.title, topic.text, context.helpColumns)
  const command = find(context.program, first)
  if (command === undefined || rest.length > 0) return undefined
  await context.program.loadVerb(command)
  return (second === undefined ? command : find(command, second))?.helpInformation()
}

function find(parent: VerbCommand, name: string): VerbCommand | undefined {
  return (parent.commands as readonly VerbCommand[]).find((candidate) => candidate.name() === name)
}
