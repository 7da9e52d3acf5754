/** Refs set to what no ref pointed at any more (safety rule 4): all they reach is revived, with its history. */
import { expect, onTestFinished, test } from 'vitest'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import type { Repository } from '../../src/repository.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { groupOptions } from '../support/groups.js'
import { collect, commitFiles, createRepository } from '../support/repositories.js'

test.each([
  { name: 'createBranch', point: (repo: Repository, id: string) => repo.createBranch('back', id) },
  { name: 'createTag', point: (repo: Repository, id: string) => repo.createTag('back', id) },
])('$name at a commit that no ref reaches revives its whole history', async ({ point }) => {
  const { repo, path } = await createRepository()
  const ids: string[] = []
  for (const name of ['a', 'b', 'c']) ids.push(await commitFiles(repo, { [name]: name }, name, 'gone'))
  const files = ids.length
  await repo.deleteBranch('gone')
  // As gc will: what no ref reaches is condemned, and its epoch grows.
  const gc = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => gc.close())
  gc.catalog.write((tx) => {
    const epoch = tx.advance('gc_epoch', 1) + 1
    for (const id of ids) {
      tx.run(
        'INSERT INTO condemned (hash, chunk_id, gc_epoch, condemned_ms) VALUES (?, 0, ?, 0)',
        hashToBytes(id as Hash),
        epoch,
      )
    }
  })
  await point(repo, ids.at(-1) as string)
  expect(gc.catalog.all('SELECT 1 FROM condemned')).toEqual([])
  expect(await collect(repo.log({ from: 'back' }))).toHaveLength(files)
})
