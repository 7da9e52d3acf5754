/**
 * Which chunk another one is likened to, its *anchor*: chunks with one anchor are packed side by side, and compressed against it.
 *
 * Chunks are looked at from the newest. What took the place of a chunk is a good guess, where the two have enough in common; else the
 * anchor is that with which it shares most fingerprints. Similarity alone goes wrong in data that repeats itself, and lineage alone
 * misses what was moved or copied to another file. What is like nothing is a head: its own anchor. So is all of the newest commit.
 */
import type { ChunkLineage } from './packLineage.js'

export interface Anchors {
  /** By chunk. A head is its own. */
  readonly anchor: Int32Array
  /** By chunk: another head with which it has something in common; −1 for none. */
  readonly second: Int32Array
  /** By chunk of the newest commit: one before it that is much like it; −1 for none. */
  readonly beside: Int32Array
  /** In the order in which they were looked at: those of the newest commit first. */
  readonly heads: readonly number[]
  readonly others: readonly number[]
}

/** Fingerprints of all chunks, one after the other. */
export interface Fingerprints {
  readonly all: Int32Array
  /** By chunk: where its own begin. One more at the end. */
  readonly starts: Int32Array
}

/** Parts of a chunk's fingerprints. */
const LIKE_LEAST = 0.1
const SECOND_LEAST = 0.15
const BESIDE_LEAST = 0.3
/** What took its place is its anchor if it shares at least this part of what the best shares. */
const LATER_PART = 0.4
/** With fewer fingerprints they say nothing. */
const TELLING = 8

export function findAnchors(lineage: ChunkLineage, fingerprints: Fingerprints): Anchors {
  return new AnchorSearch(lineage, fingerprints).run()
}

interface Best {
  readonly anchor: number
  readonly votes: number
}

class AnchorSearch implements Anchors {
  readonly anchor: Int32Array
  readonly second: Int32Array
  readonly beside: Int32Array
  readonly heads: number[] = []
  readonly others: number[] = []
  readonly #owners: FirstOwners

  constructor(
    private readonly lineage: ChunkLineage,
    private readonly fingerprints: Fingerprints,
  ) {
    const { length } = lineage.age
    this.anchor = new Int32Array(length).fill(-1)
    this.second = new Int32Array(length).fill(-1)
    this.beside = new Int32Array(length).fill(-1)
    this.#owners = new FirstOwners(fingerprints.all.length)
  }

  run(): Anchors {
    const { tip, age } = this.lineage
    for (const chunk of tip) {
      const own = this.#of(chunk)
      const { best } = this.#vote(own)
      if (best.votes > 0 && best.votes >= BESIDE_LEAST * own.length) this.beside[chunk] = best.anchor
      this.#becomeHead(chunk)
      this.#own(chunk, own)
    }
    const rest = Int32Array.from({ length: age.length }, (_, chunk) => chunk).filter(
      (chunk) => this.anchor[chunk] === -1,
    )
    for (const chunk of rest.sort((a, b) => (age[a] ?? 0) - (age[b] ?? 0) || a - b)) {
      const own = this.#of(chunk)
      this.#choose(chunk, own)
      this.#own(chunk, own)
    }
    return this
  }

  #choose(chunk: number, own: Int32Array): void {
    let { best, second } = this.#vote(own)
    const later = this.lineage.later[chunk] ?? -1
    const inPlace = later < 0 ? -1 : (this.anchor[later] ?? -1)
    const shared = inPlace < 0 ? 0 : this.#shared(own, later, inPlace)
    const isEnough = shared > 0 ? shared >= LATER_PART * best.votes : own.length < TELLING
    if (inPlace >= 0 && inPlace !== best.anchor && isEnough) {
      second = best
      best = { anchor: inPlace, votes: Math.max(shared, LIKE_LEAST * own.length) }
    } else if (inPlace === best.anchor) best = { anchor: inPlace, votes: Math.max(best.votes, shared) }
    if (best.anchor >= 0 && best.votes >= LIKE_LEAST * own.length) {
      this.anchor[chunk] = best.anchor
      if (second.votes > SECOND_LEAST * own.length) this.second[chunk] = second.anchor
    } else if (inPlace >= 0) this.anchor[chunk] = inPlace
    else {
      this.#becomeHead(chunk)
      return
    }
    this.others.push(chunk)
  }

  #becomeHead(chunk: number): void {
    this.anchor[chunk] = chunk
    this.heads.push(chunk)
  }

  #of(chunk: number): Int32Array {
    const { all, starts } = this.fingerprints
    return all.subarray(starts[chunk], starts[chunk + 1])
  }

  #vote(own: Int32Array): { best: Best; second: Best } {
    const votes = new Map<number, number>()
    for (const fingerprint of own) {
      const owner = this.#owners.get(fingerprint)
      const anchor = owner < 0 ? -1 : (this.anchor[owner] ?? -1)
      if (anchor >= 0) votes.set(anchor, (votes.get(anchor) ?? 0) + 1)
    }
    let best: Best = { anchor: -1, votes: 0 }
    let second = best
    for (const [anchor, count] of votes) {
      if (count > best.votes) {
        second = best
        best = { anchor, votes: count }
      } else if (count > second.votes) second = { anchor, votes: count }
    }
    return { best, second }
  }

  /** In truth: votes go to whoever had a fingerprint first. */
  #shared(own: Int32Array, later: number, inPlace: number): number {
    const theirs = new Set<number>([...this.#of(later), ...(later === inPlace ? [] : this.#of(inPlace))])
    let count = 0
    for (const fingerprint of own) if (theirs.has(fingerprint)) count++
    return count
  }

  #own(chunk: number, own: Int32Array): void {
    for (const fingerprint of own) this.#owners.putFirst(fingerprint, chunk)
  }
}

/** Who had a fingerprint first. Open addressing; 0 is no fingerprint. */
class FirstOwners {
  readonly #keys: Int32Array
  readonly #owners: Int32Array
  readonly #mask: number

  constructor(expected: number) {
    let size = 1024
    while (size < 2 * expected) size *= 2
    this.#keys = new Int32Array(size)
    this.#owners = new Int32Array(size)
    this.#mask = size - 1
  }

  get(fingerprint: number): number {
    const at = this.#at(fingerprint)
    return this.#keys[at] === 0 ? -1 : (this.#owners[at] ?? -1)
  }

  putFirst(fingerprint: number, owner: number): void {
    const at = this.#at(fingerprint)
    if (this.#keys[at] !== 0) return
    this.#keys[at] = fingerprint
    this.#owners[at] = owner
  }

  #at(fingerprint: number): number {
    let at = (Math.imul(fingerprint, 0x9e3779b1) >>> 7) & this.#mask
    while (this.#keys[at] !== fingerprint && this.#keys[at] !== 0) at = (at + 1) & this.#mask
    return at
  }
}
