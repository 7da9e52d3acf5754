/** Commit objects: read, written, described. */
import type { Hash } from '../base/hash.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import { type Commit, decodeCommit, encodeCommit, type Signature } from '../format/commit.js'
import { KIND } from '../format/kinds.js'

/** A commit as callers see it. */
export interface CommitInfo {
  readonly id: Hash
  readonly tree: {
    /** Of the root directory; the same id is the same content. Absent when the tree is empty. */
    readonly id?: Hash
    /** Of all files. */
    readonly sizeBytes: number
    /** Entries that are not directories. */
    readonly files: number
  }
  readonly parents: readonly Hash[]
  readonly author: Signature
  readonly committer: Signature
  readonly message: string
  /** When and by which policy it lost its files; absent for a commit that has them. */
  readonly pruned?: { readonly timeMs: number; readonly policy: string } | undefined
}

/**
 * @throws {VarveError} `MISSING_CHUNK` when there is no such commit
 * @throws {CorruptionError} `CORRUPT_OBJECT`, `CORRUPT_CHUNK`, `CORRUPT_EXTENT`
 */
export async function readCommit(reader: ObjectReader, id: Hash): Promise<Commit> {
  return decodeCommit(await reader.get(KIND.commit, id))
}

/** Resolves with the commit's id, before anything is durable. */
export async function writeCommit(writer: ObjectWriter, commit: Commit): Promise<Hash> {
  return writer.put(KIND.commit, encodeCommit(commit), () => commit.parents.slice(0, 1))
}

export function describeCommit(id: Hash, commit: Commit): CommitInfo {
  const { tree, files, parents, author, committer, message } = commit
  return {
    id,
    tree: { ...(tree.id === undefined ? {} : { id: tree.id }), sizeBytes: tree.size, files },
    parents,
    author,
    committer,
    message,
  }
}
