/**
 * Tidying a working folder: taking out what no commit has, taking out what the next commit is not to have, and moving
 * things about.
 *
 * There is no index that would have to be told: what is done to the files is all there is to it. So all that is asked for
 * is looked at before anything is changed, and what would be lost is refused.
 */
import { VarveError } from './base/errors.js'
import type { EntryType } from './base/filesystem.js'
import { type ByteName, nameToBytes, nameToText, ROOT_NAME } from './base/names.js'
import { throwIfCancelled, type WorkOptions } from './base/progress.js'
import { FolderSwitch } from './folderSwitch.js'
import { EMPTY_CONTENT } from './format/content.js'
import type { TreeEntry } from './format/tree.js'
import { entryAt, pathNotFound, rootEntry, type TreeRoot } from './history/entries.js'
import { describePath, joinPath, type PathLike, parsePath } from './history/paths.js'
import { diffTrees, type TreeChange } from './history/treeDiff.js'
import { byPath, isAtOrBelow } from './worktree/bytePath.js'
import { applyMove, type Move, planMoves } from './worktree/moves.js'
import { planRecordedRemovals } from './worktree/recordedRemovals.js'
import { firstFew, Remover } from './worktree/removal.js'
import { findUntracked, type IgnoredFate, type Kept, type Untracked } from './worktree/untracked.js'

export interface CleanOptions extends WorkOptions {
  /** Remove what is found. Default: only say what would be removed. */
  readonly apply?: boolean | undefined
  /** What ignore rules name: it stays (`keep`, the default), goes as well (`also`), or is all that goes (`only`). */
  readonly ignored?: IgnoredFate | undefined
  /** Patterns in the syntax of .gitignore, relative to the folder's root: what they name stays in any case. */
  readonly exclude?: readonly string[] | undefined
  /** Only these files, and what is below these directories, from the folder's root. Default: all. */
  readonly paths?: readonly PathLike[] | undefined
  /** A directory that stays, with those above it, though all that is in it may go: the one the caller is in. */
  readonly standingIn?: PathLike | undefined
}

/** Something of a working folder that goes. */
export interface TidiedPath {
  /** From the folder's root, for people. */
  readonly path: string
  readonly pathBytes: Buffer
  /** A directory goes with all that is in it. `other`: a pipe, a socket or a device. */
  readonly kind: EntryType
}

export interface KeptPath {
  readonly path: string
  readonly pathBytes: Buffer
  /** For people. */
  readonly reason: string
}

export interface CleanResult {
  /** What was removed, or without `apply` would be, in the order of path bytes. */
  readonly paths: readonly TidiedPath[]
  /** What is left alone although it was asked for: others' repositories and working folders, what changed meanwhile. */
  readonly kept: readonly KeptPath[]
}

export interface RemovePathsOptions extends WorkOptions {
  /** Directories too, with all of the commit that is below them. */
  readonly recursive?: boolean | undefined
  /** Also what has uncommitted changes: they are lost. */
  readonly force?: boolean | undefined
  /** Only say what would be removed. */
  readonly dryRun?: boolean | undefined
  /** A directory that stays, with those above it, even when it becomes empty: the one the caller is in. */
  readonly standingIn?: PathLike | undefined
}

export interface RemovePathsResult {
  /** What the next commit has no more, in the order of path bytes: files, and directories that were empty. */
  readonly paths: readonly { readonly path: string; readonly pathBytes: Buffer }[]
}

export interface MovePathsOptions extends WorkOptions {
  /** `to` must be a directory to move into. Where there is one, it is taken for that anyhow. */
  readonly into?: boolean | undefined
  /** Overwrite files. Directories never are. */
  readonly force?: boolean | undefined
  /** Only say what would be moved. */
  readonly dryRun?: boolean | undefined
}

export interface MovedPath {
  readonly from: string
  readonly fromBytes: Buffer
  readonly to: string
  readonly toBytes: Buffer
}

export interface MovePathsResult {
  readonly moves: readonly MovedPath[]
}

export abstract class FolderTidy extends FolderSwitch {
  /**
   * Removes what is in the folder and not in the commit it stands at; without `apply` it only tells what that is. A
   * directory goes as a whole if all that is in it goes. Never touched: `.varve`, `.git`, the store, symlinks' targets,
   * and all of a directory below that has a `.varve` or `.git` of its own. What changed since it was found stays.
   *
   * @throws {VarveError} `UNCOMMITTED_CHANGES` before the first commit, `SWITCH_INTERRUPTED`, `UNREADABLE_FILES` for an ignore
   * file, `INVALID_PATH`, `INVALID_ARGUMENT`, `STORE_LOCKED`, `CANCELLED`; `STORAGE_DENIED` (`details.paths`) for what
   * could not be removed, when all else is gone
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.commit({ message: 'First' })
   * const { paths } = await folder.clean({ ignored: 'also' })
   * if (paths.every(({ kind }) => kind === 'file')) await folder.clean({ ignored: 'also', apply: true })
   * ```
   */
  async clean(options: CleanOptions = {}): Promise<CleanResult> {
    const { ignored = 'keep', exclude, signal, onProgress } = options
    if (ignored === 'only') refuseNegated(exclude ?? [])
    const paths = options.paths?.map(parsed)
    const standingIn = options.standingIn === undefined ? undefined : parsed(options.standingIn)
    return this.alone(async () => {
      this.requireNoSwitch()
      const { store, fileSystem } = this.session
      const { globalIgnore, storeFiles } = this.scanning
      const tree = await this.committedTree()
      const how = { ignored, exclude, paths, standingIn, globalIgnore, storeFiles, signal, onProgress }
      const found = await this.whileThere((root) => findUntracked(store, fileSystem, root, tree, how))
      if (!options.apply) return { paths: found.going.map(toTidied), kept: found.kept.map(toKept) }
      const remover = new Remover(fileSystem, this.root, { signal })
      const removed: Untracked[] = []
      for (const entry of found.going) for (const one of await remover.removeAll(entry)) removed.push(one)
      remover.requireAllRemoved()
      const kept = [...found.kept, ...remover.kept]
      return { paths: removed.sort(byPath).map(toTidied), kept: kept.sort(byPath).map(toKept) }
    })
  }

  /**
   * Removes files of the commit from the folder, so that the next commit has them no more; directories that become empty
   * by this go as well. Files that no commit has stay.
   *
   * @param paths from the folder's root
   * @throws {VarveError} `PATH_NOT_FOUND` for what the commit does not have, `NOT_A_FILE` for a directory unless `recursive`,
   * `UNCOMMITTED_CHANGES` (`details.paths`) and `UNREADABLE_FILES` unless `force`: then nothing was removed; `FILE_CHANGED` for what changed since it
   * was looked at, and `STORAGE_DENIED` for what could not be removed: then all else is gone; `SWITCH_INTERRUPTED`
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.commit({ message: 'First' })
   * await folder.removePaths(['data'], { recursive: true })
   * await folder.commit({ message: 'No data' })
   * ```
   */
  async removePaths(paths: readonly PathLike[], options: RemovePathsOptions = {}): Promise<RemovePathsResult> {
    const wanted = paths.map(parsePath)
    const standingIn = options.standingIn === undefined ? undefined : parsed(options.standingIn)
    const mayGo = (directory: ByteName) => standingIn === undefined || !isAtOrBelow(standingIn, directory)
    return this.alone(async () => {
      this.requireNoSwitch()
      const recorded = await this.recordedAt(wanted, options)
      const doomed = recorded.filter(({ path, before }) => before?.kind !== 'directory' || mayGo(path))
      const { force, signal, onProgress } = options
      const { fileSystem } = this.session
      const { storeFiles } = this.scanning
      const how = { cache: this.cache(), storeFiles, force, signal, onProgress }
      const { files, conflicts } = await this.whileThere((root) =>
        planRecordedRemovals(this.ids, fileSystem, root, doomed, how),
      )
      if (conflicts.length > 0) throw uncommitted(conflicts)
      if (options.dryRun) return { paths: doomed.map(toPath) }
      const remover = new Remover(fileSystem, this.root, { signal })
      const left = new Set<ByteName>()
      for (const { path, stat } of files) if ((await remover.removeFile(path, stat)) === 'left') left.add(path)
      for (const path of directoriesOf(doomed).filter(mayGo)) {
        if ((await remover.removeDirectory(path)) === 'left') left.add(path)
      }
      remover.requireAllRemoved()
      if (remover.kept.length > 0) throw changedMeanwhile(remover.kept)
      return { paths: doomed.filter(({ path }) => !left.has(path)).map(toPath) }
    })
  }

  /**
   * Moves files and directories within the folder, or gives one another name. What is uncommitted in them is taken along,
   * and what no commit has as well. Everything is checked before the first is moved.
   *
   * @param from from the folder's root, as `to`
   * @param to the new name, or a directory to move into
   * @throws {VarveError} `PATH_NOT_FOUND`, `NOT_A_DIRECTORY`, `ALREADY_EXISTS` (a file, unless `force`; a directory),
   * `INVALID_ARGUMENT` for what may not be moved, `UNSAFE_PATH` through a symlink, `STORAGE_IO` onto another file system,
   * `STORAGE_DENIED`, `SWITCH_INTERRUPTED`. Where some had been moved by then, `details.moved` says which.
   * @example
   * ```ts
   * await using folder = await WorkingFolder.init(`${dir}/tree`)
   * await folder.movePaths(['readme.txt'], 'data')
   * const { moves } = await folder.movePaths(['data/readme.txt'], 'read-me.txt')
   * console.log(moves[0]?.to)
   * ```
   */
  async movePaths(from: readonly PathLike[], to: PathLike, options: MovePathsOptions = {}): Promise<MovePathsResult> {
    const [sources, destination] = [from.map(parsed), parsed(to)]
    return this.alone(async () => {
      this.requireNoSwitch()
      const { fileSystem } = this.session
      const { storeFiles } = this.scanning
      const rules = { into: options.into, force: options.force, storeFiles }
      const moves = await this.whileThere(async (root) => planMoves(fileSystem, root, sources, destination, rules))
      if (!options.dryRun) this.moveAll(moves, options.signal)
      return { moves: moves.map(toMoved) }
    })
  }

  /** @throws {VarveError} `UNCOMMITTED_CHANGES` when there is none: everything in the folder would be untracked */
  private committedTree(): Promise<TreeRoot> {
    if (this.row.head !== undefined) return this.tree()
    throw new VarveError(
      'UNCOMMITTED_CHANGES',
      `nothing in ${this.path} was committed yet: all of it would be removed`,
      {
        path: this.path,
        hint: 'Commit what is to stay first.',
      },
    )
  }

  /** What the commit has at these paths and below, each once, in the order of path bytes. */
  private async recordedAt(
    paths: readonly ByteName[][],
    { recursive, signal }: RemovePathsOptions,
  ): Promise<readonly TreeChange[]> {
    const { store } = this.session
    const tree = await this.tree()
    const found: { readonly path: ByteName; readonly entry: TreeEntry }[] = []
    for (const path of paths) {
      const entry = await entryAt(store, rootEntry(tree), path)
      if (!entry) throw this.notInCommit(path)
      if (entry.kind === 'directory' && !recursive) throw isDirectory(path)
      found.push({ path: joinPath(path), entry })
    }
    const doomed = new Map<ByteName, TreeChange>()
    for (const { path, entry } of found) {
      if (entry.kind !== 'directory' || entry.content.shape === 0) {
        if (path !== ROOT_NAME) doomed.set(path, { path, kind: 'removed', before: entry })
        continue
      }
      for await (const change of diffTrees(store, entry.content, EMPTY_CONTENT, path)) {
        throwIfCancelled(signal)
        doomed.set(change.path, change)
      }
    }
    return [...doomed.values()].sort(byPath)
  }

  private notInCommit(path: readonly ByteName[]): VarveError {
    const text = nameToText(joinPath(path))
    return this.row.head === undefined
      ? pathNotFound(path)
      : new VarveError('PATH_NOT_FOUND', `the commit has no ${describePath(path)}`, {
          path: text,
          hint: 'What no commit has is removed by `varve clean`, or as any file.',
        })
  }

  private moveAll(moves: readonly Move[], signal: AbortSignal | undefined): void {
    const done: string[] = []
    for (const move of moves) {
      try {
        throwIfCancelled(signal)
        applyMove(this.session.fileSystem, this.root, move)
      } catch (error) {
        if (done.length === 0 || !(error instanceof VarveError)) throw error
        const { code, message, details, hint = 'Those named before it were moved.', cause } = error
        throw new VarveError(code, message, { ...details, moved: done, hint, cause })
      }
      done.push(nameToText(move.from))
    }
  }
}

function parsed(path: PathLike): ByteName {
  return joinPath(parsePath(path))
}

/** Where only what is ignored goes, a pattern that takes something back from ignoring could be meant either way. */
function refuseNegated(patterns: readonly string[]): void {
  const negated = patterns.find((pattern) => pattern.split('\n').some((line) => line.startsWith('!')))
  if (negated === undefined) return
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(negated)}: patterns of what is kept begin without "!" here`,
    {
      actual: negated,
      hint: 'Name what is to stay.',
    },
  )
}

/** Deepest first: the empty ones of the commit, and those above of what is removed. */
function directoriesOf(doomed: readonly TreeChange[]): readonly ByteName[] {
  const found = new Set<ByteName>()
  for (const { path, before } of doomed) {
    if (before?.kind === 'directory') found.add(path)
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
      found.add(path.slice(0, end) as ByteName)
  }
  return [...found].sort((a, b) => (a < b ? 1 : -1))
}

function isDirectory(path: readonly ByteName[]): VarveError {
  return new VarveError('NOT_A_FILE', `${describePath(path)} is a directory`, {
    path: nameToText(joinPath(path)),
    expected: 'file',
    actual: 'directory',
    hint: 'To remove it with all that is in it: -r (library: `recursive: true`).',
  })
}

function uncommitted(conflicts: readonly ByteName[]): VarveError {
  const what = conflicts.length === 1 ? 'one file has' : `${conflicts.length} files have`
  const paths = conflicts.map(nameToText)
  return new VarveError('UNCOMMITTED_CHANGES', `${what} uncommitted changes: ${quoted(paths)}`, {
    paths,
    hint: 'Nothing was removed. Commit them, or give them up with --force.',
  })
}

function changedMeanwhile(kept: readonly Kept[]): VarveError {
  const what = kept.length === 1 ? 'one file' : `${kept.length} files`
  const paths = kept.map(({ path }) => nameToText(path))
  return new VarveError('FILE_CHANGED', `${what} changed meanwhile and stayed: ${quoted(paths)}`, {
    paths,
    hint: 'All else that was to go is gone.',
  })
}

function quoted(paths: readonly string[]): string {
  return firstFew(paths.map((path) => JSON.stringify(path)))
}

function toPath({ path }: { readonly path: ByteName }): { readonly path: string; readonly pathBytes: Buffer } {
  return { path: nameToText(path), pathBytes: nameToBytes(path) }
}

function toTidied({ path, stat }: Untracked): TidiedPath {
  return { ...toPath({ path }), kind: stat.type }
}

function toKept({ path, reason }: Kept): KeptPath {
  return { ...toPath({ path }), reason }
}

function toMoved({ from, to }: Move): MovedPath {
  return { from: nameToText(from), fromBytes: nameToBytes(from), to: nameToText(to), toBytes: nameToBytes(to) }
}
