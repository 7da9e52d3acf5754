/**
 * The state of a draft: a tree and the edits laid over it. Found, listed, opened for edits, written out.
 *
 * Opening a directory changes nothing that can be seen. Changes happen in `put` alone, which waits for nothing.
 */
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectWriter } from '../cas/objects.js'
import type { AttributesEntry } from '../format/attributes.js'
import type { TreeEntry, TreeEntryKind } from '../format/tree.js'
import { editAttributes } from './attributeTree.js'
import { lookup } from './directory.js'
import {
  type AdoptedContent,
  collectAdopted,
  INHERITED,
  isEdited,
  type OpenDirectory,
  type OverlayState,
  openEmpty,
  openOver,
  placeCopy,
  type Recorded,
  setSlot,
  totalsOf,
} from './draftOverlay.js'
import { layOver } from './draftRebase.js'
import { recordOfState, storeDirectory } from './draftStore.js'
import { describeEntry, type EntryInfo, notADirectory, pathNotFound, rootEntry, type TreeRoot } from './entries.js'
import { listRecorded, recordedRoot, recordOf, requireRecorded, withTarget } from './listing.js'
import { joinPath } from './paths.js'

/** What stands in some place of a draft. */
export interface Found {
  readonly state: Exclude<OverlayState, { is: 'removed' }>
  readonly kind: TreeEntryKind
}

/** A place in an opened directory. */
export interface Place {
  readonly directory: OpenDirectory
  readonly name: ByteName
  readonly before: TreeEntry | undefined
}

export class DraftTree {
  private readonly writer: ObjectWriter
  private base: TreeRoot
  private root: OpenDirectory
  private isRebased = false

  constructor(writer: ObjectWriter, base: TreeRoot) {
    this.writer = writer
    this.base = base
    this.root = openOver('base', rootEntry(base), INHERITED, 'base')
  }

  /** What is at `path`. @throws {VarveError} `NOT_A_DIRECTORY` where the path leads through something else. */
  async find(path: readonly ByteName[]): Promise<Found | undefined> {
    let state: Found['state'] = { is: 'open', directory: this.root }
    for (const [index, name] of path.entries()) {
      if (state.is === 'entry' && state.entry.kind !== 'directory') {
        throw notADirectory(path.slice(0, index), state.entry.kind)
      }
      const next = await this.childOf(state, name)
      if (!next) return undefined
      state = next
    }
    return { state, kind: state.is === 'open' ? 'directory' : state.entry.kind }
  }

  private async childOf(state: Found['state'], name: ByteName): Promise<Found['state'] | undefined> {
    const slot = state.is === 'open' ? state.directory.slots.get(name) : undefined
    if (slot) return slot.now.is === 'removed' ? undefined : slot.now
    const { from, source } = state.is === 'open' ? state.directory : { from: state.entry.content, source: state.source }
    const entry = await lookup(this.writer, from, name)
    return entry && { is: 'entry', entry, recorded: INHERITED, source }
  }

  async require(path: readonly ByteName[]): Promise<Found> {
    const found = await this.find(path)
    if (!found) throw pathNotFound(path)
    return found
  }

  /** As it was when listing began. */
  async *list(path: readonly ByteName[]): AsyncGenerator<EntryInfo> {
    const { state, kind } = await this.require(path)
    if (kind !== 'directory') throw notADirectory(path, kind)
    const parent = joinPath(path)
    const record = await this.recordAt(path)
    const directory = state.is === 'open' ? state.directory : openOver('base', state.entry, INHERITED, state.source)
    const touched = new Map(directory.slots)
    const slots = [...touched].sort(([a], [b]) => (a < b ? -1 : 1)).values()
    let next = slots.next()
    const describeSlots = async function* (tree: DraftTree, before: ByteName | undefined): AsyncGenerator<EntryInfo> {
      for (; !next.done && (before === undefined || next.value[0] <= before); next = slots.next()) {
        const [name, { now }] = next.value
        if (now.is === 'removed') continue
        const own = tree.keepsRecords ? await recordOfState(tree.writer, record, name, now) : undefined
        yield describeState(joinNames(parent, name), name, now, own)
      }
    }
    for await (const { entry, recorded } of listRecorded(this.writer, directory.from, record?.below)) {
      yield* describeSlots(this, entry.name)
      if (!touched.has(entry.name))
        yield describeEntry(joinNames(parent, entry.name), entry, recorded?.attributes ?? {})
    }
    yield* describeSlots(this, undefined)
  }

  async stat(path: readonly ByteName[]): Promise<EntryInfo> {
    const { state } = await this.require(path)
    const info = describeState(joinPath(path), path.at(-1) ?? ROOT_NAME, state, await this.recordAt(path))
    return state.is === 'entry' ? withTarget(this.writer, state.entry.content, info) : info
  }

  /** What is at `path` to be put elsewhere. */
  async take(path: readonly ByteName[]): Promise<OverlayState> {
    const { state } = await this.require(path)
    if (path.length === 0) return this.takeRoot()
    const recorded: Recorded = { inherited: false, value: await this.recordAt(path) }
    if (state.is === 'entry') return { ...state, recorded }
    return { is: 'open', directory: placeCopy(state.directory, recorded) }
  }

  private async takeRoot(): Promise<OverlayState> {
    const value = this.keepsRecords ? await this.withoutOwnRecord(this.base) : undefined
    return { is: 'open', directory: placeCopy(this.root, { inherited: false, value }) }
  }

  async takeFrom(source: TreeRoot, path: readonly ByteName[]): Promise<OverlayState> {
    const { entry, recorded } = await requireRecorded(this.writer, source, path)
    let value = this.keepsRecords ? recorded : undefined
    if (value && path.length === 0) value = await this.withoutOwnRecord(source)
    return { is: 'entry', entry, recorded: { inherited: false, value }, source: 'elsewhere' }
  }

  /** A root's own attributes stand in its sequence; those of any other directory stand beside its name. */
  private async withoutOwnRecord(root: TreeRoot): Promise<AttributesEntry | undefined> {
    const { recorded } = await recordedRoot(this.writer, root)
    const own = await recordOf(this.writer, root.attributes, ROOT_NAME)
    if (!recorded || !own) return recorded
    return { ...recorded, below: await editAttributes(this.writer, recorded.below, new Map([[ROOT_NAME, null]])) }
  }

  /** Opens the directories above `path`, and makes those that are missing. `path` must not be the root. */
  async place(path: readonly ByteName[]): Promise<Place> {
    let directory = this.root
    for (const [index, name] of path.slice(0, -1).entries()) {
      directory = await this.openChild(directory, name, path.slice(0, index + 1))
    }
    const name = path.at(-1) ?? ROOT_NAME
    return { directory, name, before: await this.beforeOf(directory, name) }
  }

  private async openChild(directory: OpenDirectory, name: ByteName, path: readonly ByteName[]): Promise<OpenDirectory> {
    const slot = directory.slots.get(name)
    if (slot?.now.is === 'open') return slot.now.directory
    const before = await this.beforeOf(directory, name)
    const entry = slot ? (slot.now.is === 'entry' ? slot.now.entry : undefined) : before
    if (entry && entry.kind !== 'directory') throw notADirectory(path, entry.kind)
    const opened = !entry
      ? openEmpty(before)
      : slot?.now.is === 'entry'
        ? openOver('placed', entry, slot.now.recorded, slot.now.source)
        : openOver('base', entry, INHERITED, directory.source)
    setSlot(directory, name, { before, now: { is: 'open', directory: opened } })
    return opened
  }

  private async beforeOf(directory: OpenDirectory, name: ByteName): Promise<TreeEntry | undefined> {
    const slot = directory.slots.get(name)
    return slot ? slot.before : lookup(this.writer, directory.from, name)
  }

  put({ directory, name, before }: Place, now: OverlayState): void {
    setSlot(directory, name, { before, now })
  }

  async store(writer: ObjectWriter): Promise<TreeRoot> {
    const record = rootRecord(this.base)
    const { content, files, below } = await storeDirectory(writer, this.root, record, this.keepsRecords)
    return { tree: content, files, attributes: below }
  }

  /** @returns the paths in conflict; unless there are none, everything stays as it is. */
  async layOver(base: TreeRoot): Promise<ByteName[]> {
    const conflicts: ByteName[] = []
    const root = await layOver(this.writer, this.root, rootEntry(base), ROOT_NAME, conflicts)
    if (conflicts.length === 0) {
      this.root = root
      this.base = base
      this.isRebased = true
    }
    return conflicts.sort()
  }

  adopted(): AdoptedContent[] {
    // What the first base held may be out of reach of the one that the edits are laid over now.
    return collectAdopted(this.root, this.isRebased ? ['base', 'elsewhere'] : ['elsewhere'])
  }

  private get keepsRecords(): boolean {
    return this.base.attributes.shape !== 0
  }

  /** What is recorded of what is at `path`, which must be there. */
  private async recordAt(path: readonly ByteName[]): Promise<AttributesEntry | undefined> {
    if (!this.keepsRecords) return undefined
    let record: AttributesEntry | undefined = rootRecord(this.base)
    if (path.length === 0) return (await recordedRoot(this.writer, this.base)).recorded
    let state: Found['state'] = { is: 'open', directory: this.root }
    for (const name of path) {
      const isTouched: boolean = state.is === 'open' && state.directory.slots.has(name)
      const next = await this.childOf(state, name)
      if (!next) return undefined
      record = isTouched
        ? await recordOfState(this.writer, record, name, next)
        : await recordOf(this.writer, record?.below, name)
      state = next
    }
    return record
  }
}

function rootRecord(base: TreeRoot): AttributesEntry {
  return { name: ROOT_NAME, attributes: {}, below: base.attributes }
}

function describeState(
  path: ByteName,
  name: ByteName,
  state: Found['state'],
  record: AttributesEntry | undefined,
): EntryInfo {
  const attributes = record?.attributes ?? {}
  if (state.is === 'entry') return describeEntry(path, { ...state.entry, name }, attributes)
  const { size, files } = totalsOf(state.directory)
  const { id: _unknown, ...rest } = describeEntry(
    path,
    { name, kind: 'directory', executable: false, content: state.directory.from, files },
    attributes,
  )
  const { id } = state.directory.from
  return { ...rest, sizeBytes: size, ...(id !== undefined && !isEdited(state.directory) ? { id } : {}) }
}
