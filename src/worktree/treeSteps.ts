/**
 * A tree in the order in which it can be written: each directory before what it holds, and its symlinks last, so that
 * nothing is ever written while a symlink of its tree could lead it astray.
 */
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Attributes } from '../format/attributes.js'
import type { TreeEntry } from '../format/tree.js'
import { lookup } from '../history/directory.js'
import type { TreeRoot } from '../history/entries.js'
import { listRecorded, type RecordedEntry, recordedRoot, recordOf } from '../history/listing.js'
import type { Selection } from './selection.js'

export interface TreeStep {
  /** Everything between `enter` and `leave` of a directory lies in it. */
  readonly is: 'enter' | 'leave' | 'entry'
  /** From the root, which has the empty path. */
  readonly path: ByteName
  readonly entry: TreeEntry
  readonly attributes: Attributes
}

interface OpenDirectory {
  readonly step: TreeStep
  readonly selection: Selection
  readonly entries: AsyncGenerator<RecordedEntry>
  readonly symlinks: TreeStep[]
}

/** Memory grows with depth, and with the symlinks of the directories on the way down. */
export async function* treeSteps(reader: ObjectReader, root: TreeRoot, selection: Selection): AsyncGenerator<TreeStep> {
  const open: OpenDirectory[] = []
  function enter(path: ByteName, item: RecordedEntry, wanted: Selection): TreeStep {
    const step = stepOf('enter', path, item)
    open.push({ step, selection: wanted, entries: selected(reader, item, wanted), symlinks: [] })
    return step
  }
  try {
    yield enter(ROOT_NAME, await recordedRoot(reader, root), selection)
    for (let directory = open.at(-1); directory; directory = open.at(-1)) {
      const next = await directory.entries.next()
      if (next.done) {
        yield* directory.symlinks
        open.pop()
        yield { ...directory.step, is: 'leave' }
        continue
      }
      const { name, kind } = next.value.entry
      const path = joinNames(directory.step.path, name)
      if (kind === 'directory') yield enter(path, next.value, directory.selection?.get(name))
      else if (kind === 'symlink') directory.symlinks.push(stepOf('entry', path, next.value))
      else yield stepOf('entry', path, next.value)
    }
  } finally {
    for (const { entries } of open) await entries.return(undefined)
  }
}

async function* selected(
  reader: ObjectReader,
  { entry, recorded }: RecordedEntry,
  selection: Selection,
): AsyncGenerator<RecordedEntry> {
  if (selection === undefined) {
    yield* listRecorded(reader, entry.content, recorded?.below)
    return
  }
  for (const name of [...selection.keys()].sort()) {
    const found = await lookup(reader, entry.content, name)
    if (found) yield { entry: found, recorded: await recordOf(reader, recorded?.below, name) }
  }
}

function stepOf(is: TreeStep['is'], path: ByteName, { entry, recorded }: RecordedEntry): TreeStep {
  return { is, path, entry, attributes: recorded?.attributes ?? {} }
}
