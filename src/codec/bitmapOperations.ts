/** What two containers give together. */
import {
  ARRAY_IDS_MAX,
  type ArrayContainer,
  areShorterAsRuns,
  arrayContainer,
  BITSET_WORDS,
  type BitsetContainer,
  bitsetContainer,
  bitsOf,
  CONTAINER_IDS,
  type Container,
  FULL,
  hasBit,
  ones,
  type RunContainer,
  runContainer,
  setRuns,
  settled,
  share,
  writtenOut,
} from './bitmapContainer.js'

export type Operation = 'or' | 'and' | 'andNot' | 'xor'

/** Which ids an operation keeps: those that only one of two sets has, and those of both. */
export const KEEPS = {
  or: { first: true, both: true, second: true },
  and: { first: false, both: true, second: false },
  andNot: { first: true, both: false, second: false },
  xor: { first: true, both: false, second: true },
} as const satisfies Record<Operation, unknown>

/**
 * Which bits of a word an operation turns over: `or` those that only the other has, `and` those that only the word has,
 * `andNot` those of both, `xor` all of the other's. As masks, so that the loop over the words does not branch.
 */
const CHANGES = {
  or: { flipWord: -1, anyWord: 0, flipOther: 0 },
  and: { flipWord: 0, anyWord: 0, flipOther: -1 },
  andNot: { flipWord: 0, anyWord: 0, flipOther: 0 },
  xor: { flipWord: 0, anyWord: -1, flipOther: 0 },
} as const satisfies Record<Operation, unknown>

const FEW_RUNS = 256
/** Behind all edges of runs, the last of which may be at the end of the container. */
const NO_EDGE = CONTAINER_IDS + 1

/** Room for operands and results on their way. Nothing refers to it between calls. */
const scratchWords = new Uint32Array(BITSET_WORDS)
const scratchValues = new Uint16Array(2 * ARRAY_IDS_MAX)
const scratchRuns = new Uint16Array(4 * FEW_RUNS)

/**
 * `first` and `second` under `operation`; `undefined` when nothing is left. Unless `first` is shared, the result may be
 * made of it. `second` stays as it is, and is marked as shared where it is the result.
 */
export function combine(operation: Operation, first: Container, second: Container): Container | undefined {
  const keeps = KEEPS[operation]
  if (first === second) return keeps.both ? first : undefined
  if (second.size === CONTAINER_IDS && operation !== 'xor') {
    if (operation === 'or') return second
    return keeps.both ? first : undefined
  }
  if (first.size === CONTAINER_IDS && keeps.both) return operation === 'or' ? first : share(second)
  if (areFewRuns(first) && areFewRuns(second)) return settledRuns(combineRuns(operation, first.runs, second.runs))
  const left = first.kind === 'runs' ? writtenOut(first) : first
  const right = second.kind === 'runs' ? writtenOutForNow(second) : second
  if (left.kind === 'array') {
    if (right.kind === 'array') return settledValues(mergeValues(operation, left, right))
    if (!keeps.second) return settledValues(filterValues(left, right.words, keeps.both))
    return applyValues(operation, right.words.slice(), right.size, left)
  }
  if (right.kind === 'array' && operation === 'and') return settledValues(filterValues(right, left.words, true))
  const words = left.shared ? left.words.slice() : left.words
  if (right.kind === 'array') return applyValues(operation, words, left.size, right)
  return settled(words, applyWords(operation, words, left.size, right.words))
}

/** How many ids two containers have in common. */
export function commonSize(first: Container, second: Container): number {
  if (first === second || second.size === CONTAINER_IDS) return first.size
  if (first.size === CONTAINER_IDS) return second.size
  if (areFewRuns(first) && areFewRuns(second)) return sizeOfRuns(combineRuns('and', first.runs, second.runs))
  const left = first.kind === 'runs' ? writtenOut(first) : first
  const right = second.kind === 'runs' ? writtenOutForNow(second) : second
  if (left.kind === 'array') {
    return right.kind === 'array' ? mergeValues('and', left, right) : filterValues(left, right.words, true)
  }
  if (right.kind === 'array') return filterValues(right, left.words, true)
  let size = 0
  for (let index = 0; index < BITSET_WORDS; index++) size += ones((left.words[index] ?? 0) & (right.words[index] ?? 0))
  return size
}

/** Whether going from run to run is faster than writing the runs out. */
function areFewRuns(container: Container): container is RunContainer {
  return container.kind === 'runs' && container.runs.length <= 2 * FEW_RUNS
}

/**
 * Into `scratchRuns`: the runs that `operation` makes of two lists of them. Returns how many. It goes from one place
 * where an id is in a list and its neighbour is not, or the other way round, to the next.
 */
function combineRuns(operation: Operation, firsts: Uint16Array, seconds: Uint16Array): number {
  const { first: firstAlone, both, second: secondAlone } = KEEPS[operation]
  let firstIndex = 0
  let secondIndex = 0
  let firstEdge = edgeOf(firsts, 0)
  let secondEdge = edgeOf(seconds, 0)
  let keeping = false
  let from = 0
  let count = 0
  while (firstEdge !== NO_EDGE || secondEdge !== NO_EDGE) {
    const edge = Math.min(firstEdge, secondEdge)
    if (firstEdge === edge) firstEdge = edgeOf(firsts, ++firstIndex)
    if (secondEdge === edge) secondEdge = edgeOf(seconds, ++secondIndex)
    // Behind an odd number of edges is the inside of a run.
    const inFirst = (firstIndex & 1) === 1
    const inSecond = (secondIndex & 1) === 1
    const keep = inFirst ? (inSecond ? both : firstAlone) : inSecond && secondAlone
    if (keep === keeping) continue
    keeping = keep
    if (keep) {
      from = edge
    } else {
      scratchRuns[2 * count] = from
      scratchRuns[2 * count + 1] = edge - from - 1
      count++
    }
  }
  return count
}

/** Where a run begins, for even `index`, and where the ids behind it begin, for odd. */
function edgeOf(runs: Uint16Array, index: number): number {
  if (index >= runs.length) return NO_EDGE
  const number = runs[index] ?? 0
  return (index & 1) === 0 ? number : (runs[index - 1] ?? 0) + number + 1
}

/** How many ids are in the first `count` of `scratchRuns`. */
function sizeOfRuns(count: number): number {
  let size = count
  for (let index = 1; index < 2 * count; index += 2) size += scratchRuns[index] ?? 0
  return size
}

/** The first `count` of `scratchRuns` as a container of its own. */
function settledRuns(count: number): Container | undefined {
  const size = sizeOfRuns(count)
  if (size === 0) return undefined
  if (size === CONTAINER_IDS) return FULL
  const runs = runContainer(scratchRuns.slice(0, 2 * count), size)
  return areShorterAsRuns(count, size) ? runs : writtenOut(runs)
}

/** Runs in the shape that suits their size, which the next call may overwrite. */
function writtenOutForNow(container: RunContainer): ArrayContainer | BitsetContainer {
  if (container.size <= ARRAY_IDS_MAX) return writtenOut(container)
  scratchWords.fill(0)
  setRuns(scratchWords, container.runs)
  return { kind: 'bitset', words: scratchWords, size: container.size, shared: true }
}

/** Into `scratchValues`: the values of two arrays that `operation` keeps. Returns how many. */
function mergeValues(operation: Operation, left: ArrayContainer, right: ArrayContainer): number {
  const keeps = KEEPS[operation]
  const firsts = left.values
  const seconds = right.values
  let first = 0
  let second = 0
  let size = 0
  while (first < left.size && second < right.size) {
    const fromFirst = firsts[first] ?? 0
    const fromSecond = seconds[second] ?? 0
    // Written where the next one goes and counted only if it stays: few branches to guess.
    scratchValues[size] = Math.min(fromFirst, fromSecond)
    if (fromFirst < fromSecond) {
      if (keeps.first) size++
      first++
    } else if (fromFirst > fromSecond) {
      if (keeps.second) size++
      second++
    } else {
      if (keeps.both) size++
      first++
      second++
    }
  }
  if (keeps.first) while (first < left.size) scratchValues[size++] = firsts[first++] ?? 0
  if (keeps.second) while (second < right.size) scratchValues[size++] = seconds[second++] ?? 0
  return size
}

/** Into `scratchValues`: the values whose bit in `words` is set, or with `set` false is not. Returns how many. */
function filterValues(container: ArrayContainer, words: Uint32Array, set: boolean): number {
  let size = 0
  for (let index = 0; index < container.size; index++) {
    const value = container.values[index] ?? 0
    if (hasBit(words, value) === set) scratchValues[size++] = value
  }
  return size
}

/** The first `size` of `scratchValues` as a container of its own. */
function settledValues(size: number): Container | undefined {
  if (size === 0) return undefined
  if (size <= ARRAY_IDS_MAX) return arrayContainer(scratchValues.slice(0, size), size)
  return bitsetContainer(bitsOf(scratchValues, size), size)
}

/** The values of an array, one by one, on the `size` bits of `words`. */
function applyValues(
  operation: Operation,
  words: Uint32Array,
  size: number,
  container: ArrayContainer,
): Container | undefined {
  const keeps = KEEPS[operation]
  let left = size
  for (let index = 0; index < container.size; index++) {
    const value = container.values[index] ?? 0
    const at = value >>> 5
    const bit = 1 << (value & 31)
    const word = words[at] ?? 0
    if ((word & bit) === 0) {
      if (keeps.second) {
        words[at] = word | bit
        left++
      }
    } else if (!keeps.both) {
      words[at] = word & ~bit
      left--
    }
  }
  return settled(words, left)
}

/** All of `others` on `words`, in which `size` bits are set. Returns how many are set then. */
function applyWords(operation: Operation, words: Uint32Array, size: number, others: Uint32Array): number {
  const { flipWord, anyWord, flipOther } = CHANGES[operation]
  let left = size
  for (let index = 0; index < BITSET_WORDS; index++) {
    const word = words[index] ?? 0
    const changes = ((word ^ flipWord) | anyWord) & ((others[index] ?? 0) ^ flipOther)
    // Bitmaps of one history mostly agree, and counting bits is what takes time.
    if (changes === 0) continue
    words[index] = word ^ changes
    left += ones(word ^ changes) - ones(word)
  }
  return left
}
