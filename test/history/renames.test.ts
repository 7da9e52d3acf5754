import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Content } from '../../src/format/content.js'
import { diffRoots } from '../../src/history/changes.js'
import { ContentSimilarity } from '../../src/history/contentSimilarity.js'
import { writeContent } from '../../src/history/manifest.js'
import { type MovedFile, pairRenames } from '../../src/history/renames.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise, TINY_CHUNKS } from './bytes.js'
import { collect, name, type TreeModel, writeTree } from './trees.js'

async function changes(objects: MemoryObjects, a: TreeModel, b: TreeModel, renames = true, paths?: string[]) {
  const [before, after] = [await writeTree(objects, a), await writeTree(objects, b)]
  const roots = [before, after].map(({ content, files }) => ({ tree: content, files, attributes: NO_ATTRIBUTES }))
  return collect(diffRoots(objects, roots[0]!, roots[1]!, { renames, paths, changedBytes: true }))
}
const NO_ATTRIBUTES: Content = { shape: 0, size: 0 }

const said = (all: Awaited<ReturnType<typeof changes>>) =>
  all.map(({ kind, from, path, similarity }) =>
    from === undefined ? `${kind} ${path}` : `${kind} ${from} ${path} ${similarity}`,
  )

const LINES = Array.from({ length: 100 }, (_, index) => `this is line ${index}\n`)
/** The first lines replaced by others of the same length. */
const edited = (count: number) =>
  LINES.map((line, index) => (index < count ? line.replace('this', 'that') : line)).join('')
const text = LINES.join('')

describe('renames', () => {
  test.each<[string, TreeModel, TreeModel, string[]]>([
    ['the same content', { a: 'x' }, { b: 'x' }, ['renamed a b 100']],
    ['which became executable', { a: 'x' }, { b: '*x' }, ['renamed a b 100']],
    [
      'a folder that moved',
      { d: { a: '1', b: '2' } },
      { e: { a: '1', b: '2' } },
      ['renamed d/a e/a 100', 'renamed d/b e/b 100'],
    ],
    [
      'the same name first',
      { d: { a: 'x' }, z: 'x' },
      { e: { z: 'x' }, f: 'x' },
      ['renamed z e/z 100', 'renamed d/a f 100'],
    ],
    ['each once', { a: 'x' }, { b: 'x', c: 'x' }, ['renamed a b 100', 'added c']],
    ['no copies', { a: 'x' }, { a: 'x', b: 'x' }, ['added b']],
    ['nothing empty', { a: '' }, { b: '' }, ['removed a', 'added b']],
    ['links to the same', { a: '->t' }, { b: '->t' }, ['renamed a b 100']],
    ['no file for a link', { a: 't' }, { b: '->t' }, ['removed a', 'added b']],
    ['no empty folders', { a: {} }, { b: {} }, ['removed a', 'added b']],
    ['alike', { a: text }, { b: edited(20) }, ['renamed a b 80']],
    ['half alike', { a: text }, { b: edited(50) }, ['renamed a b 50']],
    ['less', { a: text }, { b: edited(51) }, ['removed a', 'added b']],
    ['half as long', { a: text }, { b: LINES.slice(0, 55).join('') }, ['renamed a b 54']],
    [
      'the most alike first',
      { a: text, b: edited(30) },
      { c: edited(25), d: edited(1) },
      ['renamed b c 94', 'renamed a d 99'],
    ],
    [
      'the same before the alike',
      { a: text, b: edited(1) },
      { c: text, d: edited(2) },
      ['renamed a c 100', 'renamed b d 99'],
    ],
    ['what merely changed is none', { a: text, b: 'x' }, { a: edited(9), c: 'x' }, ['modified a', 'renamed b c 100']],
    ['a file that became a folder', { a: text }, { a: { b: text } }, ['renamed a a/b 100']],
  ])('%s', async (_what, a, b, expected) => {
    expect(said(await changes(await createMemoryObjects(), a, b))).toEqual(expected)
  })

  test('are looked for only when asked', async () => {
    const objects = await createMemoryObjects()
    expect(said(await changes(objects, { a: 'x' }, { b: 'x' }, false))).toEqual(['removed a', 'added b'])
    expect(said(await changes(objects, { a: 'x' }, { d: { b: 'x' } }, true, ['d']))).toEqual(['added d/b'])
  })

  test('carry both sides, and the bytes that really changed', async () => {
    const objects = await createMemoryObjects()
    const [change] = await changes(objects, { a: text }, { d: { b: `${text}more\n` } })
    expect(change).toMatchObject({
      kind: 'renamed',
      path: 'd/b',
      from: 'a',
      before: { kind: 'file', sizeBytes: text.length },
      after: { kind: 'file', sizeBytes: text.length + 5 },
      addedBytes: text.length + 5,
      removedBytes: text.length,
    })
    expect(change?.fromBytes).toEqual(Buffer.from('a'))
  })

  const model = fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    fc.constantFrom('', 'x', 'y', text, edited(3), edited(60)),
    { noNullPrototype: true },
  ) as fc.Arbitrary<TreeModel>

  test('renamed back and forth they are the changes there were', async () => {
    const objects = await createMemoryObjects()
    await fc.assert(
      fc.asyncProperty(model, model, async (a, b) => {
        const plain = await changes(objects, a, b, false)
        const found = await changes(objects, a, b)
        const apart = found.flatMap((change) => {
          if (change.kind !== 'renamed') return [`${change.kind} ${change.path}`]
          expect(change.similarity).toBeGreaterThanOrEqual(50)
          expect(change.similarity === 100).toBe(change.before?.id === change.after?.id)
          return [`removed ${change.from}`, `added ${change.path}`]
        })
        expect(apart.sort()).toEqual(said(plain).sort())
        expect(found.map(({ path }) => path)).toEqual(found.map(({ path }) => path).sort())
      }),
      { numRuns: 200 },
    )
  })
})

describe('pairing', () => {
  const moved = (path: string, contentKey?: string, sizeBytes = 10): MovedFile => ({
    path: name(path),
    kind: 'file',
    sizeBytes,
    contentKey,
  })

  test('compares none when there are too many, but for the same content', async () => {
    const removed = [moved('a', '1'), moved('b', '2'), moved('c', '3')]
    const added = [moved('d', '4'), moved('e', '3'), moved('f', '5')]
    let asked = 0
    const always = async () => {
      asked++
      return 70
    }
    const few = await pairRenames(removed, added, always, 4)
    expect(few.map(({ from, to }) => `${from.path}${to.path}`)).toEqual(['ce', 'ad', 'bf'])
    expect(asked).toBe(4)
    expect((await pairRenames(removed, added, always, 3)).map(({ from, to }) => `${from.path}${to.path}`)).toEqual([
      'ce',
    ])
  })

  test('compares none whose sizes are too different', async () => {
    const never = async () => {
      throw new Error('it was asked')
    }
    expect(await pairRenames([moved('a', '1', 49)], [moved('b', '2', 100)], never)).toEqual([])
  })

  test('of those equally alike the one with the same name', async () => {
    const pairs = await pairRenames([moved('a/x', '1'), moved('a/y', '2')], [moved('b/y', '3')], async () => 70)
    expect(pairs.map(({ from }) => from.path)).toEqual(['a/y'])
  })
})

describe('how alike contents are', () => {
  async function percent(a: Buffer, b: Buffer): Promise<number> {
    const objects = await createMemoryObjects(TINY_CHUNKS)
    return new ContentSimilarity(objects).percent(await writeContent(objects, a), await writeContent(objects, b))
  }

  test('binaries by their chunks, wherever these stand', async () => {
    const [one, other] = [noise(60_000, 1), noise(60_000, 2)]
    expect(await percent(one, one)).toBe(100)
    expect(await percent(one, other)).toBe(0)
    const swapped = await percent(Buffer.concat([one, other]), Buffer.concat([other, one]))
    expect(swapped).toBeGreaterThan(90)
    expect(swapped).toBeLessThan(100)
    const half = await percent(one, Buffer.concat([one.subarray(0, 30_000), other.subarray(0, 30_000)]))
    expect(half).toBeGreaterThan(40)
    expect(half).toBeLessThanOrEqual(50)
  })

  test('long texts by their chunks too', async () => {
    const long = Buffer.from(Array.from({ length: 80_000 }, (_, index) => `line number ${index}\n`).join(''))
    const objects = await createMemoryObjects(TINY_CHUNKS)
    const [a, b] = [await writeContent(objects, long), await writeContent(objects, long.subarray(20))]
    expect(long.length).toBeGreaterThan(1 << 20)
    objects.resetCounts()
    expect(await new ContentSimilarity(objects).percent(a, b)).toBeGreaterThan(95)
    expect(objects.chunkGets).toBe(0)
  })

  test('long lists of pieces are looked at in part first, and as wholes where that shows something', async () => {
    const lines = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix} ${1000 + n}\n`)
    const of = (...parts: string[][]) => Buffer.from(parts.flat().join(''))
    const [a, b] = [lines('a', 2000), lines('b', 2000)]
    expect(await percent(of(a), of(b))).toBe(0)
    expect(await percent(of(a), of(a.slice(0, 1200), b.slice(0, 800)))).toBe(60)
    expect(await percent(of(a.slice(0, 40), b), of(a))).toBe(0)
  })

  test('lines that are there several times count as often as both have them', async () => {
    expect(await percent(Buffer.from('a\na\na\nb\n'), Buffer.from('a\nc\nc\nc\n'))).toBe(25)
  })
})
