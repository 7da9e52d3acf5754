/** The tests of a simulation: so many schedules of one seed, on a store of so many volumes. docs/TESTING.md says how to play one again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Played, Simulation } from './schedule.js'

/** The same each time, so that what fails was caused by a change; other schedules are played for other seeds. */
const SEED = process.env.VARVE_TEST_SEED ?? '1'
const SCHEDULES = Number(process.env.VARVE_TEST_SCHEDULES ?? (process.env.CI ? '10000' : '1000'))
/** The number of one, to play it alone. */
const ALONE = process.env.VARVE_TEST_SCHEDULE
const SCHEDULES_PER_TEST = 250
const STEPS_SHOWN = 60

export function simulate(volumes: 1 | 3): void {
  describe(`gc among others on ${volumes} volumes, seed ${SEED}`, () => {
    let simulation: Simulation
    beforeAll(async () => {
      simulation = await Simulation.make(volumes)
    })
    afterAll(() => simulation.end())

    const play = (number: number): Promise<Played> => simulation.play(`${SEED}:${number}`)

    if (ALONE !== undefined) {
      test(`schedule ${ALONE}`, async () => {
        expectSound(ALONE, await play(Number(ALONE)))
      })
      return
    }
    for (let first = 1; first <= SCHEDULES; first += SCHEDULES_PER_TEST) {
      const last = Math.min(first + SCHEDULES_PER_TEST - 1, SCHEDULES)
      test(`schedules ${first} to ${last}: nothing goes that is needed`, { timeout: 600_000 }, async () => {
        let drops = 0
        let based = 0
        for (let number = first; number <= last; number++) {
          const played = await play(number)
          expectSound(String(number), played)
          drops += played.drops
          based += played.based
        }
        // Else it would say nothing.
        expect(drops).toBeGreaterThan(0)
        expect(based).toBeGreaterThan(0)
      })
    }

    test('the same steps each time', async () => {
      for (const number of [1, 2, 3]) expect(await play(number)).toEqual(await play(number))
    })
  })
}

function expectSound(number: string, { problems, trace }: Played): void {
  if (problems.length === 0) return
  const steps = trace.slice(-STEPS_SHOWN).join('\n')
  throw new Error(`schedule ${number} of seed ${SEED}:\n${problems.join('\n')}\nits last steps:\n${steps}`)
}
