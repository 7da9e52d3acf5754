import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import { exportTree } from '../../src/worktree/exportTree.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { storeTree } from '../../src/worktree/storeTree.js'
import { createStore, publishOnly, writerOf } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { type DiskNode, directory, file, makeTree, readTree, symlink } from '../support/trees.js'

/** Many small files in many folders, a few larger ones among them: several batches, both ways of reading and writing. */
function sample(): DiskNode {
  const folders = Array.from({ length: 30 }, (_, folder) => {
    const files = Array.from(
      { length: 25 },
      (_, index) => [`f${index}`, file(`file ${index} of folder ${folder}`)] as const,
    )
    return [`d${folder}`, directory(new Map(files))] as const
  })
  const large = Buffer.alloc(3 * MIB)
  for (let index = 0; index < large.length; index++) large[index] = (index * 2654435761) >>> 24
  return directory(
    new Map([...folders, ['large', file(large)], ['link', symlink('large')], ['zeros', file(Buffer.alloc(MIB))]]),
  )
}

test('what was published comes back from a store as it was', async () => {
  const folder = tempFolder()
  const original = sample()
  makeTree(join(folder, 'source'), original)
  const { store } = await createStore()
  const writer = writerOf(store)
  const stored = await storeTree(writer, nodeFileSystem, join(folder, 'source'))
  await publishOnly(writer)
  await exportTree(store, stored, nodeFileSystem, join(folder, 'copy'))
  expect(readTree(join(folder, 'copy'))).toEqual(original)

  const again = writerOf(store)
  expect(await storeTree(again, nodeFileSystem, join(folder, 'copy'))).toEqual(stored)
  await publishOnly(again)
  expect(again.stats).toMatchObject({ newChunks: 0, newObjects: 0 })
})
