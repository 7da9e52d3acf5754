/** Hard links: found when a tree is stored, made again when it is exported. */
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nameFromText } from '../../src/base/names.js'
import { KIB, MIB } from '../../src/base/units.js'
import { KIND } from '../../src/format/kinds.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { sameRecorded, writeAttributes } from '../../src/history/attributeTree.js'
import { writeContent } from '../../src/history/contentWrite.js'
import { writeDirectory } from '../../src/history/directory.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { requireRecorded } from '../../src/history/listing.js'
import { parsePath } from '../../src/history/paths.js'
import { type ExportTreeOptions, exportTree } from '../../src/worktree/exportTree.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { type StoreTreeOptions, storeTree } from '../../src/worktree/storeTree.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { type DiskNode, directory, file, makeTree, pathsBelow } from '../support/trees.js'
import { failing, type Hook, hooked, systemError } from './faultyFileSystem.js'

/** To its owner too, where that keeps nobody from removing it. */
const CLOSED = process.getuid?.() === 0 ? 0o000 : 0o700

const objects = await createMemoryObjects()

/** @param links New names, and the paths that they are names of. */
function folderOf(node: DiskNode, links: Readonly<Record<string, string>>): string {
  const root = join(tempFolder(), 'source')
  makeTree(root, node)
  for (const [name, existing] of Object.entries(links)) {
    linkSync(join(root, existing), join(root, name))
  }
  return root
}

async function groupOf(tree: TreeRoot, path: string): Promise<string | undefined> {
  return (await requireRecorded(objects, tree, parsePath(path))).recorded?.attributes.linkGroup
}

const some = directory({ a: file('shared'), b: file('alone'), sub: directory({ deep: directory() }) })
const someLinks = { z: 'a', 'sub/c': 'a', 'sub/deep/d': 'a' }

function stored(options?: StoreTreeOptions): Promise<TreeRoot> {
  return storeTree(objects, nodeFileSystem, folderOf(some, someLinks), options)
}

describe('stored', () => {
  test('F-LINK: all names of a file have one group, made of the first name; a file with one name has none', async () => {
    const tree = await stored()
    const groups = await Promise.all(['a', 'sub/c', 'sub/deep/d', 'z'].map((path) => groupOf(tree, path)))
    // Persisted: XXH3-64 of "a".
    expect(groups).toEqual(['e6c632b61e964e1f', 'e6c632b61e964e1f', 'e6c632b61e964e1f', 'e6c632b61e964e1f'])
    expect(await groupOf(tree, 'b')).toBeUndefined()
    expect(await groupOf(tree, 'sub')).toBeUndefined()
  })

  test('the same tree has the same groups, whatever its inodes are', async () => {
    const withTimes: StoreTreeOptions = { attributes: ['links', 'mode'] }
    const [first, second] = [await stored(withTimes), await stored(withTimes)]
    expect(second.attributes).toEqual(first.attributes)
    const unlinked = await storeTree(
      objects,
      nodeFileSystem,
      folderOf(
        directory({
          a: file('shared'),
          b: file('alone'),
          sub: directory({ deep: directory({ d: file('shared') }), c: file('shared') }),
          z: file('shared'),
        }),
        {},
      ),
      withTimes,
    )
    expect(unlinked.tree).toEqual(first.tree)
    expect(await sameRecorded(objects, unlinked.attributes, first.attributes)).toBe(false)
  })

  test('nothing of it where links are not recorded', async () => {
    expect(await groupOf(await stored({ attributes: ['mtime', 'mode'] }), 'a')).toBeUndefined()
  })

  test('two files never share a group, also when the name that it was made of is gone from the tree', async () => {
    const root = folderOf(directory({ a: file('1'), b: file('1'), outside: file('x') }), { c: 'a', d: 'b' })
    linkSync(join(root, 'outside'), join(root, '../elsewhere'))
    const tree = await storeTree(objects, nodeFileSystem, root)
    const [a, b, c, d, outside] = await Promise.all(['a', 'b', 'c', 'd', 'outside'].map((path) => groupOf(tree, path)))
    expect([c, d]).toEqual([a, b])
    expect(new Set([a, b, outside]).size).toBe(3)
    expect(outside).toMatch(/^[0-9a-f]{16}$/)
    const without = await storeTree(objects, nodeFileSystem, root, { ignore: ['/a'] })
    expect(await groupOf(without, 'c')).not.toBe(a)
  })

  test.each([10, 300 * KIB, 3 * MIB])('a file of %i bytes is read once, however many names it has', async (size) => {
    const root = folderOf(directory({ a: file(Buffer.alloc(size, 1)) }), { b: 'a', c: 'a' })
    const opened: string[] = []
    const read = new Set<string>()
    const fs = hooked((call, path) => {
      if (call === 'open') opened.push(path)
      if (call === 'file.read') read.add(path)
    })
    const tree = await storeTree(objects, fs, root)
    expect(opened).toHaveLength(3)
    expect([...read]).toEqual([join(root, 'a')])
    const { entry } = await requireRecorded(objects, tree, parsePath('c'))
    expect(entry.content).toEqual(await writeContent(objects, Buffer.alloc(size, 1)))
  })

  test('it is read again where it changed in between, and comes back as two files', async () => {
    const root = folderOf(directory({ a: file('before') }), { b: 'a' })
    const fs = hooked((call, path) => {
      if (call === 'open' && path.endsWith('/b')) writeFileSync(join(root, 'a'), 'after!')
    })
    const tree = await storeTree(objects, fs, root)
    const to = join(tempFolder(), 'to')
    const { warnings } = await exportTree(objects, tree, nodeFileSystem, to)
    expect(['a', 'b'].map((name) => readFileSync(join(to, name), 'utf8'))).toEqual(['before', 'after!'])
    expect(warnings).toEqual([])
  })
})

function exported(tree: TreeRoot, to: string, options?: ExportTreeOptions, hook?: Hook) {
  return exportTree(objects, tree, hook ? hooked(hook) : nodeFileSystem, to, options)
}

/** Which of the paths are names of one file. */
function linksOf(folder: string, paths = pathsBelow(folder)): string[][] {
  const byInode = new Map<number, string[]>()
  for (const path of paths) {
    const stat = lstatSync(join(folder, path))
    if (!stat.isFile()) continue
    byInode.set(stat.ino, [...(byInode.get(stat.ino) ?? []), path])
  }
  return [...byInode.values()]
}

const ALL_LINKED = [['a', 'sub/c', 'sub/deep/d', 'z'], ['b']]

describe('exported', () => {
  test('names of one file are names of one file again, in other folders too', async () => {
    const to = join(tempFolder(), 'to')
    const result = await exported(await stored(), to)
    expect(linksOf(to)).toEqual(ALL_LINKED)
    expect(statSync(join(to, 'a')).nlink).toBe(4)
    expect(readFileSync(join(to, 'sub/deep/d'), 'utf8')).toBe('shared')
    expect(result).toEqual({ files: 5, directories: 2, bytes: 4 * 6 + 5, warnings: [] })
  })

  test('contents of what comes between and behind them are their own, however long', async () => {
    const long = (seed: number) => file(Buffer.alloc(3 * MIB, seed))
    const medium = (seed: number) => file(Buffer.from(Array.from({ length: 200 * KIB }, (_, at) => (at * seed) % 251)))
    const root = folderOf(directory({ a: file('a'), c: long(1), e: medium(3), g: file('g'), i: file('') }), {
      b: 'a',
      d: 'c',
      f: 'e',
      h: 'g',
      j: 'i',
    })
    const to = join(tempFolder(), 'to')
    await exported(await storeTree(objects, nodeFileSystem, root), to)
    for (const name of 'abcdefghij') {
      expect(readFileSync(join(to, name)).equals(readFileSync(join(root, name))), name).toBe(true)
    }
    expect(linksOf(to).map((names) => names.join(''))).toEqual(['ab', 'cd', 'ef', 'gh', 'ij'])
  })

  test('their content is not read again', async () => {
    const tree = await stored()
    objects.resetCounts()
    await exported(tree, join(tempFolder(), 'to'))
    expect(objects.gets.get(KIND.chunk)).toBe(2)
  })

  test('far apart, and in a folder that was left and is closed', async () => {
    const many = new Map(Array.from({ length: 1100 }, (_, index) => [`f${index}`, file(`${index}`)]))
    const root = folderOf(directory({ a: directory({ x: file('x') }, { mode: CLOSED }), many: directory(many) }), {
      z: 'a/x',
    })
    const to = join(tempFolder(), 'to')
    await exported(await storeTree(objects, nodeFileSystem, root), to)
    expect(linksOf(to, ['a/x', 'z', 'many/f7'])).toEqual([['a/x', 'z'], ['many/f7']])
  })

  test('only the paths that are asked for', async () => {
    const to = tempFolder()
    await exported(await stored(), join(to, 'two'), { paths: ['z', 'sub/deep'] })
    expect(linksOf(join(to, 'two'))).toEqual([['sub/deep/d', 'z']])
    await exported(await stored(), join(to, 'one'), { paths: ['z'] })
    expect(statSync(join(to, 'one/z')).nlink).toBe(1)
  })

  describe('F-LINK: what a tree claims', () => {
    const group = 'ab'.repeat(8)
    type Claim = { bytes: string; mode?: number; uid?: number; executable?: boolean; kind?: TreeEntry['kind'] }

    async function claimed(claims: Readonly<Record<string, Claim>>): Promise<TreeRoot> {
      const names = Object.keys(claims).sort()
      const entries: TreeEntry[] = []
      for (const name of names) {
        const { bytes, executable = false, kind = 'file' } = claims[name]!
        const content = await writeContent(objects, Buffer.from(bytes))
        entries.push({ name: nameFromText(name), kind, executable, content, files: 0 })
      }
      const attributes = await writeAttributes(
        objects,
        names.map((name) => ({
          name: nameFromText(name),
          attributes: {
            linkGroup: group,
            ...(claims[name]?.mode === undefined ? {} : { mode: claims[name].mode }),
            ...(claims[name]?.uid === undefined ? {} : { owner: { uid: claims[name].uid, gid: 0 } }),
          },
          below: { shape: 0, size: 0 },
        })),
      )
      const { content, files } = await writeDirectory(objects, entries)
      return { tree: content, files, attributes }
    }

    test.each<[string, Readonly<Record<string, Claim>>, string[][]]>([
      ['the same', { a: { bytes: 'x' }, b: { bytes: 'x' } }, [['a', 'b']]],
      ['other content', { a: { bytes: 'x' }, b: { bytes: 'y' } }, [['a'], ['b']]],
      ['nothing, and something', { a: { bytes: '' }, b: { bytes: 'y' } }, [['a'], ['b']]],
      ['one executable', { a: { bytes: 'x' }, b: { bytes: 'x', executable: true } }, [['a'], ['b']]],
      ['another mode', { a: { bytes: 'x', mode: 0o644 }, b: { bytes: 'x', mode: 0o600 } }, [['a'], ['b']]],
      [
        'two of each',
        { a: { bytes: 'x' }, b: { bytes: 'y' }, c: { bytes: 'x' }, d: { bytes: 'y' } },
        [
          ['a', 'c'],
          ['b', 'd'],
        ],
      ],
      ['owners, which are not set', { a: { bytes: 'x', uid: 1 }, b: { bytes: 'x', uid: 2 } }, [['a', 'b']]],
      ['a symlink', { a: { bytes: 'x' }, b: { bytes: 'x', kind: 'symlink' } }, [['a']]],
    ])('%s', async (_what, claims, expected) => {
      const to = join(tempFolder(), 'to')
      const { warnings } = await exported(await claimed(claims), to)
      expect(linksOf(to)).toEqual(expected)
      for (const [name, { bytes, kind, mode }] of Object.entries(claims)) {
        if (kind === 'symlink') continue
        expect(readFileSync(join(to, name), 'utf8')).toBe(bytes)
        if (mode !== undefined) expect(statSync(join(to, name)).mode & 0o7777).toBe(mode)
      }
      expect(warnings).toEqual([])
    })

    test.skipIf(process.getuid?.() !== 0)('other owners, which are set', async () => {
      const to = join(tempFolder(), 'to')
      const tree = await claimed({ a: { bytes: 'x', uid: 1 }, b: { bytes: 'x', uid: 2 }, c: { bytes: 'x', uid: 1 } })
      await exported(tree, to, { owner: true })
      expect(linksOf(to)).toEqual([['a', 'c'], ['b']])
      expect(['a', 'b', 'c'].map((name) => statSync(join(to, name)).uid)).toEqual([1, 2, 1])
    })
  })

  describe('where the file system does not link', () => {
    test.each(['EPERM', 'EMLINK', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES'])(
      '%s: files of their own, and a warning',
      async (code) => {
        const to = join(tempFolder(), 'to')
        const { warnings } = await exported(
          await stored(),
          to,
          {},
          failing(code, (call) => call === 'link'),
        )
        expect(linksOf(to).map((names) => names.length)).toEqual([1, 1, 1, 1, 1])
        expect(readFileSync(join(to, 'sub/deep/d'), 'utf8')).toBe('shared')
        expect(readFileSync(join(to, 'z'), 'utf8')).toBe('shared')
        expect(warnings).toEqual([
          expect.stringMatching(/^"sub\/c" and 2 more could not be made a hard link.*own: .*\(.+\)$/),
        ])
        expect(warnings[0]).toContain(code)
      },
    )

    test('long files too', async () => {
      const root = folderOf(directory({ a: file(Buffer.alloc(3 * MIB, 7)), c: file(Buffer.alloc(MIB, 3)) }), {
        b: 'a',
        d: 'c',
      })
      const to = join(tempFolder(), 'to')
      const tree = await storeTree(objects, nodeFileSystem, root)
      await exported(
        tree,
        to,
        {},
        failing('EPERM', (call) => call === 'link'),
      )
      for (const name of 'abcd') {
        expect(readFileSync(join(to, name)).equals(readFileSync(join(root, name)))).toBe(true)
      }
    })

    test('a file that can have no more names: the next ones are names of the one that came after it', async () => {
      const to = join(tempFolder(), 'to')
      const full = failing('EMLINK', (call, path) => call === 'link' && path.endsWith('/c'))
      const { warnings } = await exported(await stored(), to, {}, full)
      expect(linksOf(to, ['a', 'sub/c', 'sub/deep/d', 'z'])).toEqual([['a'], ['sub/c', 'sub/deep/d', 'z']])
      expect(warnings).toEqual([expect.stringMatching(/^"sub\/c" could not/)])
    })

    test.each([
      ['EIO', 'STORAGE_IO'],
      ['ENOSPC', 'STORAGE_FULL'],
    ])('%s is %s', async (systemCode, code) => {
      const to = join(tempFolder(), 'to')
      const hook = failing(systemCode, (call) => call === 'link')
      await expect(exported(await stored(), to, {}, hook)).rejects.toMatchObject({ code, details: { path: 'sub/c' } })
    })
  })

  describe('never to a stranger’s file (S-8)', () => {
    const two = directory({ a: file('ours'), sub: directory() })

    /** What is done at `call`, of one path, before the link is made. */
    async function withSwap(call: 'lstat' | 'link', at: string, swap: (a: string, secret: string) => void) {
      const folder = tempFolder()
      const to = join(folder, 'to')
      const secret = join(folder, 'secret')
      writeFileSync(secret, 'secret')
      const tree = await storeTree(objects, nodeFileSystem, folderOf(two, { 'sub/b': 'a' }))
      let isDone = false
      const hook: Hook = (now, path) => {
        if (isDone || now !== call || path !== join(to, at)) return
        // Looks before it is written, and does not find it.
        if (lstatSync(join(to, 'a'), { throwIfNoEntry: false }) === undefined) return
        isDone = true
        swap(join(to, 'a'), secret)
      }
      const { warnings } = await exported(tree, to, {}, hook)
      expect(isDone).toBe(true)
      expect(readFileSync(join(to, 'sub/b'), 'utf8')).toBe('ours')
      expect(lstatSync(join(to, 'sub/b'))).toMatchObject({ nlink: 1 })
      expect(lstatSync(join(to, 'sub/b')).isFile()).toBe(true)
      expect(lstatSync(secret).nlink).toBe(1)
      expect(pathsBelow(join(to, 'sub'))).toEqual(['b'])
      expect(warnings).toEqual([
        expect.stringMatching(/^"sub\/b" could not be made a hard link.*no longer as and where/),
      ])
    }

    for (const [call, at] of [
      ['lstat', 'a'],
      ['link', 'sub/b'],
    ] as const) {
      // All of them of the same size.
      test(`another file took its place, seen at ${call}`, () =>
        withSwap(call, at, (a) => {
          rmSync(a)
          writeFileSync(a, 'evil')
        }))
      test(`a symlink took its place, seen at ${call}`, () =>
        withSwap(call, at, (a, secret) => {
          rmSync(a)
          symlinkSync(secret, a)
        }))
      test(`it was written to meanwhile, seen at ${call}`, () => withSwap(call, at, (a) => writeFileSync(a, 'evil')))
      test(`nothing is there any more, seen at ${call}`, () => withSwap(call, at, (a) => rmSync(a)))
      test(`a file of a stranger took its place, seen at ${call}`, () =>
        withSwap(call, at, (a, secret) => {
          writeFileSync(`${secret}2`, 'evil')
          renameSync(`${secret}2`, a)
        }))
    }

    test('a file that was there is none of those that it links to', async () => {
      const to = tempFolder()
      mkdirSync(join(to, 'sub'))
      writeFileSync(join(to, 'sub/c'), 'mine')
      linkSync(join(to, 'sub/c'), join(to, 'mine'))
      await exported(await stored(), to, { into: true, overwrite: true })
      expect(linksOf(to)).toEqual([...ALL_LINKED.slice(0, 1), ['b'], ['mine']])
      expect(readFileSync(join(to, 'mine'), 'utf8')).toBe('mine')
    })
  })

  describe('over what is there', () => {
    const again: ExportTreeOptions = { into: true, overwrite: true }

    test('an earlier export, linked in another way', async () => {
      const to = join(tempFolder(), 'to')
      await exported(await stored(), to)
      rmSync(join(to, 'z'))
      linkSync(join(to, 'b'), join(to, 'z'))
      const before = statSync(join(to, 'a')).ino
      await exported(await stored(), to, again)
      expect(linksOf(to)).toEqual(ALL_LINKED)
      expect(readFileSync(join(to, 'z'), 'utf8')).toBe('shared')
      expect(statSync(join(to, 'a')).ino).not.toBe(before)
      expect(pathsBelow(to)).toEqual(['a', 'b', 'sub', 'sub/c', 'sub/deep', 'sub/deep/d', 'z'])
    })

    test('a name that is linked already: renaming does nothing then, and nothing is left over', async () => {
      const to = join(tempFolder(), 'to')
      await exported(await stored(), to)
      const hook: Hook = (call, path) => {
        if (call !== 'rename' || path !== join(to, 'z')) return
        rmSync(path)
        linkSync(join(to, 'a'), path)
      }
      await exported(await stored(), to, again, hook)
      expect(linksOf(to)).toEqual(ALL_LINKED)
      expect(pathsBelow(to)).toHaveLength(7)
    })

    test('a name that cannot be put in its place leaves nothing over', async () => {
      const to = join(tempFolder(), 'to')
      await exported(await stored(), to)
      const hook: Hook = (call, path) => {
        if (call === 'rename' && path === join(to, 'z')) throw systemError('EIO')
      }
      await expect(exported(await stored(), to, again, hook)).rejects.toMatchObject({ code: 'STORAGE_IO' })
      expect(pathsBelow(to)).toHaveLength(7)
      expect(readFileSync(join(to, 'z'), 'utf8')).toBe('shared')
    })
  })
})
