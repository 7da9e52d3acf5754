import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  firstParentAncestor,
  isAncestor,
  readCommit,
  type WalkOptions,
  walkCommits,
} from '../../src/history/commits.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { Graph, type GraphCommit, makeCommit } from './commitGraphs.js'
import { collect, writeTree } from './trees.js'

let objects: MemoryObjects
beforeEach(async () => {
  objects = await createMemoryObjects()
})

async function walk(graph: Graph, starts: string[], options: WalkOptions = {}): Promise<string> {
  const ids = starts.map((name) => graph.id(name))
  const shown = await collect(walkCommits(objects, ids, options))
  return shown.map(({ id }) => graph.names.get(id)).join(' ')
}

/** a ← b ← d ← e(merge) ← f, and a ← c ← e. */
const MERGED: GraphCommit[] = [
  { name: 'a', timeMs: 10 },
  { name: 'b', parents: ['a'], timeMs: 20 },
  { name: 'c', parents: ['a'], timeMs: 30 },
  { name: 'd', parents: ['b'], timeMs: 40 },
  { name: 'e', parents: ['d', 'c'], timeMs: 50 },
  { name: 'f', parents: ['e'], timeMs: 60 },
]

describe('walkCommits', () => {
  test('shows each commit once, newest first', async () => {
    const graph = await Graph.write(objects, MERGED)
    expect(await walk(graph, ['f'])).toBe('f e d c b a')
    expect(await walk(graph, ['f', 'c', 'f'])).toBe('f e d c b a')
    expect(await walk(graph, [])).toBe('')
  })

  test('shows no parent before a child that was seen, whatever the clocks said', async () => {
    const graph = await Graph.write(objects, [
      { name: 'root', timeMs: 900 },
      { name: 'old', parents: ['root'], timeMs: 1 },
      { name: 'new', parents: ['root'], timeMs: 1000 },
      { name: 'tip', parents: ['new', 'old'], timeMs: 1001 },
    ])
    expect(await walk(graph, ['tip'])).toBe('tip new old root')
  })

  test('equal times come in the order in which they were seen', async () => {
    const graph = await Graph.write(
      objects,
      MERGED.map((commit) => ({ ...commit, timeMs: 7 })),
    )
    expect(await walk(graph, ['f'])).toBe('f e d c b a')
  })

  test('stops at known commits', async () => {
    const graph = await Graph.write(objects, MERGED)
    expect(await walk(graph, ['f'], { stopAt: new Set([graph.id('d')]) })).toBe('f e c a')
    expect(await walk(graph, ['f'], { stopAt: new Set([graph.id('f')]) })).toBe('')
  })

  test('excludes commits with all that lies below them', async () => {
    const graph = await Graph.write(objects, MERGED)
    const exclude = (...names: string[]) => ({ exclude: names.map((name) => graph.id(name)) })
    expect(await walk(graph, ['f'], exclude('d'))).toBe('f e c')
    expect(await walk(graph, ['f'], exclude('c'))).toBe('f e d b')
    expect(await walk(graph, ['f'], exclude('a'))).toBe('f e d c b')
    expect(await walk(graph, ['d'], exclude('f'))).toBe('')
    expect(await walk(graph, ['f'], exclude('f'))).toBe('')
    expect(await walk(graph, ['d', 'c'], exclude('b'))).toBe('d c')
  })

  test('excludes what lies below a commit whose clock stood far back', async () => {
    const graph = await Graph.write(objects, [
      { name: 'base', timeMs: 2000 },
      { name: 'strayed', parents: ['base'], timeMs: 1 },
      { name: 'side', parents: ['base'], timeMs: 2001 },
    ])
    expect(await walk(graph, ['side'], { exclude: [graph.id('strayed')] })).toBe('side')
  })

  test('a range near the tip reads what differs, not the whole history', async () => {
    const commits: GraphCommit[] = [{ name: 'imported', timeMs: 0 }]
    for (let index = 0; index < 500; index++) {
      // A branch that only the excluded side has: whether something found lies below it shows at m471.
      if (index === 495) commits.push({ name: 'old', parents: ['imported'], timeMs: 1475 })
      const parents = index === 0 ? [] : [`m${index - 1}`]
      if (index === 495) parents.push('old')
      if (index === 471) parents.push('imported')
      commits.push({ name: `m${index}`, parents, timeMs: 1000 + index })
    }
    commits.push({ name: 'x', parents: ['m490'], timeMs: 3000 }, { name: 'y', parents: ['x'], timeMs: 3001 })
    const graph = await Graph.write(objects, commits)
    objects.resetCounts()
    expect(await walk(graph, ['y'], { exclude: [graph.id('m499')] })).toBe('y x')
    expect(objects.objectGets).toBeLessThan(60)
    objects.resetCounts()
    expect(await isAncestor(objects, graph.id('x'), graph.id('m499'))).toBe(false)
    expect(objects.objectGets).toBeLessThan(60)
  })

  test('shows the commits in which a path changed', async () => {
    const root = async (model: Parameters<typeof writeTree>[1]) => {
      const { content, files } = await writeTree(objects, model)
      return { ...makeCommit(), tree: content, files }
    }
    const graph = await Graph.write(objects, [
      { name: 'other', timeMs: 1, root: await root({ other: 'x' }) },
      { name: 'add', parents: ['other'], timeMs: 2, root: await root({ other: 'x', dir: { file: '1' } }) },
      { name: 'same', parents: ['add'], timeMs: 3, root: await root({ other: 'y', dir: { file: '1' } }) },
      { name: 'side', parents: ['add'], timeMs: 4, root: await root({ other: 'x', dir: { file: '2' } }) },
      // As on one side: nothing that this commit decided.
      { name: 'merge', parents: ['same', 'side'], timeMs: 5, root: await root({ other: 'y', dir: { file: '2' } }) },
      { name: 'mode', parents: ['merge'], timeMs: 6, root: await root({ other: 'y', dir: { file: '*2' } }) },
      { name: 'gone', parents: ['mode'], timeMs: 7, root: await root({ other: 'y' }) },
    ])
    expect(await walk(graph, ['gone'], { touching: 'dir/file' })).toBe('gone mode side add')
    expect(await walk(graph, ['gone'], { touching: 'dir' })).toBe('gone mode side add')
    expect(await walk(graph, ['gone'], { touching: 'other' })).toBe('same other')
    expect(await walk(graph, ['gone'], { touching: 'other/nothing' })).toBe('')
    expect(await walk(graph, ['gone'], { touching: '' })).toBe('gone mode merge side same add other')
    const exclude = [graph.id('add')]
    expect(await walk(graph, ['gone'], { touching: 'dir/file', exclude })).toBe('gone mode side')
  })

  test('can be cancelled', async () => {
    const graph = await Graph.write(objects, MERGED)
    const signal = AbortSignal.abort()
    await expect(walk(graph, ['f'], { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    const exclude = [graph.id('a')]
    await expect(walk(graph, ['f'], { signal, exclude })).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('a missing commit is an error, not an end', async () => {
    const missing = 'ab'.repeat(32) as Parameters<typeof readCommit>[1]
    await expect(collect(walkCommits(objects, [missing]))).rejects.toMatchObject({ code: 'MISSING_CHUNK' })
  })
})

/** Graphs of up to 12 commits with clocks that leap. */
const anyGraph: fc.Arbitrary<GraphCommit[]> = fc
  .array(fc.tuple(fc.nat(20), fc.array(fc.nat(11), { maxLength: 3 })), { minLength: 1, maxLength: 12 })
  .map((rows) =>
    rows.map(([timeMs, links], index) => ({
      name: `c${index}`,
      timeMs,
      parents: [...new Set(links.filter((link) => link < index))].map((link) => `c${link}`),
    })),
  )

function belowOf(commits: readonly GraphCommit[], starts: readonly string[]): Set<string> {
  const below = new Set<string>()
  const pending = [...starts]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (below.has(name)) continue
    below.add(name)
    pending.push(...(commits.find((commit) => commit.name === name)?.parents ?? []))
  }
  return below
}

describe('any graph', () => {
  test('ranges are exact', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, fc.nat(), fc.nat(), fc.nat(), async (commits, a, b, c) => {
        const [start, other, excluded] = [a, b, c].map((index) => `c${index % commits.length}`) as [
          string,
          string,
          string,
        ]
        const graph = await Graph.write(objects, commits)
        const shown = await walk(graph, [start, other], { exclude: [graph.id(excluded)] })
        const outside = belowOf(commits, [excluded])
        const expected = [...belowOf(commits, [start, other])].filter((name) => !outside.has(name))
        expect(shown.split(' ').filter(Boolean).sort()).toEqual(expected.sort())
      }),
      { numRuns: 300 },
    )
  })

  test('walks show everything below once, and never a parent before a child that was seen', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, async (commits) => {
        const graph = await Graph.write(objects, commits)
        const start = `c${commits.length - 1}`
        const shown = (await walk(graph, [start])).split(' ')
        expect([...shown].sort()).toEqual([...belowOf(commits, [start])].sort())
        const seen = new Set([start])
        const parentsOf = new Map(commits.map(({ name, parents = [] }) => [name, parents]))
        for (const [index, name] of shown.entries()) {
          const waiting = [...seen].filter((other) => !shown.slice(0, index + 1).includes(other))
          for (const other of waiting) expect(parentsOf.get(other)).not.toContain(name)
          for (const parent of parentsOf.get(name) ?? []) seen.add(parent)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('ancestry is exact', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, fc.nat(), fc.nat(), async (commits, a, b) => {
        const [one, other] = [`c${a % commits.length}`, `c${b % commits.length}`]
        const graph = await Graph.write(objects, commits)
        const expected = belowOf(commits, [other]).has(one)
        expect(await isAncestor(objects, graph.id(one), graph.id(other))).toBe(expected)
      }),
      { numRuns: 300 },
    )
  })
})

test('firstParentAncestor follows first parents, and says where the history ends', async () => {
  const graph = await Graph.write(objects, MERGED)
  const up = async (generations: number) => {
    const reached = await firstParentAncestor(objects, graph.id('f'), generations)
    return [graph.names.get(reached.id), reached.generations]
  }
  expect(await up(0)).toEqual(['f', 0])
  expect(await up(2)).toEqual(['d', 2])
  expect(await up(4)).toEqual(['a', 4])
  expect(await up(9)).toEqual(['a', 4])
})

test('commits are read as they were written', async () => {
  const graph = await Graph.write(objects, MERGED)
  const commit = await readCommit(objects, graph.id('e'))
  expect(commit.parents).toEqual([graph.id('d'), graph.id('c')])
  expect(commit.message).toBe('e')
})
