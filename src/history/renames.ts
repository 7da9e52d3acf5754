/**
 * Which of the files that went are files that came, under another path.
 *
 * Each file is used once. The same content is the same file, the one with the same name first; then those that are at
 * least half alike, the most alike first. Comparing every file that went with every one that came takes time: above a
 * limit only the same content counts. Empty files are nobody's: they say nothing about where they came from.
 */
import type { Hash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectReader } from '../cas/objects.js'
import { EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntryKind } from '../format/tree.js'
import { ContentSimilarity } from './contentSimilarity.js'
import type { TreeChange } from './treeDiff.js'

/** A file that went or came. */
export interface MovedFile {
  readonly path: ByteName
  readonly kind: TreeEntryKind
  readonly sizeBytes: number
  /** Says what it holds. Absent when empty. */
  readonly contentKey?: string | undefined
}

export interface RenamePair<File extends MovedFile> {
  readonly from: File
  readonly to: File
  /** In percent; 100 for the same content. */
  readonly similarity: number
}

/** A pair is a rename from here on. */
const SIMILARITY_MIN = 50
/** Comparisons of two files, at most. */
const COMPARED_PAIRS_MAX = 400 * 400

/**
 * @param similarity of two files that are not the same, in percent
 * @param pairsMax When there are more pairs to compare, none is.
 */
export async function pairRenames<File extends MovedFile>(
  removed: readonly File[],
  added: readonly File[],
  similarity: (from: File, to: File) => Promise<number>,
  pairsMax = COMPARED_PAIRS_MAX,
): Promise<RenamePair<File>[]> {
  const pairs: RenamePair<File>[] = []
  const [gone, come] = [new Set(removed.filter(isNamed)), new Set(added.filter(isNamed))]
  const pair = (from: File, to: File, percent: number): void => {
    pairs.push({ from, to, similarity: percent })
    gone.delete(from)
    come.delete(to)
  }
  for (const keyOf of [sameContentAndName, sameContent]) {
    const waiting = new Map<string, File[]>()
    // From the last on, so that `pop` takes the first.
    for (const file of [...gone].reverse()) {
      const files = waiting.get(keyOf(file))
      if (files) files.push(file)
      else waiting.set(keyOf(file), [file])
    }
    for (const file of [...come]) {
      const from = waiting.get(keyOf(file))?.pop()
      if (from) pair(from, file, 100)
    }
  }
  for (const { from, to, similarity: percent } of await likely([...gone], [...come], similarity, pairsMax)) {
    if (gone.has(from) && come.has(to)) pair(from, to, percent)
  }
  return pairs
}

function isNamed({ contentKey }: MovedFile): boolean {
  return contentKey !== undefined
}

function nameOf({ path }: MovedFile): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function sameContent({ kind, contentKey }: MovedFile): string {
  return `${kind} ${contentKey}`
}

function sameContentAndName(file: MovedFile): string {
  return `${sameContent(file)} ${nameOf(file)}`
}

/** Pairs that are alike enough, the most alike first; of those that are so equally, the one that kept its name. */
async function likely<File extends MovedFile>(
  gone: readonly File[],
  come: readonly File[],
  similarity: (from: File, to: File) => Promise<number>,
  pairsMax: number,
): Promise<RenamePair<File>[]> {
  const [from, to] = [gone.filter(isFile), come.filter(isFile)]
  if (from.length * to.length > pairsMax) return []
  const pairs: RenamePair<File>[] = []
  for (const one of from) {
    for (const other of to) {
      const [less, more] = [one.sizeBytes, other.sizeBytes].sort((a, b) => a - b) as [number, number]
      // They cannot be more alike than their sizes are.
      if (100 * less < SIMILARITY_MIN * more) continue
      const percent = await similarity(one, other)
      if (percent >= SIMILARITY_MIN) pairs.push({ from: one, to: other, similarity: percent })
    }
  }
  const keeps = ({ from: one, to: other }: RenamePair<File>): number => (nameOf(one) === nameOf(other) ? 1 : 0)
  return pairs.sort((a, b) => b.similarity - a.similarity || keeps(b) - keeps(a))
}

function isFile({ kind }: MovedFile): boolean {
  return kind === 'file'
}

/** A change, and for what was renamed the path it had before. */
export interface MovedChange extends TreeChange {
  readonly from?: ByteName
  readonly similarity?: number
}

interface ChangedFile extends MovedFile {
  readonly change: TreeChange
}

export interface RenameOptions {
  readonly signal?: AbortSignal | undefined
  /** Makes sure that the content of a file that came can be read, once it is to be compared. @returns whether it can */
  readonly prepare?: ((change: TreeChange) => Promise<boolean>) | undefined
}

/** The same changes, with renames as one change at the new path. Holds all of them: what went may come at the end. */
export async function* withRenames(
  reader: ObjectReader,
  changes: AsyncIterable<TreeChange> | Iterable<TreeChange>,
  { signal, prepare }: RenameOptions = {},
): AsyncGenerator<MovedChange> {
  const all: TreeChange[] = []
  for await (const change of changes) all.push(change)
  const alike = new ContentSimilarity(reader)
  const pairs = await pairRenames(
    all.filter(({ after }) => !after).map(movedFile),
    all.filter(({ before }) => !before).map(movedFile),
    async (from, to) => {
      throwIfCancelled(signal)
      if (prepare && !(await prepare(to.change))) return 0
      return alike.percent(contentOf(from), contentOf(to))
    },
  )
  const renamed = new Map(pairs.map((pair) => [pair.to.change, pair]))
  const taken = new Set(pairs.map(({ from }) => from.change))
  for (const change of all) {
    const pair = renamed.get(change)
    const before = pair?.from.change.before
    if (pair && before) yield { ...change, kind: 'modified', before, from: pair.from.path, similarity: pair.similarity }
    else if (!taken.has(change)) yield change
  }
}

function movedFile(change: TreeChange): ChangedFile {
  const entry = change.before ?? change.after
  const id: Hash | undefined = entry?.kind === 'directory' ? undefined : entry?.content.id
  return {
    change,
    path: change.path,
    kind: entry?.kind ?? 'file',
    sizeBytes: entry?.content.size ?? 0,
    contentKey: id === undefined ? undefined : `${entry?.content.shape} ${id}`,
  }
}

function contentOf({ change: { before, after } }: ChangedFile) {
  return (before ?? after)?.content ?? EMPTY_CONTENT
}
