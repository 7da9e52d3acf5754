import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { EXIT_MEANINGS } from '../../cli/errors.js'
import { statusLines } from '../../cli/help.js'
import { MAN_FOLDER, renderManPages } from '../../cli/man.js'
import { createProgram, defineVerb } from '../../cli/program.js'
import { flags, item, paragraphs, roffLines, roffText, section } from '../../cli/roff.js'
import { TOPICS } from '../../cli/topics.js'
import { isGroup } from '../../cli/verb.js'
import { readVersion } from '../../cli/version.js'

const MANIFEST = fileURLToPath(new URL('../../package.json', import.meta.url))
const pages = await renderManPages()

describe('roff', () => {
  test.each([
    ['a-b --c', 'a\\-b \\-\\-c'],
    ['C:\\dir', 'C:\\edir'],
    [`it's "so" \`x\``, 'it\\(aqs \\(dqso\\(dq \\(gax\\(ga'],
    ['main~3^2', 'main\\(ti3\\(ha2'],
    ['… 名 😀', '\\[u2026] \\[u540D] \\[u1F600]'],
  ])('%s', (text, roff) => {
    expect(roffText(text)).toBe(roff)
  })

  test('no line of text is a macro', () => {
    expect(roffLines(".varve\n'x\na .b\n..")).toBe('\\&.varve\n\\(aqx\na .b\n\\&..')
  })

  test('options stand out, and their values', () => {
    expect(flags('-n, --max-count <count>')).toBe('\\fB\\-n\\fR, \\fB\\-\\-max\\-count\\fR \\fI<count>\\fR')
    expect(flags('--retry [times]')).toBe('\\fB\\-\\-retry\\fR \\fI[times]\\fR')
    expect(flags('--json')).toBe('\\fB\\-\\-json\\fR')
  })

  test('blocks', () => {
    expect(item('x', '.gitignore')).toBe('.TP\nx\n\\&.gitignore')
    expect(section('See also', ...paragraphs('one\n\n  a\n    b\n'))).toBe(
      '.SH SEE ALSO\none\n.PP\n.RS 4\n.nf\na\n  b\n.fi\n.RE',
    )
    expect(paragraphs('')).toEqual([])
  })
})

interface Section {
  readonly title: string
  readonly text: string
}

function sectionsOf(page: string): Section[] {
  const [, ...parts] = page.split(/^\.SH /m)
  return parts.map((part) => {
    const end = part.indexOf('\n')
    return { title: part.slice(0, end), text: part.slice(end + 1) }
  })
}

function textOf(page: string, title: string): string {
  return sectionsOf(page).find((each) => each.title === title)?.text ?? ''
}

const MACROS = /^\.(\\"|TH |SH [A-Z ]+$|SS [A-Z][a-z ]+$|TP$|PP$|RS 4$|RE$|nf$|fi$|nh$|ad l$)/
const ESCAPES = /\\(e|-|&\.|\(aq|\(ga|\(ha|\(ti|\(dq|\[u[0-9A-F]{4,5}\]|f[BIR]|")/g

test.each([...pages])('%s is well formed', (file, page) => {
  const [name, manSection] = file.split('.')
  expect(page.split('\n')[1]).toBe(
    `.TH "${name!.toUpperCase().replaceAll('-', '\\-')}" "${manSection}" "" "varve ${readVersion()}" "varve manual"`,
  )
  expect(page.endsWith('\n')).toBe(true)
  for (const line of page.split('\n')) {
    if (line.startsWith('.')) expect(line).toMatch(MACROS)
    expect(line.startsWith("'")).toBe(false)
    // What is left of a backslash, a hyphen or what is not ASCII would be shown as something else.
    if (!line.startsWith('.\\"')) expect(line.replace(ESCAPES, '')).not.toMatch(/[\\\-'`^~]|[^ -~]/)
  }
  // What is opened is closed.
  const count = (macro: string) => page.split('\n').filter((line) => line === macro).length
  expect([count('.fi'), count('.RE')]).toEqual([count('.nf'), count('.RS 4')])
  expect([...page.matchAll(/\\f[BI]/g)]).toHaveLength([...page.matchAll(/\\fR/g)].length)
  const titles = sectionsOf(page).map(({ title }) => title)
  expect(titles[0]).toBe('NAME')
  expect(textOf(page, 'NAME').startsWith(`${roffText(name!)} \\- `)).toBe(true)
  for (const { title, text } of sectionsOf(page))
    expect({ title, isEmpty: text.trim() === '' }).toEqual({ title, isEmpty: false })
})

const VERB_SECTIONS = ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXAMPLES', 'JSON', 'EXIT STATUS', 'SEE ALSO']

test('each command has a page that says what its help says', async () => {
  const program = createProgram(() => Promise.resolve())
  const expected = ['varve.1', ...TOPICS.map(({ name }) => `varve-${name}.7`)]
  for (const command of program.visibleVerbs) {
    const verb = await defineVerb(command, () => Promise.resolve())
    const found = isGroup(verb)
      ? command.visibleVerbs.map((inner) => ({ command: inner, verb: verb.subverbs[inner.name()]!.verb }))
      : [{ command, verb }]
    const name = `varve-${command.name()}`
    expect(textOf(pages.get('varve.1')!, 'COMMANDS')).toContain(
      `\\fB${roffText(name)}\\fR(1)\n${roffText(command.summary())}.\n`,
    )
    if (isGroup(verb)) {
      expected.push(`${name}.1`)
      for (const { command: inner } of found) {
        expect(textOf(pages.get(`${name}.1`)!, 'COMMANDS')).toContain(
          `\\fB${roffText(`${name}-${inner.name()}`)}\\fR(1)\n`,
        )
      }
    }
    for (const { command: one, verb: its } of found) {
      const file = `${isGroup(verb) ? `${name}-${one.name()}` : name}.1`
      expected.push(file)
      const page = pages.get(file) ?? ''
      expect({ file, titles: sectionsOf(page).map(({ title }) => title) }).toEqual({ file, titles: VERB_SECTIONS })
      expect(textOf(page, 'NAME')).toContain(roffText(one.summary()))
      expect(textOf(page, 'SYNOPSIS')).toContain(roffText(one.usage()))
      for (const option of one.options.filter(({ hidden }) => !hidden)) {
        expect(textOf(page, 'OPTIONS')).toContain(`.TP\n${flags(option.flags)}\n${roffText(option.description)}`)
      }
      for (const { command: line } of its.examples) {
        expect(textOf(page, 'EXAMPLES')).toContain(`.TP\n\\fB${roffText(line)}\\fR\n`)
      }
      for (const { status, meaning } of statusLines(its)) {
        expect(textOf(page, 'EXIT STATUS')).toContain(`.TP\n\\fB${status}\\fR\n${roffText(meaning)}\n`)
      }
    }
  }
  expect([...pages.keys()].sort()).toEqual(expected.sort())
})

test('the page of varve has what all commands share', () => {
  const page = pages.get('varve.1')!
  for (const flag of ['--store', '-C, --directory', '--json', '-P, --no-pager']) {
    expect(textOf(page, 'OPTIONS')).toContain(flags(flag).replace(/\\fR$/, ''))
  }
  for (const { status } of EXIT_MEANINGS) expect(textOf(page, 'EXIT STATUS')).toContain(`\\fB${status}\\fR`)
  expect(textOf(page, 'ENVIRONMENT')).toContain('VARVE_PAGER')
  for (const { name } of TOPICS) expect(textOf(page, 'SEE ALSO')).toContain(`${roffText(`varve-${name}`)}\\fR(7)`)
})

test('npm finds all of them (npx tsx cli/docs.ts writes the list)', () => {
  const { man } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { man: string[] }
  expect(man).toEqual([...pages.keys()].map((name) => `./${MAN_FOLDER}/${name}`))
})
