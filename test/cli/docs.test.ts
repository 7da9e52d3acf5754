import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { VerbCommand } from '../../cli/command.js'
import { DOCS_FILE, renderDocs } from '../../cli/docs.js'
import { EXIT_MEANINGS } from '../../cli/errors.js'
import { createProgram, defineVerb } from '../../cli/program.js'
import { isGroup, type Verb } from '../../cli/verb.js'

interface Described {
  readonly name: string
  readonly command: VerbCommand
  readonly verb: Verb
}

async function allVerbs(): Promise<Described[]> {
  const program = createProgram(() => Promise.resolve())
  const found: Described[] = []
  for (const command of program.visibleVerbs) {
    const verb = await defineVerb(command, () => Promise.resolve())
    if (!isGroup(verb)) found.push({ name: command.name(), command, verb })
    else {
      for (const inner of command.visibleVerbs) {
        found.push({
          name: `${command.name()} ${inner.name()}`,
          command: inner,
          verb: verb.subverbs[inner.name()]!.verb,
        })
      }
    }
  }
  return found
}

const verbs = await allVerbs()

test('docs/CLI.md says what help says (npx tsx cli/docs.ts writes it)', async () => {
  expect(readFileSync(DOCS_FILE, 'utf8')).toBe(await renderDocs())
})

describe.each(verbs)('$name', ({ name, command, verb }) => {
  test('has examples, the shape of its JSON and statuses that exist', () => {
    expect(verb.examples.length).toBeGreaterThanOrEqual(2)
    expect(verb.json.trim()).not.toBe('')
    const known = EXIT_MEANINGS.map(({ status }) => status)
    for (const status of Object.keys(verb.statuses ?? {})) expect(known).toContain(Number(status))
  })

  test('completes options that it has', () => {
    const long = command.options.map((option) => option.long)
    for (const option of Object.keys(verb.completesOption ?? {})) expect(long).toContain(`--${option}`)
  })

  test.each(verb.examples)('its example parses: $command', async ({ command: line }) => {
    const ran: string[] = []
    const program = createProgram(async (_verb, used) => {
      ran.push(used.parent?.name() === 'varve' ? used.name() : `${used.parent?.name()} ${used.name()}`)
    })
    program.configureOutput({ outputError: () => undefined })
    await program.parseAsync(wordsOf(line), { from: 'user' })
    // A group's name alone runs its default.
    expect(ran.map((each) => each.replace(/^varve /, ''))).toEqual([line.startsWith(`varve ${name}`) ? name : ran[0]])
  })
})

/** The words after `varve` in a line of shell, up to a pipe or the like. */
function wordsOf(line: string): string[] {
  const from = line.replace(/^.*?varve /, '')
  const words = from.match(/"[^"]*"|\S+/g) ?? []
  const end = words.findIndex((word) => ['|', '||', '&&', '>'].includes(word))
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/^"|"$|\)$/g, ''))
}
