/** `clean`, while the folder changes under it, and where the system refuses. */
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CleanResult, WorkingFolder } from '../../src/index.js'
import { tempFolder } from '../support/tempFolder.js'
import { failing } from '../worktree/faultyFileSystem.js'
import { committed, filesIn, keptOf, over, pathsOf, write } from './tidyFolders.js'

describe('clean, while the folder changes', () => {
  /** Runs `change` before the first file is removed. */
  async function cleanedAfter(folder: WorkingFolder, change: () => void): Promise<CleanResult> {
    let isDone = false
    const opened = await over(folder, (call, path) => {
      if (isDone || (call !== 'unlink' && call !== 'rmdir') || path.includes('/.varve/')) return
      isDone = true
      change()
    })
    return opened.clean({ apply: true })
  }

  test('what was changed, or came, is kept and named', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    write(dir, { '0': '0', 'd/1': '1', 'd/2': '2', 'd-': '-', 'e/deep/3': '3', 'e/4': '4', f: 'f', g: 'g' })
    const result = await cleanedAfter(folder, () => {
      write(dir, { 'd/2': 'worked on', 'e/deep/new': 'n' })
      rmSync(join(dir, 'f'))
      rmSync(join(dir, 'g'))
      mkdirSync(join(dir, 'g'))
    })
    expect(pathsOf(result)).toEqual(['0', 'd-', 'd/1', 'e/4', 'e/deep/3'])
    expect(keptOf(result)).toEqual([
      'd/2: it changed meanwhile',
      'e/deep/new: it came meanwhile',
      'g: it changed meanwhile',
    ])
    expect(filesIn(dir)).toEqual({ a: 'a', 'd/2': 'worked on', 'e/deep/new': 'n', 'g/': '' })
  })

  test('a symlink that takes the place of a directory leads nowhere', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    const outside = join(tempFolder(), 'outside')
    write(dir, { '0': '0', 'd/1': '1', 'd/e/2': '2' })
    const result = await cleanedAfter(folder, () => {
      // The very files, by another way.
      renameSync(join(dir, 'd'), outside)
      symlinkSync(outside, join(dir, 'd'))
    })
    expect(pathsOf(result)).toEqual(['0'])
    expect(filesIn(outside)).toEqual({ '1': '1', 'e/2': '2' })
    expect(filesIn(dir)).toEqual({ a: 'a', d: `-> ${outside}` })
  })

  test('what vanishes by itself is nothing to speak of', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    write(dir, { '0': '0', 'd/1': '1', 'd/2': '2', 'e/1': '1' })
    const result = await cleanedAfter(folder, () => {
      for (const path of ['0', 'd/1']) unlinkSync(join(dir, path))
      rmSync(join(dir, 'e'), { recursive: true })
    })
    expect(result.kept).toEqual([])
    expect(pathsOf(result)).toEqual(['d/'])
    expect(filesIn(dir)).toEqual({ a: 'a' })
  })
})

test('a folder that is replaced while it is looked at is not cleaned, nor are files removed and moved in it', async () => {
  const { folder, dir } = await committed({ a: 'a', 'd/b': 'b' })
  write(dir, { 'd/new': 'n' })
  const elsewhere = join(tempFolder(), 'elsewhere')
  const calls: readonly ((opened: WorkingFolder) => Promise<unknown>)[] = [
    (opened) => opened.clean({ apply: true }),
    (opened) => opened.removePaths(['d/b']),
    (opened) => opened.movePaths(['d/b'], 'c'),
  ]
  for (const call of calls) {
    const opened = await over(folder, (what, path) => {
      if (existsSync(elsewhere) || !(what === 'list' || what === 'lstat') || !path.startsWith(join(dir, 'd'))) return
      renameSync(dir, elsewhere)
      write(dir, { 'd/b': 'b', 'd/new': 'n' })
    })
    await expect(call(opened)).rejects.toMatchObject({ code: 'WORKTREE_NOT_FOUND' })
    expect(filesIn(dir)).toEqual({ 'd/b': 'b', 'd/new': 'n' })
    await opened.close()
    rmSync(dir, { recursive: true })
    rmSync(join(elsewhere, '.varve/lock'))
    renameSync(elsewhere, dir)
  }
})

describe('clean, where the system refuses', () => {
  test('an ignore file that cannot be read: nothing is removed', async () => {
    const { folder, dir } = await committed({ 'd/.gitignore': '*.o\n', a: 'a' })
    write(dir, { 'd/x.o': 'x', new: 'n' })
    const opened = await over(
      folder,
      failing('EACCES', (call, path) => call === 'open' && path.endsWith('d/.gitignore')),
    )
    const error = { code: 'UNREADABLE_FILES', details: { paths: ['d/.gitignore'] } }
    await expect(opened.clean({ apply: true })).rejects.toMatchObject(error)
    expect(filesIn(dir)).toEqual({ 'd/.gitignore': '*.o\n', 'd/x.o': 'x', a: 'a', new: 'n' })
  })

  test('the folder itself that cannot be listed', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    const opened = await over(
      folder,
      failing('EIO', (call, path) => call === 'list' && path === dir),
    )
    const error = {
      code: 'UNREADABLE_FILES',
      details: { paths: ['.'] },
      hint: expect.stringMatching(/^nothing was removed/),
    }
    await expect(opened.clean()).rejects.toMatchObject(error)
  })

  test('what cannot be looked at stays, and so does the directory it is in', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    write(dir, { 'd/1': '1', 'd/secret/2': '2', 'e/hidden': 'h', 'e/3': '3' })
    const hides = failing(
      'EACCES',
      (call, path) => (call === 'list' && path.endsWith('/secret')) || (call === 'lstat' && path.endsWith('/hidden')),
    )
    const result = await (await over(folder, hides)).clean({ apply: true })
    expect(pathsOf(result)).toEqual(['d/1', 'e/3'])
    expect(keptOf(result)).toEqual([
      'd/secret: it cannot be looked into: permission denied (EACCES)',
      'e/hidden: it cannot be looked at: permission denied (EACCES)',
    ])
  })

  test('what may not be removed is named in the end, and all else is gone', async () => {
    const { folder, dir } = await committed({ a: 'a' })
    write(dir, { 'ro/1': '1', 'ro/2': '2', 'busy/': '', z: 'z' })
    const refuses = failing(
      'EACCES',
      (call, path) => (call === 'unlink' && path.endsWith('/ro/1')) || (call === 'rmdir' && path.endsWith('/busy')),
    )
    const error: unknown = await (await over(folder, refuses)).clean({ apply: true }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', details: { paths: ['busy', 'ro/1'] } })
    expect((error as Error).message).toBe(
      'cannot remove 2 files or folders: "busy": permission denied (EACCES); "ro/1": permission denied (EACCES)',
    )
    expect(filesIn(dir)).toEqual({ a: 'a', 'busy/': '', 'ro/1': '1' })
  })

  test.each([
    ['EIO', 'STORAGE_IO'],
    ['EROFS', 'STORAGE_READ_ONLY'],
  ])('%s ends it at once', async (system, code) => {
    const { folder, dir } = await committed({ a: 'a' })
    write(dir, { '1': '1', '2': '2' })
    const opened = await over(
      folder,
      failing(system, (call, path) => call === 'unlink' && path.endsWith('/1'), 1),
    )
    await expect(opened.clean({ apply: true })).rejects.toMatchObject({ code, details: { path: '1' } })
    expect(filesIn(dir)).toEqual({ a: 'a', '1': '1', '2': '2' })
  })
})
