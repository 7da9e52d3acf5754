/** What the files and directories of a new tree take the place of. */
import { beforeEach, describe, expect, test } from 'vitest'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import { DirectoryBefore } from '../../src/worktree/treeBefore.js'
import { name, type TreeModel, writeTree } from '../history/trees.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'

let objects: MemoryObjects
beforeEach(async () => {
  objects = await createMemoryObjects()
})

const names = (of: readonly string[]) => of.map((each) => name(each))

async function beforeOf(old: TreeModel, now: readonly string[]): Promise<DirectoryBefore> {
  const { content, files } = await writeTree(objects, old)
  objects.resetCounts()
  return DirectoryBefore.root(objects, { tree: content, files, attributes: EMPTY_CONTENT }, names(now))
}

async function textOf(before: DirectoryBefore, of: string): Promise<string | undefined> {
  const content = await before.file(name(of))()
  return content?.id !== undefined ? (await objects.get(KIND.chunk, content.id)).toString() : undefined
}

describe('a file takes the place of', () => {
  test('the one of its name', async () => {
    const before = await beforeOf({ a: 'text of a', b: 'text of b' }, ['a', 'b', 'ab'])
    expect(await textOf(before, 'a')).toBe('text of a')
    expect(await textOf(before, 'b')).toBe('text of b')
  })

  test('one that is gone and has a name much like its own, rather than one that is still there', async () => {
    const old = { 'report-2024.txt': 'gone', 'report-2023.txt': 'still there', 'image.png': 'other' }
    const before = await beforeOf(old, ['report-2025.txt', 'report-2023.txt', 'image.png'])
    expect(await textOf(before, 'report-2025.txt')).toBe('gone')
  })

  test('one that is still there, if none is gone: it may be a copy', async () => {
    const before = await beforeOf({ 'page-one.html': 'one', x: 'x' }, ['page-one.html', 'page-two.html', 'x'])
    expect(await textOf(before, 'page-two.html')).toBe('one')
  })

  test('nothing, where no name is like its own, or there was none', async () => {
    const before = await beforeOf({ 'image.png': 'image' }, ['image.png', 'zebra'])
    expect(await before.file(name('zebra'))()).toBeUndefined()
    expect(await (await beforeOf({}, ['a'])).file(name('a'))()).toBeUndefined()
  })

  test('no directory and no symlink of its name', async () => {
    const before = await beforeOf({ a: { b: 'below' }, link: '->a' }, ['a', 'link'])
    expect(await before.file(name('a'))()).toBeUndefined()
    expect(await before.file(name('link'))()).toBeUndefined()
  })
})

describe('a directory takes the place of', () => {
  test('the one of its name, at any depth, with what is in it', async () => {
    const before = await beforeOf({ d: { e: { f: 'deep' } } }, ['d'])
    const below = before.directory(name('d'), names(['e'])).directory(name('e'), names(['f', 'g']))
    expect(await textOf(below, 'f')).toBe('deep')
    expect(await below.tree()).toMatchObject({ shape: expect.any(Number) })
  })

  test('one that was renamed: files in it are found under their names', async () => {
    const before = await beforeOf({ 'project-old': { 'main.c': 'int main' }, other: { 'main.c': 'no' } }, [
      'project-new',
      'other',
    ])
    const renamed = before.directory(name('project-new'), names(['main.c']))
    expect(await textOf(renamed, 'main.c')).toBe('int main')
  })

  test('nothing that was a file', async () => {
    const before = await beforeOf({ d: 'a file' }, ['d'])
    const below = before.directory(name('d'), names(['f']))
    expect(await below.tree()).toBeUndefined()
    expect(await below.attributes()).toEqual(undefined)
    expect(await below.file(name('f'))()).toBeUndefined()
  })
})

test('nothing is read until something is asked for, and each directory once', async () => {
  const before = await beforeOf({ d: { a: 'a', b: 'b' }, e: { c: 'c' } }, ['d', 'e'])
  const below = before.directory(name('d'), names(['a', 'b']))
  const asked = [below.file(name('a')), below.file(name('b'))]
  before.directory(name('e'), names(['c']))
  expect(objects.gets.size).toBe(0)
  for (const each of asked) expect(await each()).toBeDefined()
  expect(objects.gets.get(KIND.tree)).toBe(2)
})

test('in a very large directory that all changed its names, it stops looking', async () => {
  const old = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`file-${index}.old`, `${index}`]))
  const now = Object.keys(old).map((each) => each.replace('.old', '.new'))
  const before = await beforeOf(old, now)
  let found = 0
  for (const each of now) if (await before.file(name(each))()) found++
  expect(found).toBeGreaterThan(500)
  expect(found).toBeLessThan(1000)
})
