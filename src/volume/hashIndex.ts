/**
 * Which of many owners may have a hash: the first bytes of their hashes, each with the number of its owner, in one open table. So one
 * look tells for all of them, where a filter for each would be asked as often as there are owners.
 *
 * It may name an owner that has no such hash, and names all that have it.
 */
import type { Hash } from '../base/hash.js'

/** Bytes of a hash. With eight million entries, one hash in 500 has them in common with another's. */
export const PREFIX_BYTES = 4
/** 67 MB. */
export const ENTRIES_MAX = 2 ** 23
/** Fuller, searches are long. */
const FULL = 0.75
const GROWTH = 1.5
const FIRST_SLOTS = 2 ** 12
const LAST_SLOTS = Math.ceil(ENTRIES_MAX / FULL)
const OWNERS_MAX = 2 ** 16
/** Ids are spread evenly, and yet not those that somebody made up. */
const SPREAD = 0x9e3779b1

export function prefixOf(hash: Hash): number {
  return Number.parseInt(hash.slice(0, 2 * PREFIX_BYTES), 16)
}

interface Size {
  number: number
  entries: number
}

export class HashIndex<Owner extends object> {
  /** 0: a free slot. */
  #prefixes = new Uint32Array(FIRST_SLOTS)
  #numbers = new Uint16Array(FIRST_SLOTS)
  #used = 0
  /** By number; `undefined` for one that was dropped, whose entries go when the table is made anew. */
  #owners: (Owner | undefined)[] = []
  readonly #sizes = new Map<Owner, Size>()

  /**
   * @param coming entries of all that are about to be added: room is made for them at once
   * @returns false where there is no room for them; then nothing was added
   */
  add(owner: Owner, prefixes: Uint32Array, coming = prefixes.length): boolean {
    if (this.#live() + prefixes.length > ENTRIES_MAX) return false
    const isNew = !this.#sizes.has(owner)
    const isLastNumber = isNew && this.#owners.length === OWNERS_MAX
    if (isLastNumber && this.#sizes.size === OWNERS_MAX) return false
    if (isLastNumber || this.#used + prefixes.length > FULL * this.#prefixes.length) this.#remake(coming)
    const size = this.#sizes.get(owner) ?? { number: this.#owners.push(owner) - 1, entries: 0 }
    if (isNew) this.#sizes.set(owner, size)
    for (const prefix of prefixes) if (this.#insert(prefix, size.number)) size.entries++
    return true
  }

  drop(owner: Owner): void {
    const size = this.#sizes.get(owner)
    if (!size) return
    this.#owners[size.number] = undefined
    this.#sizes.delete(owner)
  }

  /** Each once. */
  ownersOf(hash: Hash): Owner[] {
    const found: Owner[] = []
    const key = keyOf(prefixOf(hash))
    for (let slot = this.#slotOf(key); this.#prefixes[slot] !== 0; slot = this.#next(slot)) {
      if (this.#prefixes[slot] !== key) continue
      const owner = this.#owners[this.#numbers[slot] as number]
      if (owner) found.push(owner)
    }
    return found
  }

  #live(): number {
    let entries = 0
    for (const size of this.#sizes.values()) entries += size.entries
    return entries
  }

  /** @returns false for what is there already */
  #insert(prefix: number, number: number): boolean {
    const key = keyOf(prefix)
    let slot = this.#slotOf(key)
    for (; this.#prefixes[slot] !== 0; slot = this.#next(slot)) {
      if (this.#prefixes[slot] === key && this.#numbers[slot] === number) return false
    }
    this.#prefixes[slot] = key
    this.#numbers[slot] = number
    this.#used++
    return true
  }

  /** With room for as many more, without what was dropped. */
  #remake(more: number): void {
    const [prefixes, numbers, owners] = [this.#prefixes, this.#numbers, this.#owners]
    const slots = Math.ceil(((this.#live() + more) * GROWTH) / FULL)
    const length = Math.min(Math.max(slots, FIRST_SLOTS), LAST_SLOTS)
    this.#prefixes = new Uint32Array(length)
    this.#numbers = new Uint16Array(length)
    this.#used = 0
    this.#owners = []
    const renumbered = new Map<Owner | undefined, number>()
    for (const [owner, size] of this.#sizes) {
      size.number = this.#owners.push(owner) - 1
      renumbered.set(owner, size.number)
    }
    const now = owners.map((owner) => renumbered.get(owner))
    for (let slot = 0; slot < prefixes.length; slot++) {
      const number = prefixes[slot] === 0 ? undefined : now[numbers[slot] as number]
      if (number !== undefined) this.#insert(prefixes[slot] as number, number)
    }
  }

  #slotOf(key: number): number {
    return Math.floor((Math.imul(key, SPREAD) >>> 0) * (this.#prefixes.length / 2 ** 32))
  }

  #next(slot: number): number {
    return slot + 1 === this.#prefixes.length ? 0 : slot + 1
  }
}

/** 0 is kept for free slots. */
function keyOf(prefix: number): number {
  return prefix === 0 ? 1 : prefix
}
