/** kill -9 at random moments (S-1, S-2); `npm run torture` does it hundreds of times. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { buildStage, type Stage } from './support/actor.js'
import { killCommits, killExtends } from './support/kills.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

const base = { pvs: VOLUMES, seed: 'kill' }
/** Each kill is a process, and then a look at the whole store. */
const SLOW = { timeout: 240_000 }

test('killed while committing: every acknowledged commit is there, whole, and leftovers are swept', SLOW, async () => {
  const report = await killCommits({ ...base, stage, folder: tempFolder(), kills: 12, bigEvery: 6, freshEvery: 12 })
  expect(report.problems).toEqual([])
  expect(report.kills).toBe(12)
  expect(report.acknowledged).toBeGreaterThan(0)
})

test('killed while adding volumes: the group holds those that were acknowledged, and works on', SLOW, async () => {
  const report = await killExtends({ ...base, stage, folder: tempFolder(), kills: 4 })
  expect(report.problems).toEqual([])
  expect(report.kills).toBe(4)
})
