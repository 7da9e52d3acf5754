/** gc (safety rule 5) with somebody else at the worst moment, and with a store that is damaged already. */
import { expect, onTestFinished, test } from 'vitest'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { condemnedAt } from '../../src/cas/condemned.js'
import type { Repository } from '../../src/repository.js'
import { idsBelow } from '../../src/session.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { pseudoRandom } from '../codec/inputs.js'
import { VOLUMES } from '../support/groups.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'

const bytes = (seed: number, length = 200_000): Buffer => pseudoRandom(length, seed)

/** Nothing needs `gone` any more but the reflog; `other` is another process. */
async function withGarbage() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const { repo, path } = await createRepository({ clock })
  await commitFiles(repo, { kept: bytes(1) }, 'kept')
  const gone = await commitFiles(repo, { gone: bytes(2), kept: bytes(1) }, 'gone', 'side')
  await repo.deleteBranch('side')
  const other = await openRepository(path, { clock })
  return { repo, path, other, gone, nextDay: () => (nowMs += DAY_MS) }
}

/** Before the first answer of any volume to calls of one kind is looked at, something else happens. */
function meanwhile(repo: Repository, name: 'packedChunkRows' | 'chunkRowsOf', act: () => Promise<void>): void {
  let isDone = false
  for (const volume of repo.parts.group.volumes) {
    const call = volume[name].bind(volume) as (...parameters: unknown[]) => Promise<unknown>
    const hooked = async (...parameters: unknown[]): Promise<unknown> => {
      const rows = await call(...parameters)
      if (!isDone) {
        isDone = true
        await act()
      }
      return rows
    }
    Object.assign(volume, { [name]: hooked })
    onTestFinished(() => {
      expect(isDone).toBe(true)
    })
  }
}

async function isWhole(repo: Repository, gone: string): Promise<void> {
  expect((await (await repo.at(gone)).read('gone')).equals(bytes(2))).toBe(true)
  expect((await repo.verify()).problems).toEqual([])
}

test('S-5: a branch that is made after the marking keeps all it reaches, although it was not marked', async () => {
  const { repo, other, gone } = await withGarbage()
  // Neither condemned yet nor marked: only the roots tell.
  meanwhile(repo, 'packedChunkRows', () => other.createBranch('back', gone))
  const report = await repo.gc({ now: true })
  expect(report.dropped.bytes + report.rewritten.bytes).toBe(0)
  await isWhole(other, gone)
})

test('S-5: a branch that is made between condemning and dropping keeps all it reaches', async () => {
  const { repo, other, gone } = await withGarbage()
  meanwhile(repo, 'chunkRowsOf', () => other.createBranch('back', gone))
  const report = await repo.gc({ now: true })
  expect(report.condemned.bytes).toBeGreaterThan(200_000)
  expect(report.dropped.bytes + report.rewritten.bytes).toBe(0)
  await isWhole(other, gone)
})

test('S-5: a reader that begins after the marking keeps what is condemned after that', async () => {
  const { repo, other, gone } = await withGarbage()
  meanwhile(repo, 'packedChunkRows', async () => {
    other.parts.store.takeReaderLease()
  })
  const report = await repo.gc({ now: true })
  expect(report.dropped.bytes + report.rewritten.bytes).toBe(0)
  await isWhole(other, gone)
})

test('S-5: what was stored anew under another number is not condemned by the old one', async () => {
  const { repo, other } = await withGarbage()
  const { catalog } = other.parts.group
  const extents = () => catalog.all<{ eid: number }>('SELECT eid FROM extent ORDER BY eid')
  const before = extents()
  // As if it had been dropped, and stored again by a writer who has not moved its ref yet.
  meanwhile(repo, 'chunkRowsOf', async () => {
    catalog.write((tx) => tx.run('UPDATE condemned SET chunk_id = chunk_id + 1000000'))
  })
  const report = await repo.gc({ now: true })
  expect(report.dropped.bytes + report.rewritten.bytes).toBe(0)
  expect(extents()).toEqual(before)
})

test('S-5: when marking fails, nothing is condemned and nothing is dropped', async () => {
  const { path, other } = await withGarbage()
  const { catalog, volumes } = other.parts.group
  const tip = (await other.resolve('main')) as Hash
  const [place] = await other.parts.group.lookup([tip])
  const volume = volumes.find(({ number }) => number === place?.pv) as PhysicalVolume
  sqlOf(volume).run('UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ?', place?.eid as number)
  const before = catalog.all('SELECT eid FROM extent ORDER BY eid')
  // One that has nothing in its cache.
  const fresh = await openRepository(path)
  await expect(fresh.gc({ now: true })).rejects.toMatchObject({
    code: 'CORRUPT_EXTENT',
    message: expect.stringMatching(/^gc dropped nothing: .*needed by main/),
  })
  expect(catalog.all('SELECT hash FROM condemned')).toEqual([])
  expect(catalog.all('SELECT eid FROM extent ORDER BY eid')).toEqual(before)
})

test('S-5: an extent whose chunk table lost rows is left alone, though all that is named is dead', async () => {
  const { repo, other, gone } = await withGarbage()
  const { catalog, volumes } = other.parts.group
  const chunk = (await other.parts.group.lookup([gone as Hash]))[0]
  const volume = volumes.find(({ number }) => number === chunk?.pv) as PhysicalVolume
  sqlOf(volume).run('DELETE FROM chunk WHERE hash = ?', hashToBytes(gone as Hash))
  const report = await repo.gc({ now: true })
  expect(report.notes).toEqual([`extent ${chunk?.eid} was left alone: its chunk table does not name all that is in it`])
  expect(catalog.isVisible(chunk?.eid as number)).toBe(true)
})

test('S-5: the catalog forgets an extent before a volume drops it, and what is left by a kill between is dropped later', async () => {
  const { repo, other, gone } = await withGarbage()
  const { catalog } = other.parts.group
  const named: number[] = []
  let removals = 0
  for (const volume of repo.parts.group.volumes) {
    volume.remove = async (eids) => {
      removals++
      named.push(...eids.filter((eid) => catalog.hasCopy(eid, volume.number)))
      throw new Error('killed')
    }
  }
  const killed = repo.gc({ now: true })
  // In the catalog's own file both are one transaction.
  if (VOLUMES > 1) await expect(killed).rejects.toThrow('killed')
  else await killed
  expect({ named, isRemoved: removals > 0 }).toEqual({ named: [], isRemoved: VOLUMES > 1 })
  expect((await other.verify()).problems).toEqual([])
  const { dropped } = await other.gc({ now: true })
  expect(VOLUMES > 1 || dropped.extents === 0).toBe(true)
  await expect(other.commit(gone)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
  for (const volume of other.parts.group.volumes) {
    for (const eid of await volume.list(0, 1e9)) expect(catalog.hasCopy(eid, volume.number)).toBe(true)
  }
})

test('S-5: what a writer that moves no ref yet has published stays, however often gc runs', async () => {
  const { repo, other, nextDay } = await withGarbage()
  await repo.config.set('gc-grace', '0')
  const draft = await other.draft('main')
  // Several batches, of which all but the last are published without a ref.
  const big = bytes(3, 34 << 20)
  await draft.write('big', big)
  for (let day = 0; day < 3; day++) {
    nextDay()
    await repo.gc({ now: day > 0 })
  }
  expect(repo.parts.group.catalog.all('SELECT hash FROM condemned').length).toBeGreaterThan(0)
  await draft.commit({ message: 'big', author: 'Test <test@example.org>' })
  expect((await (await repo.at('main')).read('big')).equals(big)).toBe(true)
  expect(condemnedAt(repo.parts.group.catalog, (await repo.resolve('main')) as Hash)).toBeUndefined()
  expect((await repo.verify()).problems).toEqual([])
})

test('S-5: what a writer has staged and not published yet stays', async () => {
  const { repo, other } = await withGarbage()
  const { volumes } = other.parts.group
  const staged = new Set<number>()
  let runs = 0
  // One after the other: volumes are written at the same time.
  let collecting = Promise.resolve()
  for (const volume of volumes) {
    const stage = volume.stage.bind(volume)
    volume.stage = async (extents, sequence) => {
      const result = await stage(extents, sequence)
      for (const { eid } of extents) staged.add(eid)
      // gc has what is on its way in its sight.
      collecting = collecting.then(async () => {
        await repo.gc({ now: true })
        runs++
      })
      await collecting
      return result
    }
  }
  const files = { big: bytes(4, 2_000_000), other: bytes(5, 2_000_000) }
  await commitFiles(other, files)
  expect(runs).toBeGreaterThan(0)
  expect(staged.size).toBeGreaterThan(1)
  const fresh = await openRepository(other.path)
  for (const [path, content] of Object.entries(files)) {
    expect((await (await fresh.at('main')).read(path)).equals(content)).toBe(true)
  }
  expect((await fresh.verify()).problems).toEqual([])
})

test('what gc moves while it is looked for is found where it lies then', async () => {
  const { repo, path } = await createRepository()
  await commitFiles(repo, { a: bytes(1), b: bytes(2) }, 'both', 'side')
  const tip = (await commitFiles(repo, { a: bytes(1) }, 'one')) as Hash
  await repo.deleteBranch('side')
  const other = await openRepository(path)
  const live = await collect(idsBelow(other.parts, [tip]))
  let rewritten = 0
  for (const volume of other.parts.group.volumes) {
    const lookup = volume.lookup.bind(volume)
    volume.lookup = async (ids) => {
      const rows = await lookup(ids)
      if (rows.length > 0 && rewritten === 0) rewritten = (await repo.gc({ now: true })).rewritten.extents
      return rows
    }
  }
  const found = await other.parts.store.find(live)
  expect(rewritten).toBeGreaterThan(0)
  expect(live.filter((id) => !found.has(id))).toEqual([])
})

function sqlOf(volume: PhysicalVolume): { run(sql: string, ...values: unknown[]): void } {
  return (volume as unknown as { database: { run(sql: string, ...values: unknown[]): void } }).database
}
