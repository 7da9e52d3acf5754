/**
 * The order in which pack puts chunks and objects, and what each is compressed against.
 *
 * First the newest commit's chunks, in the order of its files, each beside the one that it is much like; then what is like nothing in it.
 * These have no bases: the newest is read in one go. Then all older ones, those of one anchor side by side, the newest of them first,
 * against their anchors. Objects lie by kind, those of one place in history side by side.
 */
import type { Hash } from '../base/hash.js'
import { decodeAttributesNode } from '../format/attributes.js'
import { KIND, type Kind } from '../format/kinds.js'
import { decodeManifestNode } from '../format/manifest.js'
import { decodeTreeNode } from '../format/tree.js'
import type { ChunkIndex } from './chunkIndex.js'
import type { Anchors } from './packAnchors.js'
import type { ChunkLineage } from './packLineage.js'

export interface PackOrder {
  readonly heads: readonly number[]
  /** What comes after them, in extents of its own: heads are not decoded through anything. */
  readonly others: Int32Array
  /** By chunk, where it lies in the order. */
  readonly places: Int32Array
  basesOf(chunk: number): readonly Hash[]
}

export function packOrder(index: ChunkIndex, lineage: ChunkLineage, anchors: Anchors): PackOrder {
  const { anchor, second } = anchors
  const heads = besideEachOther(lineage.tip, anchors)
  for (const head of anchors.heads) if (lineage.age[head] !== 0) heads.push(head)
  const headPlaces = new Int32Array(index.count)
  for (const [place, head] of heads.entries()) headPlaces[head] = place
  const families = familiesOf(lineage, anchors)
  const { age } = lineage
  const others = Int32Array.from(anchors.others).sort(
    (a, b) =>
      (headPlaces[anchor[a] ?? 0] ?? 0) - (headPlaces[anchor[b] ?? 0] ?? 0) ||
      (families[a] ?? 0) - (families[b] ?? 0) ||
      (age[a] ?? 0) - (age[b] ?? 0) ||
      a - b,
  )
  const places = new Int32Array(index.count)
  for (const [place, chunk] of heads.entries()) places[chunk] = place
  for (const [place, chunk] of others.entries()) places[chunk] = heads.length + place
  return {
    heads,
    others,
    places,
    basesOf: (chunk) => {
      const own = anchor[chunk] ?? chunk
      if (own === chunk) return []
      const other = second[chunk] ?? -1
      return other < 0 ? [index.id(own)] : [index.id(own), index.id(other)]
    },
  }
}

/** Those that are like an earlier one come right behind it. */
function besideEachOther(tip: readonly number[], { beside }: Anchors): number[] {
  const groups = new Map<number, number[]>()
  for (const chunk of tip) {
    let first = chunk
    for (let other = beside[first] ?? -1; other >= 0; other = beside[first] ?? -1) first = other
    const group = groups.get(first)
    if (group) group.push(chunk)
    else groups.set(first, [chunk])
  }
  return [...groups.values()].flat()
}

/** Of those that are no heads: versions of one thing, by the newest of them. */
function familiesOf({ later, age }: ChunkLineage, { anchor, others }: Anchors): Int32Array {
  const families = new Int32Array(age.length)
  for (const chunk of others) {
    const next = later[chunk] ?? -1
    const isOne = next >= 0 && anchor[next] !== next && anchor[next] === anchor[chunk] && (families[next] ?? 0) > 0
    families[chunk] = isOne ? (families[next] ?? 0) : chunk + 1
  }
  return families
}

/** Objects that are alike have keys that are neighbours. @param placeOf where a chunk lies */
export function objectKey(kind: Kind, bytes: Buffer, placeOf: (id: Hash) => number): string {
  switch (kind) {
    case KIND.tree: {
      const node = decodeTreeNode(bytes)
      return node.level === 0 && 'entries' in node ? named(node.entries) : inner(bytes)
    }
    case KIND.attributes: {
      const node = decodeAttributesNode(bytes)
      return node.level === 0 && 'entries' in node ? named(node.entries) : inner(bytes)
    }
    case KIND.manifest: {
      const node = decodeManifestNode(bytes)
      const first = 'entries' in node ? node.entries[0]?.id : undefined
      return first === undefined ? inner(bytes) : `m ${String(placeOf(first)).padStart(12, '0')}`
    }
    default:
      return `k`
  }
}

/** Directories of the same beginnings are mostly one directory at several times. */
function named(entries: readonly { readonly name: string }[]): string {
  return `t ${entries[0]?.name ?? ''}/${entries[1]?.name ?? ''}`
}

function inner(bytes: Buffer): string {
  return `z ${bytes[0] ?? 0}`
}
