/**
 * Which lines of a text gave way to which lines of another. What textDiff.ts shows and a merge compares.
 *
 * The changes are in order, do not touch, and replacing each range of the first text by its range of the second gives
 * the second. They are as few lines as can be, unless that would take too long: see boundedDiff.ts.
 */
import { boundedDiff, DEFAULT_EFFORT, type Unmatched } from './boundedDiff.js'
import { commonEnds, type Lines } from './lines.js'

/** Lines `beforeStart` up to `beforeEnd`, exclusive, became lines `afterStart` up to `afterEnd`. Counted from 0. */
export interface LineChange {
  readonly beforeStart: number
  readonly beforeEnd: number
  readonly afterStart: number
  readonly afterEnd: number
}

export function diffLines(before: Lines, after: Lines, effort = DEFAULT_EFFORT): LineChange[] {
  const { prefix, suffix } = commonEnds(before, after)
  const numbers = new Map<string, number>()
  const a = numbered(before, prefix, before.count - suffix, numbers)
  const b = numbered(after, prefix, after.count - suffix, numbers)
  const changes = changesFrom(boundedDiff(a, b, numbers.size, effort)).map((change) => shifted(change, prefix))
  return settled(slidDown(changes, before, after), before, after)
}

/** Each line as a number that stands for its bytes: comparing and counting them is what takes time. */
function numbered(lines: Lines, from: number, to: number, numbers: Map<string, number>): Int32Array {
  const values = new Int32Array(to - from)
  for (let line = from; line < to; line++) {
    const key = lines.bytes.toString('latin1', lines.start(line), lines.start(line + 1))
    const known = numbers.get(key)
    if (known === undefined) numbers.set(key, numbers.size)
    values[line - from] = known ?? numbers.size - 1
  }
  return values
}

/** The ranges that match nothing, each with what stands opposite. */
export function changesFrom({ a, b }: Unmatched): LineChange[] {
  const changes: LineChange[] = []
  let [inA, inB] = [0, 0]
  while (inA < a.length || inB < b.length) {
    const [beforeStart, afterStart] = [inA, inB]
    while (a[inA] === 1) inA++
    while (b[inB] === 1) inB++
    if (inA > beforeStart || inB > afterStart) changes.push({ beforeStart, beforeEnd: inA, afterStart, afterEnd: inB })
    while (a[inA] === 0 && b[inB] === 0) {
      inA++
      inB++
    }
  }
  return changes
}

function shifted({ beforeStart, beforeEnd, afterStart, afterEnd }: LineChange, lines: number): LineChange {
  return {
    beforeStart: beforeStart + lines,
    beforeEnd: beforeEnd + lines,
    afterStart: afterStart + lines,
    afterEnd: afterEnd + lines,
  }
}

/** Of a change that only adds or only removes: the text that has its lines, and which they are. */
function onlySide(change: LineChange, before: Lines, after: Lines) {
  if (change.beforeStart === change.beforeEnd) return { lines: after, start: change.afterStart, end: change.afterEnd }
  if (change.afterStart !== change.afterEnd) return undefined
  return { lines: before, start: change.beforeStart, end: change.beforeEnd }
}

/**
 * Lines that were only added or only removed are moved down as far as they can stand just as well. Those that meet
 * become one.
 */
function slidDown(changes: readonly LineChange[], before: Lines, after: Lines): LineChange[] {
  const slid: LineChange[] = []
  // From the last on: each slides up to where the next one came to rest.
  for (const change of changes.toReversed()) {
    const next = slid.at(-1)
    const most = (next?.beforeStart ?? before.count) - change.beforeEnd
    const side = onlySide(change, before, after)
    let by = 0
    if (side) while (by < most && side.lines.areEqual(side.start + by, side.end + by)) by++
    const moved = shifted(change, by)
    if (next && by === most) slid[slid.length - 1] = { ...moved, beforeEnd: next.beforeEnd, afterEnd: next.afterEnd }
    else slid.push(moved)
  }
  return slid.reverse()
}

const SETTLED_WITHIN_LINES = 100

/**
 * Of the places where added or removed lines can stand just as well, they take the one where the first is indented
 * least and not blank: there a paragraph or a function begins. Of several such places, the lowest.
 */
function settled(changes: readonly LineChange[], before: Lines, after: Lines): LineChange[] {
  const all: LineChange[] = []
  for (const change of changes) {
    const side = onlySide(change, before, after)
    const most = Math.min(SETTLED_WITHIN_LINES, change.beforeStart - (all.at(-1)?.beforeEnd ?? 0) - 1)
    let best = 0
    if (side) {
      const { lines, start, end } = side
      let least = lines.indent(start)
      for (let by = 1; by <= most && lines.areEqual(start - by, end - by); by++) {
        const indent = lines.indent(start - by)
        if (indent < least) [best, least] = [by, indent]
      }
    }
    all.push(shifted(change, -best))
  }
  return all
}
