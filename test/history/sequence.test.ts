/** The shape of sequences, against a model that splits whole arrays. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Content } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import { encodeTreeInner, encodeTreeLeaf, type TreeChild, type TreeEntry } from '../../src/format/tree.js'
import { editDirectory, list, lookup, writeDirectory } from '../../src/history/directory.js'
import { nameBoundary } from '../../src/history/sequenceNames.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { collect, madeUpFile, name, shortName, sorted, TINY_FANOUT } from './trees.js'

/** The rule of the header of sequence.ts, on whole arrays. */
function split<Item>(
  items: readonly Item[],
  level: number,
  nameOf: (item: Item) => string,
  objects: MemoryObjects,
): Item[][] {
  const { averageFanout, maxFanout } = objects.profile.splitter
  const nodes: Item[][] = []
  let node: Item[] = []
  for (const item of items) {
    node.push(item)
    const isBoundary = nameBoundary(level, name(nameOf(item))) % averageFanout === 0
    if ((node.length >= 2 && isBoundary) || node.length === maxFanout) {
      nodes.push(node)
      node = []
    }
  }
  if (node.length > 0) nodes.push(node)
  return nodes
}

async function model(objects: MemoryObjects, entries: readonly TreeEntry[]): Promise<Content> {
  if (entries.length === 0) return { shape: 0, size: 0 }
  let children: TreeChild[] = []
  for (const node of split(entries, 0, (entry) => entry.name, objects)) {
    children.push({
      id: await objects.put(KIND.tree, encodeTreeLeaf(node)),
      lastName: node.at(-1)!.name,
      size: node.reduce((sum, entry) => sum + entry.content.size, 0),
      files: node.reduce((sum, entry) => sum + (entry.kind === 'directory' ? entry.files : 1), 0),
      entries: node.length,
    })
  }
  let height = 0
  while (children.length > 1) {
    height++
    const parents: TreeChild[] = []
    for (const node of split(children, height, (child) => child.lastName, objects)) {
      const sum = (of: (child: TreeChild) => number): number => node.reduce((total, child) => total + of(child), 0)
      parents.push({
        id: await objects.put(KIND.tree, encodeTreeInner(height, node)),
        lastName: node.at(-1)!.lastName,
        size: sum((child) => child.size),
        files: sum((child) => child.files),
        entries: sum((child) => child.entries),
      })
    }
    children = parents
  }
  return { shape: 2 + height, size: children[0]!.size, id: children[0]!.id }
}

const entriesByName = fc.dictionary(shortName, fc.nat(1000), { maxKeys: 300, noNullPrototype: true })

function entriesOf(seeds: Readonly<Record<string, number>>): TreeEntry[] {
  return sorted(Object.entries(seeds).map(([of, seed]) => madeUpFile(of, seed)))
}

const manyNames = Array.from({ length: 5000 }, (_, index) => name(`name${index}`))

describe('a sequence that is built', () => {
  test('is what the rule makes of the entries', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    await fc.assert(
      fc.asyncProperty(entriesByName, async (seeds) => {
        const entries = entriesOf(seeds)
        const written = await writeDirectory(objects, entries)
        expect(written.content).toEqual(await model(objects, entries))
        expect(written.files).toBe(entries.length)
        expect(await collect(list(objects, written.content))).toEqual(entries)
      }),
    )
  })

  test('is deep when nodes are small', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const entries = sorted(manyNames.map((of) => madeUpFile(of, 7)))
    const { content } = await writeDirectory(objects, entries)
    expect(content.shape).toBeGreaterThanOrEqual(2 + 4)
    expect(content).toEqual(await model(objects, entries))
  })

  test('has no object when it is empty', async () => {
    const objects = await createMemoryObjects()
    expect(await writeDirectory(objects, [])).toEqual({ content: { shape: 0, size: 0 }, files: 0 })
    expect(objects.newObjects).toBe(0)
  })

  test('refuses entries out of order and twice', async () => {
    const objects = await createMemoryObjects()
    for (const second of ['a', 'b']) {
      const entries = [madeUpFile('b', 1), madeUpFile(second, 1)]
      await expect(writeDirectory(objects, entries)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('name boundaries', () => {
  test('are FNV-1a over level and name, finalized', () => {
    expect([nameBoundary(0, name('')), nameBoundary(0, name('a')), nameBoundary(1, name('a'))]).toEqual([
      reference([0]),
      reference([0, 0x61]),
      reference([1, 0x61]),
    ])
    expect(nameBoundary(0, name('ü'))).toBe(reference([0, 0xc3, 0xbc]))
  })

  test('fall on one name in `averageFanout`, on each level another', () => {
    for (const level of [0, 1, 2]) {
      const hits = manyNames.filter((of) => nameBoundary(level, of) % 64 === 0).length
      expect(hits).toBeGreaterThan(40)
      expect(hits).toBeLessThan(130)
    }
    const both = manyNames.filter((of) => nameBoundary(0, of) % 16 === 0 && nameBoundary(1, of) % 16 === 0)
    expect(both.length).toBeLessThan(60)
  })
})

/** In exact arithmetic, which is slow and cannot overflow. */
function reference(bytes: readonly number[]): number {
  const mask = 0xffffffffn
  let hash = 0x811c9dc5n
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & mask
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask
  return Number(hash ^ (hash >> 16n))
}

describe('an edit', () => {
  const edits = fc.dictionary(shortName, fc.option(fc.nat(1000)), { maxKeys: 60, noNullPrototype: true })

  test('gives what building from scratch gives, however many edits come after one another', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    await fc.assert(
      fc.asyncProperty(entriesByName, fc.array(edits, { minLength: 1, maxLength: 4 }), async (seeds, rounds) => {
        const now = { ...seeds }
        let { content } = await writeDirectory(objects, entriesOf(seeds))
        for (const round of rounds) {
          for (const [of, seed] of Object.entries(round)) {
            if (seed === null) delete now[of]
            else now[of] = seed
          }
          const map = new Map(
            Object.entries(round).map(([of, seed]) => [name(of), seed === null ? null : madeUpFile(of, seed)]),
          )
          const edited = await editDirectory(objects, content, map)
          const built = await writeDirectory(objects, entriesOf(now))
          expect(edited).toEqual(built)
          content = edited.content
        }
      }),
      { numRuns: 300 },
    )
  })

  test('gives the same after a range was removed, at the start, in the middle, at the end, and all of it', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const entries = sorted(manyNames.slice(0, 400).map((of) => madeUpFile(of, 7)))
    const { content } = await writeDirectory(objects, entries)
    // One of these leaves exactly one leaf, and the level above it without a node of its own.
    const firstLeaves = Array.from({ length: 8 }, (_, index): [number, number] => [index + 1, 400])
    await fc.assert(
      fc.asyncProperty(fc.nat(400), fc.nat(400), async (x, y) => {
        const [from, to] = [Math.min(x, y), Math.max(x, y)]
        const gone = new Map(entries.slice(from, to).map((entry) => [entry.name, null]))
        const left = [...entries.slice(0, from), ...entries.slice(to)]
        const built = await writeDirectory(objects, left)
        objects.resetCounts()
        expect(await editDirectory(objects, content, gone)).toEqual(built)
        expect(objects.newObjects).toBe(0)
        // And back again.
        const back = new Map(entries.slice(from, to).map((entry) => [entry.name, entry]))
        const again = await editDirectory(objects, built.content, back)
        expect(again.content).toEqual(content)
      }),
      {
        numRuns: 200,
        examples: [[0, 400], [0, 1], [399, 400], [0, 399], ...firstLeaves],
      },
    )
  })

  test('writes no node that is not in its result', async () => {
    await fc.assert(
      fc.asyncProperty(entriesByName, edits, async (seeds, round) => {
        const map = new Map(
          Object.entries(round).map(([of, seed]) => [name(of), seed === null ? null : madeUpFile(of, seed)]),
        )
        const objects = await createMemoryObjects(TINY_FANOUT)
        const { content } = await writeDirectory(objects, entriesOf(seeds))
        const edited = await editDirectory(objects, content, map)
        // A store that has the result beforehand learns nothing new from the edit.
        const other = await createMemoryObjects(TINY_FANOUT)
        await writeDirectory(other, entriesOf(seeds))
        await writeDirectory(other, await collect(list(objects, edited.content)))
        other.resetCounts()
        await editDirectory(other, content, map)
        expect(other.newObjects).toBe(0)
      }),
    )
  })

  test('that changes nothing writes nothing', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const entries = sorted(manyNames.slice(0, 500).map((of) => madeUpFile(of, 7)))
    const before = await writeDirectory(objects, entries)
    objects.resetCounts()
    const same = new Map(entries.filter((_, index) => index % 50 === 0).map((entry) => [entry.name, entry]))
    expect(await editDirectory(objects, before.content, same)).toEqual(before)
    expect(await editDirectory(objects, before.content, new Map([[name('absent'), null]]))).toEqual(before)
    expect(await editDirectory(objects, before.content, new Map())).toEqual(before)
    expect(objects.newObjects).toBe(0)
  })

  test('that changes contents leaves every boundary where it was', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const entries = sorted(manyNames.slice(0, 500).map((of) => madeUpFile(of, 7)))
    const { content } = await writeDirectory(objects, entries)
    objects.resetCounts()
    await editDirectory(objects, content, new Map([[entries[250]!.name, madeUpFile(entries[250]!.name, 8)]]))
    expect(objects.newObjects).toBe(content.shape - 2 + 1)
  })

  test('refuses an entry under another name', async () => {
    const objects = await createMemoryObjects()
    const edit = async (): Promise<unknown> =>
      editDirectory(objects, { shape: 0, size: 0 }, new Map([[name('a'), madeUpFile('b', 1)]]))
    await expect(edit()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('reading', () => {
  test('finds what is there and nothing else', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    await fc.assert(
      fc.asyncProperty(entriesByName, fc.array(shortName), async (seeds, others) => {
        const entries = entriesOf(seeds)
        const { content } = await writeDirectory(objects, entries)
        for (const of of [...Object.keys(seeds).slice(0, 20), ...others]) {
          const expected = entries.find((entry) => entry.name === of)
          expect(await lookup(objects, content, name(of))).toEqual(expected)
          const rest = entries.filter((entry) => entry.name >= of)
          expect(await collect(list(objects, content, name(of)))).toEqual(rest)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('loads one node a level to look up, and announces the leaves that come next to list', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const entries = sorted(manyNames.map((of) => madeUpFile(of, 7)))
    const { content } = await writeDirectory(objects, entries)
    objects.resetCounts()
    await lookup(objects, content, entries[1234]!.name)
    expect(objects.objectGets).toBe(content.shape - 2 + 1)
    expect(objects.announced.size).toBe(0)
    const written = await collect(list(objects, content))
    expect(written).toHaveLength(entries.length)
    expect(objects.announced.get(KIND.tree)).toBeGreaterThan(objects.objectGets / 3)
  })

  test('refuses a chunk as a directory', async () => {
    const objects = await createMemoryObjects()
    const chunk = { shape: 1, size: 3, id: await objects.put(KIND.chunk, Buffer.from('abc')) }
    expect(() => list(objects, chunk)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('a node that is not what its parent says', () => {
  const damaged: { what: string; change: (child: TreeChild) => TreeChild }[] = [
    { what: 'size', change: (child) => ({ ...child, size: child.size + 1 }) },
    { what: 'files', change: (child) => ({ ...child, files: child.files + 1 }) },
    { what: 'count of entries', change: (child) => ({ ...child, entries: child.entries + 1 }) },
    { what: 'last name', change: (child) => ({ ...child, lastName: name(`${child.lastName}x`) }) },
  ]

  async function twoLeaves(objects: MemoryObjects, first: TreeEntry[], second: TreeEntry[]): Promise<TreeChild[]> {
    const children: TreeChild[] = []
    for (const node of [first, second]) {
      children.push({
        id: await objects.put(KIND.tree, encodeTreeLeaf(node)),
        lastName: node.at(-1)!.name,
        size: node.reduce((sum, entry) => sum + entry.content.size, 0),
        files: node.length,
        entries: node.length,
      })
    }
    return children
  }

  async function rootOver(objects: MemoryObjects, children: TreeChild[], shape = 3): Promise<Content> {
    const size = children.reduce((sum, child) => sum + child.size, 0)
    return { shape, size, id: await objects.put(KIND.tree, encodeTreeInner(1, children)) }
  }

  test.each(damaged)('is refused: $what', async ({ change }) => {
    const objects = await createMemoryObjects()
    const [a, b] = await twoLeaves(objects, [madeUpFile('a', 1), madeUpFile('b', 2)], [madeUpFile('c', 3)])
    await expect(collect(list(objects, await rootOver(objects, [a!, b!])))).resolves.toHaveLength(3)
    const root = await rootOver(objects, [a!, change(b!)])
    await expect(collect(list(objects, root))).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
  })

  test('is refused: level, and size of the root', async () => {
    const objects = await createMemoryObjects()
    const children = await twoLeaves(objects, [madeUpFile('a', 1), madeUpFile('b', 2)], [madeUpFile('c', 3)])
    const root = await rootOver(objects, children)
    for (const lie of [
      { ...root, shape: 2 },
      { ...root, shape: 4 },
      { ...root, size: 7 },
    ]) {
      await expect(collect(list(objects, lie as Content))).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
    }
  })

  test('is refused: names that overlap with its neighbour’s', async () => {
    const objects = await createMemoryObjects()
    const children = await twoLeaves(
      objects,
      [madeUpFile('a', 1), madeUpFile('c', 2)],
      [madeUpFile('c', 1), madeUpFile('d', 3)],
    )
    const root = await rootOver(objects, children)
    await expect(collect(list(objects, root))).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
  })
})
