/** A disk that is full to the last byte: deleting and gc still work, from the room that a store keeps for that. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import type { FreeSpaceReport } from './actor/freeSpace.js'
import { buildStage, type Stage } from './support/actor.js'
import { findSmallDisk } from './support/smallDisk.js'

// Until a large commit is checkpointed it is on the disk twice.
const DISK_MIB = 128
const disk = findSmallDisk()

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

// A limit on the size of files is no full disk; and what is kept is kept beside the catalog, wherever the volumes are.
test.runIf(disk.kind === 'mounted' && VOLUMES === 1)(
  'branches are deleted, gc gives space back, commits work again',
  async () => {
    const folder = join(tempFolder(), 'small')
    mkdirSync(folder)
    const actor = stage.enter('free-space', [folder], disk.through(folder, DISK_MIB))
    await actor.done()
    const report = JSON.parse(actor.said.at(-1) ?? '') as FreeSpaceReport
    expect(report).toEqual({
      usual: 'STORAGE_FULL',
      returnedBytes: expect.any(Number),
      problems: 0,
      readsBack: true,
      commit: 'done',
    })
    expect(report.returnedBytes).toBeGreaterThan(23_000_000)
  },
)
