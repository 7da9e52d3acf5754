/** Damage to what others are compressed against, and bases as no writer names them. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { BASE_DEPTH_MAX } from '../../src/base/limits.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { rowCheck } from '../../src/format/check.js'
import { KIND } from '../../src/format/kinds.js'
import { encodeBases } from '../../src/format/slots.js'
import type { Repository } from '../../src/repository.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { basedExtents, forge, versionOf } from '../support/basedStores.js'
import { createStore, extentsOf, groupOptions, publishOnly } from '../support/groups.js'
import { change, copyOf, createMirrored, flip } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

/** One chunk. */
const LENGTH = 4000

/** `f` in two versions, the second compressed against the first, and another file. */
async function twoVersions(repo: Repository): Promise<{ base: number; based: number }> {
  await commitFiles(repo, { f: versionOf(1, 0, LENGTH) })
  await commitFiles(repo, { g: versionOf(2, 0, LENGTH) })
  await commitFiles(repo, { f: versionOf(1, 1, LENGTH) })
  const [record] = basedExtents(repo).filter((each) => each.class === 0)
  const [base] = record?.bases ?? []
  if (!record || !base) throw new Error('nothing is compressed against anything')
  return { base: base.eid, based: record.eid }
}

describe('a base is lost', () => {
  const WAYS = [
    { way: 'its row', sql: (eid: number) => `DELETE FROM payload WHERE eid = ${eid}` },
    { way: 'its bytes', sql: flip },
  ]

  test.each(WAYS)('$way: what needs it is told of with its files, and nothing else is hit', async ({ sql }) => {
    const { repo, path } = await createRepository({ compression: 'zstd' })
    const { base, based } = await twoVersions(repo)
    const { file } = copyOf(repo, base)
    await repo.close()
    change(file, sql(base))
    const again = await openRepository(path)
    const [now, then] = [await again.at('main'), await again.at('main~2')]
    expect((await now.read('g')).equals(versionOf(2, 0, LENGTH))).toBe(true)
    await expect(then.read('f')).rejects.toMatchObject({ code: 'CORRUPT_EXTENT', details: { extent: base } })
    await expect(now.read('f')).rejects.toMatchObject({ code: 'CORRUPT_EXTENT', details: { extent: based, base } })
    for (const options of [{}, { checksums: true }, { subset: { index: (base % 2) + 1, of: 2 } }]) {
      const { problems } = await again.verify(options)
      const about = (extent: number) => problems.filter((problem) => problem.extent === extent)
      expect(about(base)).toMatchObject([{ paths: expect.arrayContaining(['main:f']) }])
      if (Object.keys(options).length === 0) expect(about(based)).toMatchObject([{ paths: ['main:f'] }])
      expect(problems.flatMap(({ paths = [] }) => paths).filter((named) => named.endsWith(':g'))).toEqual([])
    }
    const { files } = await again.which(`extent:${base}`)
    expect(files.map(({ revision, path: named }) => `${revision}:${named}`)).toEqual([
      'main:f',
      `${await again.resolve('main~1')}:f`,
    ])
  })

  test('on one of two volumes: every read is served from the other, and both are sound again', async () => {
    const { repo, path } = await createMirrored({ compression: 'zstd', extentBytes: 1_048_576, chunkBytes: 16_384 })
    await commitFiles(repo, { f: versionOf(1, 0, LENGTH) })
    await commitFiles(repo, { f: versionOf(1, 1, LENGTH) })
    const bases = new Set(basedExtents(repo).flatMap((record) => record.bases.map(({ eid }) => eid)))
    expect(bases.size).toBeGreaterThan(0)
    const hit = [...bases].map((eid) => ({ eid, file: copyOf(repo, eid, 0).file }))
    await repo.close()
    for (const { eid, file } of hit) change(file, flip(eid))
    const again = await openRepository(path)
    expect((await (await again.at('main')).read('f')).equals(versionOf(1, 1, LENGTH))).toBe(true)
    expect((await (await again.at('main~1')).read('f')).equals(versionOf(1, 0, LENGTH))).toBe(true)
    await again.verify({ heal: true })
    expect(await again.verify()).toMatchObject({ ok: true, problems: [] })
  })

  test('on both volumes, with what hangs on it on each of them: all of it is told of', async () => {
    const { repo, path } = await createMirrored({ compression: 'zstd', extentBytes: 1_048_576, chunkBytes: 16_384 })
    const { base, based } = await twoVersions(repo)
    const files = [0, 1].map((which) => copyOf(repo, base, which).file)
    await repo.close()
    for (const file of files) change(file, flip(base))
    const again = await openRepository(path)
    const { problems } = await again.verify({ heal: true })
    const hit = problems.filter(({ extent }) => extent === base || extent === based)
    expect(hit).toHaveLength(4)
    for (const { paths } of hit) expect(paths).toEqual(['main:f'])
  })

  test('what is committed after that is not compressed against it', async () => {
    const { repo, path } = await createRepository({ compression: 'zstd' })
    const { base } = await twoVersions(repo)
    const { file } = copyOf(repo, base)
    await repo.close()
    change(file, flip(base))
    const again = await openRepository(path)
    await commitFiles(again, { f: versionOf(1, 2, LENGTH) })
    expect((await (await again.at('main')).read('f')).equals(versionOf(1, 2, LENGTH))).toBe(true)
    const after = await openRepository(path)
    expect((await (await after.at('main')).read('f')).equals(versionOf(1, 2, LENGTH))).toBe(true)
  })
})

// ---- hostile stores ----

/** Chunks, each in an extent of its own, each compressed against the one before where that is allowed. */
async function chain(count: number) {
  const { store, group, path } = await createStore({ volumes: 1 })
  const ids: Hash[] = []
  for (let version = 0; version < count; version++) {
    const writer = new StoreWriter(store, { compression: { codec: 'zstd', level: 1 } })
    const before = ids.at(-1)
    ids.push(await writer.put(KIND.chunk, versionOf(4, version, LENGTH), before && (() => [before])))
    await publishOnly(writer)
  }
  const eids = extentsOf(group).map(({ record }) => record.eid)
  expect(eids).toHaveLength(count)
  /** As who comes after sees it. */
  const reading = async (id: Hash | undefined): Promise<Buffer> => {
    const again = await VolumeGroup.open(path, groupOptions)
    try {
      const bytes = await (await ChunkStore.open(again, systemClock)).get(KIND.chunk, id as Hash)
      return bytes
    } finally {
      await again.close()
    }
  }
  return { group, ids, eids, reading }
}

const corrupt = { code: 'CORRUPT_EXTENT' }

describe.each([{ inCatalog: true }, { inCatalog: false }])('in the catalog as well: $inCatalog', ({ inCatalog }) => {
  test('bases that are the extent itself, or newer, or each other', async () => {
    const { group, ids, eids, reading } = await chain(3)
    const [, second = 0, third = 0] = eids
    forge(group, second, { bases: [{ eid: second, slots: [0] }], inCatalog })
    await expect(reading(ids[1])).rejects.toMatchObject(corrupt)
    forge(group, second, { bases: [{ eid: third, slots: [0] }], inCatalog })
    forge(group, third, { bases: [{ eid: second, slots: [0] }], inCatalog })
    for (const id of ids.slice(1)) await expect(reading(id)).rejects.toMatchObject(corrupt)
    expect((await reading(ids[0])).equals(versionOf(4, 0, LENGTH))).toBe(true)
  })

  test('slots and extents that do not exist', async () => {
    const { group, ids, eids, reading } = await chain(2)
    const [first = 0, second = 0] = eids
    for (const bases of [
      [{ eid: first, slots: [1] }],
      [{ eid: first, slots: [1_000_000] }],
      [{ eid: 0, slots: [0] }],
      [{ eid: first, slots: [0, 1] }],
    ]) {
      forge(group, second, { bases, inCatalog })
      await expect(reading(ids[1])).rejects.toMatchObject(corrupt)
    }
  })

  test('one slot, a million times', async () => {
    const { group, ids, eids, reading } = await chain(2)
    const [first = 0, second = 0] = eids
    forge(group, second, { bases: [{ eid: first, slots: Array<number>(1_000_000).fill(0) }], inCatalog })
    await expect(reading(ids[1])).rejects.toMatchObject({
      ...corrupt,
      message: expect.stringContaining(inCatalog ? 'dictionary' : 'other bases'),
    })
  })

  test('a length that is not its own', async () => {
    const { group, ids, eids, reading } = await chain(2)
    const [first = 0, second = 0] = eids
    for (const rawBytes of [1, LENGTH - 1, LENGTH + 1, 2 ** 31, 2 ** 40]) {
      forge(group, second, { bases: [{ eid: first, slots: [0] }], rawBytes, inCatalog })
      await expect(reading(ids[1])).rejects.toMatchObject(corrupt)
    }
  })

  test('a chain that is longer than any writer makes, and one that has no end to speak of', async () => {
    const count = BASE_DEPTH_MAX + 3
    const { group, ids, eids, reading } = await chain(count)
    for (const [index, eid] of eids.entries()) {
      const before = eids[index - 1]
      if (before !== undefined) forge(group, eid, { bases: [{ eid: before, slots: [0] }], inCatalog })
    }
    await expect(reading(ids.at(-1))).rejects.toMatchObject(corrupt)
  })
})

test('a chain of tens of thousands is refused, and not followed', async () => {
  const { group, ids, eids, reading } = await chain(2)
  const last = eids.at(-1) ?? 0
  const count = 30_000
  group.catalog.write((tx) => {
    const checksum = Buffer.alloc(8)
    for (let eid = last + 1; eid <= last + count; eid++) {
      const bases = encodeBases([{ eid: eid - 1, slots: [0] }])
      tx.run(
        'INSERT INTO extent (eid, class, raw_bytes, stored_bytes, chunks, checksum, bases, row_check) VALUES (?, 0, 1, 1, 1, ?, ?, ?)',
        eid,
        checksum,
        bases,
        rowCheck(eid, 0, 1, 1, 1, checksum, bases),
      )
    }
  })
  const store = await ChunkStore.open(group, systemClock)
  expect(() => store.bounds.of(last + count)).toThrow(expect.objectContaining(corrupt))
  expect(() => store.bounds.of(last + count)).toThrow(new RegExp(`extent ${last + count} is decoded through more than`))
  expect((await reading(ids[0])).equals(versionOf(4, 0, LENGTH))).toBe(true)
})

test('more is decoded for an extent than any writer would have: refused before it is', async () => {
  const { group, ids, eids, reading } = await chain(3)
  const [first = 0, second = 0, third = 0] = eids
  forge(group, first, { rawBytes: 2 ** 30 })
  for (const eid of [second, third]) forge(group, eid, { bases: [{ eid: first, slots: [0] }] })
  await expect(reading(ids[2])).rejects.toMatchObject(corrupt)
  // What its header says of it names no extent.
  await expect(reading(ids[0])).rejects.toMatchObject({
    ...corrupt,
    message: expect.stringMatching(`^extent ${first} cannot be decoded: a frame of `),
    details: { extent: first },
  })
})
