/** Differences as a list with bars: lines of texts, as Git counts them, and bytes of binaries, found from chunks. */
import { addedBytesOf, type ChangedFile, compareFile, removedBytesOf } from './changedFile.js'
import type { Context } from './context.js'
import { printColumns } from './output.js'
import { counted, plainLine, sizeText } from './text.js'

interface FileStat {
  readonly label: string
  readonly isText: boolean
  /** Lines of texts, else bytes. */
  readonly added: number
  readonly removed: number
}

/** Files looked at before the first is printed: the longest of their bars sets the scale. */
const FILES_AT_ONCE = 256
const BAR_CELLS = 40

/** @returns Whether anything differed. */
export async function printStat(context: Context, files: AsyncIterable<ChangedFile>): Promise<boolean> {
  const totals = { files: 0, insertions: 0, deletions: 0, addedBytes: 0, removedBytes: 0 }
  async function* rows(): AsyncGenerator<readonly string[]> {
    let waiting: FileStat[] = []
    let most = 0
    for await (const file of files) {
      const stat = await statOf(context, file)
      waiting.push(stat)
      totals.files++
      if (stat.isText) {
        totals.insertions += stat.added
        totals.deletions += stat.removed
        most = Math.max(most, stat.added + stat.removed)
      } else {
        totals.addedBytes += stat.added
        totals.removedBytes += stat.removed
      }
      if (waiting.length < FILES_AT_ONCE) continue
      for (const each of waiting) yield rowOf(context, each, most)
      waiting = []
    }
    for (const each of waiting) yield rowOf(context, each, most)
  }
  await printColumns(context.out, ['left', 'left', 'right', 'left'], rows())
  if (totals.files === 0) return false
  const parts = [` ${counted(totals.files, 'file')} changed`]
  if (totals.insertions > 0) parts.push(`${counted(totals.insertions, 'insertion')}(+)`)
  if (totals.deletions > 0) parts.push(`${counted(totals.deletions, 'deletion')}(-)`)
  if (totals.addedBytes + totals.removedBytes > 0) {
    parts.push(`+${sizeText(totals.addedBytes)} -${sizeText(totals.removedBytes)} in binaries`)
  }
  await context.out.line(parts.join(', '))
  return true
}

async function statOf(context: Context, file: ChangedFile): Promise<FileStat> {
  const { change } = file
  const label = change.from === undefined ? change.path : renamedText(change.from, change.path)
  const comparison = await compareFile(context, file, 0)
  if (comparison.kind === 'text') {
    const { addedLines, removedLines } = comparison.diff
    return { label, isText: true, added: addedLines, removed: removedLines }
  }
  if (comparison.kind === 'nothing') return { label, isText: true, added: 0, removed: 0 }
  return { label, isText: false, added: addedBytesOf(change), removed: removedBytesOf(change) }
}

function rowOf({ colors }: Context, { label, isText, added, removed }: FileStat, most: number): readonly string[] {
  const name = ` ${plainLine(label)}`
  if (!isText) {
    const bytes = [
      added > 0 ? colors.green(`+${sizeText(added)}`) : '',
      removed > 0 ? colors.red(`-${sizeText(removed)}`) : '',
    ]
    return [name, '|', 'Bin', bytes.filter(Boolean).join(' ')]
  }
  const cells = barCells(added, removed, most)
  const bar = `${colors.green('+'.repeat(cells.added))}${colors.red('-'.repeat(cells.removed))}`
  return [name, '|', String(added + removed), bar]
}

/** A cell a line, or so many lines a cell that the longest bar fits; at least one for what is there. */
export function barCells(added: number, removed: number, most: number): { added: number; removed: number } {
  if (most <= BAR_CELLS) return { added, removed }
  const cells = (lines: number) => (lines === 0 ? 0 : Math.max(1, Math.floor((lines * (BAR_CELLS - 1)) / most)))
  return { added: cells(added), removed: cells(removed) }
}

/** `old => new`, what both paths begin and end with told once, as in Git: `src/{a => b}/x.ts`. */
export function renamedText(from: string, to: string): string {
  const [a, b] = [from.split('/'), to.split('/')]
  let start = 0
  while (start < Math.min(a.length, b.length) - 1 && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  if (start + end === 0) return `${from} => ${to}`
  const middle = (of: readonly string[]) => of.slice(start, of.length - end).join('/')
  const changed = `{${middle(a)} => ${middle(b)}}`
  return [...a.slice(0, start), changed, ...a.slice(a.length - end)].join('/')
}
