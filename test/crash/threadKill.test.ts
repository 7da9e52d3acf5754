/** Processes with threads that write volumes: they end when they are done, and killed in the middle they lose nothing (S-1, S-2). */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Repository } from '../../src/index.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { driverWith } from '../support/drivers.js'
import { extentsOf, groupOptions } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { type Actor, buildStage, type Stage } from './support/actor.js'
import { squeezableNoise } from './support/chance.js'
import { createSpread, leftoversOf, STORE_NAME } from './support/stores.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

async function extentsIn(store: string): Promise<number> {
  const group = await VolumeGroup.open(store, { ...groupOptions, readOnly: true })
  const { length } = extentsOf(group)
  await group.close()
  return length
}

async function write(driver: string, ending: string): Promise<{ store: string; actor: Actor }> {
  const folder = tempFolder()
  await (await createSpread(folder, 3)).close()
  const store = join(folder, STORE_NAME)
  return { store, actor: stage.enter('threads', [store, driver, ending]) }
}

for (const ending of ['close', 'go']) {
  test(`a process that ${ending === 'close' ? 'closed' : 'did not close'} its store ends by itself`, async () => {
    const { store, actor } = await write(driverWith('return commit()'), ending)
    expect(await actor.ended).toMatchObject({ code: 0, stderr: '' })
    expect(actor.said).toEqual(['published', 'done'])
    expect(await extentsIn(store)).toBeGreaterThan(0)
  })
}

for (const [moment, killing] of [
  ['before', "process.kill(process.pid, 'SIGKILL')"],
  ['after', "commit(); process.kill(process.pid, 'SIGKILL')"],
] as const) {
  test(`killed ${moment} a thread has written: nothing is visible, and the next large writer sweeps`, async () => {
    const { store, actor } = await write(driverWith(killing), 'close')
    expect((await actor.ended).signal).toBe('SIGKILL')
    expect(actor.said).toEqual([])
    expect(await extentsIn(store)).toBe(0)
    const repo = await Repository.open(store)
    expect((await repo.verify()).problems).toEqual([])
    const draft = await repo.draft('main')
    await draft.write('next', squeezableNoise('next', 3_000_000))
    await draft.commit({ message: 'next', author: 'Test <test@example.org>' })
    await repo.close()
    expect(await leftoversOf(store)).toEqual({ leases: 0, invisibleExtents: 0, strayChunks: 0 })
  })
}
