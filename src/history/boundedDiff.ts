/**
 * Which elements two sequences have in common, in order: a longest common subsequence, or a shorter one where finding
 * the longest would take too long. Elements are whole numbers from 0 on; equal numbers are equal elements.
 *
 * Model: every element is `changed` until it is matched, so whatever is given up leaves a correct answer. A piece of
 * the problem is trimmed at both ends; elements that the other side lacks drop out, since they can match nothing; the
 * rest goes to Myers' algorithm with a limit on comparisons. Nothing up to here loses a match. Where the limit is
 * reached, elements (or windows of several) that each side has exactly once become anchors, as in patience diff: the
 * longest run of them in order cuts the piece into smaller ones, which share half of the effort left.
 *
 * Effort is counted in comparisons. Each level of pieces has half of what the level above had, so all of it together
 * is bounded, and so is the depth.
 */
import { diff_core } from 'fast-myers-diff'

/** What is left out of a longest common subsequence, by position: 1 for elements that match nothing. */
export interface Unmatched {
  readonly a: Uint8Array
  readonly b: Uint8Array
}

/** Comparisons; a fraction of a second. */
export const DEFAULT_EFFORT = 1 << 23

/** So much more for each element: long inputs take time in proportion, whatever is done with them. */
const EFFORT_PER_ELEMENT = 16

/**
 * @param distinct All numbers are below it.
 * @param effort Comparisons that may be spent beyond what is proportional to length.
 */
export function boundedDiff(a: Int32Array, b: Int32Array, distinct: number, effort = DEFAULT_EFFORT): Unmatched {
  const search = new Search(a, b, distinct)
  const all = (length: number) => Int32Array.from({ length }, (_, index) => index)
  search.match(all(a.length), all(b.length), effort + EFFORT_PER_ELEMENT * (a.length + b.length))
  return search.unmatched
}

class Search {
  readonly unmatched: Unmatched
  readonly #a: Int32Array
  readonly #b: Int32Array
  /** For each number the last round that it was seen in: a set that is emptied by counting on. */
  readonly #seen: Int32Array
  #round = 0

  constructor(a: Int32Array, b: Int32Array, distinct: number) {
    this.#a = a
    this.#b = b
    this.#seen = new Int32Array(distinct)
    this.unmatched = { a: new Uint8Array(a.length).fill(1), b: new Uint8Array(b.length).fill(1) }
  }

  /** `inA` and `inB`: the positions of a piece, growing. */
  match(inA: Int32Array, inB: Int32Array, effort: number): void {
    let [as, bs] = this.#trim(inA, inB)
    if (as.length === 0 || bs.length === 0) return
    ;[as, bs] = this.#trim(...this.#onBothSides(as, bs))
    if (as.length === 0 || bs.length === 0) return
    if (this.#matchFully(as, bs, effort / 2)) return
    if (effort > EFFORT_PER_ELEMENT * (as.length + bs.length)) this.#matchByAnchors(as, bs, effort / 2)
  }

  #pair(inA: number, inB: number): void {
    this.unmatched.a[inA] = 0
    this.unmatched.b[inB] = 0
  }

  #isEqual(inA: number | undefined, inB: number | undefined): boolean {
    return inA !== undefined && inB !== undefined && this.#a[inA] === this.#b[inB]
  }

  /** Matches what is equal at both ends and returns the middle. */
  #trim(as: Int32Array, bs: Int32Array): [Int32Array, Int32Array] {
    let start = 0
    while (this.#isEqual(as[start], bs[start])) {
      this.#pair(as[start] ?? 0, bs[start] ?? 0)
      start++
    }
    let [aEnd, bEnd] = [as.length, bs.length]
    while (aEnd > start && bEnd > start && this.#isEqual(as[aEnd - 1], bs[bEnd - 1])) {
      this.#pair(as[--aEnd] ?? 0, bs[--bEnd] ?? 0)
    }
    return [as.subarray(start, aEnd), bs.subarray(start, bEnd)]
  }

  #onBothSides(as: Int32Array, bs: Int32Array): [Int32Array, Int32Array] {
    return [this.#thoseIn(as, this.#a, bs, this.#b), this.#thoseIn(bs, this.#b, as, this.#a)]
  }

  #thoseIn(of: Int32Array, values: Int32Array, others: Int32Array, otherValues: Int32Array): Int32Array {
    const [seen, round] = [this.#seen, ++this.#round]
    for (const position of others) seen[otherValues[position] ?? 0] = round
    return of.filter((position) => seen[values[position] ?? 0] === round)
  }

  /** @returns Whether the effort was enough. Where it was not, nothing is matched. */
  #matchFully(as: Int32Array, bs: Int32Array, effort: number): boolean {
    if (leastEffort(as.length, bs.length) > effort) return false
    const [a, b] = [as.map((position) => this.#a[position] ?? 0), bs.map((position) => this.#b[position] ?? 0)]
    let left = effort
    const isEqual = (inA: number, inB: number): boolean => {
      if (--left < 0) throw OUT_OF_EFFORT
      return a[inA] === b[inB]
    }
    const changes: [number, number, number, number][] = []
    try {
      for (const change of diff_core(0, a.length, 0, b.length, isEqual)) changes.push(change)
    } catch (error) {
      if (error !== OUT_OF_EFFORT) throw error
      return false
    }
    let [inA, inB] = [0, 0]
    for (const [aStart, aEnd, , bEnd] of [...changes, [a.length, a.length, b.length, b.length] as const]) {
      while (inA < aStart) this.#pair(as[inA++] ?? 0, bs[inB++] ?? 0)
      ;[inA, inB] = [aEnd, bEnd]
    }
    return true
  }

  #matchByAnchors(as: Int32Array, bs: Int32Array, effort: number): void {
    const anchors = this.#anchors(as, bs)
    const perElement = effort / (as.length + bs.length)
    let [aStart, bStart] = [0, 0]
    const matchUpTo = (aEnd: number, bEnd: number): void => {
      const [inA, inB] = [as.subarray(aStart, aEnd), bs.subarray(bStart, bEnd)]
      this.match(inA, inB, perElement * (inA.length + inB.length))
    }
    if (anchors.length === 0) return
    for (const { inA, inB } of anchors) {
      matchUpTo(inA, inB)
      this.#pair(as[inA] ?? 0, bs[inB] ?? 0)
      ;[aStart, bStart] = [inA + 1, inB + 1]
    }
    matchUpTo(as.length, bs.length)
  }

  /** Of the shortest windows that have any. What follows an anchor is matched where its piece is trimmed. */
  #anchors(as: Int32Array, bs: Int32Array): Anchor[] {
    let a: Int32Array = as.map((position) => this.#a[position] ?? 0)
    let b: Int32Array = bs.map((position) => this.#b[position] ?? 0)
    for (let width = 1; width <= WIDEST_WINDOW; width *= 2) {
      // Windows are compared by hash, so what they say is checked.
      const unique = uniqueOnBothSides(a, b).filter(({ inA, inB }) => this.#isEqual(as[inA], bs[inB]))
      if (unique.length > 0) return longestInOrder(unique)
      ;[a, b] = [widened(a, width), widened(b, width)]
    }
    return []
  }
}

/** What Myers' algorithm walks through for the difference in length alone, much of it without a comparison. */
function leastEffort(a: number, b: number): number {
  const steps = Math.abs(a - b) / 2
  return steps * Math.min(steps, a, b)
}

const OUT_OF_EFFORT = Symbol('the effort is spent')
const WIDEST_WINDOW = 32

interface Anchor {
  readonly inA: number
  readonly inB: number
}

/** A hash for each window twice as wide as those that `hashes` stand for. Of 30 bits: small integers are fast keys. */
function widened(hashes: Int32Array, width: number): Int32Array {
  return Int32Array.from({ length: Math.max(0, hashes.length - width) }, (_, index) => {
    const mixed = Math.imul(hashes[index] ?? 0, 0x9e3779b1) + Math.imul(hashes[index + width] ?? 0, 0x85ebca77)
    return (mixed ^ (mixed >>> 15)) & 0x3fffffff
  })
}

const SEVERAL = -1

function uniqueOnBothSides(a: Int32Array, b: Int32Array): Anchor[] {
  const [onceInA, onceInB] = [onlyPositions(a), onlyPositions(b)]
  const anchors: Anchor[] = []
  for (const [value, inA] of onceInA) {
    const inB = onceInB.get(value) ?? SEVERAL
    if (inA !== SEVERAL && inB !== SEVERAL) anchors.push({ inA, inB })
  }
  return anchors.sort((one, other) => one.inA - other.inA)
}

function onlyPositions(values: Int32Array): Map<number, number> {
  const positions = new Map<number, number>()
  for (const [position, value] of values.entries()) positions.set(value, positions.has(value) ? SEVERAL : position)
  return positions
}

/** The longest subsequence of anchors, sorted by `inA`, whose `inB` grows too. */
function longestInOrder(anchors: readonly Anchor[]): Anchor[] {
  /** At n: the last of the sequence of n + 1 anchors that ends lowest. */
  const ends: number[] = []
  const previous = new Int32Array(anchors.length)
  for (const [index, { inB }] of anchors.entries()) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((anchors[ends[middle] ?? 0]?.inB ?? 0) < inB) low = middle + 1
      else high = middle
    }
    previous[index] = ends[low - 1] ?? -1
    ends[low] = index
  }
  const chosen: Anchor[] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) {
    const anchor = anchors[index]
    if (anchor) chosen.push(anchor)
  }
  return chosen.reverse()
}
