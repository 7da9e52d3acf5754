/**
 * What the parts of something new take the place of: old and new parts, both in order, where those that are in both mark the
 * places. New parts between two of them replace the old ones between the same two, each the share that lies where it lies.
 * Where parts were moved, or much was taken out, the old ones behind the first of the two and before the second will do.
 *
 * New parts come one by one. What one of them replaces is known once the next unchanged one has come; asked before, it is
 * guessed that they go on side by side. Old parts are read as far ahead as needed, in bounded memory: where more was taken
 * out than that, the place is lost, and nothing is likely any more.
 */
import type { Hash } from '../base/hash.js'
import type { BaseCandidates, ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { runsFrom } from './contentChunks.js'

export interface Part {
  readonly id: Hash
  /** In bytes, or all alike where only their number counts. */
  readonly length: number
}

/** Old parts that are known ahead of the place, and behind it, at the most: half a gibibyte of a file. */
const AHEAD_MAX = 65_536
/** And at the least, with twice as many as have come since the last unchanged one. */
const AHEAD_LEAST = 512
/** As many parts out of place as are nothing special. */
const NEAR = 16
/** Of old parts, this many times the length of what replaces them is enough. */
const ENOUGH = 1.1

/** New parts between two that are in both. */
interface Gap {
  count: number
  length: number
  /** What they replace; `undefined` until the next unchanged part has come. */
  replaced: Run | undefined
  /** Until then: what lies behind the first of the two, as far as anybody asked. */
  readonly behind: Run
}

/** Parts one behind the other, found by where they lie. */
class Run {
  readonly #ids: Hash[] = []
  /** Where each ends, from the start of the first, in bytes. */
  readonly #ends: number[] = []

  static of(parts: readonly Part[]): Run {
    const run = new Run()
    for (const part of parts) run.push(part)
    return run
  }

  get count(): number {
    return this.#ids.length
  }

  get length(): number {
    return this.#ends.at(-1) ?? 0
  }

  push({ id, length }: Part): void {
    this.#ids.push(id)
    this.#ends.push(this.length + length)
  }

  /** All that have a byte between two places. */
  between(from: number, to: number): Hash[] {
    const ids: Hash[] = []
    for (let at = this.#firstEndingBehind(from); at < this.count; at++) {
      if ((this.#ends[at - 1] ?? 0) >= to) break
      ids.push(this.#ids[at] as Hash)
    }
    return ids
  }

  #firstEndingBehind(place: number): number {
    let [low, high] = [0, this.count]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ends[middle] as number) > place) high = middle
      else low = middle + 1
    }
    return low
  }
}

function newGap(): Gap {
  return { count: 0, length: 0, replaced: undefined, behind: new Run() }
}

export class Lineage {
  readonly #coming: AsyncIterator<readonly Part[]>
  /** Old parts from the first that is remembered on; places count from the first there ever was. */
  #old: Part[] = []
  #forgotten = 0
  /** Of old parts; -1 for one that is there twice: it marks no place. */
  readonly #places = new Map<Hash, number>()
  /** Of the last unchanged one. */
  #place = -1
  /** Of the last part that was found far away. */
  #stray = Number.NaN
  #gap = newGap()
  #isAtEnd = false

  private constructor(old: AsyncIterable<readonly Part[]>) {
    this.#coming = old[Symbol.asyncIterator]()
  }

  /** @param old in pieces of any size */
  static async of(old: AsyncIterable<readonly Part[]>): Promise<Lineage> {
    const lineage = new Lineage(old)
    await lineage.#readOn()
    return lineage
  }

  /** Of the chunks of a file. `undefined` where there was nothing. */
  static async ofContent(reader: ObjectReader, content: Content | undefined): Promise<Lineage | undefined> {
    return content === undefined || content.shape === 0 ? undefined : Lineage.of(runsFrom(reader, content, 0))
  }

  /** What the next new part may be compressed against. @param length of it */
  next(length: number): BaseCandidates {
    const gap = this.#gap
    const from = gap.length
    return () => this.#share(gap, from, from + length)
  }

  /** The next new part, now that its id is known. To be awaited before the next call where it returns a promise. */
  wrote({ id, length }: Part): Promise<void> | undefined {
    const place = this.#placeOf(id)
    if (place === this.#place) return undefined
    if (place === undefined || this.#isStray(place)) {
      this.#gap.count++
      this.#gap.length += length
    } else {
      this.#gap.replaced = Run.of(this.#between(this.#place, place, this.#gap.length))
      this.#gap = newGap()
      this.#place = place
      this.#forget()
    }
    return this.#isShort ? this.#readOn() : undefined
  }

  #placeOf(id: Hash): number | undefined {
    if (this.#at(this.#place + 1)?.id === id) return this.#place + 1
    // A run of equal ones is one of the old parts.
    if (this.#at(this.#place)?.id === id) return this.#place
    const place = this.#places.get(id)
    return place === -1 ? undefined : place
  }

  /** One part alone, far from where it is expected, says little: it may have been copied there. Two in a row say where we are. */
  #isStray(place: number): boolean {
    const { count } = this.#gap
    const isFar = Math.abs(place - (this.#place + 1 + count)) > NEAR + count
    if (!isFar || place === this.#stray + 1) return false
    this.#stray = place
    return true
  }

  #share(gap: Gap, from: number, to: number): Hash[] {
    const { replaced } = gap
    if (replaced) {
      const scale = gap.length > 0 ? replaced.length / gap.length : 1
      return replaced.between(from * scale, to * scale)
    }
    // Of a gap that is not closed: the new parts are as long as the old ones, as far as is known.
    const { behind } = gap
    while (behind.length < to) {
      const part = this.#at(this.#place + 1 + behind.count)
      if (!part) break
      behind.push(part)
    }
    return behind.between(from, to)
  }

  /** Old parts between two places, as long as needed for new ones of some length. */
  #between(before: number, after: number, length: number): readonly Part[] {
    if (length === 0) return []
    const parts = after > before ? this.#behind(before, after, length) : []
    const isAll = after > before && parts.length === after - before - 1
    if (isAll) return parts
    const front = this.#behind(before, Number.MAX_SAFE_INTEGER, length / 2)
    const back: Part[] = []
    let sum = 0
    for (let place = after - 1; sum < (length * ENOUGH) / 2; place--) {
      const part = this.#at(place)
      if (!part) break
      back.push(part)
      sum += part.length
    }
    return [...front, ...back.reverse()]
  }

  #behind(before: number, end: number, length: number): Part[] {
    const parts: Part[] = []
    let sum = 0
    for (let place = before + 1; place < end && sum < length * ENOUGH; place++) {
      const part = this.#at(place)
      if (!part) break
      parts.push(part)
      sum += part.length
    }
    return parts
  }

  #at(place: number): Part | undefined {
    return this.#old[place - this.#forgotten]
  }

  get #isShort(): boolean {
    if (this.#isAtEnd) return false
    const ahead = this.#forgotten + this.#old.length - 1 - this.#place
    return ahead < Math.min(AHEAD_MAX, AHEAD_LEAST + 2 * this.#gap.count)
  }

  async #readOn(): Promise<void> {
    while (this.#isShort) {
      const { done, value } = await this.#coming.next()
      if (done) {
        this.#isAtEnd = true
        return
      }
      for (const part of value) {
        const place = this.#forgotten + this.#old.push(part) - 1
        this.#places.set(part.id, this.#places.has(part.id) ? -1 : place)
      }
    }
  }

  /** What lies behind, once it is much. */
  #forget(): void {
    const behind = this.#place - this.#forgotten - AHEAD_MAX
    if (behind < AHEAD_LEAST) return
    for (const { id } of this.#old.splice(0, behind)) this.#places.delete(id)
    this.#forgotten += behind
  }
}
