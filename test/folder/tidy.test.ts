/** `clean`: what no commit has goes, and nothing else does. */
import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileSystem } from '../../src/base/filesystem.js'
import { nameFromText } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { writeDirectory } from '../../src/history/directory.js'
import { type CleanOptions, WorkingFolder } from '../../src/index.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { findUntracked } from '../../src/worktree/untracked.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { committed, filesIn, keptOf, over, pathsOf, write } from './tidyFolders.js'

async function cleaned(folder: WorkingFolder, options: CleanOptions = {}): Promise<string[]> {
  return pathsOf(await folder.clean({ ...options, apply: true }))
}

const TRACKED = { '.gitignore': '*.o\nbuild/\n', a: 'a', 'd/b': 'b' }
const UNTRACKED = {
  new: 'n',
  'd/c': 'c',
  'd/x.o': 'x',
  'fresh/1': '1',
  'fresh/2/3': '3',
  'mixed/e': 'e',
  'mixed/y.o': 'y',
}
const IGNORED = { 'build/out/z': 'z', 'd/build/w': 'w' }

async function sample() {
  const made = await committed(TRACKED)
  write(made.dir, { ...UNTRACKED, ...IGNORED })
  return made
}

describe('clean', () => {
  test('plans, and removes only what it is told to', async () => {
    const { folder, dir } = await sample()
    const planned = await folder.clean()
    expect(pathsOf(planned)).toEqual(['d/c', 'fresh/', 'mixed/e', 'new'])
    expect(planned.paths[0]).toEqual({ path: 'd/c', pathBytes: Buffer.from('d/c'), kind: 'file' })
    expect(filesIn(dir)).toEqual({ ...TRACKED, ...UNTRACKED, ...IGNORED })
    expect(await folder.clean({ apply: true })).toEqual(planned)
    expect(filesIn(dir)).toEqual({ ...TRACKED, 'd/x.o': 'x', 'mixed/y.o': 'y', ...IGNORED })
    expect(await folder.clean({ apply: true })).toEqual({ paths: [], kept: [] })
  })

  test('takes what is ignored as well, or alone', async () => {
    const { folder, dir } = await sample()
    expect(await cleaned(folder, { ignored: 'only' })).toEqual(['build/', 'd/build/', 'd/x.o', 'mixed/y.o'])
    expect(filesIn(dir)).toEqual({ ...TRACKED, new: 'n', 'd/c': 'c', 'fresh/1': '1', 'fresh/2/3': '3', 'mixed/e': 'e' })
    write(dir, { ...UNTRACKED, ...IGNORED })
    expect(await cleaned(folder, { ignored: 'also' })).toEqual([
      ...['build/', 'd/build/', 'd/c', 'd/x.o', 'fresh/', 'mixed/', 'new'],
    ])
    expect(filesIn(dir)).toEqual(TRACKED)
  })

  test("honours .varveignore, deeper ignore files and the store's setting", async () => {
    const { folder, dir } = await committed({ '.varveignore': '*.v\n', 'd/.gitignore': '*.g\n', 'd/a': 'a' })
    await folder.repository.config.set('ignore', '*.s')
    write(dir, { '1.v': '', '1.s': '', '1.g': '', 'd/2.v': '', 'd/2.s': '', 'd/2.g': '', 'd/2': '' })
    expect(pathsOf(await folder.clean())).toEqual(['1.g', 'd/2'])
    expect(pathsOf(await folder.clean({ ignored: 'only' }))).toEqual(['1.s', '1.v', 'd/2.g', 'd/2.s', 'd/2.v'])
  })

  test('what the commit has stays though ignore files name it', async () => {
    const { folder, dir } = await committed({ 'build/kept': 'k', 'x.o': 'x' })
    write(dir, { '.gitignore': 'build/\n*.o\n', 'build/not': 'n', 'build/deep/er': 'e' })
    expect(pathsOf(await folder.clean())).toEqual(['.gitignore'])
    expect(await cleaned(folder, { ignored: 'only' })).toEqual(['build/deep/', 'build/not'])
    expect(filesIn(dir)).toEqual({ '.gitignore': 'build/\n*.o\n', 'build/kept': 'k', 'x.o': 'x' })
  })

  test('what is excluded stays in any case, and the directories it is in', async () => {
    const { folder, dir } = await sample()
    expect(pathsOf(await folder.clean({ exclude: ['fresh/2', '/new'] }))).toEqual(['d/c', 'fresh/1', 'mixed/e'])
    expect(pathsOf(await folder.clean({ exclude: ['z', '*.o'], ignored: 'only' }))).toEqual(['d/build/'])
    expect(pathsOf(await folder.clean({ exclude: ['*', '!new'], ignored: 'also' }))).toEqual(['new'])
    const error = { code: 'INVALID_ARGUMENT', details: { actual: 'a\n!b' } }
    await expect(folder.clean({ exclude: ['a\n!b'], ignored: 'only' })).rejects.toMatchObject(error)
    expect(filesIn(dir)).toEqual({ ...TRACKED, ...UNTRACKED, ...IGNORED })
  })

  test('only named paths, and not the directory that somebody is in', async () => {
    const { folder, dir } = await sample()
    expect(pathsOf(await folder.clean({ paths: ['fresh/2', 'new', 'nowhere', 'd'] }))).toEqual([
      'd/c',
      'fresh/2/',
      'new',
    ])
    expect(pathsOf(await folder.clean({ paths: ['a', 'new/below'] }))).toEqual([])
    expect(pathsOf(await folder.clean({ paths: ['fresh'], standingIn: 'fresh/2' }))).toEqual(['fresh/1', 'fresh/2/3'])
    expect(pathsOf(await folder.clean({ paths: ['build/out/z'], ignored: 'also' }))).toEqual(['build/out/z'])
    expect(pathsOf(await folder.clean({ paths: [''] }))).toEqual(['d/c', 'fresh/', 'mixed/e', 'new'])
    for (const path of ['../outside', '/abs', 'd/../a', 'd/'])
      await expect(folder.clean({ paths: [path] })).rejects.toMatchObject({ code: 'INVALID_PATH' })
    await expect(folder.clean({ standingIn: '..' })).rejects.toMatchObject({ code: 'INVALID_PATH' })
    expect(filesIn(dir)).toEqual({ ...TRACKED, ...UNTRACKED, ...IGNORED })
  })

  test('what took the place of something else is not of the commit', async () => {
    const { folder, dir } = await committed({ file: 'f', 'dir/a': 'a', link: 'l', 'empty/': '' })
    rmSync(join(dir, 'file'))
    rmSync(join(dir, 'dir'), { recursive: true })
    rmSync(join(dir, 'link'))
    write(dir, { 'file/inside': 'i', dir: 'd', 'bare/': '' })
    symlinkSync('nowhere', join(dir, 'link'))
    expect(await cleaned(folder)).toEqual(['bare/', 'dir', 'file/'])
    // A symlink is a changed file, and an empty directory can be of a commit.
    expect(filesIn(dir)).toEqual({ link: '-> nowhere', 'empty/': '' })
  })

  test.runIf(process.platform === 'linux')('names of any bytes, pipes, and files with several names', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    const odd = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x0a, 0x2a])])
    mkdirSync(odd)
    writeFileSync(Buffer.concat([odd, Buffer.from('/\n')]), 'x')
    write(dir, { 'li\nne': 'l', 'links/1': 'same' })
    for (const name of ['links/2', '3']) linkSync(join(dir, 'links/1'), join(dir, name))
    execFileSync('mkfifo', [join(dir, 'pipe')])
    const { paths, kept } = await folder.clean({ apply: true })
    expect(paths.map(({ pathBytes, kind }) => `${kind} ${pathBytes.toString('latin1')}`)).toEqual([
      ...['file 3', 'file li\nne', 'directory links', 'other pipe', 'directory \xff\n*'],
    ])
    expect(kept).toEqual([])
    expect(filesIn(dir)).toEqual({ a: 'a' })
  })

  test('a symlink goes, and what it points to stays', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    const outside = tempFolder()
    write(outside, { precious: 'p' })
    symlinkSync(outside, join(dir, 'way'))
    write(dir, { 'in/': '' })
    symlinkSync(outside, join(dir, 'in/way'))
    expect(pathsOf(await folder.clean({ paths: ['way/precious', 'in/way/precious'] }))).toEqual([])
    expect(await cleaned(folder)).toEqual(['in/', 'way'])
    expect(filesIn(outside)).toEqual({ precious: 'p' })
  })

  test("others' repositories and working folders stay whole, and are named", async () => {
    const { folder, dir } = await committed({ a: 'a', 'both/of/us': 'o' })
    const others = {
      ...{
        '.git/config': 'c',
        'git/.git/HEAD': 'h',
        'git/x': 'x',
        'in/ner/.git': 'gitdir: elsewhere',
        'in/ner/y': 'y',
      },
      ...{ 'both/of/.git/HEAD': 'h', 'both/of/new': 'n', 'shout/.GIT/HEAD': 'h', '.VARVE': 'looks like it' },
    }
    write(dir, { ...others, 'in/z': 'z' })
    await WorkingFolder.add(folder.repository.path, join(dir, 'second'), 'main', { create: 'second' }).then((made) =>
      made.close(),
    )
    write(dir, { 'second/uncommitted': 'u', '.varve/mine': 'm' })
    const result = await folder.clean({ ignored: 'also', apply: true })
    expect(pathsOf(result)).toEqual(['in/z'])
    expect(keptOf(result)).toEqual([
      'both/of: it has a .git of its own',
      'git: it has a .git of its own',
      'in/ner: it has a .git of its own',
      'second: it has a .varve of its own',
      'shout: it has a .git of its own',
    ])
    expect(filesIn(dir)).toMatchObject({ ...others, 'second/uncommitted': 'u' })
    expect(readFileSync(join(dir, '.varve/mine'), 'utf8')).toBe('m')
    // Ignored, they are nothing to speak of.
    write(dir, { '.varveignore': '/git\n/in\n/second\n/shout\n' })
    expect(keptOf(await folder.clean())).toEqual(['both/of: it has a .git of its own'])
    expect(keptOf(await folder.clean({ paths: ['a'] }))).toEqual([])
    expect(keptOf(await folder.clean({ paths: ['git/x'], ignored: 'only' }))).toEqual(['git: it has a .git of its own'])
  })

  test("the store's own files stay, by whatever name", async () => {
    const { folder, dir } = await committed({ a: 'a' })
    write(dir, { 'pv/note': 'n', 'links/note': 'n' })
    await folder.repository.extendVolumeGroup(join(dir, 'pv/more.varve'))
    linkSync(join(dir, 'pv/more.varve'), join(dir, 'links/again'))
    expect(await cleaned(folder, { ignored: 'also' })).toEqual(['links/note', 'pv/note'])
    expect(existsSync(join(dir, 'pv/more.varve'))).toBe(true)
    expect(existsSync(join(dir, 'links/again'))).toBe(true)
    // A journal that comes at that moment.
    const opened = await over(folder, (call, path) => {
      if (call === 'list' && path.endsWith('/pv')) write(dir, { 'pv/more.varve-journal': 'j' })
    })
    expect(pathsOf(await opened.clean())).toEqual([])
    rmSync(join(dir, 'pv/more.varve-journal'))
  })

  test('a gitlink is a repository of its own, with or without a .git', async () => {
    const objects = await createMemoryObjects()
    const link = { name: nameFromText('sub'), executable: false, content: EMPTY_CONTENT, files: 0 }
    const { content, files } = await writeDirectory(objects, [
      { ...link, kind: 'gitlink', foreignId: 'ab'.repeat(20) } as const,
    ])
    const dir = tempFolder()
    write(dir, { 'sub/work': 'w', new: 'n' })
    const tree = { tree: content, files, attributes: EMPTY_CONTENT }
    const found = await findUntracked(objects, nodeFileSystem, Buffer.from(dir), tree, { ignored: 'also' })
    expect(found.going.map(({ path }) => path)).toEqual(['new'])
  })

  test.runIf(process.platform === 'linux')(
    'where names differ only in case or form, what is there is what the commit has',
    async () => {
      const { folder, dir } = await committed({ a: 'a', 'D/\u00e9': 'e', 'D/x': 'x' })
      for (const [from, to] of [
        ['a', 'A'],
        ['D/\u00e9', 'D/e\u0301'],
        ['D', 'd'],
      ] as const)
        renameSync(join(dir, from), join(dir, to))
      write(dir, { B: 'b' })
      expect(pathsOf(await folder.clean())).toEqual(['A', 'B', 'd/'])
      const isCaseInsensitive = () => true
      const fileSystem = Object.assign(Object.create(nodeFileSystem) as FileSystem, { isCaseInsensitive })
      expect(pathsOf(await (await over(folder, fileSystem)).clean())).toEqual(['B'])
    },
  )

  test('what lies on another file system stays, and is named', async () => {
    const { folder, dir } = await committed({ a: 'a', 'known/b': 'b' })
    write(dir, { 'mounted/precious': 'p', 'known/c': 'c' })
    const mounts = [join(dir, 'mounted'), join(dir, 'known')]
    const lstat: FileSystem['lstat'] = (path) => {
      const stat = nodeFileSystem.lstat(path)
      return stat && mounts.some((mount) => path.toString().startsWith(mount)) ? { ...stat, dev: 99n } : stat
    }
    // Methods of a class are not its own properties.
    const fileSystem = Object.assign(Object.create(nodeFileSystem) as FileSystem, { lstat })
    const result = await (await over(folder, fileSystem)).clean({ apply: true })
    expect(pathsOf(result)).toEqual(['known/c'])
    expect(keptOf(result)).toEqual(['mounted: another file system is mounted there'])
  })

  test('is refused where nothing is known to stay, and while others are at work', async () => {
    const dir = join(tempFolder(), 'work')
    const fresh = await WorkingFolder.init(dir)
    onTestFinished(() => fresh.close())
    write(dir, { photo: 'p' })
    await expect(fresh.clean()).rejects.toMatchObject({ code: 'UNCOMMITTED_CHANGES' })
    const { commit } = await fresh.commit({ message: 'First' })
    const to = commit?.id
    write(dir, { '.varve/switch': `${JSON.stringify({ from: null, to, branch: null })}\n` })
    const calls = [() => fresh.clean(), () => fresh.removePaths(['photo']), () => fresh.movePaths(['photo'], 'x')]
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'SWITCH_INTERRUPTED' })
    rmSync(join(dir, '.varve/switch'))
    write(dir, { '.varve/lock': `{"pid":${process.pid},"host":"elsewhere"}` })
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    rmSync(join(dir, '.varve/lock'))
    await fresh.close()
    const reading = await WorkingFolder.open(dir, { readOnly: true })
    onTestFinished(() => reading.close())
    await expect(reading.clean({ apply: true })).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    expect(filesIn(dir)).toEqual({ photo: 'p' })
  })

  test('ends when it is cancelled', async () => {
    const { folder, dir } = await sample()
    const before = filesIn(dir)
    await expect(folder.clean({ apply: true, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(filesIn(dir)).toEqual(before)
  })
})
