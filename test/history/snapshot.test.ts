import { beforeEach, describe, expect, test } from 'vitest'
import { nameFromBytes, nameFromText, ROOT_NAME } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeCommit } from '../../src/history/commits.js'
import { writeDirectory } from '../../src/history/directory.js'
import type { EntryInfo } from '../../src/history/entries.js'
import { writeContent } from '../../src/history/manifest.js'
import { Snapshot } from '../../src/history/snapshot.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise, TINY_CHUNKS } from './bytes.js'
import { EMPTY_ROOT, makeCommit } from './commitGraphs.js'
import { collect, directory, file, type TreeModel, writeTree } from './trees.js'

let objects: MemoryObjects
beforeEach(async () => {
  objects = await createMemoryObjects(TINY_CHUNKS)
})

async function snapshotOf(root = EMPTY_ROOT): Promise<Snapshot> {
  const commit = makeCommit({ root })
  return new Snapshot(objects, await writeCommit(objects, commit), commit)
}

async function snapshot(model: TreeModel): Promise<Snapshot> {
  const { content, files } = await writeTree(objects, model)
  return snapshotOf({ tree: content, files, attributes: EMPTY_CONTENT })
}

const MODEL: TreeModel = {
  'a.txt': 'alpha',
  a: { deep: { 'x.sh': '*run' }, empty: {}, link: '->../a.txt' },
  b: '',
}

async function paths(entries: AsyncIterable<EntryInfo>): Promise<string[]> {
  return (await collect(entries)).map(({ path }) => path)
}

describe('reading', () => {
  test('whole files', async () => {
    const snap = await snapshot(MODEL)
    expect((await snap.read('a.txt')).toString()).toBe('alpha')
    expect((await snap.read('a/deep/x.sh')).toString()).toBe('run')
    expect(await snap.read('b')).toHaveLength(0)
    expect((await snap.read(Buffer.from('a.txt'))).toString()).toBe('alpha')
  })

  test('ranges and streams give what slices of the whole give', async () => {
    const bytes = noise(20_000, 1)
    const tree = await writeDirectory(objects, [file('f', await writeContent(objects, bytes))])
    const snap = await snapshotOf({ tree: tree.content, files: 1, attributes: EMPTY_CONTENT })
    for (const [offset, length] of [
      [0, 20_000],
      [0, 0],
      [5, 1],
      [777, 5000],
      [19_999, 10],
      [20_000, 1],
      [99_999, 7],
    ]) {
      const expected = bytes.subarray(offset, offset! + length!)
      expect((await snap.readRange('f', offset!, length!)).equals(expected)).toBe(true)
      const pieces = await collect(snap.stream('f', { offset, length }))
      expect(Buffer.concat(pieces).equals(expected)).toBe(true)
    }
    expect(Buffer.concat(await collect(snap.stream('f'))).equals(bytes)).toBe(true)
    expect(Buffer.concat(await collect(snap.stream('f', { offset: 100 }))).equals(bytes.subarray(100))).toBe(true)
  })

  test('a range reads only the chunks that hold it, and of a long manifest one node a level', async () => {
    const bytes = noise(2_000_000, 2)
    const tree = await writeDirectory(objects, [file('f', await writeContent(objects, bytes))])
    const snap = await snapshotOf({ tree: tree.content, files: 1, attributes: EMPTY_CONTENT })
    objects.resetCounts()
    const part = await snap.readRange('f', 1_234_567, 10)
    expect(part.equals(bytes.subarray(1_234_567, 1_234_577))).toBe(true)
    expect(objects.chunkGets).toBeLessThanOrEqual(2)
    expect(objects.objectGets).toBeLessThan(20)
  })

  test('what is given out may be written to', async () => {
    const snap = await snapshot(MODEL)
    const take = async () => [
      await snap.read('a.txt'),
      await snap.readRange('a.txt', 0, 5),
      ...(await collect(snap.stream('a.txt'))),
    ]
    for (const bytes of await take()) bytes.fill(0)
    for (const bytes of await take()) expect(bytes.toString()).toBe('alpha')
  })

  test('streams can be cancelled', async () => {
    const snap = await snapshot(MODEL)
    const signal = AbortSignal.abort()
    await expect(collect(snap.stream('a.txt', { signal }))).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test.each([
    ['missing', 'PATH_NOT_FOUND'],
    ['a/missing/x', 'PATH_NOT_FOUND'],
    ['a', 'NOT_A_FILE'],
    ['', 'NOT_A_FILE'],
    ['a/link', 'NOT_A_FILE'],
    ['a.txt/x', 'NOT_A_DIRECTORY'],
    ['a/link/x', 'NOT_A_DIRECTORY'],
    ['a/../b', 'INVALID_PATH'],
  ])('of %j: %s', async (path, code) => {
    const snap = await snapshot(MODEL)
    await expect(snap.read(path)).rejects.toMatchObject({ code })
    await expect(snap.readRange(path, 0, 1)).rejects.toMatchObject({ code })
    await expect(collect(snap.stream(path))).rejects.toMatchObject({ code })
  })

  test.each([
    [-1, 1],
    [1.5, 1],
    [0, -1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ])('refuses the range %d, %d', async (offset, length) => {
    const snap = await snapshot(MODEL)
    await expect(snap.readRange('a.txt', offset, length)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('listing', () => {
  test('a directory, by name bytes', async () => {
    const snap = await snapshot(MODEL)
    expect(await paths(snap.list())).toEqual(['a', 'a.txt', 'b'])
    expect(await paths(snap.list('a'))).toEqual(['a/deep', 'a/empty', 'a/link'])
    expect(await paths(snap.list('a/empty'))).toEqual([])
  })

  test('everything below, directories before what they hold', async () => {
    const snap = await snapshot(MODEL)
    expect(await paths(snap.walk())).toEqual(['a', 'a/deep', 'a/deep/x.sh', 'a/empty', 'a/link', 'a.txt', 'b'])
    expect(await paths(snap.walk('a/deep'))).toEqual(['a/deep/x.sh'])
    expect(await paths((await snapshot({})).walk())).toEqual([])
  })

  test('a walk may be left early', async () => {
    const snap = await snapshot(MODEL)
    for await (const { path } of snap.walk()) if (path === 'a/deep/x.sh') return
    expect.unreachable()
  })

  test.each([
    ['missing', 'PATH_NOT_FOUND'],
    ['a.txt', 'NOT_A_DIRECTORY'],
    ['a/link', 'NOT_A_DIRECTORY'],
    ['/a', 'INVALID_PATH'],
  ])('of %j: %s', async (path, code) => {
    const snap = await snapshot(MODEL)
    await expect(collect(snap.list(path))).rejects.toMatchObject({ code })
    await expect(collect(snap.walk(path))).rejects.toMatchObject({ code })
  })
})

describe('stat', () => {
  test('describes each kind', async () => {
    const snap = await snapshot(MODEL)
    expect(await snap.stat('a/deep/x.sh')).toMatchObject({
      path: 'a/deep/x.sh',
      pathBytes: Buffer.from('a/deep/x.sh'),
      name: 'x.sh',
      kind: 'file',
      executable: true,
      sizeBytes: 3,
      files: 1,
      attributes: {},
    })
    expect(await snap.stat('a')).toMatchObject({ kind: 'directory', sizeBytes: 11, files: 2, executable: false })
    expect(await snap.stat('a/link')).toMatchObject({ kind: 'symlink', target: '../a.txt', sizeBytes: 8 })
    expect(await snap.stat('')).toMatchObject({ path: '', name: '', kind: 'directory', files: 4, sizeBytes: 16 })
    expect(await snap.stat('b')).not.toHaveProperty('id')
    expect((await snap.stat('a.txt')).id).toMatch(/^[0-9a-f]{64}$/)
  })

  test('tells gitlinks', async () => {
    const link = { ...file('sub'), kind: 'gitlink', foreignId: 'ab'.repeat(20) } as const
    const { content } = await writeDirectory(objects, [link])
    const snap = await snapshotOf({ tree: content, files: 1, attributes: EMPTY_CONTENT })
    expect(await snap.stat('sub')).toMatchObject({ kind: 'gitlink', sizeBytes: 0 })
    await expect(snap.stat('sub/x')).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' })
  })

  test('names that are not UTF-8 are shown, and kept', async () => {
    const odd = Buffer.from([0x78, 0xff])
    const { content } = await writeDirectory(objects, [{ ...file(''), name: nameFromBytes(odd) }])
    const snap = await snapshotOf({ tree: content, files: 1, attributes: EMPTY_CONTENT })
    expect(await snap.stat(odd)).toMatchObject({ path: 'x\ufffd', pathBytes: odd })
  })

  test('tryStat is undefined where nothing is', async () => {
    const snap = await snapshot(MODEL)
    expect(await snap.tryStat('a.txt')).toMatchObject({ kind: 'file' })
    expect(await snap.tryStat('missing')).toBeUndefined()
    expect(await snap.tryStat('a.txt/x')).toBeUndefined()
    await expect(snap.tryStat('..')).rejects.toMatchObject({ code: 'INVALID_PATH' })
  })

  test('damage is never taken for absence', async () => {
    const snap = await snapshot(MODEL)
    objects.place(KIND.tree, snap.root.tree.id!, Buffer.from([9, 9]))
    await expect(snap.tryStat('a.txt')).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' })
  })
})

test('what is recorded is found beside the content', async () => {
  const inner = await writeTree(objects, { f: 'x', g: 'y' })
  const { content } = await writeDirectory(objects, [directory('d', inner), file('e')])
  const named = nameFromText
  const below = await writeAttributes(objects, [
    { name: named('a-stray'), attributes: { mode: 0o7 }, below: EMPTY_CONTENT },
    { name: named('g'), attributes: { mode: 0o640, mtimeNs: 5n }, below: EMPTY_CONTENT },
  ])
  const attributes = await writeAttributes(objects, [
    { name: ROOT_NAME, attributes: { mode: 0o711 }, below: EMPTY_CONTENT },
    { name: named('d'), attributes: { mode: 0o750 }, below },
  ])
  const snap = await snapshotOf({ tree: content, files: 3, attributes })
  expect((await snap.stat('')).attributes).toEqual({ mode: 0o711 })
  expect((await snap.stat('d')).attributes).toEqual({ mode: 0o750 })
  expect((await snap.stat('d/f')).attributes).toEqual({})
  expect((await snap.stat('d/g')).attributes).toEqual({ mode: 0o640, mtimeNs: 5n })
  const walked = (await collect(snap.walk())).map(({ path, attributes: { mode } }) => [path, mode])
  expect(walked).toEqual([
    ['d', 0o750],
    ['d/f', undefined],
    ['d/g', 0o640],
    ['e', undefined],
  ])
  const listed = (await collect(snap.list('d'))).map(({ path, attributes: { mode } }) => [path, mode])
  expect(listed).toEqual([
    ['d/f', undefined],
    ['d/g', 0o640],
  ])
})
