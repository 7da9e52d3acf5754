/** Which extents gc does away with: dropped whole, or written anew without what may go. */
import type { Census, ExtentTally } from './census.js'
import { planRewrites, type RewriteGroup } from './rewritePlan.js'

export class GoingExtents {
  readonly #census: Census
  readonly #whole = new Set<ExtentTally>()
  /** So much of them may go that they are written anew, with all that decodes through them. */
  readonly groups: readonly RewriteGroup[]

  /** @param wasteTolerance the part that is given up without rewriting for it, 0 … 1 */
  constructor(census: Census, wasteTolerance: number) {
    this.#census = census
    const dependants = new Map<number, number[]>()
    for (const { record } of census.extents.values()) {
      for (const { eid } of record.bases) {
        const known = dependants.get(eid)
        if (known) known.push(record.eid)
        else dependants.set(eid, [record.eid])
      }
    }
    // From the newest: what decodes through an extent has a higher number, and is known by then.
    for (const tally of [...census.extents.values()].sort((a, b) => b.record.eid - a.record.eid)) {
      const { record, rows, ripe } = tally
      const isDead = rows === record.chunks && ripe === record.chunks
      const leave = (eid: number) => this.#whole.has(census.extents.get(eid) as ExtentTally)
      if (isDead && (dependants.get(record.eid) ?? []).every(leave)) this.#whole.add(tally)
    }
    this.groups = planRewrites(census, this.#whole, wasteTolerance)
  }

  /** Those of which the chunk table does not name all that is in them: they are left alone. */
  get damaged(): ExtentTally[] {
    return [...this.#census.extents.values()].filter(({ record, rows }) => rows !== record.chunks)
  }

  /** Nothing of them is needed, and nothing is decoded through them but others of them. From the newest. */
  get whole(): ExtentTally[] {
    return [...this.#whole]
  }

  get isAny(): boolean {
    return this.#whole.size > 0 || this.groups.length > 0
  }

  /** Raw bytes that are dead, and stay for now. */
  get wasteBytes(): number {
    const rewritten = new Set(this.groups.flatMap(({ tallies }) => tallies))
    let bytes = 0
    for (const tally of this.#census.extents.values()) {
      if (!this.#whole.has(tally) && !rewritten.has(tally)) bytes += tally.deadBytes
    }
    return bytes
  }
}
