import { Kind } from './ids.ts'
import type { Place } from './store.ts'
import { In, Out } from './varint.ts'
import type { Writer } from './writer.ts'

/** What an entry names: nothing, a chunk, or a manifest of height 1 and more. */
export interface Content {
  height: number
  id: Buffer
  size: number
}

export interface Span {
  id: Buffer
  length: number
  repeat: number
}

export const empty: Content = { height: -1, id: Buffer.alloc(32), size: 0 }

/** Stores a file's manifest, bottom up; nodes are split where an id says so. */
export function putManifest(
  writer: Writer,
  spans: readonly Span[],
  fanout: number,
  before: readonly Place[],
): { content: Content; nodes: Place[] } {
  const size = spans.reduce((sum, s) => sum + s.length * s.repeat, 0)
  const nodes: Place[] = []
  let level = spans
  let height = 0
  while (level.length > 1 || (level[0]?.repeat ?? 1) > 1) {
    height++
    const above: Span[] = []
    for (const node of split(level, fanout)) {
      const out = new Out()
      for (const s of node) out.raw(s.id).int(s.length).int(s.repeat)
      const { id, place } = writer.put(Kind.manifest, out.done(), nodes.length === 0 ? before : [])
      nodes.push(place)
      above.push({ id, length: node.reduce((sum, s) => sum + s.length * s.repeat, 0), repeat: 1 })
    }
    level = above
  }
  const top = level[0]
  return { content: top ? { height, id: top.id, size } : empty, nodes }
}

function split(spans: readonly Span[], fanout: number): Span[][] {
  const nodes: Span[][] = []
  let node: Span[] = []
  for (const span of spans) {
    node.push(span)
    const says = span.id.readUInt32LE(28) % fanout === 0
    if ((says && node.length >= 2) || node.length >= fanout * 4) {
      nodes.push(node)
      node = []
    }
  }
  if (node.length > 0) nodes.push(node)
  return nodes
}

export function decodeManifest(bytes: Buffer): Span[] {
  const spans: Span[] = []
  for (const input = new In(bytes); input.more; )
    spans.push({ id: input.raw(32), length: input.int(), repeat: input.int() })
  return spans
}

export interface TreeEntry {
  name: string
  kind: 'file' | 'dir'
  content: Content
}

export function encodeTree(entries: readonly TreeEntry[]): Buffer {
  const out = new Out()
  for (const { name, kind, content } of entries) {
    out
      .text(name)
      .int(kind === 'dir' ? 1 : 0)
      .int(content.size)
      .int(content.height + 1)
    if (content.height >= 0) out.raw(content.id)
  }
  return out.done()
}

export function decodeTree(bytes: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = []
  for (const input = new In(bytes); input.more; ) {
    const name = input.text()
    const kind = input.int() === 1 ? 'dir' : 'file'
    const size = input.int()
    const height = input.int() - 1
    entries.push({ name, kind, content: height < 0 ? empty : { height, id: input.raw(32), size } })
  }
  return entries
}
