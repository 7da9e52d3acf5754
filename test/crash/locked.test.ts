/** S-7: somebody else holds the lock: STORE_LOCKED after the time-out, nothing is lost, and reading goes on. */

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenOptions, Repository } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { writeFolder } from './actor/commit.js'
import { buildStage, type Stage } from './support/actor.js'
import { noise, squeezableNoise } from './support/chance.js'
import { logOf } from './support/history.js'
import { createSpread, STORE_NAME } from './support/stores.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

const IMPATIENT: OpenOptions = { lockTimeoutMs: 100 }
const BEFORE = noise('before', 100_000)

async function lockableStore(): Promise<{ folder: string; store: string }> {
  const folder = tempFolder()
  const repo = await createSpread(folder, VOLUMES)
  const draft = await repo.draft('main')
  await draft.write('before.bin', BEFORE)
  await draft.commit({ message: 'before' })
  await repo.close()
  return { folder, store: join(folder, STORE_NAME) }
}

/** The files whose lock keeps a commit from ending: the catalog, and each volume. */
const LOCKABLE = [STORE_NAME, 'pv1.varve', 'pv2.varve'].slice(0, VOLUMES)

test.each(LOCKABLE)(
  'while %s is locked, commits end with STORE_LOCKED, reads go on, and nothing is lost',
  async (file) => {
    const { folder, store } = await lockableStore()
    await using repo = await Repository.open(store, IMPATIENT)
    const small = await repo.draft('main')
    await small.write('small.txt', 'written while locked\n')
    const source = join(folder, 'source')
    const large = squeezableNoise('large', 4_000_000)
    writeFolder(source, [{ path: 'large.bin', bytes: large }])
    const commitLarge = () => repo.commitFrom(source, { branch: 'large', message: 'large' })

    const holder = stage.enter('hold', [join(folder, file)])
    await holder.hearAbout('held')
    await expect(commitLarge()).rejects.toMatchObject({ code: 'STORE_LOCKED', details: { path: join(folder, file) } })
    if (file === STORE_NAME) {
      await expect(small.commit({ message: 'small' })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
      await expect(repo.createTag('tag', 'main')).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    }
    expect((await (await repo.at('main')).read('before.bin')).equals(BEFORE)).toBe(true)
    await using other = await Repository.open(store, IMPATIENT)
    expect((await (await other.at('main')).read('before.bin')).equals(BEFORE)).toBe(true)
    expect((await other.verify()).ok).toBe(true)
    holder.tell('enough')
    await holder.done()

    // The very same draft, and the same folder.
    const { id } = await small.commit({ message: 'small' })
    await commitLarge()
    expect((await logOf(other, 'main')).map((commit) => commit.message)).toEqual(['before', 'small'])
    expect((await (await other.at(id)).read('small.txt')).toString()).toBe('written while locked\n')
    expect((await (await other.at('large')).read('large.bin')).equals(large)).toBe(true)
    expect((await other.verify()).ok).toBe(true)
  },
)

test('reading goes on during a long write', async () => {
  const { folder, store } = await lockableStore()
  await using repo = await Repository.open(store)
  // A round that begins with a commit of more than a batch.
  const writer = stage.enter('commit', [store, 'long write', '1', '0', join(folder, 'source')])
  await writer.hearAbout('ready')
  let reads = 0
  let written = false
  const ack = writer.hearAbout('ack folders 0').finally(() => {
    written = true
  })
  while (!written) {
    await using reader = await Repository.open(store, { readOnly: true })
    expect((await (await reader.at('main~0')).read('before.bin')).equals(BEFORE)).toBe(true)
    // The writer may be at its next commit by now.
    const before = await repo.resolve('main')
    const seen = await reader.resolve('main')
    expect([before, await repo.resolve('main')]).toContain(seen)
    reads++
    // Small reads wait for nothing, and what the writer says would never be heard.
    await nextTurn()
  }
  const line = await ack
  writer.kill()
  await writer.ended
  expect(reads).toBeGreaterThan(0)
  expect((await repo.at(line.split(' ').at(-1) ?? '')).info.tree.files).toBeGreaterThan(20)
})
