/**
 * Two versions of a passage, shown as which words changed. A word is a run of bytes other than blank, tab and line
 * ends. Space between words is that of the second version, as in Git's word diff; where everything went, all of it is
 * shown.
 */
import { boundedDiff } from './boundedDiff.js'
import { changesFrom } from './lineDiff.js'

/** Bytes in a row that both versions have, or only one. */
export interface WordRun {
  /** `' '`: words of both; `'-'`: only of the first; `'+'`: only of the second. */
  readonly tag: ' ' | '-' | '+'
  /** Words with what stands between them. A view of the bytes that were given. */
  readonly bytes: Buffer
}

/**
 * What changed within a passage, word by word. Meant for the removed and the added lines of one change, as `textDiff`
 * finds them: without the runs `'-'` it is the second version, byte for byte.
 *
 * @example
 * ```ts
 * const marks = { ' ': ['', ''], '-': ['[-', '-]'], '+': ['{+', '+}'] } as const
 * const runs = wordDiff(Buffer.from('the cat sat'), Buffer.from('the dog sat'))
 * console.log(runs.map(({ tag, bytes }) => marks[tag].join(bytes.toString())).join('')) // the [-cat-]{+dog+} sat
 * ```
 */
export function wordDiff(before: Uint8Array, after: Uint8Array): WordRun[] {
  const [a, b] = [new Words(before), new Words(after)]
  if (b.bytes.length === 0) return a.bytes.length === 0 ? [] : [{ tag: '-', bytes: a.bytes }]
  const numbers = new Map<string, number>()
  const [inA, inB] = [a.numbered(numbers), b.numbered(numbers)]
  const runs: WordRun[] = []
  const add = (tag: WordRun['tag'], bytes: Buffer): void => {
    if (bytes.length > 0) runs.push({ tag, bytes })
  }
  let shownTo = 0
  for (const { beforeStart, beforeEnd, afterStart, afterEnd } of changesFrom(boundedDiff(inA, inB, numbers.size))) {
    // Where words are only gone, they stand behind the word before them.
    const start = afterStart < afterEnd ? b.start(afterStart) : b.end(afterStart - 1)
    const end = b.end(afterEnd - 1)
    add(' ', b.bytes.subarray(shownTo, start))
    if (beforeStart < beforeEnd) add('-', a.bytes.subarray(a.start(beforeStart), a.end(beforeEnd - 1)))
    add('+', b.bytes.subarray(start, end))
    shownTo = end
  }
  add(' ', b.bytes.subarray(shownTo))
  return runs
}

const SPACE = new Set([0x09, 0x0a, 0x0d, 0x20])

class Words {
  readonly bytes: Buffer
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let isWord = false
    for (const [index, byte] of this.bytes.entries()) {
      if (SPACE.has(byte) !== isWord) continue
      if (isWord) this.#ends.push(index)
      else this.#starts.push(index)
      isWord = !isWord
    }
    if (isWord) this.#ends.push(bytes.length)
  }

  start(word: number): number {
    return this.#starts[word] ?? this.bytes.length
  }

  /** Of what stands before the first word: 0. */
  end(word: number): number {
    return this.#ends[word] ?? 0
  }

  numbered(numbers: Map<string, number>): Int32Array {
    return Int32Array.from(this.#starts, (start, word) => {
      const key = this.bytes.toString('latin1', start, this.end(word))
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, numbers.size)
      return numbers.size - 1
    })
  }
}
