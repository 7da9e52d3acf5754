/** A draft's edits written out: trees, and in step with them what is recorded beside the content. */
import type { ByteName } from '../base/names.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import type { Attributes, AttributesEntry } from '../format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { editAttributes } from './attributeTree.js'
import { editDirectory } from './directory.js'
import { isEdited, type OpenDirectory, type OverlayState } from './draftOverlay.js'
import { recordOf } from './listing.js'

const EXECUTE_BITS = 0o111
const OWNER_EXECUTE_BIT = 0o100
const READ_BITS = 0o444

/** What a state under `name` records; `parent` is what is recorded of the directory that it lies in. */
export async function recordOfState(
  reader: ObjectReader,
  parent: AttributesEntry | undefined,
  name: ByteName,
  state: OverlayState,
): Promise<AttributesEntry | undefined> {
  if (state.is === 'removed') return undefined
  if (state.is === 'open') {
    const { recorded } = state.directory
    return recorded.inherited ? recordOf(reader, parent?.below, name) : recorded.value
  }
  const { recorded, entry } = state
  if (!recorded.inherited) return recorded.value
  return recordOfWritten(await recordOf(reader, parent?.below, name), entry.executable)
}

/**
 * A written file keeps mode, owner and extended attributes. When it was changed is no longer known, and of its hard links it
 * is none any more: what was written went to this path alone.
 */
export function recordOfWritten(record: AttributesEntry | undefined, executable: boolean): AttributesEntry | undefined {
  if (!record) return undefined
  const { mode, owner, xattrs } = record.attributes
  return unlessEmpty({
    name: record.name,
    attributes: {
      ...(mode === undefined ? {} : { mode: modeFor(mode, executable) }),
      ...(owner === undefined ? {} : { owner }),
      ...(xattrs === undefined ? {} : { xattrs }),
    },
    below: EMPTY_CONTENT,
  })
}

/** A file as a name of its own file alone. Of what is in a directory nothing is changed. */
export function withoutLinkGroup(state: OverlayState): OverlayState {
  if (state.is !== 'entry' || state.recorded.inherited || !state.recorded.value) return state
  const { linkGroup: _left, ...attributes } = state.recorded.value.attributes
  return { ...state, recorded: { inherited: false, value: unlessEmpty({ ...state.recorded.value, attributes }) } }
}

function modeFor(mode: number, executable: boolean): number {
  const isExecutable = (mode & OWNER_EXECUTE_BIT) !== 0
  if (executable === isExecutable) return mode
  // Who may read may also execute, as `chmod +x` under a common umask.
  return executable ? mode | ((mode & READ_BITS) >> 2) | OWNER_EXECUTE_BIT : mode & ~EXECUTE_BITS
}

function unlessEmpty(record: AttributesEntry): AttributesEntry | undefined {
  return record.below.shape === 0 && isUnrecorded(record.attributes) ? undefined : record
}

function isUnrecorded(attributes: Attributes): boolean {
  return Object.values(attributes).every((value) => value === undefined)
}

export interface StoredDirectory {
  readonly content: Content
  readonly files: number
  /** The attribute sequence of what lies in it. */
  readonly below: Content
}

/** @param keepRecords whether anything is recorded beside the content at all. */
export async function storeDirectory(
  writer: ObjectWriter,
  directory: OpenDirectory,
  record: AttributesEntry | undefined,
  keepRecords: boolean,
): Promise<StoredDirectory> {
  const entries = new Map<ByteName, TreeEntry | null>()
  const records = new Map<ByteName, AttributesEntry | null>()
  for (const [name, { now }] of directory.slots) {
    if (now.is === 'open' && now.directory.origin === 'base' && !isEdited(now.directory)) continue
    const own = keepRecords ? await recordOfState(writer, record, name, now) : undefined
    if (now.is !== 'open') {
      entries.set(name, now.is === 'removed' ? null : { ...now.entry, name })
      records.set(name, own ? { ...own, name } : null)
      continue
    }
    const { content, files, below } = await storeDirectory(writer, now.directory, own, keepRecords)
    entries.set(name, { name, kind: 'directory', executable: false, content, files })
    records.set(name, unlessEmpty({ name, attributes: own?.attributes ?? {}, below }) ?? null)
  }
  const recordsBelow = record?.below ?? EMPTY_CONTENT
  const stored =
    entries.size > 0
      ? await editDirectory(writer, directory.from, entries)
      : { content: directory.from, files: directory.files }
  const below = keepRecords && records.size > 0 ? await editAttributes(writer, recordsBelow, records) : recordsBelow
  return { content: stored.content, files: stored.files, below: keepRecords ? below : EMPTY_CONTENT }
}
