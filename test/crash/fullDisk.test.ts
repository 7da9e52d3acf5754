/** S-7: a full disk is a clear error, nothing is half visible, nothing is lost, and with room the same work succeeds. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import type { ExportReport, FullDiskReport } from './actor/fullDisk.js'
import { buildStage, type Stage } from './support/actor.js'
import { findSmallDisk } from './support/smallDisk.js'

const disk = findSmallDisk()
// A limit on the size of files is told as an error of writing, not of room.
const NO_ROOM = disk.kind === 'mounted' ? ['STORAGE_FULL'] : ['STORAGE_FULL', 'STORAGE_IO']

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

async function fill<Report>(way: string, where: string): Promise<Report> {
  const folder = tempFolder()
  const [small, roomy] = [join(folder, 'small'), join(folder, 'roomy')]
  mkdirSync(small)
  mkdirSync(roomy)
  const args = [disk.kind, way, where, String(VOLUMES), small, roomy]
  const actor = stage.enter('full-disk', args, disk.through(small))
  await actor.done()
  return JSON.parse(actor.said.at(-1) ?? '') as Report
}

const PLACES = VOLUMES === 1 ? ['store'] : ['store', 'volume']

describe.each(PLACES)('the disk of the %s is full', (where) => {
  test.each(['drafts', 'folders'])(
    '%s: STORAGE_FULL, everything before holds, and with room it succeeds',
    async (way) => {
      const report = await fill<FullDiskReport>(way, where)
      expect(report.committedBefore).toBeGreaterThan(3)
      expect(NO_ROOM).toContain(report.failedWith)
      expect(report).toMatchObject({ logHolds: true, readsBack: true, verifyOk: true })
      expect(['done', ...NO_ROOM]).toContain(report.tag)
      if (disk.kind === 'mounted') expect(NO_ROOM).toContain(report.extend)
      expect(report).toMatchObject({
        reopened: 'done',
        again: 'done',
        logHoldsAfter: true,
        readsBackAfter: true,
        verifyOkAfter: true,
      })
    },
  )
})

test('the disk that is exported to is full: no file is half there, and with room it succeeds', async () => {
  const report = await fill<ExportReport>('export', 'store')
  expect(report).toEqual({ failedWith: expect.toBeOneOf(NO_ROOM), halfFiles: [], again: 'done', wrongAfter: [] })
})
