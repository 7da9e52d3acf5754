/** Catalogs that are not the one: a copy of it elsewhere, and one that was put back from a copy only just too old. */
import { copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Repository } from '../../src/repository.js'
import { seededRandom } from '../support/groups.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

const random = seededRandom('old catalogs')

/** Closed; all extents lie in the second file. */
async function twoFiles(): Promise<{ folder: string; path: string }> {
  const folder = tempFolder()
  const path = join(folder, 's.varve')
  const repo = await Repository.create(path)
  await repo.extendVolumeGroup(join(folder, 'b.varve'))
  await repo.changePhysicalVolume('0', { allocatable: false })
  await repo.close()
  return { folder, path }
}

async function commitAndClose(path: string, name: string): Promise<void> {
  const repo = await openRepository(path)
  await commitFiles(repo, { [name]: random.bytes(50_000) })
  await repo.close()
}

test('a catalog one publish too old is refused, and what it forgot is not overwritten', async () => {
  const { folder, path } = await twoFiles()
  await commitAndClose(path, 'one')
  copyFileSync(path, join(folder, 'old'))
  await commitAndClose(path, 'two')
  renameSync(path, join(folder, 'new'))
  renameSync(join(folder, 'old'), path)
  await expect(Repository.open(path)).rejects.toMatchObject({ code: 'CATALOG_STALE' })
  await expect(Repository.open(path, { readOnly: true })).rejects.toMatchObject({ code: 'CATALOG_STALE' })

  // As the hint says.
  renameSync(join(folder, 'new'), path)
  const repo = await openRepository(path)
  expect((await repo.verify()).problems).toEqual([])
  expect((await (await repo.at('main')).read('two')).length).toBe(50_000)
})

test('a copy of the catalog of several volumes is refused, and the original still opens', async () => {
  const { folder, path } = await twoFiles()
  await commitAndClose(path, 'one')
  const copy = join(folder, 'copy.varve')
  copyFileSync(path, copy)
  for (const readOnly of [true, false]) {
    await expect(Repository.open(copy, { readOnly })).rejects.toMatchObject({ code: 'PV_DUPLICATE' })
  }
  await commitAndClose(path, 'two')
  const throughTheOther = await openRepository(join(folder, 'b.varve'))
  expect(throughTheOther.path).toBe(path)
  expect((await throughTheOther.verify()).problems).toEqual([])
})
