/** kill -9 while a store is tidied (S-5); `npm run torture` does it hundreds of times. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { buildStage, type Stage } from './support/actor.js'
import { killGcs } from './support/gcKills.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

test('killed while tidying: what branches reach is whole, what they do not is gone after the next gc', {
  timeout: 240_000,
}, async () => {
  const report = await killGcs({ stage, folder: tempFolder(), pvs: VOLUMES, kills: 10, seed: 'gc', freshEvery: 10 })
  expect(report.problems).toEqual([])
  expect(report.kills).toBe(10)
  expect(report.acknowledged).toBeGreaterThan(0)
  expect([...report.moments.keys()].filter((moment) => moment.startsWith('gc ')).length).toBeGreaterThan(1)
})
