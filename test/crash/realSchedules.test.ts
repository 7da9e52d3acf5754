/** Processes that are really there, on real files, some of them killed (S-1 to S-5). `VARVE_TEST_REAL_SCHEDULES` plays more. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { buildStage, type Stage } from './support/actor.js'
import { playRealSchedules } from './support/realSchedules.js'

const SEED = process.env.VARVE_TEST_SEED ?? '1'
const SCHEDULES = Number(process.env.VARVE_TEST_REAL_SCHEDULES ?? (VOLUMES === 1 ? '8' : '6'))
/** The number of one, to play it alone. */
const ALONE = process.env.VARVE_TEST_SCHEDULE

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

test(`${SCHEDULES} schedules of seed ${SEED}: what is reachable is whole, whoever was killed`, {
  timeout: 120_000 + SCHEDULES * 10_000,
}, async () => {
  const base = { stage, folder: tempFolder(), pvs: VOLUMES, seed: SEED }
  const report = await playRealSchedules(
    ALONE === undefined ? { ...base, schedules: SCHEDULES } : { ...base, schedules: 1, first: Number(ALONE) },
  )
  expect(report.problems).toEqual([])
  expect(report.kills).toBeGreaterThan(0)
  expect(report.acknowledged).toBeGreaterThan(0)
  if (process.env.VARVE_TEST_REAL_SCHEDULES !== undefined) console.log(JSON.stringify(report))
})
