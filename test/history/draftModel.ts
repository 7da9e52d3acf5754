/** What a draft must do, done naively: a map from path to entry, copied and searched as a whole. */
import fc from 'fast-check'
import { nameFromText, ROOT_NAME } from '../../src/base/names.js'
import type { Attributes, AttributesEntry } from '../../src/format/attributes.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeDirectory } from '../../src/history/directory.js'
import type { Draft } from '../../src/history/draft.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { writeContent, writeSymlinkTarget } from '../../src/history/manifest.js'
import type { MemoryObjects } from '../support/memoryObjects.js'
import { noise } from './bytes.js'
import { sorted } from './trees.js'

export interface ModelEntry {
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly bytes: Buffer
  readonly executable: boolean
  readonly recorded?: Attributes | undefined
}

const DIRECTORY: ModelEntry = { kind: 'directory', bytes: Buffer.alloc(0), executable: false }

/** What a model throws instead of an error. */
class Refusal {
  constructor(readonly code: string) {}
}

export class Model {
  constructor(
    readonly entries = new Map<string, ModelEntry>([['', DIRECTORY]]),
    readonly keepsRecords = false,
  ) {}

  copy(): Model {
    return new Model(new Map(this.entries), this.keepsRecords)
  }

  /** @returns the code of the error that the edit must end with. */
  apply(edit: Edit, other: Model): string | undefined {
    try {
      this.edit(edit, other)
      return undefined
    } catch (error) {
      if (error instanceof Refusal) return error.code
      throw error
    }
  }

  find(path: string): ModelEntry | undefined {
    for (const above of ancestors(path)) {
      const entry = this.entries.get(above)
      if (!entry) return undefined
      if (entry.kind !== 'directory') throw new Refusal('NOT_A_DIRECTORY')
    }
    return this.entries.get(path)
  }

  /** Everything at and below `path`, by what follows `path`. */
  below(path: string): Map<string, ModelEntry> {
    const found = new Map<string, ModelEntry>()
    for (const [at, entry] of this.entries) if (isWithin(at, path)) found.set(at.slice(path.length), entry)
    return found
  }

  private edit(edit: Edit, other: Model): void {
    switch (edit.do) {
      case 'write':
      case 'append':
      case 'writeAt':
      case 'truncate':
        this.change(edit)
        break
      case 'symlink':
        if (this.find(edit.path)?.kind === 'directory') throw new Refusal('NOT_A_FILE')
        this.place(edit.path, new Map([['', { kind: 'symlink', bytes: edit.bytes, executable: false }]]))
        break
      case 'mkdir': {
        const found = this.find(edit.path)
        if (found && found.kind !== 'directory') throw new Refusal('ALREADY_EXISTS')
        if (!found) this.place(edit.path, new Map([['', DIRECTORY]]))
        break
      }
      case 'remove':
        if (edit.path === '') throw new Refusal('INVALID_ARGUMENT')
        this.require(edit.path)
        this.clear(edit.path)
        break
      case 'copy':
        this.put((edit.fromOther ? other : this).take(edit.path), edit.to)
        break
      case 'rename': {
        if (edit.path === '') throw new Refusal('INVALID_ARGUMENT')
        const taken = this.take(edit.path)
        if (edit.path === edit.to) break
        if (isWithin(edit.to, edit.path)) throw new Refusal('INVALID_ARGUMENT')
        this.put(taken, edit.to)
        this.clear(edit.path)
      }
    }
  }

  private change(edit: Edit): void {
    const found = edit.do === 'writeAt' || edit.do === 'truncate' ? this.require(edit.path) : this.find(edit.path)
    const isReplaceable = edit.do === 'write' && found?.kind !== 'directory'
    if (found && found.kind !== 'file' && !isReplaceable) throw new Refusal('NOT_A_FILE')
    const was = found?.kind === 'file' ? found : undefined
    const before = was?.bytes ?? Buffer.alloc(0)
    const isIdle = edit.do === 'truncate' ? edit.size === before.length : edit.do !== 'write' && edit.bytes.length === 0
    if (was && isIdle) return
    const executable = (edit.do === 'write' ? edit.executable : undefined) ?? was?.executable ?? false
    const recorded = was?.recorded && withoutTime(was.recorded, executable)
    this.place(edit.path, new Map([['', { kind: 'file', bytes: changed(edit, before), executable, recorded }]]))
  }

  private require(path: string): ModelEntry {
    const found = this.find(path)
    if (!found) throw new Refusal('PATH_NOT_FOUND')
    return found
  }

  private take(path: string): Map<string, ModelEntry> {
    this.require(path)
    return this.below(path)
  }

  private put(taken: Map<string, ModelEntry>, to: string): void {
    const there = this.find(to)
    const isDirectory = taken.get('')?.kind === 'directory'
    if (there && (isDirectory || there.kind === 'directory')) throw new Refusal('ALREADY_EXISTS')
    this.place(to, taken)
  }

  private place(path: string, entries: Map<string, ModelEntry>): void {
    for (const above of ancestors(path)) if (!this.entries.has(above)) this.entries.set(above, DIRECTORY)
    this.clear(path)
    for (const [rest, entry] of entries) {
      // What the root held stands at '/name' or 'name', depending on where it came from.
      const at = rest === '' ? path : `${path}/${rest.replace(/^\//, '')}`
      this.entries.set(at, this.keepsRecords ? entry : { ...entry, recorded: undefined })
    }
  }

  private clear(path: string): void {
    for (const at of [...this.entries.keys()]) if (isWithin(at, path)) this.entries.delete(at)
  }

  /** The tree, built from nothing. */
  async write(objects: MemoryObjects): Promise<TreeRoot> {
    const { content, files, below } = await this.writeBelow(objects, '')
    return { tree: content, files, attributes: this.keepsRecords ? below : EMPTY_CONTENT }
  }

  private async writeBelow(objects: MemoryObjects, path: string) {
    const entries: TreeEntry[] = []
    const records: AttributesEntry[] = []
    const own = this.entries.get(path)?.recorded
    if (path === '' && own) records.push({ name: ROOT_NAME, attributes: own, below: EMPTY_CONTENT })
    for (const [at, { kind, bytes, executable, recorded }] of this.entries) {
      if (at === '' || parentOf(at) !== path) continue
      const name = nameFromText(at.slice(path === '' ? 0 : path.length + 1))
      const inner = kind === 'directory' ? await this.writeBelow(objects, at) : undefined
      const write = kind === 'symlink' ? writeSymlinkTarget : writeContent
      const content = inner?.content ?? (await write(objects, bytes))
      entries.push({ name, kind, executable, content, files: inner?.files ?? 0 })
      const below = inner?.below ?? EMPTY_CONTENT
      if (recorded || below.shape !== 0) records.push({ name, attributes: recorded ?? {}, below })
    }
    const directory = await writeDirectory(objects, sorted(entries))
    return { ...directory, below: await writeAttributes(objects, sorted(records)) }
  }
}

function changed(edit: Edit, before: Buffer): Buffer {
  if (edit.do === 'write') return edit.bytes
  if (edit.do === 'append') return Buffer.concat([before, edit.bytes])
  if (edit.do === 'truncate') {
    return Buffer.concat([before.subarray(0, edit.size), Buffer.alloc(Math.max(0, edit.size - before.length))])
  }
  const after = Buffer.alloc(Math.max(before.length, edit.size + edit.bytes.length))
  before.copy(after)
  edit.bytes.copy(after, edit.size)
  return after
}

function withoutTime({ mode, owner }: Attributes, executable: boolean): Attributes | undefined {
  if (mode === undefined && owner === undefined) return undefined
  const fitting = executable ? 0o755 : 0o644
  const isFit = mode !== undefined && ((mode & 0o100) !== 0) === executable
  return {
    ...(mode === undefined ? {} : { mode: isFit ? mode : fitting }),
    ...(owner === undefined ? {} : { owner }),
  }
}

function ancestors(path: string): string[] {
  if (path === '') return []
  const segments = path.split('/')
  return segments.map((_, index) => segments.slice(0, index).join('/'))
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function isWithin(path: string, ancestor: string): boolean {
  return ancestor === '' || path === ancestor || path.startsWith(`${ancestor}/`)
}

export interface Edit {
  readonly do: 'write' | 'writeAt' | 'append' | 'truncate' | 'symlink' | 'mkdir' | 'remove' | 'copy' | 'rename'
  readonly path: string
  readonly to: string
  readonly bytes: Buffer
  readonly size: number
  readonly executable: boolean | undefined
  readonly fromOther: boolean
}

export function perform(draft: Draft, edit: Edit, other: TreeRoot): Promise<void> {
  const { path, to, bytes, size, executable } = edit
  switch (edit.do) {
    case 'write':
      return draft.write(path, bytes, { executable })
    case 'writeAt':
      return draft.writeAt(path, size, bytes)
    case 'append':
      return draft.append(path, bytes)
    case 'truncate':
      return draft.truncate(path, size)
    case 'symlink':
      return draft.symlink(bytes, path)
    case 'mkdir':
      return draft.mkdir(path)
    case 'remove':
      return draft.remove(path)
    case 'copy':
      return draft.copy(path, to, edit.fromOther ? other : undefined)
    case 'rename':
      return draft.rename(path, to)
  }
}

/** Few names, so that paths meet; now and then the root. */
const anyPath = fc
  .oneof(
    { weight: 20, arbitrary: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  )
  .map((segments) => segments.join('/'))

const anyBytes = fc
  .oneof(fc.nat(5), fc.nat(3000))
  .chain((length) => fc.nat(3).map((seed) => (seed === 0 ? Buffer.alloc(length) : noise(length, seed))))

const anyRecorded: fc.Arbitrary<Attributes> = fc.record(
  {
    mtimeNs: fc.constant(5n),
    mode: fc.constantFrom(0o644, 0o755),
    owner: fc.constant({ uid: 1, gid: 2 }),
  },
  { requiredKeys: [] },
)

export const anyEdit: fc.Arbitrary<Edit> = fc
  .record({
    do: fc.constantFrom(
      ...(['write', 'write', 'writeAt', 'append', 'truncate', 'symlink', 'mkdir', 'remove', 'copy', 'rename'] as const),
    ),
    path: anyPath,
    to: anyPath,
    bytes: anyBytes,
    size: fc.nat(2500),
    executable: fc.constantFrom(true, false, undefined),
    fromOther: fc.boolean(),
  })
  .map((edit) => (edit.do === 'symlink' ? { ...edit, bytes: Buffer.from('target') } : edit))

/** A state that edits lead to, with something recorded here and there. */
export function anyModel(keepsRecords: boolean): fc.Arbitrary<Model> {
  return fc.tuple(fc.array(anyEdit, { maxLength: 8 }), fc.array(fc.option(anyRecorded))).map(([edits, records]) => {
    const model = new Model(undefined, keepsRecords)
    const empty = new Model()
    for (const edit of edits) model.apply({ ...edit, executable: undefined, fromOther: false }, empty)
    if (!keepsRecords) return model
    for (const [index, path] of [...model.entries.keys()].entries()) {
      const recorded = records[index]
      const entry = model.entries.get(path) ?? DIRECTORY
      const isRecorded = recorded && Object.keys(recorded).length > 0
      if (isRecorded) model.entries.set(path, { ...entry, recorded })
    }
    return model
  })
}
