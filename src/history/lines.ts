/**
 * A text as lines. A line is the bytes up to and with its line feed; the last may lack one, and is then another line
 * than the same bytes with one. Bytes are never decoded, so any text compares exactly.
 */

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BLANK = 0x20
const TAB = 0x09

/** The lines of a buffer, counted from 0. Keeps four bytes a line, and the buffer itself. */
export class Lines {
  readonly bytes: Buffer
  readonly count: number
  /** Where each line begins, and where the last one ends. */
  readonly starts: Uint32Array

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let feeds = 0
    for (let index = 0; index < bytes.length; index++) if (bytes[index] === LINE_FEED) feeds++
    this.count = feeds + (bytes.length > 0 && bytes[bytes.length - 1] !== LINE_FEED ? 1 : 0)
    this.starts = new Uint32Array(this.count + 1)
    let line = 1
    for (let index = 0; index < bytes.length; index++) if (bytes[index] === LINE_FEED) this.starts[line++] = index + 1
    this.starts[this.count] = bytes.length
  }

  start(line: number): number {
    return this.starts[line] ?? this.bytes.length
  }

  /** With the line feed. A view, not a copy. */
  line(line: number): Buffer {
    return this.bytes.subarray(this.start(line), this.start(line + 1))
  }

  isTerminated(line: number): boolean {
    return this.bytes[this.start(line + 1) - 1] === LINE_FEED
  }

  /** Whether two lines of this text are the same. */
  areEqual(a: number, b: number): boolean {
    const [aStart, aEnd, bStart, bEnd] = [this.start(a), this.start(a + 1), this.start(b), this.start(b + 1)]
    return aEnd - aStart === bEnd - bStart && this.bytes.compare(this.bytes, bStart, bEnd, aStart, aEnd) === 0
  }

  /** How many blanks and tabs a line begins with; more than any line has for one of nothing else. */
  indent(line: number): number {
    const end = this.start(line + 1)
    for (let index = this.start(line); index < end; index++) {
      const byte = this.bytes[index]
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN) break
      if (byte !== BLANK && byte !== TAB) return index - this.start(line)
    }
    return Number.POSITIVE_INFINITY
  }

  /** How many lines end at or before a byte. */
  linesWithin(offset: number): number {
    let [low, high] = [0, this.count]
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.start(middle) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** How many lines begin at or behind a byte. */
  linesFrom(offset: number): number {
    const within = this.linesWithin(offset)
    return this.count - within - (this.start(within) < offset ? 1 : 0)
  }
}

export interface CommonEnds {
  /** Lines at the beginning that both sides have. */
  readonly prefix: number
  /** Lines at the end that both sides have, none of them in the prefix. */
  readonly suffix: number
}

/** Found by comparing bytes in blocks: what is alike costs next to nothing, however many lines it is. */
export function commonEnds(a: Lines, b: Lines): CommonEnds {
  const sameBefore = commonPrefixBytes(a.bytes, b.bytes)
  const prefix = Math.min(a.linesWithin(sameBefore), b.linesWithin(sameBefore))
  const sameBehind = commonSuffixBytes(a.bytes.subarray(a.start(prefix)), b.bytes.subarray(b.start(prefix)))
  const suffix = Math.min(a.linesFrom(a.bytes.length - sameBehind), b.linesFrom(b.bytes.length - sameBehind))
  return { prefix, suffix }
}

const BLOCK_BYTES = 4096

function commonPrefixBytes(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length)
  let same = 0
  while (same + BLOCK_BYTES <= most) {
    if (a.compare(b, same, same + BLOCK_BYTES, same, same + BLOCK_BYTES) !== 0) break
    same += BLOCK_BYTES
  }
  while (same < most && a[same] === b[same]) same++
  return same
}

function commonSuffixBytes(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length)
  let same = 0
  while (same + BLOCK_BYTES <= most) {
    const [aEnd, bEnd] = [a.length - same, b.length - same]
    if (a.compare(b, bEnd - BLOCK_BYTES, bEnd, aEnd - BLOCK_BYTES, aEnd) !== 0) break
    same += BLOCK_BYTES
  }
  while (same < most && a[a.length - 1 - same] === b[b.length - 1 - same]) same++
  return same
}
