/**
 * Manifests as Merkle sequences. Keys are byte offsets in the file. Boundaries come from ids, which are hashes
 * already: of the entry's chunk in leaves, of the child node in inner nodes; the repeat of a run has no say.
 */
import type { Hash } from '../base/hash.js'
import { KIND } from '../format/kinds.js'
import {
  decodeManifestNode,
  encodeManifestInner,
  encodeManifestLeaf,
  type ManifestChild,
  type ManifestEntry,
} from '../format/manifest.js'
import type { SequenceFormat } from './sequence.js'

export const MANIFEST: SequenceFormat<ManifestEntry, ManifestChild, number> = {
  kind: KIND.manifest,
  what: 'manifest node',
  start: 0,
  decode: decodeManifestNode,
  leaf: {
    itemsOf: (node) => ('entries' in node ? node.entries : undefined),
    end: (start, { length, repeat }) => start + length * repeat,
    boundary: (_level, { id }) => firstBits(id),
    encode: (_level, entries) => encodeManifestLeaf(entries),
    summarize: (id, entries) => ({ id, size: entries.reduce((sum, { length, repeat }) => sum + length * repeat, 0) }),
  },
  inner: {
    itemsOf: (node) => ('children' in node ? node.children : undefined),
    end: (start, { size }) => start + size,
    boundary: (_level, { id }) => firstBits(id),
    encode: encodeManifestInner,
    summarize: (id, children) => ({ id, size: children.reduce((sum, { size }) => sum + size, 0) }),
  },
  agree: (a, b) => a.size === b.size,
  sizeOf: ({ size }) => size,
}

/** The first four bytes, the first one most significant. */
function firstBits(id: Hash): number {
  return Number.parseInt(id.slice(0, 8), 16)
}
