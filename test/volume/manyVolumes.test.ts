/** Groups of so many volumes that filters stand in front of their chunk tables. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { CorruptionError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import { KIB } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { firstVolumes } from '../../src/firstVolumes.js'
import { KIND } from '../../src/format/kinds.js'
import { makeProfile } from '../../src/format/profile.js'
import type { OpenGroupOptions } from '../../src/volume/groupOptions.js'
import { hashPrefixes } from '../../src/volume/hashPrefixes.js'
import { healCopy } from '../../src/volume/heal.js'
import type { NewExtent, PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { FILTERED_FROM } from '../../src/volume/volumeFilters.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { extentsOf, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume, type VolumeHooks } from '../support/hookedVolume.js'
import { tempFolder } from '../support/tempFolder.js'

const random = seededRandom('many volumes')
/** Small extents, so that few bytes reach many volumes. */
const SMALL = { peSize: 64 * KIB, chunker: { minBytes: 1 * KIB, averageBytes: 4 * KIB, maxBytes: 16 * KIB } }
const CHUNK_BYTES = 16_000
let absentHashes = 0
const absent = (count: number): Hash[] =>
  Array.from({ length: count }, () => createHash('sha256').update(`absent ${absentHashes++}`).digest('hex') as Hash)

async function createStriped(volumes: number): Promise<string> {
  const folder = tempFolder()
  const path = join(folder, 'store.varve')
  const files = Array.from({ length: volumes - 1 }, (_, at) => join(folder, `pv${at + 1}.varve`))
  const others = firstVolumes(path, { volumes: files, type: 'striped' }, groupOptions)
  await (await VolumeGroup.create(path, makeProfile(SMALL), groupOptions, others)).close()
  return path
}

async function open(path: string, options: Partial<OpenGroupOptions> = {}): Promise<VolumeGroup> {
  const group = await VolumeGroup.open(path, { ...groupOptions, ...options })
  onTestFinished(() => group.close().catch(() => undefined))
  return group
}

/** Four in an extent. */
async function fill(group: VolumeGroup, chunks: number): Promise<Hash[]> {
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  const ids: Hash[] = []
  for (let index = 0; index < chunks; index++) ids.push(await writer.put(KIND.chunk, random.bytes(CHUNK_BYTES)))
  await publishOnly(writer)
  return ids
}

const found = async (group: VolumeGroup, ids: readonly Hash[], isThorough: boolean): Promise<Hash[]> => [
  ...new Set((await group.lookup(ids, isThorough)).map(({ hash }) => hash)),
]

/** Until all volumes are indexed that can be. */
async function warmUp(group: VolumeGroup): Promise<void> {
  for (let times = 0; times < 3; times++) await group.lookup(absent(100), false)
}

class Questions {
  #asked = new Map<number, number>()
  readonly wrapVolume = (volume: PhysicalVolume): PhysicalVolume =>
    hookedVolume(volume, {
      lookup: (target, hashes) => {
        this.#asked.set(target.number, (this.#asked.get(target.number) ?? 0) + hashes.length)
        return target.lookup(hashes)
      },
    })

  /** By volume, since the last time. */
  take(): Map<number, number> {
    const asked = this.#asked
    this.#asked = new Map()
    return asked
  }
}

const hooked =
  (hooks: VolumeHooks) =>
  (volume: PhysicalVolume): PhysicalVolume =>
    hookedVolume(volume, hooks)

describe('60 volumes', () => {
  test('what is new is asked of one volume, what is there of that and the one that has it', {
    timeout: 120_000,
  }, async () => {
    const path = await createStriped(60)
    const questions = new Questions()
    const group = await open(path, { wrapVolume: questions.wrapVolume })
    const ids = await fill(group, 500)
    await warmUp(group)
    questions.take()
    expect(await found(group, absent(1000), false)).toEqual([])
    expect(questions.take()).toEqual(new Map([[0, 1000]]))
    for (const id of ids.slice(0, 10)) {
      expect(await found(group, [id], false)).toEqual([id])
      const { pv } = (await group.lookup([id]))[0] as { pv: number }
      expect([...questions.take().keys()].sort()).toEqual([...new Set([0, pv])].sort())
    }
    // A reader takes no filter's word for it.
    expect(await found(group, absent(1), true)).toEqual([])
    expect([...questions.take().values()]).toHaveLength(60)
  })

  test('commits of this process keep the filters; new data of many extents asks none but the catalog’s volume', {
    timeout: 120_000,
  }, async () => {
    const path = await createStriped(60)
    const questions = new Questions()
    const group = await open(path, { wrapVolume: questions.wrapVolume })
    await warmUp(group)
    questions.take()
    const ids = await fill(group, 300)
    expect([...questions.take().keys()]).toEqual([0])
    expect((await found(group, ids, false)).sort()).toEqual([...ids].sort())
    expect((await found(group, absent(10), false)).length).toBe(0)
  })
})

test('few volumes have no filters', async () => {
  const path = await createStriped(FILTERED_FROM - 1)
  const questions = new Questions()
  const read = () => Promise.reject(new Error('indexed'))
  const group = await open(path, {
    wrapVolume: (volume) => hooked({ hashPrefixes: read })(questions.wrapVolume(volume)),
  })
  await warmUp(group)
  questions.take()
  await group.lookup(absent(10), false)
  expect(questions.take()).toEqual(new Map([0, 1, 2, 3].map((number) => [number, 10])))
})

describe('filters that are wrong', () => {
  test('say that nothing is there: readers find it all the same', async () => {
    const path = await createStriped(6)
    const nothing: VolumeHooks = {
      hashPrefixes: async () => ({ prefixes: new Uint32Array(), transactions: Number.MAX_SAFE_INTEGER }),
    }
    const group = await open(path, { wrapVolume: hooked(nothing) })
    const ids = await fill(group, 100)
    await warmUp(group)
    expect((await found(group, ids, false)).length).toBeLessThan(ids.length)
    expect((await found(group, ids, true)).sort()).toEqual([...ids].sort())
    const store = await ChunkStore.open(group, systemClock)
    for (const id of ids) expect((await store.get(KIND.chunk, id)).length).toBe(CHUNK_BYTES)
  })

  test('a table that cannot be read as a whole is asked, and so are all where the catalog’s counts are damaged', async () => {
    const path = await createStriped(6)
    const damaged: VolumeHooks = {
      hashPrefixes: (target, limit) =>
        target.number === 1
          ? Promise.reject(new CorruptionError('CORRUPT', 'a page', { path }))
          : target.hashPrefixes(limit),
    }
    const group = await open(path, { wrapVolume: hooked(damaged) })
    const ids = await fill(group, 100)
    await warmUp(group)
    expect((await found(group, ids, false)).sort()).toEqual([...ids].sort())
    group.catalog.write((tx) => tx.run('DROP TABLE pv_state'))
    expect((await found(group, ids, false)).sort()).toEqual([...ids].sort())
  })

  test('rows whose hash is none are not taken for others, and a large table is read in pieces', () => {
    const path = join(tempFolder(), 'table')
    const schema = 'CREATE TABLE chunk (hash, eid INTEGER, PRIMARY KEY (hash, eid)) WITHOUT ROWID'
    const options = {
      lockTimeoutMs: 0,
      applicationId: 1,
      userVersion: 1,
      pageBytes: 4096,
      journal: 'wal',
      schema,
    } as const
    const database = SqlDatabase.create(path, options, () => undefined)
    onTestFinished(() => database.close())
    database.run(
      `WITH RECURSIVE row(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM row WHERE n < 139999)
       INSERT INTO chunk SELECT unhex(printf('%08x', n * 30677) || hex(zeroblob(28))), n FROM row`,
    )
    expect(hashPrefixes(database, 139_999)).toBeUndefined()
    const expected = Array.from({ length: 140_000 }, (_, n) => n * 30_677)
    expect([...(hashPrefixes(database, 140_000) ?? [])].sort((a, b) => a - b)).toEqual(expected)
    database.run("INSERT INTO chunk VALUES (x'ab', 1)")
    expect(hashPrefixes(database, 200_000)).toBeUndefined()
  })
})

/** As upkeep does it: brought and named, then dropped where it was. */
async function moveExtent(group: VolumeGroup, extent: NewExtent, from: number, to: number): Promise<void> {
  const { catalog } = group
  const staged = await group.requireVolume(to).stage([extent], catalog.counter('publish_sequence'))
  catalog.write(() => {
    const use = catalog.volumeUse(to) ?? { pv: to, transactions: 0, storedBytes: 0 }
    catalog.writeVolumeUse({ ...use, transactions: Math.max(use.transactions, staged.complete()) })
    catalog.addCopy(extent.eid, to, extent.frame.length)
    catalog.dropCopy(extent.eid, from, extent.frame.length)
  })
  await group.requireVolume(from).remove([extent.eid])
}

async function readExtent(group: VolumeGroup, eid: number, pv: number): Promise<NewExtent> {
  const volume = group.requireVolume(pv)
  const rows = await volume.chunkRowsOf([eid])
  const hashes = rows.sort((a, b) => a.slot - b.slot).map(({ hash }) => hash)
  return { ...((await volume.read(eid)) as NewExtent), hashes }
}

test('what another process publishes between the lookup and the publish of this one is found by the next lookup', async () => {
  const path = await createStriped(6)
  const other = await open(path)
  let before: (() => Promise<Hash[]>) | undefined = () => fill(other, 40)
  let others: Hash[] = []
  const group = await open(path, {
    wrapVolume: hooked({
      stage: async (target, ...parameters) => {
        const run = target.number === 1 ? before : undefined
        if (run) before = undefined
        if (run) others = await run()
        return target.stage(...parameters)
      },
    }),
  })
  await warmUp(group)
  const ids = await fill(group, 40)
  expect(others).toHaveLength(40)
  expect((await found(group, [...ids, ...others], false)).sort()).toEqual([...ids, ...others].sort())
})

const step = fc.oneof(
  fc.record({ kind: fc.constant('commit' as const), who: fc.nat(1), chunks: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant('move' as const),
    who: fc.nat(1),
    which: fc.nat(),
    to: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant('heal' as const), who: fc.nat(1), which: fc.nat() }),
  fc.record({ kind: fc.constant('collect' as const), who: fc.nat(1), which: fc.nat() }),
  fc.record({ kind: fc.constant('fail' as const), who: fc.nat(1), which: fc.nat() }),
  fc.record({ kind: fc.constant('ask' as const), who: fc.nat(1), hashes: fc.integer({ min: 1, max: 100 }) }),
)

test('whatever two processes commit, move, heal, collect and fail at, the filters of both find all that is visible', {
  timeout: 180_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
      const path = await createStriped(7)
      const groups = [await open(path), await open(path)] as const
      const visible = new Map<number, readonly Hash[]>()
      const note = async (group: VolumeGroup): Promise<void> => {
        for (const { record, pvs } of extentsOf(group)) {
          if (!visible.has(record.eid)) {
            visible.set(record.eid, (await readExtent(group, record.eid, pvs[0] as number)).hashes)
          }
        }
      }
      for (const each of steps) {
        const group = groups[each.who] as VolumeGroup
        const placed = extentsOf(group)
        const chosen = 'which' in each ? placed[each.which % Math.max(placed.length, 1)] : undefined
        const pv = chosen?.pvs[0] ?? 0
        if (each.kind === 'commit') await fill(group, each.chunks)
        else if (each.kind === 'ask') await group.lookup(absent(each.hashes), false)
        else if (chosen && each.kind === 'collect') {
          await group.dropRetired(group.catalog.write(() => group.retire([chosen.record.eid])))
          visible.delete(chosen.record.eid)
        } else if (chosen && pv !== 0) {
          const extent = await readExtent(group, chosen.record.eid, pv)
          if (each.kind === 'heal') await healCopy(group.catalog, group.requireVolume(pv), extent)
          else if (each.kind === 'fail') await group.requireVolume(pv).stage([extent], 0)
          else if (each.kind === 'move' && each.to !== pv) await moveExtent(group, extent, pv, each.to)
        }
        await note(group)
        const all = [...new Set([...visible.values()].flat())].sort()
        for (const one of groups) expect((await found(one, all, false)).sort()).toEqual(all)
      }
      for (const group of groups) await group.close()
    }),
    { numRuns: 10, seed: 7 },
  )
})
