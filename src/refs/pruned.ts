/**
 * Commits that lost their files to a retention policy: they keep object and id, place in history and message.
 *
 * A row says when, and by which policy. A commit that a ref or a folder points at is never pruned, and none is pointed at one
 * that was.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, hashFromBytes, hashToBytes, shortHash } from '../base/hash.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'

export interface PrunedCommit {
  readonly id: Hash
  readonly timeMs: number
  /** As it was asked for. */
  readonly policy: string
}

interface PrunedRow {
  commit_id: Buffer
  time_ms: number
  policy: string
  row_check: number
}

export class PrunedCommits {
  constructor(private readonly catalog: Catalog) {}

  /** @throws {CorruptionError} `CORRUPT_CATALOG` */
  get(id: Hash): PrunedCommit | undefined {
    if (!this.catalog.hasUpkeep) return undefined
    const row = this.catalog.get<PrunedRow>('SELECT * FROM pruned WHERE commit_id = ?', hashToBytes(id))
    return row && this.checked(row)
  }

  has(id: Hash): boolean {
    return this.get(id) !== undefined
  }

  /** Another whenever a commit was added. */
  get stamp(): string {
    if (!this.catalog.hasUpkeep) return ''
    const row = this.catalog.get<{ count: number; last: number | null }>(
      'SELECT count(*) AS count, max(time_ms) AS last FROM pruned',
    )
    return `${row?.count} ${row?.last}`
  }

  /** @throws {CorruptionError} `CORRUPT_CATALOG` */
  list(): PrunedCommit[] {
    if (!this.catalog.hasUpkeep) return []
    return this.catalog.all<PrunedRow>('SELECT * FROM pruned ORDER BY commit_id').map((row) => this.checked(row))
  }

  /** In an open transaction, of a catalog that was upgraded. What was pruned before stays as it is. */
  add(tx: CatalogTransaction, { id, timeMs, policy }: PrunedCommit): void {
    const bytes = hashToBytes(id)
    tx.run(
      'INSERT INTO pruned (commit_id, time_ms, policy, row_check) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      bytes,
      timeMs,
      policy,
      rowCheck(bytes, timeMs, policy),
    )
  }

  /** In an open transaction, of a catalog that was upgraded. For a commit that another took the place of. */
  remove(tx: CatalogTransaction, id: Hash): void {
    tx.run('DELETE FROM pruned WHERE commit_id = ?', hashToBytes(id))
  }

  /** @throws {VarveError} `PRUNED` when the files of a commit are asked for that has none any more */
  requireFiles(id: Hash): void {
    const pruned = this.get(id)
    if (!pruned) return
    const when = new Date(pruned.timeMs).toISOString().slice(0, 10)
    throw new VarveError('PRUNED', `the files of commit ${shortHash(id)} were pruned on ${when}, by ${pruned.policy}`, {
      id,
      timeMs: pruned.timeMs,
      policy: pruned.policy,
      hint: 'Its message and place in history are all that is left. `varve log` shows the commits before and after it.',
    })
  }

  private checked({ commit_id, time_ms: timeMs, policy, row_check }: PrunedRow): PrunedCommit {
    if (!rowMatches(row_check, commit_id, timeMs, policy)) {
      throw this.catalog.damaged('pruned', commit_id.toString('hex'))
    }
    return { id: hashFromBytes(commit_id), timeMs, policy }
  }
}
