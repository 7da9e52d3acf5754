/**
 * What changed between two trees, in the order of the bytes of paths.
 *
 * Directories are compared only where their ids differ, so the nodes read are those on the way to a change. They
 * are not reported themselves: of a directory that came or went as a whole, everything below that is not a directory
 * is, and directories only where they are empty. A directory that became something else, or the reverse, is a removal
 * and an addition; a file that became a symlink or a gitlink is modified.
 */
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { list, TREE } from './directory.js'
import { sameEntry } from './entries.js'
import { rootOf } from './sequence.js'
import { diffNamed, type EntryDifference } from './sequenceDiff.js'

export interface TreeChange {
  /** From the root of the two trees. */
  readonly path: ByteName
  readonly kind: 'added' | 'removed' | 'modified'
  readonly before?: TreeEntry
  readonly after?: TreeEntry
}

/** `prefix` is put in front of every path. */
export async function* diffTrees(
  reader: ObjectReader,
  a: Content,
  b: Content,
  prefix: ByteName = ROOT_NAME,
): AsyncGenerator<TreeChange> {
  if (a.id === b.id && a.shape === b.shape) return
  // What is below `d` has paths that begin with `d/`, and these come after `d-` and `d.txt`: it waits here, the
  // last to come out first, because a name between `d` and `d/` begins with `d` itself.
  const waiting: Below[] = []
  for await (const { before, after } of differences(reader, a, b)) {
    const path = joinNames(prefix, (before ?? after)?.name ?? ROOT_NAME)
    while (waiting.length > 0) {
      const below = waiting.at(-1)
      if (!below || path < `${below.path}/`) break
      waiting.pop()
      yield* diffBelow(reader, below)
    }
    const directoryBefore = before?.kind === 'directory' ? before.content : undefined
    const directoryAfter = after?.kind === 'directory' ? after.content : undefined
    const isOneDirectory = directoryBefore !== undefined && directoryAfter !== undefined
    if (!isOneDirectory) yield* changesHere(path, before, after)
    waiting.push({ path, before: directoryBefore ?? EMPTY_CONTENT, after: directoryAfter ?? EMPTY_CONTENT })
  }
  for (let below = waiting.pop(); below; below = waiting.pop()) yield* diffBelow(reader, below)
}

interface Below {
  readonly path: ByteName
  readonly before: Content
  readonly after: Content
}

function diffBelow(reader: ObjectReader, { path, before, after }: Below): AsyncGenerator<TreeChange> {
  return diffTrees(reader, before, after, path)
}

async function* differences(reader: ObjectReader, a: Content, b: Content): AsyncGenerator<EntryDifference<TreeEntry>> {
  // A whole directory is read in order, with everything that comes next on its way.
  if (a.shape === 0) for await (const after of list(reader, b)) yield { before: undefined, after }
  else if (b.shape === 0) for await (const before of list(reader, a)) yield { before, after: undefined }
  else yield* diffNamed(reader, TREE, rootOf(a), rootOf(b), sameEntry)
}

/** What is said of the path itself, and not of what is below it. */
function* changesHere(
  path: ByteName,
  before: TreeEntry | undefined,
  after: TreeEntry | undefined,
): Generator<TreeChange> {
  const changesSort = before && after && (before.kind === 'directory') !== (after.kind === 'directory')
  if (before && after && !changesSort) {
    yield { path, kind: 'modified', before, after }
    return
  }
  if (before && isReported(before)) yield { path, kind: 'removed', before }
  if (after && isReported(after)) yield { path, kind: 'added', after }
}

function isReported(entry: TreeEntry): boolean {
  return entry.kind !== 'directory' || entry.content.shape === 0
}
