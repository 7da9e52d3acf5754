/** Directory entries and whole trees for tests. */
import fc from 'fast-check'
import { type ByteName, nameFromText } from '../../src/base/names.js'
import { type Content, EMPTY_CONTENT } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { type DirectoryContent, writeDirectory } from '../../src/history/directory.js'
import { writeContent } from '../../src/history/manifest.js'
import type { MemoryObjects } from '../support/memoryObjects.js'

/** Small nodes make deep sequences of few entries. */
export const TINY_FANOUT = { splitter: { averageFanout: 4, maxFanout: 8 } }

export function name(text: string): ByteName {
  return nameFromText(text)
}

export function file(of: string, content: Content = EMPTY_CONTENT, executable = false): TreeEntry {
  return { name: name(of), kind: 'file', executable, content, files: 0 }
}

/** A file whose content is derived from a number, without being stored. */
export function madeUpFile(of: string, seed: number): TreeEntry {
  const id = seed.toString(16).padStart(64, '0')
  return file(of, seed === 0 ? EMPTY_CONTENT : ({ shape: 1, size: seed, id } as Content))
}

export function directory(of: string, { content, files }: DirectoryContent): TreeEntry {
  return { name: name(of), kind: 'directory', executable: false, content, files }
}

/** A tree as nested objects: text is a file, `->target` a symlink, `*text` an executable file. */
export interface TreeModel {
  readonly [name: string]: string | TreeModel
}

export async function writeTree(objects: MemoryObjects, model: TreeModel): Promise<DirectoryContent> {
  const entries: TreeEntry[] = []
  for (const [of, value] of Object.entries(model)) {
    if (typeof value !== 'string') {
      entries.push(directory(of, await writeTree(objects, value)))
    } else if (value.startsWith('->')) {
      const id = await objects.put(KIND.chunk, Buffer.from(value.slice(2)))
      const content: Content = { shape: 1, size: value.length - 2, id }
      entries.push({ name: name(of), kind: 'symlink', executable: false, content, files: 0 })
    } else {
      const executable = value.startsWith('*')
      entries.push(file(of, await writeContent(objects, Buffer.from(executable ? value.slice(1) : value)), executable))
    }
  }
  return writeDirectory(objects, sorted(entries))
}

export function sorted<Entry extends { readonly name: ByteName }>(entries: Iterable<Entry>): Entry[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Short names over few letters, so that they meet; `!` and `-` sort before `/`, `0` behind it. */
export const shortName: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '!', '-', '0'),
  minLength: 1,
  maxLength: 4,
})

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
