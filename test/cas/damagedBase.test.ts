/** What is damaged is no base: what takes its place is stored all the same. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

function noise(seed: string, bytes: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes; at += 32) parts.push(createHash('sha256').update(`${seed} ${at}`).digest())
  return Buffer.concat(parts).subarray(0, bytes)
}

test('a file whose former version lies in an extent with a damaged row can be written again', async () => {
  const { repo, path } = await createRepository()
  const first = noise('first', 60_000)
  const second = Buffer.from(first)
  for (let at = 0; at < second.length; at += 500) second[at] = 0
  await commitFiles(repo, { file: first })
  repo.parts.group.catalog.run('UPDATE extent SET raw_bytes = raw_bytes + 1 WHERE class = 0')
  await repo.close()
  const again = await openRepository(path)
  await commitFiles(again, { file: second })
  expect((await (await again.at('main')).read('file')).equals(second)).toBe(true)
})
