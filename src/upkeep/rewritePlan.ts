/**
 * Which extents are worth writing anew without what may go: what that gives back, beside what it takes.
 *
 * What decodes through an extent is rewritten with it. So whole groups are: an extent, with all that is compressed against it, and
 * against that. Then nothing needs its dead slots any more, not even as a dictionary; but what was compressed against those takes
 * more, up to what it takes alone. Extents that hang together are added to a group one by one, the newest first, since fewest hang
 * on these; what is rewritten is the group for which gain and cost were the best.
 */
import type { Census, ExtentTally } from './census.js'

/** Extents that hang together, ascending: nothing decodes through them but others of them. */
export interface RewriteGroup {
  readonly tallies: readonly ExtentTally[]
  readonly rawBytes: number
  /** What they are expected to take. */
  readonly newStoredBytes: number
}

/** What is rewritten in one piece is remembered by its ids meanwhile: of more that hangs together, what is dead stays. */
const GROUP_CHUNKS_MAX = 2_000_000
/** Sums of parts of bytes are not exact. */
const ROUNDING = 0.5

/** An extent, and what it would be without what may go. */
interface Node {
  readonly tally: ExtentTally
  readonly dependants: Node[]
  /** Of its dictionary what may go, by the extent that it lies in: parts of the whole. */
  readonly lost: Map<Node, number>
  /** Stored bytes for each raw one: as it is, of the extents at its bottom, and without what of its dictionary may go. */
  readonly ratio: number
  readonly aloneRatio: number
  readonly newRatio: number
  /** Whether it must stay as it is, for itself or for what decodes through it. */
  isFixed: boolean
}

/**
 * @param whole what goes anyway, with all that decodes through it
 * @param wasteTolerance a part: of what is rewritten at least as much must come back
 */
export function planRewrites(
  { extents, held }: Census,
  whole: ReadonlySet<ExtentTally>,
  wasteTolerance: number,
): RewriteGroup[] {
  const nodes = new Map<number, Node>()
  const together = new Together()
  for (const tally of [...extents.values()].sort((a, b) => a.record.eid - b.record.eid)) {
    if (whole.has(tally)) continue
    const { eid, bases } = tally.record
    nodes.set(
      eid,
      nodeOf(tally, nodes, (base, slot) => held.isRipe(base, slot)),
    )
    together.add(
      eid,
      bases.map((base) => base.eid),
    )
  }
  const newestFirst = [...nodes.values()].reverse()
  for (const node of newestFirst) node.isFixed ||= node.dependants.some(({ isFixed }) => isFixed)
  const sets = new Map<number, Node[]>()
  for (const node of newestFirst) {
    const first = together.firstOf(node.tally.record.eid)
    const set = sets.get(first)
    if (set) set.push(node)
    else sets.set(first, [node])
  }
  return [...sets.values()].flatMap((set) => bestGroup(set, wasteTolerance) ?? []).reverse()
}

function nodeOf(
  tally: ExtentTally,
  nodes: ReadonlyMap<number, Node>,
  isRipe: (eid: number, slot: number) => boolean,
): Node {
  const { record, rows } = tally
  const ratio = record.storedBytes / Math.max(1, record.rawBytes)
  const lost = new Map<Node, number>()
  const below = new Set<Node>()
  let isFixed = rows !== record.chunks
  const slots = record.bases.reduce((sum, base) => sum + base.slots.length, 0)
  let bottom = 0
  let more = 0
  for (const base of record.bases) {
    const node = nodes.get(base.eid)
    if (!node) {
      isFixed = true
      continue
    }
    below.add(node)
    bottom += (base.slots.length / slots) * node.aloneRatio
    const part = base.slots.filter((slot) => isRipe(base.eid, slot)).length / slots
    if (part === 0) continue
    lost.set(node, (lost.get(node) ?? 0) + part)
    // Against what its base is compressed against, it takes what that takes as well.
    more += part * node.newRatio
  }
  const aloneRatio = Math.max(ratio, bottom)
  const newRatio = Math.min(aloneRatio, ratio + more)
  const node: Node = { tally, dependants: [], lost, ratio, aloneRatio, newRatio, isFixed }
  for (const base of below) base.dependants.push(node)
  return node
}

/** @param set extents that hang together, from the newest */
function bestGroup(set: readonly Node[], wasteTolerance: number): RewriteGroup | undefined {
  const group = new Group()
  let best = -ROUNDING
  let count = 0
  let newStoredBytes = 0
  for (const node of set) {
    if (node.tally.ripe === 0 || node.isFixed) continue
    group.add(node)
    if (group.chunks > GROUP_CHUNKS_MAX) break
    const gain = group.storedBytes - group.newStoredBytes
    const net = gain - wasteTolerance * group.storedBytes
    if (gain <= 0 || net < best) continue
    best = net
    count = group.nodes.size
    newStoredBytes = group.newStoredBytes
  }
  if (count === 0) return undefined
  const tallies = [...group.nodes].slice(0, count).map(({ tally }) => tally)
  return {
    tallies: tallies.sort((a, b) => a.record.eid - b.record.eid),
    rawBytes: tallies.reduce((sum, { record }) => sum + record.rawBytes, 0),
    newStoredBytes: Math.round(newStoredBytes),
  }
}

class Group {
  readonly nodes = new Set<Node>()
  storedBytes = 0
  newStoredBytes = 0
  chunks = 0
  /** Of those whose dictionaries lose something: for how much more they were counted. */
  readonly #more = new Map<Node, number>()

  /** With all that decodes through it. */
  add(first: Node): void {
    const coming = [first]
    for (let node = coming.pop(); node; node = coming.pop()) {
      if (this.nodes.has(node)) continue
      this.nodes.add(node)
      const { record } = node.tally
      this.chunks += record.chunks
      this.storedBytes += record.storedBytes
      this.newStoredBytes += keptBytes(node) * node.ratio
      for (const dependant of node.dependants) this.#lose(dependant, node)
      coming.push(...node.dependants)
    }
  }

  #lose(node: Node, base: Node): void {
    const part = node.lost.get(base)
    if (part === undefined) return
    const before = this.#more.get(node) ?? 0
    const after = Math.min(node.aloneRatio - node.ratio, before + part * base.newRatio)
    this.#more.set(node, after)
    this.newStoredBytes += keptBytes(node) * (after - before)
  }
}

function keptBytes({ tally: { record, ripeBytes } }: Node): number {
  return record.rawBytes - ripeBytes
}

/** Extents that hang together by what they are compressed against. */
class Together {
  readonly #above = new Map<number, number>()

  add(eid: number, bases: readonly number[]): void {
    this.#above.set(eid, eid)
    for (const base of bases) this.#above.set(this.firstOf(base), this.firstOf(eid))
  }

  /** One of them, the same for all. */
  firstOf(eid: number): number {
    let first = eid
    for (let above = this.#above.get(first); above !== undefined && above !== first; above = this.#above.get(first)) {
      // So that the next way is shorter.
      this.#above.set(first, this.#above.get(above) ?? above)
      first = above
    }
    return first
  }
}
