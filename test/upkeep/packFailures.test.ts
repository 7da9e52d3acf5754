/** A pack that fails, is stopped or killed leaves all as it was. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import { KIND } from '../../src/format/kinds.js'
import type { Repository } from '../../src/repository.js'
import { pseudoText } from '../codec/inputs.js'
import { VOLUMES } from '../support/groups.js'
import { change, copyOf, createMirrored, dataExtents, flip } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { everythingIn, extentNumbers, fill, filledStore, SMALL } from './packedStores.js'
import { chunksOf, idOf } from './usageStores.js'

type State = Awaited<ReturnType<typeof stateOf>>

async function stateOf(repo: Repository) {
  const { storedBytes } = await repo.stats()
  return { everything: await everythingIn(repo), extents: await extentNumbers(repo), storedBytes }
}

async function expectUnchanged({ path }: Repository, before: State): Promise<Repository> {
  const fresh = await openRepository(path)
  expect((await fresh.verify()).problems).toEqual([])
  expect(await stateOf(fresh)).toEqual(before)
  const { catalog } = fresh.parts.group
  expect(catalog.all("SELECT * FROM upkeep WHERE name = 'moving'")).toEqual([])
  expect(catalog.all('SELECT * FROM lease')).toEqual([])
  return fresh
}

/** Runs `pack` with the n-th call of one kind made to do something else, n = 0, 1 … until none is reached. */
async function atEach(
  stage: { readonly original: string; readonly before: State },
  hook: (repo: Repository, at: number) => { readonly wasReached: () => boolean; readonly code: string },
): Promise<number> {
  for (let at = 0; ; at++) {
    const folder = join(tempFolder(), 'copy')
    cpSync(stage.original, folder, { recursive: true })
    const repo = await openRepository(join(folder, 'store.varve'))
    const { wasReached, code } = hook(repo, at)
    const result = await repo.pack().catch((error: { code?: string }) => error)
    if (!wasReached()) {
      expect(result).toMatchObject({ isPacked: true })
      await repo.close()
      return at
    }
    expect(result).toMatchObject({ code })
    const fresh = await expectUnchanged(repo, stage.before)
    expect(await fresh.pack()).toMatchObject({ isPacked: true })
    expect((await fresh.verify()).problems).toEqual([])
    expect(await everythingIn(fresh)).toEqual(stage.before.everything)
    await fresh.close()
    await repo.close()
  }
}

async function originalOf() {
  const { repo, folder } = await filledStore(4)
  const before = await stateOf(repo)
  await repo.close()
  return { original: folder, before }
}

describe('all is as it was after', () => {
  test('being cancelled, whenever that is', async () => {
    const { repo } = await filledStore(4)
    const before = await stateOf(repo)
    let reports = 0
    await expect(repo.pack({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
    for (let at = 1; ; at++) {
      const controller = new AbortController()
      let seen = 0
      const work = repo.pack({ signal: controller.signal, onProgress: () => ++seen === at && controller.abort() })
      const result = await work.catch((error: unknown) => error)
      if (seen < at) {
        expect(result).toMatchObject({ isPacked: true })
        break
      }
      // After the last report nobody asks any more.
      if (!(result instanceof Error)) break
      expect(result).toMatchObject({ code: 'CANCELLED' })
      await expectUnchanged(repo, before)
      for (const volume of repo.parts.group.volumes) expect(await volume.spareBytes()).toBe(0)
      reports++
    }
    expect(reports).toBeGreaterThan(5)
    expect((await repo.verify()).problems).toEqual([])
  })

  test.each(['STORAGE_FULL', 'STORAGE_IO'] as const)('%s, wherever it strikes', async (code) => {
    const failing = (repo: Repository, at: number) => {
      let calls = 0
      for (const volume of repo.parts.group.volumes) {
        const stage = volume.stage.bind(volume)
        volume.stage = async (extents, sequence) => {
          if (calls++ === at) throw new VarveError(code, 'made to fail')
          return stage(extents, sequence)
        }
      }
      return { wasReached: () => calls > at, code }
    }
    const stage = await originalOf()
    expect(await atEach(stage, failing)).toBeGreaterThanOrEqual(3)
  })

  test('a transaction that fails, be it the last', async () => {
    const stage = await originalOf()
    const reached = await atEach(stage, (repo, at) => {
      const { catalog } = repo.parts.group
      const write = catalog.write.bind(catalog)
      let publishes = 0
      let isReached = false
      catalog.write = (body, durability) =>
        write((tx) => {
          const extents = (): number => catalog.get<{ n: number }>('SELECT count(*) AS n FROM extent')?.n ?? 0
          const before = extents()
          const result = body(tx)
          // Whatever makes extents visible, or takes them away.
          if (!isReached && extents() !== before && publishes++ === at) {
            isReached = true
            throw new VarveError('STORAGE_FULL', 'made to fail')
          }
          return result
        }, durability)
      return { wasReached: () => isReached, code: 'STORAGE_FULL' }
    })
    expect(reached).toBe(4)
  })

  test('a volume group that has no room for both', async () => {
    const { repo } = await createRepository({ ...SMALL, compression: 'none' })
    await fill(repo, 8)
    const { physicalVolumes } = await repo.volumeGroup()
    for (const { uuid, storedBytes } of physicalVolumes) {
      await repo.changePhysicalVolume(uuid, { capacityBytes: Math.max(65_536, Math.ceil(storedBytes * 1.05)) })
    }
    const before = await stateOf(repo)
    await expect(repo.pack()).rejects.toMatchObject({ code: 'VG_FULL' })
    await expectUnchanged(repo, before)
  })
})

describe('damage', () => {
  test('of an extent: an error that names it, and nothing is changed', async () => {
    const { repo } = await filledStore(4, { ...SMALL, compression: 'none' })
    const [, eid = 0] = dataExtents(repo)
    const { eids } = await extentNumbers(repo)
    change(copyOf(repo, eid).file, flip(eid))
    const fresh = await openRepository(repo.path)
    await expect(fresh.pack()).rejects.toMatchObject({ code: 'CORRUPT_EXTENT', details: { extent: eid } })
    expect(await extentNumbers(fresh)).toEqual({ eids, strays: [] })
    expect(fresh.parts.group.catalog.all('SELECT * FROM lease')).toEqual([])
  })

  test('of one of two copies: the other is packed', async () => {
    const { repo } = await createMirrored({ compression: 'zstd' })
    await fill(repo, 4)
    const before = await everythingIn(repo)
    const [eid = 0] = dataExtents(repo)
    change(copyOf(repo, eid).file, flip(eid))
    const fresh = await openRepository(repo.path)
    expect(await fresh.pack()).toMatchObject({ isPacked: true })
    expect((await fresh.verify()).problems).toEqual([])
    expect(await everythingIn(fresh)).toEqual(before)
  })

  test('of a chunk, under a checksum that is right', async () => {
    const { repo } = await filledStore(3, { ...SMALL, compression: 'none' })
    const [id] = (await chunksOf(repo, 'main', 'd1/f3')) as [Hash]
    const [place] = await repo.parts.group.lookup([id])
    const { eids } = await extentNumbers(repo)
    // The table says of the chunk what is true of its neighbour.
    const other = (await chunksOf(repo, 'main', 'd1/f3')).at(1) as Hash
    const [beside] = await repo.parts.group.lookup([other])
    expect(beside?.eid).toBe(place?.eid)
    const { file } = copyOf(repo, place?.eid ?? 0)
    const swap = (hash: string, to: number): string => `UPDATE chunk SET slot = ${to} WHERE hash = x'${hash}'`
    change(file, `${swap(id, 9999)}; ${swap(other, place?.slot ?? 0)}; ${swap(id, beside?.slot ?? 0)}`, 3)
    const fresh = await openRepository(repo.path)
    await expect(fresh.pack()).rejects.toMatchObject({
      code: 'CORRUPT_CHUNK',
      message: expect.stringContaining('nothing was changed'),
    })
    expect(await extentNumbers(fresh)).toEqual({ eids, strays: [] })
  })

  test('of the chunk table: an extent of which it does not name all', async () => {
    const { repo } = await filledStore(3)
    const [id] = (await chunksOf(repo, 'main', 'd1/f3')) as [Hash]
    const [place] = await repo.parts.group.lookup([id])
    const eid = place?.eid ?? 0
    change(copyOf(repo, eid).file, `DELETE FROM chunk WHERE hash = x'${id}'`)
    const { eids } = await extentNumbers(repo)
    for (const dryRun of [true, false]) {
      await expect(repo.pack({ dryRun })).rejects.toMatchObject({ code: 'CORRUPT_EXTENT', details: { extent: eid } })
    }
    expect(await extentNumbers(repo)).toEqual({ eids, strays: [] })
  })

  test('of history: a tree that is gone', async () => {
    const { repo } = await createRepository(SMALL)
    await commitFiles(repo, { 'd/a': pseudoText(20_000, 1) })
    await fill(repo, 2)
    const tree = await idOf(repo, 'main~2', 'd')
    const { store, group } = repo.parts
    expect(await store.kindOf(tree)).toBe(KIND.tree)
    const [place] = await group.lookup([tree])
    change(copyOf(repo, place?.eid ?? 0).file, `UPDATE chunk SET hash = randomblob(32) WHERE hash = x'${tree}'`)
    const { eids } = await extentNumbers(repo)
    const fresh = await openRepository(repo.path)
    await expect(fresh.pack()).rejects.toMatchObject({ code: expect.stringMatching(/MISSING|CORRUPT/) })
    expect(await extentNumbers(fresh)).toEqual({ eids, strays: [] })
  })
})

// A copy of a folder while it is written to: of one file alone it is what a killed process leaves.
describe.each(VOLUMES === 1 ? ['killed between batches'] : [])('%s', () => {
  /** What a process leaves that was killed after it had published so many batches. */
  async function killedAfter(batches: number) {
    const { repo, folder } = await filledStore(4)
    const before = await stateOf(repo)
    const copy = join(tempFolder(), 'copy')
    let publishes = 0
    for (const volume of repo.parts.group.volumes) {
      const stage = volume.stage.bind(volume)
      volume.stage = async (extents, sequence) => {
        if (publishes++ === batches * VOLUMES) cpSync(folder, copy, { recursive: true })
        return stage(extents, sequence)
      }
    }
    await repo.pack()
    return { path: join(copy, 'store.varve'), before }
  }

  test.each(['gc', 'pack', 'verify'] as const)('%s finds all that was there', async (verb) => {
    for (const batches of [1, 2]) {
      const { path, before } = await killedAfter(batches)
      const left = await openRepository(path)
      expect((await extentNumbers(left)).eids.length).toBeGreaterThan(before.extents.eids.length)
      expect(left.parts.group.catalog.all("SELECT * FROM upkeep WHERE name = 'moving'")).toHaveLength(1)
      expect((await left.verify()).problems).toEqual([])
      expect(await everythingIn(left)).toEqual(before.everything)
      left.parts.group.catalog.write((tx) => tx.run('DELETE FROM lease'))
      if (verb === 'verify') continue
      if (verb === 'gc') {
        expect((await left.gc()).notes).toEqual([])
        await expectUnchanged(left, before)
      } else {
        // What was left is no part of what is to become smaller.
        expect(await left.pack()).toMatchObject({ storedBytes: before.storedBytes, isPacked: true, notes: [] })
      }
      expect((await left.verify()).problems).toEqual([])
      expect(left.parts.group.catalog.all("SELECT * FROM upkeep WHERE name = 'moving'")).toEqual([])
      expect(await everythingIn(left)).toEqual(before.everything)
    }
  })
})
