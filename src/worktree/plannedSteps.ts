/**
 * What a checkout writes, in the order in which a tree is written (treeSteps.ts), without walking the tree: the plan has
 * the entries already. Only of a directory that is not there the tree is asked.
 */
import type { FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToText, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import { EMPTY_CONTENT } from '../format/content.js'
import type { TreeRoot } from '../history/entries.js'
import { requireRecorded } from '../history/listing.js'
import type { RecordedSide } from '../history/recordedDiff.js'
import { byPath, lastSegment, parentOf } from './bytePath.js'
import { diskPathOf } from './diskPath.js'
import { storageError } from './faults.js'
import type { TreeStep } from './treeSteps.js'

export interface PlannedEntry {
  readonly path: ByteName
  /** As the second tree has it. */
  readonly side: RecordedSide
}

interface PlannedDirectory {
  readonly path: ByteName
  readonly side: RecordedSide
  readonly holds: (PlannedDirectory | PlannedEntry)[]
}

/**
 * @param root of the folder. Directories that are not in it yet get what the tree records of them.
 * @throws {VarveError} `STORAGE_IO`, `STORAGE_DENIED`, and what the store throws
 */
export async function plannedSteps(
  reader: ObjectReader,
  to: TreeRoot,
  fs: FileSystem,
  root: Buffer,
  entries: readonly PlannedEntry[],
): Promise<TreeStep[]> {
  const directories = new Map<ByteName, PlannedDirectory>()
  async function directoryAt(path: ByteName, known?: RecordedSide): Promise<PlannedDirectory> {
    const there = directories.get(path)
    if (there) return there
    const side = known ?? (await sideOfDirectory(reader, to, fs, root, path))
    const directory: PlannedDirectory = { path, side, holds: [] }
    directories.set(path, directory)
    if (path !== ROOT_NAME) (await directoryAt(parentOf(path))).holds.push(directory)
    return directory
  }
  const top = await directoryAt(ROOT_NAME)
  for (const entry of [...entries].sort(byPath)) {
    if (entry.side.entry.kind === 'directory') await directoryAt(entry.path, entry.side)
    else (await directoryAt(parentOf(entry.path))).holds.push(entry)
  }
  return [...stepsOf(top)]
}

function* stepsOf({ path, side, holds }: PlannedDirectory): Generator<TreeStep> {
  const symlinks: TreeStep[] = []
  yield { is: 'enter', path, ...side }
  for (const item of holds) {
    if ('holds' in item) yield* stepsOf(item)
    else if (item.side.entry.kind === 'symlink') symlinks.push({ is: 'entry', path: item.path, ...item.side })
    else yield { is: 'entry', path: item.path, ...item.side }
  }
  // Last, so that nothing is written while one could lead it astray.
  yield* symlinks
  yield { is: 'leave', path, ...side }
}

async function sideOfDirectory(
  reader: ObjectReader,
  to: TreeRoot,
  fs: FileSystem,
  root: Buffer,
  path: ByteName,
): Promise<RecordedSide> {
  // One that is there keeps what it has.
  if (path === ROOT_NAME || isDirectory(fs, root, path)) {
    const name = lastSegment(path)
    return { entry: { name, kind: 'directory', executable: false, content: EMPTY_CONTENT, files: 0 }, attributes: {} }
  }
  const { entry, recorded } = await requireRecorded(reader, to, path.split('/') as ByteName[])
  return { entry, attributes: recorded?.attributes ?? {} }
}

function isDirectory(fs: FileSystem, root: Buffer, path: ByteName): boolean {
  try {
    return fs.lstat(diskPathOf(root, path))?.type === 'directory'
  } catch (error) {
    throw storageError('look at', nameToText(path), error)
  }
}
