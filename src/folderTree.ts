/**
 * The tree that a commit of a working folder records: what is in the folder, less what could not be read.
 *
 * What vanished between being listed and being read was removed, as far as anybody can tell. What is there and could not
 * be read was not: where a commit does without it, it stays as the commit before has it.
 */
import { type ByteName, nameToBytes, nameToText } from './base/names.js'
import type { ObjectReader, ObjectWriter } from './cas/objects.js'
import { Draft } from './history/draft.js'
import { entryAt, pathNotFound, rootEntry, type TreeRoot } from './history/entries.js'
import { type PathLike, parsePath } from './history/paths.js'
import { diffTrees } from './history/treeDiff.js'
import type { Session } from './session.js'
import { pickPaths } from './treeCommit.js'
import { type UnreadableFile, unreadableFiles } from './worktree/readFailure.js'
import { type StoredTree, type StoreTreeOptions, storeTree } from './worktree/storeTree.js'

export interface FolderTreeOptions extends StoreTreeOptions {
  /** Only what changed in these files and below these directories. Default: all. */
  readonly paths?: readonly PathLike[] | undefined
}

export interface FolderTree {
  readonly tree: TreeRoot
  readonly stored: StoredTree
  /** Whether `tree` is no other than what was stored. */
  readonly isWhole: boolean
  readonly skipped: readonly UnreadableFile[]
  readonly warnings: readonly string[]
}

/**
 * @param base what the folder stands at
 * @throws {VarveError} `UNREADABLE_FILES`, `PATH_NOT_FOUND`, and as `storeTree`
 */
export async function folderTree(
  writer: ObjectWriter,
  session: Session,
  folder: string,
  base: TreeRoot,
  { paths, skipUnreadable, ...options }: FolderTreeOptions,
): Promise<FolderTree> {
  const stored = await storeTree(writer, session.fileSystem, folder, { ...options, skipUnreadable: true })
  const skipped = stored.skipped.filter(({ code }) => code !== 'ENOENT')
  if (skipped.length > 0 && !skipUnreadable) throw unreadableFiles(skipped)
  const whole: TreeRoot = { tree: stored.tree, files: stored.files, attributes: stored.attributes }
  const vanished = await missingOf(writer, base, whole, stored.skipped, (failure) => !skipped.includes(failure))
  const warnings = vanished.map(
    (path) => `${JSON.stringify(nameToText(path))} vanished while the folder was read: it is recorded as removed`,
  )
  const unread = await missingOf(writer, base, whole, stored.skipped, (failure) => skipped.includes(failure))
  const kept = unread.length === 0 ? whole : await withEntriesOf(writer, base, whole, unread)
  const tree = paths === undefined ? kept : await picked(writer, base, kept, paths)
  return { tree, stored, isWhole: tree === whole, skipped, warnings: [...stored.warnings, ...warnings] }
}

/** What `base` has at the paths of failures, and `whole` has not. Failures are known by how their paths are shown. */
async function missingOf(
  reader: ObjectReader,
  base: TreeRoot,
  whole: TreeRoot,
  failures: readonly UnreadableFile[],
  isWanted: (failure: UnreadableFile) => boolean,
): Promise<readonly ByteName[]> {
  const shown = new Set(failures.filter(isWanted).map(({ path }) => path))
  const found = new Set<ByteName>()
  if (shown.size === 0) return []
  for await (const { path, after } of diffTrees(reader, base.tree, whole.tree)) {
    const top = after ? undefined : pathsDownTo(path).find((above) => shown.has(nameToText(above)))
    if (top !== undefined) found.add(top)
  }
  return [...found]
}

/** `a`, `a/b`, `a/b/c` of `a/b/c`. */
function pathsDownTo(path: ByteName): ByteName[] {
  const segments = path.split('/')
  return segments.map((_, index) => segments.slice(0, index + 1).join('/') as ByteName)
}

async function withEntriesOf(
  writer: ObjectWriter,
  base: TreeRoot,
  whole: TreeRoot,
  paths: readonly ByteName[],
): Promise<TreeRoot> {
  const draft = new Draft(writer, whole)
  for (const path of paths.map(nameToBytes)) await draft.copy(path, path, base)
  return draft.toTree()
}

async function picked(
  writer: ObjectWriter,
  base: TreeRoot,
  whole: TreeRoot,
  paths: readonly PathLike[],
): Promise<TreeRoot> {
  const filters = paths.map(parsePath)
  for (const filter of filters) {
    const isSomewhere = [base, whole].map((tree) => entryAt(writer, rootEntry(tree), filter))
    if ((await Promise.all(isSomewhere)).every((entry) => entry === undefined)) throw pathNotFound(filter)
  }
  return pickPaths(writer, base, whole, filters)
}
