import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Window, wholeCuts, windows } from './chunker.ts'
import { type Config, chunkSizes } from './config.ts'
import { idOf, Kind } from './ids.ts'
import { type Content, encodeTree, putManifest, type TreeEntry } from './objects.ts'
import { Before, type Entry, replacedBy } from './replaced.ts'
import type { Place } from './store.ts'
import { Out } from './varint.ts'
import type { Writer } from './writer.ts'

interface FileState {
  entries: Entry[]
  nodes: Place[]
  content: Content
}

/** Commits version after version. What the parent held is remembered rather than read back. */
export class Committer {
  private files = new Map<string, FileState>()
  private trees = new Map<string, Place>()
  private parent: Buffer = Buffer.alloc(0)
  private parentPlace: Place[] = []

  constructor(
    private readonly writer: Writer,
    private readonly config: Config,
  ) {}

  folder(path: string, time: number): void {
    const now = new Map<string, FileState>()
    const root = this.directory(path, '', now)
    this.files = now
    this.publish(root, time)
  }

  private directory(path: string, at: string, now: Map<string, FileState>): Content {
    const entries: TreeEntry[] = []
    const found = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const child of found) {
      const name = child.name
      const inner = `${at}/${name}`
      if (child.isDirectory())
        entries.push({ name, kind: 'dir', content: this.directory(join(path, name), inner, now) })
      else if (child.isFile()) {
        const state = this.file(inner, windows(join(path, name), chunkSizes(this.config)))
        now.set(inner, state)
        entries.push({ name, kind: 'file', content: state.content })
      }
    }
    return this.tree(at, entries)
  }

  /** One document changed, the rest as before: a small commit of a program. */
  document(path: string, bytes: Buffer, time: number): void {
    this.writeDocument(path, bytes)
    const folder = path.slice(0, path.lastIndexOf('/'))
    this.publish(this.rootOver([folder]), time)
  }

  documents(all: ReadonlyMap<string, Buffer>, time: number): void {
    for (const [path, bytes] of all) this.writeDocument(path, bytes)
    this.publish(this.rootOver([...new Set([...all.keys()].map((p) => p.slice(0, p.lastIndexOf('/'))))]), time)
  }

  private readonly folders = new Map<string, Content>()

  private writeDocument(path: string, bytes: Buffer): void {
    this.files.set(path, this.file(path, [{ bytes, cuts: wholeCuts(bytes, chunkSizes(this.config)) }]))
  }

  /** Two levels are enough here: /folder/name. */
  private rootOver(changed: readonly string[]): Content {
    for (const folder of changed) {
      const entries: TreeEntry[] = []
      for (const [path, state] of this.files) {
        if (path.startsWith(`${folder}/`))
          entries.push({ name: path.slice(folder.length + 1), kind: 'file', content: state.content })
      }
      this.folders.set(folder, this.tree(folder, entries))
    }
    return this.tree(
      '',
      [...this.folders].map(([name, content]) => ({ name: name.slice(1), kind: 'dir', content })),
    )
  }

  private file(path: string, parts: Iterable<Window>): FileState {
    const old = this.files.get(path)
    const before = new Before(old?.entries ?? [])
    const entries: Entry[] = []
    let cursor = -1
    for (const { bytes, cuts } of parts) {
      const chunks = cuts.slice(1).map((cut, i) => bytes.subarray(cuts[i], cut))
      const ids = chunks.map((chunk) => idOf(Kind.chunk, chunk))
      const replaced = this.config.bases
        ? replacedBy(
            before,
            ids,
            chunks.map((c) => c.length),
            cursor,
          )
        : undefined
      cursor = replaced?.cursor ?? cursor
      ids.forEach((id, i) => {
        const last = entries[entries.length - 1]
        const chunk = chunks[i]
        if (!chunk || chunk.length === 0) return
        if (last?.id.equals(id)) last.repeat++
        else {
          const place = this.writer.find(id) ?? this.writer.add(Kind.chunk, id, chunk, replaced?.bases[i] ?? [])
          entries.push({ id, place, repeat: 1 })
        }
      })
      this.writer.breathe()
    }
    const spans = entries.map((e) => ({ id: e.id, length: e.place.length, repeat: e.repeat }))
    return { entries, ...putManifest(this.writer, spans, this.config.fanout, old?.nodes ?? []) }
  }

  private tree(at: string, entries: readonly TreeEntry[]): Content {
    const old = this.trees.get(at)
    const bytes = encodeTree(entries)
    const { id, place } = this.writer.put(Kind.tree, bytes, old ? [old] : [])
    this.trees.set(at, place)
    return { height: 0, id, size: bytes.length }
  }

  private publish(root: Content, time: number): void {
    const out = new Out()
      .raw(root.id)
      .int(this.parent.length)
      .raw(this.parent)
      .int(time)
      .text('spike <spike@example.org>')
      .text('a version')
    const { id, place } = this.writer.put(Kind.commit, out.done(), this.parentPlace)
    this.parent = id
    this.parentPlace = [place]
    this.writer.publish(id)
  }
}
