/** What is written can be read: what it is decoded through is bounded, whatever else lies beside it. */
import { createHash } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { Repository } from '../../src/repository.js'
import { commitFiles, createRepository } from '../support/repositories.js'

function noise(seed: string, bytes: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes; at += 32) parts.push(createHash('sha256').update(`${seed} ${at}`).digest())
  return Buffer.concat(parts).subarray(0, bytes)
}

test('a small commit that takes much to decode is readable', async () => {
  const { repo, path } = await createRepository()
  const files = new Map<string, Buffer>()
  for (let number = 0; number < 16; number++) {
    const first = noise(`first ${number}`, 4000)
    files.set(`first ${number}`, first)
    await commitFiles(repo, { [`first ${number}`]: first, [`rest ${number}`]: noise(`rest ${number}`, 1_030_000) })
  }
  const edited: Record<string, Buffer> = { 'something new': noise('something new', 900_000) }
  for (const [path, content] of files)
    edited[path] = Buffer.concat([content.subarray(0, 2000), Buffer.from('!'), content.subarray(2000)])
  await commitFiles(repo, edited)
  await repo.close()
  const again = await Repository.open(path)
  onTestFinished(() => again.close())
  const snapshot = await again.at('main')
  for (const [path, content] of Object.entries(edited)) expect((await snapshot.read(path)).equals(content)).toBe(true)
})
