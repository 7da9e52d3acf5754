/**
 * Edits laid over a tree, in memory: a directory is opened when something below it is touched, and holds a slot for
 * each name that was touched. Everything else is what the tree below has.
 *
 * A slot remembers what it stands over. So totals are known without reading, and edits can be laid over another tree.
 * Changes are made in one synchronous step each: who reads meanwhile sees the state before or after.
 */
import type { ByteName } from '../base/names.js'
import type { AttributesEntry } from '../format/attributes.js'
import type { Content } from '../format/content.js'
import { EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'

/**
 * What is recorded beside the content: `inherited` = what the directory below records under this name, and for a
 * written file without its modification time.
 */
export type Recorded =
  | { readonly inherited: true }
  | { readonly inherited: false; readonly value: AttributesEntry | undefined }

export const INHERITED: Recorded = { inherited: true }
export const UNRECORDED: Recorded = { inherited: false, value: undefined }

/** Where a content came from: `base` = some place of the base, `elsewhere` = another commit. */
export type Source = 'written' | 'base' | 'elsewhere'

export type OverlayState =
  | { readonly is: 'removed' }
  | {
      readonly is: 'entry'
      readonly entry: TreeEntry
      readonly recorded: Recorded
      readonly source: Source
    }
  | { readonly is: 'open'; readonly directory: OpenDirectory }

export interface OverlaySlot {
  /** What the tree below has under this name. */
  readonly before: TreeEntry | undefined
  readonly now: OverlayState
}

export interface OpenDirectory {
  /**
   * `base`: the directory that the tree below has in this place. `created`: there was nothing in this place.
   * `placed`: copied, moved or made in place of something else; it stands and falls as a whole.
   */
  readonly origin: 'base' | 'created' | 'placed'
  /** The directory that the slots are laid over. */
  readonly from: Content
  readonly files: number
  /** Of `from`. */
  readonly source: Source
  /** Of the directory itself, and of what `from` holds. */
  readonly recorded: Recorded
  readonly slots: Map<ByteName, OverlaySlot>
}

export const REMOVED: OverlayState = { is: 'removed' }

export function openOver(
  origin: 'base' | 'placed',
  entry: TreeEntry,
  recorded: Recorded,
  source: Source,
): OpenDirectory {
  return { origin, from: entry.content, files: entry.files, source, recorded, slots: new Map() }
}

export function openEmpty(before: TreeEntry | undefined): OpenDirectory {
  const origin = before === undefined ? 'created' : 'placed'
  return { origin, from: EMPTY_CONTENT, files: 0, source: 'written', recorded: UNRECORDED, slots: new Map() }
}

/** `slot.before` must be what `directory.from` has under `name`. */
export function setSlot(directory: OpenDirectory, name: ByteName, slot: OverlaySlot): void {
  if (slot.now.is === 'removed' && slot.before === undefined) directory.slots.delete(name)
  else directory.slots.set(name, slot)
}

/** Whether a directory holds anything else than what it is laid over. */
export function isEdited(directory: OpenDirectory): boolean {
  for (const { now } of directory.slots.values()) {
    if (now.is !== 'open' || now.directory.origin !== 'base' || isEdited(now.directory)) return true
  }
  return false
}

/** Bytes and non-directories below. */
export function totalsOf(directory: OpenDirectory): { readonly size: number; readonly files: number } {
  let { size } = directory.from
  let { files } = directory
  for (const { before, now } of directory.slots.values()) {
    if (before) {
      size -= before.content.size
      files -= filesOf(before)
    }
    if (now.is === 'removed') continue
    const totals =
      now.is === 'open' ? totalsOf(now.directory) : { size: now.entry.content.size, files: filesOf(now.entry) }
    size += totals.size
    files += totals.files
  }
  return { size, files }
}

function filesOf(entry: TreeEntry): number {
  return entry.kind === 'directory' ? entry.files : 1
}

/** The same edits, to be changed on their own, in another place. */
export function placeCopy(directory: OpenDirectory, recorded: Recorded): OpenDirectory {
  return { ...directory, origin: 'placed', recorded, slots: copySlots(directory.slots) }
}

function copySlots(slots: ReadonlyMap<ByteName, OverlaySlot>): Map<ByteName, OverlaySlot> {
  const copies = new Map<ByteName, OverlaySlot>()
  for (const [name, { before, now }] of slots) {
    const copy: OverlayState =
      now.is === 'open' ? { is: 'open', directory: { ...now.directory, slots: copySlots(now.directory.slots) } } : now
    copies.set(name, { before, now: copy })
  }
  return copies
}

/** A content that a draft took over by its id, and what it is the content of. */
export interface AdoptedContent {
  readonly use: 'file' | 'directory' | 'attributes'
  readonly content: Content
}

/**
 * What came from one of `sources` and is not in its old place. A file that was overwritten in part counts: it shares
 * chunks with what it was.
 */
export function collectAdopted(directory: OpenDirectory, sources: readonly Source[]): AdoptedContent[] {
  const found: AdoptedContent[] = []
  for (const { now } of directory.slots.values()) {
    if (now.is === 'open') {
      const { origin, source, from, recorded } = now.directory
      if (origin === 'placed' && sources.includes(source)) {
        found.push({ use: 'directory', content: from }, ...recordsOf(recorded))
      }
      found.push(...collectAdopted(now.directory, sources))
    } else if (now.is === 'entry' && sources.includes(now.source)) {
      const { kind, content } = now.entry
      found.push({ use: kind === 'directory' ? 'directory' : 'file', content }, ...recordsOf(now.recorded))
    }
  }
  return found.filter(({ content }) => content.shape !== 0)
}

function recordsOf(recorded: Recorded): AdoptedContent[] {
  return recorded.inherited || !recorded.value ? [] : [{ use: 'attributes', content: recorded.value.below }]
}
