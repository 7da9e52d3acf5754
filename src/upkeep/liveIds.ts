/** Everything that is reachable, and which of it was seen to be in a volume. */
import type { Hash } from '../base/hash.js'
import type { FoundIds } from '../history/reach.js'

/** A `Map` of JavaScript ends at 2^24 members: ids are dealt out to many by their first byte. */
export class LiveIds implements FoundIds {
  /** Whether each was found in a volume. */
  readonly #parts = new Map<string, Map<Hash, boolean>>()
  #count = 0
  #found = 0

  get size(): number {
    return this.#count
  }

  add(id: Hash): boolean {
    const key = id.slice(0, 2)
    let part = this.#parts.get(key)
    if (!part) {
      part = new Map()
      this.#parts.set(key, part)
    }
    if (part.has(id)) return false
    part.set(id, false)
    this.#count++
    return true
  }

  has(id: Hash): boolean {
    return this.#parts.get(id.slice(0, 2))?.has(id) ?? false
  }

  /** @returns whether it is reachable */
  find(id: Hash): boolean {
    const part = this.#parts.get(id.slice(0, 2))
    const isFound = part?.get(id)
    if (isFound === undefined) return false
    if (!isFound) {
      part?.set(id, true)
      this.#found++
    }
    return true
  }

  /** What was not found yet. */
  *missing(): Generator<Hash> {
    if (this.#found === this.#count) return
    for (const part of this.#parts.values()) {
      for (const [id, isFound] of part) if (!isFound) yield id
    }
  }
}
