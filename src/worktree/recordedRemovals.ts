/**
 * What goes from the disk when files of the tree that a folder stands at are to go, and what would be lost with them.
 *
 * Only what is to go is looked at. What is not there any more, or lies behind a symlink, is gone already. Nothing is written.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToText } from '../base/names.js'
import type { ObjectWriter } from '../cas/objects.js'
import type { TreeChange } from '../history/treeDiff.js'
import { storageError } from './faults.js'
import { FolderLook, isAs } from './folderLook.js'
import { Pace, type PaceOptions } from './pace.js'
import type { StatCache } from './statCache.js'
import { StoreFiles } from './storeFiles.js'

export interface RecordedRemovalsOptions extends PaceOptions {
  readonly cache: StatCache
  /** Absolute: they are nobody's to remove. */
  readonly storeFiles: readonly string[]
  /** What was changed is given up. */
  readonly force?: boolean | undefined
}

export interface RecordedRemovals {
  /** No directories. */
  readonly files: readonly { readonly path: ByteName; readonly stat: FileStat }[]
  /** What was changed. */
  readonly conflicts: readonly ByteName[]
}

/**
 * @param ids Computes ids of contents, and keeps nothing.
 * @param doomed What the tree has and is to go.
 * @throws {VarveError} `UNREADABLE_FILES` where something cannot be compared, unless `force`; `CANCELLED`, `STORAGE_DENIED`,
 * `STORAGE_IO`
 */
export async function planRecordedRemovals(
  ids: ObjectWriter,
  fs: FileSystem,
  root: Buffer,
  doomed: readonly TreeChange[],
  { force = false, ...options }: RecordedRemovalsOptions,
): Promise<RecordedRemovals> {
  const storeFiles = new StoreFiles(fs, options.storeFiles)
  const look = new FolderLook(ids, fs, root, options.cache, options.signal)
  const pace = new Pace('scan', options, { items: doomed.length })
  const files: { path: ByteName; stat: FileStat }[] = []
  const conflicts: ByteName[] = []
  for (const { path, before } of doomed) {
    await pace.step(1, 0, path)
    const side = before && { entry: before, attributes: {} }
    const found = await look.at(path, force ? [] : [side], force).catch((error: unknown) => {
      throw storageError('look at', nameToText(path), error)
    })
    if (found.is === 'nothing' || (found.is === 'blocked' && found.by !== path) || storeFiles.has(found.stat)) continue
    // Whether it is empty is seen when all else has gone.
    if (found.is === 'directory' && before?.kind === 'directory') continue
    if (!force && !(found.is === 'entry' && isAs(found, side))) conflicts.push(path)
    else if (found.is !== 'directory') files.push({ path, stat: found.stat })
  }
  return { files, conflicts }
}
