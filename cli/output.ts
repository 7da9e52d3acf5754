/**
 * What a verb prints on stdout: lines, columns, bytes or one JSON document.
 *
 * Lines are gathered into pieces of 64 KiB; whoever awaits a line waits for the reader, so a long list streams in
 * bounded memory. With --json every verb prints exactly one JSON document: an object over several lines, or, where
 * the verb lists, an array with one element a line. An array is closed only when the list is complete.
 */
import pc from 'picocolors'
import type { Io, Sink } from './io.js'

export type Colors = ReturnType<typeof pc.createColors>

/** Colours for people at a terminal, unless NO_COLOR (or a dumb terminal) says no; FORCE_COLOR says yes. */
export function colorsFor(sink: Sink, env: Io['env']): Colors {
  const refused = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  const forced = (env.FORCE_COLOR ?? '') !== '' && env.FORCE_COLOR !== '0'
  return pc.createColors(!refused && (forced || sink.isTerminal))
}

const PIECE_CHARACTERS = 64 * 1024

export class Output {
  readonly #sink: Sink
  readonly #beforeWrite: () => void
  #pending: string[] = []
  #pendingCharacters = 0

  /** @param beforeWrite - Clears the terminal of what must not stand beside output. */
  constructor(sink: Sink, beforeWrite: () => void = () => undefined) {
    this.#sink = sink
    this.#beforeWrite = beforeWrite
  }

  async line(text = ''): Promise<void> {
    await this.text(`${text}\n`)
  }

  async text(text: string): Promise<void> {
    this.#pending.push(text)
    this.#pendingCharacters += text.length
    // A person at a terminal sees each line when it is there.
    if (this.#pendingCharacters >= PIECE_CHARACTERS || this.#sink.isTerminal) await this.flush()
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush()
    this.#beforeWrite()
    await this.#sink.write(bytes)
  }

  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value, jsonValue, 2))
  }

  /** One JSON array, an element a line, written as the elements come. */
  async jsonArray(elements: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    let opened = false
    for await (const element of elements) {
      await this.text(`${opened ? ',' : '['}\n${JSON.stringify(element, jsonValue)}`)
      opened = true
    }
    await this.line(opened ? '\n]' : '[]')
  }

  async flush(): Promise<void> {
    if (this.#pendingCharacters === 0) return
    const piece = this.#pending.join('')
    this.#pending = []
    this.#pendingCharacters = 0
    this.#beforeWrite()
    await this.#sink.write(piece)
  }
}

/** Numbers beyond 2^53 (nanoseconds) become strings of digits. */
function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

export type Alignment = 'left' | 'right'

const ANSI_PATTERN = /\u001b\[[0-9;]*m/g

/** What joins the character before it. */
const NO_CELL_PATTERN = /[\p{Mn}\p{Me}\p{Cf}]/u
/** What terminals draw twice as wide: East Asian characters and emoji. */
const TWO_CELLS_PATTERN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u

/** In cells of a terminal. */
function widthOf(cell: string): number {
  let width = 0
  for (const character of cell.replace(ANSI_PATTERN, '')) {
    if (!NO_CELL_PATTERN.test(character)) width += TWO_CELLS_PATTERN.test(character) ? 2 : 1
  }
  return width
}

/** Rows padded to columns; the last column is left as it is. Widths only grow, so a list may come in parts. */
export class Columns {
  readonly #alignments: readonly Alignment[]
  readonly #widths: number[] = []

  constructor(...alignments: Alignment[]) {
    this.#alignments = alignments
  }

  format(rows: readonly (readonly string[])[]): string[] {
    for (const row of rows) {
      row.forEach((cell, column) => {
        this.#widths[column] = Math.max(this.#widths[column] ?? 0, widthOf(cell))
      })
    }
    return rows.map((row) =>
      row
        .map((cell, column) => this.#pad(cell, column, row.length))
        .join('  ')
        .trimEnd(),
    )
  }

  #pad(cell: string, column: number, columns: number): string {
    const padding = ' '.repeat(Math.max(0, (this.#widths[column] ?? 0) - widthOf(cell)))
    if (this.#alignments[column] === 'right') return padding + cell
    return column === columns - 1 ? cell : cell + padding
  }
}

const ROWS_LOOKED_AT = 256

/** Prints rows as aligned columns while they come; the widths are those of the first few hundred rows, or more. */
export async function printColumns(
  out: Output,
  alignments: readonly Alignment[],
  rows: Iterable<readonly string[]> | AsyncIterable<readonly string[]>,
): Promise<void> {
  const columns = new Columns(...alignments)
  let waiting: (readonly string[])[] = []
  for await (const row of rows) {
    waiting.push(row)
    if (waiting.length < ROWS_LOOKED_AT) continue
    for (const line of columns.format(waiting)) await out.line(line)
    waiting = []
  }
  for (const line of columns.format(waiting)) await out.line(line)
}
