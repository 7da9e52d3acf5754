/**
 * A draft's edits laid over another tree.
 *
 * An edit goes through when the tree has in its place what the edit was made over; otherwise it is a conflict, even if
 * both came to the same result: two who count from 1 to 2 have counted twice. On the way down, directories may differ,
 * as long as they are directories in both.
 */
import { type ByteName, joinNames } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { TreeEntry } from '../format/tree.js'
import { lookup } from './directory.js'
import { INHERITED, isEdited, type OpenDirectory, type OverlaySlot, openOver } from './draftOverlay.js'
import { sameEntry } from './entries.js'

/**
 * @param onto the directory of the other tree that takes the place of what `directory` is laid over.
 * @param conflicts gets the paths that cannot be laid over it; then the result is of no use.
 */
export async function layOver(
  reader: ObjectReader,
  directory: OpenDirectory,
  onto: TreeEntry,
  path: ByteName,
  conflicts: ByteName[],
): Promise<OpenDirectory> {
  const result = openOver('base', onto, INHERITED, 'base')
  for (const [name, slot] of directory.slots) {
    const there = await lookup(reader, onto.content, name)
    const moved = await moveSlot(reader, slot, there, joinNames(path, name), conflicts)
    if (moved) result.slots.set(name, moved)
  }
  return result
}

async function moveSlot(
  reader: ObjectReader,
  slot: OverlaySlot,
  there: TreeEntry | undefined,
  path: ByteName,
  conflicts: ByteName[],
): Promise<OverlaySlot | undefined> {
  const { now, before } = slot
  if (now.is === 'open' && now.directory.origin === 'base' && !isEdited(now.directory)) return undefined
  const mayDiffer = now.is === 'open' && now.directory.origin !== 'placed'
  if (mayDiffer && there?.kind === 'directory') {
    const directory = await layOver(reader, now.directory, there, path, conflicts)
    return { before: there, now: { is: 'open', directory } }
  }
  if (sameEntry(before, there)) return { before: there, now }
  conflicts.push(path)
  return undefined
}
