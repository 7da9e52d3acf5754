/** S-6: a damaged copy is read past, and mended from a sound one. */
import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import type { OpenGroupOptions } from '../../src/volume/groupOptions.js'
import { healCopy } from '../../src/volume/heal.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { readingOrder } from '../../src/volume/readExtent.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createGroup, extentsOf, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as typeof BetterSqlite3
const random = seededRandom('healing')

/** Two copies of every extent over three volumes; the chunk, and the volumes that hold it. */
async function mirrored(
  open: Partial<OpenGroupOptions> = {},
): Promise<{ group: VolumeGroup; path: string; id: Hash; bytes: Buffer; eid: number }> {
  const { group, path } = await createGroup({ volumes: 3, open })
  await group.changeLayout((layout) => ({
    ...layout,
    logicalVolumes: layout.logicalVolumes.map((volume) => ({ ...volume, type: 'mirrored' as const, copies: 2 })),
  }))
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  const bytes = random.bytes(50_000)
  const id = await writer.put(KIND.chunk, bytes)
  await writer.put(KIND.chunk, random.bytes(20_000))
  await publishOnly(writer)
  const eid = (await group.lookup([id]))[0]?.eid ?? 0
  return { group, path, id, bytes, eid }
}

function change(volume: PhysicalVolume | undefined, sql: string, ...parameters: unknown[]): void {
  const database = new Database(volume?.location ?? '')
  const { changes } = database.prepare(sql).run(...parameters)
  database.close()
  expect(changes).toBeGreaterThan(0)
}

const DAMAGE: readonly (readonly [string, string])[] = [
  ['a flipped frame', 'UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ?'],
  ['a changed row', 'UPDATE payload SET raw_bytes = raw_bytes + 1 WHERE eid = ?'],
  ['a missing extent', 'DELETE FROM payload WHERE eid = ?'],
]

describe('a damaged copy', () => {
  for (const [what, sql] of DAMAGE) {
    for (const which of [0, 1]) {
      test(`${what} (copy ${which}): the other one is read, and takes its place`, async () => {
        const { group, path, id, bytes, eid } = await mirrored()
        const copies = readingOrder(eid, group.catalog.copies(eid))
        expect(copies).toHaveLength(2)
        const hit = copies[which] ?? -1
        change(group.volume(hit), sql, eid)
        await group.close()

        const reopened = await VolumeGroup.open(path, groupOptions)
        const store = await ChunkStore.open(reopened, systemClock)
        expect((await store.get(KIND.chunk, id)).equals(bytes)).toBe(true)
        // The first copy that is sound is read: one behind it is not looked at.
        const first = reopened.volume(copies[0] ?? -1)
        const record = reopened.catalog.extent(eid)
        expect((await first?.read(eid))?.checksum).toEqual(record?.checksum)
        expect((await first?.lookup([id]))?.map((location) => location.eid)).toEqual([eid])
        const use = reopened.catalog.volumeUse(copies[0] ?? -1)
        expect(use?.transactions).toBeLessThanOrEqual((await first?.state())?.transactions ?? -1)
        await reopened.close()
        await (await VolumeGroup.open(path, groupOptions)).close()
      })
    }
  }

  test('of copies that are sound, those of each volume are read by turns', async () => {
    const reads: number[] = []
    const wrapVolume = (volume: PhysicalVolume): PhysicalVolume =>
      hookedVolume(volume, {
        read: (target, eid) => {
          reads.push(target.number)
          return target.read(eid)
        },
      })
    const { group } = await mirrored({ wrapVolume })
    const eids = [4, 5, 6, 7]
    const [extent] = extentsOf(group)
    group.catalog.write(() => {
      for (const eid of eids) if (extent) group.catalog.addExtent({ ...extent.record, eid }, [1, 2])
    })
    // Nothing is there: each is asked for on one volume, and then on the other.
    for (const eid of eids) await group.readExtent(eid).catch(() => undefined)
    expect(reads).toEqual([1, 2, 2, 1, 1, 2, 2, 1])
  })

  test('both damaged: the error names extent and volume', async () => {
    const { group, id, eid } = await mirrored()
    for (const pv of group.catalog.copies(eid)) change(group.volume(pv), DAMAGE[0]?.[1] ?? '', eid)
    const store = await ChunkStore.open(group, systemClock)
    await expect(store.get(KIND.chunk, id)).rejects.toMatchObject({ code: 'CORRUPT_EXTENT', details: { extent: eid } })
  })

  test('a store that is opened for reading only is read past the damage, and left as it is', async () => {
    const { group, path, id, bytes, eid } = await mirrored()
    const [hit = -1] = readingOrder(eid, group.catalog.copies(eid))
    change(group.volume(hit), DAMAGE[0]?.[1] ?? '', eid)
    await group.close()
    const reopened = await VolumeGroup.open(path, { ...groupOptions, readOnly: true })
    const store = await ChunkStore.open(reopened, systemClock)
    expect((await store.get(KIND.chunk, id)).equals(bytes)).toBe(true)
    await expect(reopened.volume(hit)?.read(eid)).rejects.toMatchObject({ code: 'CORRUPT_EXTENT' })
    await reopened.close()
  })

  test('what the catalog has dropped meanwhile is not brought back', async () => {
    const { group, id, eid } = await mirrored()
    const [hit = -1, other = -1] = group.catalog.copies(eid)
    const sound = await group.volume(other)?.read(eid)
    if (!sound) throw new Error('the other copy is not there')
    group.catalog.write(() => group.catalog.removeExtent(eid))
    const hashes = [id, 'cd'.repeat(32) as Hash]
    expect(await healCopy(group.catalog, group.volume(hit) as PhysicalVolume, { ...sound, hashes })).toBe(false)
    expect(await group.volume(hit)?.read(eid)).toBeUndefined()
    expect(await group.volume(hit)?.lookup([id])).toEqual([])
  })

  test('a volume that takes no repair does not keep the reader from what it asked for', async () => {
    const { group, path, id, bytes, eid } = await mirrored()
    const [hit = -1] = readingOrder(eid, group.catalog.copies(eid))
    change(group.volume(hit), DAMAGE[0]?.[1] ?? '', eid)
    await group.close()
    let tries = 0
    const reopened = await VolumeGroup.open(path, {
      ...groupOptions,
      wrapVolume: (volume) =>
        hookedVolume(volume, {
          stage: () => {
            tries++
            throw reopened.catalog.damaged('payload', 'x')
          },
        }),
    })
    const store = await ChunkStore.open(reopened, systemClock)
    expect((await store.get(KIND.chunk, id)).equals(bytes)).toBe(true)
    expect(tries).toBe(1)
    await reopened.close()
  })
})
