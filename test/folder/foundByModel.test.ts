/** What random sequences (model.test.ts) once found wrong, each as small as it can be. */
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileSystem } from '../../src/base/filesystem.js'
import { Repository } from '../../src/index.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { tempFolder } from '../support/tempFolder.js'
import { changesOf, contentsOf, newFolder, write } from '../support/workFolders.js'
import { hooked, systemError } from '../worktree/faultyFileSystem.js'
import { but } from './but.js'

describe('a commit of some paths', () => {
  test('takes a file that a directory became, and a file in a directory that was a file', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { 'd/x': '1', 'd/y': '1', f: '1' })
    await folder.commit({ message: 'First' })
    rmSync(join(dir, 'd'), { recursive: true })
    rmSync(join(dir, 'f'))
    write(dir, { d: '2', 'f/x': '2', 'f/y': '2' })
    await folder.commit({ message: 'd', paths: ['d'] })
    await folder.commit({ message: 'f/x', paths: ['f/x'] })
    expect(await changesOf(folder)).toEqual(['added f/y'])
  })

  test('takes a mode that alone has changed', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { f: '1', 'd/x': '1' })
    await folder.commit({ message: 'First' })
    chmodSync(join(dir, 'f'), 0o600)
    chmodSync(join(dir, 'd'), 0o750)
    expect(await changesOf(folder)).toEqual(['mode-changed d', 'mode-changed f'])
    await folder.commit({ message: 'Modes', paths: ['f', 'd'] })
    expect(await changesOf(folder)).toEqual([])
  })

  test('in a new directory leaves nothing of that for the next one', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { f: '1' })
    await folder.commit({ message: 'First' })
    write(dir, { 'd/e/x': '1' })
    await folder.commit({ message: 'd/e/x', paths: ['d/e/x'] })
    expect((await folder.commit({ message: 'Nothing' })).commit).toBeUndefined()
    chmodSync(join(dir, 'd'), 0o750)
    expect(await changesOf(folder)).toEqual(['mode-changed d'])
  })
})

test('a commit that is done again on that of another takes a file that a directory became', async () => {
  const { dir, folder } = await newFolder()
  write(dir, { 'd/x': '1', big: 'x'.repeat(3_000_000) })
  await folder.commit({ message: 'First' })
  const elsewhere = async (): Promise<void> => {
    const draft = await folder.repository.draft('main')
    await draft.write('theirs', 'theirs')
    await draft.commit({ message: 'Theirs' })
  }
  const racing = await Repository.open(folder.repository.path, { fileSystem: waitingFor(elsewhere) })
  onTestFinished(() => racing.close())
  const tree = tempFolder()
  write(tree, { d: '2', big: 'x'.repeat(3_000_000) })
  await racing.commitFrom(tree, { message: 'Mine', retry: 1 })
  const out = join(tempFolder(), 'out')
  await racing.export('main', out)
  expect(Object.keys(contentsOf(out))).toEqual(['big', 'd', 'theirs'])
})

describe('what ignore rules name', () => {
  test('and is a file in the place of a directory of the commit, or the reverse, is not taken', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { 'made/x': '1', built: '1' })
    await folder.commit({ message: 'First' })
    rmSync(join(dir, 'made'), { recursive: true })
    rmSync(join(dir, 'built'))
    write(dir, { '.gitignore': 'made\nbuilt\n', made: 'secret', 'built/x': 'secret' })
    expect(await changesOf(folder)).toEqual(['added .gitignore', 'removed built', 'removed made/x'])
    await folder.commit({ message: 'Second' })
    const out = join(tempFolder(), 'out')
    await folder.repository.export('main', out)
    expect(Object.keys(contentsOf(out))).toEqual(['.gitignore'])
  })
})

test('a switch that is gone on with gives their modes to the directories that it had just made', async () => {
  let left = Number.POSITIVE_INFINITY
  const { folder, dir } = await newFolder(
    hooked((call, path, how) => {
      const isWrite = call === 'open' && how === 'create' && !path.includes('/.varve/')
      if (isWrite && left-- === 0) throw systemError('EIO')
    }),
  )
  write(dir, { 'd/x': '1' })
  await folder.commit({ message: 'First' })
  await folder.switchTo('HEAD', { create: 'two' })
  write(dir, { 'd/x': '2' })
  await folder.commit({ message: 'Second' })
  rmSync(join(dir, 'd'), { recursive: true })
  left = 0
  await expect(folder.switchTo('main')).rejects.toMatchObject({ code: 'STORAGE_IO' })
  left = Number.POSITIVE_INFINITY
  await folder.continueSwitch()
  expect(lstatSync(join(dir, 'd')).mode & 0o777).toBe(0o755)
  expect(await changesOf(folder)).toEqual([])
})

test('a switch that changes the mode of a directory is not refused where something else is in the place of the one above', async () => {
  const { folder, dir } = await newFolder()
  write(dir, { 'd/e/x': '1' })
  await folder.commit({ message: 'First' })
  await folder.switchTo('HEAD', { create: 'two' })
  chmodSync(join(dir, 'd/e'), 0o750)
  await folder.commit({ message: 'Second' })
  rmSync(join(dir, 'd'), { recursive: true })
  write(dir, { d: 'mine' })
  await folder.switchTo('main')
  expect(contentsOf(dir)).toEqual({ d: 'mine' })
})

test('a forced switch that fails leaves no directory closed that it made of what is the same in both commits', async () => {
  let left = Number.POSITIVE_INFINITY
  const { folder, dir } = await newFolder(
    hooked((call, path, how) => {
      const isWrite = call === 'open' && how === 'create' && !path.includes('/.varve/')
      if (isWrite && left-- === 0) throw systemError('EIO')
    }),
  )
  write(dir, { f: '1', 'd/e/x': '1' })
  await folder.commit({ message: 'First' })
  await folder.switchTo('HEAD', { create: 'two' })
  write(dir, { f: '2' })
  await folder.commit({ message: 'Second' })
  rmSync(join(dir, 'd'), { recursive: true })
  left = 0
  await expect(folder.switchTo('main', { force: true })).rejects.toMatchObject({ code: 'STORAGE_IO' })
  left = Number.POSITIVE_INFINITY
  await folder.abortSwitch()
  expect(['d', 'd/e'].map((path) => lstatSync(join(dir, path)).mode & 0o777)).toEqual([0o755, 0o755])
  expect(await changesOf(folder)).toEqual(['removed d/e/x'])
})

/** A file system whose first read of a big file waits until something else is done. */
function waitingFor(elsewhere: () => Promise<void>): FileSystem {
  let done: Promise<void> | undefined
  return but(nodeFileSystem, {
    open: (path, how) => {
      const file = nodeFileSystem.open(path, how)
      return but(file, {
        read: async (...parameters) => {
          done ??= elsewhere()
          await done
          return file.read(...parameters)
        },
      })
    },
  })
}
