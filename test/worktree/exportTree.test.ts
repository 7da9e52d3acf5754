import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { nameFromText } from '../../src/base/names.js'
import type { Progress } from '../../src/base/progress.js'
import { KIB, MIB } from '../../src/base/units.js'
import type { ObjectReader } from '../../src/cas/objects.js'
import type { AttributesEntry } from '../../src/format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../../src/format/content.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeContent } from '../../src/history/contentWrite.js'
import { writeDirectory } from '../../src/history/directory.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { type ExportTreeOptions, exportTree } from '../../src/worktree/exportTree.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { storeTree } from '../../src/worktree/storeTree.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { type DiskNode, directory, file, makeTree, pathsBelow, readTree, symlink } from '../support/trees.js'
import { failing, hooked } from './faultyFileSystem.js'

const objects = await createMemoryObjects()

async function stored(node: DiskNode): Promise<TreeRoot> {
  const root = join(tempFolder(), 'root')
  makeTree(root, node)
  return storeTree(objects, nodeFileSystem, root)
}

function exported(tree: TreeRoot, folder: string, options?: ExportTreeOptions) {
  return exportTree(objects, tree, nodeFileSystem, folder, options)
}

async function exportedElsewhere(node: DiskNode): Promise<string> {
  const to = join(tempFolder(), 'to')
  await exported(await stored(node), to)
  return to
}

const project = directory({
  'README.md': file('read me'),
  docs: directory({ 'a.md': file('A'), deep: directory({ 'b.md': file('B') }), empty: directory() }),
  run: file('#!/bin/sh', { mode: 0o755 }),
  src: directory({ 'main.ts': file('main'), latest: symlink('main.ts') }),
})

describe('where it goes', () => {
  test('a new folder, made with those above it', async () => {
    const to = join(tempFolder(), 'x/y/z')
    const result = await exported(await stored(project), to)
    expect(readTree(to)).toEqual(project)
    expect(result).toEqual({ files: 6, directories: 4, bytes: 7 + 1 + 1 + 9 + 4 + 7, warnings: [] })
    expect(statSync(join(to, '..')).mode & 0o777).toBe(0o755)
  })

  test('an empty folder, also through a symlink; it keeps its mode', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'real'))
    chmodSync(join(folder, 'real'), 0o700)
    symlinkSync('real', join(folder, 'link'))
    await exported(await stored(project), join(folder, 'link'))
    expect(readTree(join(folder, 'real'))).toEqual({ ...project, mode: 0o700 })
  })

  test('not a folder that holds something, and then nothing is touched', async () => {
    const to = tempFolder()
    writeFileSync(join(to, 'mine'), '')
    await expect(exported(await stored(project), to)).rejects.toMatchObject({
      code: 'DESTINATION_NOT_EMPTY',
      hint: expect.stringContaining('--into'),
    })
    expect(pathsBelow(to)).toEqual(['mine'])
  })

  test('not a file, and not a symlink to nothing', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), '')
    symlinkSync('none', join(folder, 'dangling'))
    for (const name of ['file', 'dangling']) {
      await expect(exported(await stored(project), join(folder, name))).rejects.toMatchObject({
        code: 'NOT_A_DIRECTORY',
      })
    }
  })

  test('an empty tree makes an empty folder', async () => {
    const to = join(tempFolder(), 'to')
    const tree: TreeRoot = { tree: EMPTY_CONTENT, files: 0, attributes: EMPTY_CONTENT }
    expect(await exported(tree, to)).toMatchObject({ files: 0, directories: 0, bytes: 0 })
    expect(pathsBelow(to)).toEqual([])
  })
})

describe('into a folder that holds things', () => {
  test('what is there stays, folders are shared and keep mode and owner', async () => {
    const to = tempFolder()
    makeTree(join(to, 'docs'), directory({ mine: file('mine') }, { mode: 0o700 }))
    makeTree(join(to, 'other'), file('other'))
    await exported(await stored(project), to, { into: true })
    expect(pathsBelow(to)).toEqual([
      'README.md',
      'docs',
      'docs/a.md',
      'docs/deep',
      'docs/deep/b.md',
      'docs/empty',
      'docs/mine',
      'other',
      'run',
      'src',
      'src/latest',
      'src/main.ts',
    ])
    expect(statSync(join(to, 'docs')).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(to, 'docs/mine'), 'utf8')).toBe('mine')
  })

  test('all that is in the way is named before anything is written', async () => {
    const to = tempFolder()
    makeTree(join(to, 'README.md'), file('mine'))
    makeTree(join(to, 'run'), directory())
    makeTree(join(to, 'src'), directory({ 'main.ts': symlink('elsewhere'), latest: file('') }))
    makeTree(join(to, 'docs'), file('not a folder'))
    const before = readTree(to)
    await expect(exported(await stored(project), to, { into: true })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      details: { paths: ['README.md', 'docs', 'run', 'src/main.ts', 'src/latest'] },
    })
    expect(readTree(to)).toEqual(before)
  })

  test('with overwrite files and symlinks are replaced, never folders', async () => {
    const to = tempFolder()
    const elsewhere = join(tempFolder(), 'elsewhere')
    writeFileSync(elsewhere, 'untouched')
    makeTree(join(to, 'README.md'), file('old and longer than before', { mode: 0o600 }))
    makeTree(join(to, 'src'), directory({ 'main.ts': symlink(elsewhere), latest: file('a file') }))
    await exported(await stored(project), to, { into: true, overwrite: true })
    expect(pathsBelow(to)).toEqual(pathsBelow(await exportedElsewhere(project)))
    expect(readTree(join(to, 'README.md'))).toEqual(file('read me'))
    expect(readTree(join(to, 'src/main.ts'))).toEqual(file('main'))
    expect(readTree(join(to, 'src/latest'))).toEqual(symlink('main.ts'))
    expect(readFileSync(elsewhere, 'utf8')).toBe('untouched')

    const again = tempFolder()
    makeTree(join(again, 'README.md'), directory({ precious: file('p') }))
    makeTree(join(again, 'docs'), file('a file'))
    const before = readTree(again)
    await expect(exported(await stored(project), again, { into: true, overwrite: true })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      details: { paths: ['README.md', 'docs'] },
    })
    expect(readTree(again)).toEqual(before)
  })

  test('a file that is replaced is whole at every moment: a finished one is renamed over it', async () => {
    const to = tempFolder()
    writeFileSync(join(to, 'README.md'), 'old')
    const states: string[] = []
    const fs = hooked((call, path) => {
      if (call.startsWith('file.') || call === 'rename') states.push(readFileSync(join(to, 'README.md'), 'utf8'))
      if (call === 'open') expect(path).not.toBe(join(to, 'README.md'))
    })
    const tree = await stored(directory({ 'README.md': file('new') }))
    await exportTree(objects, tree, fs, to, { into: true, overwrite: true })
    expect(new Set(states)).toEqual(new Set(['old']))
    expect(pathsBelow(to)).toEqual(['README.md'])
    expect(readFileSync(join(to, 'README.md'), 'utf8')).toBe('new')
  })
})

describe('a part of it', () => {
  test('files and folders with the folders above them, as they were', async () => {
    const to = join(tempFolder(), 'to')
    const seen: Progress[] = []
    const paths = ['docs/deep', 'run', 'docs/deep/b.md', Buffer.from('src/latest')]
    const result = await exported(await stored(project), to, { paths, onProgress: (progress) => seen.push(progress) })
    expect(pathsBelow(to)).toEqual(['docs', 'docs/deep', 'docs/deep/b.md', 'run', 'src', 'src/latest'])
    expect(result).toMatchObject({ files: 3, directories: 3, bytes: 1 + 9 + 7 })
    expect(seen.at(-1)).toMatchObject({ itemsDone: 3, itemsTotal: 3, bytesDone: 17, bytesTotal: 17 })
    expect(lstatSync(join(to, 'docs'), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_000n)
  })

  test('the root is all of it', async () => {
    const to = join(tempFolder(), 'to')
    await exported(await stored(project), to, { paths: ['run', ''] })
    expect(readTree(to)).toEqual(project)
  })

  test('paths that are not there are all named, and nothing is made', async () => {
    const to = join(tempFolder(), 'to')
    const paths = ['run', 'none', 'run/below', 'docs/none']
    await expect(exported(await stored(project), to, { paths })).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
      details: { paths: expect.arrayContaining(['none', 'run/below', 'docs/none']) },
    })
    expect(existsSync(to)).toBe(false)
    await expect(exported(await stored(project), to, { paths: ['../x'] })).rejects.toMatchObject({
      code: 'INVALID_PATH',
    })
  })
})

describe('modes and owners', () => {
  async function treeWith(
    kind: Partial<TreeEntry>,
    attributes: AttributesEntry['attributes'] | undefined,
  ): Promise<TreeRoot> {
    const content: Content = await writeContent(objects, Buffer.from('x'))
    const name = nameFromText('f')
    const directoryContent = await writeDirectory(objects, [
      { name, kind: 'file', executable: false, content, files: 0, ...kind },
    ])
    return {
      tree: directoryContent.content,
      files: directoryContent.files,
      attributes:
        attributes === undefined
          ? EMPTY_CONTENT
          : await writeAttributes(objects, [{ name, attributes, below: EMPTY_CONTENT }]),
    }
  }

  async function modeAfter(tree: TreeRoot, options?: ExportTreeOptions): Promise<number> {
    const to = join(tempFolder(), 'to')
    await exported(tree, to, options)
    return statSync(join(to, 'f')).mode & 0o7777
  }

  test('where none is recorded, files are 0644 or 0755 and folders 0755, whatever the umask', async () => {
    const before = process.umask(0o077)
    try {
      expect(await modeAfter(await treeWith({}, undefined))).toBe(0o644)
      expect(await modeAfter(await treeWith({ executable: true }, undefined))).toBe(0o755)
      const folder: Partial<TreeEntry> = { kind: 'directory', content: EMPTY_CONTENT }
      expect(await modeAfter(await treeWith(folder, undefined))).toBe(0o755)
      expect(await modeAfter(await treeWith({}, { mode: 0o666 }))).toBe(0o666)
    } finally {
      process.umask(before)
    }
  })

  test('what the entry says of being executable decides over a recorded mode', async () => {
    expect(await modeAfter(await treeWith({ executable: true }, { mode: 0o640 }))).toBe(0o750)
    expect(await modeAfter(await treeWith({ executable: false }, { mode: 0o755 }))).toBe(0o644)
    expect(await modeAfter(await treeWith({ executable: true }, { mode: 0o711 }))).toBe(0o711)
  })

  test('set-user-id and set-group-id come back only with the owner', async () => {
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    const tree = await treeWith({ executable: true }, { mode: 0o6755, owner })
    expect(await modeAfter(tree)).toBe(0o755)
    expect(await modeAfter(tree, { owner: true })).toBe(0o6755)
    expect(await modeAfter(await treeWith({ executable: true }, { mode: 0o6755 }), { owner: true })).toBe(0o755)
  })

  test.skipIf(process.getuid?.() !== 0)('owners are set where that is asked for, of symlinks too', async () => {
    const source = join(tempFolder(), 'source')
    makeTree(source, directory({ f: file('x'), d: directory(), l: symlink('f') }))
    for (const name of ['f', 'd', 'l']) nodeFileSystem.chown(Buffer.from(join(source, name)), 1234, 4321)
    const tree = await storeTree(objects, nodeFileSystem, source, { attributes: ['owner'] })
    for (const owner of [true, false]) {
      const to = join(tempFolder(), 'to')
      await exported(tree, to, { owner })
      for (const name of ['f', 'd', 'l']) {
        const { uid, gid } = lstatSync(join(to, name))
        expect([uid, gid]).toEqual(owner ? [1234, 4321] : [0, 0])
      }
    }
  })

  test.each(['f', 'd', 'l'])('an owner that may not be set is named, with what to do: %s', async (name) => {
    const source = join(tempFolder(), 'source')
    makeTree(source, directory({ f: file('x'), d: directory(), l: symlink('f') }))
    const tree = await storeTree(objects, nodeFileSystem, source, { attributes: ['owner'] })
    const to = join(tempFolder(), 'to')
    const fs = hooked(failing('EPERM', (call, path) => call === 'chown' && path === join(to, name)))
    const owner = `${process.getuid?.()}:${process.getgid?.()}`
    await expect(exportTree(objects, tree, fs, to, { owner: true })).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      message: expect.stringMatching(new RegExp(`^cannot give "${name}" to its owner ${owner}: .*EPERM`)),
      hint: expect.stringContaining('root'),
      details: { path: name },
    })
    expect(pathsBelow(to).filter((path) => path.includes('unfinished'))).toEqual([])
    expect(await exportTree(objects, tree, fs, join(tempFolder(), 'to'))).toMatchObject({ warnings: [] })
  })

  test('where owners are to be set and none is recorded, that is said', async () => {
    const { warnings } = await exported(await stored(project), join(tempFolder(), 'to'), { owner: true })
    expect(warnings).toEqual(['no owner was set, because none is recorded'])
  })

  test('a file system that takes no modes and times still gets the files, with a warning', async () => {
    const to = join(tempFolder(), 'to')
    const fs = hooked(failing('EPERM', (call) => ['file.chmod', 'chmod', 'file.utimes', 'utimes'].includes(call)))
    const { warnings } = await exportTree(objects, await stored(project), fs, to)
    expect(warnings).toEqual([expect.stringMatching(/mode or time of ".*" and \d+ more/)])
    expect(readFileSync(join(to, 'README.md'), 'utf8')).toBe('read me')
  })
})

describe('contents', () => {
  test('runs of zeros become holes', async () => {
    const bytes = Buffer.alloc(6 * MIB)
    bytes.write('begin', 0)
    bytes.write('middle', 3 * MIB + 17)
    const small = Buffer.alloc(512 * KIB)
    small.write('end', small.length - 3)
    const tree = await stored(
      directory({ large: file(bytes), small: file(small), zeros: file(Buffer.alloc(256 * KIB)) }),
    )
    const to = join(tempFolder(), 'to')
    await exported(tree, to)
    expect(readFileSync(join(to, 'large')).equals(bytes)).toBe(true)
    expect(readFileSync(join(to, 'small')).equals(small)).toBe(true)
    expect(readFileSync(join(to, 'zeros')).equals(Buffer.alloc(256 * KIB))).toBe(true)
    expect(statSync(join(to, 'large')).blocks * 512).toBeLessThanOrEqual(256 * KIB)
    expect(statSync(join(to, 'small')).blocks * 512).toBeLessThanOrEqual(128 * KIB)
    expect(statSync(join(to, 'zeros')).blocks).toBe(0)
  })

  test('a gitlink is an empty folder, and said to be one', async () => {
    const entry: TreeEntry = {
      name: nameFromText('module'),
      kind: 'gitlink',
      executable: false,
      content: EMPTY_CONTENT,
      files: 0,
      foreignId: 'ab'.repeat(20),
    }
    const { content, files } = await writeDirectory(objects, [entry])
    const to = join(tempFolder(), 'to')
    const tree: TreeRoot = { tree: content, files, attributes: EMPTY_CONTENT }
    const result = await exported(tree, to)
    expect(pathsBelow(to)).toEqual(['module'])
    expect(result).toMatchObject({ files: 1, warnings: [expect.stringContaining('"module"')] })
    await exported(tree, to, { into: true })
  })

  test('small files of many folders are asked for together', async () => {
    const folders = Array.from({ length: 40 }, (_, index) => [`d${index}`, directory({ f: file(`${index}`) })] as const)
    const tree = await stored(directory(new Map(folders)))
    let calls = 0
    const counting: ObjectReader = {
      get: (kind, id) => objects.get(kind, id),
      getMany: (kind, ids) => {
        calls++
        return objects.getMany(kind, ids)
      },
      readAhead: () => undefined,
    }
    await exportTree(counting, tree, nodeFileSystem, join(tempFolder(), 'to'))
    expect(calls).toBe(1)
  })
})

test('progress knows the totals and only grows', async () => {
  let nowMs = 0
  const clock: Clock = { nowMs: () => (nowMs += 200), zoneMinutes: () => 0 }
  const seen: Progress[] = []
  const tree = await stored(directory({ a: file('1'), large: file(Buffer.alloc(8 * MIB, 5)), z: file('2') }))
  await exported(tree, join(tempFolder(), 'to'), { clock, onProgress: (progress) => seen.push(progress) })
  expect(seen.length).toBeGreaterThan(3)
  for (const [index, progress] of seen.entries()) {
    expect(progress).toMatchObject({ phase: 'export', itemsTotal: 3, bytesTotal: 8 * MIB + 2 })
    expect(progress.bytesDone).toBeGreaterThanOrEqual(seen[index - 1]?.bytesDone ?? 0)
    expect(progress.itemsDone).toBeGreaterThanOrEqual(seen[index - 1]?.itemsDone ?? 0)
  }
  expect(seen.at(-1)).toMatchObject({ itemsDone: 3, bytesDone: 8 * MIB + 2 })
})
