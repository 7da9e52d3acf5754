/** What verify notices in the catalog's own books, what it only notes, and how much it reads. */
import { createRequire } from 'node:module'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { BranchDraft } from '../../src/branchDraft.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { type VerifyRoot, verifyStore } from '../../src/upkeep/verify.js'
import { Lease } from '../../src/volume/lease.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createStore, groupOptions, seededRandom } from '../support/groups.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3')
const random = seededRandom('verify')

function change(path: string, sql: string): void {
  const database = new Database(path)
  database.exec(sql)
  database.close()
}

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
    /pv_state/,
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
  const held = await verifyStore(store, () => [], [])
  expect(held.problems).toEqual([])
  expect(held.notes).toEqual([expect.stringContaining(`process ${process.pid} `)])
  expect(held.notes[0]).toContain('a writer ')
  group.catalog.write((tx) => lease.release(tx))
  expect((await verifyStore(store, () => [], [])).notes).toEqual([])
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
    )
  }
  const store = await ChunkStore.open(group, systemClock)
  let reads = 0
  const get = store.get.bind(store)
  store.get = (kind, id) => {
    reads++
    return get(kind, id)
  }
  const report = await verifyStore(store, () => roots, [])
  expect(report.problems).toHaveLength(1)
  const paths = report.problems[0]?.paths ?? []
  expect(paths.length).toBe(bad === 'shared' ? MAX_PATHS : 1)
  for (const named of paths) expect(named).toMatch(bad === 'shared' ? /^shared:d[\dxy/]*\/f$/ : /^other:f$/)
  // The graph reads each object once; looking for paths again, once for each path that is named where there is damage below.
  expect(report.checked.objects).toBeLessThan(200)
  expect(reads).toBeLessThanOrEqual(report.checked.objects * (bad === 'shared' ? MAX_PATHS + 1 : 2))
})
