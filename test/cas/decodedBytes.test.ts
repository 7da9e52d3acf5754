/** What is written can be read: what it is decoded through is bounded, whatever else lies beside it. */
import { createHash } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { Repository } from '../../src/repository.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createStore, groupOptions, publishOnly, writerOf } from '../support/groups.js'
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

test('what was written under a lease has no base that is newer than its number', async () => {
  const { store, path } = await createStore()
  const chunks = Array.from({ length: 200 }, (_, number) => noise(`chunk ${number}`, 8000))
  const early = writerOf(store)
  // It has its lease from now on, and with it the numbers of its extents.
  for (let number = 0; number < 200; number++) await early.put(KIND.chunk, noise(`early ${number}`, 8000))
  const other = writerOf(store)
  const bases: Hash[] = []
  for (const chunk of chunks) bases.push(await other.put(KIND.chunk, chunk))
  await publishOnly(other)
  const ids = new Map<Hash, Buffer>()
  for (const [number, chunk] of chunks.entries()) {
    const edited = Buffer.from(chunk)
    edited[4000] = 1
    ids.set(await early.put(KIND.chunk, edited, () => bases.slice(number, number + 1)), edited)
  }
  await publishOnly(early)
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  const reading = await ChunkStore.open(group, systemClock)
  for (const [id, bytes] of ids) expect((await reading.get(KIND.chunk, id)).equals(bytes)).toBe(true)
})
