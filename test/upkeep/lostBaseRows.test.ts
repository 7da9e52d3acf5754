/** Rows of the table `base` that a damaged page lost. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

function noise(seed: string, bytes: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes; at += 32) parts.push(createHash('sha256').update(`${seed} ${at}`).digest())
  return Buffer.concat(parts).subarray(0, bytes)
}

async function based() {
  const { repo, path } = await createRepository()
  const first = noise('first', 100_000)
  const second = Buffer.concat([first.subarray(0, 50_000), Buffer.from('!'), first.subarray(50_001)])
  await commitFiles(repo, { file: first, other: noise('other', 400_000) })
  await commitFiles(repo, { file: second })
  await commitFiles(repo, { other: null })
  const { catalog } = repo.parts.group
  expect(catalog.get('SELECT * FROM base')).toBeDefined()
  return { repo, path, catalog, second }
}

test('nothing is moved or dropped while it is not known what decodes through it', async () => {
  const { repo, path, catalog, second } = await based()
  await repo.prune({ keepLast: 1 })
  catalog.run('DELETE FROM base')
  for (const upkeep of [() => repo.gc({ now: true }), () => repo.pack()])
    await expect(upkeep()).rejects.toMatchObject({ code: 'CORRUPT_CATALOG', details: { table: 'base' } })
  await repo.close()
  const again = await openRepository(path)
  expect((await (await again.at('main')).read('file')).equals(second)).toBe(true)
})
