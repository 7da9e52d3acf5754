/**
 * What an object names: the one place that knows how objects hang together, for everything that walks the whole graph
 * (reachability, verification).
 */
import { CorruptionError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'
import { decodeAttributesNode } from '../format/attributes.js'
import { decodeCommit } from '../format/commit.js'
import { type Content, SHAPE_CHUNK, SHAPE_SEQUENCE } from '../format/content.js'
import { KIND, type Kind } from '../format/kinds.js'
import { decodeManifestNode } from '../format/manifest.js'
import { decodeTreeNode } from '../format/tree.js'

export interface Link {
  readonly kind: Kind
  readonly id: Hash
  /** Nodes of sequences: the level the node must have. */
  readonly level?: number
  /** The bytes of file contents at or below it, where the entry says so. */
  readonly sizeBytes?: number
  /** Entries of a tree, or of attributes: the entry's name. */
  readonly name?: ByteName
}

/** The link of a content whose sequence nodes have `kind`. */
export function contentLinks(kind: Kind, content: Content, name?: ByteName): Link[] {
  if (content.id === undefined) return []
  const named = name === undefined ? {} : { name }
  if (content.shape === SHAPE_CHUNK) return [{ kind: KIND.chunk, id: content.id, sizeBytes: content.size, ...named }]
  return [{ kind, id: content.id, level: content.shape - SHAPE_SEQUENCE, sizeBytes: content.size, ...named }]
}

/**
 * @param link the entry that named the object
 * @param bytes the object's verified bytes
 * @throws {CorruptionError} `CORRUPT_OBJECT` when the bytes are no such object, or not what the entry said of it
 */
export function linksOf(link: Link, bytes: Uint8Array): Link[] {
  switch (link.kind) {
    case KIND.chunk:
      requireSame(link, 'length', link.sizeBytes, bytes.length)
      return []
    case KIND.manifest:
      return manifestLinks(link, bytes)
    case KIND.tree:
      return treeLinks(link, bytes)
    case KIND.attributes:
      return attributesLinks(link, bytes)
    case KIND.commit: {
      const commit = decodeCommit(bytes)
      return [
        ...contentLinks(KIND.tree, commit.tree),
        ...contentLinks(KIND.attributes, commit.attributes).map(withoutSize),
        ...commit.parents.map((id): Link => ({ kind: KIND.commit, id })),
      ]
    }
  }
}

function manifestLinks(link: Link, bytes: Uint8Array): Link[] {
  const node = decodeManifestNode(bytes)
  requireSame(link, 'level', link.level, node.level)
  if ('entries' in node) {
    requireSame(link, 'size', link.sizeBytes, sum(node.entries.map(({ length, repeat }) => length * repeat)))
    return node.entries.map(({ id, length }): Link => ({ kind: KIND.chunk, id, sizeBytes: length }))
  }
  requireSame(link, 'size', link.sizeBytes, sum(node.children.map(({ size }) => size)))
  return node.children.map(
    ({ id, size }): Link => ({ kind: KIND.manifest, id, level: node.level - 1, sizeBytes: size }),
  )
}

function treeLinks(link: Link, bytes: Uint8Array): Link[] {
  const node = decodeTreeNode(bytes)
  requireSame(link, 'level', link.level, node.level)
  if ('entries' in node) {
    requireSame(link, 'size', link.sizeBytes, sum(node.entries.map(({ content }) => content.size)))
    return node.entries.flatMap(({ kind, content, name }) =>
      contentLinks(kind === 'directory' ? KIND.tree : KIND.manifest, content, name),
    )
  }
  requireSame(link, 'size', link.sizeBytes, sum(node.children.map(({ size }) => size)))
  return node.children.map(({ id, size }): Link => ({ kind: KIND.tree, id, level: node.level - 1, sizeBytes: size }))
}

function attributesLinks(link: Link, bytes: Uint8Array): Link[] {
  const node = decodeAttributesNode(bytes)
  requireSame(link, 'level', link.level, node.level)
  if ('entries' in node) {
    return node.entries.flatMap(({ name, below }) => contentLinks(KIND.attributes, below, name)).map(withoutSize)
  }
  return node.children.map(({ id }): Link => ({ kind: KIND.attributes, id, level: node.level - 1 }))
}

/** Attribute sequences hold no file bytes: their contents' sizes say nothing. */
function withoutSize({ sizeBytes: _, ...link }: Link): Link {
  return link
}

function requireSame(link: Link, what: string, expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return
  throw new CorruptionError('CORRUPT_OBJECT', `an entry says ${what} ${expected} of ${link.id}, which has ${actual}`, {
    id: link.id,
    expected,
    actual,
  })
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
