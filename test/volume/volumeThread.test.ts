/** Volumes whose large stages are written by threads: the same as without, and nothing is lost with a thread. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { verifyStore } from '../../src/upkeep/verify.js'
import { withVolume } from '../../src/volume/groupInfo.js'
import type { OpenGroupOptions } from '../../src/volume/groupOptions.js'
import { listLeases } from '../../src/volume/lease.js'
import type { NewExtent } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom } from '../codec/inputs.js'
import { driverWith } from '../support/drivers.js'
import { createGroup, extentsOf, groupOptions, publishOnly, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { tempFolder } from '../support/tempFolder.js'

let seed = 0
const someBytes = (): Buffer => pseudoRandom(60_000, ++seed)
/** So many are staged ahead. */
const CHUNKS = 400

/** Two volumes beside the catalog's, which takes nothing. */
async function twoVolumes(open: Partial<OpenGroupOptions>, type: 'striped' | 'mirrored' = 'striped') {
  const made = await createGroup({ volumes: 3, open })
  await made.group.changeLayout((layout) => ({
    ...withVolume(layout, 0, { allocatable: false }),
    logicalVolumes: layout.logicalVolumes.map((each) => ({ ...each, type, copies: type === 'mirrored' ? 2 : 1 })),
  }))
  return { ...made, store: await ChunkStore.open(made.group, systemClock) }
}

async function putMany(writer: ReturnType<typeof writerOf>): Promise<Map<Hash, Buffer>> {
  const put = new Map<Hash, Buffer>()
  for (let index = 0; index < CHUNKS; index++) {
    const bytes = someBytes()
    put.set(await writer.put(KIND.chunk, bytes), bytes)
  }
  return put
}

async function expectAll(path: string, put: ReadonlyMap<Hash, Buffer>): Promise<void> {
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  const store = await ChunkStore.open(group, systemClock)
  for (const [id, bytes] of put) expect((await store.get(KIND.chunk, id)).equals(bytes)).toBe(true)
  const checkRows = [() => group.catalog.checkTotals([0, 1, 2])]
  expect((await verifyStore({ store, roots: () => [], checkRows, pruned: new Set() })).problems).toEqual([])
  expect(listLeases(group.catalog)).toEqual([])
  // Nothing lies there but what the catalog names.
  for (const volume of group.volumes) {
    const named = extentsOf(group).filter(({ pvs }) => pvs.includes(volume.number))
    expect(await volume.list(0, 1e9)).toEqual(named.map(({ record }) => record.eid).sort((a, b) => a - b))
  }
}

/** Appends a line for each transaction of a thread. */
const telling = (log: string, rest = 'return commit()') =>
  driverWith(`appendFileSync(${JSON.stringify(log)}, 'x\\n'); ${rest}`)
const told = (log: string): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0)

for (const type of ['striped', 'mirrored'] as const) {
  test(`${type}: what threads write is what is written without`, async () => {
    const log = join(tempFolder(), 'log')
    const { group, store, path } = await twoVolumes({ driver: telling(log) }, type)
    const brought = new Map<number, NewExtent>()
    const stageOn = group.stageOn.bind(group)
    group.stageOn = (pv, extents) => {
      for (const extent of extents) brought.set(extent.eid, extent)
      return stageOn(pv, extents)
    }
    const writer = writerOf(store)
    const put = await putMany(writer)
    await publishOnly(writer)
    expect(told(log)).toBeGreaterThanOrEqual(2)
    const without = await twoVolumes({ threads: false }, type)
    await without.group.stage([...brought.values()].map((extent) => ({ extent, pvs: [1] })))
    const rowsOf = (volume: NonNullable<ReturnType<VolumeGroup['volume']>>) => volume.chunkRowsOf([...brought.keys()])
    const byHash = (rows: Awaited<ReturnType<typeof rowsOf>>) =>
      rows.map(({ pv: _, ...row }) => row).sort((a, b) => (a.hash < b.hash ? -1 : 1))
    const fieldsOf = async (from: VolumeGroup, pv: number, eid: number) => {
      const { frame, ...fields } = (await from.requireVolume(pv).read(eid)) ?? {}
      return { ...fields, frame: frame?.toString('base64') }
    }
    const rows = await Promise.all([1, 2].map(async (pv) => rowsOf(group.requireVolume(pv))))
    const expected = byHash(await rowsOf(without.group.requireVolume(1)))
    if (type === 'mirrored') for (const some of rows) expect(byHash(some)).toEqual(expected)
    else expect(byHash(rows.flat())).toEqual(expected)
    for (const { record, pvs } of extentsOf(group)) {
      const other = await fieldsOf(without.group, 1, record.eid)
      for (const pv of pvs) expect(await fieldsOf(group, pv, record.eid)).toEqual(other)
    }
    await group.close()
    await expectAll(path, put)
  })
}

for (const [moment, dying] of [
  ['before', 'process.exit(1)'],
  ['after', 'commit(); process.exit(1)'],
] as const) {
  test(`a thread that dies ${moment} it has written: the commit goes on without, and so does the next`, async () => {
    const { group, store, path } = await twoVolumes({ driver: driverWith(dying) })
    const writer = writerOf(store)
    const put = await putMany(writer)
    await publishOnly(writer)
    const next = writerOf(store)
    for (const [id, bytes] of await putMany(next)) put.set(id, bytes)
    await publishOnly(next)
    await group.close()
    await expectAll(path, put)
  })
}

test('a thread that cannot start is done without', async () => {
  const { group, store, path } = await twoVolumes({ driver: join(tempFolder(), 'nothing.cjs') })
  const writer = writerOf(store)
  const put = await putMany(writer)
  await publishOnly(writer)
  await group.close()
  await expectAll(path, put)
})

test('what fails in a thread fails the publish, nothing is visible, and the next try does it', async () => {
  const full =
    "if (count === 1) { throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' }) }"
  const { group, store, path } = await twoVolumes({ driver: driverWith(`${full} return commit()`) })
  const writer = writerOf(store)
  const put = await putMany(writer)
  await expect(publishOnly(writer)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
  expect(extentsOf(group)).toEqual([])
  await publishOnly(writer)
  await group.close()
  await expectAll(path, put)
})

test('giving up waits for threads, and nothing is left', async () => {
  const log = join(tempFolder(), 'log')
  const slow = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); return commit()'
  const { group, store, path } = await twoVolumes({ driver: telling(log, slow) })
  const writer = writerOf(store)
  await putMany(writer)
  expect(told(log)).toBeGreaterThan(0)
  await writer.abandon()
  await group.close()
  await expectAll(path, new Map())
})

test('closing a group waits for what its threads are at', async () => {
  const slow = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); return commit()'
  const { group, store, path } = await twoVolumes({ driver: driverWith(slow) })
  const writer = writerOf(store)
  await putMany(writer)
  await group.close()
  await expect(publishOnly(writer)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  const again = await VolumeGroup.open(path, groupOptions)
  expect(extentsOf(again)).toEqual([])
  await again.close()
})

test('small stages start no thread', async () => {
  const log = join(tempFolder(), 'log')
  const { store } = await twoVolumes({ driver: telling(log) })
  for (let commit = 0; commit < 3; commit++) {
    const writer = writerOf(store)
    for (let index = 0; index < 20; index++) await writer.put(KIND.chunk, someBytes())
    await publishOnly(writer)
  }
  expect(told(log)).toBe(0)
})

test('volumes are written before the last chunk is put', async () => {
  let staged = 0
  const { store } = await twoVolumes({
    wrapVolume: (volume) =>
      hookedVolume(volume, {
        async stage(target, ...parameters) {
          staged += parameters[0].length
          return target.stage(...parameters)
        },
      }),
  })
  const writer = writerOf(store)
  await putMany(writer)
  expect(staged).toBeGreaterThan(0)
  await writer.abandon()
})
