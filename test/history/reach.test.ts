import { beforeEach, describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { nameFromText } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { KIND, type Kind } from '../../src/format/kinds.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeDirectory } from '../../src/history/directory.js'
import { writeContent } from '../../src/history/manifest.js'
import { type ReachOptions, type ReachRoot, reachable } from '../../src/history/reach.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise, TINY_CHUNKS } from './bytes.js'
import { Graph } from './commitGraphs.js'
import { collect, file, writeTree } from './trees.js'

/** Remembers what was put. */
class Recorded {
  readonly all = new Map<Hash, { kind: Kind; length: number }>()
  readonly #put: MemoryObjects['put']

  constructor(objects: MemoryObjects) {
    this.#put = objects.put.bind(objects)
    objects.put = async (kind, bytes) => {
      const id = await this.#put(kind, bytes)
      this.all.set(id, { kind, length: bytes.length })
      return id
    }
  }
}

let objects: MemoryObjects
let recorded: Recorded
beforeEach(async () => {
  objects = await createMemoryObjects(TINY_CHUNKS)
  recorded = new Recorded(objects)
})

async function reach(roots: ReachRoot[], options: ReachOptions = {}) {
  const found = await collect(reachable(objects, roots, options))
  const byId = new Map(found.map(({ id, kind, length }) => [id, { kind, length }]))
  expect(byId.size).toBe(found.length)
  return byId
}

async function writeGraph(): Promise<Graph> {
  const shared = await writeContent(objects, noise(50_000, 1))
  const entries = [file('a', shared), file('b', shared), file('z', await writeContent(objects, Buffer.alloc(9000)))]
  const first = await writeDirectory(objects, entries)
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, `text ${index}`]))
  const second = await writeTree(objects, { ...many, link: '->f1', empty: {}, deep: { er: { x: 'text 1' } } })
  const below = await writeAttributes(objects, [
    { name: nameFromText('er'), attributes: { mode: 0o700 }, below: EMPTY_CONTENT },
  ])
  const attributes = await writeAttributes(objects, [
    { name: nameFromText('deep'), attributes: {}, below },
    { name: nameFromText('f1'), attributes: { mtimeNs: 1n }, below: EMPTY_CONTENT },
  ])
  return Graph.write(objects, [
    { name: 'one', timeMs: 1, root: { tree: first.content, files: first.files, attributes: EMPTY_CONTENT } },
    { name: 'two', parents: ['one'], timeMs: 2, root: { tree: second.content, files: second.files, attributes } },
  ])
}

describe('reachable', () => {
  test('finds everything that was written, each once, with its length', async () => {
    const graph = await writeGraph()
    const found = await reach([graph.id('two'), graph.id('one')], { parents: true })
    expect(found).toEqual(recorded.all)
    expect(await reach([graph.id('two')], { parents: true })).toEqual(recorded.all)
  })

  test('leaves parents alone unless asked', async () => {
    const graph = await writeGraph()
    const two = await reach([graph.id('two')])
    expect(two.has(graph.id('one'))).toBe(false)
    const one = await reach([graph.id('one')])
    expect(new Set([...one.keys(), ...two.keys()])).toEqual(new Set(recorded.all.keys()))
  })

  test('skips what is known, and what lies below it', async () => {
    const graph = await writeGraph()
    const known = await reach([graph.id('one')])
    const rest = await reach([graph.id('two')], { parents: true, skip: known })
    expect(new Set([...known.keys(), ...rest.keys()])).toEqual(new Set(recorded.all.keys()))
    expect([...rest.keys()].some((id) => known.has(id))).toBe(false)
    objects.resetCounts()
    expect((await reach([graph.id('one')], { skip: new Set([graph.id('one')]) })).size).toBe(0)
    expect(objects.objectGets).toBe(0)
  })

  test('begins at contents as well', async () => {
    const graph = await writeGraph()
    const content = await writeContent(objects, noise(50_000, 1))
    const found = await reach([{ use: 'file', content }])
    expect([...found.values()].some(({ kind }) => kind === KIND.tree)).toBe(false)
    const one = await reach([graph.id('one')])
    for (const id of found.keys()) expect(one.has(id)).toBe(true)
    expect((await reach([{ use: 'directory', content: EMPTY_CONTENT }])).size).toBe(0)
  })

  test('reads no chunk', async () => {
    const graph = await writeGraph()
    objects.resetCounts()
    await reach([graph.id('two')], { parents: true })
    expect(objects.chunkGets).toBe(0)
  })

  test('a missing or lying object is an error', async () => {
    const graph = await writeGraph()
    const tree = [...recorded.all].find(([, { kind }]) => kind === KIND.tree)?.[0] as Hash
    objects.place(KIND.tree, tree, Buffer.from([1, 2, 3]))
    await expect(reach([graph.id('two')], { parents: true })).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
    await expect(reach(['cd'.repeat(32) as Hash])).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
  })

  test('can be cancelled', async () => {
    const graph = await writeGraph()
    const signal = AbortSignal.abort()
    await expect(reach([graph.id('two')], { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
