/** kill -9 at steps of an erasure, and in the middle of writing a file anew: the next run does the rest. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ErasureReport } from '../../src/index.js'
import { Repository } from '../../src/repository.js'
import { ErasureState } from '../../src/upkeep/eraseState.js'
import { pseudoRandom } from '../codec/inputs.js'
import { VOLUMES } from '../support/groups.js'
import { commitFiles, createRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { filesWith, secret } from '../upkeep/erasedStores.js'
import { buildStage, type Stage } from './support/actor.js'

let stage: Stage
beforeAll(async () => {
  stage = await buildStage()
})
afterAll(() => stage.remove())

/** A closed store whose file to erase shares extents with others, and has one of its own. */
async function makeStore(noiseBytes: number): Promise<string> {
  const { repo, folder } = await createRepository({ compression: 'none', extentBytes: 65_536, chunkBytes: 1024 })
  await commitFiles(repo, { 'keep.txt': 'kept\n', 'a.txt': secret('one') })
  await commitFiles(repo, { 'a.txt': secret('two').repeat(80), 'noise.bin': pseudoRandom(noiseBytes, 1) })
  await commitFiles(repo, { 'keep.txt': 'kept 3\n' })
  await repo.close()
  return folder
}

/** Whatever was done before: all is right in the end. @returns whether the refs had been moved */
async function finish(folder: string): Promise<boolean> {
  const repo = await Repository.open(join(folder, 'store.varve'))
  try {
    expect((await repo.verify()).problems).toEqual([])
    const wasMoved = (await repo.replacements()).length > 0
    const isUnfinished = new ErasureState(repo.parts.group.catalog).read() !== undefined
    let report: ErasureReport | undefined
    if (!wasMoved) report = (await repo.erase({ paths: ['a.txt'] })).report
    else report = await repo.finishErasure()
    // Killed after the last of it, there is nothing to tell any more.
    expect(report !== undefined).toBe(isUnfinished || !wasMoved)
    expect(filesWith(folder, 'SECRET-')).toEqual([])
    if (report) {
      expect(report.commits).toHaveLength(3)
      expect(report.paths).toEqual([{ path: 'a.txt', versions: 2 }])
      expect(await repo.checkErasure(report)).toMatchObject({ ok: true })
    }
    expect((await repo.verify()).problems).toEqual([])
    expect((await (await repo.at('main')).read('keep.txt')).toString()).toBe('kept 3\n')
    return wasMoved
  } finally {
    await repo.close()
  }
}

/** All of them take minutes. */
const STRIDE = VOLUMES === 1 ? 3 : 5

test('killed at every third or fifth step', { timeout: 240_000 }, async () => {
  const original = await makeStore(100_000)
  const names: string[] = []
  const moved: boolean[] = []
  for (let killAt = 1; ; killAt += STRIDE) {
    const folder = join(tempFolder(), 'copy')
    cpSync(original, folder, { recursive: true })
    const actor = stage.enter('erase', [join(folder, 'store.varve'), String(killAt)])
    const { signal, code, stderr } = await actor.ended
    if (signal === null) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(actor.said.at(-1)).toBe('done 3')
      break
    }
    names.push(actor.said.at(-1) ?? '')
    moved.push(await finish(folder))
  }
  expect(names.length).toBeGreaterThan(7)
  // Both before and after the refs moved, and never back again.
  const first = moved.indexOf(true)
  expect(first).toBeGreaterThan(0)
  expect(moved.slice(first).every(Boolean)).toBe(true)
})

test('killed while a file is written anew', { timeout: 240_000 }, async () => {
  const original = await makeStore(12_000_000)
  for (const delayMs of [5, 25]) {
    const folder = join(tempFolder(), 'copy')
    cpSync(original, folder, { recursive: true })
    const actor = stage.enter('erase', [join(folder, 'store.varve'), '0'])
    for (let line = await actor.hear(); line !== undefined; line = await actor.hear()) {
      if (/rebuild on \d$/.test(line)) break
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    actor.kill()
    await actor.ended
    expect(await finish(folder)).toBe(true)
  }
})
