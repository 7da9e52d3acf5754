/**
 * Everything that is reachable, and which of it was seen to be in a volume.
 *
 * A table of raw ids with open addressing: 36 bytes a place, at least half of them taken after it grew, where a `Set` of texts
 * takes five times as much. Ids are as good as random, so their first bytes are the hash.
 */
import { HASH_BYTES, type Hash, hashFromBytes } from '../base/hash.js'
import type { FoundIds } from '../history/reach.js'

const WORDS = HASH_BYTES / 4
const PLACES_MIN = 1024
/** Grows before more than this part is taken. */
const FILL_MAX = 0.7

const EMPTY = 0
const TAKEN = 1
const FOUND = 2

export class LiveIds implements FoundIds {
  readonly #key = Buffer.alloc(HASH_BYTES)
  readonly #keyWords = new Uint32Array(this.#key.buffer, this.#key.byteOffset, WORDS)
  #words = new Uint32Array(PLACES_MIN * WORDS)
  #states = new Uint8Array(PLACES_MIN)
  #count = 0
  #found = 0

  get size(): number {
    return this.#count
  }

  add(id: Hash): boolean {
    const place = this.#placeOf(id)
    if (this.#states[place] !== EMPTY) return false
    this.#words.set(this.#keyWords, place * WORDS)
    this.#states[place] = TAKEN
    this.#count++
    if (this.#count > FILL_MAX * this.#states.length) this.#grow()
    return true
  }

  has(id: Hash): boolean {
    return this.#states[this.#placeOf(id)] !== EMPTY
  }

  /** @returns whether it is reachable */
  find(id: Hash): boolean {
    const place = this.#placeOf(id)
    if (this.#states[place] === EMPTY) return false
    if (this.#states[place] === TAKEN) {
      this.#states[place] = FOUND
      this.#found++
    }
    return true
  }

  /** What was not found yet. */
  *missing(): Generator<Hash> {
    if (this.#found === this.#count) return
    for (const [place, state] of this.#states.entries()) {
      if (state === TAKEN)
        yield hashFromBytes(new Uint8Array(this.#words.slice(place * WORDS, (place + 1) * WORDS).buffer))
    }
  }

  /** Where an id is, or would be. */
  #placeOf(id: Hash): number {
    this.#key.write(id, 'hex')
    return this.#placeOfKey()
  }

  #placeOfKey(): number {
    const [states, words, key] = [this.#states, this.#words, this.#keyWords]
    const mask = states.length - 1
    for (let place = (key[0] as number) & mask; ; place = (place + 1) & mask) {
      if (states[place] === EMPTY) return place
      let word = 0
      while (word < WORDS && words[place * WORDS + word] === key[word]) word++
      if (word === WORDS) return place
    }
  }

  #grow(): void {
    const [states, words] = [this.#states, this.#words]
    this.#states = new Uint8Array(2 * states.length)
    this.#words = new Uint32Array(2 * words.length)
    for (const [place, state] of states.entries()) {
      if (state === EMPTY) continue
      this.#keyWords.set(words.subarray(place * WORDS, (place + 1) * WORDS))
      const next = this.#placeOfKey()
      this.#words.set(this.#keyWords, next * WORDS)
      this.#states[next] = state
    }
  }
}
