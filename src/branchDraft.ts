/** A draft on a branch: edits without a working folder, ended by `commit`. */
import { VarveError } from './base/errors.js'
import type { Hash } from './base/hash.js'
import { nameToText } from './base/names.js'
import type { StoreWriter } from './cas/storeWriter.js'
import type { CommitInfo } from './history/commits.js'
import { Draft } from './history/draft.js'
import type { TreeRoot } from './history/entries.js'
import { rememberingNodes } from './history/nodeCache.js'
import type { PathLike } from './history/paths.js'
import { branchTip, idsBelow, openWriter, publishCommit, retrying, type Session, signatureNow } from './session.js'
import { EMPTY_TREE, requireMessage } from './treeCommit.js'

export interface DraftCommitOptions {
  readonly message: string
  /** `Name <mail>`. Default: the store's `author`, else user@host. */
  readonly author?: string | undefined
  /** Commit even when nothing changed. Default false: `NOTHING_TO_COMMIT`. */
  readonly allowEmpty?: boolean | undefined
  /** How often edits are replayed on the branch's new tip when another writer was first. Default 0. */
  readonly retry?: number | undefined
}

/** Resolves the tree of a revision; given by the repository. */
export type TreeOf = (rev: string) => Promise<TreeRoot>

/** Edits on a branch, from `Repository.draft`. See `Draft` for the edits themselves. */
export class BranchDraft extends Draft {
  private baseId: Hash | undefined
  private baseTree: TreeRoot
  private finished = false
  /** What it is laid over may have been given up since, with the batch that it was in. */
  private readonly abandonedBefore: number

  private constructor(
    private readonly session: Session,
    private readonly storeWriter: StoreWriter,
    readonly branch: string,
    base: { readonly id: Hash; readonly tree: TreeRoot } | undefined,
    private readonly treeOf: TreeOf,
  ) {
    super(storeWriter, base?.tree ?? EMPTY_TREE)
    this.baseId = base?.id
    this.baseTree = base?.tree ?? EMPTY_TREE
    this.abandonedBefore = session.pending.abandoned
  }

  /** @internal For `Repository.draft`. */
  static async open(session: Session, branch: string, treeOf: TreeOf, signal?: AbortSignal): Promise<BranchDraft> {
    const tip = await branchTip(session, branch)
    // A write finds the same directories several times, and most often those that the commit before wrote.
    const writer = rememberingNodes(openWriter(session, [branch], signal), session.store)
    return new BranchDraft(session, writer, branch, tip && { id: tip.id, tree: tip.commit }, treeOf)
  }

  /** The commit that the edits are laid over; `undefined` on a branch without commits. */
  get base(): Hash | undefined {
    return this.baseId
  }

  /**
   * Copies a file or a whole directory in O(1), also from another revision. A file that is there is replaced.
   *
   * @param source a revision to copy from. Default: this draft, with its edits so far.
   * @throws {VarveError} `PATH_NOT_FOUND`; `ALREADY_EXISTS` when a directory is in the way, or would replace something;
   * `UNKNOWN_REVISION`, `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @example
   * ```ts
   * const draft = await repo.draft('main')
   * await draft.write('templates/letter.md', 'Dear …\n')
   * await draft.copy('templates', 'letters')
   * await draft.commit({ message: 'Letters from a template' })
   * ```
   */
  override copy(from: PathLike, to: PathLike, source?: string | TreeRoot | (() => Promise<TreeRoot>)): Promise<void> {
    // Resolved in its turn, so that edits keep the order of the calls.
    return super.copy(from, to, typeof source === 'string' ? () => this.treeOf(source) : source)
  }

  /**
   * Commits the edits on the branch. Durable when resolved, unless a batch is open (`Repository.batch`) or the repository was opened
   * with another durability. The draft is then done.
   *
   * Compare-and-swap: if the branch moved since the draft was opened, the commit fails with `REF_CONFLICT` and nothing
   * changes; or, with `retry`, the edits are replayed on the new tip, if they touch other paths than it changed.
   *
   * @throws {VarveError} `NOTHING_TO_COMMIT`, `REF_CONFLICT` (`details.paths`: where edits clash), `INVALID_ARGUMENT`,
   * `STORAGE_FULL`, `STORAGE_IO`, `STORE_LOCKED`, `VG_FULL`, `LEASE_LOST`
   * @example
   * ```ts
   * const draft = await repo.draft('main')
   * await draft.write('hello.txt', 'Hello\n')
   * const commit = await draft.commit({ message: 'Say hello', author: 'Ada <ada@example.org>' })
   * console.log(commit.id)
   * ```
   */
  async commit(options: DraftCommitOptions): Promise<CommitInfo> {
    if (this.finished) throw new VarveError('INVALID_ARGUMENT', 'this draft was committed or abandoned already')
    requireMessage(options.message)
    const author = signatureNow(this.session, options.author)
    const attempt = async (): Promise<CommitInfo> => {
      this.requireBase()
      const tree = await this.toTree()
      if (!options.allowEmpty && this.baseId !== undefined && sameTree(tree, this.baseTree)) {
        throw new VarveError('NOTHING_TO_COMMIT', `nothing changed on ${this.branch}`, {
          hint: 'To commit all the same, allow empty commits.',
        })
      }
      const adopted = this.adopted()
      return publishCommit(this.session, this.storeWriter, {
        branch: this.branch,
        parent: this.baseId,
        tree,
        message: options.message,
        author,
        operation: 'commit',
        batched: true,
        adopted: adopted.length === 0 ? undefined : () => idsBelow(this.session, adopted),
      })
    }
    const commit = await retrying(options.retry ?? 0, attempt, () => this.moveToTip())
    this.finished = true
    return commit
  }

  /**
   * Drops the edits. Does nothing after `commit`. `await using` calls it.
   *
   * @example
   * ```ts
   * const draft = await repo.draft('main')
   * await draft.write('never', 'mind')
   * await draft.abandon()
   * ```
   */
  async abandon(): Promise<void> {
    if (this.finished) return
    await this.storeWriter.abandon()
    this.finished = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abandon()
  }

  private requireBase(): void {
    if (this.session.pending.abandoned === this.abandonedBefore) return
    throw new VarveError('REF_CONFLICT', `the batch that this draft on ${this.branch} was begun in was abandoned`, {
      hint: 'Begin the draft again.',
    })
  }

  private async moveToTip(): Promise<void> {
    const tip = await branchTip(this.session, this.branch)
    const conflicts = await this.rebaseOnto(tip?.commit ?? EMPTY_TREE)
    if (conflicts.length > 0) {
      const paths = conflicts.map(nameToText)
      throw new VarveError('REF_CONFLICT', `${this.branch} moved, and both sides changed ${paths.join(', ')}`, {
        paths,
        expected: this.baseId,
        actual: tip?.id,
      })
    }
    this.baseId = tip?.id
    this.baseTree = tip?.commit ?? EMPTY_TREE
  }
}

function sameTree(a: TreeRoot, b: TreeRoot): boolean {
  return (
    a.tree.id === b.tree.id &&
    a.tree.shape === b.tree.shape &&
    a.attributes.id === b.attributes.id &&
    a.attributes.shape === b.attributes.shape
  )
}
