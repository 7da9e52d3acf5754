/** What differs between two commits, for people and programs. Visits what changed, not what is there. */
import type { Hash } from '../base/hash.js'
import { type ByteName, nameToBytes, nameToText } from '../base/names.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry, TreeEntryKind } from '../format/tree.js'
import { changedBytes } from './contentDiff.js'
import type { TreeRoot } from './entries.js'
import { isBelow, type PathLike, parsePath } from './paths.js'
import { diffTrees, type TreeChange } from './treeDiff.js'

export interface EntrySummary {
  readonly kind: TreeEntryKind
  readonly executable: boolean
  readonly sizeBytes: number
  /** Absent when empty. */
  readonly id?: Hash
}

/**
 * `type-changed`: one kind of entry took the place of another. `mode-changed`: only the executable bit differs.
 */
export type ChangeKind = 'added' | 'removed' | 'modified' | 'type-changed' | 'mode-changed'

export interface Change {
  /** For people: bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string
  /** Exact. */
  readonly pathBytes: Buffer
  readonly kind: ChangeKind
  readonly before?: EntrySummary
  readonly after?: EntrySummary
  /** With `changedBytes`: bytes of chunks that only the new content has. */
  readonly addedBytes?: number
  /** With `changedBytes`: bytes of chunks that only the old content has. */
  readonly removedBytes?: number
}

export interface DiffOptions {
  /** Only these files, and what lies below these directories. */
  readonly paths?: readonly PathLike[] | undefined
  /** Say for each file how many bytes really changed, from chunks. */
  readonly changedBytes?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** In the order of path bytes. */
export async function* diffRoots(
  reader: ObjectReader,
  a: TreeRoot,
  b: TreeRoot,
  options: DiffOptions = {},
): AsyncGenerator<Change> {
  const filters = options.paths?.map(parsePath)
  let held: TreeChange | undefined
  for await (const change of diffTrees(reader, a.tree, b.tree)) {
    throwIfCancelled(options.signal)
    if (filters && !filters.some((filter) => isBelow(segments(change.path), filter))) continue
    // A changed type comes as a removal and an addition at one path.
    if (held?.path === change.path) {
      yield await describe(reader, { ...held, ...change, kind: 'modified' }, options)
      held = undefined
      continue
    }
    if (held) yield await describe(reader, held, options)
    held = change
  }
  if (held) yield await describe(reader, held, options)
}

function segments(path: ByteName): ByteName[] {
  return path.split('/') as ByteName[]
}

async function describe(reader: ObjectReader, change: TreeChange, options: DiffOptions): Promise<Change> {
  const { before, after } = change
  const counts = options.changedBytes ? await changedBytes(reader, contentOf(before), contentOf(after)) : undefined
  return {
    path: nameToText(change.path),
    pathBytes: nameToBytes(change.path),
    kind: kindOf(change),
    ...(before ? { before: summary(before) } : {}),
    ...(after ? { after: summary(after) } : {}),
    ...(counts ? { addedBytes: counts.added, removedBytes: counts.removed } : {}),
  }
}

function kindOf({ before, after }: TreeChange): ChangeKind {
  if (!before) return 'added'
  if (!after) return 'removed'
  if (before.kind !== after.kind) return 'type-changed'
  const sameContent = before.content.id === after.content.id && before.content.shape === after.content.shape
  return sameContent && before.foreignId === after.foreignId ? 'mode-changed' : 'modified'
}

/** Of a directory nothing counts: its files are changes of their own. */
function contentOf(entry: TreeEntry | undefined): Content {
  return entry && entry.kind !== 'directory' ? entry.content : EMPTY_CONTENT
}

function summary(entry: TreeEntry): EntrySummary {
  return {
    kind: entry.kind,
    executable: entry.executable,
    sizeBytes: entry.content.size,
    ...(entry.content.id === undefined ? {} : { id: entry.content.id }),
  }
}
