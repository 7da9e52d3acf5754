/**
 * Everything that lies below some roots: commits, trees, attributes, manifests and chunks, each once.
 *
 * Reads objects, never chunks. Memory grows by an id for each thing found.
 */
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { AdoptedContent } from './draftOverlay.js'
import { contentLinks, type Link, linksOf } from './links.js'

/** Where to begin: a commit, a content, or an object of any kind. */
export type ReachRoot = Hash | AdoptedContent | Link

export interface ReachOptions {
  /** Known: neither shown nor entered. Must hold everything below what it holds. */
  readonly skip?: { has(id: Hash): boolean } | undefined
  /** Takes what is found, and stands for what was found before: that is neither shown nor entered again. Default: an empty one. */
  readonly seen?: FoundIds | undefined
  /** Commits that have no files any more: of these, nothing but their parents is looked for. */
  readonly pruned?: { has(id: Hash): boolean } | undefined
  /** Whether parents are entered. Default `false`. */
  readonly parents?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Reached {
  readonly kind: Kind
  readonly id: Hash
  /** Bytes of the chunk or object. */
  readonly length: number
}

const NODE_KINDS = { file: KIND.manifest, directory: KIND.tree, attributes: KIND.attributes } as const

/**
 * In no particular order, but an object comes before what only it leads to.
 * @throws {VarveError} `CANCELLED`, `MISSING_CHUNK`, `SNAPSHOT_GONE`
 * @throws {CorruptionError} when an object is damaged, or is not what the entry says that names it
 */
export async function* reachable(
  reader: ObjectReader,
  roots: Iterable<ReachRoot>,
  options: ReachOptions = {},
): AsyncGenerator<Reached> {
  const { skip, signal, parents = false, seen = new IdSet(), pruned } = options
  const pending: Link[] = []
  const add = (links: readonly Link[]): void => {
    // Backwards, because the last one is taken first: so neighbours in the store are read in a row.
    for (let index = links.length - 1; index >= 0; index--) {
      const link = links[index]
      if (link && !skip?.has(link.id) && seen.add(link.id)) pending.push(link)
    }
  }
  for (const root of roots) add(linksOfRoot(root))
  for (let link = pending.pop(); link; link = pending.pop()) {
    throwIfCancelled(signal)
    const { kind, id } = link
    if (kind === KIND.chunk && link.sizeBytes !== undefined) {
      yield { kind, id, length: link.sizeBytes }
      continue
    }
    const bytes = await reader.get(kind, id)
    yield { kind, id, length: bytes.length }
    const links = linksOf(link, bytes)
    add(kind === KIND.commit ? links.filter(isFollowed(parents, pruned?.has(id) ?? false)) : links)
    announce(reader, pending)
  }
}

function linksOfRoot(root: ReachRoot): Link[] {
  if (typeof root === 'string') return [{ kind: KIND.commit, id: root }]
  return 'use' in root ? contentLinks(NODE_KINDS[root.use], root.content) : [root]
}

/** Of the links of a commit. */
function isFollowed(parents: boolean, isPruned: boolean): (below: Link) => boolean {
  return ({ kind }) => (kind === KIND.commit ? parents : !isPruned)
}

const READ_AHEAD_LINKS = 16

/** Tells the reader of the objects of one kind that come next. */
function announce(reader: ObjectReader, pending: readonly Link[]): void {
  const kind = pending.at(-1)?.kind
  if (kind === undefined || kind === KIND.chunk) return
  const ids: Hash[] = []
  for (let index = pending.length - 1; index >= 0 && ids.length < READ_AHEAD_LINKS; index--) {
    const link = pending[index]
    if (link?.kind !== kind) break
    ids.push(link.id)
  }
  if (ids.length > 1) reader.readAhead(kind, ids)
}

export interface FoundIds {
  /** @returns whether it was not there. */
  add(id: Hash): boolean
}

/** A `Set` of JavaScript ends at 2^24 members: ids are dealt out to many by their first byte. */
class IdSet implements FoundIds {
  private readonly parts = new Map<string, Set<Hash>>()
  private count = 0

  get size(): number {
    return this.count
  }

  has(id: Hash): boolean {
    return this.parts.get(id.slice(0, 2))?.has(id) ?? false
  }

  add(id: Hash): boolean {
    const key = id.slice(0, 2)
    let part = this.parts.get(key)
    if (!part) {
      part = new Set()
      this.parts.set(key, part)
    }
    if (part.has(id)) return false
    part.add(id)
    this.count++
    return true
  }
}
