/** Which extents gc does away with: dropped whole, or written anew without what may go. */
import type { Census, ExtentTally } from './census.js'

export class GoingExtents {
  readonly #census: Census
  readonly #wasteTolerance: number
  readonly #whole = new Set<ExtentTally>()

  /** @param wasteTolerance the part of an extent's raw bytes that may be dead before it is rewritten, 0 … 1 */
  constructor(census: Census, wasteTolerance: number) {
    this.#census = census
    this.#wasteTolerance = wasteTolerance
    const dependants = new Map<number, number[]>()
    for (const { record } of census.extents.values()) {
      for (const { eid } of record.bases) dependants.set(eid, [...(dependants.get(eid) ?? []), record.eid])
    }
    // From the newest: what decodes through an extent has a higher number, and is known by then.
    for (const tally of [...census.extents.values()].sort((a, b) => b.record.eid - a.record.eid)) {
      const { record, rows, ripe } = tally
      const isDead = rows === record.chunks && ripe === record.chunks
      const leave = (eid: number) => this.#whole.has(census.extents.get(eid) as ExtentTally)
      if (isDead && (dependants.get(record.eid) ?? []).every(leave)) this.#whole.add(tally)
    }
  }

  /** Those of which the chunk table does not name all that is in them: they are left alone. */
  get damaged(): ExtentTally[] {
    return [...this.#census.extents.values()].filter(({ record, rows }) => rows !== record.chunks)
  }

  /** Nothing of them is needed, and nothing is decoded through them but others of them. From the newest. */
  get whole(): ExtentTally[] {
    return [...this.#whole]
  }

  /** So much of them may go that they are written anew. */
  get partly(): ExtentTally[] {
    return [...this.#census.extents.values()].filter((tally) => this.#isWorthIt(tally))
  }

  get isAny(): boolean {
    return this.#whole.size > 0 || this.partly.length > 0
  }

  /** Raw bytes that are dead, and stay for now. */
  get wasteBytes(): number {
    let bytes = 0
    for (const tally of this.#census.extents.values()) {
      if (!this.#whole.has(tally) && !this.#isWorthIt(tally)) bytes += tally.deadBytes
    }
    return bytes
  }

  #isWorthIt(tally: ExtentTally): boolean {
    const { record, rows, ripe, ripeBytes, heldBytes } = tally
    if (rows !== record.chunks || ripe === 0 || this.#whole.has(tally)) return false
    const freeBytes = ripeBytes - heldBytes
    return freeBytes > 0 && freeBytes >= this.#wasteTolerance * record.rawBytes
  }
}
