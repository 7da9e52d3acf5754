/** Repeatable chance: the same seed makes the same numbers and bytes on every machine. */
import { createCipheriv, createHash } from 'node:crypto'

const SYLLABLES = ['ba', 'ce', 'di', 'fo', 'gu', 'ka', 'le', 'mi', 'no', 'pu', 'ra', 'se', 'ti', 'vo', 'zu', 'ex']
const VOCABULARY_WORDS = 4096
const WORDS_PER_LINE = 12

export class Seeded {
  private readonly cipher
  private state: number
  private vocabulary: readonly Buffer[] | undefined

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest()
    this.state = key.readUInt32LE(16)
    this.cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), Buffer.alloc(16))
  }

  /** A linear congruential generator: its high bits are good enough to choose by. */
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.state / 2 ** 32) * limit)
  }

  /** Bytes that nothing compresses. */
  bytes(count: number): Buffer {
    return this.cipher.update(Buffer.alloc(count))
  }

  /** Lines of made-up words, which compress about as prose does. */
  text(bytes: number): Buffer {
    this.vocabulary ??= Array.from({ length: VOCABULARY_WORDS }, () => this.word())
    const text = Buffer.allocUnsafe(bytes)
    let [used, words] = [0, 0]
    while (used < bytes) {
      // Some words are much more frequent than others.
      const word = this.vocabulary[this.below(1 + this.below(VOCABULARY_WORDS))] as Buffer
      used += word.copy(text, used)
      if (used < bytes) text[used++] = ++words % WORDS_PER_LINE === 0 ? 10 : 32
    }
    return text
  }

  private word(): Buffer {
    const syllables = Array.from({ length: 1 + this.below(4) }, () => SYLLABLES[this.below(SYLLABLES.length)])
    return Buffer.from(syllables.join(''))
  }
}
