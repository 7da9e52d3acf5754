/**
 * Chunks that history needs, with their lengths, and which of them were met in a chunk table.
 *
 * As `LiveIds`, with a length for each: 41 bytes a place, at least half of them taken after it grew.
 */
import { HASH_BYTES, type Hash, hashFromBytes } from '../base/hash.js'
import { PACKED_ROW_WORDS, type PackedRows } from '../volume/packedRows.js'

const WORDS = HASH_BYTES / 4
const PLACES_MIN = 1024
/** Grows before more than this part is taken. */
const FILL_MAX = 0.7

const EMPTY = 0
const TAKEN = 1
const FOUND = 2
/** In the place of a length that nobody says. */
const ANY_LENGTH = 2 ** 32 - 1

export interface NeededChunk {
  readonly id: Hash
  readonly sizeBytes: number | undefined
}

export class NeededChunks {
  readonly #key = Buffer.alloc(HASH_BYTES)
  readonly #keyWords = new Uint32Array(this.#key.buffer, this.#key.byteOffset, WORDS)
  #words = new Uint32Array(PLACES_MIN * WORDS)
  #lengths = new Uint32Array(PLACES_MIN)
  #states = new Uint8Array(PLACES_MIN)
  #count = 0

  /** What is said of its length first is what counts. */
  add(id: Hash, sizeBytes: number | undefined): void {
    this.#key.write(id, 'hex')
    const place = this.#placeOf(this.#keyWords, 0)
    if (this.#states[place] !== EMPTY) return
    this.#words.set(this.#keyWords, place * WORDS)
    this.#lengths[place] = sizeBytes ?? ANY_LENGTH
    this.#states[place] = TAKEN
    this.#count++
    if (this.#count > FILL_MAX * this.#states.length) this.#grow()
  }

  has(id: Hash): boolean {
    this.#key.write(id, 'hex')
    return this.#states[this.#placeOf(this.#keyWords, 0)] !== EMPTY
  }

  /** A row of a chunk table: if it is what is needed, with that length, it is found. */
  find(rows: PackedRows, index: number): void {
    const place = this.#placeOf(rows.words, index * PACKED_ROW_WORDS)
    if (this.#states[place] !== TAKEN) return
    const needed = this.#lengths[place]
    if (needed === ANY_LENGTH || needed === rows.length(index)) this.#states[place] = FOUND
  }

  /** What was not found. */
  *missing(): Generator<NeededChunk> {
    for (const [place, state] of this.#states.entries()) {
      if (state !== TAKEN) continue
      const id = hashFromBytes(new Uint8Array(this.#words.slice(place * WORDS, (place + 1) * WORDS).buffer))
      const length = this.#lengths[place]
      yield { id, sizeBytes: length === ANY_LENGTH ? undefined : length }
    }
  }

  /** Where an id is, or would be. */
  #placeOf(key: Uint32Array, at: number): number {
    const [states, words] = [this.#states, this.#words]
    const mask = states.length - 1
    for (let place = (key[at] as number) & mask; ; place = (place + 1) & mask) {
      if (states[place] === EMPTY) return place
      let word = 0
      while (word < WORDS && words[place * WORDS + word] === key[at + word]) word++
      if (word === WORDS) return place
    }
  }

  #grow(): void {
    const [states, words, lengths] = [this.#states, this.#words, this.#lengths]
    this.#states = new Uint8Array(2 * states.length)
    this.#words = new Uint32Array(2 * words.length)
    this.#lengths = new Uint32Array(2 * lengths.length)
    for (const [place, state] of states.entries()) {
      if (state === EMPTY) continue
      const next = this.#placeOf(words, place * WORDS)
      this.#words.set(words.subarray(place * WORDS, (place + 1) * WORDS), next * WORDS)
      this.#states[next] = state
      this.#lengths[next] = lengths[place] as number
    }
  }
}
