/** Entries of a folder for people. */
import type { EntryInfo } from '../src/index.js'
import type { Context } from './context.js'
import { printColumns } from './output.js'
import { plainLine, sizeText, timeText } from './text.js'

export interface ListStyle {
  /** Mode, owner, size and time beside the name. */
  readonly long: boolean
  /** Whole paths, for lists that reach into subfolders. */
  readonly paths: boolean
}

export async function printEntries(
  context: Context,
  entries: AsyncIterable<EntryInfo>,
  style: ListStyle,
): Promise<void> {
  if (style.long) {
    await printColumns(context.out, ['left', 'left', 'right', 'left', 'left'], longRows(context, entries, style))
    return
  }
  for await (const entry of entries) await context.out.line(nameOf(context, entry, style))
}

async function* longRows(
  context: Context,
  entries: AsyncIterable<EntryInfo>,
  style: ListStyle,
): AsyncIterable<readonly string[]> {
  for await (const entry of entries) {
    const { mtimeNs, owner } = entry.attributes
    yield [
      modeText(entry),
      owner === undefined ? '-' : `${owner.uid}:${owner.gid}`,
      sizeText(entry.sizeBytes),
      mtimeNs === undefined ? '-' : localTimeText(Number(mtimeNs / 1_000_000n)),
      `${nameOf(context, entry, style)}${entry.target === undefined ? '' : ` -> ${plainLine(entry.target)}`}`,
    ]
  }
}

function localTimeText(timeMs: number): string {
  return timeText(timeMs, -new Date(timeMs).getTimezoneOffset()).slice(0, 19)
}

function nameOf(context: Context, entry: EntryInfo, style: ListStyle): string {
  const { blue, cyan, green } = context.colors
  const name = plainLine(style.paths ? entry.path : entry.name)
  if (entry.kind === 'directory') return `${blue(name)}/`
  if (entry.kind === 'symlink') return cyan(name)
  return entry.executable ? green(name) : name
}

const KIND_LETTERS: Readonly<Record<EntryInfo['kind'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  gitlink: 'g',
}

/** As `ls -l` shows it; where no mode was recorded, what is known: `-?????????`, with x for executables. */
export function modeText(entry: Pick<EntryInfo, 'kind' | 'executable' | 'attributes'>): string {
  const { mode } = entry.attributes
  const letter = KIND_LETTERS[entry.kind]
  if (mode === undefined) return `${letter}${entry.executable ? '??x??x??x' : '?????????'}`
  const triple = (shift: number, special: number, letters: readonly [string, string]) => {
    const bits = (mode >> shift) & 7
    const run = (bits & 1) !== 0
    const last = (mode & special) !== 0 ? letters[run ? 0 : 1] : run ? 'x' : '-'
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`
  }
  return `${letter}${triple(6, 0o4000, ['s', 'S'])}${triple(3, 0o2000, ['s', 'S'])}${triple(0, 0o1000, ['t', 'T'])}`
}
