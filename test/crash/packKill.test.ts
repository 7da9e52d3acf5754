/** kill -9 at steps of a pack: all that was there is there, and the next upkeep leaves no trace of it. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Repository } from '../../src/repository.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { chunkNumbers, everythingIn, extentNumbers, filledStore } from '../upkeep/packedStores.js'
import { buildStage, type Stage } from './support/actor.js'
import { leftoversOf } from './support/stores.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

/** All of them take minutes. */
const STRIDE = VOLUMES === 1 ? 2 : 4

test('S-1: killed at every second or fourth step', { timeout: 240_000 }, async () => {
  const { repo, folder: original } = await filledStore(4)
  const before = { everything: await everythingIn(repo), ...(await extentNumbers(repo)) }
  const ids = new Set((await chunkNumbers(repo)).keys())
  await repo.close()
  const outcomes = { old: 0, both: 0, packed: 0 }
  for (let killAt = 1; ; killAt += STRIDE) {
    const folder = join(tempFolder(), 'copy')
    cpSync(original, folder, { recursive: true })
    const store = join(folder, 'store.varve')
    const actor = stage.enter('pack', [store, String(killAt)])
    const { signal, code, stderr } = await actor.ended
    if (signal === null) {
      expect({ code, stderr, said: actor.said.at(-1) }).toEqual({ code: 0, stderr: '', said: 'done true' })
      break
    }
    const fresh = await Repository.open(store)
    try {
      expect((await fresh.verify()).problems).toEqual([])
      expect(await everythingIn(fresh)).toEqual(before.everything)
      const { eids } = await extentNumbers(fresh)
      const hasOld = before.eids.every((eid) => eids.includes(eid))
      outcomes[!hasOld ? 'packed' : eids.length > before.eids.length ? 'both' : 'old']++
      // Either verb does it.
      const { notes } = killAt % (2 * STRIDE) === 1 ? await fresh.gc() : await fresh.pack()
      expect(notes).toEqual([])
      const after = await extentNumbers(fresh)
      expect(after.strays).toEqual([])
      const isAsBefore = after.eids.length === before.eids.length || !hasOld
      expect(isAsBefore || after.eids.every((eid) => !before.eids.includes(eid))).toBe(true)
      expect(fresh.parts.group.catalog.all("SELECT * FROM upkeep WHERE name = 'moving'")).toEqual([])
      expect(new Set((await chunkNumbers(fresh)).keys())).toEqual(ids)
      expect((await fresh.verify()).problems).toEqual([])
      expect(await everythingIn(fresh)).toEqual(before.everything)
    } finally {
      await fresh.close()
    }
    expect(await leftoversOf(store)).toEqual({ leases: 0, invisibleExtents: 0, strayChunks: 0 })
  }
  // At all stages of it.
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(1)
})
