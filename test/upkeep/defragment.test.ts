/** Contents in the order of files again: what it does to what is stored, to others at work, and to what is damaged. */
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Repository } from '../../src/repository.js'
import { takeUpkeep } from '../../src/volume/lease.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { groupOptions } from '../support/groups.js'
import { flip } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

const FILES = 10
const ROUNDS = 6

/** Each commit adds a piece to every file, so that a file's chunks lie in all extents. */
async function scattered() {
  const { repo, path } = await createRepository({ compression: 'none' })
  const contents = Array.from({ length: FILES }, () => Buffer.alloc(0))
  for (let round = 0; round < ROUNDS; round++) {
    const files: Record<string, Buffer> = {}
    for (let file = 0; file < FILES; file++) {
      const grown = Buffer.concat([contents[file] ?? Buffer.alloc(0), pseudoRandom(120_000, 100 * round + file)])
      contents[file] = grown
      files[`dir${file % 3}/f${file}`] = grown
    }
    await commitFiles(repo, files, `${round}`)
  }
  return { repo, path, contents }
}

async function expectFiles(repo: Repository, contents: readonly Buffer[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const snapshot = await repo.at(`main~${ROUNDS - 1 - round}`)
    for (const [file, content] of contents.entries()) {
      const read = await snapshot.read(`dir${file % 3}/f${file}`)
      expect(Buffer.from(read).equals(content.subarray(0, (round + 1) * 120_000))).toBe(true)
    }
  }
}

async function peek(path: string): Promise<VolumeGroup> {
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  return group
}

test('reads in far fewer pieces afterwards, loses nothing, and takes no more room', async () => {
  const { repo, contents } = await scattered()
  const before = await repo.stats()
  const plan = await repo.defragment({ revision: 'main', dryRun: true })
  expect((await repo.stats()).storedBytes).toBe(before.storedBytes)
  const report = await repo.defragment({ revision: 'main' })
  expect(report).toMatchObject({ chunks: plan.chunks, bytes: plan.bytes, piecesBefore: plan.piecesBefore, notes: [] })
  expect(report.rewritten.extents).toBe(plan.rewritten.extents)
  expect(report.piecesBefore).toBeGreaterThan(FILES * ROUNDS * 0.9)
  expect(report.piecesAfter).toBeLessThan(report.piecesBefore / 4)
  await expectFiles(repo, contents)
  expect((await repo.verify()).problems).toEqual([])
  const after = await repo.stats()
  expect(after).toMatchObject({ chunks: before.chunks, uniqueBytes: before.uniqueBytes, objects: before.objects })
  expect(after.storedBytes).toBe(before.storedBytes)
  expect(await repo.defragment({ revision: 'main' })).toMatchObject({ rewritten: { extents: 0 } })
})

test('what gc knows of histories and what waits is as it was', async () => {
  const { repo, path } = await scattered()
  await commitFiles(repo, { gone: pseudoRandom(300_000, 999) }, 'gone', 'side')
  await repo.deleteBranch('side')
  await repo.config.set('reflog-keep', '0')
  const { waiting, live } = await repo.gc()
  expect(waiting.bytes).toBeGreaterThan(300_000)
  await repo.defragment({ revision: 'main' })
  expect(await repo.gc()).toMatchObject({ waiting, live, condemned: { chunks: 0 }, notes: [] })
  const group = await peek(path)
  expect(group.catalog.all('SELECT * FROM condemned')).toHaveLength(waiting.chunks)
  await repo.gc({ now: true })
  expect((await repo.verify()).problems).toEqual([])
})

test('others commit meanwhile, and one who reads goes on', async () => {
  const { repo, path, contents } = await scattered()
  const other = await openRepository(path)
  const snapshot = await other.at('main')
  let commits = 0
  await repo.defragment({
    revision: 'main',
    onProgress: () => {
      commits++
    },
  })
  const work = repo.defragment({ revision: 'main~1' })
  await commitFiles(other, { more: pseudoRandom(50_000, 77) }, 'more', 'side')
  await work
  expect(commits).toBeGreaterThan(0)
  for (const [file, content] of contents.entries()) {
    expect(Buffer.from(await snapshot.read(`dir${file % 3}/f${file}`)).equals(content)).toBe(true)
  }
  expect((await repo.verify()).problems).toEqual([])
})

describe('is refused, or leaves alone', () => {
  test('a store in which gc is at work', async () => {
    const { repo, path } = await scattered()
    const group = await peek(path)
    const lease = takeUpkeep(group.catalog, systemClock)
    await expect(repo.defragment({ revision: 'main' })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    group.catalog.write((tx) => lease.release(tx))
    expect((await repo.defragment({ revision: 'main' })).rewritten.extents).toBeGreaterThan(0)
  })

  test('an extent that is damaged: the rest of its window too, and it says so', async () => {
    const { repo, path } = await scattered()
    const { volumes, catalog } = await peek(path)
    const extents: { eid: number; pv: number }[] = catalog.all(
      'SELECT eid, pv FROM extent JOIN copy USING (eid) WHERE class = ? ORDER BY eid',
      EXTENT_CLASS.data,
    )
    const [first] = extents
    const file = new Database(volumes.find(({ number }) => number === first?.pv)?.location ?? '')
    file.exec(flip(first?.eid as number))
    file.close()
    const { notes } = await (await openRepository(path)).defragment({ revision: 'main' })
    expect(notes).toEqual([expect.stringMatching(/extents? .*left as .*: /)])
    expect((await repo.verify()).problems.length).toBeGreaterThan(0)
  })

  test('a store opened for reading, an unknown revision, a signal that is aborted', async () => {
    const { repo, path } = await scattered()
    const reader = await openRepository(path, { readOnly: true })
    await expect(reader.defragment({ revision: 'main' })).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    expect((await reader.defragment({ revision: 'main', dryRun: true })).rewritten.extents).toBeGreaterThan(0)
    await expect(repo.defragment({ revision: 'nope' })).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    const signal = AbortSignal.abort()
    await expect(repo.defragment({ revision: 'main', signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
