/**
 * Edits to a file tree, held in memory until the tree is written.
 *
 * Contents go to the writer as they come, so memory grows with the number of paths touched, not with their bytes.
 * Copies and renames of files and of whole directories take what is there by its id. Missing parents are made, as in
 * Git; directories that become empty stay. Only directories are followed, symlinks are not.
 *
 * Edits happen one after the other in the order of the calls, awaited or not. Reads do not wait for edits that were not
 * awaited, so that what is written may be streamed from the draft itself.
 *
 * What is recorded beside the content moves with it: a removed path loses it, a written file keeps all but its
 * modification time and its hard links. A file that is copied within the draft is no hard link either; those of a copied
 * directory stay what they were. Where the base records nothing, nothing is recorded.
 */
import { VarveError } from '../base/errors.js'
import { type ByteName, nameFromText, nameToBytes, nameToText } from '../base/names.js'
import type { ObjectWriter } from '../cas/objects.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry, TreeEntryKind } from '../format/tree.js'
import { readWhole, requireCount } from './contentRead.js'
import { spliceContent, truncateContent } from './contentSplice.js'
import { writeContent, writeSymlinkTarget } from './contentWrite.js'
import {
  type AdoptedContent,
  INHERITED,
  type OverlayState,
  openEmpty,
  REMOVED,
  type Recorded,
  UNRECORDED,
} from './draftOverlay.js'
import { recordOfWritten, withoutLinkGroup } from './draftStore.js'
import { DraftTree, type Found } from './draftTree.js'
import { type EntryInfo, notAFile, pathNotFound, type TreeRoot } from './entries.js'
import { describePath, isBelow, joinPath, type PathLike, parsePath } from './paths.js'
import type { Before } from './sequenceBefore.js'

/** What a file is written from; text is stored as UTF-8. */
export type FileData = string | Uint8Array | AsyncIterable<Uint8Array>

export interface WriteOptions {
  /** Default: as the file was; `false` for a new one. */
  readonly executable?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const SYMLINK_BYTES_MAX = 4095

export class Draft {
  private readonly writer: ObjectWriter
  private readonly tree: DraftTree
  private lastEdit: Promise<unknown> = Promise.resolve()

  /**
   * `base` is the tree that the edits are laid over: a commit, or empty contents for an unborn branch.
   * @internal
   */
  constructor(writer: ObjectWriter, base: TreeRoot) {
    this.writer = writer
    this.tree = new DraftTree(writer, base)
  }

  /**
   * Writes a whole file, and replaces a file, symlink or gitlink that is there. A stream that fails leaves what was.
   *
   * @throws {VarveError} `NOT_A_FILE` when a directory is there, `NOT_A_DIRECTORY` where the path leads through
   * something else, `INVALID_PATH`, `CANCELLED`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.write('notes/today.md', '# Today\n')
   * await draft.write('bin/run.sh', '#!/bin/sh\n', { executable: true })
   * await draft.commit({ message: 'Notes, and a script' })
   * ```
   */
  write(path: PathLike, data: FileData, options: WriteOptions = {}): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      const found = await this.tree.find(segments)
      refuseDirectory(segments, found)
      const bytes = typeof data === 'string' ? bytesOf(data) : data
      const content = await writeContent(this.writer, bytes, { before: contentBefore(found), signal: options.signal })
      await this.putFile(segments, content, found, { whole: true, executable: options.executable })
    })
  }

  /**
   * Overwrites bytes of a file from byte `offset` on, and lengthens it where they reach behind its end. A gap before
   * them is filled with zeros. Costs what the change costs, however long the file.
   *
   * @throws {VarveError} as `write`; `PATH_NOT_FOUND`; `NOT_A_FILE` also for symlinks; `INVALID_ARGUMENT` unless
   * `offset` is an integer, 0 or more
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.writeAt('data/numbers.txt', 2, 'B')
   * await draft.commit({ message: 'The second number is a letter now' })
   * ```
   */
  writeAt(path: PathLike, offset: number, data: string | Uint8Array): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      requireCount('offset', offset)
      const { found, entry } = await this.requireFile(segments)
      const bytes = bytesOf(data)
      if (bytes.length === 0) return
      const content = await spliceContent(this.writer, entry.content, offset, bytes)
      await this.putFile(segments, content, found, { whole: false })
    })
  }

  /**
   * Adds bytes at the end of a file, and makes the file where there is none. Costs what is added.
   *
   * @throws {VarveError} as `write`; `NOT_A_FILE` also for symlinks
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.append('data/numbers.txt', '4\n')
   * await draft.commit({ message: 'One more number' })
   * ```
   */
  append(path: PathLike, data: string | Uint8Array): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      const found = await this.tree.find(segments)
      const entry = found && fileOf(segments, found)
      const bytes = bytesOf(data)
      const before = entry?.content ?? EMPTY_CONTENT
      if (entry && bytes.length === 0) return
      const content = bytes.length === 0 ? before : await spliceContent(this.writer, before, before.size, bytes)
      await this.putFile(segments, content, found, { whole: false })
    })
  }

  /**
   * Cuts a file off after `size` bytes, or fills it up with zeros to that size.
   *
   * @throws {VarveError} as `writeAt`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.truncate('data/numbers.txt', 4)
   * await draft.commit({ message: 'Two numbers are enough' })
   * ```
   */
  truncate(path: PathLike, size: number): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      requireCount('size', size)
      const { found, entry } = await this.requireFile(segments)
      if (size === entry.content.size) return
      const content = await truncateContent(this.writer, entry.content, size)
      await this.putFile(segments, content, found, { whole: false })
    })
  }

  /**
   * Copies a file, symlink or whole directory, with what is recorded of it, in O(1): nothing is read or stored again.
   * It replaces a file or symlink that is at `to`, if it is no directory itself.
   *
   * @param source another tree to copy from, or what finds it when the copy's turn comes; default: this draft.
   * @throws {VarveError} `PATH_NOT_FOUND`; `ALREADY_EXISTS` when a directory is in the way, or would replace something;
   * `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.copy('data', 'backup/data')
   * await draft.commit({ message: 'A second set of data' })
   * ```
   */
  copy(from: PathLike, to: PathLike, source?: TreeRoot | (() => Promise<TreeRoot>)): Promise<void> {
    return this.edit(async () => {
      const target = parsePath(to)
      const segments = parsePath(from)
      const root = typeof source === 'function' ? await source() : source
      const state = root ? await this.tree.takeFrom(root, segments) : withoutLinkGroup(await this.tree.take(segments))
      await this.refuseOverwrite(target, state)
      this.tree.put(await this.tree.place(target), state)
    })
  }

  /**
   * Moves a file, symlink or whole directory, with what is recorded of it, in O(1). Replaces as `copy` does.
   *
   * @throws {VarveError} as `copy`; `INVALID_ARGUMENT` for the root, and for a directory into itself
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.rename('readme.txt', 'docs/readme.txt')
   * await draft.commit({ message: 'Move the documents' })
   * ```
   */
  rename(from: PathLike, to: PathLike): Promise<void> {
    return this.edit(async () => {
      const target = parsePath(to)
      const segments = parsePath(from)
      refuseRoot(segments, 'moved')
      const state = await this.tree.take(segments)
      if (joinPath(segments) === joinPath(target)) return
      if (isBelow(target, segments)) {
        throw new VarveError('INVALID_ARGUMENT', `${describePath(segments)} cannot be moved into itself`, {
          path: nameToText(joinPath(segments)),
        })
      }
      await this.refuseOverwrite(target, state)
      const origin = await this.tree.place(segments)
      // From here on nothing waits: nobody sees it in both places, or in none.
      const goal = await this.tree.place(target)
      this.tree.put(origin, REMOVED)
      this.tree.put(goal, state)
    })
  }

  /**
   * Removes a file or symlink, or a directory with all that is in it. The directory that it was in stays.
   *
   * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_PATH`; `INVALID_ARGUMENT` for the root
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.remove('data')
   * await draft.commit({ message: 'No data' })
   * ```
   */
  remove(path: PathLike): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      refuseRoot(segments, 'removed')
      if (!(await this.tree.find(segments))) throw pathNotFound(segments)
      this.tree.put(await this.tree.place(segments), REMOVED)
    })
  }

  /**
   * Makes a directory and its missing parents. Does nothing when it is there already.
   *
   * @throws {VarveError} `ALREADY_EXISTS` when something else is there, `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.mkdir('inbox')
   * await draft.commit({ message: 'A place for what comes in' })
   * ```
   */
  mkdir(path: PathLike): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      const found = await this.tree.find(segments)
      if (found?.kind === 'directory') return
      if (found) throw alreadyExists(segments, found.kind)
      const place = await this.tree.place(segments)
      this.tree.put(place, { is: 'open', directory: openEmpty(place.before) })
    })
  }

  /**
   * Makes a symlink at `path`, and replaces a file or symlink that is there. `target` is kept as it is given and may
   * point anywhere: nothing inside a store follows it.
   *
   * @throws {VarveError} `NOT_A_FILE` when a directory is at `path`; `INVALID_ARGUMENT` for a target that is empty or
   * holds NUL; `LIMIT_EXCEEDED` above 4,095 bytes; `NOT_A_DIRECTORY`, `INVALID_PATH`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.symlink('data/numbers.txt', 'current')
   * await draft.commit({ message: 'Point at what counts' })
   * ```
   */
  symlink(target: PathLike, path: PathLike): Promise<void> {
    return this.edit(async () => {
      const segments = parsePath(path)
      const bytes = targetBytes(target)
      refuseDirectory(segments, await this.tree.find(segments))
      const content = await writeSymlinkTarget(this.writer, bytes)
      const place = await this.tree.place(segments)
      const entry: TreeEntry = { name: place.name, kind: 'symlink', executable: false, content, files: 0 }
      this.tree.put(place, { is: 'entry', entry, recorded: UNRECORDED, source: 'written' })
    })
  }

  /**
   * A whole file, as it is in the draft now.
   *
   * @throws {VarveError} as `Snapshot.read`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.append('readme.txt', 'three\n')
   * console.log((await draft.read('readme.txt')).toString('utf8'))
   * ```
   */
  async read(path: PathLike): Promise<Buffer> {
    const { content } = (await this.requireFile(parsePath(path))).entry
    return readWhole(this.writer, content)
  }

  /**
   * The entries of a directory in the order of name bytes, as they were when listing began. Default: the root.
   *
   * @throws {VarveError} as `Snapshot.list`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.mkdir('inbox')
   * for await (const entry of draft.list()) console.log(entry.kind, entry.name)
   * ```
   */
  async *list(path: PathLike = ''): AsyncGenerator<EntryInfo> {
    yield* this.tree.list(parsePath(path))
  }

  /**
   * One entry, as it is in the draft now; `''` is the root.
   *
   * @throws {VarveError} as `Snapshot.stat`
   * @example
   * ```ts
   * await using draft = await repo.draft('main')
   * await draft.remove('data')
   * console.log((await draft.stat('')).files)
   * ```
   */
  async stat(path: PathLike): Promise<EntryInfo> {
    return this.tree.stat(parsePath(path))
  }

  /**
   * Writes the trees, once all edits are done. Each touched directory costs O(log n) new objects an edit. The draft can
   * be edited further and written again.
   * @internal
   */
  toTree(writer: ObjectWriter = this.writer): Promise<TreeRoot> {
    return this.edit(() => this.tree.store(writer))
  }

  /**
   * Lays the edits over another tree, such as that of a commit that came in between. Resolves with the paths where it
   * holds something else than what was edited here; if there are any, the draft stays as it is.
   * @internal
   */
  rebaseOnto(base: TreeRoot): Promise<ByteName[]> {
    return this.edit(() => this.tree.layOver(base))
  }

  /**
   * What was taken over by id, not written here: the store must still have it when the tree becomes reachable.
   * @internal
   */
  adopted(): AdoptedContent[] {
    return this.tree.adopted()
  }

  /** Runs `body` after all edits that were asked for before. */
  private edit<T>(body: () => Promise<T>): Promise<T> {
    const done = this.lastEdit.then(body, body)
    this.lastEdit = done
    return done
  }

  private async requireFile(path: readonly ByteName[]): Promise<{ found: Found; entry: TreeEntry }> {
    const found = await this.tree.require(path)
    return { found, entry: fileOf(path, found) }
  }

  private async putFile(
    path: readonly ByteName[],
    content: Content,
    found: Found | undefined,
    how: { readonly whole: boolean; readonly executable?: boolean | undefined },
  ): Promise<void> {
    const was = found?.state.is === 'entry' && found.kind === 'file' ? found.state : undefined
    const place = await this.tree.place(path)
    const entry: TreeEntry = {
      name: place.name,
      kind: 'file',
      executable: how.executable ?? was?.entry.executable ?? false,
      content,
      files: 0,
    }
    const recorded: Recorded = !was
      ? UNRECORDED
      : was.recorded.inherited
        ? INHERITED
        : { inherited: false, value: recordOfWritten(was.recorded.value, entry.executable) }
    // Overwritten in part, it shares chunks with what it was.
    const source = how.whole || !was ? 'written' : was.source
    this.tree.put(place, { is: 'entry', entry, recorded, source })
  }

  /** @throws {VarveError} `ALREADY_EXISTS` unless `path` is free, or both there and here are no directories. */
  private async refuseOverwrite(path: readonly ByteName[], state: OverlayState): Promise<void> {
    const there = await this.tree.find(path)
    if (!there) return
    const isDirectory = state.is === 'open' || (state.is === 'entry' && state.entry.kind === 'directory')
    if (isDirectory || there.kind === 'directory') throw alreadyExists(path, there.kind)
  }
}

function fileOf(path: readonly ByteName[], { state, kind }: Found): TreeEntry {
  if (state.is !== 'entry' || kind !== 'file') throw notAFile(path, kind)
  return state.entry
}

/** What a write takes the place of. */
function contentBefore(found: Found | undefined): Before | undefined {
  const state = found?.kind === 'file' ? found.state : undefined
  return state?.is === 'entry' ? async () => state.entry.content : undefined
}

function refuseDirectory(path: readonly ByteName[], found: Found | undefined): void {
  if (found?.kind === 'directory') throw notAFile(path, 'directory')
}

function refuseRoot(path: readonly ByteName[], what: string): void {
  if (path.length === 0) throw new VarveError('INVALID_ARGUMENT', `the root cannot be ${what}`, { path: '' })
}

function alreadyExists(path: readonly ByteName[], kind: TreeEntryKind): VarveError {
  return new VarveError('ALREADY_EXISTS', `there is a ${kind} at ${describePath(path)} already`, {
    path: nameToText(joinPath(path)),
    actual: kind,
    hint: 'Remove it first, or choose another path.',
  })
}

function targetBytes(target: PathLike): Buffer {
  const bytes = typeof target === 'string' ? nameToBytes(nameFromText(target)) : Buffer.from(target)
  if (bytes.length === 0 || bytes.includes(0)) {
    throw new VarveError('INVALID_ARGUMENT', 'the target of a symlink must not be empty or hold NUL')
  }
  if (bytes.length > SYMLINK_BYTES_MAX) {
    throw new VarveError('LIMIT_EXCEEDED', `the target of a symlink has at most ${SYMLINK_BYTES_MAX} bytes`, {
      expected: SYMLINK_BYTES_MAX,
      actual: bytes.length,
    })
  }
  return bytes
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : data
}
