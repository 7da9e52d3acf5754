/**
 * What gc starts from: all that must stay readable, each with a name that tells why.
 *
 * Refs, working folders, and what refs pointed at within the term of the reflog. Whoever moves any of these after the roots were
 * read changes a counter, which is compared inside gc's transactions (safety rule 5).
 */
import type { Hash } from '../base/hash.js'
import { describeRef, type Refs } from '../refs/refs.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'

export interface GcRoot {
  /** For people: a branch, a tag, a folder, the reflog of one. */
  readonly name: string
  readonly id: Hash
  readonly kind: 'branch' | 'tag' | 'head' | 'reflog'
  /** The branch or tag, or where the folder is. */
  readonly of: string
  /** Of the reflog: the number of the entry. */
  readonly entry?: number
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
    const entries = refs.reflog()
    // Numbered from 1 without gaps, the newest first here.
    const kept = entries.slice(0, Math.max(0, entries.length - reflogFrom + 1))
    for (const [index, { ref, old, new: after }] of kept.entries()) {
      const entry = entries.length - index
      for (const id of [old, after]) {
        if (id !== undefined) roots.push({ name: `reflog of ${ref}`, id, kind: 'reflog', of: ref, entry })
      }
    }
    return { roots, stamp: rootsStamp(tx) }
  })
}

export function rootsStamp(tx: CatalogTransaction): string {
  return `${tx.counter('refs_sequence')} ${tx.counter('worktrees_check')}`
}
