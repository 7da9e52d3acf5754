/**
 * How much two file contents differ, from their chunk lists alone.
 *
 * Model: each content is a multiset of chunks; what is in one and not in the other was added or removed, wherever it
 * stands. Nodes are compared level by level and common ones cancel out, so only nodes that differ are read, even
 * where the edit shifted everything behind it or made the manifest higher.
 */
import type { Hash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, SHAPE_CHUNK, SHAPE_SEQUENCE } from '../format/content.js'
import type { ManifestChild, ManifestEntry } from '../format/manifest.js'
import { MANIFEST } from './manifestFormat.js'
import { loadItems } from './sequence.js'

export interface ChangedBytes {
  /** Bytes of chunks that only the second content has, or has more of. */
  readonly added: number
  /** Bytes of chunks that only the first content has, or has more of. */
  readonly removed: number
}

/** Chunks counted at a time. More are counted in several passes, each over the ids of one residue. */
const CHUNKS_AT_ONCE = 500_000
/** Roughly; it decides about memory only. */
const CHUNKS_PER_LEAF = 64
const READ_AHEAD_NODES = 32

/**
 * Nodes that one side has and the other has not, all of one level, and chunks that are in no node.
 */
interface Side {
  readonly nodes: readonly ManifestChild[]
  readonly loose: readonly ManifestEntry[]
}

/** Reads only what differs. A chunk that was moved was not changed. */
export async function changedBytes(reader: ObjectReader, a: Content, b: Content): Promise<ChangedBytes> {
  let sides: readonly [Side, Side] = [NOTHING, NOTHING]
  for (let level = Math.max(heightOf(a), heightOf(b)); level >= 0; level--) {
    sides = withoutCommon([withRoot(sides[0], a, level), withRoot(sides[1], b, level)])
    if (level > 0) sides = [await below(reader, sides[0], level), await below(reader, sides[1], level)]
  }
  const [before, after] = [withChunk(sides[0], a), withChunk(sides[1], b)]
  const leaves = before.nodes.length + after.nodes.length
  const passes = Math.ceil((leaves * CHUNKS_PER_LEAF + 1) / CHUNKS_AT_ONCE)
  let added = 0
  let removed = 0
  for (let pass = 0; pass < passes; pass++) {
    const tally = new Tally(passes, pass)
    await eachChunk(reader, before, (entry) => tally.count(entry, 1))
    await eachChunk(reader, after, (entry) => tally.count(entry, -1))
    added += tally.bytes(-1)
    removed += tally.bytes(1)
  }
  return { added, removed }
}

const NOTHING: Side = { nodes: [], loose: [] }

/** -1 for what is no manifest. */
function heightOf(content: Content): number {
  return content.shape - SHAPE_SEQUENCE
}

function withRoot(side: Side, content: Content, level: number): Side {
  if (content.id === undefined || heightOf(content) !== level) return side
  return { ...side, nodes: [...side.nodes, { id: content.id, size: content.size }] }
}

function withChunk(side: Side, content: Content): Side {
  if (content.shape !== SHAPE_CHUNK) return side
  return { ...side, loose: [{ id: content.id, length: content.size, repeat: 1 }] }
}

function withoutCommon([a, b]: readonly [Side, Side]): readonly [Side, Side] {
  const surplus = new Map<Hash, number>()
  for (const { id } of a.nodes) surplus.set(id, (surplus.get(id) ?? 0) + 1)
  const onlyB = b.nodes.filter(({ id }) => !take(surplus, id))
  const onlyA = a.nodes.filter(({ id }) => take(surplus, id))
  return [
    { ...a, nodes: onlyA },
    { ...b, nodes: onlyB },
  ]
}

function take(counts: Map<Hash, number>, id: Hash): boolean {
  const count = counts.get(id) ?? 0
  if (count > 0) counts.set(id, count - 1)
  return count > 0
}

async function below(reader: ObjectReader, side: Side, level: number): Promise<Side> {
  const nodes: ManifestChild[] = []
  for (const child of announced(reader, side.nodes)) {
    for (const node of await loadItems(reader, MANIFEST, MANIFEST.inner, level, child)) nodes.push(node)
  }
  return { ...side, nodes }
}

async function eachChunk(reader: ObjectReader, side: Side, visit: (entry: ManifestEntry) => void): Promise<void> {
  for (const entry of side.loose) visit(entry)
  for (const child of announced(reader, side.nodes)) {
    for (const entry of await loadItems(reader, MANIFEST, MANIFEST.leaf, 0, child)) visit(entry)
  }
}

/** The nodes, each of which the reader was told of some nodes earlier. */
function* announced(reader: ObjectReader, nodes: readonly ManifestChild[]): Generator<ManifestChild> {
  for (const [index, node] of nodes.entries()) {
    if (index % READ_AHEAD_NODES === 0) {
      const ahead = nodes.slice(index + 1, index + 1 + READ_AHEAD_NODES)
      if (ahead.length > 0)
        reader.readAhead(
          MANIFEST.kind,
          ahead.map(({ id }) => id),
        )
    }
    yield node
  }
}

/** Which chunks there is a surplus of on one side, among the ids of one residue. */
class Tally {
  readonly #passes: number
  readonly #pass: number
  readonly #chunks = new Map<Hash, { readonly length: number; surplus: number }>()

  constructor(passes: number, pass: number) {
    this.#passes = passes
    this.#pass = pass
  }

  count({ id, length, repeat }: ManifestEntry, sign: 1 | -1): void {
    if (this.#passes > 1 && Number.parseInt(id.slice(-8), 16) % this.#passes !== this.#pass) return
    const chunk = this.#chunks.get(id)
    if (chunk) chunk.surplus += sign * repeat
    else this.#chunks.set(id, { length, surplus: sign * repeat })
  }

  bytes(sign: 1 | -1): number {
    let bytes = 0
    for (const { length, surplus } of this.#chunks.values()) bytes += Math.max(0, sign * surplus) * length
    return bytes
  }
}
