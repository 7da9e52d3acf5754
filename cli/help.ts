/** The parts of help that are the same for every verb; docs/CLI.md is made from the same. */
import type { HelpConfiguration, Option } from 'commander'
import type { VerbCommand } from './command.js'
import { EXIT, EXIT_MEANINGS } from './errors.js'
import type { Verb } from './verb.js'

export const PROGRAM_ABOUT =
  'varve keeps every version of your files in one store: big files, binaries and metadata included.'

export const PROGRAM_EXAMPLES = `
Examples:
  varve init ~/photos                          a store in ~/photos/.varve
  varve -C ~/photos commit --from . -m first   record the folder
  varve -C ~/photos log                        what was recorded
  varve -C ~/photos export HEAD /tmp/photos    write it out again
`

const PROGRAM_TOPICS = `
"varve help COMMAND" explains a command; "varve help revisions", "varve help exit-statuses", "varve help json" and
"varve help environment" the rest.`

export function programFooter(columns: number): string {
  return `${PROGRAM_EXAMPLES}\n${wrapped(PROGRAM_TOPICS, columns)}\n`
}

export const formatHelp: HelpConfiguration = {
  sortSubcommands: false,
  showGlobalOptions: false,
  subcommandTerm: (command) => command.name(),
}

/** Any command can end with these; they are explained in one place. */
const COMMON_STATUSES_NOTE = `${EXIT.usage}, ${EXIT.interrupted} and ${EXIT.outputClosed} mean the same everywhere: varve help exit-statuses`

/** What the exit statuses mean that are a command's own. */
export function statusLines(verb: Verb): { readonly status: number; readonly meaning: string }[] {
  return EXIT_MEANINGS.flatMap(({ status, meaning }) => {
    const own = verb.statuses?.[status]
    if (typeof own === 'string') return [{ status, meaning: own }]
    return own === true || status === EXIT.ok ? [{ status, meaning }] : []
  })
}

/** What an option does, and which values it takes. */
export function describeOption(option: Option): string {
  return option.argChoices === undefined
    ? option.description
    : `${option.description} (${option.argChoices.join(', ')})`
}

/** Without the margin that all lines share. */
export function unindented(text: string): string {
  const lines = text.split('\n')
  const margin = Math.min(...lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length))
  return lines.map((line) => line.slice(margin)).join('\n')
}

export function indented(text: string, spaces = 2): string {
  return text
    .trim()
    .split('\n')
    .map((line) => (line === '' ? '' : ' '.repeat(spaces) + line))
    .join('\n')
}

export interface Block {
  /** Lines that stay as they are; otherwise a paragraph that may be broken anew. */
  readonly verbatim: boolean
  readonly text: string
}

/** Blank lines part blocks; what is indented stays as it is. */
export function blocksOf(text: string): Block[] {
  const blocks = text.replace(/^\n+|\s+$/g, '').split(/\n{2,}/)
  return blocks.map((block) => ({ verbatim: block.startsWith(' '), text: block }))
}

export function topicText(title: string, text: string, columns: number): string {
  const blocks = blocksOf(text).map((block) => (block.verbatim ? block.text : wrapped(block.text, columns)))
  return `${[title, ...blocks].join('\n\n')}\n`
}

/** One paragraph, its lines broken anew. */
export function wrapped(text: string, columns: number, margin = 0): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.trim().split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > columns - margin) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join(`\n${' '.repeat(margin)}`)
}

/** Adds what stands below the options. */
export function attachHelp(command: VerbCommand, verb: Verb): void {
  command.footer = (columns) => {
    const parts = verb.about === undefined ? [] : [wrapped(verb.about, columns)]
    parts.push(`Examples:\n${exampleLines(verb, columns).join('\n')}`, `With --json:\n${indented(verb.json)}`)
    const statuses = statusLines(verb).map(
      ({ status, meaning }) => `  ${String(status).padStart(3)}  ${wrapped(meaning, columns, STATUS_MARGIN)}`,
    )
    parts.push(`Exit status:\n${statuses.join('\n')}\n  ${wrapped(COMMON_STATUSES_NOTE, columns, 2)}`)
    parts.push('Options that all commands share: varve --help')
    return `\n${parts.join('\n\n')}\n`
  }
}

const STATUS_MARGIN = 7

function exampleLines(verb: Verb, columns: number): string[] {
  const width = Math.max(...verb.examples.map((example) => example.command.length))
  const oneLine = verb.examples.every(({ does }) => width + does.length + 5 <= columns)
  return verb.examples.map(({ command, does }) =>
    oneLine ? `  ${command.padEnd(width)}   ${does}` : `  # ${does}\n  ${command}`,
  )
}
