/**
 * Manual pages, from the same words as help: one for each command, in section 1, and one for each topic, in section 7.
 * `npm run build` writes them into dist/man.
 */
import { globalOptions, type VerbCommand } from './command.js'
import { EXIT_MEANINGS } from './errors.js'
import { describeOption, PROGRAM_ABOUT, PROGRAM_EXAMPLES, statusLines } from './help.js'
import { createProgram, defineVerb } from './program.js'
import { bold, flags, item, paragraphs, roffLines, roffText, section, subheading, verbatim } from './roff.js'
import { TOPICS } from './topics.js'
import { isGroup, type Verb, type VerbGroup } from './verb.js'
import { readVersion } from './version.js'

/** From the folder of the package. */
export const MAN_FOLDER = 'dist/man'

/** By the names of their files. */
export async function renderManPages(): Promise<ReadonlyMap<string, string>> {
  const program = createProgram(() => Promise.resolve())
  const pages = new Map([['varve.1', programPage(program)]])
  for (const command of program.visibleVerbs) {
    const name = `varve ${command.name()}`
    const verb = await defineVerb(command, () => Promise.resolve())
    if (!isGroup(verb)) {
      pages.set(fileOf(name), verbPage(name, command, verb))
      continue
    }
    pages.set(fileOf(name), groupPage(name, command, verb))
    for (const inner of command.visibleVerbs) {
      const { verb: innerVerb } = verb.subverbs[inner.name()] ?? {}
      const full = `${name} ${inner.name()}`
      if (innerVerb !== undefined) pages.set(fileOf(full), verbPage(full, inner, innerVerb))
    }
  }
  for (const { name, title, text } of TOPICS) {
    const page = `varve-${name}`
    pages.set(`${page}.7`, pageOf(page, 7, `${title} in varve`, [section('Description', ...paragraphs(text))]))
  }
  return pages
}

/** `varve vg extend` → `varve-vg-extend` */
function pageName(command: string): string {
  return command.replaceAll(' ', '-')
}

function fileOf(command: string): string {
  return `${pageName(command)}.1`
}

/** @param parts - What follows NAME. */
function pageOf(name: string, manSection: number, summary: string, parts: readonly string[]): string {
  const lines = [
    '.\\" Made by cli/man.ts from the help of the commands.',
    // No date: the same sources make the same bytes.
    `.TH "${roffText(name.toUpperCase())}" "${manSection}" "" "varve ${roffText(readVersion())}" "varve manual"`,
    // Left as typed: a command must not be broken at its hyphens, nor blanks be added to it.
    '.nh\n.ad l',
    section('Name', `${roffText(name)} \\- ${roffText(summary)}`),
    ...parts,
  ]
  return `${lines.join('\n')}\n`
}

function programPage(program: VerbCommand): string {
  const commands: string[] = []
  let group = ''
  for (const command of program.visibleVerbs) {
    if (command.helpGroup() !== group) {
      group = command.helpGroup()
      commands.push(subheading(group.replace(/:$/, '')))
    }
    commands.push(item(reference(`varve-${command.name()}`), `${command.summary()}.`))
  }
  const environment = TOPICS.find(({ name }) => name === 'environment')
  return pageOf('varve', 1, 'a versioned store of file trees', [
    section('Synopsis', `${bold('varve')} ${roffText(program.usage())}`),
    section('Description', ...paragraphs(PROGRAM_ABOUT)),
    section('Commands', ...commands),
    section('Options', ...paragraphs('They may stand before or after the command.'), ...optionItems(globalOptions())),
    section('Examples', verbatim(PROGRAM_EXAMPLES.trim().replace(/^Examples:\n/, ''))),
    section('Exit status', ...statusItems(EXIT_MEANINGS)),
    section('Environment', ...paragraphs(environment?.text ?? '')),
    section('See also', TOPICS.map(({ name }) => reference(`varve-${name}`, 7)).join(',\n')),
  ])
}

function groupPage(full: string, command: VerbCommand, group: VerbGroup): string {
  const commands = command.visibleVerbs.map((inner) =>
    item(reference(pageName(`${full} ${inner.name()}`)), `${inner.summary()}.`),
  )
  return pageOf(pageName(full), 1, command.summary(), [
    section('Synopsis', synopsis(full, command)),
    section('Description', ...paragraphs(group.about), ...paragraphs(`"${full}" alone is "${full} ${group.default}".`)),
    section('Commands', ...commands),
    seeAlso(full),
  ])
}

function verbPage(full: string, command: VerbCommand, verb: Verb): string {
  const operands = command.registeredArguments.filter(({ description }) => description !== '')
  const options = command.options.filter((option) => !option.hidden)
  const common = `Options that all commands share, and exit statuses that mean the same everywhere: varve(1).`
  return pageOf(pageName(full), 1, command.summary(), [
    section('Synopsis', synopsis(full, command)),
    section('Description', ...paragraphs(`${command.summary()}.`), ...paragraphs(verb.about ?? '')),
    section(
      'Options',
      ...operands.map((operand) => item(flags(`<${operand.name()}>`), operand.description)),
      ...optionItems(options),
      ...paragraphs(common),
    ),
    section('Examples', ...verb.examples.map(({ command: line, does }) => item(bold(line), does))),
    section('JSON', ...paragraphs('With --json:'), verbatim(verb.json.trim())),
    section('Exit status', ...statusItems(statusLines(verb))),
    seeAlso(full),
  ])
}

function synopsis(full: string, command: VerbCommand): string {
  return `${bold(full)} ${roffLines(command.usage())}`
}

function optionItems(options: Parameters<typeof describeOption>[0][]): string[] {
  return options.map((option) => item(flags(option.flags), describeOption(option)))
}

function statusItems(statuses: readonly { readonly status: number; readonly meaning: string }[]): string[] {
  return statuses.map(({ status, meaning }) => item(bold(String(status)), meaning))
}

function seeAlso(full: string): string {
  const parent = full.split(' ').slice(0, -1).join(' ')
  const pages = [...new Set(['varve', pageName(parent)])].map((name) => reference(name))
  return section('See also', [...pages, reference('varve-revisions', 7), reference('varve-json', 7)].join(',\n'))
}

function reference(page: string, manSection = 1): string {
  return `${bold(page)}(${manSection})`
}
