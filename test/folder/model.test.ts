/**
 * Random sequences of what people do in a working folder, in a model and in Git side by side: the same after each step. A
 * sequence that fails is played again by its seed: docs/TESTING.md.
 */
import { describe, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { diskFolder, memoryFolder } from '../support/tempFolder.js'
import { runSequence } from './model/folderRun.js'
import { HAS_GIT } from './model/gitTwin.js'

/** The same each time, so that what fails was caused by a change; other sequences are played for other seeds. */
const SEED = process.env.VARVE_TEST_SEED ?? '1'
/** 5,000 steps in all. What lies on which volume is nothing to a folder: on several, some will do. */
const [SEQUENCES, STEPS] = VOLUMES === 1 ? [25, 200] : [2, 100]
/** Modes and symlinks are half of it. */
const CAN_RUN = process.platform !== 'win32'

describe.skipIf(!CAN_RUN)(`working folders, seed ${SEED}`, () => {
  for (let sequence = 1; sequence <= SEQUENCES; sequence++) {
    test(`sequence ${sequence} of ${STEPS} steps: as the model${HAS_GIT ? ' and Git' : ''} after each`, {
      timeout: 120_000,
    }, async () => {
      await runSequence({ seed: SEED, sequence, steps: STEPS, folder: memoryFolder() })
    })
  }

  test('the same steps each time, on a disk as in memory', { timeout: 120_000 }, async () => {
    const play = (folder: string) => runSequence({ seed: SEED, sequence: 0, steps: STEPS, folder })
    expect(await play(diskFolder())).toEqual(await play(memoryFolder()))
  })
})
