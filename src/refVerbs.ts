/** Branches, tags and their logs: the part of a repository that names commits. */
import { VarveError } from './base/errors.js'
import { type Hash, shortHash } from './base/hash.js'
import { makeReachable } from './cas/makeReachable.js'
import { branchRef, splitRef, tagRef } from './refs/refName.js'
import {
  describeRef,
  type OperationInfo,
  type RefInfo,
  type ReflogEntry,
  type RefRow,
  type RefUpdate,
  refExists,
  refNotFound,
} from './refs/refs.js'
import { idsBelow, type Session, signatureNow } from './session.js'
import type { CatalogTransaction } from './volume/catalog.js'
import { writeRefs } from './volume/writeRefs.js'

export abstract class RefVerbs {
  protected constructor(protected readonly session: Session) {}

  abstract resolve(rev: string): Promise<Hash>

  /**
   * Branches, by name.
   * @example
   * ```ts
   * for (const branch of await repo.branches()) console.log(branch.name, branch.target)
   * ```
   */
  async branches(): Promise<RefInfo[]> {
    return this.session.pending.refs.list('heads/').map(describeRef)
  }

  /**
   * Tags, by name.
   * @example
   * ```ts
   * for (const tag of await repo.tags()) console.log(tag.name, tag.message)
   * ```
   */
  async tags(): Promise<RefInfo[]> {
    return this.session.pending.refs.list('tags/').map(describeRef)
  }

  /**
   * Makes a branch at a revision. Durable when resolved.
   *
   * @param options.force move the branch if it exists
   * @throws {VarveError} `REF_EXISTS`, `INVALID_REF_NAME`, `PRUNED`; as `resolve`
   * @example
   * ```ts
   * await repo.createBranch('drafts', 'main')
   * console.log((await repo.branches()).map((branch) => branch.name))
   * ```
   */
  async createBranch(name: string, rev: string, options: { readonly force?: boolean | undefined } = {}): Promise<void> {
    const target = await this.resolve(rev)
    const there = this.session.pending.refs.get(branchRef(name))
    if (there && !options.force) throw refExists(there)
    this.refuseSameName(tagRef(name))
    await this.moveRefs([{ name: branchRef(name), expected: options.force ? 'any' : null, target }], 'branch', rev)
  }

  /**
   * Deletes a branch, unless it is the default one or a working folder stands on it; its commits stay reachable through
   * the reflog.
   *
   * @throws {VarveError} `REF_NOT_FOUND`, `INVALID_ARGUMENT`, `REF_CONFLICT`
   * @example
   * ```ts
   * await repo.createBranch('short-lived', 'main')
   * await repo.deleteBranch('short-lived')
   * ```
   */
  async deleteBranch(name: string): Promise<void> {
    const { target } = this.requireRef(branchRef(name))
    if (name === this.session.properties.get('default-branch').value) {
      throw new VarveError('INVALID_ARGUMENT', `${name} is the default branch, and what HEAD means`, {
        actual: name,
        hint: 'Make another one the default first: `varve config set default-branch NAME`.',
      })
    }
    // No folder has an empty id: whoever stands on it is in the way.
    const isFree = (tx?: CatalogTransaction): void =>
      this.session.worktrees.requireFree({ id: '', branch: branchRef(name) }, tx)
    isFree()
    await this.moveRefs([{ name: branchRef(name), expected: target, target: null }], 'branch-delete', name, isFree)
  }

  /**
   * Renames a branch; its reflog goes with it, and so does being the default branch.
   *
   * @throws {VarveError} `REF_NOT_FOUND`, `REF_EXISTS`, `INVALID_REF_NAME`
   * @example
   * ```ts
   * await repo.createBranch('idea', 'main')
   * await repo.renameBranch('idea', 'feature/idea')
   * ```
   */
  async renameBranch(from: string, to: string): Promise<void> {
    const { refs, pending, group, properties, worktrees } = this.session
    const { who } = signatureNow(this.session, undefined)
    const log = { operation: 'branch-rename', message: `${from} to ${to}`, who }
    await pending.alone(async () =>
      group.catalog.write((tx) => {
        refs.rename(tx, branchRef(from), branchRef(to), log)
        // The folder that stands on it goes on standing on it.
        for (const row of worktrees.list(tx)) {
          if (row.branch === branchRef(from)) worktrees.move(tx, row, { ...row, branch: branchRef(to) })
        }
        if (properties.get('default-branch').value === from) properties.set(tx, 'default-branch', to)
      }),
    )
  }

  /**
   * Names a revision for good. Durable when resolved.
   *
   * @param options.force replace a tag of this name
   * @throws {VarveError} `REF_EXISTS`, `INVALID_REF_NAME`; as `resolve`
   * @example
   * ```ts
   * await repo.createTag('v1.0', 'main', { message: 'First release' })
   * console.log((await repo.commit('v1.0')).message)
   * ```
   */
  async createTag(
    name: string,
    rev: string,
    options: { readonly message?: string | undefined; readonly force?: boolean | undefined } = {},
  ): Promise<void> {
    const target = await this.resolve(rev)
    this.refuseSameName(branchRef(name))
    const { message, force } = options
    const expected = force ? 'any' : null
    await this.moveRefs([{ name: tagRef(name), expected, target, message, force }], 'tag', rev)
  }

  /**
   * Deletes a tag.
   *
   * @throws {VarveError} `REF_NOT_FOUND`
   * @example
   * ```ts
   * await repo.createTag('v1.1', 'main')
   * await repo.deleteTag('v1.1')
   * ```
   */
  async deleteTag(name: string): Promise<void> {
    const { target } = this.requireRef(tagRef(name))
    await this.moveRefs([{ name: tagRef(name), expected: target, target: null }], 'tag-delete', name)
  }

  /**
   * What happened to a branch or tag, or to all of them; newest first.
   * @example
   * ```ts
   * const [last] = await repo.reflog('main', { limit: 1 })
   * console.log(last?.operation, last?.old, last?.new)
   * ```
   */
  async reflog(name?: string, options: { readonly limit?: number | undefined } = {}): Promise<ReflogEntry[]> {
    return this.session.pending.refs.reflog(name === undefined ? undefined : this.fullRefName(name), options.limit)
  }

  /**
   * Every operation on the store's refs; newest first.
   * @example
   * ```ts
   * for (const operation of await repo.operations()) console.log(operation.kind, operation.refs)
   * ```
   */
  async operations(options: { readonly limit?: number | undefined } = {}): Promise<OperationInfo[]> {
    return this.session.pending.refs.operations(options.limit)
  }

  /** A branch before a tag of the same name; what was deleted is taken for a branch. */
  private fullRefName(name: string): string {
    if (splitRef(name)) return name
    const { refs } = this.session.pending
    return !refs.get(branchRef(name)) && refs.get(tagRef(name)) ? tagRef(name) : branchRef(name)
  }

  /** A branch and a tag of one name would make every use of it ambiguous. */
  private refuseSameName(other: string): void {
    const there = this.session.pending.refs.get(other)
    if (there) throw refExists(there)
  }

  private requireRef(name: string): RefRow {
    const found = this.session.pending.refs.get(name)
    if (found) return found
    throw refNotFound(name)
  }

  /** Safety rule 4: every way of making something reachable goes through `makeReachable`. */
  private async moveRefs(
    updates: readonly RefUpdate[],
    operation: string,
    message: string,
    require?: (tx: CatalogTransaction) => void,
  ): Promise<void> {
    const { store, pending, pruned, refs, group, clock } = this.session
    const { who } = signatureNow(this.session, undefined)
    const log = { operation, message, who }
    const roots = updates.flatMap(({ target }) => target ?? [])
    // With all their history: nothing else may point at it.
    const reach = () => idsBelow(this.session, roots, { parents: true })
    const allowed = (tx: CatalogTransaction): void => {
      for (const id of roots) pruned.requireFiles(id)
      require?.(tx)
    }
    const step = { updates, log, timeMs: clock.nowMs() }
    if (await pending.add({ step, adopted: roots.length === 0 ? undefined : reach, require: allowed })) return
    await pending.alone(async () => {
      await this.requireWritten(roots)
      return makeReachable(
        store,
        (epoch) => (epoch === 0 ? undefined : reach),
        (tx) => {
          allowed(tx)
          refs.apply(tx, updates, log)
        },
        (body) => writeRefs(group, body),
      )
    })
  }

  /** What was found in a batch that was abandoned since is nowhere. */
  private async requireWritten(ids: readonly Hash[]): Promise<void> {
    const { pending, store } = this.session
    if (pending.abandoned === 0) return
    const found = await store.find(ids)
    const lost = ids.find((id) => !found.has(id))
    if (lost === undefined) return
    throw new VarveError('UNKNOWN_REVISION', `${shortHash(lost)} was in a batch that was abandoned`, { actual: lost })
  }
}
