/** Sets of chunk numbers of commits: checked against a plain walk. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import type { Bitmap } from '../../src/codec/bitmap.js'
import { reachable } from '../../src/history/reach.js'
import type { Repository } from '../../src/repository.js'
import { CommitBitmaps } from '../../src/upkeep/commitBitmaps.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { Chance } from '../crash/support/chance.js'
import { groupOptions } from '../support/groups.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'

const NONE = { has: () => false }

async function numbers(store: ChunkStore, id: Hash): Promise<number[]> {
  const lowest = new Map<Hash, number>()
  for await (const reached of reachable(store, [id])) {
    for (const { chunkId } of await store.group.lookup([reached.id])) {
      lowest.set(reached.id, Math.min(chunkId, lowest.get(reached.id) ?? chunkId))
    }
  }
  return [...lowest.values()].sort((a, b) => a - b)
}

function idsOf(bitmap: Bitmap): number[] {
  return [...bitmap.batches()].flatMap((batch) => [...batch])
}

/** Commits with shared, moved, changed and removed files and folders; the oldest first. */
async function history(repo: Repository, commits: number): Promise<Hash[]> {
  const chance = new Chance('bitmaps', commits)
  const ids: Hash[] = []
  for (let number = 0; number < commits; number++) {
    const files: Record<string, Buffer | null> = {}
    for (let file = 0; file < 4; file++) {
      const path = `d${chance.below(3)}/e${chance.below(2)}/f${chance.below(5)}`
      files[path] = pseudoRandom(chance.between(1, 60_000), chance.below(12))
    }
    files[`long ${chance.below(2)}`] = pseudoRandom(300_000, chance.below(4))
    ids.push((await commitFiles(repo, files, `commit ${number}`)) as Hash)
  }
  return ids
}

async function peek(path: string) {
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  return { group, store: await ChunkStore.open(group, systemClock) }
}

const kept = (group: VolumeGroup) =>
  group.catalog.all<{ commit_id: Buffer; base: Buffer | null }>('SELECT commit_id, base FROM bitmap')

describe('the set of a commit', () => {
  test('is what a plain walk finds, made or kept, in any order', async () => {
    const { repo, path } = await createRepository()
    const ids = await history(repo, 24)
    const { store, group } = await peek(path)
    for (const order of [ids, [...ids].reverse(), ids]) {
      for await (const { id, bitmap } of new CommitBitmaps(store, NONE).of(order)) {
        expect(idsOf(bitmap)).toEqual(await numbers(store, id))
      }
    }
    // Each once, most of them as differences, with a whole one in between.
    const rows = kept(group)
    expect(rows).toHaveLength(24)
    const whole = rows.filter(({ base }) => base === null).length
    expect(whole).toBeGreaterThan(1)
    expect(whole).toBeLessThan(8)
  })

  test('is the same after extents were rewritten, and those of commits that are gone are dropped', async () => {
    const { repo, path } = await createRepository()
    const ids = await history(repo, 8)
    const { store, group } = await peek(path)
    const before = new Map<Hash, number[]>()
    for await (const { id, bitmap } of new CommitBitmaps(store, NONE).of(ids)) before.set(id, idsOf(bitmap))
    await repo.prune({ keepLast: 3 })
    await repo.config.set('gc-waste', '1%')
    expect((await repo.gc({ now: true })).rewritten.extents).toBeGreaterThan(0)
    const last = ids.slice(-3)
    for (const { commit_id } of kept(group)) expect(last).toContain(commit_id.toString('hex'))
    const again = await peek(path)
    for await (const { id, bitmap } of new CommitBitmaps(again.store, repo.parts.pruned).of(ids)) {
      if (!last.includes(id)) expect(bitmap.size).toBe(1)
      else {
        expect(idsOf(bitmap)).toEqual(before.get(id))
        expect(idsOf(bitmap)).toEqual(await numbers(again.store, id))
      }
    }
  })

  test('that is damaged, lost, or hangs on one that is, is made anew', async () => {
    const { repo, path } = await createRepository()
    const ids = await history(repo, 6)
    const { store, group } = await peek(path)
    await collect(new CommitBitmaps(store, NONE).of(ids))
    const expectSound = async () => {
      for await (const { id, bitmap } of new CommitBitmaps(store, NONE).of([...ids].reverse())) {
        expect(idsOf(bitmap)).toEqual(await numbers(store, id))
      }
    }
    const first = Buffer.from(ids[0] as string, 'hex')
    group.catalog.write((tx) => tx.run('UPDATE bitmap SET row_check = row_check + 1 WHERE commit_id = ?', first))
    await expectSound()
    group.catalog.write((tx) => tx.run("UPDATE bitmap SET bytes = x'00' WHERE commit_id = ?", first))
    await expectSound()
    group.catalog.write((tx) => tx.run('DELETE FROM bitmap WHERE commit_id = ?', first))
    await expectSound()
  })
})

describe('space', () => {
  test('says what each branch and tag needs, and what nothing else does', async () => {
    const { repo, path } = await createRepository()
    const shared = pseudoRandom(200_000, 1)
    await commitFiles(repo, { shared }, 'base')
    await repo.createBranch('side', 'main')
    await repo.createTag('v1', 'main')
    await commitFiles(repo, { own: pseudoRandom(100_000, 2) }, 'own')
    await commitFiles(repo, { other: pseudoRandom(300_000, 3) }, 'other', 'side')
    const { worktrees, group } = repo.parts
    const head = (await repo.commit('side')).id
    // A folder on a branch takes nothing from it.
    worktrees.add(group.catalog, { id: 'a', path: '/on-side', branch: 'heads/side', head })
    const report = await repo.space()
    const of = (name: string) => report.owners.find((owner) => owner.name === name)
    expect(report.owners.map(({ name }) => name)).toEqual(['branch main', 'branch side', 'tag v1'])
    expect(Math.abs((of('branch main')?.unique.rawBytes ?? 0) - 100_000)).toBeLessThan(2000)
    expect(Math.abs((of('branch side')?.unique.rawBytes ?? 0) - 300_000)).toBeLessThan(2000)
    expect(of('tag v1')?.unique.rawBytes).toBe(0)
    expect(Math.abs((of('branch side')?.all.rawBytes ?? 0) - 500_000)).toBeLessThan(4000)
    // What comes back is what was said to be unique.
    worktrees.remove(group.catalog, 'a')
    await repo.deleteBranch('side')
    const { condemned } = await repo.gc({ dryRun: true, now: true })
    expect(condemned.bytes).toBe(of('branch side')?.unique.rawBytes)
    const readOnly = await openRepository(path, { readOnly: true })
    expect((await readOnly.space()).owners).toHaveLength(2)
  })

  test('says what each commit of a branch needs alone, pruned ones next to nothing', async () => {
    const { repo } = await createRepository()
    for (let number = 0; number < 4; number++)
      await commitFiles(repo, { f: pseudoRandom(100_000, number) }, `${number}`)
    await repo.prune({ keepLast: 2 })
    const { owners, total } = await repo.space({ by: 'commit' })
    expect(owners).toHaveLength(4)
    const unique = owners.map(({ unique: { rawBytes } }) => rawBytes)
    for (const bytes of unique.slice(0, 2)) expect(Math.abs(bytes - 100_000)).toBeLessThan(1000)
    for (const bytes of unique.slice(2)) expect(bytes).toBeLessThan(1000)
    expect(Math.abs(total.rawBytes - 200_000)).toBeLessThan(4000)
    await expect(repo.space({ by: 'commit', branch: 'nope' })).rejects.toMatchObject({ code: 'REF_NOT_FOUND' })
  })
})
