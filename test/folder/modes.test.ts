/** What is recorded beside contents, when a folder goes from commit to commit: modes come along, times are of the moment. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { foldingFileSystem } from '../support/foldingFileSystem.js'
import { changesOf, contentsOf, newFolder, type WorkFolder, write } from '../support/workFolders.js'

function modeOf(dir: string, path: string): string {
  return (statSync(join(dir, path)).mode & 0o777).toString(8)
}

/** `main` and then `two`, where the folder is: only modes differ. */
async function withModes(): Promise<WorkFolder> {
  const made = await newFolder()
  const { folder, dir } = made
  write(dir, { f: 'f', 'd/x': 'x', 'd/e/y': 'y', same: 's' })
  mkdirSync(join(dir, 'empty'))
  await folder.commit({ message: 'Open' })
  await folder.switchTo('HEAD', { create: 'two' })
  for (const path of ['f', 'd/x']) chmodSync(join(dir, path), 0o600)
  for (const path of ['d', 'd/e', 'empty']) chmodSync(join(dir, path), 0o700)
  await folder.commit({ message: 'Private' })
  return made
}

describe.skipIf(process.platform === 'win32')('modes', () => {
  test('come along, of files and folders, there and back; a file that only has another mode is not written', async () => {
    const { folder, dir } = await withModes()
    utimesSync(join(dir, 'f'), 1_000_000_000, 1_000_000_000)
    const { ino } = statSync(join(dir, 'f'))
    const paths = ['f', 'd/x', 'd', 'd/e', 'empty', 'd/e/y', 'same']
    expect(await folder.switchTo('main')).toMatchObject({ written: 2, removed: 0 })
    expect(paths.map((path) => modeOf(dir, path))).toEqual(['644', '644', '755', '755', '755', '644', '644'])
    expect(statSync(join(dir, 'f'))).toMatchObject({ ino, mtimeMs: 1_000_000_000_000 })
    expect(await changesOf(folder)).toEqual([])
    await folder.switchTo('two')
    expect(paths.map((path) => modeOf(dir, path))).toEqual(['600', '600', '700', '700', '700', '644', '644'])
    expect(await changesOf(folder)).toEqual([])
    expect((await folder.commit({ message: 'Nothing?' })).commit).toBeUndefined()
  })

  test('one that somebody set is in the way of another, and carried along where it stays', async () => {
    const { folder, dir } = await withModes()
    for (const path of ['f', 'd']) chmodSync(join(dir, path), 0o750)
    chmodSync(join(dir, 'same'), 0o600)
    chmodSync(join(dir, 'd/e/y'), 0o640)
    await expect(folder.switchTo('main')).rejects.toMatchObject({
      code: 'UNCOMMITTED_CHANGES',
      details: { paths: ['d', 'f'] },
    })
    expect(['f', 'd/x', 'd', 'd/e'].map((path) => modeOf(dir, path))).toEqual(['750', '600', '750', '700'])
    for (const [path, mode] of [
      ['f', 0o600],
      ['d', 0o755],
    ] as const)
      chmodSync(join(dir, path), mode)
    // One is as it was, the other as it is to be.
    await folder.switchTo('main')
    expect(['f', 'd', 'same', 'd/e/y'].map((path) => modeOf(dir, path))).toEqual(['644', '755', '600', '640'])
    expect(await changesOf(folder)).toEqual(['mode-changed d/e/y', 'mode-changed same'])
    await folder.switchTo('two', { force: true })
    expect(await changesOf(folder)).toEqual([])
  })

  test('one that somebody set is not lost with the text', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { f: '1' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { f: '2' })
    await folder.commit({ message: 'Two' })
    chmodSync(join(dir, 'f'), 0o600)
    await expect(folder.switchTo('main')).rejects.toMatchObject({ details: { paths: ['f'] } })
    expect(modeOf(dir, 'f')).toBe('600')
  })

  test('a folder that was there, and is somebody’s, keeps its mode', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { f: '1' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { 'd/x': 'x' })
    await folder.commit({ message: 'Two' })
    await folder.switchTo('main')
    write(dir, { 'd/secret': 'mine' })
    chmodSync(join(dir, 'd'), 0o700)
    await folder.switchTo('two')
    expect(modeOf(dir, 'd')).toBe('700')
    expect(contentsOf(dir)).toEqual({ f: '1', 'd/x': 'x', 'd/secret': 'mine' })
  })

  test('restore brings them back, of what is named and below, and of nothing else', async () => {
    const { folder, dir } = await withModes()
    for (const path of ['f', 'd', 'd/e', 'd/x', 'd/e/y']) chmodSync(join(dir, path), 0o777)
    chmodSync(dir, 0o711)
    expect(await folder.restore(['d/e'])).toEqual({ written: 1, removed: 0, warnings: [] })
    expect(['f', 'd', 'd/e', 'd/x', 'd/e/y'].map((path) => modeOf(dir, path))).toEqual([
      '777',
      '777',
      '700',
      '777',
      '644',
    ])
    await folder.restore([''], { from: 'main' })
    expect(['f', 'd', 'd/e', 'd/x'].map((path) => modeOf(dir, path))).toEqual(['644', '755', '755', '644'])
    // The folder's own mode is nobody else's.
    expect(modeOf(dir, '')).toBe('711')
  })

  test('those that are not recorded are left as they are', async () => {
    const { folder, dir } = await newFolder()
    await folder.repository.config.set('attributes', 'mtime')
    write(dir, { f: '1', g: '1' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { f: '2' })
    await folder.commit({ message: 'Two' })
    for (const path of ['f', 'g']) chmodSync(join(dir, path), 0o600)
    await folder.switchTo('main')
    expect(contentsOf(dir)).toEqual({ f: '1', g: '1' })
    expect(modeOf(dir, 'g')).toBe('600')
    expect(await changesOf(folder)).toEqual([])
  })
})

describe('a file system that folds names', () => {
  async function folding(): Promise<WorkFolder> {
    let root = '/nowhere'
    const made = await newFolder(foldingFileSystem(() => root))
    root = made.dir
    return made
  }

  test('a file, and a folder, that change only the case of their names are not lost', async () => {
    const { folder, dir } = await folding()
    write(dir, { README: 'r', 'Docs/a': 'a', other: 'o' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    renameSync(join(dir, 'README'), join(dir, 'readme'))
    renameSync(join(dir, 'Docs'), join(dir, 'docs'))
    await folder.commit({ message: 'Two' })
    await folder.switchTo('main')
    expect(contentsOf(dir)).toEqual({ README: 'r', 'Docs/a': 'a', other: 'o' })
    await folder.switchTo('two')
    expect(contentsOf(dir)).toEqual({ readme: 'r', 'docs/a': 'a', other: 'o' })
    expect(await changesOf(folder)).toEqual([])
    write(dir, { readme: 'mine' })
    await expect(folder.switchTo('main')).rejects.toMatchObject({ code: 'UNCOMMITTED_CHANGES' })
    expect(contentsOf(dir).readme).toBe('mine')
  })

  test('what somebody has under a name that is taken for one that comes is in the way', async () => {
    const { folder, dir } = await folding()
    write(dir, { other: 'o' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { README: 'r', 'Docs/a': 'a' })
    await folder.commit({ message: 'Two' })
    await folder.switchTo('main')
    write(dir, { readme: 'mine', docs: 'mine' })
    await expect(folder.switchTo('two')).rejects.toMatchObject({
      code: 'UNCOMMITTED_CHANGES',
      details: { paths: ['Docs', 'README'] },
    })
    expect(contentsOf(dir)).toEqual({ other: 'o', readme: 'mine', docs: 'mine' })
    await expect(folder.restore(['Docs'], { from: 'two' })).resolves.toMatchObject({ written: 1 })
    expect(readdirSync(dir)).toContain('Docs')
    expect(contentsOf(dir)).toMatchObject({ readme: 'mine', 'Docs/a': 'a' })
  })
})

describe('what is given up', () => {
  test('with --force goes for what is unchanged from commit to commit, too', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { a: 'a', 'd/x': 'x', 'e/y': 'y', l: 'l' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { new: 'n' })
    await folder.commit({ message: 'Two' })
    for (const path of ['d', 'e', 'l']) rmSync(join(dir, path), { recursive: true })
    write(dir, { a: 'mine', d: 'a file now', 'l/mine': 'a folder now', untracked: 'u' })
    symlinkSync('..', join(dir, 'e'))
    await folder.switchTo('main', { force: true })
    expect(contentsOf(dir)).toEqual({ a: 'a', 'd/x': 'x', 'e/y': 'y', l: 'l', untracked: 'u' })
    expect(await changesOf(folder)).toEqual(['added untracked'])
  })

  test('both names of a file that goes go', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { other: 'o' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    write(dir, { a: 'a' })
    linkSync(join(dir, 'a'), join(dir, 'b'))
    await folder.commit({ message: 'Two' })
    expect(await folder.switchTo('main')).toMatchObject({ removed: 2 })
    expect(contentsOf(dir)).toEqual({ other: 'o' })
  })
})
