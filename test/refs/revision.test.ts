import { beforeEach, describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import type { Refs } from '../../src/refs/refs.js'
import { parseRange, type RevisionContext, resolveRevision } from '../../src/refs/revision.js'
import type { Catalog } from '../../src/volume/catalog.js'
import { Graph } from '../history/commitGraphs.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { type HandClock, LOG, openRefs, START_MS } from './catalogs.js'

let refs: Refs
let catalog: Catalog
let clock: HandClock
let graph: Graph
let context: RevisionContext
/** Ids that exist beside those of the graph. */
let madeUp: Hash[]

beforeEach(async () => {
  ;({ refs, catalog, clock } = openRefs())
  const objects = await createMemoryObjects()
  graph = await Graph.write(objects, [
    { name: 'a', timeMs: 1 },
    { name: 'b', parents: ['a'], timeMs: 2 },
    { name: 'side', parents: ['a'], timeMs: 3 },
    { name: 'c', parents: ['b', 'side'], timeMs: 4 },
  ])
  madeUp = []
  context = {
    refs,
    reader: objects,
    clock,
    head: 'main',
    findByPrefix: async (prefix) => [...graph.names.keys(), ...madeUp].filter((id) => id.startsWith(prefix)),
  }
  move('heads/main', 'a')
  clock.ms = START_MS + 1000
  move('heads/main', 'b')
  clock.ms = START_MS + 2000
  move('heads/main', 'c')
  move('heads/topic/x', 'side')
  move('tags/v1.0', 'b')
  clock.ms = START_MS + 3_600_000
})

function move(name: string, to: string | null): void {
  const target = to === null ? null : graph.id(to)
  catalog.write((tx) => refs.apply(tx, [{ name, expected: 'any', target }], LOG))
}

async function resolve(text: string): Promise<string> {
  const { id, path } = await resolveRevision(context, text)
  const name = graph.names.get(id) ?? id
  return path === undefined ? name : `${name} ${path === '' ? '(root)' : path}`
}

async function errorOf(text: string) {
  try {
    return { found: await resolve(text) }
  } catch (error) {
    if (!isVarveError(error)) throw error
    const { code, message, hint, details } = error
    return { code, message, hint, candidates: details.candidates }
  }
}

describe('what is found', () => {
  test.each([
    ['main', 'c'],
    ['topic/x', 'side'],
    ['v1.0', 'b'],
    ['heads/main', 'c'],
    ['refs/heads/topic/x', 'side'],
    ['tags/v1.0', 'b'],
    ['refs/tags/v1.0', 'b'],
    ['HEAD', 'c'],
    ['@', 'c'],
    ['@~2', 'a'],
    ['HEAD^2', 'side'],
    ['main~', 'b'],
    ['main~0', 'c'],
    ['main~1', 'b'],
    ['main~2', 'a'],
    ['main^', 'b'],
    ['main^0', 'c'],
    ['main^1', 'b'],
    ['main^2', 'side'],
    ['main^2~1', 'a'],
    ['main^^', 'a'],
    ['main~1^', 'a'],
    ['topic/x^', 'a'],
    ['main@{0}', 'c'],
    ['main@{1}', 'b'],
    ['main@{2}', 'a'],
    ['@{1}', 'b'],
    ['HEAD@{1}', 'b'],
    ['main@{0}^2', 'side'],
    ['heads/main@{1}', 'b'],
    ['v1.0@{0}', 'b'],
    ['main@{now}', 'c'],
    ['main@{1 hour ago}', 'a'],
    ['main@{2026-03-01T12:00:01Z}', 'b'],
    ['main@{2026-03-01 12:00:00.999 +00:00}~0', 'a'],
    ['main:', 'c (root)'],
    ['main:dir/file', 'c dir/file'],
    ['main~2:a:b', 'a a:b'],
    ['main@{2026-03-01 12:00:00Z}:x@{y}', 'a x@{y}'],
    ['main:..rc', 'c ..rc'],
    [':x', 'c x'],
  ])('%s → %s', async (text, expected) => {
    expect(await resolve(text)).toBe(expected)
  })

  test('ids, whole or in part, in either case', async () => {
    const id = graph.id('b')
    for (const digits of [64, 63, 12, 4]) expect(await resolve(id.slice(0, digits))).toBe('b')
    expect(await resolve(id.slice(0, 10).toUpperCase())).toBe('b')
    expect(await resolve(`${id}~1:x`)).toBe('a x')
  })

  test('a name is taken before an id prefix', async () => {
    const prefix = graph.id('b').slice(0, 6)
    move(`heads/${prefix}`, 'side')
    expect(await resolve(prefix)).toBe('side')
  })

  test('a branch and a tag of one name may point at one commit', async () => {
    move('tags/main', 'c')
    expect(await resolve('main')).toBe('c')
  })

  test('a deleted branch is found through its reflog', async () => {
    move('heads/topic/x', null)
    expect(await resolve('topic/x@{1}')).toBe('side')
    expect(await errorOf('topic/x@{0}')).toMatchObject({ code: 'UNKNOWN_REVISION' })
    expect(await errorOf('topic/x')).toMatchObject({ code: 'UNKNOWN_REVISION' })
  })

  test('a clock that stood back does not hide later moves', async () => {
    clock.ms = START_MS - 5000
    move('heads/main', 'side')
    clock.ms = START_MS + 3000
    expect(await resolve('main@{now}')).toBe('side')
    expect(await resolve('main@{0}')).toBe('side')
  })
})

describe('what is not found', () => {
  test('is answered with names that are spelled alike', async () => {
    expect(await errorOf('mian')).toMatchObject({
      code: 'UNKNOWN_REVISION',
      candidates: ['main'],
      hint: 'Did you mean main?',
    })
    expect(await errorOf('Topic/y')).toMatchObject({ candidates: ['topic/x'] })
    expect(await errorOf('v1.1~3')).toMatchObject({ code: 'UNKNOWN_REVISION', candidates: ['v1.0'] })
    expect(await errorOf('nothing-like-it')).toMatchObject({ code: 'UNKNOWN_REVISION', candidates: [] })
  })

  test.each([
    ['main~4', 'the history ends 2 before'],
    ['main^3', 'has 2 parents'],
    ['main~2^', 'has no parents'],
    ['main~1^2', 'has one parent'],
    ['main@{3}', 'has 3 entries'],
    ['v1.0@{1}', 'has 1 entry,'],
    ['main@{2020-01-01}', 'begins at 2026-03-01T12:00:00.000Z'],
    ['none@{1}', 'no branch or tag'],
    ['abc', 'at least 4 digits'],
    ['ffffffff', "no commit's id begins with it"],
    ['f'.repeat(64), "no commit's id begins with it"],
    ['f'.repeat(65), 'no branch or tag'],
    ['a b', 'no branch or tag'],
  ])('%s: %s', async (text, why) => {
    const error = await errorOf(text)
    expect(error.code).toBe('UNKNOWN_REVISION')
    expect(error.message).toContain(why)
  })

  test('a branch without commits says so', async () => {
    const unborn = { ...context, head: 'maine' }
    await expect(resolveRevision(unborn, 'HEAD')).rejects.toMatchObject({
      code: 'UNKNOWN_REVISION',
      message: expect.stringContaining('"maine" has no commits yet'),
      details: expect.objectContaining({ candidates: ['main'] }),
    })
  })
})

describe('what is ambiguous', () => {
  test('an id prefix names its candidates', async () => {
    const id = graph.id('b')
    const other = (id.slice(0, 8) + 'e'.repeat(56)) as Hash
    madeUp.push(other)
    const error = await errorOf(id.slice(0, 8))
    expect(error.code).toBe('AMBIGUOUS_REVISION')
    expect(error.candidates).toEqual([id, other].sort())
    expect(error.message).toContain(other.slice(0, 16))
  })

  test('a name of a branch and a tag', async () => {
    move('tags/main', 'a')
    expect(await errorOf('main')).toMatchObject({
      code: 'AMBIGUOUS_REVISION',
      candidates: ['heads/main', 'tags/main'],
    })
    expect(await resolve('heads/main')).toBe('c')
    expect(await resolve('tags/main')).toBe('a')
  })
})

test.each([
  ['', 'INVALID_ARGUMENT'],
  ['main..topic/x', 'INVALID_ARGUMENT'],
  ['main~x', 'INVALID_ARGUMENT'],
  ['main^{tree}', 'INVALID_ARGUMENT'],
  ['main@{1', 'INVALID_ARGUMENT'],
  ['main@{}', 'INVALID_ARGUMENT'],
  ['main@{soon}', 'INVALID_ARGUMENT'],
  ['main@{1}x', 'INVALID_ARGUMENT'],
  ['main~99999999999', 'INVALID_ARGUMENT'],
  ['main:a/../b', 'INVALID_PATH'],
  ['main:/a', 'INVALID_PATH'],
  ['main@{upstream}', 'UNSUPPORTED'],
  ['@{-1}', 'UNSUPPORTED'],
])('%j is refused: %s', async (text, code) => {
  expect(await errorOf(text)).toMatchObject({ code })
})

describe('parseRange', () => {
  test.each([
    ['a..b', { from: 'a', to: 'b' }],
    ['a..', { from: 'a', to: 'HEAD' }],
    ['..b', { from: 'HEAD', to: 'b' }],
    ['main@{1..2}', undefined],
    ['main@{1}..main', { from: 'main@{1}', to: 'main' }],
    ['main', undefined],
    ['main:../x', undefined],
    ['a~2..b^2', { from: 'a~2', to: 'b^2' }],
  ])('%s', (text, expected) => {
    expect(parseRange(text)).toEqual(expected)
  })

  test('symmetric differences are not understood', () => {
    expect(() => parseRange('a...b')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })
})
