/** What readers are to see in the place of what is there: the part of a repository that changes what history shows. */
import { isVarveError, VarveError } from './base/errors.js'
import type { Hash } from './base/hash.js'
import type { WorkOptions } from './base/progress.js'
import { parseCompression } from './codec/compressor.js'
import { foldersHealth, forgetStatCaches } from './folderHealth.js'
import { KIND } from './format/kinds.js'
import { requireEntry, rootEntry } from './history/entries.js'
import { contentLinks } from './history/links.js'
import { parsePath } from './history/paths.js'
import { parseRevision } from './refs/revisionSyntax.js'
import { idsBelow, signatureNow } from './session.js'
import { findAsked, parseQuestion, unknownId } from './upkeep/asked.js'
import { type EraseContext, type EraseOptions, type EraseResult, erasePaths, finishErasure } from './upkeep/erase.js'
import { checkErasure, type ErasureCheck } from './upkeep/eraseCheck.js'
import type { ErasureReport } from './upkeep/eraseReport.js'
import {
  describeReplacements,
  findReplaced,
  type ReplacementInfo,
  replaceObject,
  undoReplacement,
} from './upkeep/replace.js'
import type { StoredObject } from './upkeep/replaceable.js'
import { requireWritable } from './upkeep/verify.js'
import { UpkeepVerbs } from './upkeepVerbs.js'

export interface ReplaceOptions {
  /** Why, for whoever finds it later. */
  readonly reason: string
  /** Who does it. Default: as for commits. */
  readonly who?: string | undefined
  /** Also what is replaced already: that replacement is forgotten. */
  readonly force?: boolean | undefined
}

export abstract class RedactVerbs extends UpkeepVerbs {
  /**
   * From now on, whoever asks for `a` gets `b`: log, show, diff, export and all others that read. What is stored stays as it is, and
   * both are kept; `undoReplace` shows the original again. A commit can be replaced by any other; what lies below one only by what
   * its entries could be about as well: the same kind and size, for directories also the same names. A file is meant by
   * `REV:PATH`, wherever else it is used.
   *
   * @param a revision, `REV:PATH`, or an id (at least 4 digits) of any object: what is replaced
   * @param b what takes its place
   * @throws {VarveError} `INVALID_ARGUMENT` when `b` cannot take the place, or without a reason; `ALREADY_EXISTS` when `a` is replaced
   * already; `PRUNED` when the files of `b` are gone; `LIMIT_EXCEEDED` when too many would hang together; `REF_CONFLICT`,
   * `STORAGE_READ_ONLY`; as `resolve` and `at`; `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @example
   * ```ts
   * const draft = await repo.draft('mended')
   * await draft.write('readme.txt', 'Nothing to see here.\n')
   * const { id } = await draft.commit({ message: 'As it should have been' })
   * await repo.replace('main~1', id, { reason: 'named a customer' })
   * console.log((await repo.commit('main~1')).message)
   * ```
   */
  async replace(a: string, b: string, options: ReplaceOptions): Promise<ReplacementInfo> {
    await this.session.pending.flush()
    const { store, pruned, replacements, group } = this.session
    group.requireOpen()
    requireWritable(store)
    const { reason, force = false } = options
    if (typeof reason !== 'string' || reason.trim() === '') {
      throw new VarveError('INVALID_ARGUMENT', 'a replacement needs a reason', { actual: reason })
    }
    const { who, timeMs } = signatureNow(this.session, options.who)
    const [before, after] = [await this.objectNamed(a), await this.objectNamed(b)]
    const replacement = await replaceObject(
      {
        ...{ store, pruned, replacements },
        reach: (root) => () => idsBelow(this.session, [root], { parents: true }),
      },
      { a: before, b: after, reason, who, timeMs, force },
    )
    const [described] = await describeReplacements(store, [replacement])
    return described as ReplacementInfo
  }

  /**
   * What is replaced, by what, and why; by the ids of what is replaced. Also commits that were erased, and what took their place.
   *
   * @throws {CorruptionError} `CORRUPT_CATALOG`
   * @example
   * ```ts
   * for (const { id, by, reason } of await repo.replacements()) console.log(id, by, reason)
   * ```
   */
  async replacements(): Promise<ReplacementInfo[]> {
    const { store, replacements, group } = this.session
    group.requireOpen()
    return describeReplacements(store, replacements.list())
  }

  /**
   * Shows the original again. Durable when resolved.
   *
   * @param a what is replaced: an id, digits that it begins with, or as `replace` takes it
   * @param options.force also where the original is gone: then nothing answers for its id any more
   * @throws {VarveError} `UNKNOWN_REVISION` when it is not replaced; `INVALID_ARGUMENT` when the original is gone from the store;
   * `REF_CONFLICT`, `STORAGE_READ_ONLY`; as `replace`
   * @example
   * ```ts
   * for (const { id } of await repo.replacements()) await repo.undoReplace(id)
   * ```
   */
  async undoReplace(a: string, options: { readonly force?: boolean | undefined } = {}): Promise<ReplacementInfo> {
    await this.session.pending.flush()
    const { store, replacements, group } = this.session
    group.requireOpen()
    requireWritable(store)
    const found = findReplaced(replacements, a) ?? replacements.get((await this.objectNamed(a)).id)
    if (!found) {
      throw new VarveError('UNKNOWN_REVISION', `${JSON.stringify(a)} is not replaced by anything`, { actual: a })
    }
    const [described] = await describeReplacements(store, [found])
    await undoReplacement({ store, replacements }, found, options.force ?? false)
    return described as ReplacementInfo
  }

  /**
   * Removes paths from all history: every commit that has one, and all that come after it, are written anew without; branches, tags,
   * working folders and the reflog go on to the new ones, and so does whoever asks for an old id. What nothing reaches any more is
   * destroyed at once, and the store's files are written anew, so that nothing of it is left in them. Nobody else may have the store
   * open. Interrupted after the refs were moved, `finishErasure` does the rest.
   *
   * @throws {VarveError} `PATH_NOT_FOUND` when a path matches nothing in all of history, `INVALID_ARGUMENT`; `STORE_LOCKED` while
   * anybody else has the store open; `SWITCH_INTERRUPTED` for a folder in the middle of a switch; `STORAGE_FULL` without room to
   * write the files anew; `REF_CONFLICT` when something moved meanwhile: all of these change nothing. Also `PV_MISSING`,
   * `STORAGE_READ_ONLY`, `STORAGE_IO`, `VG_FULL`, `CANCELLED`
   * @throws {CorruptionError} when something that stays is damaged
   * @example
   * ```ts
   * const { commits, bytes } = await repo.erase({ paths: ['readme.txt'], dryRun: true })
   * console.log(`${commits} commits would be written anew, ${bytes} bytes would go`)
   * const { report } = await repo.erase({ paths: ['readme.txt'], reason: 'it held a password' })
   * console.log(JSON.stringify(report))
   * ```
   */
  async erase(options: EraseOptions): Promise<EraseResult> {
    await this.session.pending.flush()
    return erasePaths(this.eraseContext(), options)
  }

  /**
   * Does the rest of an erasure that was interrupted. Without one it only writes the store's files anew, so that nothing is left in
   * them of what was deleted before.
   *
   * @returns the report; `undefined` when none was unfinished
   * @throws as `erase`
   * @example
   * ```ts
   * const report = await repo.finishErasure()
   * console.log(report === undefined ? 'nothing was left to do' : report.commits.length)
   * ```
   */
  async finishErasure(options: WorkOptions = {}): Promise<ErasureReport | undefined> {
    await this.session.pending.flush()
    return finishErasure(this.eraseContext(), options)
  }

  /**
   * Compares the report of an erasure with the store: none of what it destroyed is there, in no chunk table and in no extent, all of
   * which are read; nothing that is reachable has a path that was erased; and nothing of the files is out of use.
   *
   * @param report as `erase` gave it, or `JSON.parse` of it
   * @throws {VarveError} `INVALID_ARGUMENT` for what is no report, a damaged one, or one of another store; `FORMAT_NEWER`, `CANCELLED`
   * @throws {CorruptionError} when something cannot be read
   * @example
   * ```ts
   * const { report } = await repo.erase({ paths: ['readme.txt'] })
   * const { ok, findings } = await repo.checkErasure(report)
   * for (const { isFine, message } of findings) console.log(isFine ? 'yes' : 'NO', message)
   * console.log(ok)
   * ```
   */
  async checkErasure(report: unknown, options: WorkOptions = {}): Promise<ErasureCheck> {
    return checkErasure(this.eraseContext(), report, options)
  }

  private eraseContext(): EraseContext {
    const { session } = this
    const { store, refs, worktrees, pruned, replacements, properties } = session
    session.group.requireOpen()
    return {
      ...{ refs, worktrees, pruned, replacements },
      store: store.originals,
      compression: parseCompression(properties.get('compression').value),
      who: signatureNow(session, undefined).who,
      folders: () => foldersHealth(session),
      forgetFolders: () => forgetStatCaches(session),
    }
  }

  /** What took the place of commits that are gone, and whose ids begin so. */
  protected async successors(prefix: string): Promise<Hash[]> {
    const { replacements, store } = this.session
    const found: Hash[] = []
    for (const id of replacements.ends.keys()) {
      if (!id.startsWith(prefix) || (await store.kindOf(id)) !== undefined) continue
      const end = replacements.resolve(id)
      if ((await store.kindOf(end)) === KIND.commit) found.push(end)
    }
    return found
  }

  /** What took the place of a commit that is gone; itself, of any other. */
  protected async successorOf(id: Hash): Promise<Hash> {
    const end = this.session.replacements.resolve(id)
    return end === id || (await this.session.store.kindOf(id)) !== undefined ? id : end
  }

  private async objectNamed(text: string): Promise<StoredObject> {
    if (text.includes(':')) return this.contentNamed(text)
    const commit = await this.commitNamed(text)
    if (commit !== undefined) return { kind: KIND.commit, id: commit }
    const { store } = this.session
    const question = parseQuestion(text)
    const { id } = question ? await findAsked(store.originals, question, () => undefined) : {}
    const kind = id && (await store.kindOf(id))
    if (id === undefined || kind === undefined) throw unknownId(text)
    return { kind, id }
  }

  /** `undefined` for an id of something: then no kind has the first claim on it. */
  private async commitNamed(text: string): Promise<Hash | undefined> {
    try {
      const id = await this.resolve(text)
      return id.startsWith(text.toLowerCase()) ? undefined : id
    } catch (error) {
      if (!isVarveError(error, 'UNKNOWN_REVISION') || !parseQuestion(text)) throw error
      return undefined
    }
  }

  private async contentNamed(text: string): Promise<StoredObject> {
    const { commitText, path = '' } = parseRevision(text)
    const { root } = await this.at(commitText === '' ? 'HEAD' : commitText)
    const entry = await requireEntry(this.session.store, rootEntry(root), parsePath(Buffer.from(path, 'latin1')))
    const [link] = contentLinks(entry.kind === 'directory' ? KIND.tree : KIND.manifest, entry.content)
    if (link) return { kind: link.kind, id: link.id }
    throw new VarveError('INVALID_ARGUMENT', `${JSON.stringify(text)} is empty, and takes nobody's place`, {
      actual: text,
    })
  }
}
