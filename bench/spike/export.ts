import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Kind } from './ids.ts'
import { type Content, decodeManifest, decodeTree } from './objects.ts'
import type { Store } from './store.ts'

/** Reads everything the head holds, each id verified; writes it below `target` if one is given. */
export function exportHead(store: Store, target: string | undefined): number {
  const root = store.get(Kind.commit, store.head()).subarray(0, 32)
  return directory(store, root, target)
}

function directory(store: Store, id: Buffer, target: string | undefined): number {
  if (target) mkdirSync(target, { recursive: true })
  let total = 0
  for (const { name, kind, content } of decodeTree(store.get(Kind.tree, id))) {
    const path = target && join(target, name)
    if (kind === 'dir') total += directory(store, content.id, path)
    else {
      const file = path ? openSync(path, 'w') : -1
      total += emit(store, content, file)
      if (file >= 0) closeSync(file)
    }
  }
  return total
}

// Read out of the cache into memory that is used again: what a caller's own buffer would cost.
const landing = Buffer.alloc(1 << 20)

function emit(store: Store, content: Content, file: number): number {
  if (content.height < 0) return 0
  if (content.height === 0) {
    const bytes = store.get(Kind.chunk, content.id)
    if (file < 0) bytes.copy(landing)
    else writeSync(file, bytes)
    return bytes.length
  }
  let total = 0
  for (const span of decodeManifest(store.get(Kind.manifest, content.id))) {
    for (let i = 0; i < span.repeat; i++) {
      total += emit(store, { height: content.height - 1, id: span.id, size: span.length }, file)
    }
  }
  return total
}
