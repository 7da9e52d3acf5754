/**
 * What gc starts from: all that must stay readable, each with a name that tells why.
 *
 * Refs, working folders, what refs pointed at within the term of the reflog, and what takes the place of something else. Whoever
 * moves any of these after the roots were read changes a counter, which is compared inside gc's transactions (safety rule 5).
 */
import { CorruptionError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { KIND } from '../format/kinds.js'
import type { Link } from '../history/links.js'
import { describeRef, type Refs } from '../refs/refs.js'
import { Replacements } from '../refs/replacements.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { ErasureState } from './eraseState.js'

export interface GcRoot {
  /** For people: a branch, a tag, a folder, the reflog of one, a replacement. */
  readonly name: string
  /** A commit's; of a replacement, that of anything (`linkOfRoot`). */
  readonly id: Hash
  readonly kind: 'branch' | 'tag' | 'head' | 'reflog' | 'replacement'
  /** The branch or tag, where the folder is, or the id of what is replaced. */
  readonly of: string
  /** Of the reflog: the number of the entry. */
  readonly entry?: number
  /** Of a replacement: it is replaced itself, and an original need not be there. */
  readonly mayBeGone?: true
  /** Of the reflog: what is answered for it in the end, which is all that is left of a commit that was erased. */
  readonly end?: Hash
}

export interface GcRoots {
  readonly roots: readonly GcRoot[]
  /** Unchanged as long as no root came or went. */
  readonly stamp: string
}

/** All in one view of the catalog. @param reflogFrom the number of the first entry of the reflog that keeps anything
 * @throws {CorruptionError} `CORRUPT_CATALOG`: then nobody knows what must stay */
export function gcRoots(catalog: Catalog, refs: Refs, worktrees: Worktrees, reflogFrom: number): GcRoots {
  return catalog.snapshot((tx) => {
    const roots: GcRoot[] = refs.list().map((ref) => {
      const { name, kind, target: id } = describeRef(ref)
      return { name, id, kind, of: name }
    })
    for (const { path, head } of worktrees.list()) {
      if (head !== undefined) roots.push({ name: `HEAD of ${path}`, id: head, kind: 'head', of: path })
    }
    const inPlace = new Replacements(catalog)
    const { ends } = inPlace
    const beingErased = new ErasureState(catalog).commits()
    const entries = refs.reflog()
    // Numbered from 1 without gaps, the newest first here.
    const kept = entries.slice(0, Math.max(0, entries.length - reflogFrom + 1))
    for (const [index, { ref, old, new: after }] of kept.entries()) {
      const entry = entries.length - index
      for (const id of [old, after]) {
        if (id === undefined) continue
        const end = ends.get(id)
        const root: GcRoot = { name: `reflog of ${ref}`, id, kind: 'reflog', of: ref, entry }
        if (end === undefined) roots.push(root)
        // What it needs may be gone in part.
        else roots.push(beingErased.has(id) ? { ...root, id: end } : { ...root, end })
      }
    }
    const replacements = inPlace.list()
    const replaced = new Set(replacements.map(({ id }) => id))
    for (const { id: of, by: id } of replacements) {
      const root: GcRoot = { name: `replacement of ${shortHash(of)}`, id, kind: 'replacement', of }
      roots.push(replaced.has(id) ? { ...root, mayBeGone: true } : root)
      // What comes between may be gone, and what is answered in the end is needed all the same.
      const end = ends.get(of) ?? id
      if (end !== id) roots.push({ ...root, id: end })
    }
    return { roots, stamp: rootsStamp(tx) }
  })
}

/** Where a walk from a root begins; `undefined` for one that is gone and may be. @throws {CorruptionError} `MISSING_CHUNK` */
export async function linkOfRoot(store: ChunkStore, root: GcRoot): Promise<Link | undefined> {
  const { id, name, end } = root
  if (root.kind !== 'replacement') {
    const isErased = end !== undefined && (await store.kindOf(id)) === undefined
    return { kind: KIND.commit, id: isErased ? end : id }
  }
  // Erased, with all that named it: what took its place is kept by what names that, and by nothing else.
  if ((await store.kindOf(root.of as Hash)) === undefined) return undefined
  const kind = await store.kindOf(id)
  if (kind !== undefined) return { kind, id }
  if (root.mayBeGone) return undefined
  throw new CorruptionError('MISSING_CHUNK', `the ${name}, ${shortHash(id)}, is in no volume of the group`, {
    id,
    hint: 'Run `varve verify`: a volume, or its chunk table, is damaged.',
  })
}

export function rootsStamp(tx: CatalogTransaction): string {
  return `${tx.counter('refs_sequence')} ${tx.counter('worktrees_check')} ${tx.counter('replacements_check')}`
}
