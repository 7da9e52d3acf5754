/**
 * What differs between two trees in content or in what is recorded beside it, times aside, for bringing a folder from the
 * one to the other.
 *
 * Unlike treeDiff.ts it tells of directories too: those that came, went, were emptied, or have another mode, each before
 * what it holds. What is the same in content and record is not read.
 */
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Attributes, AttributesEntry } from '../format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { ATTRIBUTES, sameButTimes } from './attributeTree.js'
import { lookup, TREE } from './directory.js'
import { sameEntry, type TreeRoot } from './entries.js'
import { listRecorded, type RecordedEntry, recordOf } from './listing.js'
import { rootOf } from './sequence.js'
import { diffNamed, type EntryDifference } from './sequenceDiff.js'

/** One side of a change. */
export interface RecordedSide {
  readonly entry: TreeEntry
  readonly attributes: Attributes
}

/** At least one side is there. */
export interface RecordedChange {
  /** From the root of the two trees. */
  readonly path: ByteName
  readonly before?: RecordedSide | undefined
  readonly after?: RecordedSide | undefined
}

/** Directory by directory, the names of each in their order. What is recorded of the root itself is no change. */
export function diffRecorded(reader: ObjectReader, a: TreeRoot, b: TreeRoot): AsyncGenerator<RecordedChange> {
  return diffBelow(reader, ROOT_NAME, a, b)
}

type Directory = Pick<TreeRoot, 'tree' | 'attributes'>

const NOTHING: Directory = { tree: EMPTY_CONTENT, attributes: EMPTY_CONTENT }

async function* diffBelow(
  reader: ObjectReader,
  prefix: ByteName,
  a: Directory,
  b: Directory,
): AsyncGenerator<RecordedChange> {
  if (sameContent(a.tree, b.tree) && sameContent(a.attributes, b.attributes)) return
  for await (const { before, after } of pairs(reader, a, b)) {
    const path = joinNames(prefix, (before ?? after)?.entry.name ?? ROOT_NAME)
    if (differ(before, after)) yield { path, before: sideOf(before), after: sideOf(after) }
    const [below, above] = [directoryOf(before), directoryOf(after)]
    if (below || above) yield* diffBelow(reader, path, below ?? NOTHING, above ?? NOTHING)
  }
}

interface Pair {
  readonly before: RecordedEntry | undefined
  readonly after: RecordedEntry | undefined
}

/** Both sides of each name whose entry differs, or what is recorded of it or below it. */
async function* pairs(reader: ObjectReader, a: Directory, b: Directory): AsyncGenerator<Pair> {
  // A whole directory is read in order.
  if (a.tree.shape === 0) {
    for await (const after of listRecorded(reader, b.tree, b.attributes)) yield { before: undefined, after }
    return
  }
  if (b.tree.shape === 0) {
    for await (const before of listRecorded(reader, a.tree, a.attributes)) yield { before, after: undefined }
    return
  }
  const entries = diffNamed(reader, TREE, rootOf(a.tree), rootOf(b.tree), sameEntry)
  // Times too, which change with every content: what is recorded need not be looked up then.
  const records = diffNamed(reader, ATTRIBUTES, rootOf(a.attributes), rootOf(b.attributes), () => false)
  for await (const { name, entry, record } of sideBySide(entries, records)) {
    if (name === ROOT_NAME || (!entry && isSameRecord(record))) continue
    const same = entry ? undefined : await lookup(reader, b.tree, name)
    const recorded = record ? undefined : await recordOf(reader, b.attributes, name)
    const before = entry ? entry.before : same
    const after = entry ? entry.after : same
    yield {
      before: before && { entry: before, recorded: record ? record.before : recorded },
      after: after && { entry: after, recorded: record ? record.after : recorded },
    }
  }
}

interface NameDifference {
  readonly name: ByteName
  readonly entry: EntryDifference<TreeEntry> | undefined
  readonly record: EntryDifference<AttributesEntry> | undefined
}

async function* sideBySide(
  entries: AsyncGenerator<EntryDifference<TreeEntry>>,
  records: AsyncGenerator<EntryDifference<AttributesEntry>>,
): AsyncGenerator<NameDifference> {
  try {
    let [entry, record] = [await entries.next(), await records.next()]
    while (!entry.done || !record.done) {
      const entryName = entry.done ? undefined : nameOf(entry.value)
      const recordName = record.done ? undefined : nameOf(record.value)
      const isEntry = entryName !== undefined && (recordName === undefined || entryName <= recordName)
      const name = (isEntry ? entryName : recordName) ?? ROOT_NAME
      const isRecord = recordName === name
      yield {
        name,
        entry: isEntry && !entry.done ? entry.value : undefined,
        record: isRecord && !record.done ? record.value : undefined,
      }
      if (isEntry) entry = await entries.next()
      if (isRecord) record = await records.next()
    }
  } finally {
    await entries.return(undefined)
    await records.return(undefined)
  }
}

function nameOf({ before, after }: EntryDifference<{ readonly name: ByteName }>): ByteName {
  return (before ?? after)?.name ?? ROOT_NAME
}

function isSameRecord(record: NameDifference['record']): boolean {
  if (!record) return true
  const { before, after } = record
  const isSame = sameButTimes(before?.attributes ?? {}, after?.attributes ?? {})
  return isSame && sameContent(before?.below ?? EMPTY_CONTENT, after?.below ?? EMPTY_CONTENT)
}

function differ(before: RecordedEntry | undefined, after: RecordedEntry | undefined): boolean {
  if (!before || !after) return before !== after
  const areDirectories = before.entry.kind === 'directory' && after.entry.kind === 'directory'
  if (areDirectories ? hasEmptied(before, after) : !sameEntry(before.entry, after.entry)) return true
  return !sameButTimes(before.recorded?.attributes ?? {}, after.recorded?.attributes ?? {})
}

/** Nothing in it will ask for it any more. */
function hasEmptied(before: RecordedEntry, after: RecordedEntry): boolean {
  return before.entry.content.shape !== 0 && after.entry.content.shape === 0
}

function directoryOf(item: RecordedEntry | undefined): Directory | undefined {
  if (item?.entry.kind !== 'directory') return undefined
  return { tree: item.entry.content, attributes: item.recorded?.below ?? EMPTY_CONTENT }
}

function sideOf(item: RecordedEntry | undefined): RecordedSide | undefined {
  return item && { entry: item.entry, attributes: item.recorded?.attributes ?? {} }
}

function sameContent(a: Content, b: Content): boolean {
  return a.id === b.id && a.shape === b.shape
}
