/** A sealed store is read without any file beside it. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

test('is read with nothing made beside it, until it is written to again', async () => {
  const { repo, folder, path } = await createRepository()
  await commitFiles(repo, { a: 'one' })
  await repo.seal()
  await repo.close()
  const files = readdirSync(folder).sort()
  expect(files.filter((name) => /-(wal|shm)$/.test(name))).toEqual([])
  const reader = await openRepository(path, { readOnly: true })
  expect((await (await reader.at('main')).read('a')).toString()).toBe('one')
  expect((await reader.verify()).problems).toEqual([])
  expect(readdirSync(folder).sort()).toEqual(files)
  await reader.close()
  const writer = await openRepository(path)
  await commitFiles(writer, { a: 'two' })
  expect(readdirSync(folder)).toContain('store.varve-wal')
  // And again.
  await writer.seal()
  await writer.close()
  expect(readdirSync(folder).sort()).toEqual(files)
})

test('is refused while others have it open, and on a store opened for reading', async () => {
  const { repo, path } = await createRepository({ lockTimeoutMs: 100 })
  await commitFiles(repo, { a: 'one' })
  const other = await openRepository(path, { readOnly: true })
  await (await other.at('main')).read('a')
  await expect(repo.seal()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await expect(other.seal()).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
  await commitFiles(repo, { a: 'two' })
  expect((await (await other.at('main')).read('a')).toString()).toBe('two')
})
