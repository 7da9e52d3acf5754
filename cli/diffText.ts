/**
 * Differences as a unified diff in Git's form, which `patch` and `git apply` take.
 *
 * Bytes of files come out as they are; only at a terminal, which a stranger's file must not steer, control characters
 * are made visible. One file is in memory at a time, and what is printed leaves in pieces.
 */
import type { Change, DiffHunk, DiffLine, EntrySummary } from '../src/index.js'
import { BytePieces } from './bytePieces.js'
import { addedBytesOf, type ChangedFile, compareFile, removedBytesOf, TEXT_BYTES_MAX } from './changedFile.js'
import type { Context } from './context.js'
import { gitPath } from './gitPath.js'
import { plainLine, sizeText } from './text.js'

export interface PatchStyle {
  readonly contextLines: number
  /** Marks words within lines, as Git's `--word-diff=plain`. */
  readonly words: boolean
}

export class PatchPrinter {
  readonly #context: Context
  readonly #style: PatchStyle
  readonly #out: BytePieces

  constructor(context: Context, style: PatchStyle) {
    this.#context = context
    this.#style = style
    this.#out = new BytePieces(context.out)
  }

  async print(file: ChangedFile): Promise<void> {
    const { change } = file
    // What became something else is shown as Git does: the one went, the other came.
    if (change.kind === 'type-changed') {
      const { before, after, ...both } = change
      await this.#file({ ...file, change: { ...both, kind: 'removed', ...(before ? { before } : {}) } })
      await this.#file({ ...file, change: { ...both, kind: 'added', ...(after ? { after } : {}) } })
    } else {
      await this.#file(file)
    }
    await this.#out.flush()
  }

  async #file(file: ChangedFile): Promise<void> {
    const { change } = file
    const { pathBytes, fromBytes = pathBytes } = change
    const [a, b] = [gitPath('a/', fromBytes), gitPath('b/', pathBytes)]
    const { bold } = this.#context.colors
    if ((change.before ?? change.after)?.kind === 'directory') {
      // Git knows no empty directories: a line that `patch` and `git apply` pass over.
      await this.#line(bold(`Empty directory ${change.after ? `added: ${b}` : `removed: ${a}`}`))
      return
    }
    await this.#lines([`diff --git ${a} ${b}`, ...extendedHeader(change)].map((line) => bold(line)))
    const comparison = await compareFile(this.#context, file, this.#style.contextLines)
    const [from, to] = [change.before ? a : '/dev/null', change.after ? b : '/dev/null']
    if (comparison.kind === 'binary') await this.#line(`Binary files ${from} and ${to} differ${changedText(change)}`)
    if (comparison.kind === 'large') {
      await this.#line(`Files ${from} and ${to} differ${changedText(change)}`)
      await this.#line(`(longer than ${sizeText(TEXT_BYTES_MAX)}: not compared line by line)`)
    }
    if (comparison.kind !== 'text' || comparison.diff.hunks.length === 0) return
    await this.#lines([`--- ${marked(from)}`, `+++ ${marked(to)}`].map((line) => bold(line)))
    for (const hunk of comparison.diff.hunks) {
      await this.#line(this.#context.colors.cyan(hunkHeader(hunk)))
      if (this.#style.words) await this.#words(hunk)
      else for (const line of hunk.lines) await this.#hunkLine(line)
    }
  }

  async #hunkLine({ tag, bytes, endsInNewline }: DiffLine): Promise<void> {
    const text = `${tag}${this.#shown(bytes)}`
    await this.#line(this.#tint(tag)(text))
    if (!endsInNewline) await this.#line(NO_NEWLINE)
  }

  /** Lines that both have as they are; those that changed as one passage in which words are marked. */
  async #words(hunk: DiffHunk): Promise<void> {
    let [removed, added]: [Buffer[], Buffer[]] = [[], []]
    const flush = async (): Promise<void> => {
      if (removed.length + added.length > 0) await this.#passage(Buffer.concat(removed), Buffer.concat(added))
      ;[removed, added] = [[], []]
    }
    for (const { tag, bytes } of hunk.lines) {
      if (tag === ' ') {
        await flush()
        await this.#line(this.#shown(bytes))
      } else {
        // A removed line behind an added one belongs to the next change.
        if (tag === '-' && added.length > 0) await flush()
        ;(tag === '-' ? removed : added).push(bytes, NEWLINE)
      }
    }
    await flush()
  }

  async #passage(removed: Buffer, added: Buffer): Promise<void> {
    const { wordDiff } = await this.#context.library()
    let text = ''
    for (const { tag, bytes } of wordDiff(removed, added)) {
      const [open, close] = WORD_MARKS[tag]
      const lines = bytes.toString('latin1').split('\n')
      const shown = lines.map((line) => {
        if (line === '') return ''
        const inner = `${open}${this.#shown(Buffer.from(line, 'latin1'))}${close}`
        return tag === ' ' ? inner : this.#tint(tag)(inner)
      })
      text += shown.join('\n')
    }
    await this.#out.push(text)
  }

  #tint(tag: DiffLine['tag']): (text: string) => string {
    const { green, red } = this.#context.colors
    return tag === '-' ? red : tag === '+' ? green : String
  }

  #shown(bytes: Buffer): string {
    if (!this.#context.io.stdout.isTerminal) return bytes.toString('latin1')
    const text = bytes.toString('utf8').split('\t').map(plainLine).join('\t')
    return Buffer.from(text, 'utf8').toString('latin1')
  }

  async #lines(lines: readonly string[]): Promise<void> {
    for (const line of lines) await this.#line(line)
  }

  async #line(line: string): Promise<void> {
    await this.#out.push(`${line}\n`)
  }
}

const NEWLINE = Buffer.from('\n')
export const NO_NEWLINE = '\\ No newline at end of file'
const WORD_MARKS = { ' ': ['', ''], '-': ['[-', '-]'], '+': ['{+', '+}'] } as const

function hunkHeader({ beforeStart, beforeCount, afterStart, afterCount }: DiffHunk): string {
  const range = (start: number, count: number) => (count === 1 ? `${start}` : `${start},${count}`)
  return `@@ -${range(beforeStart, beforeCount)} +${range(afterStart, afterCount)} @@`
}

/** Modes and renames, as Git says them. */
function extendedHeader(change: Change): string[] {
  const { before, after, pathBytes, fromBytes, similarity } = change
  if (!before || !after) {
    if (after) return [`new file mode ${modeOf(after)}`]
    return before ? [`deleted file mode ${modeOf(before)}`] : []
  }
  const lines: string[] = []
  if (modeOf(before) !== modeOf(after)) lines.push(`old mode ${modeOf(before)}`, `new mode ${modeOf(after)}`)
  if (fromBytes) {
    lines.push(`similarity index ${similarity}%`)
    lines.push(`rename from ${gitPath('', fromBytes)}`, `rename to ${gitPath('', pathBytes)}`)
  }
  return lines
}

function modeOf({ kind, executable }: EntrySummary): string {
  if (kind === 'file') return executable ? '100755' : '100644'
  return { directory: '040000', symlink: '120000', gitlink: '160000' }[kind]
}

/** `patch` takes a blank for the end of the name, unless a tab is. */
function marked(path: string): string {
  return path.includes(' ') && !path.startsWith('"') ? `${path}\t` : path
}

/** How many bytes really changed, where chunks were asked. */
function changedText(change: Change): string {
  const [added, removed] = [addedBytesOf(change), removedBytesOf(change)]
  const parts = [added > 0 ? `+${sizeText(added)}` : '', removed > 0 ? `-${sizeText(removed)}` : ''].filter(Boolean)
  return parts.length === 0 ? '' : `: ${parts.join(' ')} really changed`
}
