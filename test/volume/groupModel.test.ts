/**
 * Random sequences on a volume group (model/groupRun.ts): extended, converted, moved, reduced, collected, packed, killed, a volume lost,
 * bits rotten, and commits all the while. A sequence that fails is played again by its seed: docs/TESTING.md.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type BuiltCommand, buildCommand } from '../support/builtCommand.js'
import { tempFolder } from '../support/tempFolder.js'
import { runGroup } from './model/groupRun.js'

/** The same each time, so that what fails was caused by a change; other sequences are played for other seeds. */
const SEED = process.env.VARVE_TEST_SEED ?? '1'
const SEQUENCES = Number(process.env.VARVE_TEST_SEQUENCES ?? '8')
const STEPS = 60

let command: BuiltCommand
beforeAll(async () => {
  command = await buildCommand()
})
afterAll(() => command.remove())

describe(`volume groups, seed ${SEED}`, () => {
  for (let sequence = 1; sequence <= SEQUENCES; sequence++) {
    test(`sequence ${sequence} of ${STEPS} steps: each commit is what it was`, { timeout: 180_000 }, async () => {
      await runGroup({ seed: SEED, sequence, steps: STEPS, folder: tempFolder(), script: command.script })
    })
  }
})
