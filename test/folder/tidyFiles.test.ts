/** `removePaths` and `movePaths`: files of the commit go, and files move, without losing what nobody gave up. */
import { chmodSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../src/base/filesystem.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { tempFolder } from '../support/tempFolder.js'
import { failing } from '../worktree/faultyFileSystem.js'
import { changesOf, committed, filesIn, over, pathsOf, write } from './tidyFolders.js'

const TRACKED = { a: 'a', b: 'b', 'd/1': '1', 'd/e/2': '2', 'empty/': '', z: 'z' }

describe('removePaths', () => {
  test('the next commit has them no more; directories that became empty go as well', async () => {
    const { folder, dir } = await committed(TRACKED)
    const removed = await folder.removePaths(['d/e/2', 'a'])
    expect(removed.paths).toEqual([
      { path: 'a', pathBytes: Buffer.from('a') },
      { path: 'd/e/2', pathBytes: Buffer.from('d/e/2') },
    ])
    expect(filesIn(dir)).toEqual({ b: 'b', 'd/1': '1', 'empty/': '', z: 'z' })
    expect(await changesOf(folder)).toEqual(['removed a', 'removed d/e/2'])
    await folder.commit({ message: 'Second' })
    expect(await changesOf(folder)).toEqual([])
    expect(pathsOf(await folder.removePaths(['d', 'd/1', 'empty'], { recursive: true }))).toEqual(['d/1', 'empty'])
    expect(filesIn(dir)).toEqual({ b: 'b', z: 'z' })
    await folder.commit({ message: 'Third' })
    expect(pathsOf(await folder.removePaths([''], { recursive: true }))).toEqual(['b', 'z'])
    expect(filesIn(dir)).toEqual({})
    await folder.commit({ message: 'Nothing' })
    expect(await folder.removePaths([''], { recursive: true })).toEqual({ paths: [] })
    expect(await folder.removePaths([])).toEqual({ paths: [] })
  })

  test('files that no commit has stay, with the directories they are in', async () => {
    const { folder, dir } = await committed(TRACKED)
    write(dir, { 'd/mine': 'm', 'empty/mine': 'm', '.gitignore': '*.o\n', 'd/e/x.o': 'x' })
    expect(pathsOf(await folder.removePaths(['d', 'empty'], { recursive: true }))).toEqual(['d/1', 'd/e/2'])
    expect(filesIn(dir)).toEqual({
      ...{ a: 'a', b: 'b', z: 'z', '.gitignore': '*.o\n', 'd/mine': 'm', 'd/e/x.o': 'x', 'empty/mine': 'm' },
    })
  })

  test('what was asked for is checked before anything is removed', async () => {
    const { folder, dir } = await committed(TRACKED)
    write(dir, { mine: 'm' })
    const code = async (...paths: string[]) => {
      const error: { code?: string } = await folder.removePaths(paths).then(
        () => ({}),
        (reason: unknown) => reason as { code?: string },
      )
      return error.code
    }
    expect(await code('a', 'nowhere')).toBe('PATH_NOT_FOUND')
    expect(await code('a', 'mine')).toBe('PATH_NOT_FOUND')
    expect(await code('a', 'a/b')).toBe('PATH_NOT_FOUND')
    expect(await code('a', 'd')).toBe('NOT_A_FILE')
    expect(await code('')).toBe('NOT_A_FILE')
    expect(await code('a', '../x')).toBe('INVALID_PATH')
    expect(await code('.varve/worktree')).toBe('PATH_NOT_FOUND')
    expect(filesIn(dir)).toEqual({ ...TRACKED, mine: 'm' })
    expect(pathsOf(await folder.removePaths(['d'], { recursive: true, dryRun: true }))).toEqual(['d/1', 'd/e/2'])
    expect(filesIn(dir)).toEqual({ ...TRACKED, mine: 'm' })
  })

  test('uncommitted changes are listed, all of them, unless they are given up', async () => {
    const { folder, dir } = await committed({ ...TRACKED, x: 'x', link: 'l', place: 'p' })
    write(dir, { a: 'A', 'd/1': 'one' })
    rmSync(join(dir, 'link'))
    symlinkSync('a', join(dir, 'link'))
    rmSync(join(dir, 'place'))
    write(dir, { 'place/mine': 'm' })
    if (process.platform !== 'win32') chmodSync(join(dir, 'x'), 0o755)
    const before = filesIn(dir)
    const paths = ['a', 'd/1', 'link', 'place', ...(process.platform === 'win32' ? [] : ['x'])]
    const error = { code: 'UNCOMMITTED_CHANGES', details: { paths } }
    await expect(folder.removePaths([''], { recursive: true })).rejects.toMatchObject(error)
    await expect(folder.removePaths([''], { recursive: true, dryRun: true })).rejects.toMatchObject(error)
    expect(filesIn(dir)).toEqual(before)
    await folder.removePaths([''], { recursive: true, force: true })
    expect(filesIn(dir)).toEqual({ 'place/mine': 'm' })
  })

  test('a new time alone is no change, and what is gone already is no hindrance', async () => {
    const { folder, dir } = await committed(TRACKED)
    write(dir, { a: 'a' })
    rmSync(join(dir, 'd/e/2'))
    const outside = tempFolder()
    write(outside, { '1': '1' })
    expect(pathsOf(await folder.removePaths(['a', 'd/e/2']))).toEqual(['a', 'd/e/2'])
    expect(existsSync(join(dir, 'd/e'))).toBe(false)
    rmSync(join(dir, 'd'), { recursive: true })
    symlinkSync(outside, join(dir, 'd'))
    expect(pathsOf(await folder.removePaths(['d'], { recursive: true }))).toEqual(['d/1', 'd/e/2'])
    expect(pathsOf(await folder.removePaths(['d'], { recursive: true, force: true }))).toEqual(['d/1', 'd/e/2'])
    expect(filesIn(outside)).toEqual({ '1': '1' })
    expect(filesIn(dir)).toHaveProperty('d', `-> ${outside}`)
  })

  test('the directory that somebody is in stays', async () => {
    const { folder, dir } = await committed(TRACKED)
    expect(pathsOf(await folder.removePaths([''], { recursive: true, standingIn: 'd/e' }))).toEqual([
      ...['a', 'b', 'd/1', 'd/e/2', 'empty', 'z'],
    ])
    expect(filesIn(dir)).toEqual({ 'd/e/': '' })
    await folder.commit({ message: 'An empty directory' })
    expect(await folder.removePaths(['d'], { recursive: true, standingIn: 'd/e' })).toEqual({ paths: [] })
    expect(pathsOf(await folder.removePaths(['d'], { recursive: true, standingIn: 'd' }))).toEqual(['d/e'])
    expect(filesIn(dir)).toEqual({ 'd/': '' })
  })

  test('what changes at the last moment stays, and is named', async () => {
    const { folder, dir } = await committed(TRACKED)
    let isDone = false
    const opened = await over(folder, (call, path) => {
      if (isDone || call !== 'unlink' || path.includes('/.varve/')) return
      isDone = true
      write(dir, { 'd/1': 'just written' })
    })
    const error = { code: 'FILE_CHANGED', details: { paths: ['d/1'] } }
    await expect(opened.removePaths(['a', 'd'], { recursive: true })).rejects.toMatchObject(error)
    expect(filesIn(dir)).toEqual({ b: 'b', 'd/1': 'just written', 'empty/': '', z: 'z' })
  })

  test('several names of one file all go', async () => {
    const { folder, dir } = await committed(TRACKED)
    for (const name of ['n1', 'n2', 'n3']) linkSync(join(dir, 'a'), join(dir, name))
    await folder.commit({ message: 'Links' })
    await folder.removePaths(['a', 'n1', 'n2', 'n3'])
    expect(filesIn(dir)).not.toHaveProperty('n3')
  })

  test('a file of the store that came to the place of another is no file of the folder', async () => {
    const { folder, dir } = await committed({ pv: 'p', a: 'a' })
    rmSync(join(dir, 'pv'))
    await folder.repository.extendVolumeGroup(join(dir, 'pv'))
    await folder.removePaths(['pv'], { force: true })
    expect(existsSync(join(dir, 'pv'))).toBe(true)
  })

  test('what cannot be compared is not removed, unless it is given up', async () => {
    const { folder, dir } = await committed(TRACKED)
    write(dir, { a: 'a', z: 'z' })
    const opened = await over(
      folder,
      failing('EACCES', (call, path) => call === 'open' && /\/[az]$/.test(path)),
    )
    const error = { code: 'UNREADABLE_FILES', details: { paths: ['a'] } }
    await expect(opened.removePaths(['a', 'b', 'z'])).rejects.toMatchObject(error)
    expect(filesIn(dir)).toEqual(TRACKED)
    await opened.removePaths(['a', 'b', 'z'], { force: true })
    expect(filesIn(dir)).toEqual({ 'd/1': '1', 'd/e/2': '2', 'empty/': '' })
  })

  test('what may not be removed is named in the end', async () => {
    const { folder, dir } = await committed(TRACKED)
    const refuses = failing(
      'EPERM',
      (call, path) => (call === 'unlink' && path.endsWith('/a')) || (call === 'rmdir' && path.endsWith('/e')),
    )
    const error = { code: 'STORAGE_DENIED', details: { paths: ['a', 'd/e'] } }
    await expect((await over(folder, refuses)).removePaths(['a', 'b', 'd/e/2'])).rejects.toMatchObject(error)
    expect(filesIn(dir)).toEqual({ a: 'a', 'd/1': '1', 'd/e/': '', 'empty/': '', z: 'z' })
  })
})

describe('movePaths', () => {
  test('to another name, and into directories, with what is uncommitted', async () => {
    const { folder, dir } = await committed(TRACKED)
    write(dir, { a: 'changed', mine: 'm' })
    const { moves } = await folder.movePaths(['a'], 'new')
    expect(moves).toEqual([{ from: 'a', fromBytes: Buffer.from('a'), to: 'new', toBytes: Buffer.from('new') }])
    await folder.movePaths(['new', 'mine', 'd/e'], 'empty')
    await folder.movePaths(['d'], 'empty/e')
    await folder.movePaths(['z'], 'empty', { into: true })
    await folder.movePaths(['empty/z'], '')
    expect(filesIn(dir)).toEqual({
      ...{ b: 'b', 'empty/e/2': '2', 'empty/e/d/1': '1', 'empty/mine': 'm', 'empty/new': 'changed', z: 'z' },
    })
    await folder.commit({ message: 'Moved' })
    expect((await folder.repository.at('HEAD')).info.tree.files).toBe(6)
    expect(await folder.movePaths([], 'empty')).toEqual({ moves: [] })
  })

  test.each([
    ['what is not there', ['nowhere'], 'x', 'PATH_NOT_FOUND'],
    ['what is below what is not there', ['no/where'], 'x', 'PATH_NOT_FOUND'],
    ['what is below a file', ['a/b'], 'x', 'NOT_A_DIRECTORY'],
    ['onto a file', ['a'], 'b', 'ALREADY_EXISTS'],
    ['onto itself', ['a'], 'a', 'ALREADY_EXISTS'],
    ['to where it is', ['d/1'], 'd', 'ALREADY_EXISTS'],
    ['a directory onto a file', ['d'], 'b', 'ALREADY_EXISTS'],
    ['into where a file of that name is', ['b', 'a'], 'into', 'ALREADY_EXISTS'],
    ['into where a directory of that name is', ['d'], 'into', 'ALREADY_EXISTS'],
    ['two of one name', ['a', 'over/a'], 'd', 'ALREADY_EXISTS'],
    ['one thing twice', ['a', 'a'], 'd', 'ALREADY_EXISTS'],
    ['something and what it is in', ['d/e', 'd'], 'empty', 'INVALID_ARGUMENT'],
    ['into a directory that is not there', ['a'], 'no/where', 'PATH_NOT_FOUND'],
    ['into a file', ['a'], 'b/x', 'NOT_A_DIRECTORY'],
    ['several to what is no directory', ['a', 'b'], 'z', 'NOT_A_DIRECTORY'],
    ['several to what is not there', ['a', 'b'], 'x', 'NOT_A_DIRECTORY'],
    ['a directory into itself', ['d'], 'd/e', 'INVALID_ARGUMENT'],
    ['a directory onto itself', ['d'], 'd', 'INVALID_ARGUMENT'],
    ['a directory to what is below it', ['d'], 'd/x', 'INVALID_ARGUMENT'],
    ['the folder itself', [''], 'x', 'INVALID_ARGUMENT'],
    ['out of .varve', ['.varve/worktree'], 'x', 'INVALID_ARGUMENT'],
    ['.varve', ['.varve'], 'x', 'INVALID_ARGUMENT'],
    ['into .varve', ['a'], '.varve', 'INVALID_ARGUMENT'],
    ['to what looks like .varve', ['a'], '.Varve', 'INVALID_ARGUMENT'],
    ['into .git', ['a'], 'd/.git/x', 'INVALID_ARGUMENT'],
    ['out of .git', ['.git/HEAD'], 'x', 'INVALID_ARGUMENT'],
    ['through a symlink', ['a'], 'way/x', 'UNSAFE_PATH'],
    ['from behind a symlink', ['way/precious'], 'x', 'UNSAFE_PATH'],
    ['onto a symlink', ['a'], 'way', 'ALREADY_EXISTS'],
    ['to a name with a NUL', ['a'], 'x\0', 'INVALID_PATH'],
    ['out of the folder', ['a'], '../x', 'INVALID_PATH'],
    ['from outside', ['../x'], 'x', 'INVALID_PATH'],
    ['a file of the store', ['pv'], 'x', 'INVALID_ARGUMENT'],
    ['what holds one', ['volumes'], 'x', 'INVALID_ARGUMENT'],
    ['to where the store could put one', ['a'], 'pv-wal', 'INVALID_ARGUMENT'],
  ])('%s: nothing is moved', async (_what, from, to, code) => {
    const { folder, dir } = await committed({ ...TRACKED, 'into/a': '', 'into/d/x': '', 'over/a': '' })
    const outside = tempFolder()
    write(outside, { precious: 'p' })
    symlinkSync(outside, join(dir, 'way'))
    write(dir, { '.git/HEAD': 'h', 'volumes/more/': '' })
    await folder.repository.extendVolumeGroup(join(dir, 'pv'))
    await folder.repository.extendVolumeGroup(join(dir, 'volumes/more/pv'))
    const before = Object.keys(filesIn(dir))
    await expect(folder.movePaths(from, to)).rejects.toMatchObject({ code })
    if (code === 'ALREADY_EXISTS' && !from.includes('a'))
      await expect(folder.movePaths(from, to, { force: true })).rejects.toMatchObject({ code })
    expect(Object.keys(filesIn(dir))).toEqual(before)
    expect(filesIn(outside)).toEqual({ precious: 'p' })
  })

  test('overwrites files where that is said, and says beforehand what it would do', async () => {
    const { folder, dir } = await committed(TRACKED)
    symlinkSync('d', join(dir, 'way'))
    linkSync(join(dir, 'z'), join(dir, 'zz'))
    const planned = await folder.movePaths(['a'], 'b', { force: true, dryRun: true })
    expect(filesIn(dir)).toMatchObject(TRACKED)
    expect(await folder.movePaths(['a'], 'b', { force: true })).toEqual(planned)
    await folder.movePaths(['b'], 'way', { force: true })
    // Two names of one file: one is left.
    await folder.movePaths(['zz'], 'z', { force: true })
    expect(filesIn(dir)).toEqual({ 'd/1': '1', 'd/e/2': '2', 'empty/': '', way: 'a', z: 'z' })
    await expect(folder.movePaths(['z'], 'x', { into: true })).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' })
    await expect(folder.movePaths(['z'], 'way', { into: true })).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' })
    await folder.repository.extendVolumeGroup(join(dir, 'pv'))
    await expect(folder.movePaths(['z'], 'pv', { force: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a symlink and a directory with all that is in it are moved as they are', async () => {
    const { folder, dir } = await committed(TRACKED)
    symlinkSync('../outside', join(dir, 'd/way'))
    write(dir, { 'd/.git/HEAD': 'h' })
    await folder.movePaths(['d'], 'other')
    await folder.movePaths(['other/way'], 'way')
    expect(filesIn(dir)).toMatchObject({ 'other/.git/HEAD': 'h', 'other/1': '1', way: '-> ../outside' })
  })

  test('a change of case alone, where the file system sees none', async () => {
    const { folder, dir } = await committed(TRACKED)
    const folded = (path: Buffer | string) =>
      Buffer.from(join(path.toString(), '..', basename(path.toString()).toLowerCase()))
    const lstat: FileSystem['lstat'] = (path) => nodeFileSystem.lstat(path) ?? nodeFileSystem.lstat(folded(path))
    const opened = await over(folder, Object.assign(Object.create(nodeFileSystem) as FileSystem, { lstat }))
    await opened.movePaths(['a'], 'A')
    await opened.movePaths(['d'], 'D')
    expect(filesIn(dir)).toMatchObject({ A: 'a', 'D/1': '1', 'D/e/2': '2' })
  })

  test('another file system is told of, and what had been moved by then', async () => {
    const { folder, dir } = await committed(TRACKED)
    const opened = await over(
      folder,
      failing('EXDEV', (call, path) => call === 'rename' && path.endsWith('/empty/b')),
    )
    const error: unknown = await opened.movePaths(['a', 'b', 'z'], 'empty').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'STORAGE_IO', details: { path: 'b', moved: ['a'] } })
    expect((error as Error).message).toBe('cannot move "b": it lies on another file system (EXDEV)')
    expect(error).toHaveProperty('hint', 'Copy it there, then remove it here.')
    expect(filesIn(dir)).toEqual({ b: 'b', 'd/1': '1', 'd/e/2': '2', 'empty/a': 'a', z: 'z' })
  })

  test.each([
    ['EACCES', 'STORAGE_DENIED'],
    ['ENOSPC', 'STORAGE_FULL'],
    ['EROFS', 'STORAGE_READ_ONLY'],
  ])('%s comes as %s', async (system, code) => {
    const { folder, dir } = await committed(TRACKED)
    const opened = await over(
      folder,
      failing(system, (call, path) => call === 'rename' && path.endsWith('/new')),
    )
    await expect(opened.movePaths(['a'], 'new')).rejects.toMatchObject({ code, details: { path: 'a' } })
    expect(filesIn(dir)).toEqual(TRACKED)
  })

  test('what is there is looked at once more', async () => {
    const { folder, dir } = await committed(TRACKED)
    const outside = join(tempFolder(), 'outside')
    let change = () => write(dir, { 'empty/b': 'came' })
    const opened = await over(folder, (call, path) => {
      // The first has been moved, and is looked for no more.
      if (call === 'rename' && path.endsWith('/a')) change()
    })
    const paths = ['a', 'b']
    await expect(opened.movePaths(paths, 'empty')).rejects.toMatchObject({ code: 'FILE_CHANGED' })
    expect(filesIn(dir)).toMatchObject({ b: 'b', 'empty/a': 'a', 'empty/b': 'came' })

    change = () => {
      renameSync(join(dir, 'd'), outside)
      symlinkSync(outside, join(dir, 'd'))
    }
    await expect(opened.movePaths(['empty/a', 'b'], 'd')).rejects.toMatchObject({ code: 'FILE_CHANGED' })
    expect(existsSync(join(dir, 'b'))).toBe(true)
    expect(existsSync(join(outside, 'b'))).toBe(false)

    change = () => rmSync(join(dir, 'z'))
    write(dir, { 'empty/a': 'again' })
    await expect(opened.movePaths(['empty/a', 'z'], '')).rejects.toMatchObject({ details: { path: 'z' } })
  })

  test('stops when it is cancelled, and leaves the rest', async () => {
    const { folder, dir } = await committed(TRACKED)
    const controller = new AbortController()
    const opened = await over(folder, (call, path) => {
      if (call === 'rename' && path.endsWith('/empty/a')) controller.abort()
    })
    const error = { code: 'CANCELLED', details: { moved: ['a'] } }
    await expect(opened.movePaths(['a', 'b'], 'empty', { signal: controller.signal })).rejects.toMatchObject(error)
    expect(filesIn(dir)).toMatchObject({ b: 'b', 'empty/a': 'a' })
  })

  test('a moved file is the same file', async () => {
    const { folder, dir } = await committed(TRACKED)
    const { ino, mtimeNs } = statSync(join(dir, 'a'), { bigint: true })
    mkdirSync(join(dir, 'there'))
    await folder.movePaths(['a'], 'there')
    expect(statSync(join(dir, 'there/a'), { bigint: true })).toMatchObject({ ino, mtimeNs })
  })
})
