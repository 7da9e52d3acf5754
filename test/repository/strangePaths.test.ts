/** Paths that no file can have, options that are refused, and use after the end: errors that say so, nothing left behind. */
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VarveError } from '../../src/base/errors.js'
import { Repository } from '../../src/repository.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('it should have failed')
}

const paths: [string, (folder: string) => string][] = [
  [
    'a symlink to itself',
    (folder) => {
      symlinkSync(join(folder, 'loop'), join(folder, 'loop'))
      return join(folder, 'loop')
    },
  ],
  ['a name that is too long', (folder) => join(folder, 'x'.repeat(300))],
  ['a NUL in the name', (folder) => join(folder, 'a\0b')],
]

test.each(paths)('%s: open, create and extend fail with an error of varve’s', async (_, make) => {
  const path = make(tempFolder())
  const { repo } = await createRepository()
  for (const work of [
    () => Repository.open(path),
    () => Repository.open(path, { readOnly: true }),
    () => Repository.create(path),
    () => repo.extendVolumeGroup(path),
  ]) {
    const error = await failureOf(work)
    expect(error).toBeInstanceOf(VarveError)
    expect((error as VarveError).message).not.toBe('')
  }
  expect(await failureOf(() => Repository.open(path))).toMatchObject({ code: 'INVALID_PATH' })
  expect((await repo.verify()).ok).toBe(true)
})

test('used after close, every verb says that the store was closed', async () => {
  const { repo } = await createRepository()
  await commitFiles(repo, { a: 'one' })
  await repo.close()
  const uses: [string, () => Promise<unknown>][] = [
    ['branches', () => repo.branches()],
    ['at', () => repo.at('main')],
    ['volumeGroup', () => repo.volumeGroup()],
    ['createBranch', () => repo.createBranch('b', 'main')],
    ['verify', () => repo.verify()],
    ['draft', () => commitFiles(repo, { b: 'two' })],
    ['config', () => repo.config.set('author', 'Somebody')],
  ]
  for (const [name, use] of uses) {
    const error = await failureOf(use)
    expect([name, error]).toEqual([name, expect.any(VarveError)])
    expect([name, (error as VarveError).code]).toEqual([name, 'INVALID_ARGUMENT'])
  }
  await repo.close()
})

test('a store that was refused for its options leaves no file in the way of the next', async () => {
  const path = join(tempFolder(), 's.varve')
  await expect(Repository.create(path, { compression: 'zip' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(existsSync(path)).toBe(false)
  await (await Repository.create(path, { compression: 'lz4' })).close()
  expect((await (await openRepository(path)).config.get('compression')).value).toBe('lz4')
})
