/** `status` says of hard links what `commit` would record. */
import { linkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { changesOf, newFolder, write } from '../support/workFolders.js'

async function linked() {
  const made = await newFolder()
  write(made.dir, { a: '1', 'd/x': '2', y: '2', z: '3' })
  linkSync(join(made.dir, 'a'), join(made.dir, 'd/b'))
  linkSync(join(made.dir, 'a'), join(made.dir, 'c'))
  await made.folder.commit({ message: 'First' })
  expect(await changesOf(made.folder)).toEqual([])
  return made
}

test.each<[string, (dir: string) => void, string[]]>([
  [
    'a link that was broken',
    (dir) => {
      rmSync(join(dir, 'c'))
      writeFileSync(join(dir, 'c'), '1')
    },
    ['mode-changed c'],
  ],
  [
    'the first name made a file of its own',
    (dir) => {
      rmSync(join(dir, 'a'))
      writeFileSync(join(dir, 'a'), '1')
    },
    ['mode-changed a', 'mode-changed c', 'mode-changed d/b'],
  ],
  [
    'two files of one text made one',
    (dir) => {
      rmSync(join(dir, 'y'))
      linkSync(join(dir, 'd/x'), join(dir, 'y'))
    },
    ['mode-changed d/x', 'mode-changed y'],
  ],
  ['another name, in the folder', (dir) => linkSync(join(dir, 'z'), join(dir, 'zz')), ['mode-changed z', 'added zz']],
  ['another name, outside', (dir) => linkSync(join(dir, 'z'), join(dir, '..', 'outside')), ['mode-changed z']],
  ['one name less of three', (dir) => rmSync(join(dir, 'c')), ['removed c']],
  [
    'a text that was changed in place',
    (dir) => writeFileSync(join(dir, 'a'), '9'),
    ['modified a', 'modified c', 'modified d/b'],
  ],
])('%s', async (_what, change, expected) => {
  const { folder, dir } = await linked()
  // Long enough for the files to be remembered as they are.
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(await changesOf(folder)).toEqual([])
  change(dir)
  for (let time = 0; time < 2; time++) {
    expect(await changesOf(folder)).toEqual(expected)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  expect((await folder.commit({ message: 'Second' })).commit).toBeDefined()
  expect(await changesOf(folder)).toEqual([])
  expect((await folder.commit({ message: 'Nothing?' })).commit).toBeUndefined()
})

test('restore undoes it', async () => {
  const { folder, dir } = await linked()
  rmSync(join(dir, 'c'))
  writeFileSync(join(dir, 'c'), '1')
  rmSync(join(dir, 'y'))
  linkSync(join(dir, 'd/x'), join(dir, 'y'))
  expect(await changesOf(folder)).toEqual(['mode-changed c', 'mode-changed d/x', 'mode-changed y'])
  await folder.restore(['c', 'y', 'd'])
  expect(await changesOf(folder)).toEqual([])
  rmSync(join(dir, 'c'))
  writeFileSync(join(dir, 'c'), '1')
  await folder.switchTo('main', { force: true })
  expect(await changesOf(folder)).toEqual([])
})

test('nothing is said of them where commits record none', async () => {
  const { folder, dir } = await newFolder()
  await folder.repository.config.set('attributes', 'mtime,mode')
  write(dir, { a: '1' })
  await folder.commit({ message: 'First' })
  linkSync(join(dir, 'a'), join(dir, '..', 'outside'))
  expect(await changesOf(folder)).toEqual([])
})
