/**
 * What the size of a file or directory costs: next to nothing. Counted, on a file of 10 GB and a directory of
 * 200,000 entries.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { chunkWhole } from '../../src/codec/chunker.js'
import type { Content } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { ContentBuilder } from '../../src/history/contentWrite.js'
import { type DirectoryContent, editDirectory, writeDirectory } from '../../src/history/directory.js'
import { changedBytes, readContent, spliceContent, truncateContent } from '../../src/history/manifest.js'
import { diffTrees } from '../../src/history/treeDiff.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise } from './bytes.js'
import { collect, directory, madeUpFile, name, sorted } from './trees.js'

const GIGABYTE = 1e9

describe('a file of 10 GB', () => {
  let objects: MemoryObjects
  let content: Content

  // Real chunks of real noise in a random order: as long as each is a whole chunk, the chunker cuts the file between
  // them, because it starts afresh at each. So nobody need write 10 GB to have their manifest.
  beforeAll(async () => {
    objects = await createMemoryObjects()
    const pool: { id: Hash; length: number }[] = []
    for (const chunk of chunkWhole(noise(32e6, 1), objects.profile.chunker).slice(0, -1)) {
      pool.push({ id: await objects.put(KIND.chunk, chunk), length: chunk.length })
    }
    const builder = new ContentBuilder(objects)
    const order = noise(8e6, 2)
    let size = 0
    for (let index = 0; size < 10 * GIGABYTE; index++) {
      const { id, length } = pool[order.readUInt32LE((4 * index) % order.length) % pool.length]!
      size += length
      await builder.append(id, length)
    }
    content = await builder.finish()
    expect(content.size).toBe(size)
  })

  /** Nodes on the way from the root to one leaf. */
  function pathLength(): number {
    return content.shape - 1
  }

  test('has a manifest of few levels', () => {
    expect(content.size).toBeGreaterThan(10 * GIGABYTE)
    expect(content.shape - 2).toBeGreaterThanOrEqual(3)
    expect(content.shape - 2).toBeLessThanOrEqual(5)
  })

  test.each([
    ['the start', 0],
    ['the middle', 5 * GIGABYTE + 123],
    ['near the end', 10 * GIGABYTE - 5],
  ])('is edited at %s for a few chunks and one path of nodes', async (_where, offset) => {
    objects.resetCounts()
    const edited = await spliceContent(objects, content, offset, Buffer.from('edited'))
    expect(edited.size).toBe(content.size)
    expect(objects.newChunks).toBeGreaterThan(0)
    expect(objects.newChunks).toBeLessThanOrEqual(4)
    expect(objects.newObjects).toBeGreaterThanOrEqual(pathLength())
    // A boundary that moves divides or joins nodes: one more a level at most, here.
    expect(objects.newObjects).toBeLessThanOrEqual(2 * pathLength())
    expect(objects.chunkGets).toBeLessThan(20)
    expect(objects.objectGets).toBeLessThan(6 * pathLength() + pathLength() ** 2)

    const around = await collect(readContent(objects, edited, Math.max(0, offset - 10), 30))
    const before = Buffer.concat(await collect(readContent(objects, content, Math.max(0, offset - 10), 30)))
    before.set(Buffer.from('edited'), Math.min(10, offset))
    expect(Buffer.concat(around).equals(before)).toBe(true)

    objects.resetCounts()
    const { added, removed } = await changedBytes(objects, content, edited)
    expect(added).toBe(removed)
    expect(added).toBeLessThan(300_000)
    expect(objects.objectGets).toBeLessThanOrEqual(6 * pathLength())
  })

  test('gets its old id back when the edit is undone', async () => {
    const offset = 3 * GIGABYTE
    const old = Buffer.concat(await collect(readContent(objects, content, offset, 100_000)))
    const edited = await spliceContent(objects, content, offset, Buffer.alloc(100_000))
    expect(edited.id).not.toBe(content.id)
    expect(await spliceContent(objects, edited, offset, old)).toEqual(content)
  })

  test('grows and shrinks at the end at the same price', async () => {
    objects.resetCounts()
    const grown = await spliceContent(objects, content, content.size, Buffer.from('more'))
    const shrunk = await truncateContent(objects, grown, content.size)
    expect(shrunk).toEqual(content)
    await truncateContent(objects, content, 4 * GIGABYTE)
    expect(objects.newChunks).toBeLessThanOrEqual(4)
    expect(objects.newObjects).toBeLessThanOrEqual(3 * pathLength())
  })
})

describe('a directory of 200,000 entries', () => {
  let objects: MemoryObjects
  let entries: TreeEntry[]
  let written: DirectoryContent

  beforeAll(async () => {
    objects = await createMemoryObjects()
    entries = sorted(Array.from({ length: 200_000 }, (_, index) => madeUpFile(`entry-${index}`, 1 + (index % 1000))))
    written = await writeDirectory(objects, entries)
  })

  function pathLength(): number {
    return written.content.shape - 1
  }

  const edits: [string, (entries: readonly TreeEntry[]) => Map<TreeEntry['name'], TreeEntry | null>][] = [
    ['change', (all) => new Map([[all[100_000]!.name, madeUpFile(all[100_000]!.name, 7777)]])],
    ['removal', (all) => new Map([[all[150_000]!.name, null]])],
    ['addition', () => new Map([[name('entry-77777-more'), madeUpFile('entry-77777-more', 7)]])],
    ['addition at the end', () => new Map([[name('z'), madeUpFile('z', 7)]])],
    ['addition at the start', () => new Map([[name('a'), madeUpFile('a', 7)]])],
  ]

  test.each(edits)('takes one %s for one path of nodes, and shows it for as many', async (_what, edit) => {
    const map = edit(entries)
    objects.resetCounts()
    const edited = await editDirectory(objects, written.content, map)
    expect(objects.newObjects).toBeGreaterThanOrEqual(pathLength())
    expect(objects.newObjects).toBeLessThanOrEqual(pathLength() + 2)
    expect(objects.objectGets).toBeLessThanOrEqual(4 * pathLength())

    objects.resetCounts()
    const changes = await collect(diffTrees(objects, written.content, edited.content))
    expect(changes.map(({ path }) => path)).toEqual([...map.keys()])
    expect(objects.objectGets).toBeLessThanOrEqual(2 * pathLength() + 4)
  })

  test('keeps its totals', async () => {
    const map = new Map([
      [entries[0]!.name, null],
      [name('d'), directory('d', { content: { shape: 2, size: 5000, id: entries[1]!.content.id! }, files: 40 })],
    ])
    const edited = await editDirectory(objects, written.content, map)
    expect(edited.files).toBe(written.files - 1 + 40)
    expect(edited.content.size).toBe(written.content.size - entries[0]!.content.size + 5000)
  })

  test('takes a thousand edits at once, and writes each node once', async () => {
    const changed = entries.filter((_, index) => index % 200 === 0).map((entry) => madeUpFile(entry.name, 4242))
    objects.resetCounts()
    const edited = await editDirectory(objects, written.content, new Map(changed.map((entry) => [entry.name, entry])))
    expect(objects.newObjects).toBeLessThanOrEqual(1000 * 1.2)
    const all = new Map(entries.map((entry) => [entry.name, entry]))
    for (const entry of changed) all.set(entry.name, entry)
    expect(await writeDirectory(objects, sorted(all.values()))).toEqual(edited)

    objects.resetCounts()
    expect(await collect(diffTrees(objects, written.content, edited.content))).toHaveLength(1000)
    expect(objects.objectGets).toBeLessThanOrEqual(2 * 1000 * 1.2)
    // They are on their way before they are asked for.
    expect(objects.announced.get(KIND.tree)).toBeGreaterThan(objects.objectGets / 2)
  })

  test('among the entries of a tree is found by its path alone', async () => {
    const nest = async (big: DirectoryContent): Promise<Content> => {
      const inner = await writeDirectory(objects, [madeUpFile('a', 1), directory('big', big), madeUpFile('z', 1)])
      return (await writeDirectory(objects, [directory('deep', inner), directory('same', big)])).content
    }
    const target = entries[50_000]!.name
    const edited = await editDirectory(objects, written.content, new Map([[target, null]]))
    const [before, middle] = [await nest(written), await nest(edited)]
    objects.resetCounts()
    const changes = await collect(diffTrees(objects, before, middle))
    expect(changes.map(({ path }) => path)).toEqual([`deep/big/${target}`, `same/${target}`])
    expect(objects.objectGets).toBeLessThanOrEqual(4 + 2 * (2 * pathLength() + 4))
  })
})
