/**
 * A container: the part of a bitmap whose ids have their upper 16 bits in common, in one of three shapes. It is never
 * empty.
 *
 *   array    the lower halves, ascending: up to 4096 of them
 *   bitset   one bit for each of the 65536: from 4097 of them on
 *   runs     pairs of first and length - 1, ascending and apart from each other: as they were stored, and for all 65536
 *
 * Runs that were read are written out only when an operation needs it: a few bytes of them may stand for 8 KiB.
 */

/** Ids that have their upper half in common. */
export const CONTAINER_IDS = 65_536
/** From here on a bitset is smaller. */
export const ARRAY_IDS_MAX = 4096
export const BITSET_WORDS = CONTAINER_IDS / 32

interface ContainerBase {
  /** Number of ids, at least 1. */
  readonly size: number
  /** More than one bitmap refers to it: it is copied before it changes. */
  shared: boolean
}

export interface ArrayContainer extends ContainerBase {
  readonly kind: 'array'
  /** May be longer than `size`. */
  readonly values: Uint16Array
}

export interface BitsetContainer extends ContainerBase {
  readonly kind: 'bitset'
  readonly words: Uint32Array
}

export interface RunContainer extends ContainerBase {
  readonly kind: 'runs'
  readonly runs: Uint16Array
}

export type Container = ArrayContainer | BitsetContainer | RunContainer

export function arrayContainer(values: Uint16Array, size: number): ArrayContainer {
  return { kind: 'array', values, size, shared: false }
}

export function bitsetContainer(words: Uint32Array, size: number): BitsetContainer {
  return { kind: 'bitset', words, size, shared: false }
}

export function runContainer(runs: Uint16Array, size: number): RunContainer {
  return { kind: 'runs', runs, size, shared: false }
}

/** All ids: most containers of a big bitmap are this one, because ids are handed out without gaps. */
export const FULL: Container = {
  kind: 'runs',
  runs: Uint16Array.of(0, CONTAINER_IDS - 1),
  size: CONTAINER_IDS,
  shared: true,
}

/** Marks `container` as one that more than one bitmap refers to. */
export function share(container: Container): Container {
  container.shared = true
  return container
}

/** `words`, in which `size` bits are set, in the shape that suits the size; `undefined` if none is. */
export function settled(words: Uint32Array, size: number): Container | undefined {
  if (size === 0) return undefined
  if (size === CONTAINER_IDS) return FULL
  if (size > ARRAY_IDS_MAX) return bitsetContainer(words, size)
  const values = new Uint16Array(size)
  let position = 0
  for (let index = 0; index < BITSET_WORDS; index++) {
    for (let word = words[index] ?? 0; word !== 0; word &= word - 1) values[position++] = 32 * index + lowestBit(word)
  }
  return arrayContainer(values, size)
}

/** A container of the lower halves of `ids`, which ascend, may repeat, and have their upper half in common. */
export function containerOf(ids: Uint32Array): Container | undefined {
  if (ids.length > ARRAY_IDS_MAX) {
    const words = new Uint32Array(BITSET_WORDS)
    for (const id of ids) setBit(words, id & 0xffff)
    let size = 0
    for (const word of words) size += ones(word)
    return settled(words, size)
  }
  const values = new Uint16Array(ids.length)
  let size = 0
  for (let index = 0; index < ids.length; index++) {
    // Storing keeps the lower 16 bits.
    if (index === 0 || ids[index] !== ids[index - 1]) values[size++] = ids[index] ?? 0
  }
  return size === 0 ? undefined : arrayContainer(values, size)
}

/** Runs in a shape that takes changes, of its own. */
export function writtenOut(container: RunContainer): ArrayContainer | BitsetContainer {
  if (container.size > ARRAY_IDS_MAX) {
    const words = new Uint32Array(BITSET_WORDS)
    setRuns(words, container.runs)
    return bitsetContainer(words, container.size)
  }
  const values = new Uint16Array(container.size)
  let position = 0
  for (let index = 0; index < container.runs.length; index += 2) {
    const first = container.runs[index] ?? 0
    const last = first + (container.runs[index + 1] ?? 0)
    for (let value = first; value <= last; value++) values[position++] = value
  }
  return arrayContainer(values, container.size)
}

export function containerHas(container: Container, low: number): boolean {
  if (container.kind === 'bitset') return hasBit(container.words, low)
  if (container.kind === 'array') {
    const at = placeIn(container, low)
    return at < container.size && container.values[at] === low
  }
  const { runs } = container
  let from = 0
  let to = runs.length / 2
  while (from < to) {
    const middle = (from + to) >>> 1
    const first = runs[2 * middle] ?? 0
    if (low < first) to = middle
    else if (low <= first + (runs[2 * middle + 1] ?? 0)) return true
    else from = middle + 1
  }
  return false
}

/** `container` with one more id. Unless it is shared, the result may be made of it. */
export function containerWith(container: Container, low: number): Container {
  if (containerHas(container, low)) return container
  const open = container.kind === 'runs' ? writtenOut(container) : container
  if (open.kind === 'array' && open.size < ARRAY_IDS_MAX) return arrayWith(open, low)
  const words = open.kind === 'array' ? bitsOf(open.values, open.size) : open.shared ? open.words.slice() : open.words
  setBit(words, low)
  return open.size + 1 === CONTAINER_IDS ? FULL : bitsetContainer(words, open.size + 1)
}

function arrayWith(container: ArrayContainer, low: number): ArrayContainer {
  const { size } = container
  const at = placeIn(container, low)
  let { values } = container
  if (container.shared || values.length === size) {
    values = new Uint16Array(Math.min(ARRAY_IDS_MAX, 2 * size + 4))
    values.set(container.values.subarray(0, size))
  }
  values.copyWithin(at + 1, at, size)
  values[at] = low
  return arrayContainer(values, size + 1)
}

/** The first `size` of `values` as bits. */
export function bitsOf(values: Uint16Array, size: number): Uint32Array {
  const words = new Uint32Array(BITSET_WORDS)
  for (let index = 0; index < size; index++) setBit(words, values[index] ?? 0)
  return words
}

/** Writes `base` plus each id of `container`, ascending, into `ids` from `at` on. */
export function writeIds(container: Container, base: number, ids: Uint32Array, at: number): void {
  let position = at
  if (container.kind === 'array') {
    for (let index = 0; index < container.size; index++) ids[position++] = base + (container.values[index] ?? 0)
  } else if (container.kind === 'runs') {
    for (let index = 0; index < container.runs.length; index += 2) {
      const first = base + (container.runs[index] ?? 0)
      const last = first + (container.runs[index + 1] ?? 0)
      for (let id = first; id <= last; id++) ids[position++] = id
    }
  } else {
    for (let index = 0; index < BITSET_WORDS; index++) {
      const first = base + 32 * index
      for (let word = container.words[index] ?? 0; word !== 0; word &= word - 1) {
        ids[position++] = first + lowestBit(word)
      }
    }
  }
}

/** How many runs the ids make. */
export function countRuns(container: Container): number {
  if (container.kind === 'runs') return container.runs.length / 2
  let runs = 0
  if (container.kind === 'array') {
    for (let index = 0, next = -1; index < container.size; index++) {
      const value = container.values[index] ?? 0
      if (value !== next) runs++
      next = value + 1
    }
    return runs
  }
  let carry = 0
  for (const word of container.words) {
    // A run begins at each bit that is set where the one below it is not.
    runs += ones(word & ~((word << 1) | carry))
    carry = word >>> 31
  }
  return runs
}

/** Whether `size` ids that make `runs` runs take fewer bytes as those. */
export function areShorterAsRuns(runs: number, size: number): boolean {
  return size <= ARRAY_IDS_MAX ? 2 * runs < size : 2 + 4 * runs < 4 * BITSET_WORDS
}

/** The ids as `count` pairs of first and length - 1. */
export function runsOf(container: Container, count: number): Uint16Array {
  if (container.kind === 'runs') return container.runs
  const runs = new Uint16Array(2 * count)
  if (container.kind === 'bitset') {
    for (let position = 0, end = 0; position < runs.length; position += 2) {
      const first = nextBit(container.words, end, 0)
      end = nextBit(container.words, first, -1)
      runs[position] = first
      runs[position + 1] = end - first - 1
    }
    return runs
  }
  for (let index = 0, position = -2, next = -1; index < container.size; index++) {
    const value = container.values[index] ?? 0
    if (value !== next) {
      position += 2
      runs[position] = value
    } else {
      runs[position + 1] = value - (runs[position] ?? 0)
    }
    next = value + 1
  }
  return runs
}

/** How many bits are set in a word of 32. */
export function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555)
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

export function hasBit(words: Uint32Array, low: number): boolean {
  return (((words[low >>> 5] ?? 0) >>> (low & 31)) & 1) === 1
}

function setBit(words: Uint32Array, low: number): void {
  words[low >>> 5] = (words[low >>> 5] ?? 0) | (1 << (low & 31))
}

export function setRuns(words: Uint32Array, runs: Uint16Array): void {
  for (let index = 0; index < runs.length; index += 2) {
    const first = runs[index] ?? 0
    const last = first + (runs[index + 1] ?? 0)
    const firstWord = first >>> 5
    const lastWord = last >>> 5
    const fromFirst = -1 << (first & 31)
    const toLast = -1 >>> (31 - (last & 31))
    if (firstWord === lastWord) {
      words[firstWord] = (words[firstWord] ?? 0) | (fromFirst & toLast)
    } else {
      words[firstWord] = (words[firstWord] ?? 0) | fromFirst
      for (let word = firstWord + 1; word < lastWord; word++) words[word] = 0xffff_ffff
      words[lastWord] = (words[lastWord] ?? 0) | toLast
    }
  }
}

/** The first bit from `from` on that is set, with `flip` -1 that is not set; 65536 if there is none. */
function nextBit(words: Uint32Array, from: number, flip: 0 | -1): number {
  if (from === CONTAINER_IDS) return CONTAINER_IDS
  let index = from >>> 5
  let word = ((words[index] ?? 0) ^ flip) & (-1 << (from & 31))
  while (word === 0) {
    if (++index === BITSET_WORDS) return CONTAINER_IDS
    word = (words[index] ?? 0) ^ flip
  }
  return 32 * index + lowestBit(word)
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/** Where `low` is among the values, or would be. */
function placeIn(container: ArrayContainer, low: number): number {
  const { values, size } = container
  // Ids mostly come ascending.
  if ((values[size - 1] ?? 0) < low) return size
  let from = 0
  let to = size
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((values[middle] ?? 0) < low) from = middle + 1
    else to = middle
  }
  return from
}
