import type { Spread } from './statistics.js'

export type Cell = string | undefined

/** A missing value is a dash, never an empty cell that looks forgotten. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const line = (cells: readonly Cell[]): string => `| ${cells.map((cell) => cell ?? '–').join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)]
}

/** Three significant digits from 0.1 on: more would claim what a shared machine cannot say. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

/** `1.23 (1.20–1.31)`; a single run has no range. */
export function spreadText(spread: Spread, factor = 1): string {
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => numberText(value * factor))
  return spread.runs === 1 ? `${median}` : `${median} (${min}–${max})`
}

export function megabytes(bytes: number | undefined): Cell {
  return bytes === undefined ? undefined : numberText(bytes / 1e6)
}
