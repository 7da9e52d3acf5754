/** What others are compressed against, while a store is tidied, thinned out, and cleared of something. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { BASE_DEPTH_MAX } from '../../src/base/limits.js'
import { MIB } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { KIND } from '../../src/format/kinds.js'
import type { ErasureReport, Hash } from '../../src/index.js'
import type { Repository } from '../../src/repository.js'
import { rewriteExtents } from '../../src/upkeep/rewrite.js'
import { Lease } from '../../src/volume/lease.js'
import { basedExtents, versionOf } from '../support/basedStores.js'
import { extentsOf, publishOnly } from '../support/groups.js'
import { change } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { filesWith, secret } from './erasedStores.js'
import { Database } from './usageStores.js'

/** One chunk. */
const LENGTH = 4000
/** So many of them fill an extent that has bases. */
const MANY = 60
const COMPRESSION = { codec: 'zstd', level: 1 } as const

async function newStore() {
  const made = await createRepository({ compression: 'zstd' })
  await made.repo.config.set('reflog-keep', '0')
  await made.repo.config.set('gc-waste', '1%')
  return made
}

const dataRecords = (repo: Repository) => extentsOf(repo.parts.group).filter(({ record }) => record.class === 0)
const eidsOf = (repo: Repository): number[] => dataRecords(repo).map(({ record }) => record.eid)

type Files = Readonly<Record<string, Buffer>>

async function expectReads(repo: Repository, files: Files, rev = 'main'): Promise<void> {
  const snapshot = await repo.at(rev)
  for (const [name, bytes] of Object.entries(files)) expect((await snapshot.read(name)).equals(bytes), name).toBe(true)
}

async function expectSound(path: string, files: Files): Promise<void> {
  const repo = await openRepository(path)
  await expectReads(repo, files)
  expect((await repo.verify()).problems).toEqual([])
  await repo.close()
}

describe('gc', () => {
  test('keeps an extent of which all is dead as long as others decode through it', async () => {
    const { repo, path } = await newStore()
    await commitFiles(repo, { f: versionOf(1, 0, LENGTH) }, 'first', 'side')
    const [base] = eidsOf(repo)
    await repo.createBranch('main', 'side')
    await commitFiles(repo, { f: versionOf(1, 1, LENGTH) }, 'second')
    const side = await repo.resolve('side')
    await repo.deleteBranch('side')
    await repo.prune({ keepLast: 1 })
    await repo.config.set('gc-waste', '50%')
    expect((await repo.gc({ now: true })).rewritten.extents).toBe(0)
    // Dead through and through, but without it what hangs on it would take as much.
    expect(eidsOf(repo)).toContain(base)
    await expect((async () => (await repo.at(side)).read('f'))()).rejects.toMatchObject({ code: 'PRUNED' })
    expect(basedExtents(repo).filter((record) => record.class === 0)).toHaveLength(1)
    await expectSound(path, { f: versionOf(1, 1, LENGTH) })
    // It goes with the last that needs it.
    await commitFiles(repo, { f: null, g: 'another' }, 'third')
    await repo.prune({ keepLast: 1 })
    await repo.gc({ now: true })
    expect(eidsOf(repo)).not.toContain(base)
    expect(basedExtents(repo).filter((record) => record.class === 0)).toEqual([])
    await expectSound(path, { g: Buffer.from('another') })
  })

  test('rewrites what is partly dead with all that hangs on it', async () => {
    const { repo, path } = await newStore()
    const names = Array.from({ length: 20 }, (_, index) => `f${index}`)
    const files = (version: number) =>
      Object.fromEntries(names.map((name, index) => [name, versionOf(10 + index, version, LENGTH)]))
    await commitFiles(repo, files(0), 'first')
    await commitFiles(repo, files(1), 'second')
    await commitFiles(repo, files(2), 'third')
    // Half of it goes, in all versions.
    const gone = Object.fromEntries(names.flatMap((name, index) => (index % 2 === 0 ? [[name, null]] : [])))
    await commitFiles(repo, gone, 'fourth')
    await repo.prune({ keepLast: 1 })
    const before = eidsOf(repo)
    const bytesBefore = dataRecords(repo).reduce((sum, { record }) => sum + record.rawBytes, 0)
    expect((await repo.gc({ now: true })).rewritten.extents).toBeGreaterThan(1)
    expect(eidsOf(repo).filter((eid) => before.includes(eid))).toEqual([])
    expect(dataRecords(repo).reduce((sum, { record }) => sum + record.rawBytes, 0)).toBeLessThan(bytesBefore)
    const kept = Object.fromEntries(Object.entries(files(2)).filter(([name]) => !(name in gone)))
    await expectSound(path, kept)
  })

  test('gives back what the older half of a history took, as a dry run says, and leaves frames that need not change', async () => {
    const { repo, path } = await newStore()
    await repo.config.set('gc-waste', '20%')
    const names = Array.from({ length: MANY }, (_, index) => `f${index}`)
    // Each version changes all files a little, and a quarter of them altogether.
    const files = (version: number) =>
      Object.fromEntries(
        names.map((name, index) => {
          const anew = Math.floor((version + (index % 4)) / 4)
          return [name, versionOf(MANY * anew + index, version, LENGTH)]
        }),
      )
    for (let version = 0; version < 10; version++) await commitFiles(repo, files(version), `${version}`)
    await repo.prune({ keepLast: 5 })
    const before = dataRecords(repo)
    const storedBytes = (records: typeof before) => records.reduce((sum, { record }) => sum + record.storedBytes, 0)
    const foreseen = await repo.gc({ now: true, dryRun: true })
    const { rewritten, dropped, wasteBytes } = await repo.gc({ now: true })
    const { newStoredBytes, ...told } = foreseen.rewritten
    expect(rewritten).toMatchObject(told)
    expect({ dropped, wasteBytes }).toEqual({ dropped: foreseen.dropped, wasteBytes: foreseen.wasteBytes })
    // An estimate.
    expect(rewritten.newStoredBytes / newStoredBytes).toBeGreaterThan(0.8)
    expect(rewritten.newStoredBytes / newStoredBytes).toBeLessThan(1.2)
    const after = dataRecords(repo)
    expect(storedBytes(after)).toBeLessThan(0.8 * storedBytes(before))
    const frames = new Map(before.map(({ record }) => [record.checksum.toString('hex'), record.eid]))
    const moved = after.filter(({ record }) => {
      const eid = frames.get(record.checksum.toString('hex'))
      return record.bases.length > 0 && eid !== undefined && eid !== record.eid
    })
    expect(moved.length).toBeGreaterThanOrEqual(2)
    // At once, all of it.
    expect((await repo.gc({ now: true })).rewritten.extents).toBe(0)
    for (const back of [0, 1, 2, 3, 4]) await expectReads(repo, files(9 - back), `main~${back}`)
    await repo.close()
    await expectSound(path, files(9))
  })

  test('what was compressed against what goes is compressed against what that stood on', async () => {
    const { repo } = await newStore()
    const files = (version: number) =>
      Object.fromEntries(
        Array.from({ length: MANY }, (_, index) => [`f${index}`, versionOf(index, version, LENGTH)] as const),
      )
    for (const version of [0, 1, 2]) await commitFiles(repo, files(version))
    const { store, group } = repo.parts
    const [first, second, third] = eidsOf(repo)
    const lease = Lease.take(group.catalog, 'writer', systemClock)
    const keeps = ({ eid }: { eid: number }) => eid !== second
    const all = { lease, compression: COMPRESSION, keeps, allows: () => true }
    expect(await rewriteExtents(store, [first, second, third] as number[], all)).toMatchObject({ newExtents: 2 })
    group.catalog.write((tx) => lease.release(tx))
    const [oldest, newest] = dataRecords(repo).map(({ record }) => record)
    expect(newest?.bases.map(({ eid }) => eid)).toEqual([oldest?.eid])
    expect(newest?.storedBytes).toBeLessThan((newest?.rawBytes ?? 0) / 10)
    await expectReads(repo, files(0), 'main~2')
    await expectReads(repo, files(2))
    expect((await repo.verify()).problems).not.toEqual([])
  })

  test('a long history that is thinned out again and again gives its space back, and what is kept reads back', async () => {
    const { repo, path } = await newStore()
    const stored = () => extentsOf(repo.parts.group).reduce((sum, { record }) => sum + record.storedBytes, 0)
    let most = 0
    for (let version = 0; version < 120; version++) {
      await commitFiles(repo, { f: versionOf(3, version, LENGTH), [`n${version % 7}`]: `${version}` }, `${version}`)
      if (version % 20 !== 19) continue
      most = Math.max(most, stored())
      await repo.prune({ keepLast: 3 })
      await repo.gc({ now: true })
      // Of a chain of versions all may be needed still.
      expect(stored()).toBeLessThanOrEqual(most)
      for (const back of [0, 1, 2])
        expect((await (await repo.at(`main~${back}`)).read('f')).equals(versionOf(3, version - back, LENGTH))).toBe(
          true,
        )
    }
    expect(stored()).toBeLessThan(most)
    // Commits stay, contents do not: no more than the chain of the newest.
    expect(eidsOf(repo).length).toBeLessThanOrEqual(BASE_DEPTH_MAX + 10)
    await expectSound(path, { f: versionOf(3, 119, LENGTH) })
  })
})

test('what is rewritten is hardly decoded more than once, though little of it can be held at a time', async () => {
  const { repo } = await newStore()
  const files = (version: number) =>
    Object.fromEntries(
      Array.from({ length: 5 * MANY }, (_, index) => [`f${index}`, versionOf(index, version, LENGTH)] as const),
    )
  const versions = [0, 1, 2, 3, 4]
  for (const version of versions) await commitFiles(repo, files(version))
  const { group } = repo.parts
  // About what one version takes.
  const store = await ChunkStore.open(group, systemClock, { extentCacheBytes: MIB })
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  const eids = eidsOf(repo)
  // Some of each, so that none can stay as it is.
  const keeps = ({ hash }: { hash: Hash }) => !hash.startsWith('0')
  expect(
    await rewriteExtents(store, eids, { lease, compression: COMPRESSION, keeps, allows: () => true }),
  ).toMatchObject({ isDone: true, oldExtents: eids.length })
  group.catalog.write((tx) => lease.release(tx))
  expect(store.cacheStats.extents.misses).toBeLessThan(2 * eids.length)
})

test('S-5: an extent stays that something was compressed against while it was rewritten', async () => {
  const { repo, path } = await newStore()
  await commitFiles(repo, { f: versionOf(1, 0, LENGTH) })
  const { store, group } = repo.parts
  const [base = 0] = eidsOf(repo)
  const writer = new StoreWriter(store, { compression: COMPRESSION })
  const bytes = versionOf(1, 1, LENGTH)
  const before = store.hasher.id(KIND.chunk, versionOf(1, 0, LENGTH))
  const after = await writer.put(KIND.chunk, bytes, () => [before])
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  // Between the reading of the old extents and the transaction in which they go.
  const beforeSwitch = async () => {
    await publishOnly(writer)
  }
  const all = { lease, compression: COMPRESSION, keeps: () => true, allows: () => true, beforeSwitch }
  const { isDone } = await rewriteExtents(store, [base], all)
  group.catalog.write((tx) => lease.release(tx))
  expect(isDone).toBe(false)
  expect(group.catalog.dependants(base)).toHaveLength(1)
  await repo.close()
  const again = await openRepository(path)
  expect((await again.parts.store.get(KIND.chunk, after)).equals(bytes)).toBe(true)
  expect((await again.verify()).problems).toEqual([])
})

/** As they are in the file. */
function rowsOf(path: string): unknown[] {
  const database = new Database(path, { readonly: true })
  const rows = database.prepare('SELECT eid FROM extent ORDER BY eid').all()
  database.close()
  return rows
}

describe('rows of bases that were lost', () => {
  const WAYS = [
    {
      way: 'one is missing',
      sql: 'DELETE FROM base WHERE eid = (SELECT max(eid) FROM extent WHERE bases IS NOT NULL)',
    },
    { way: 'all are missing', sql: 'DELETE FROM base' },
    { way: 'one is of an extent that is not there', sql: 'INSERT INTO base (base, eid) VALUES (1, 99999)' },
    {
      way: 'one names another base',
      sql: 'UPDATE base SET base = base + 100000 WHERE eid = (SELECT max(eid) FROM extent WHERE bases IS NOT NULL)',
    },
  ]

  test.each(WAYS)('$way: verify says so, and nothing that moves extents touches them', async ({ sql }) => {
    const { repo, path } = await newStore()
    const names = Array.from({ length: 6 }, (_, index) => `f${index}`)
    const files = (version: number) =>
      Object.fromEntries(names.map((name, index) => [name, versionOf(10 + index, version, LENGTH)]))
    await commitFiles(repo, files(0), 'first')
    await commitFiles(repo, { f0: versionOf(10, 1, LENGTH) }, 'second')
    await commitFiles(repo, { f1: null }, 'third')
    await repo.prune({ keepLast: 1 })
    await repo.close()
    change(path, sql)
    const again = await openRepository(path)
    const { problems } = await again.verify()
    expect(problems).toEqual([
      expect.objectContaining({ code: 'CORRUPT_CATALOG', message: expect.stringContaining('base') }),
    ])
    const before = rowsOf(path)
    const refused = { code: 'CORRUPT_CATALOG' }
    await expect(again.gc({ now: true })).rejects.toMatchObject(refused)
    await expect(again.pack()).rejects.toMatchObject(refused)
    await expect(again.erase({ paths: ['f2'] })).rejects.toMatchObject(refused)
    expect(rowsOf(path)).toEqual(before)
    const { f1: _, ...kept } = files(0)
    const snapshot = await again.at('main')
    for (const [name, bytes] of Object.entries({ ...kept, f0: versionOf(10, 1, LENGTH) })) {
      if (name !== 'f2') expect((await snapshot.read(name)).equals(bytes)).toBe(true)
    }
  })
})

describe('an erasure', () => {
  const lines = (name: string): Buffer => Buffer.concat([versionOf(5, 0, LENGTH), Buffer.from(secret(name))])

  test.each([
    { isPacked: false, length: LENGTH },
    { isPacked: true, length: LENGTH },
    { isPacked: false, length: 100_000 },
  ])(
    'leaves nothing of it in any frame or dictionary, packed before: $isPacked, with files of $length bytes',
    async ({ isPacked, length }) => {
      const { repo, path, folder } = await newStore()
      await commitFiles(repo, { 'a.txt': lines('one'), 'keep.txt': versionOf(6, 0, length) }, 'first')
      // Compressed against what is to go: a part of it, the whole of it with an end, and what is kept.
      await commitFiles(repo, { 'a.txt': Buffer.concat([lines('one'), Buffer.from('more')]) }, 'second')
      await commitFiles(repo, { 'keep.txt': versionOf(6, 1, length) }, 'third')
      await commitFiles(repo, { 'a.txt': versionOf(5, 1, LENGTH) }, 'fourth')
      if (isPacked) await repo.pack()
      const { report } = await repo.erase({ paths: ['a.txt'] })
      expect(await repo.checkErasure(report as ErasureReport)).toMatchObject({ ok: true })
      const { store, group } = repo.parts
      const needle = Buffer.from('SECRET-one-')
      for (const volume of group.volumes) {
        for (const eid of await volume.list(0, Number.MAX_SAFE_INTEGER)) {
          const stored = await volume.read(eid)
          if (!stored) continue
          expect((await store.decode(stored)).includes(needle), `extent ${eid}`).toBe(false)
          expect(stored.frame.includes(needle)).toBe(false)
          for (const base of stored.bases) expect(group.catalog.isVisible(base.eid)).toBe(true)
        }
      }
      await repo.close()
      expect(filesWith(folder, needle)).toEqual([])
      await expectSound(path, { 'keep.txt': versionOf(6, 1, length) })
    },
  )

  test('takes what is kept along, where that is compressed against what goes', async () => {
    const { repo, path, folder } = await newStore()
    await commitFiles(repo, { 'b.txt': lines('one') }, 'first')
    const kept = Buffer.concat([versionOf(5, 1, LENGTH), Buffer.from('and something else')])
    await commitFiles(repo, { 'a.txt': lines('one'), 'b.txt': kept }, 'second')
    await repo.prune({ keepLast: 1 })
    const based = basedExtents(repo).filter((record) => record.class === 0)
    expect(based).toHaveLength(1)
    const { report } = await repo.erase({ paths: ['a.txt'] })
    expect(await repo.checkErasure(report as ErasureReport)).toMatchObject({ ok: true })
    expect(basedExtents(repo).filter((record) => record.class === 0)).toEqual([])
    await repo.close()
    expect(filesWith(folder, Buffer.from('SECRET-one-'))).toEqual([])
    await expectSound(path, { 'b.txt': kept })
  })
})
