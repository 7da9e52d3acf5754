import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import type { Content } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import { decodeTreeNode, type TreeEntry } from '../../src/format/tree.js'
import { editDirectory, writeDirectory } from '../../src/history/directory.js'
import { sameEntry } from '../../src/history/entries.js'
import { diffTrees } from '../../src/history/treeDiff.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { collect, madeUpFile, name, shortName, sorted, TINY_FANOUT, type TreeModel, writeTree } from './trees.js'

/** `+path`, `-path`, `~path`: as one would say it. */
async function said(objects: MemoryObjects, a: TreeModel, b: TreeModel, prefix = ''): Promise<string[]> {
  const [before, after] = [await writeTree(objects, a), await writeTree(objects, b)]
  const changes = await collect(diffTrees(objects, before.content, after.content, name(prefix)))
  return changes.map(({ kind, path }) => ({ added: '+', removed: '-', modified: '~' })[kind] + path)
}

/** Every path that has an entry of its own in a diff: what is no directory, and empty directories. */
function flatten(model: TreeModel, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>()
  for (const [of, value] of Object.entries(model)) {
    if (typeof value === 'string') flat.set(prefix + of, value)
    else if (Object.keys(value).length === 0) flat.set(prefix + of, 'empty directory')
    else for (const [path, what] of flatten(value, `${prefix}${of}/`)) flat.set(path, what)
  }
  return flat
}

/** Directories of a model, so as to tell an empty one that got entries from one that came. */
function directories(model: TreeModel, prefix = ''): string[] {
  return Object.entries(model).flatMap(([of, value]) =>
    typeof value === 'string' ? [] : [prefix + of, ...directories(value, `${prefix}${of}/`)],
  )
}

function modelDiff(a: TreeModel, b: TreeModel): string[] {
  const [before, after] = [flatten(a), flatten(b)]
  const [directoriesBefore, directoriesAfter] = [new Set(directories(a)), new Set(directories(b))]
  const lines: { path: string; line: string }[] = []
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(path), after.get(path)]
    if (was === is) continue
    const isDirectory = [was, is].map((what) => what === 'empty directory')
    if (was !== undefined && is !== undefined && !isDirectory[0] && !isDirectory[1]) {
      lines.push({ path, line: `~${path}` })
      continue
    }
    if (was !== undefined && !(isDirectory[0] && directoriesAfter.has(path))) lines.push({ path, line: `-${path}` })
    if (is !== undefined && !(isDirectory[1] && directoriesBefore.has(path))) lines.push({ path, line: `+${path}` })
  }
  return lines.sort((x, y) => (x.path < y.path ? -1 : x.path > y.path ? 1 : 0)).map(({ line }) => line)
}

const { model: treeModel } = fc.letrec<{ model: TreeModel; value: string | TreeModel }>((tie) => ({
  model: fc.dictionary(shortName, tie('value'), { maxKeys: 12, noNullPrototype: true }) as fc.Arbitrary<TreeModel>,
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('', '1', '2', '3', '*1', '*', '->1', '->2'),
    tie('model'),
  ) as fc.Arbitrary<string | TreeModel>,
}))

describe('diffTrees', () => {
  test('says what comparing flat lists says, in the order of paths', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    await fc.assert(
      fc.asyncProperty(treeModel, treeModel, async (a, b) => {
        expect(await said(objects, a, b)).toEqual(modelDiff(a, b))
      }),
      { numRuns: 300 },
    )
  })

  test('orders by the bytes of whole paths', async () => {
    const objects = await createMemoryObjects()
    const tree = { a: { x: '1', y: { z: '1' } }, 'a!': { x: '1' }, 'a!!': '1', 'a-': '1', 'a.txt': '1', a0: '1' }
    const paths = ['a!!', 'a!/x', 'a-', 'a.txt', 'a/x', 'a/y/z', 'a0']
    expect(await said(objects, {}, tree)).toEqual(paths.map((path) => `+${path}`))
    expect(await said(objects, tree, {})).toEqual(paths.map((path) => `-${path}`))
    expect([...paths].sort()).toEqual(paths)
  })

  test.each<[string, TreeModel, TreeModel, string[]]>([
    ['nothing', { d: { f: '1' } }, { d: { f: '1' } }, []],
    ['an edit deep down', { d: { e: { f: '1' } }, g: '1' }, { d: { e: { f: '2' } }, g: '1' }, ['~d/e/f']],
    ['the executable bit', { f: '1' }, { f: '*1' }, ['~f']],
    ['a file that is a symlink now', { f: '1' }, { f: '->1' }, ['~f']],
    ['a file that is a directory now', { f: '1' }, { f: { g: '1', h: {} } }, ['-f', '+f/g', '+f/h']],
    ['a file that is an empty directory now', { f: '1' }, { f: {} }, ['-f', '+f']],
    ['a directory that is a file now', { f: { g: '1' } }, { f: '1' }, ['+f', '-f/g']],
    ['an empty directory', {}, { d: {} }, ['+d']],
    ['an empty directory that is filled', { d: {} }, { d: { f: '1' } }, ['+d/f']],
    ['a directory that is emptied', { d: { f: '1', e: {} } }, { d: {} }, ['-d/e', '-d/f']],
  ])('%s', async (_what, a, b, lines) => {
    expect(await said(await createMemoryObjects(), a, b)).toEqual(lines)
  })

  test('carries both entries and the prefix', async () => {
    const objects = await createMemoryObjects()
    const [a, b] = [await writeTree(objects, { f: '1', g: '1' }), await writeTree(objects, { f: '*1', h: '1' })]
    const changes = await collect(diffTrees(objects, a.content, b.content, name('p/q')))
    expect(changes).toMatchObject([
      { path: 'p/q/f', kind: 'modified', before: { executable: false }, after: { executable: true } },
      { path: 'p/q/g', kind: 'removed', before: { name: 'g' } },
      { path: 'p/q/h', kind: 'added', after: { name: 'h' } },
    ])
    expect(changes[1]).not.toHaveProperty('after')
    expect(changes[2]).not.toHaveProperty('before')
  })

  test('sees a gitlink that moved', async () => {
    const objects = await createMemoryObjects()
    const link = (digit: string): TreeEntry => ({
      ...madeUpFile('sub', 0),
      kind: 'gitlink',
      foreignId: digit.repeat(40),
    })
    const [a, b] = [await writeDirectory(objects, [link('a')]), await writeDirectory(objects, [link('b')])]
    expect(await collect(diffTrees(objects, a.content, b.content))).toMatchObject([{ kind: 'modified', path: 'sub' }])
    expect(await collect(diffTrees(objects, a.content, a.content))).toEqual([])
  })
})

describe('one big directory', () => {
  const entries = fc.dictionary(shortName, fc.nat(3), { maxKeys: 300, noNullPrototype: true })

  test('differs as its entries do, however its nodes are cut', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    await fc.assert(
      fc.asyncProperty(entries, entries, fc.boolean(), async (seeds, others, isEdit) => {
        const now = isEdit ? { ...seeds, ...Object.fromEntries(Object.entries(others).slice(0, 5)) } : others
        const [a, b] = [seeds, now].map((of) =>
          sorted(Object.entries(of).map(([each, seed]) => madeUpFile(each, seed))),
        )
        const [before, after] = [await writeDirectory(objects, a!), await writeDirectory(objects, b!)]
        const changes = await collect(diffTrees(objects, before.content, after.content))
        const expected = [...new Set([...Object.keys(seeds), ...Object.keys(now)])].sort().filter((of) => {
          const [was, is] = [a, b].map((side) => side!.find((entry) => entry.name === of))
          return !sameEntry(was, is)
        })
        expect(changes.map(({ path }) => path)).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  test('is read only where it differs, even where one side is higher or cut elsewhere', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const many = sorted(Array.from({ length: 5000 }, (_, index) => madeUpFile(`name${index}`, 7)))
    const { content } = await writeDirectory(objects, many)
    const others = [
      await editDirectory(objects, content, new Map([[many[2500]!.name, null]])),
      await editDirectory(objects, content, new Map([[name('a first'), madeUpFile('a first', 1)]])),
      await editDirectory(objects, content, new Map([[name('name99999'), madeUpFile('name99999', 1)]])),
      await editDirectory(
        objects,
        content,
        new Map([0, 1000, 2000, 3000, 4999].map((index) => [many[index]!.name, madeUpFile(many[index]!.name, 8)])),
      ),
      await writeDirectory(objects, many.slice(0, 250)),
      await writeDirectory(objects, many.slice(4000)),
    ]
    expect(others.at(-1)!.content.shape).toBeLessThan(content.shape)
    for (const { content: other } of others) {
      const [before, after] = [await nodesOf(objects, content), await nodesOf(objects, other)]
      const differing =
        [...before].filter((id) => !after.has(id)).length + [...after].filter((id) => !before.has(id)).length
      const height = content.shape - 2
      for (const [a, b] of [
        [content, other],
        [other, content],
      ] as const) {
        objects.resetCounts()
        await collect(diffTrees(objects, a, b))
        // A node that both have may be opened where the other side has begun to walk through its own.
        expect(objects.objectGets).toBeLessThanOrEqual(differing + 2 * height)
      }
    }
  })
})

async function nodesOf(objects: MemoryObjects, { id }: Pick<Content, 'id'>, ids = new Set<Hash>()): Promise<Set<Hash>> {
  if (id === undefined) return ids
  ids.add(id)
  const node = decodeTreeNode(await objects.get(KIND.tree, id))
  if ('children' in node) for (const child of node.children) await nodesOf(objects, child, ids)
  return ids
}
