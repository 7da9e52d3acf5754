/** Two processes commit to one branch: the loser is told, nothing of the winner is lost; with retries everybody wins. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Repository } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { RACE_BRANCH, racePath, raceText } from './actor/race.js'
import { type Actor, buildStage, type Stage } from './support/actor.js'
import { logOf } from './support/history.js'
import { createSpread, STORE_NAME } from './support/stores.js'
import { gather } from './support/survey.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

const RACERS = ['ada', 'ben'] as const
const COMMITS = 20

interface Won {
  readonly name: string
  readonly index: number
  readonly id: string
}

async function startRace(verb: string): Promise<{ store: string; racers: Actor[] }> {
  const folder = tempFolder()
  const repo = await createSpread(folder, VOLUMES)
  await repo.close()
  const store = join(folder, STORE_NAME)
  const racers = RACERS.map((name) => stage.enter(verb, [store, name, String(COMMITS)]))
  for (const racer of racers) await racer.hearAbout('ready')
  return { store, racers }
}

function wonBy(racers: readonly Actor[]): Won[] {
  return racers.flatMap((racer, racerIndex) =>
    racer.said.flatMap((line) => {
      const [result, index, id] = line.split(' ')
      const name = RACERS[racerIndex] as string
      return result === 'won' && index && id ? [{ name, index: Number(index), id }] : []
    }),
  )
}

async function expectExactly(store: string, won: readonly Won[]): Promise<void> {
  await using repo = await Repository.open(store)
  const log = await logOf(repo, RACE_BRANCH)
  expect(log.map(({ id }) => id).sort()).toEqual(won.map(({ id }) => id).sort())
  const tip = await repo.at(RACE_BRANCH)
  const files = (await gather(tip.walk())).filter(({ kind }) => kind === 'file').map(({ path }) => path)
  expect(files.sort()).toEqual(won.map(({ name, index }) => racePath(name, index)).sort())
  for (const { name, index } of won) {
    expect((await tip.read(racePath(name, index))).toString()).toBe(raceText(name, index))
  }
  expect(await repo.reflog(RACE_BRANCH)).toHaveLength(won.length)
  expect((await repo.verify()).ok).toBe(true)
}

test('without retries one of two wins each time, and the other gets REF_CONFLICT', async () => {
  const { store, racers } = await startRace('race-in-steps')
  for (let index = 0; index < COMMITS; index++) {
    // Both begin on the same tip; then both commit.
    for (const racer of racers) racer.tell('begin')
    for (const racer of racers) await racer.hearAbout('begun')
    for (const racer of racers) racer.tell('commit')
    const results = await Promise.all(racers.map((racer) => racer.hear()))
    expect(results.map((line) => line?.split(' ')[0]).sort()).toEqual(['lost', 'won'])
    expect(results.find((line) => line?.startsWith('lost'))).toBe(`lost ${index} REF_CONFLICT`)
  }
  for (const racer of racers) await racer.done()
  await expectExactly(store, wonBy(racers))
})

test('with retries all commits of both are in the log, and the tree holds everybody’s files', async () => {
  const { store, racers } = await startRace('race-freely')
  for (const racer of racers) racer.tell('go')
  for (const racer of racers) await racer.done()
  const won = wonBy(racers)
  expect(won).toHaveLength(2 * COMMITS)
  await expectExactly(store, won)
})
