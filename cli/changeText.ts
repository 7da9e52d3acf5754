/**
 * Differences in every form that a command prints them in: as a unified diff, as lists, as JSON.
 *
 * What differs comes as a stream of `ChangedFile`s, so that revisions and folders are printed alike.
 */
import type { Change, DiffHunk } from '../src/index.js'
import { BytePieces } from './bytePieces.js'
import { addedBytesOf, type ChangedFile, compareFile, removedBytesOf } from './changedFile.js'
import type { Context } from './context.js'
import { printStat, renamedText } from './diffStat.js'
import { NO_NEWLINE, PatchPrinter, type PatchStyle } from './diffText.js'
import { printColumns } from './output.js'
import { changeJson } from './shapes.js'
import { counted, plainLine, sizeText } from './text.js'

/** `bytes`: what each file brought and took, from chunks, without a look at its lines. */
export type DiffForm = 'patch' | 'stat' | 'bytes' | 'name-status' | 'name-only'

export interface DiffStyle extends PatchStyle {
  readonly form: DiffForm
  /** Paths as they are, each followed by a NUL. */
  readonly nulEnds: boolean
}

/** Whether `Change`s are to say how many bytes differ. */
export function wantsChangedBytes(context: Context, { form }: DiffStyle): boolean {
  return context.json || (form !== 'name-status' && form !== 'name-only')
}

/** Prints them in text, or with --json as one array. @returns Whether anything differed. */
export async function printDifferences(
  context: Context,
  files: AsyncIterable<ChangedFile>,
  style: DiffStyle,
): Promise<boolean> {
  let differs = false
  async function* noted(): AsyncGenerator<ChangedFile> {
    for await (const file of files) {
      differs = true
      yield file
    }
  }
  if (context.json) await context.out.jsonArray(differencesJson(context, noted(), style))
  else if (style.form === 'patch') await printPatch(context, noted(), style)
  else if (style.form === 'stat') await printStat(context, noted())
  else if (style.form === 'bytes') await printBytes(context, noted())
  else await printNames(context, noted(), style)
  return differs
}

async function printPatch(context: Context, files: AsyncIterable<ChangedFile>, style: PatchStyle): Promise<void> {
  const printer = new PatchPrinter(context, style)
  for await (const file of files) await printer.print(file)
}

export const CHANGE_LETTERS: Readonly<Record<Change['kind'], string>> = {
  added: 'A',
  removed: 'D',
  modified: 'M',
  'type-changed': 'T',
  'mode-changed': 'X',
  renamed: 'R',
}

async function printNames(context: Context, files: AsyncIterable<ChangedFile>, style: DiffStyle): Promise<void> {
  const out = new BytePieces(context.out)
  for await (const { change } of files) {
    const { kind, similarity } = change
    const letter =
      similarity === undefined ? CHANGE_LETTERS[kind] : `${CHANGE_LETTERS[kind]}${String(similarity).padStart(3, '0')}`
    if (style.nulEnds) {
      const paths = [change.fromBytes, change.pathBytes].map((path) => path?.toString('latin1'))
      const shown = style.form === 'name-only' ? [paths[1]] : [letter, ...paths]
      for (const each of shown) if (each !== undefined) await out.push(`${each}\0`)
    } else if (style.form === 'name-only') {
      await context.out.line(plainLine(change.path))
    } else {
      const paths = change.from === undefined ? [change.path] : [change.from, change.path]
      await context.out.line([letter, ...paths.map(plainLine)].join('\t'))
    }
  }
  await out.flush()
}

async function* differencesJson(context: Context, files: AsyncIterable<ChangedFile>, style: DiffStyle) {
  const comparesLines = style.form === 'patch' || style.form === 'stat'
  for await (const file of files) {
    const change = changeJson(file.change)
    const comparison = comparesLines ? await compareFile(context, file, style.contextLines) : undefined
    if (comparison?.kind === 'text') {
      const { addedLines, removedLines, hunks } = comparison.diff
      const lines = { binary: false, addedLines, removedLines }
      yield { ...change, ...lines, ...(style.form === 'patch' ? { hunks: hunks.map(hunkJson) } : {}) }
    } else {
      yield { ...change, ...(comparison?.kind === 'binary' ? { binary: true } : {}) }
    }
  }
}

function hunkJson({ beforeStart, beforeCount, afterStart, afterCount, lines }: DiffHunk) {
  const texts: string[] = []
  for (const { tag, bytes, endsInNewline } of lines) {
    texts.push(`${tag}${bytes.toString()}`)
    if (!endsInNewline) texts.push(NO_NEWLINE)
  }
  return { beforeStart, beforeCount, afterStart, afterCount, lines: texts }
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

async function printBytes(context: Context, files: AsyncIterable<ChangedFile>): Promise<void> {
  const { green, red, yellow } = context.colors
  const totals = new Totals()
  async function* rows(): AsyncGenerator<readonly string[]> {
    for await (const { change } of files) {
      totals.add(change)
      const letter = CHANGE_LETTERS[change.kind]
      const tint = change.kind === 'added' ? green : change.kind === 'removed' ? red : yellow
      const [added, removed] = [addedBytesOf(change), removedBytesOf(change)]
      const path = change.from === undefined ? change.path : renamedText(change.from, change.path)
      yield [
        tint(letter),
        added > 0 ? green(`+${sizeText(added)}`) : '',
        removed > 0 ? red(`-${sizeText(removed)}`) : '',
        `${plainLine(path)}${noteOn(change)}`,
      ]
    }
  }
  await printColumns(context.out, ['left', 'right', 'right', 'left'], rows())
  await context.out.line(
    totals.files === 0
      ? 'no differences'
      : `${counted(totals.files, 'file')} changed, ${green(`+${sizeText(totals.addedBytes)}`)}, ${red(`-${sizeText(totals.removedBytes)}`)}`,
  )
}

function noteOn(change: Change): string {
  const { before, after } = change
  if (before === undefined || after === undefined) return ''
  if (change.kind === 'type-changed') return ` (${before.kind} became ${after.kind})`
  if (before.executable !== after.executable) return after.executable ? ' (now executable)' : ' (no longer executable)'
  return ''
}
