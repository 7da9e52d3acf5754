import { beforeEach, describe, expect, test } from 'vitest'
import { ROOT_NAME } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeDirectory } from '../../src/history/directory.js'
import { Draft } from '../../src/history/draft.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { noise } from './bytes.js'
import { EMPTY_ROOT } from './commitGraphs.js'
import { collect, file, madeUpFile, name, type TreeModel, writeTree } from './trees.js'

let objects: MemoryObjects
beforeEach(async () => {
  objects = await createMemoryObjects()
})

async function rootOf(model: TreeModel): Promise<TreeRoot> {
  const { content, files } = await writeTree(objects, model)
  return { tree: content, files, attributes: EMPTY_CONTENT }
}

async function draftOf(model: TreeModel): Promise<Draft> {
  return new Draft(objects, await rootOf(model))
}

const MODEL: TreeModel = { 'a.txt': 'alpha', dir: { run: '*run', sub: { x: 'x' } }, link: '->a.txt' }

describe('what is written', () => {
  test('text, bytes and streams', async () => {
    const draft = new Draft(objects, EMPTY_ROOT)
    await draft.write('text', 'grün')
    await draft.write('bytes', Uint8Array.of(1, 2))
    await draft.write(Buffer.from('deep/stream'), stream(Buffer.from('ab'), Buffer.from('c')))
    expect(await draft.read('text')).toEqual(Buffer.from('grün'))
    expect(await draft.read('bytes')).toEqual(Buffer.of(1, 2))
    expect((await draft.read('deep/stream')).toString()).toBe('abc')
  })

  test('a long stream is stored while it comes', async () => {
    const draft = new Draft(objects, EMPTY_ROOT)
    let storedBefore = 0
    async function* long() {
      for (let part = 0; part < 50; part++) yield noise(100_000, part)
      storedBefore = objects.newChunks
    }
    await draft.write('long', long())
    expect(storedBefore).toBeGreaterThan(100)
    expect((await draft.stat('long')).sizeBytes).toBe(5_000_000)
  })

  test('a stream that fails leaves what was, and the next edit goes through', async () => {
    const draft = await draftOf(MODEL)
    async function* broken() {
      yield Buffer.from('half')
      throw new Error('unplugged')
    }
    const failing = draft.write('a.txt', broken())
    const next = draft.write('b.txt', 'beta')
    await expect(failing).rejects.toThrow('unplugged')
    await next
    expect((await draft.read('a.txt')).toString()).toBe('alpha')
    expect((await draft.read('b.txt')).toString()).toBe('beta')
  })

  test('a stream may read the draft that it is written to', async () => {
    const draft = await draftOf(MODEL)
    async function* doubled() {
      yield await draft.read('a.txt')
      yield await draft.read('a.txt')
    }
    await draft.write('a.txt', doubled())
    expect((await draft.read('a.txt')).toString()).toBe('alphaalpha')
  })

  test('a refused write does not touch its stream, and can be cancelled', async () => {
    const draft = await draftOf(MODEL)
    let isTouched = false
    async function* watched() {
      isTouched = true
      yield Buffer.from('x')
    }
    await expect(draft.write('dir', watched())).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    await expect(draft.write('a.txt/x', watched())).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' })
    expect(isTouched).toBe(false)
    const signal = AbortSignal.abort()
    await expect(draft.write('new', watched(), { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(draft.stat('new')).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
  })

  test('edits happen in the order of the calls, awaited or not', async () => {
    const draft = await draftOf({ d: { one: '1' } })
    async function* slow() {
      await new Promise((resolve) => setTimeout(resolve, 5))
      yield Buffer.from('slow')
    }
    await Promise.all([
      draft.write('d/x', slow()),
      draft.append('d/x', ' and more'),
      draft.rename('d', 'e'),
      draft.write('e/two', '2'),
    ])
    expect((await draft.read('e/x')).toString()).toBe('slow and more')
    expect((await collect(draft.list('e'))).map((entry) => entry.name)).toEqual(['one', 'two', 'x'])
  })

  test('a file keeps whether it is executable', async () => {
    const draft = await draftOf(MODEL)
    await draft.write('dir/run', 'walk')
    await draft.append('dir/run', '!')
    expect(await draft.stat('dir/run')).toMatchObject({ executable: true, sizeBytes: 5 })
    await draft.write('dir/run', 'walk', { executable: false })
    expect(await draft.stat('dir/run')).toMatchObject({ executable: false })
  })

  test('directories that become empty stay, and go when removed', async () => {
    const draft = await draftOf(MODEL)
    await draft.remove('dir/sub/x')
    expect(await draft.toTree()).toEqual(await rootOf({ ...MODEL, dir: { run: '*run', sub: {} } }))
    await draft.remove('dir')
    expect(await draft.toTree()).toEqual(await rootOf({ 'a.txt': 'alpha', link: '->a.txt' }))
  })

  test('a removed directory comes back empty', async () => {
    const draft = await draftOf(MODEL)
    await draft.remove('dir')
    await draft.write('dir/new', 'n')
    expect(await draft.toTree()).toEqual(await rootOf({ ...MODEL, dir: { new: 'n' } }))
  })

  test('no edits, or edits undone, give the tree that was', async () => {
    const draft = await draftOf(MODEL)
    const before = await rootOf(MODEL)
    objects.resetCounts()
    expect(await draft.toTree()).toEqual(before)
    await draft.write('new/file', 'n')
    await draft.remove('new')
    await draft.rename('a.txt', 'b.txt')
    await draft.rename('b.txt', 'a.txt')
    expect(await draft.toTree()).toEqual(before)
  })

  test('an edit of a huge directory writes a handful of nodes', async () => {
    const entries = Array.from({ length: 200_000 }, (_, index) => madeUpFile(index.toString().padStart(6, '0'), index))
    const huge = await writeDirectory(objects, entries)
    const inner = { ...file('huge'), kind: 'directory', content: huge.content, files: huge.files } as const
    const { content } = await writeDirectory(objects, [inner])
    const draft = new Draft(objects, { tree: content, files: huge.files, attributes: EMPTY_CONTENT })
    objects.resetCounts()
    await draft.write('huge/100000', 'changed')
    await draft.toTree()
    expect(objects.newObjects).toBeLessThanOrEqual(6)
    expect(objects.objectGets).toBeLessThanOrEqual(30)
  })
})

describe('copies and renames', () => {
  test('cost the same however much they move', async () => {
    const large = await draftOf({ d: Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`f${i}`, `${i}`])) })
    objects.resetCounts()
    await large.copy('d', 'copies/of/d')
    await large.rename('d', 'e')
    expect([objects.newObjects, objects.newChunks, objects.chunkGets]).toEqual([0, 0, 0])
    expect(objects.objectGets).toBeLessThan(10)
    await large.toTree()
    expect(objects.newObjects).toBeLessThanOrEqual(3)
  })

  test('a copy and its origin part ways', async () => {
    const draft = await draftOf(MODEL)
    await draft.write('dir/before', 'b')
    await draft.copy('dir', 'twin')
    await draft.write('twin/run', 'changed')
    await draft.write('dir/after', 'a')
    await draft.remove('dir/sub/x')
    expect(await draft.toTree()).toEqual(
      await rootOf({
        ...MODEL,
        dir: { run: '*run', sub: {}, before: 'b', after: 'a' },
        twin: { run: '*changed', sub: { x: 'x' }, before: 'b' },
      }),
    )
  })

  test('a directory may be copied into itself, not moved', async () => {
    const draft = await draftOf({ d: { x: '1' } })
    await draft.copy('d', 'd/d')
    await draft.copy('', 'all')
    expect(await draft.toTree()).toEqual(
      await rootOf({ d: { x: '1', d: { x: '1' } }, all: { d: { x: '1', d: { x: '1' } } } }),
    )
    await expect(draft.rename('d', 'd/e')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(draft.rename('', 'e')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a copy that is edited and edited back stays', async () => {
    const draft = await draftOf({ d: { x: '1' } })
    await draft.copy('d', 'e')
    await draft.write('e/y', '2')
    await draft.remove('e/y')
    expect(await draft.toTree()).toEqual(await rootOf({ d: { x: '1' }, e: { x: '1' } }))
  })

  test('from another tree, files and whole trees', async () => {
    const other = await rootOf({ old: { x: '*1', y: { z: '2' } } })
    const draft = await draftOf({ new: { x: '3' } })
    await draft.copy('old/x', 'new/x', other)
    await draft.copy('', 'all', async () => other)
    await draft.write('all/old/y/w', 'w')
    const model = { new: { x: '*1' }, all: { old: { x: '*1', y: { z: '2', w: 'w' } } } }
    expect(await draft.toTree()).toEqual(await rootOf(model))
    await expect(draft.copy('gone', 'x', other)).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
  })

  test('what came from elsewhere is told', async () => {
    const other = await rootOf({ f: 'theirs', g: 'more', d: { x: '1' }, e: { y: '2' } })
    const draft = await draftOf({ mine: 'mine' })
    const used = () => draft.adopted().map(({ use, content }) => [use, content.size])
    await draft.rename('mine', 'still-mine')
    await draft.write('new', 'n')
    expect(used()).toEqual([])
    await draft.copy('f', 'f', other)
    await draft.copy('g', 'g', other)
    await draft.copy('d', 'd', other)
    await draft.copy('e', 'e', other)
    // Written over, nothing of it is left; appended to, its chunks may be shared.
    await draft.write('f', 'ours')
    await draft.append('g', '!')
    await draft.write('e/z', 'z')
    await draft.rename('e/y', 'y')
    expect(used().sort()).toEqual([
      ['directory', 1],
      ['directory', 1],
      ['file', 1],
      ['file', 5],
    ])
    await draft.remove('e')
    await draft.remove('d')
    expect(used().sort()).toEqual([
      ['file', 1],
      ['file', 5],
    ])
    // Laid over another tree, what was renamed may be out of its reach.
    expect(await draft.rebaseOnto(await rootOf({ mine: 'mine', theirs: 't' }))).toEqual([])
    expect(used().sort()).toEqual([
      ['file', 1],
      ['file', 4],
      ['file', 5],
    ])
  })
})

describe('refusals', () => {
  test.each<[string, string, (draft: Draft) => Promise<void>]>([
    ['NOT_A_FILE', 'write over a directory', (draft) => draft.write('dir', 'x')],
    ['NOT_A_FILE', 'write to the root', (draft) => draft.write('', 'x')],
    ['NOT_A_DIRECTORY', 'a path through a file', (draft) => draft.write('a.txt/x', 'x')],
    ['NOT_A_DIRECTORY', 'a path through a symlink', (draft) => draft.write('link/x', 'x')],
    ['NOT_A_DIRECTORY', 'removing through a file', (draft) => draft.remove('a.txt/x')],
    ['NOT_A_FILE', 'append to a symlink', (draft) => draft.append('link', 'x')],
    ['NOT_A_FILE', 'truncate a directory', (draft) => draft.truncate('dir', 0)],
    ['PATH_NOT_FOUND', 'writeAt of nothing', (draft) => draft.writeAt('none', 0, 'x')],
    ['PATH_NOT_FOUND', 'truncate of nothing', (draft) => draft.truncate('none', 0)],
    ['PATH_NOT_FOUND', 'remove of nothing', (draft) => draft.remove('dir/none')],
    ['PATH_NOT_FOUND', 'rename of nothing', (draft) => draft.rename('none', 'x')],
    ['PATH_NOT_FOUND', 'copy of nothing', (draft) => draft.copy('none', 'x')],
    ['INVALID_ARGUMENT', 'removing the root', (draft) => draft.remove('')],
    ['INVALID_ARGUMENT', 'a negative offset', (draft) => draft.writeAt('a.txt', -1, 'x')],
    ['INVALID_ARGUMENT', 'a broken size', (draft) => draft.truncate('a.txt', 1.5)],
    ['ALREADY_EXISTS', 'mkdir over a file', (draft) => draft.mkdir('a.txt')],
    ['ALREADY_EXISTS', 'a directory over a file', (draft) => draft.copy('dir', 'a.txt')],
    ['ALREADY_EXISTS', 'a file over a directory', (draft) => draft.rename('a.txt', 'dir')],
    ['ALREADY_EXISTS', 'a directory over a directory', (draft) => draft.rename('dir/sub', 'dir')],
    ['ALREADY_EXISTS', 'over the root', (draft) => draft.copy('dir', '')],
    ['NOT_A_FILE', 'a symlink over a directory', (draft) => draft.symlink('x', 'dir')],
    ['INVALID_ARGUMENT', 'a symlink to nothing', (draft) => draft.symlink('', 'x')],
    ['INVALID_ARGUMENT', 'a symlink with NUL', (draft) => draft.symlink('a\0b', 'x')],
    ['LIMIT_EXCEEDED', 'a long symlink', (draft) => draft.symlink('x'.repeat(4096), 'x')],
    ['INVALID_PATH', 'dots', (draft) => draft.write('a/../b', 'x')],
    ['INVALID_PATH', 'a leading slash', (draft) => draft.mkdir('/a')],
  ])('%s: %s', async (code, _, edit) => {
    const draft = await draftOf(MODEL)
    await expect(edit(draft)).rejects.toMatchObject({ code })
    expect(await draft.toTree()).toEqual(await rootOf(MODEL))
  })
})

describe('what is recorded', () => {
  async function recordedDraft(): Promise<Draft> {
    const { tree, files } = await rootOf({ f: 'f', d: { g: 'g' }, run: '*run' })
    const below = await writeAttributes(objects, [
      { name: name('g'), attributes: { mtimeNs: 1n, owner: { uid: 7, gid: 8 } }, below: EMPTY_CONTENT },
    ])
    const xattrs = [{ name: name('user.x'), value: Buffer.from('x') }]
    const attributes = await writeAttributes(objects, [
      { name: ROOT_NAME, attributes: { mode: 0o700 }, below: EMPTY_CONTENT },
      { name: name('d'), attributes: { mtimeNs: 2n, mode: 0o750 }, below },
      { name: name('f'), attributes: { mtimeNs: 3n, mode: 0o640, xattrs }, below: EMPTY_CONTENT },
      { name: name('run'), attributes: { mtimeNs: 4n }, below: EMPTY_CONTENT },
    ])
    return new Draft(objects, { tree, files, attributes })
  }
  const recorded = async (draft: Draft, path: string) => (await draft.stat(path)).attributes

  test('a written file loses its time and keeps the rest', async () => {
    const draft = await recordedDraft()
    await draft.append('f', 'more')
    await draft.write('run', 'walk')
    const xattrs = [{ name: 'user.x', value: Buffer.from('x') }]
    expect(await recorded(draft, 'f')).toEqual({ mode: 0o640, xattrs })
    expect(await recorded(draft, 'run')).toEqual({})
    expect(await recorded(draft, 'd')).toEqual({ mtimeNs: 2n, mode: 0o750 })
  })

  test('the mode follows the executable flag', async () => {
    const draft = await recordedDraft()
    await draft.write('f', 'x', { executable: true })
    expect((await recorded(draft, 'f')).mode).toBe(0o750)
    await draft.rename('f', 'g')
    await draft.write('g', 'x', { executable: false })
    expect(await recorded(draft, 'g')).toEqual({ mode: 0o640, xattrs: expect.any(Array) })
  })

  test('it moves with what is renamed or copied, and goes with what is removed', async () => {
    const draft = await recordedDraft()
    await draft.rename('d', 'e')
    await draft.copy('e', 'twin')
    await draft.remove('f')
    await draft.write('f', 'new')
    expect(await recorded(draft, 'e')).toEqual({ mtimeNs: 2n, mode: 0o750 })
    expect(await recorded(draft, 'e/g')).toEqual({ mtimeNs: 1n, owner: { uid: 7, gid: 8 } })
    expect(await recorded(draft, 'twin/g')).toEqual({ mtimeNs: 1n, owner: { uid: 7, gid: 8 } })
    expect(await recorded(draft, 'f')).toEqual({})
    expect(await recorded(draft, '')).toEqual({ mode: 0o700 })
  })

  describe('of hard links', () => {
    const linkGroup = 'ab'.repeat(8)

    async function linkedDraft(): Promise<Draft> {
      const { tree, files } = await rootOf({ a: 'x', b: 'x', d: { c: 'x' } })
      const below = await writeAttributes(objects, [
        { name: name('c'), attributes: { linkGroup }, below: EMPTY_CONTENT },
      ])
      const attributes = await writeAttributes(objects, [
        { name: name('a'), attributes: { mode: 0o644, linkGroup }, below: EMPTY_CONTENT },
        { name: name('b'), attributes: { linkGroup }, below: EMPTY_CONTENT },
        { name: name('d'), attributes: {}, below },
      ])
      return new Draft(objects, { tree, files, attributes })
    }

    test('a file that is written, in part too, is none any more; the others are', async () => {
      const draft = await linkedDraft()
      await draft.write('a', 'new')
      await draft.append('d/c', 'more')
      expect(await recorded(draft, 'a')).toEqual({ mode: 0o644 })
      expect(await recorded(draft, 'd/c')).toEqual({})
      expect(await recorded(draft, 'b')).toEqual({ linkGroup })
    })

    test('a file that is renamed still is one, a copy of it is none', async () => {
      const draft = await linkedDraft()
      await draft.rename('a', 'e')
      await draft.copy('e', 'f')
      await draft.copy('b', 'g')
      expect(await recorded(draft, 'e')).toEqual({ mode: 0o644, linkGroup })
      expect(await recorded(draft, 'f')).toEqual({ mode: 0o644 })
      expect(await recorded(draft, 'g')).toEqual({})
      await draft.remove('b')
      await draft.remove('d')
      await draft.remove('e')
      const { attributes } = await draft.toTree()
      // As if they had never been.
      expect(attributes).toEqual(
        await writeAttributes(objects, [{ name: name('f'), attributes: { mode: 0o644 }, below: EMPTY_CONTENT }]),
      )
    })

    test('what comes from another commit, and what is in a copied directory, is what it was', async () => {
      const draft = await linkedDraft()
      const other = await (await linkedDraft()).toTree()
      await draft.copy('a', 'restored', other)
      await draft.copy('d', 'twin')
      expect(await recorded(draft, 'restored')).toEqual({ mode: 0o644, linkGroup })
      expect(await recorded(draft, 'twin/c')).toEqual({ linkGroup })
    })
  })

  test('is dropped where the base records nothing', async () => {
    const source = await (await recordedDraft()).toTree()
    const draft = await draftOf(MODEL)
    await draft.copy('', 'all', source)
    expect(await recorded(draft, 'all/f')).toEqual({})
    expect((await draft.toTree()).attributes).toEqual(EMPTY_CONTENT)
  })
})

describe('rebaseOnto', () => {
  const BASE: TreeModel = { count: '1', other: 'o', dir: { x: 'x', y: 'y' } }

  async function conflictsOf(edit: (draft: Draft) => Promise<void>, tip: TreeModel): Promise<string[]> {
    const draft = await draftOf(BASE)
    await edit(draft)
    return draft.rebaseOnto(await rootOf(tip))
  }

  test('edits of other paths go through', async () => {
    const draft = await draftOf(BASE)
    await draft.write('dir/x', 'ours')
    await draft.write('new/file', 'n')
    await draft.rename('other', 'moved')
    const tip = await rootOf({ ...BASE, count: '2', dir: { x: 'x', y: 'theirs' }, new: { theirs: 't' } })
    expect(await draft.rebaseOnto(tip)).toEqual([])
    const { other: _, ...rest } = BASE
    const merged = { ...rest, count: '2', dir: { x: 'ours', y: 'theirs' }, new: { theirs: 't', file: 'n' }, moved: 'o' }
    expect(await draft.toTree()).toEqual(await rootOf(merged))
    expect((await draft.read('count')).toString()).toBe('2')
  })

  test('a directory made anew stays without what it held', async () => {
    const draft = await draftOf(BASE)
    await draft.remove('dir')
    await draft.write('dir/new', 'n')
    expect(await draft.rebaseOnto(await rootOf({ ...BASE, other: 'theirs' }))).toEqual([])
    expect(await draft.toTree()).toEqual(await rootOf({ ...BASE, other: 'theirs', dir: { new: 'n' } }))
    expect(await draft.rebaseOnto(await rootOf({ ...BASE, dir: { x: 'x' } }))).toEqual(['dir'])
  })

  test('two who come to the same result conflict all the same', async () => {
    expect(await conflictsOf((draft) => draft.write('count', '2'), { ...BASE, count: '2' })).toEqual(['count'])
  })

  test.each<[string, (draft: Draft) => Promise<void>, TreeModel, string[]]>([
    ['written and removed', (draft) => draft.write('count', '2'), { other: 'o', dir: BASE.dir! }, ['count']],
    ['removed and written', (draft) => draft.remove('count'), { ...BASE, count: '2' }, ['count']],
    ['both new', (draft) => draft.write('new', 'a'), { ...BASE, new: 'a' }, ['new']],
    ['its directory gone', (draft) => draft.write('dir/z', 'z'), { count: '1', other: 'o' }, ['dir']],
    ['its directory now a file', (draft) => draft.write('dir/z', 'z'), { ...BASE, dir: 'f' }, ['dir']],
    ['a new directory and a file', (draft) => draft.write('new/z', 'z'), { ...BASE, new: 'f' }, ['new']],
    ['a directory removed, and changed below', (draft) => draft.remove('dir'), { ...BASE, dir: { x: '!' } }, ['dir']],
    [
      'a directory moved, and changed below',
      (draft) => draft.rename('dir', 'd'),
      { ...BASE, dir: { x: '!' } },
      ['dir'],
    ],
    ['a directory made by both', (draft) => draft.mkdir('new'), { ...BASE, new: { f: 'f' } }, []],
    ['only the mode', (draft) => draft.write('count', '2'), { ...BASE, count: '*1' }, ['count']],
  ])('%s', async (_, edit, tip, conflicts) => {
    expect(await conflictsOf(edit, tip)).toEqual(conflicts)
  })

  test('a conflict leaves the draft as it was', async () => {
    const draft = await draftOf(BASE)
    await draft.write('count', '2')
    await draft.write('dir/x', 'ours')
    const before = await draft.toTree()
    const tip = await rootOf({ ...BASE, count: '3', other: 'theirs' })
    expect(await draft.rebaseOnto(tip)).toEqual(['count'])
    expect(await draft.toTree()).toEqual(before)
  })

  test('what is recorded comes from the tree that the edits are laid over', async () => {
    const { tree, files } = await rootOf(BASE)
    const at = async (mode: number) => ({
      tree,
      files,
      attributes: await writeAttributes(objects, [{ name: name('count'), attributes: { mode }, below: EMPTY_CONTENT }]),
    })
    const draft = new Draft(objects, await at(0o600))
    await draft.write('count', '2')
    expect(await draft.rebaseOnto(await at(0o640))).toEqual([])
    expect((await draft.stat('count')).attributes).toEqual({ mode: 0o640 })
  })
})

async function* stream(...parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts
}
