/**
 * Differences for people. Binary-safe: for each file how many bytes are new and how many are gone, found from chunks,
 * never by reading both versions as text.
 */
import type { Change } from '../src/index.js'
import type { Context } from './context.js'
import { printColumns } from './output.js'
import { counted, plainLine, sizeText } from './text.js'

/** `full`: bytes for each file; `stat`: the same with a bar; `name-status`: a letter, a tab, the path. */
export type ChangeStyle = 'full' | 'stat' | 'name-status'

const LETTERS: Readonly<Record<Change['kind'], string>> = {
  added: 'A',
  removed: 'D',
  modified: 'M',
  'type-changed': 'T',
  'mode-changed': 'X',
}

class Totals {
  files = 0
  addedBytes = 0
  removedBytes = 0

  add(change: Change): void {
    this.files++
    this.addedBytes += addedBytesOf(change)
    this.removedBytes += removedBytesOf(change)
  }
}

/** @returns Whether anything differed. */
export async function printChanges(
  context: Context,
  changes: AsyncIterable<Change>,
  style: ChangeStyle,
): Promise<boolean> {
  const totals = new Totals()
  const counting = count(changes, totals)
  if (style === 'name-status') {
    for await (const change of counting) {
      await context.out.line(`${LETTERS[change.kind]}\t${plainLine(change.path)}`)
    }
    return totals.files > 0
  }
  const { rows, alignments } = style === 'stat' ? statRows(context, counting) : fullRows(context, counting)
  await printColumns(context.out, alignments, rows)
  const { green, red } = context.colors
  await context.out.line(
    totals.files === 0
      ? 'no differences'
      : `${counted(totals.files, 'file')} changed, ${green(`+${sizeText(totals.addedBytes)}`)}, ${red(`-${sizeText(totals.removedBytes)}`)}`,
  )
  return totals.files > 0
}

async function* count(changes: AsyncIterable<Change>, totals: Totals): AsyncIterable<Change> {
  for await (const change of changes) {
    totals.add(change)
    yield change
  }
}

/** What a file brought or took whole is all of it. */
function addedBytesOf(change: Change): number {
  return change.addedBytes ?? (change.before === undefined ? (change.after?.sizeBytes ?? 0) : 0)
}

function removedBytesOf(change: Change): number {
  return change.removedBytes ?? (change.after === undefined ? (change.before?.sizeBytes ?? 0) : 0)
}

function fullRows(context: Context, changes: AsyncIterable<Change>) {
  const { green, red, yellow } = context.colors
  async function* rows(): AsyncIterable<readonly string[]> {
    for await (const change of changes) {
      const letter = LETTERS[change.kind]
      const tint = change.kind === 'added' ? green : change.kind === 'removed' ? red : yellow
      const [added, removed] = [addedBytesOf(change), removedBytesOf(change)]
      yield [
        tint(letter),
        added > 0 ? green(`+${sizeText(added)}`) : '',
        removed > 0 ? red(`-${sizeText(removed)}`) : '',
        `${plainLine(change.path)}${noteOn(change)}`,
      ]
    }
  }
  return { rows: rows(), alignments: ['left', 'right', 'right', 'left'] as const }
}

function noteOn(change: Change): string {
  const { before, after } = change
  if (before === undefined || after === undefined) return ''
  if (change.kind === 'type-changed') return ` (${before.kind} became ${after.kind})`
  if (before.executable !== after.executable) return after.executable ? ' (now executable)' : ' (no longer executable)'
  return ''
}

const BAR_CELLS = 30

function statRows(context: Context, changes: AsyncIterable<Change>) {
  const { green, red } = context.colors
  async function* rows(): AsyncIterable<readonly string[]> {
    for await (const change of changes) {
      const [added, removed] = [addedBytesOf(change), removedBytesOf(change)]
      const cells = barCells(added, removed)
      yield [
        ` ${plainLine(change.path)}${noteOn(change)}`,
        '|',
        added > 0 ? `+${sizeText(added)}` : '',
        removed > 0 ? `-${sizeText(removed)}` : '',
        `${green('+'.repeat(cells.added))}${red('-'.repeat(cells.removed))}`,
      ]
    }
  }
  return { rows: rows(), alignments: ['left', 'left', 'right', 'right', 'left'] as const }
}

/** Length grows with the logarithm of the change, so that a byte and a gigabyte both show; at least a cell for what is there. */
export function barCells(addedBytes: number, removedBytes: number): { added: number; removed: number } {
  const total = addedBytes + removedBytes
  if (total === 0) return { added: 0, removed: 0 }
  const cells = Math.min(BAR_CELLS, Math.max(2, Math.ceil(Math.log2(total + 1))))
  const added = Math.round((cells * addedBytes) / total)
  if (addedBytes > 0 && removedBytes > 0) {
    const bounded = Math.min(cells - 1, Math.max(1, added))
    return { added: bounded, removed: cells - bounded }
  }
  return { added, removed: cells - added }
}
