/**
 * Working folders of a store: where each one is, the commit it stands at, and the branch that its commits move.
 *
 * Kept in the catalog, so that a commit and the folder that made it move in one transaction, and so that what a folder
 * stands at is known to whoever asks what is still needed. A branch is in one folder at a time.
 */
import { VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, hashFromBytes, hashToBytes, shortHash } from '../base/hash.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { shortRef, splitRef } from './refName.js'

export interface WorktreeRow {
  /** A UUID, which the folder knows as well. */
  readonly id: string
  /** Absolute: where it was last seen. */
  readonly path: string
  /** Full: `heads/NAME`. `undefined`: detached. */
  readonly branch: Branch
  /** What it stands at; `undefined` before the first commit. */
  readonly head: Hash | undefined
}

type Branch = string | undefined

interface SqlWorktreeRow {
  id: string
  path: string
  branch: string | null
  head: Buffer | null
  row_check: number
}

type Reader = Pick<CatalogTransaction, 'all'>

export class Worktrees {
  constructor(private readonly catalog: Catalog) {}

  /** Sorted by path. @throws {CorruptionError} `CORRUPT_CATALOG` */
  list(source: Reader = this.catalog): WorktreeRow[] {
    const rows = this.catalog.allOf('worktrees_check', 'worktree', () =>
      source.all<SqlWorktreeRow>('SELECT id, path, branch, head, row_check FROM worktree ORDER BY path'),
    )
    return rows.map((row) => this.checked(row))
  }

  /** @throws {CorruptionError} `CORRUPT_CATALOG` */
  get(id: string, source: Reader = this.catalog): WorktreeRow | undefined {
    return this.list(source).find((row) => row.id === id)
  }

  /** @throws {VarveError} `REF_CONFLICT` when its branch is in another folder */
  add(tx: CatalogTransaction, row: WorktreeRow): void {
    this.requireFree(row, tx)
    this.insert(tx, row)
  }

  /**
   * Moves a folder from one state to another, inside an open transaction.
   * @throws {VarveError} `REF_CONFLICT` when it is not as expected any more, or its branch is in another folder
   */
  move(tx: CatalogTransaction, expected: WorktreeRow, row: WorktreeRow): void {
    const found = this.get(expected.id, tx)
    if (found?.head !== expected.head || found?.branch !== expected.branch) {
      throw new VarveError(
        'REF_CONFLICT',
        `the working folder ${expected.path} was moved by another command meanwhile`,
        {
          path: expected.path,
          expected: describeHead(expected),
          actual: found && describeHead(found),
          hint: 'Look at `varve status`, and try again.',
        },
      )
    }
    this.requireFree(row, tx)
    this.remove(tx, row.id)
    this.insert(tx, row)
  }

  /** Removing one that is not there does nothing. */
  remove(tx: CatalogTransaction, id: string): void {
    const row = tx.get<{ row_check: number }>('SELECT row_check FROM worktree WHERE id = ?', id)
    if (!row) return
    tx.run('DELETE FROM worktree WHERE id = ?', id)
    tx.mix('worktrees_check', row.row_check)
  }

  /** @throws {VarveError} `REF_CONFLICT` when the branch is in another folder than this one */
  requireFree({ id, branch }: Pick<WorktreeRow, 'id' | 'branch'>, source: Reader = this.catalog): void {
    const other =
      branch === undefined ? undefined : this.list(source).find((row) => row.branch === branch && row.id !== id)
    if (!other) return
    throw new VarveError('REF_CONFLICT', `the branch ${shortRef(other.branch ?? '')} is in the folder ${other.path}`, {
      ref: other.branch,
      path: other.path,
      hint: 'Work on it there, make another branch, or stand at its commit without it: --detach.',
    })
  }

  private insert(tx: CatalogTransaction, { id, path, branch, head }: WorktreeRow): void {
    const fields = [id, path, branch ?? null, head === undefined ? null : hashToBytes(head)] as const
    const check = rowCheck(...fields)
    tx.run('INSERT INTO worktree (id, path, branch, head, row_check) VALUES (?, ?, ?, ?, ?)', ...fields, check)
    tx.mix('worktrees_check', check)
  }

  private checked({ id, path, branch, head, row_check }: SqlWorktreeRow): WorktreeRow {
    const isBranch = branch === null || splitRef(branch)?.kind === 'branch'
    const isHead = head === null || head.length === HASH_BYTES
    if (!rowMatches(row_check, id, path, branch, head) || !isBranch || !isHead)
      throw this.catalog.damaged('worktree', id)
    return { id, path, branch: branch ?? undefined, head: head === null ? undefined : hashFromBytes(head) }
  }
}

/** As in `main at 0123456789ab`. */
function describeHead({ branch, head }: Pick<WorktreeRow, 'branch' | 'head'>): string {
  const at = head === undefined ? 'without commits' : `at ${shortHash(head)}`
  return branch === undefined ? at : `${shortRef(branch)} ${at}`
}
