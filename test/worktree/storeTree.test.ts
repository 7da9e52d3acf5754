import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import type { FileSystem } from '../../src/base/filesystem.js'
import { nameFromText } from '../../src/base/names.js'
import type { Progress } from '../../src/base/progress.js'
import { MIB } from '../../src/base/units.js'
import type { Attributes } from '../../src/format/attributes.js'
import { writeContent } from '../../src/history/contentWrite.js'
import { requireRecorded } from '../../src/history/listing.js'
import { parsePath } from '../../src/history/paths.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { type StoredTree, type StoreTreeOptions, storeTree } from '../../src/worktree/storeTree.js'
import { treeSteps } from '../../src/worktree/treeSteps.js'
import { createMemoryObjects, type MemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { type DiskNode, directory, file, makeTree, symlink } from '../support/trees.js'
import { hooked } from './faultyFileSystem.js'

const objects = await createMemoryObjects()

async function store(node: DiskNode, options?: StoreTreeOptions): Promise<StoredTree> {
  const root = join(tempFolder(), 'root')
  makeTree(root, node)
  return storeTree(objects, nodeFileSystem, root, options)
}

/** Directories end with a slash, symlinks come last. */
async function pathsIn(tree: StoredTree, reader: MemoryObjects = objects): Promise<string[]> {
  const paths: string[] = []
  for await (const { is, path, entry } of treeSteps(reader, tree, undefined)) {
    if (is === 'entry') paths.push(entry.executable ? `${path}*` : path)
    else if (is === 'enter' && path !== '') paths.push(`${path}/`)
  }
  return paths
}

async function attributesOf(tree: StoredTree, path: string): Promise<Attributes | undefined> {
  return (await requireRecorded(objects, tree, parsePath(path))).recorded?.attributes
}

describe('what is taken', () => {
  test('files, folders even if empty, symlinks, hidden ones and .git, in the order of bytes', async () => {
    const stored = await store(
      directory({
        b: file('x'),
        B: directory({ run: file('#!', { mode: 0o755 }) }),
        'a-b': file(''),
        a: directory({ z: symlink('../b') }),
        '.git': directory({ config: file('[core]') }),
        empty: directory(),
      }),
    )
    expect(await pathsIn(stored)).toEqual(['.git/', '.git/config', 'B/', 'B/run*', 'a/', 'a/z', 'a-b', 'b', 'empty/'])
    expect(stored).toMatchObject({ files: 5, directories: 4, bytes: 6 + 2 + 4 + 0 + 1, ignored: 0, skipped: [] })
    expect(stored.warnings).toEqual([])
  })

  test('the order in which a file system lists does not matter', async () => {
    const root = join(tempFolder(), 'root')
    makeTree(root, directory({ a: file('1'), b: directory({ x: file('2'), 'x-y': file('3') }), 'b-c': file('4') }))
    const inner = hooked(() => undefined)
    const backwards: FileSystem = { ...inner, list: (path) => inner.list(path).reverse() }
    expect(await storeTree(objects, backwards, root)).toEqual(await storeTree(objects, nodeFileSystem, root))
  })

  test('the same tree has the same content, whenever it was changed', async () => {
    const older = await store(directory({ a: file('1', { mtimeNs: 1_000_000_000n }) }, { mtimeNs: 5_000n }))
    const newer = await store(directory({ a: file('1', { mode: 0o600 }) }))
    expect(newer.tree).toEqual(older.tree)
    expect(newer.attributes).not.toEqual(older.attributes)
  })

  test('a symlink is one chunk that holds its target', async () => {
    const target = 'x'.repeat(3000)
    const stored = await store(directory({ link: symlink(target) }))
    const { entry } = await requireRecorded(objects, stored, parsePath('link'))
    expect(entry).toMatchObject({ kind: 'symlink', content: { shape: 1, size: 3000 } })
    expect((await objects.get(0x63, entry.content.id!)).toString()).toBe(target)
  })

  test('an empty folder is an empty tree with what is recorded of it', async () => {
    const stored = await store(directory())
    expect(stored).toMatchObject({ tree: { shape: 0 }, files: 0, bytes: 0 })
    expect(await attributesOf(stored, '')).toEqual({ mode: 0o755, mtimeNs: 1_700_000_000_123_456_000n })
  })

  test.each([0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, MIB, 2 * MIB + 1, 5 * MIB + 12345])(
    'a file of %i bytes has the content of its bytes, whichever way it is read',
    async (size) => {
      const bytes = Buffer.alloc(size)
      for (let index = 0; index < size; index += 7) bytes[index] = (index * 31 + (index >> 9)) & 0xff
      const stored = await store(directory({ f: file(bytes) }))
      const { entry } = await requireRecorded(objects, stored, parsePath('f'))
      expect(entry.content).toEqual(await writeContent(objects, bytes))
    },
  )

  test('a symlink to a folder will do as the root, a file or nothing will not', async () => {
    const folder = tempFolder()
    makeTree(join(folder, 'real'), directory({ a: file('1') }))
    symlinkSync('real', join(folder, 'link'))
    symlinkSync('none', join(folder, 'dangling'))
    expect(await pathsIn(await storeTree(objects, nodeFileSystem, join(folder, 'link')))).toEqual(['a'])
    await expect(storeTree(objects, nodeFileSystem, join(folder, 'real/a'))).rejects.toMatchObject({
      code: 'NOT_A_DIRECTORY',
    })
    for (const name of ['none', 'dangling']) {
      await expect(storeTree(objects, nodeFileSystem, join(folder, name))).rejects.toMatchObject({
        code: 'PATH_NOT_FOUND',
      })
    }
  })
})

describe('what is left out', () => {
  test('what patterns ignore, counted, a folder once', async () => {
    const tree = directory({
      'a.o': file(''),
      keep: file(''),
      build: directory({ x: file(''), y: file('') }),
      sub: directory({ 'b.o': file('') }),
    })
    const stored = await store(tree, { ignore: ['*.o', 'build/'] })
    expect(await pathsIn(stored)).toEqual(['keep', 'sub/'])
    expect(stored.ignored).toBe(3)
  })

  test('what ignore files say, only where that is asked for', async () => {
    const tree = directory({
      '.gitignore': file('*.log\nvendor/\n'),
      '.varveignore': file('!important.log\n'),
      'a.log': file(''),
      'important.log': file(''),
      vendor: directory({ x: file('') }),
      sub: directory({ '.gitignore': file('!b.log'), 'b.log': file(''), 'c.log': file('') }),
    })
    expect((await store(tree)).files).toBe(8)
    const stored = await store(tree, { ignoreFiles: true })
    expect(await pathsIn(stored)).toEqual([
      '.gitignore',
      '.varveignore',
      'important.log',
      'sub/',
      'sub/.gitignore',
      'sub/b.log',
    ])
    expect(stored.ignored).toBe(3)
  })

  test('stores at any depth, silently; what merely looks like one, with a warning', async () => {
    const stored = await store(
      directory({
        '.varve': directory({ 'store.varve': file('db') }),
        sub: directory({ '.varve': file('elsewhere'), '.VARVE': file('') }),
        'varve~1': file(''),
        'x.varve': file('mine'),
      }),
    )
    expect(await pathsIn(stored)).toEqual(['sub/', 'x.varve'])
    expect(stored.ignored).toBe(0)
    expect(stored.warnings).toEqual([expect.stringContaining('"sub/.VARVE"'), expect.stringContaining('"varve~1"')])
  })

  test('the store’s own files, by place and by inode', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'real/db'), { recursive: true })
    symlinkSync('real', join(folder, 'link'))
    for (const name of ['s.varve', 's.varve-wal', 'other']) writeFileSync(join(folder, 'real/db', name), name)
    linkSync(join(folder, 'real/db/s.varve'), join(folder, 'real/linked'))
    const storeFiles = ['s.varve', 's.varve-wal', 's.varve-shm'].map((name) => join(folder, 'link/db', name))
    const options = { storeFiles: [...storeFiles, '/nowhere/at/all'] }
    const stored = await storeTree(objects, nodeFileSystem, join(folder, 'real'), options)
    expect(await pathsIn(stored)).toEqual(['db/', 'db/other'])
    // One that was made after the list was.
    writeFileSync(join(folder, 'real/db/s.varve-shm'), '')
    expect(await pathsIn(await storeTree(objects, nodeFileSystem, join(folder, 'real'), options))).toEqual([
      'db/',
      'db/other',
    ])
    expect(stored.warnings).toEqual([])
  })

  test.skipIf(process.platform === 'win32')('pipes and sockets, each named in a warning', async () => {
    const root = tempFolder()
    execFileSync('mkfifo', [join(root, 'pipe')])
    writeFileSync(join(root, 'file'), '')
    const stored = await storeTree(objects, nodeFileSystem, root)
    expect(await pathsIn(stored)).toEqual(['file'])
    expect(stored.warnings).toEqual([expect.stringContaining('"pipe"')])
  })
})

describe('what is recorded beside contents', () => {
  const tree = directory(
    {
      f: file('x', { mode: 0o640, mtimeNs: 1_111_111_111_000_001_000n }),
      d: directory({ g: file('y') }, { mode: 0o711, mtimeNs: 2_222_222_222_000_000_000n }),
      l: symlink('f', { mtimeNs: -1_000n }),
    },
    { mode: 0o750, mtimeNs: 3_333_333_333_000_000_000n },
  )

  test('times and modes, of the root too, no mode of symlinks', async () => {
    const stored = await store(tree)
    expect(await attributesOf(stored, '')).toEqual({ mode: 0o750, mtimeNs: 3_333_333_333_000_000_000n })
    expect(await attributesOf(stored, 'd')).toEqual({ mode: 0o711, mtimeNs: 2_222_222_222_000_000_000n })
    expect(await attributesOf(stored, 'f')).toEqual({ mode: 0o640, mtimeNs: 1_111_111_111_000_001_000n })
    expect(await attributesOf(stored, 'd/g')).toMatchObject({ mode: 0o644 })
    expect(await attributesOf(stored, 'l')).toEqual({ mtimeNs: -1_000n })
  })

  test('owners where that is asked for, nothing where nothing is', async () => {
    const withOwner = await store(tree, { attributes: ['owner'] })
    const owner = { uid: process.getuid?.(), gid: process.getgid?.() }
    expect(await attributesOf(withOwner, 'd/g')).toEqual({ owner })
    const without = await store(tree, { attributes: [] })
    expect(without.attributes).toEqual({ shape: 0, size: 0 })
    expect(without.tree).toEqual(withOwner.tree)
  })
})

describe('long work', () => {
  const many = directory(
    new Map(Array.from({ length: 300 }, (_, index) => [`f${String(index).padStart(3, '0')}`, file(`${index}`)])),
  )

  test('says how far it is, never going back', async () => {
    let nowMs = 0
    const clock: Clock = { nowMs: () => (nowMs += 200), zoneMinutes: () => 0 }
    const seen: Progress[] = []
    const tree = directory({ many, large: file(Buffer.alloc(3 * MIB, 1)) })
    const stored = await store(tree, { clock, onProgress: (progress) => seen.push(progress) })
    expect(seen.length).toBeGreaterThan(3)
    for (const [index, { phase, itemsDone, bytesDone }] of seen.entries()) {
      expect(phase).toBe('store')
      expect(itemsDone).toBeGreaterThanOrEqual(seen[index - 1]?.itemsDone ?? 0)
      expect(bytesDone).toBeGreaterThanOrEqual(seen[index - 1]?.bytesDone ?? 0)
    }
    expect(seen.at(-1)).toMatchObject({ itemsDone: 301, bytesDone: stored.bytes })
    expect(seen.some(({ itemsDone, bytesDone }) => itemsDone === 0 && bytesDone >= MIB)).toBe(true)
  })

  test('hears timers and signals between small steps, and ends when told to', async () => {
    let nowMs = 0
    const clock: Clock = { nowMs: () => (nowMs += 200), zoneMinutes: () => 0 }
    const controller = new AbortController()
    setImmediate(() => controller.abort())
    await expect(store(many, { clock, signal: controller.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})

test('names that are not UTF-8 are kept byte by byte', async () => {
  if (process.platform !== 'linux') return
  const stored = await store(directory({ '\u00ff\u00fe.txt': file('x'), [nameFromText('ü')]: file('y') }))
  expect(await pathsIn(stored)).toEqual([nameFromText('ü'), '\u00ff\u00fe.txt'])
})
