import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { buildStage, type Stage } from './support/actor.js'
import { killSwitches } from './support/switches.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

test('killed while switching: nothing uncommitted is lost, and status tells the truth', {
  timeout: 240_000,
}, async () => {
  // What lies on which volume is nothing to a folder: on several, some will do.
  const kills = VOLUMES === 1 ? 12 : 4
  const report = await killSwitches({ stage, folder: tempFolder(), kills, seed: 'switch', pvs: VOLUMES })
  expect(report.problems).toEqual([])
  expect(report.interrupted).toBeGreaterThan(0)
})
