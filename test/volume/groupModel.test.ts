/**
 * Random sequences on a volume group (model/groupRun.ts): extended, converted, moved, reduced, collected, packed, killed, a volume lost,
 * bits rotten, and commits all the while. A sequence that fails is played again by its seed: docs/TESTING.md.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuiltCommand, buildCommand } from '../support/builtCommand.js'
import { memoryFolder } from '../support/tempFolder.js'
import { runGroup, STEP_KINDS, type StepTally } from './model/groupRun.js'

/** The same each time, so that what fails was caused by a change; other sequences are played for other seeds. */
const SEED = process.env.VARVE_TEST_SEED ?? '1'
const STEPS = 50
const SEQUENCES = Number(process.env.VARVE_TEST_SEQUENCES ?? (process.env.CI ? '200' : '20'))
/** The number of one, to play it alone. */
const ALONE = process.env.VARVE_TEST_SEQUENCE
const SEQUENCES_PER_TEST = 10

describe(`volume groups, seed ${SEED}`, () => {
  let command: BuiltCommand
  const tally: StepTally = new Map()
  beforeAll(async () => {
    command = await buildCommand()
  })
  afterAll(() => command.remove())

  const play = async (sequence: number): Promise<void> => {
    const folder = memoryFolder()
    const done = await runGroup({ seed: SEED, sequence, steps: STEPS, folder, script: command.script })
    for (const [kind, count] of done) tally.set(kind, (tally.get(kind) ?? 0) + count)
  }

  if (ALONE !== undefined) {
    test(`sequence ${ALONE}`, { timeout: 180_000 }, () => play(Number(ALONE)))
    return
  }
  for (let first = 1; first <= SEQUENCES; first += SEQUENCES_PER_TEST) {
    const last = Math.min(first + SEQUENCES_PER_TEST - 1, SEQUENCES)
    test(`sequences ${first} to ${last} of ${STEPS} steps: each commit is what it was`, {
      timeout: 600_000,
    }, async () => {
      for (let sequence = first; sequence <= last; sequence++) await play(sequence)
    })
  }

  test('each kind of step was taken', () => {
    const counts = STEP_KINDS.map((kind) => `${tally.get(kind) ?? 0} ${kind}`)
    console.log(`volume groups, seed ${SEED}, ${SEQUENCES * STEPS} steps: ${counts.join(', ')}`)
    // Few sequences need not meet all.
    if (SEQUENCES >= 20) expect(STEP_KINDS.filter((kind) => !tally.has(kind))).toEqual([])
    expect([...tally.values()].reduce((sum, count) => sum + count, 0)).toBe(SEQUENCES * STEPS)
  })
})
