/** A fenced block of a Markdown text: three or more backquotes, an info string, lines, as many backquotes again. */
export interface FencedBlock {
  readonly language: string
  /** The words after the language: `run` in ```` ```ts run ````. */
  readonly tags: readonly string[]
  readonly text: string
  /** Where the fence opens, counted from 1. */
  readonly line: number
}

/** @throws When a fence does not close: what follows it would silently not be run. */
export function fencedBlocks(markdown: string): FencedBlock[] {
  const blocks: FencedBlock[] = []
  let open: { fence: string; indent: number; words: string[]; line: number; text: string[] } | undefined
  for (const [index, line] of markdown.split(/\r?\n/).entries()) {
    const fence = /^( *)(`{3,})([^`]*)$/.exec(line)
    if (open === undefined) {
      if (fence === null) continue
      const [, indent = '', marks = '', info = ''] = fence
      open = {
        fence: marks,
        indent: indent.length,
        words: info.split(/\s+/).filter(Boolean),
        line: index + 1,
        text: [],
      }
    } else if (fence !== null && (fence[2] ?? '').length >= open.fence.length && fence[3]?.trim() === '') {
      const [language = '', ...tags] = open.words
      blocks.push({ language, tags, text: open.text.map((inner) => `${inner}\n`).join(''), line: open.line })
      open = undefined
    } else {
      open.text.push(line.slice(Math.min(open.indent, line.search(/\S|$/))))
    }
  }
  if (open !== undefined) throw new Error(`the fence at line ${open.line} does not close`)
  return blocks
}
