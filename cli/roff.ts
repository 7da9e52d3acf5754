/** The language of manual pages: text and blocks in it, as the `man` macros of groff and mandoc take them. */
import { blocksOf, unindented } from './help.js'

/** What would be shown as something else, or not at all: a hyphen as a longer one, `^` and `~` as accents. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
}

/** Text within a line, or an argument of a macro. */
export function roffText(text: string): string {
  return text.replace(/[\\\-'`^~"]|[^\n -~]/gu, (character) => {
    return ESCAPES[character] ?? `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`
  })
}

/** Whole lines of text: none of them begins a macro. */
export function roffLines(text: string): string {
  return text
    .split('\n')
    .map((line) => roffText(line).replace(/^\./, '\\&.'))
    .join('\n')
}

export function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`
}

/** `-n, --max-count <count>`: options are bold, values italic. */
export function flags(text: string): string {
  return text
    .split(/(<[^>]*>|\[[^\]]*\]|, )/)
    .map((part) => (part.startsWith('-') ? bold(part.trimEnd()) + (part.endsWith(' ') ? ' ' : '') : value(part)))
    .join('')
}

function value(text: string): string {
  return text === ', ' || text === '' ? text : `\\fI${roffText(text)}\\fR`
}

export function section(title: string, ...blocks: readonly string[]): string {
  // A heading begins a paragraph by itself.
  return [`.SH ${roffText(title.toUpperCase())}`, blocks.join('\n').replace(/^\.PP\n/, '')].join('\n')
}

export function subheading(title: string): string {
  return `.SS ${roffText(title)}`
}

/** What is called `tag`, in roff already, and what it is. */
export function item(tag: string, text: string): string {
  return `.TP\n${tag}\n${roffLines(text)}`
}

/** Lines that stay as they are. */
export function verbatim(text: string): string {
  return `.PP\n.RS 4\n.nf\n${roffLines(unindented(text))}\n.fi\n.RE`
}

/** Paragraphs, those that are indented as they are. */
export function paragraphs(text: string): string[] {
  const blocks = blocksOf(text).filter((block) => block.text !== '')
  return blocks.map((block) => (block.verbatim ? verbatim(block.text) : `.PP\n${roffLines(block.text)}`))
}
