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
import { type MovedChange, withRenames } from './renames.js'
import { diffTrees, type TreeChange } from './treeDiff.js'

export interface EntrySummary {
  readonly kind: TreeEntryKind
  readonly executable: boolean
  readonly sizeBytes: number
  /** Absent when empty. */
  readonly id?: Hash
}

/**
 * `type-changed`: one kind of entry took the place of another. `mode-changed`: only the mode
 * differs; in a working folder also owner or hard links.
 * `renamed`: only with `renames`; the content may have changed too.
 */
export type ChangeKind = 'added' | 'removed' | 'modified' | 'type-changed' | 'mode-changed' | 'renamed'

export interface Change {
  /** For people: bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string
  /** Exact. */
  readonly pathBytes: Buffer
  readonly kind: ChangeKind
  readonly before?: EntrySummary
  readonly after?: EntrySummary
  /** Of what was renamed: the path it had before, for people. */
  readonly from?: string
  /** The same, exact. */
  readonly fromBytes?: Buffer
  /** Of what was renamed: how much of the larger content both have, in percent; 100 only for the same content. */
  readonly similarity?: number
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
  /**
   * Find files that moved: the same content first, then those at least half alike, unless they are very many. Changes
   * come only once all are known, and are held in memory until then. Default false.
   */
  readonly renames?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** In the order of path bytes. */
export async function* diffRoots(
  reader: ObjectReader,
  a: TreeRoot,
  b: TreeRoot,
  options: DiffOptions = {},
): AsyncGenerator<Change> {
  const changes = treeChanges(reader, a, b, options)
  const found = options.renames ? withRenames(reader, changes, options) : changes
  for await (const change of found) yield await describe(reader, change, options)
}

/** Those that are asked for, one for each path. */
async function* treeChanges(
  reader: ObjectReader,
  a: TreeRoot,
  b: TreeRoot,
  options: DiffOptions,
): AsyncGenerator<TreeChange> {
  const filters = options.paths?.map(parsePath)
  let held: TreeChange | undefined
  for await (const change of diffTrees(reader, a.tree, b.tree)) {
    throwIfCancelled(options.signal)
    if (filters && !filters.some((filter) => isBelow(segments(change.path), filter))) continue
    // A changed type comes as a removal and an addition at one path.
    if (held?.path === change.path) {
      yield { ...held, ...change, kind: 'modified' }
      held = undefined
      continue
    }
    if (held) yield held
    held = change
  }
  if (held) yield held
}

function segments(path: ByteName): ByteName[] {
  return path.split('/') as ByteName[]
}

async function describe(reader: ObjectReader, change: MovedChange, options: DiffOptions): Promise<Change> {
  const { before, after } = change
  const counts = options.changedBytes ? await changedBytes(reader, contentOf(before), contentOf(after)) : undefined
  return {
    ...describeChange(change),
    ...(counts ? { addedBytes: counts.added, removedBytes: counts.removed } : {}),
  }
}

/** What can be said of a change without reading anything. */
export function describeChange(change: MovedChange): Change {
  const { before, after, from, similarity } = change
  return {
    path: nameToText(change.path),
    pathBytes: nameToBytes(change.path),
    kind: kindOf(change),
    ...(before ? { before: summary(before) } : {}),
    ...(after ? { after: summary(after) } : {}),
    ...(from === undefined ? {} : { from: nameToText(from), fromBytes: nameToBytes(from) }),
    ...(similarity === undefined ? {} : { similarity }),
  }
}

function kindOf({ before, after, from }: MovedChange): ChangeKind {
  if (from !== undefined) return 'renamed'
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
