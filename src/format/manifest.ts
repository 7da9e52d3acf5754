/**
 * The chunk list of a file, as nodes of a Merkle sequence.
 *
 *   leaf    00 ‖ (id 32 ‖ length varint ‖ repeat varint)+
 *   inner   level u8, 1 … 60 ‖ (id 32 ‖ size varint)+
 *
 * A node has at least one entry; its entries end where its bytes end. Lengths, repeats and sizes are at least 1.
 */
import type { Hash } from '../base/hash.js'
import { ByteReader, ByteWriter } from './bytes.js'
import { decodeLevel, encodeLevel, entriesProblem } from './node.js'
import { isCount, type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

/** One entry of a manifest leaf: `repeat` equal chunks of `length` bytes in a row. */
export interface ManifestEntry {
  readonly id: Hash
  /** Bytes of one chunk, at least 1. */
  readonly length: number
  /** At least 1; runs are maximal (two neighbours never have the same id). */
  readonly repeat: number
}

/** One entry of a manifest's inner node: a child node and the file bytes below it. */
export interface ManifestChild {
  readonly id: Hash
  readonly size: number
}

export type ManifestNode =
  | { readonly level: 0; readonly entries: ManifestEntry[] }
  | { readonly level: number; readonly children: ManifestChild[] }

const WHAT = 'a manifest node'

export function encodeManifestLeaf(entries: readonly ManifestEntry[]): Buffer {
  refuseToEncode(WHAT, leafProblem(entries))
  const writer = new ByteWriter(1 + 40 * entries.length)
  encodeLevel(writer, 0)
  for (const entry of entries) writer.hash(entry.id).varint(entry.length).varint(entry.repeat)
  return writer.finish()
}

export function encodeManifestInner(level: number, children: readonly ManifestChild[]): Buffer {
  refuseToEncode(WHAT, innerProblem(children))
  const writer = new ByteWriter(1 + 40 * children.length)
  encodeLevel(writer, level, 1)
  for (const child of children) writer.hash(child.id).varint(child.size)
  return writer.finish()
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` */
export function decodeManifestNode(bytes: Uint8Array): ManifestNode {
  const reader = new ByteReader(bytes, WHAT)
  const level = decodeLevel(reader)
  if (level === 0) {
    const entries: ManifestEntry[] = []
    while (reader.remaining > 0) {
      entries.push({ id: reader.hash(), length: reader.varint(), repeat: reader.varint() })
    }
    refuseDecoded(reader, leafProblem(entries))
    return { level, entries }
  }
  const children: ManifestChild[] = []
  while (reader.remaining > 0) children.push({ id: reader.hash(), size: reader.varint() })
  refuseDecoded(reader, innerProblem(children))
  return { level, children }
}

function leafProblem(entries: readonly ManifestEntry[]): Problem | undefined {
  let size = 0
  let previous: Hash | undefined
  for (const { id, length, repeat } of entries) {
    if (!isCount(length) || length === 0) return problem(`has a chunk of length ${length}`)
    if (!isCount(repeat) || repeat === 0) return problem(`has a run of ${repeat} chunks`)
    if (id === previous) return problem('has a run of equal chunks in two entries')
    previous = id
    size += length * repeat
    if (!isCount(size)) return problem('has more than 2^53 - 1 bytes')
  }
  return entriesProblem(entries)
}

function innerProblem(children: readonly ManifestChild[]): Problem | undefined {
  let total = 0
  for (const { size } of children) {
    if (!isCount(size) || size === 0) return problem(`has a child of size ${size}`)
    total += size
    if (!isCount(total)) return problem('has more than 2^53 - 1 bytes')
  }
  return entriesProblem(children)
}
