/** What verify notices in the catalog's own books, what it only notes, and how much it reads. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import type { BranchDraft } from '../../src/branchDraft.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { rowCheck } from '../../src/format/check.js'
import { encodeLayout, type VolumeGroupLayout } from '../../src/format/layout.js'
import { verifyStore } from '../../src/upkeep/verify.js'
import type { VerifyRoot } from '../../src/upkeep/verifyGraph.js'
import { Lease } from '../../src/volume/lease.js'
import { PackedRows } from '../../src/volume/packedRows.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createStore, groupOptions, seededRandom } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { change, copyOf, createMirrored, dataExtents, flip } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

const random = seededRandom('verify')

const counters = ['next_eid', 'next_chunk_id', 'next_lease', 'refs_sequence', 'publish_sequence', 'gc_epoch']
const bookDamage: [string, string, RegExp][] = [
  ...counters.flatMap((name): [string, string, RegExp][] => [
    [`${name} is another`, `UPDATE counter SET value = value + 7 WHERE name = '${name}'`, /counter/],
    [`${name} is huge`, `UPDATE counter SET value = 1152921504606846976 WHERE name = '${name}'`, /counter/],
    [`${name} is gone`, `DELETE FROM counter WHERE name = '${name}'`, /counter/],
  ]),
  ['the use of a volume is another', 'UPDATE pv_state SET stored_bytes = 1', /pv_state/],
  ['the use of a volume is gone', 'DELETE FROM pv_state', /pv_state/],
  ['an extent is gone', 'DELETE FROM extent WHERE eid = (SELECT min(eid) FROM extent)', /copy|extent/],
  ['a copy is gone', 'DELETE FROM copy WHERE eid = (SELECT min(eid) FROM copy)', /copy|volume for extent/],
  [
    'an extent is gone with its copies',
    'DELETE FROM copy WHERE eid = (SELECT min(eid) FROM extent); DELETE FROM extent WHERE eid = (SELECT min(eid) FROM extent)',
    // Which extent came first is left to the writer: what others decode through is missed sooner.
    /pv_state|table base/,
  ],
]

test.each(bookDamage)('%s: verify says so', async (_, sql, named) => {
  const { repo, path } = await createRepository()
  await commitFiles(repo, { a: random.bytes(30_000) })
  await commitFiles(repo, { b: random.bytes(30_000) })
  await repo.close()
  const counterOfMembers = /publish_sequence|next_eid|pv_state/.test(sql)
  change(path, sql)
  // With several volumes the catalog's numbers are needed to judge their files.
  const damaged = await openRepository(path, { partial: counterOfMembers })
  const report = await damaged.verify()
  expect(report.ok).toBe(false)
  const found = report.problems.filter(({ code, message }) => code === 'CORRUPT_CATALOG' && named.test(message))
  expect(found.length).toBeGreaterThan(0)
})

test('a lease is noted, with its holder, and is no problem', async () => {
  const { store, group } = await createStore()
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  const subject = { store, roots: () => [], checkRows: [], pruned: new Set<Hash>() }
  const held = await verifyStore(subject)
  expect(held.problems).toEqual([])
  expect(held.notes).toEqual([expect.stringContaining(`process ${process.pid} `)])
  expect(held.notes[0]).toContain('a writer ')
  group.catalog.write((tx) => lease.release(tx))
  expect((await verifyStore(subject)).notes).toEqual([])
})

const MAX_PATHS = 20

test.each([
  { where: 'below all of them', bad: 'shared' },
  { where: 'elsewhere', bad: 'other' },
])('directories shared a million times over are not walked for each path, with damage $where', async ({ bad }) => {
  const { repo, path } = await createRepository({ compression: 'none' })
  const author = 'T <t@example.org>'
  const roots: VerifyRoot[] = []
  const lastExtents = [0]
  const commit = async (branch: string, edit: (draft: BranchDraft) => Promise<unknown>): Promise<void> => {
    const draft = await repo.draft(branch)
    await edit(draft)
    const { id } = await draft.commit({ message: branch, author })
    if (roots.at(-1)?.name === branch) roots.pop()
    roots.push({ name: branch, id })
    let last = 0
    for await (const run of repo.extentMap()) last = Math.max(last, run.lastExtent)
    lastExtents.push(last)
  }
  await commit('other', (draft) => draft.write('f', random.bytes(3000)))
  await commit('shared', (draft) => draft.write('d0/f', random.bytes(3000)))
  for (let level = 0; level < 20; level++) {
    // A commit for each level: what is committed is copied by its id.
    await commit('shared', async (draft) => {
      for (const side of ['x', 'y']) await draft.copy(`d${level}`, `d${level + 1}/${side}`)
      await draft.remove(`d${level}`)
    })
  }
  await repo.close()
  const [first, end] = lastExtents.slice(bad === 'other' ? 0 : 1) as [number, number]

  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  for (const volume of group.volumes) {
    change(
      volume.location,
      `UPDATE payload SET frame = zeroblob(length(frame)) WHERE class = 0 AND eid > ${first} AND eid <= ${end}`,
      0,
    )
  }
  const store = await ChunkStore.open(group, systemClock)
  let reads = 0
  const get = store.get.bind(store)
  store.get = (kind, id) => {
    reads++
    return get(kind, id)
  }
  const report = await verifyStore({ store, roots: () => roots, checkRows: [], pruned: new Set() })
  expect(report.problems).toHaveLength(1)
  const paths = report.problems[0]?.paths ?? []
  expect(paths.length).toBe(bad === 'shared' ? MAX_PATHS : 1)
  for (const named of paths) expect(named).toMatch(bad === 'shared' ? /^shared:d[\dxy/]*\/f$/ : /^other:f$/)
  // The graph reads each object once; looking for paths again, once for each path that is named where there is damage below.
  expect(report.checked.objects).toBeLessThan(200)
  // Commits are read once more, for what they come from.
  const most = report.checked.objects * (bad === 'shared' ? MAX_PATHS + 1 : 2) + report.checked.commits
  expect(reads).toBeLessThanOrEqual(most)
})

test('files that only older commits have are named as well: each path once, by the newest commit that needs what is damaged', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  const content = random.bytes(3000)
  await commitFiles(repo, { gone: content, stays: 'now' })
  const second = await commitFiles(repo, { stays: 'then' })
  await commitFiles(repo, { gone: null })
  await commitFiles(repo, { moved: content }, 'elsewhere', 'side')
  const [lost = 0] = dataExtents(repo)
  change(copyOf(repo, lost).file, flip(lost))
  const named = async (): Promise<readonly string[]> =>
    (await repo.verify()).problems.flatMap(({ paths = [] }) => paths)
  expect(await named()).toEqual(expect.arrayContaining([`${second.slice(0, 12)}:gone`, 'side:moved']))
  expect((await named()).filter((file) => file.endsWith(':gone'))).toHaveLength(1)
})

describe('a part of the contents', () => {
  test('all parts together are everything, and damage is found by one of them', async () => {
    const { repo } = await createRepository({ compression: 'none', chunkBytes: 1024, extentBytes: 65_536 })
    await commitFiles(repo, { a: random.bytes(700_000) })
    const whole = await repo.verify()
    const hit = dataExtents(repo)[4] ?? 0
    change(copyOf(repo, hit).file, flip(hit))
    let [extents, bytes] = [0, 0]
    const finders: number[] = []
    for (let index = 1; index <= 3; index++) {
      const { checked, problems } = await repo.verify({ subset: { index, of: 3 } })
      expect(checked.extents).toBeLessThan(whole.checked.extents)
      expect(checked).toMatchObject({ commits: 1, objects: whole.checked.objects })
      extents += checked.extents
      bytes += checked.bytes
      if (problems.length > 0) finders.push(index)
      for (const problem of problems) expect(problem).toMatchObject({ code: 'CORRUPT_EXTENT', paths: ['main:a'] })
    }
    expect(extents).toBe(whole.checked.extents)
    expect(bytes).toBeLessThan(whole.checked.bytes)
    expect(finders).toEqual([1 + (hit % 3)])
  })

  test.each([
    { index: 0, of: 3 },
    { index: 4, of: 3 },
    { index: 1.5, of: 3 },
    { index: 1, of: Number.NaN },
  ])('there is no part $index of $of', async (subset) => {
    const { repo } = await createRepository()
    await expect(repo.verify({ subset })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a quick look has no parts', async () => {
    const { repo } = await createRepository()
    const asked = repo.verify({ quick: true, subset: { index: 1, of: 2 } })
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

test('in many extents damage is found as in few, by what is hashed elsewhere', async () => {
  const { repo } = await createRepository({ compression: 'none', chunkBytes: 1024, extentBytes: 65_536 })
  await commitFiles(repo, { a: random.bytes(3_000_000) })
  const { checked, problems } = await repo.verify()
  expect(problems).toEqual([])
  expect(checked.extents).toBeGreaterThan(32)
  const eids = dataExtents(repo)
  const [early = 0, late = 0] = [eids[3], eids.at(-1)]
  for (const eid of [early, late]) {
    // What the contents hash to alone tells that it is another row.
    const sql = `UPDATE chunk SET hash = zeroblob(32) WHERE eid = ${eid} AND slot = 1`
    change(copyOf(repo, eid).file, sql)
  }
  const found = await repo.verify()
  expect(found.checked).toMatchObject({ extents: checked.extents, chunks: checked.chunks })
  expect(new Set(found.problems.map(({ extent }) => extent))).toEqual(new Set([early, late, undefined]))
  // The row is not there; and history does not find the chunk.
  expect(found.problems.filter(({ code }) => code === 'CORRUPT_CHUNK')).toHaveLength(2)
  expect(found.problems.filter(({ code }) => code === 'MISSING_CHUNK')).toHaveLength(2)
  for (const problem of found.problems) expect(problem.paths).toEqual(['main:a'])
})

describe('checksums alone', () => {
  test('all that is stored is read, and no more is looked at', async () => {
    const { repo } = await createRepository()
    await commitFiles(repo, { a: 'text '.repeat(50_000), b: random.bytes(100_000) })
    const { checked, ok } = await repo.verify({ checksums: true })
    const { storedBytes } = await repo.stats()
    expect(ok).toBe(true)
    expect(checked).toMatchObject({ bytes: storedBytes, commits: 0, objects: 0 })
    const whole = await repo.verify()
    expect(checked).toMatchObject({ extents: whole.checked.extents, chunks: whole.checked.chunks })
    // A row of a chunk table is none of it.
    const [eid = 0] = dataExtents(repo)
    change(copyOf(repo, eid).file, `UPDATE chunk SET slot = slot + 1000 WHERE eid = ${eid}`)
    expect((await repo.verify({ checksums: true })).ok).toBe(true)
    expect((await repo.verify()).ok).toBe(false)
  })

  test('bytes that changed are found in any copy, mended from another, and their files named where there is none', async () => {
    const { repo } = await createMirrored()
    await commitFiles(repo, { a: random.bytes(200_000) })
    await commitFiles(repo, { b: random.bytes(200_000) })
    const eids = dataExtents(repo)
    const [lost = 0, hit = 0] = [eids[0], eids.at(-1)]
    for (const which of [0, 1]) change(copyOf(repo, lost, which).file, flip(lost))
    change(copyOf(repo, hit, 1).file, flip(hit))
    const found = await repo.verify({ checksums: true })
    expect(found.problems.filter(({ extent }) => extent === hit)).toEqual([
      expect.objectContaining({ code: 'CORRUPT_EXTENT', pv: copyOf(repo, hit, 1).uuid, mendable: true }),
    ])
    expect(found.problems.filter(({ extent }) => extent === lost)).toEqual(
      expect.arrayContaining(
        [0, 1].map((which) => expect.objectContaining({ pv: copyOf(repo, lost, which).uuid, paths: ['main:a'] })),
      ),
    )
    const healed = await repo.verify({ checksums: true, heal: true })
    expect(healed).toMatchObject({ ok: false, healed: [{ extent: hit, pv: copyOf(repo, hit, 1).uuid }] })
    expect(healed.problems).toHaveLength(2)
    // Its rows came with it.
    expect((await repo.verify()).problems.filter(({ extent }) => extent === hit)).toEqual([])
  })

  test('there are none in a quick look', async () => {
    const { repo } = await createRepository()
    const asked = repo.verify({ quick: true, checksums: true })
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

const ANY_ROW = 'SELECT hash FROM chunk WHERE eid = EID LIMIT 1'
const copyDamage: [string, string][] = [
  ['flipped bytes', 'UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = EID'],
  ['a changed row', 'UPDATE payload SET raw_bytes = raw_bytes + 1 WHERE eid = EID'],
  ['nothing there', 'DELETE FROM payload WHERE eid = EID'],
  ['a chunk without its row', `DELETE FROM chunk WHERE eid = EID AND hash = (${ANY_ROW})`],
  ['a row that leads elsewhere', `UPDATE chunk SET slot = slot + 1000 WHERE eid = EID AND hash = (${ANY_ROW})`],
  ['a row with another number', `UPDATE chunk SET chunk_id = chunk_id + 1 WHERE eid = EID AND hash = (${ANY_ROW})`],
  ['a row with an impossible number', `UPDATE chunk SET slot = -1 WHERE eid = EID AND hash = (${ANY_ROW})`],
  ['a row without a chunk', 'INSERT INTO chunk SELECT zeroblob(32), eid, 0, 1, 1 FROM payload WHERE eid = EID'],
]

describe('of two copies one is damaged', () => {
  for (const [what, sql] of copyDamage) {
    test.each([0, 1])(`${what} (copy %i): it is said to be mendable, and mended when told to`, async (which) => {
      const { repo, path } = await createMirrored()
      const content = random.bytes(200_000)
      await commitFiles(repo, { a: content })
      const eid = dataExtents(repo)[1] ?? 0
      const { file, uuid } = copyOf(repo, eid, which)
      change(file, sql.replaceAll('EID', String(eid)))
      await repo.close()

      const toRead = await openRepository(path, { readOnly: true })
      for (let run = 0; run < 2; run++) {
        const found = await toRead.verify()
        expect(found).toMatchObject({ ok: false, healed: [] })
        expect(found.problems).toEqual([
          expect.objectContaining({ code: expect.stringMatching(/^CORRUPT_(EXTENT|CHUNK)$/), extent: eid, pv: uuid }),
        ])
        expect(found.problems[0]).toMatchObject({ mendable: true })
        // Nothing is lost.
        expect(found.problems[0]?.paths).toBeUndefined()
      }
      await expect(toRead.verify({ heal: true })).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
      await toRead.close()

      const toWrite = await openRepository(path)
      const healed = await toWrite.verify({ heal: true })
      expect(healed).toMatchObject({ ok: true, problems: [], healed: [{ extent: eid, pv: uuid }] })
      expect(await toWrite.verify({ heal: true })).toMatchObject({ ok: true, problems: [], healed: [] })
      expect((await (await toWrite.at('main')).read('a')).equals(content)).toBe(true)
      // No lease is left behind.
      expect(healed.notes).toEqual([])
      await expect(toWrite.gc()).resolves.toMatchObject({ notes: [] })
    })
  }

  test('both are: that is lost, names its files, and what is not lost is mended all the same', async () => {
    const { repo } = await createMirrored()
    await commitFiles(repo, { a: random.bytes(200_000) })
    await commitFiles(repo, { b: random.bytes(200_000) })
    const eids = dataExtents(repo)
    const [lost = 0, hit = 0] = [eids[0], eids.at(-1)]
    for (const which of [0, 1]) change(copyOf(repo, lost, which).file, flip(lost))
    change(copyOf(repo, hit).file, flip(hit))
    const report = await repo.verify({ heal: true })
    expect(report).toMatchObject({ ok: false, healed: [{ extent: hit, pv: copyOf(repo, hit).uuid }] })
    expect(report.problems).toHaveLength(2)
    for (const problem of report.problems) {
      expect(problem).toMatchObject({ code: 'CORRUPT_EXTENT', extent: lost, paths: ['main:a'] })
      expect(problem.mendable).toBeUndefined()
    }
  })
})

describe('chunk tables and extents beside the catalog', () => {
  async function small() {
    const made = await createRepository({ compression: 'none' })
    await commitFiles(made.repo, { a: random.bytes(50_000) })
    const [eid = 0] = dataExtents(made.repo)
    return { ...made, eid, file: copyOf(made.repo, eid).file }
  }

  test.each([false, true])('a row that no chunk is behind is a problem (quick: %s)', async (quick) => {
    const { repo, eid, file } = await small()
    change(file, `INSERT INTO chunk VALUES (zeroblob(32), ${eid}, 0, 1, 1)`)
    const { problems } = await repo.verify({ quick, heal: !quick })
    expect(problems).toEqual([expect.objectContaining({ code: 'CORRUPT_CHUNK', extent: eid })])
    expect(problems[0]?.message).toMatch(/names \d+ chunks in extent \d+, which has \d+/)
  })

  test('so is one of an extent that is not there', async () => {
    const { repo, file } = await small()
    change(file, 'INSERT INTO chunk VALUES (zeroblob(32), 4711, 0, 1, 1)')
    const { problems } = await repo.verify()
    expect(problems).toEqual([expect.objectContaining({ code: 'CORRUPT_CHUNK', extent: 4711 })])
  })

  test('an extent that nothing names is noted, and gc drops it; one that a writer may be about to publish is none', async () => {
    const { repo, file, eid } = await small()
    const { group } = repo.parts
    const lease = Lease.take(group.catalog, 'writer', systemClock)
    const coming = lease.takeEid()
    const columns = 'class, codec, cipher, key_id, nonce, raw_bytes, slots, bases, checksum, row_check, frame'
    const put = (as: number) =>
      change(file, `INSERT INTO payload SELECT ${as}, ${columns} FROM payload WHERE eid = ${eid}`)
    put(coming)
    expect((await repo.verify()).notes).toEqual([expect.stringContaining('a writer holds a lease')])
    group.catalog.write((tx) => lease.release(tx))
    const report = await repo.verify()
    expect(report.problems).toEqual([])
    expect(report.notes).toEqual([expect.stringMatching(/nothing names 1 of the extents in .*: gc drops/)])
    await repo.gc()
    expect((await repo.verify()).notes).toEqual([])
  })

  test('what is condemned and needed is noted', async () => {
    const { repo } = await small()
    const { group, refs } = repo.parts
    const tip = refs.list()[0]?.target as Hash
    group.catalog.write((tx) => tx.run('INSERT INTO condemned VALUES (?, 1, 1, 1)', hashToBytes(tip)))
    const report = await repo.verify()
    expect(report).toMatchObject({ ok: true, notes: [expect.stringContaining('1 chunks and objects are condemned')] })
  })

  test('what upkeep remembers is checked too', async () => {
    const { repo, path } = await small()
    await repo.gc()
    expect((await repo.verify()).ok).toBe(true)
    change(path, "UPDATE upkeep SET value = value || ' ' WHERE name = 'gc'")
    const { problems } = await repo.verify()
    expect(problems).toEqual([expect.objectContaining({ code: 'CORRUPT_CATALOG' })])
  })
})

describe('copies of the layout', () => {
  test('an older one is noted, another one with the same number is a problem', async () => {
    const { repo } = await createMirrored()
    const { group } = repo.parts
    const old = await group.volume(2)?.layout()
    await repo.renameVolumeGroup('renamed')
    expect(await repo.verify()).toMatchObject({ ok: true, notes: [] })
    const file = group.volume(2)?.location ?? ''
    const write = (sequence: number) => {
      const bytes = encodeLayout({ ...(old as VolumeGroupLayout), sequence })
      change(
        file,
        `UPDATE pv_layout SET sequence = ${sequence}, layout = x'${bytes.toString('hex')}', row_check = ${rowCheck(sequence, bytes)}`,
      )
    }
    write(old?.sequence ?? 0)
    expect(await repo.verify()).toMatchObject({ ok: true, notes: [expect.stringContaining('before the last change')] })
    write(group.layout.sequence)
    const { problems } = await repo.verify()
    expect(problems).toEqual([expect.objectContaining({ code: 'CORRUPT', pv: group.volume(2)?.uuid })])
    write(group.layout.sequence + 1)
    expect((await repo.verify()).problems).toEqual([expect.objectContaining({ code: 'CATALOG_STALE' })])
  })
})

test('an extent that goes while it is read is not missed', async () => {
  const { repo, path } = await createMirrored()
  await commitFiles(repo, { a: random.bytes(200_000) })
  const [going = 0] = dataExtents(repo)
  await repo.close()
  let isGone = false
  const group: VolumeGroup = await VolumeGroup.open(path, {
    ...groupOptions,
    wrapVolume: (volume) =>
      hookedVolume(volume, {
        read: async (real, eid) => {
          if (eid === going && !isGone) {
            isGone = true
            await group.dropRetired(group.catalog.write(() => group.retire([eid])))
          }
          return real.read(eid)
        },
      }),
  })
  onTestFinished(() => group.close())
  const store = await ChunkStore.open(group, systemClock)
  const report = await verifyStore({ store, roots: () => [], checkRows: [], pruned: new Set() })
  expect(isGone).toBe(true)
  expect(report.problems).toEqual([])
})

test('a chunk that is moved while it is looked up is not missed', async () => {
  const { repo, path } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { a: random.bytes(50_000) })
  const roots = repo.parts.refs.list().map(({ name, target }) => ({ name, id: target }))
  await repo.close()
  let isLookedUpInVain = false
  const group = await VolumeGroup.open(path, {
    ...groupOptions,
    wrapVolume: (volume) =>
      hookedVolume(volume, {
        lookup: async (real, ids) => {
          if (!isWalking || wasInVain.has(real.number)) return real.lookup(ids)
          wasInVain.add(real.number)
          isLookedUpInVain = true
          return []
        },
        // Moved from behind where the table is being read to before it.
        packedChunkRows: async () => PackedRows.of([]),
      }),
  })
  onTestFinished(() => group.close())
  let isWalking = false
  const wasInVain = new Set<number>()
  const store = await ChunkStore.open(group, systemClock)
  const find = store.find.bind(store)
  store.find = (ids) => {
    isWalking = true
    return find(ids)
  }
  const report = await verifyStore({ store, roots: () => roots, checkRows: [], pruned: new Set() }, { quick: true })
  expect(isLookedUpInVain).toBe(true)
  expect(report.problems).toEqual([])
})
