/** All chunks put together anew: what it does to what is stored, and to all that can be read. */
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { Lease } from '../../src/volume/lease.js'
import { pseudoRandom, pseudoText } from '../codec/inputs.js'
import { createMirrored } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { filesWith } from './erasedStores.js'
import { chunkNumbers, everythingIn, extentNumbers, fill, filledStore, SMALL } from './packedStores.js'
import { threeCommits, twoFiles, WHY } from './replacedStores.js'
import { chunksOf } from './usageStores.js'

/** Packs, and all is as it was, but smaller; told by one that has read nothing yet. */
async function packed(repo: Repository, options: Parameters<Repository['pack']>[0] = {}) {
  const before = await everythingIn(repo)
  const numbers = await chunkNumbers(repo)
  const report = await repo.pack(options)
  expect(report.notes).toEqual([])
  expect((await extentNumbers(repo)).strays).toEqual([])
  expect(repo.parts.group.catalog.all("SELECT * FROM upkeep WHERE name = 'moving'")).toEqual([])
  expect(repo.parts.group.catalog.all('SELECT * FROM lease')).toEqual([])
  const fresh = await openRepository(repo.path)
  expect((await fresh.verify()).problems).toEqual([])
  expect(await everythingIn(fresh)).toEqual(before)
  const after = await chunkNumbers(fresh)
  expect(new Set(after.keys())).toEqual(new Set(numbers.keys()))
  for (const [id, [number]] of after) expect(numbers.get(id)).toContain(number)
  return { report, repo: fresh }
}

const storedBytes = async (repo: Repository): Promise<number> => (await repo.stats()).storedBytes

describe('makes a store smaller and changes nothing else', () => {
  test('that was written commit by commit; once more, next to nothing', async () => {
    const { repo } = await filledStore(12)
    const before = await storedBytes(repo)
    const { report, repo: fresh } = await packed(repo)
    expect(report).toMatchObject({ isPacked: true, storedBytes: before, newStoredBytes: await storedBytes(fresh) })
    expect(report.newStoredBytes).toBeLessThan(0.9 * before)
    const { eids } = await extentNumbers(fresh)
    expect(report.newExtents).toBe(eids.length)
    const again = await packed(fresh)
    expect(again.report.storedBytes).toBe(report.newStoredBytes)
    const left = await storedBytes(again.repo)
    expect(left).toBeLessThanOrEqual(report.newStoredBytes)
    expect(left).toBeGreaterThan(0.97 * report.newStoredBytes)
  })

  test('the newest commit is decoded through nothing', async () => {
    const { repo } = await filledStore()
    const { repo: fresh } = await packed(repo)
    const { store, group } = fresh.parts
    const ids = new Set<Hash>()
    for await (const { path, kind } of (await fresh.at('main')).walk()) {
      if (kind !== 'file') continue
      for (const id of await chunksOf(fresh, 'main', path)) ids.add(id)
    }
    expect(ids.size).toBeGreaterThan(20)
    for (const { eid } of await group.lookup([...ids])) expect(store.bounds.of(eid)?.depth).toBe(0)
  })

  test.each(['lz4', 'none', 'zstd:15'])('of compression %s', async (compression) => {
    const { repo } = await filledStore(6, { ...SMALL, compression })
    await packed(repo)
  })

  test('with harder compression', async () => {
    const { repo } = await filledStore(6)
    expect((await packed(repo, { archive: true })).report.isPacked).toBe(true)
  })

  test('of which memory holds a small part: no extent is decoded twice, and nothing is left beside the store', async () => {
    const { repo: made, path } = await filledStore(12)
    const { eids } = await extentNumbers(made)
    await made.close()
    const repo = await openRepository(path, { cacheBytes: 100_000 })
    const { group } = repo.parts
    const reads = new Map<number, number>()
    const readExtent = group.readExtent.bind(group)
    group.readExtent = (eid, onDamaged) => {
      reads.set(eid, (reads.get(eid) ?? 0) + 1)
      return readExtent(eid, onDamaged)
    }
    await repo.pack()
    const old = eids.map((eid) => reads.get(eid))
    // Once more before pack has anything to read by: history is walked.
    expect(Math.max(...old.map((count) => count ?? 0))).toBeLessThanOrEqual(2)
    expect(old.filter((count) => count === 2).length).toBeLessThan(eids.length / 4)
    expect(readdirSync(dirname(path)).filter((name) => name.includes('scratch'))).toEqual([])
  })

  test('of extents as large as usual, with batches in which several are placed', async () => {
    const { repo } = await createRepository()
    let content = pseudoRandom(14_000_000, 5)
    for (let round = 0; round < 3; round++) {
      content = Buffer.from(content)
      for (let at = 0; at < content.length; at += 20_000) content[at + round] = round
      const path = (at: number): string => `${at}/${'abc'.charAt(at)}`
      await commitFiles(repo, { [path(round)]: content, ...(round > 0 ? { [path(round - 1)]: null } : {}) })
    }
    const { report } = await packed(repo)
    // What the newest has, and a little for each of the others.
    expect(report.bytes).toBeGreaterThan(1.9 * content.length)
    expect(report.newStoredBytes).toBeLessThan(1.1 * content.length)
  }, 60_000)

  test('on volumes that are striped, and on mirrored ones', async () => {
    const { repo, folder } = await filledStore(6)
    for (let number = repo.parts.group.volumes.length; number < 3; number++) {
      await repo.extendVolumeGroup(`${folder}/pv-more${number}.varve`)
    }
    await repo.convertLogicalVolume('default', { type: 'striped' })
    await commitFiles(repo, { large: pseudoText(400_000, 3) })
    expect((await packed(repo)).report.isPacked).toBe(true)
    const mirrored = await createMirrored({ compression: 'zstd' })
    await fill(mirrored.repo, 6)
    const { repo: fresh } = await packed(mirrored.repo)
    const { catalog } = fresh.parts.group
    for (const eid of (await extentNumbers(fresh)).eids) expect(catalog.copies(eid)).toHaveLength(2)
  })

  test('of several branches and tags, and of commits without files', async () => {
    const { repo } = await filledStore(4)
    await repo.createBranch('side', 'main~2')
    await commitFiles(repo, { 'side/only': pseudoText(30_000, 55), 'd0/f2': null }, 'side', 'side')
    await repo.createTag('v1', 'main~1', { message: 'the first' })
    await commitFiles(repo, { alone: pseudoText(3000, 56) }, 'alone', 'other')
    await commitFiles(repo, { alone: null }, 'nothing', 'other')
    await packed(repo)
  })

  test('of which commits were pruned', async () => {
    const { repo } = await filledStore(8)
    await repo.prune({ keepLast: 2 })
    const { repo: fresh } = await packed(repo)
    await fresh.config.set('reflog-keep', '0')
    await fresh.gc({ now: true })
    await packed(fresh)
  })

  test('of which a commit or a file is shown in the place of another', async () => {
    const { repo, second, clean } = await threeCommits()
    await repo.replace(second, clean, WHY)
    const { repo: fresh } = await packed(repo)
    await fresh.undoReplace(second)
    expect((await (await fresh.at(second)).read('file')).toString()).toBe('secret')
    const files = await twoFiles()
    const { id } = await (await files.repo.at('main')).stat('d/a')
    const { id: other } = await (await files.repo.at('other')).stat('d/a')
    await files.repo.replace(id ?? '', other ?? '', WHY)
    await packed(files.repo)
  })

  test('with a batch that is open, whose commits it writes first', async () => {
    const { repo } = await filledStore(4)
    const batch = await repo.batch()
    const id = await commitFiles(repo, { late: pseudoText(20_000, 8) }, 'late')
    await repo.pack()
    await batch.end()
    expect(await repo.resolve('main')).toBe(id)
    expect((await repo.verify()).problems).toEqual([])
  })
})

describe('leaves a store as it is', () => {
  async function unchanged(repo: Repository): Promise<void> {
    const before = await everythingIn(repo)
    const bytes = await storedBytes(repo)
    const { isPacked } = await repo.pack()
    expect(await storedBytes(repo)).toBeLessThanOrEqual(bytes)
    if (!isPacked) expect(await storedBytes(repo)).toBe(bytes)
    expect((await extentNumbers(repo)).strays).toEqual([])
    expect(await everythingIn(repo)).toEqual(before)
    expect((await repo.verify()).problems).toEqual([])
  }

  test('that is empty', async () => {
    const { repo } = await createRepository()
    expect(await repo.pack()).toMatchObject({ isPacked: false, extents: 0, storedBytes: 0, newStoredBytes: 0 })
    await unchanged(repo)
  })

  test('that has one small commit, or one without files', async () => {
    const { repo } = await createRepository()
    await commitFiles(repo, { a: 'a' })
    await unchanged(repo)
    const { repo: other } = await createRepository()
    await (await other.draft('main')).commit({ message: 'none', author: 'Test <test@example.org>', allowEmpty: true })
    await unchanged(other)
  })

  test('that has no branches any more', async () => {
    const { repo } = await createRepository(SMALL)
    await repo.config.set('reflog-keep', '0')
    await commitFiles(repo, { a: pseudoText(20_000, 1), b: pseudoRandom(20_000, 1) }, 'a', 'side')
    await repo.deleteBranch('side')
    await unchanged(repo)
  })

  test('whose contents have nothing in common and do not compress', async () => {
    const { repo } = await createRepository(SMALL)
    const files = Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`f${n}`, pseudoRandom(30_000, n + 1)]))
    await commitFiles(repo, files)
    await unchanged(repo)
  })

  test('that was compressed harder', async () => {
    const { repo } = await filledStore(6)
    const { repo: fresh } = await packed(repo, { archive: true })
    const bytes = await storedBytes(fresh)
    const extents = await extentNumbers(fresh)
    const { isPacked, newExtents, newStoredBytes } = await fresh.pack()
    expect({ isPacked, newExtents }).toEqual({ isPacked: false, newExtents: 0 })
    expect(newStoredBytes).toBeGreaterThanOrEqual(bytes)
    expect(await extentNumbers(fresh)).toEqual(extents)
    await unchanged(fresh)
  })

  test('with a dry run, that may be of one who only reads', async () => {
    const { repo, path } = await filledStore(3)
    const { eids } = await extentNumbers(repo)
    const reader = await openRepository(path, { readOnly: true })
    const report = await reader.pack({ dryRun: true })
    expect(report).toMatchObject({ dryRun: true, isPacked: false, extents: eids.length, newExtents: 0, notes: [] })
    expect(report.storedBytes).toBe(await storedBytes(repo))
    expect(report.chunks + report.objects).toBe((await chunkNumbers(repo)).size)
    await expect(reader.pack()).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    expect((await extentNumbers(repo)).eids).toEqual(eids)
  })
})

describe('what nothing needs', () => {
  test('stays, under its numbers, and waits as long as before', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
    const { repo, path } = await createRepository({ ...SMALL, clock })
    await fill(repo, 6)
    await repo.config.set('reflog-keep', '0')
    await commitFiles(repo, { gone: pseudoRandom(70_000, 999) }, 'gone', 'side')
    await repo.deleteBranch('side')
    const { waiting } = await repo.gc()
    expect(waiting.bytes).toBeGreaterThan(70_000)
    await commitFiles(repo, { unseen: pseudoRandom(50_000, 998) }, 'unseen', 'side')
    await repo.deleteBranch('side')
    const condemned = repo.parts.group.catalog.all('SELECT * FROM condemned ORDER BY hash')
    const { report } = await packed(repo)
    expect(report.isPacked).toBe(true)
    expect(repo.parts.group.catalog.all('SELECT * FROM condemned ORDER BY hash')).toEqual(condemned)
    const next = await openRepository(path, { clock })
    const kept = await next.gc()
    expect(kept).toMatchObject({ dropped: { extents: 0 }, notes: [] })
    expect(kept.condemned.bytes).toBeGreaterThan(50_000)
    const before = await everythingIn(next)
    await next.config.set('gc-waste', '1%')
    let goneBytes = 0
    for (let day = 0; day < 20; day++) {
      nowMs += DAY_MS
      const { dropped, rewritten, notes } = await next.gc()
      expect(notes).toEqual([])
      goneBytes += dropped.bytes + rewritten.bytes
    }
    expect(goneBytes).toBeGreaterThan(120_000)
    expect(await everythingIn(next)).toEqual(before)
    expect((await next.verify()).problems).toEqual([])
  })

  test('a condemned chunk that is stored twice under two numbers is revived, and condemned anew', async () => {
    const { repo, path } = await createRepository(SMALL)
    await repo.config.set('reflog-keep', '0')
    await fill(repo, 4)
    const doubled = pseudoRandom(1_500_000, 44)
    const other = await openRepository(path)
    // So much is looked up before the other has published it.
    const drafts = [await repo.draft('one'), await other.draft('two')]
    for (const draft of drafts) await draft.write('doubled', doubled)
    for (const draft of drafts) await draft.commit({ message: 'doubled', author: 'Test <test@example.org>' })
    const twice = [...(await chunkNumbers(repo))].flatMap(([id, { size }]) => (size > 1 ? id : []))
    expect(twice.length).toBeGreaterThan(3)
    await repo.deleteBranch('one')
    await repo.deleteBranch('two')
    expect((await repo.gc()).waiting.bytes).toBeGreaterThan(1_500_000)
    const waiting = () => {
      const rows = repo.parts.group.catalog.all<{ hash: Buffer }>('SELECT hash FROM condemned')
      const ids = new Set(rows.map(({ hash }) => hash.toString('hex')))
      return twice.filter((id) => ids.has(id)).length
    }
    expect(waiting()).toBe(twice.length)
    const { repo: fresh } = await packed(repo)
    expect(waiting()).toBe(0)
    expect([...(await chunkNumbers(fresh)).values()].every(({ size }) => size === 1)).toBe(true)
    expect(await fresh.gc()).toMatchObject({ dropped: { extents: 0 }, notes: [] })
    const { dropped, rewritten, notes } = await fresh.gc({ now: true })
    expect(notes).toEqual([])
    expect(dropped.bytes + rewritten.bytes).toBeGreaterThan(1_500_000)
    expect((await fresh.verify()).problems).toEqual([])
  })
})

test('what is erased from a packed store is in none of its files, and others are whole', async () => {
  const { repo, folder } = await createRepository(SMALL)
  for (let round = 0; round < 5; round++) {
    const kept = Buffer.concat([pseudoText(12_000, 1), Buffer.from(`${round}`)])
    // Like what is kept: one is compressed against the other.
    const secret = Buffer.concat([kept, Buffer.from(`SECRET-${round} `.repeat(30)), pseudoRandom(3000, round + 1)])
    await commitFiles(repo, { kept, secret }, `${round}`)
  }
  const { repo: alone } = await packed(repo)
  await repo.close()
  const { report } = await alone.erase({ paths: ['secret'] })
  expect(report).toBeDefined()
  expect(await alone.checkErasure(report)).toMatchObject({ ok: true })
  await alone.close()
  expect(filesWith(folder, 'SECRET-')).toEqual([])
  const fresh = await openRepository(repo.path)
  expect((await fresh.verify()).problems).toEqual([])
  expect((await (await fresh.at('main')).read('kept')).length).toBe(12_001)
  await packed(fresh)
})

describe('others at work', () => {
  test('who read and commit meanwhile lose nothing, whenever that is', async () => {
    const { repo, path } = await filledStore(6)
    const other = await openRepository(path)
    const before = await everythingIn(other)
    let commits = 0
    const work: Promise<string>[] = []
    const report = await repo.pack({
      onProgress: () => {
        work.push(
          commitFiles(other, { [`more${commits++}`]: pseudoText(20_000, 400 + commits) }, 'more', `b${commits}`),
        )
      },
    })
    await Promise.all(work)
    expect(commits).toBeGreaterThan(6)
    expect(report.isPacked || report.notes.length > 0).toBe(true)
    const fresh = await openRepository(path)
    expect((await fresh.verify()).problems).toEqual([])
    const after = await everythingIn(fresh)
    for (const [id, commit] of before.commits) expect(after.commits.get(id)).toEqual(commit)
    expect(after.branches).toHaveLength(commits + 1)
    expect((await extentNumbers(fresh)).strays).toEqual([])
  })

  test('one who builds on what was to go: nothing is changed, and said so; run again, it packs that too', async () => {
    const { repo, path } = await filledStore(6)
    const other = await openRepository(path)
    const { eids } = await extentNumbers(repo)
    let act: (() => Promise<unknown>) | undefined = () => commitFiles(other, { 'd1/f5': pseudoText(29_000, 6) }, 'more')
    hookStage(repo, async () => {
      const now = act
      act = undefined
      await now?.()
    })
    const report = await repo.pack()
    expect(report).toMatchObject({ isPacked: false, notes: [expect.stringContaining('nothing was changed')] })
    const left = await extentNumbers(repo)
    expect(left.eids.slice(0, eids.length)).toEqual(eids)
    expect(left.strays).toEqual([])
    expect(repo.parts.group.catalog.all("SELECT * FROM upkeep WHERE name = 'moving'")).toEqual([])
    expect((await repo.verify()).problems).toEqual([])
    expect((await packed(repo)).report.isPacked).toBe(true)
  })

  test('a snapshot that was opened before reads on after', async () => {
    const { repo, path } = await filledStore(6)
    const other = await openRepository(path)
    const snapshot = await other.at('main~3')
    const expected = await (await repo.at('main~3')).read('d1/f5')
    expect((await repo.pack()).isPacked).toBe(true)
    expect((await snapshot.read('d1/f5')).equals(expected)).toBe(true)
  })

  test('a draft that was begun before, and builds on extents that are gone then, is committed', async () => {
    const { repo, path } = await filledStore(6)
    const other = await openRepository(path)
    const draft = await other.draft('main')
    const content = Buffer.concat([await (await other.at('main')).read('d1/f5'), Buffer.from('more')])
    await draft.write('d1/f5', content)
    expect((await repo.pack()).isPacked).toBe(true)
    await draft.commit({ message: 'more', author: 'Test <test@example.org>' })
    const fresh = await openRepository(path)
    expect((await (await fresh.at('main')).read('d1/f5')).equals(content)).toBe(true)
    expect((await fresh.verify()).problems).toEqual([])
  })

  test('upkeep: neither is begun beside the other', async () => {
    const { repo, path } = await filledStore(3)
    const other = await openRepository(path)
    let codes: unknown[] = []
    hookStage(repo, async () => {
      const tries = [other.gc(), other.pack(), other.defragment()]
      codes = (await Promise.allSettled(tries)).map((result) => (result as { reason: { code: string } }).reason.code)
    })
    expect((await repo.pack()).isPacked).toBe(true)
    expect(codes).toEqual(['STORE_LOCKED', 'STORE_LOCKED', 'STORE_LOCKED'])
  })

  test('a pack, which a dry run beside it does not take for damage', async () => {
    const { repo, path } = await filledStore(3)
    const reader = await openRepository(path, { readOnly: true })
    let packing: Promise<unknown> | undefined
    for (const volume of reader.parts.group.volumes) {
      const rows = volume.packedChunkRows.bind(volume)
      volume.packedChunkRows = async (...parameters) => {
        packing ??= repo.pack()
        expect(await packing).toMatchObject({ isPacked: true })
        return rows(...parameters)
      }
    }
    expect(await reader.pack({ dryRun: true })).toMatchObject({ dryRun: true, notes: [] })
    expect(packing).toBeDefined()
  })

  test('a reader with a lease, whose chunks may not go meanwhile', async () => {
    const { repo, path } = await filledStore(3)
    const other = await openRepository(path)
    const lease = Lease.take(other.parts.group.catalog, 'reader', systemClock)
    expect((await repo.pack()).isPacked).toBe(true)
    other.parts.group.catalog.write((tx) => lease.release(tx))
  })
})

/** Something happens each time that new extents are on their way to a volume. */
function hookStage(repo: Repository, act: () => Promise<void>): void {
  let calls = 0
  for (const volume of repo.parts.group.volumes) {
    const stage = volume.stage.bind(volume)
    volume.stage = async (extents, sequence) => {
      calls++
      await act()
      return stage(extents, sequence)
    }
  }
  onTestFinished(() => expect(calls).toBeGreaterThan(0))
}
