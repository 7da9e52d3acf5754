/** Safety rule 8: an export into the folder in which its store lies does not write into the store. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { commitTree, writeHostileTree } from '../support/hostileTrees.js'
import { createRepository } from '../support/repositories.js'

test.each(['', '-journal', '-wal', '-shm'])('a tree with a file named as the store%s', async (suffix) => {
  const { repo } = await createRepository()
  const folder = dirname(repo.path)
  const name = `${repo.path.slice(folder.length + 1)}${suffix}`
  await commitTree(repo, 'stranger', (writer) => writeHostileTree(writer, { a: '1', [name]: 'evil' }))
  for (const overwrite of [false, true]) {
    await expect(repo.export('stranger', folder, { into: true, overwrite })).rejects.toMatchObject({
      code: 'UNSAFE_PATH',
      details: { paths: [name] },
    })
    expect(existsSync(join(folder, 'a'))).toBe(false)
  }
  expect((await repo.verify()).problems).toEqual([])
  const elsewhere = join(folder, 'elsewhere')
  await repo.export('stranger', elsewhere)
  expect(readFileSync(join(elsewhere, name), 'utf8')).toBe('evil')
})
