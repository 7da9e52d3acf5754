/**
 * kill -9 of a process that commits in batches: all that was synced is there; of the rest, commits in their order up to some
 * flush, the same one for all branches; and the store is whole.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Repository } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { batchedText } from './actor/batch.js'
import { buildStage, type Stage } from './support/actor.js'
import { Chance } from './support/chance.js'
import { createSpread, STORE_NAME } from './support/stores.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

const KILLS = 5

async function numbersOn(repo: Repository, branch: string): Promise<number[]> {
  const numbers: number[] = []
  for await (const { message } of repo.log({ from: branch })) numbers.push(Number(message))
  return numbers
}

test.each(['full', 'normal'])('durability %s', { timeout: 120_000 }, async (durability) => {
  const folder = tempFolder()
  await (await createSpread(folder, VOLUMES)).close()
  const store = join(folder, STORE_NAME)
  let synced = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const run = `run${kill}`
    const actor = stage.enter('batch', [store, run, durability])
    await actor.hearAbout('synced')
    await sleep(new Chance('batch', durability, kill).below(120))
    actor.kill()
    const { signal, stderr } = await actor.ended
    expect(signal, stderr).toBe('SIGKILL')
    const acknowledged = Math.max(...actor.said.map((line) => Number(/^synced (\d+)$/.exec(line)?.[1] ?? -1)))
    synced += acknowledged

    const repo = await Repository.open(store)
    const found = [await numbersOn(repo, `${run}-0`), await numbersOn(repo, `${run}-1`)]
    const newest = Math.max(...found.flat())
    expect(newest).toBeGreaterThanOrEqual(acknowledged)
    const expected = Array.from({ length: newest + 1 }, (_, at) => newest - at)
    expect(found).toEqual([expected.filter((at) => at % 2 === 0), expected.filter((at) => at % 2 === 1)])
    const last = await repo.at(`${run}-${newest % 2}`)
    expect((await last.read(`${newest % 10}.txt`)).toString()).toBe(batchedText(run, newest))
    expect(await repo.verify()).toMatchObject({ ok: true, problems: [] })
    await repo.close()
  }
  expect(synced).toBeGreaterThan(0)
})
