/**
 * Two versions of a text, shown as what changed: hunks of lines with context, as in a unified diff. Pure: bytes in,
 * hunks out. Which lines changed is found by lineDiff.ts.
 *
 * Hunks know their lines by number alone and make them when asked, so a file that was replaced as a whole costs no
 * more memory than one that was hardly touched.
 */
import { VarveError } from '../base/errors.js'
import { formatSize, MIB } from '../base/units.js'
import { diffLines, type LineChange } from './lineDiff.js'
import { Lines } from './lines.js'

export interface TextDiffOptions {
  /** Equal lines shown around each change. Default 3. */
  readonly contextLines?: number | undefined
}

/** A line of a hunk. */
export interface DiffLine {
  /** `' '`: in both; `'-'`: only in the first; `'+'`: only in the second. */
  readonly tag: ' ' | '-' | '+'
  /** Without the line feed. A view of the bytes that were given. */
  readonly bytes: Buffer
  /** False for a last line without a line feed, which unified diffs mark `\ No newline at end of file`. */
  readonly endsInNewline: boolean
}

/** Changes that stand near each other, with the lines around them. */
export interface DiffHunk {
  /** First line in the first text, from 1; where there are none of it, the line before. As in `@@ -start,count`. */
  readonly beforeStart: number
  readonly beforeCount: number
  /** The same of the second text. */
  readonly afterStart: number
  readonly afterCount: number
  /** Made each time they are walked through. Removed lines stand before those that took their place. */
  readonly lines: Iterable<DiffLine>
}

export interface TextDiff {
  /** One side is no text; then nothing else is said. */
  readonly isBinary: boolean
  readonly hunks: readonly DiffHunk[]
  readonly addedLines: number
  readonly removedLines: number
}

const DEFAULT_CONTEXT_LINES = 3
const TEXT_BYTES_MAX = 256 * MIB

/** How many bytes are looked at to tell a text. */
export const LOOKED_AT_BYTES = 8000

/**
 * Whether bytes are no text: there is a NUL among the first 8,000. So these are enough to ask about.
 *
 * @example
 * ```ts
 * const snapshot = await repo.at('main')
 * const head = await snapshot.readRange('readme.txt', 0, 8000)
 * console.log(isBinary(head) ? 'binary' : 'text')
 * ```
 */
export function isBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, LOOKED_AT_BYTES).includes(0)
}

/**
 * What changed between two versions of a text, line by line. Lines are compared as bytes. The changed lines are as few
 * as can be, unless that would take long: of texts that have little in common, larger pieces are replaced as wholes. What
 * is said is right in any case.
 *
 * @throws {VarveError} `INVALID_ARGUMENT` unless `contextLines` is an integer, 0 or more; `LIMIT_EXCEEDED` for a text of
 * more than 256 MiB
 * @example
 * ```ts
 * const [before, after] = [await repo.at('main~1'), await repo.at('main')]
 * const diff = textDiff(await before.read('readme.txt'), await after.read('readme.txt'))
 * for (const hunk of diff.hunks) {
 *   console.log(`@@ -${hunk.beforeStart},${hunk.beforeCount} +${hunk.afterStart},${hunk.afterCount} @@`)
 *   for (const { tag, bytes } of hunk.lines) console.log(tag + bytes.toString())
 * }
 * ```
 */
export function textDiff(before: Uint8Array, after: Uint8Array, options: TextDiffOptions = {}): TextDiff {
  const { contextLines = DEFAULT_CONTEXT_LINES } = options
  if (!Number.isSafeInteger(contextLines) || contextLines < 0) {
    throw new VarveError('INVALID_ARGUMENT', `context is a whole number of lines, 0 or more, not ${contextLines}`, {
      actual: contextLines,
    })
  }
  if (isBinary(before) || isBinary(after)) return { isBinary: true, hunks: [], addedLines: 0, removedLines: 0 }
  requireText(before)
  requireText(after)
  const [a, b] = [new Lines(before), new Lines(after)]
  const changes = diffLines(a, b)
  let [addedLines, removedLines] = [0, 0]
  for (const change of changes) {
    addedLines += change.afterEnd - change.afterStart
    removedLines += change.beforeEnd - change.beforeStart
  }
  return { isBinary: false, hunks: hunksOf(changes, a, b, contextLines), addedLines, removedLines }
}

function requireText({ length }: Uint8Array): void {
  if (length <= TEXT_BYTES_MAX) return
  throw new VarveError('LIMIT_EXCEEDED', `texts of ${formatSize(length)} are not compared line by line`, {
    expected: `at most ${TEXT_BYTES_MAX} bytes`,
    actual: length,
    hint: 'Repository.diff with changedBytes says how much of a large file differs.',
  })
}

/** Changes with so few lines between them that their contexts touch share a hunk. */
function hunksOf(changes: readonly LineChange[], a: Lines, b: Lines, context: number): DiffHunk[] {
  const hunks: DiffHunk[] = []
  let group: LineChange[] = []
  for (const [index, change] of changes.entries()) {
    group.push(change)
    const next = changes[index + 1]
    if (next && next.beforeStart - change.beforeEnd <= 2 * context) continue
    hunks.push(hunkOf(group, a, b, context))
    group = []
  }
  return hunks
}

function hunkOf(changes: readonly LineChange[], a: Lines, b: Lines, context: number): DiffHunk {
  const [first, last] = [changes[0], changes.at(-1)]
  if (!first || !last) throw new RangeError('a hunk has a change')
  const before = Math.min(context, first.beforeStart)
  const behind = Math.min(context, a.count - last.beforeEnd)
  const [beforeStart, afterStart] = [first.beforeStart - before, first.afterStart - before]
  const beforeCount = last.beforeEnd + behind - beforeStart
  const afterCount = last.afterEnd + behind - afterStart
  return {
    beforeStart: beforeCount === 0 ? beforeStart : beforeStart + 1,
    beforeCount,
    afterStart: afterCount === 0 ? afterStart : afterStart + 1,
    afterCount,
    lines: { [Symbol.iterator]: () => linesOf(changes, a, b, beforeStart, beforeStart + beforeCount) },
  }
}

function* linesOf(
  changes: readonly LineChange[],
  a: Lines,
  b: Lines,
  start: number,
  end: number,
): Generator<DiffLine, undefined> {
  let at = start
  for (const { beforeStart, beforeEnd, afterStart, afterEnd } of changes) {
    while (at < beforeStart) yield tagged(' ', a, at++)
    while (at < beforeEnd) yield tagged('-', a, at++)
    for (let line = afterStart; line < afterEnd; line++) yield tagged('+', b, line)
  }
  while (at < end) yield tagged(' ', a, at++)
  return undefined
}

function tagged(tag: DiffLine['tag'], lines: Lines, line: number): DiffLine {
  const endsInNewline = lines.isTerminated(line)
  const bytes = lines.line(line)
  return { tag, bytes: endsInNewline ? bytes.subarray(0, -1) : bytes, endsInNewline }
}
