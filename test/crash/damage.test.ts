/** S-6: never a wrong answer out of a damaged store; `npm run torture` tries hundreds of bits. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { buildStage, type Stage } from './support/actor.js'
import { Chance } from './support/chance.js'
import { chosenFlips, cuts, type Damage, makeSubject, randomFlips, type Subject, tryDamage } from './support/damage.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

/** Each damage is a look at the whole store. */
const SLOW = { timeout: 240_000 }

test.each<[string, (subject: Subject) => Damage[]]>([
  ['a bit flipped anywhere', (subject) => randomFlips(subject, 25, new Chance('anywhere'))],
  ['a bit flipped in a header or in a table', (subject) => chosenFlips(subject, 50, new Chance('chosen'))],
  ['a file cut off', cuts],
])('%s: the truth or an error that says what is hit, and verify finds it', SLOW, async (_, damagesOf) => {
  const folder = tempFolder()
  const damages = damagesOf(await makeSubject(folder, VOLUMES, 'damage'))
  const report = await tryDamage(stage, folder, damages)
  expect(report.problems).toEqual([])
  expect(report.done).toBe(damages.length)
  expect(report.refused + report.found).toBeGreaterThan(0)
})
