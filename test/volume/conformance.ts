/** What every physical volume promises, whatever it keeps its extents in: one suite over the interface. */
import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { type Checksum, createChecksum } from '../../src/codec/checksum.js'
import { KIND } from '../../src/format/kinds.js'
import type { VolumeGroupLayout } from '../../src/format/layout.js'
import { DEFAULT_PROFILE } from '../../src/format/profile.js'
import { prefixOf } from '../../src/volume/hashIndex.js'
import { PackedRows } from '../../src/volume/packedRows.js'
import type { ChunkLocation, NewExtent, PhysicalVolume, StagedExtents } from '../../src/volume/physicalVolume.js'

/** A new and empty volume, and what the suite must do to it from outside. */
export interface VolumeFixture {
  readonly volume: PhysicalVolume
  /**
   * Since when extents are held: volumes with a file of their own bring them in `stage`, the one in the catalog's file in
   * `complete`, inside the catalog's transaction.
   */
  readonly holdsFrom: 'stage' | 'complete'
  /** Runs `body` as the publishing transaction of the catalog: a throw rolls back. */
  publishing<T>(body: () => T): T
  damage(eid: number, part: 'frame' | 'row'): void
  /** The same volume, closed and opened again. */
  reopen(): Promise<PhysicalVolume>
}

/** Makes a volume that carries `CONFORMANCE_LAYOUT` and is number `CONFORMANCE_NUMBER` of it. */
export type MakeVolume = () => Promise<VolumeFixture>

const VG = '00000000-0000-4000-8000-000000000001'
const MEMBER_UUIDS = ['00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000003']

export const CONFORMANCE_LAYOUT: VolumeGroupLayout = {
  vg: VG,
  name: 'store',
  sequence: 5,
  createdMs: 1_700_000_000_000,
  profile: DEFAULT_PROFILE,
  physicalVolumes: MEMBER_UUIDS.map((uuid, number) => ({
    number,
    uuid,
    path: number === 0 ? '' : `pv${number}.varve`,
    ...(number === 0 ? { catalogPath: '/stores/store.varve' } : {}),
    capacityBytes: null,
    allocatable: true,
    tags: [],
  })),
  logicalVolumes: [
    {
      name: 'default',
      uuid: '00000000-0000-4000-8000-000000000004',
      type: 'linear',
      physicalVolumes: [],
      copies: 1,
      virtualBytes: null,
      tags: [],
    },
  ],
}

export function identityOf(number: number): { uuid: string; vg: string; number: number } {
  return { uuid: MEMBER_UUIDS[number] as string, vg: VG, number }
}

function hashOf(text: string): Hash {
  return createHash('sha256').update(text).digest('hex') as Hash
}

export function describePhysicalVolume(name: string, make: MakeVolume): void {
  describe(name, () => {
    let checksum: Checksum
    beforeAll(async () => {
      checksum = await createChecksum()
    })

    /** An extent of chunks with these hashes; `content` makes its frame another. */
    function extent(eid: number, hashes: readonly Hash[], content = ''): NewExtent {
      const frame = Buffer.from(`frame ${eid} ${content}`.repeat(20))
      return {
        eid,
        class: 0,
        codec: 2,
        rawBytes: 100 * hashes.length,
        slots: hashes.map((_, index) => ({ kind: KIND.chunk, length: 100 + index, chunkId: 1000 * eid + index })),
        bases: [],
        checksum: checksum.of(frame),
        frame,
        hashes,
      }
    }

    async function hold(fixture: VolumeFixture, extents: readonly NewExtent[], sequence = 0): Promise<number> {
      const staged = await fixture.volume.stage(extents, sequence)
      return fixture.publishing(() => staged.complete())
    }

    function rowsOf({ eid, slots, hashes }: NewExtent, pv: number): ChunkLocation[] {
      return slots.map(({ length, chunkId }, slot) => ({ hash: hashes[slot] as Hash, pv, eid, slot, length, chunkId }))
    }

    const [a, b, c, absent] = ['a', 'b', 'c', 'absent'].map(hashOf) as [Hash, Hash, Hash, Hash]

    test('a new volume is empty and knows who it is', async () => {
      const { volume } = await make()
      expect(await volume.state()).toEqual({
        ...identityOf(volume.number),
        transactions: 0,
        publishSequence: 0,
        highestEid: 0,
      })
      expect(volume.uuid).toBe(identityOf(volume.number).uuid)
      expect(volume.location).not.toBe('')
      expect(await volume.layout()).toEqual(CONFORMANCE_LAYOUT)
      expect(await volume.layoutSequence()).toBe(5)
      expect(await volume.list(0, Number.MAX_SAFE_INTEGER)).toEqual([])
      expect(await volume.lookup([a])).toEqual([])
      expect(await volume.integrityProblems()).toEqual([])
    })

    test('S-1: what was staged and completed is held, whole, and outlives the process', async () => {
      const fixture = await make()
      const first = extent(7, [a, b])
      const second: NewExtent = { ...extent(8, [c]), class: 1, codec: 1, bases: [{ eid: 7, slots: [1, 0] }] }
      await hold(fixture, [first, second])
      for (const volumeNow of [async () => fixture.volume, fixture.reopen]) {
        const volume = await volumeNow()
        for (const { hashes, ...stored } of [first, second]) {
          expect(await volume.read(stored.eid)).toEqual(stored)
          expect(await volume.lookup(hashes)).toEqual(rowsOf({ ...stored, hashes }, volume.number))
        }
        expect(await volume.integrityProblems()).toEqual([])
        expect(await volume.fileBytes()).toBeGreaterThanOrEqual(first.frame.length + second.frame.length)
      }
    })

    test('extents are held from `stage` or from `complete` on, never from half of either', async () => {
      const fixture = await make()
      const { volume } = fixture
      const staged = await volume.stage([extent(1, [a]), extent(2, [b])], 0)
      const inBetween = fixture.holdsFrom === 'stage' ? [1, 2] : []
      expect(await volume.list(0, 10)).toEqual(inBetween)
      expect((await volume.lookup([a, b])).map(({ eid }) => eid)).toEqual(inBetween)
      const fault = new Error('the publishing transaction fails')
      const failing = (): never => {
        staged.complete()
        throw fault
      }
      expect(() => fixture.publishing(failing)).toThrow(fault)
      expect(await volume.list(0, 10)).toEqual(inBetween)
      const again: StagedExtents = await volume.stage([extent(1, [a]), extent(2, [b])], 0)
      fixture.publishing(() => again.complete())
      expect(await volume.list(0, 10)).toEqual([1, 2])
      expect(await volume.lookup([a, b])).toHaveLength(2)
    })

    test('the same extent may come again; another under its number is refused, with all that came with it', async () => {
      const fixture = await make()
      const { volume } = fixture
      const first = extent(3, [a, b])
      await hold(fixture, [first])
      await hold(fixture, [first, extent(4, [c])])
      expect(await volume.list(0, 10)).toEqual([3, 4])
      expect(await volume.lookup([a, b])).toEqual(rowsOf(first, volume.number))
      const refused = hold(fixture, [extent(5, [absent]), extent(3, [a, b], 'another')])
      await expect(refused).rejects.toMatchObject({ code: 'CATALOG_STALE', details: { extent: 3 } })
      expect(await volume.list(0, 10)).toEqual([3, 4])
      expect(await volume.lookup([absent])).toEqual([])
      expect((await volume.read(3))?.frame.equals(first.frame)).toBe(true)
    })

    test('what takes the place of another under its number does so in one step, with its rows', async () => {
      const fixture = await make()
      const { volume } = fixture
      await hold(fixture, [extent(3, [a, b]), extent(4, [c])])
      const other = extent(3, [b], 'another')
      const staged = await volume.stage([other], 0, { replaces: true })
      fixture.publishing(() => staged.complete())
      expect(await volume.list(0, 10)).toEqual([3, 4])
      expect((await volume.read(3))?.frame.equals(other.frame)).toBe(true)
      expect(await volume.lookup([a])).toEqual([])
      expect(await volume.lookup([b])).toEqual(rowsOf(other, volume.number))
      expect(await volume.lookup([c])).toHaveLength(1)
    })

    test('a slot without an id is refused, and nothing is held', async () => {
      const fixture = await make()
      const nameless = { ...extent(1, [a, b]), hashes: [a] }
      await expect(hold(fixture, [nameless])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      expect(await fixture.volume.list(0, 10)).toEqual([])
      expect(await fixture.volume.lookup([a])).toEqual([])
    })

    test('buffers are the caller’s, before and after', async () => {
      const fixture = await make()
      const given = extent(1, [a])
      const expected = Buffer.from(given.frame)
      await hold(fixture, [given])
      given.frame.fill(0)
      const read = await fixture.volume.read(1)
      expect(read?.frame.equals(expected)).toBe(true)
      read?.frame.fill(0)
      expect((await fixture.volume.read(1))?.frame.equals(expected)).toBe(true)
    })

    test('many hashes are looked up at once; a hash in two extents has two rows, one asked for twice no others', async () => {
      const fixture = await make()
      const { volume } = fixture
      const many = Array.from({ length: 3000 }, (_, index) => hashOf(`many ${index}`))
      const extents = [0, 1, 2].map((index) => extent(10 + index, many.slice(1000 * index, 1000 * (index + 1))))
      const copy = extent(20, [many[5] as Hash])
      await hold(fixture, [...extents, copy])
      const rows = await volume.lookup([absent, ...many])
      const byPlace = (x: ChunkLocation, y: ChunkLocation): number => x.eid - y.eid || x.slot - y.slot
      const expected = [...extents, copy].flatMap((each) => rowsOf(each, volume.number))
      expect([...rows].sort(byPlace)).toEqual(expected)
      const twice = await volume.lookup([many[5] as Hash, absent, many[5] as Hash])
      expect([...new Set(twice.map(({ eid, slot }) => `${eid}:${slot}`))].sort()).toEqual(['10:5', '20:0'])
      expect(await volume.lookup([])).toEqual([])
    })

    test('S-6: what is not held reads as undefined; a damaged frame or row is an error that names the extent', async () => {
      const fixture = await make()
      const { volume } = fixture
      await hold(fixture, [extent(1, [a]), extent(2, [b]), extent(3, [c])])
      expect(await volume.read(4)).toBeUndefined()
      fixture.damage(1, 'frame')
      fixture.damage(2, 'row')
      for (const eid of [1, 2]) {
        await expect(volume.read(eid)).rejects.toMatchObject({ code: 'CORRUPT_EXTENT', details: { extent: eid } })
      }
      expect((await volume.read(3))?.eid).toBe(3)
    })

    test('numbers are listed ascending, from the first up to but not including the end', async () => {
      const fixture = await make()
      const { volume } = fixture
      for (const eid of [9, 2, 300, 5]) await hold(fixture, [extent(eid, [hashOf(`${eid}`)])])
      expect(await volume.list(0, Number.MAX_SAFE_INTEGER)).toEqual([2, 5, 9, 300])
      expect(await volume.list(2, 9)).toEqual([2, 5])
      expect(await volume.list(3, 10)).toEqual([5, 9])
      expect(await volume.list(5, 5)).toEqual([])
      expect(await volume.list(301, 400)).toEqual([])
    })

    test('removed extents are gone with their chunk rows; others, and copies of their chunks, stay', async () => {
      const fixture = await make()
      const { volume } = fixture
      await hold(fixture, [extent(1, [a, b]), extent(2, [b, c]), extent(3, [c])])
      await volume.remove([])
      await volume.remove([1, 3, 99])
      expect(await volume.list(0, 10)).toEqual([2])
      expect(await volume.read(1)).toBeUndefined()
      expect((await volume.lookup([a, b, c])).map(({ hash, eid }) => [hash, eid])).toEqual([
        [b, 2],
        [c, 2],
      ])
      expect(await volume.hashesBetween(lowest, highest, 10)).toEqual([b, c].sort())
      await hold(fixture, [extent(1, [a], 'another now')])
      expect(await volume.lookup([a])).toHaveLength(1)
      expect(await (await fixture.reopen()).list(0, 10)).toEqual([1, 2])
    })

    test('removed by their chunks they are gone as well, with rows that are damaged; others stay', async () => {
      const fixture = await make()
      const { volume } = fixture
      const known = (eid: number, hashes: readonly Hash[]) => hashes.map((hash) => ({ hash, eid }))
      await hold(fixture, [extent(1, [a, b]), extent(2, [b, c]), extent(3, [a, c])])
      await volume.remove([1], known(1, [a, b]))
      expect(await volume.list(0, 10)).toEqual([2, 3])
      expect((await volume.lookup([a, b, c])).map(({ eid }) => eid).sort()).toEqual([2, 2, 3, 3])
      // As if the row of `b` had another hash by now.
      await volume.remove([2], known(2, [absent, c]))
      expect(await volume.list(0, 10)).toEqual([3])
      expect((await volume.lookup([a, b, c])).map(({ eid }) => eid)).toEqual([3, 3])
    })

    const lowest = '00'.repeat(32) as Hash
    const highest = 'ff'.repeat(32) as Hash

    test('hashes of a range come ascending, each once, both ends included, not more than the limit', async () => {
      const fixture = await make()
      const { volume } = fixture
      const hashes = ['p', 'q', 'r', 's', 't', 'u'].map(hashOf)
      const sorted = [...hashes].sort()
      await hold(fixture, [extent(1, hashes.slice(0, 4)), extent(2, hashes.slice(2))])
      expect(await volume.hashesBetween(lowest, highest, 100)).toEqual(sorted)
      expect(await volume.hashesBetween(sorted[1] as Hash, sorted[4] as Hash, 100)).toEqual(sorted.slice(1, 5))
      expect(await volume.hashesBetween(sorted[1] as Hash, highest, 2)).toEqual(sorted.slice(1, 3))
      expect(await volume.hashesBetween(sorted[3] as Hash, sorted[3] as Hash, 100)).toEqual([sorted[3]])
      expect(await volume.hashesBetween(highest, lowest, 100)).toEqual([])
    })

    test('what all hashes begin with, and how many transactions that covers; nothing where there are too many', async () => {
      const fixture = await make()
      const { volume } = fixture
      expect(await volume.hashPrefixes(0)).toEqual({ prefixes: new Uint32Array(), transactions: 0 })
      await hold(fixture, [extent(1, [a, b]), extent(2, [b, c])])
      const { transactions } = await volume.state()
      const found = await volume.hashPrefixes(4)
      expect(found?.transactions).toBe(transactions)
      expect(new Set(found?.prefixes)).toEqual(new Set([a, b, c].map(prefixOf)))
      expect(await volume.hashPrefixes(3)).toBeUndefined()
    })

    test('the chunks of one extent', async () => {
      const fixture = await make()
      await hold(fixture, [extent(1, [a, b]), extent(2, [b, c])])
      expect((await fixture.volume.chunksOf(1)).sort()).toEqual([a, b].sort())
      expect((await fixture.volume.chunksOf(2)).sort()).toEqual([b, c].sort())
      expect(await fixture.volume.chunksOf(3)).toEqual([])
    })

    test('rows of the chunk table come by hash and extent, page by page, and those of some extents', async () => {
      const fixture = await make()
      const { volume } = fixture
      await hold(fixture, [extent(1, [a, b]), extent(2, [b, c]), extent(300, [b])])
      const all = await volume.chunkRows(undefined, 100)
      expect(all.map(({ hash, eid, slot }) => ({ hash, eid, slot }))).toEqual(
        [
          { hash: a, eid: 1, slot: 0 },
          { hash: b, eid: 1, slot: 1 },
          { hash: b, eid: 2, slot: 0 },
          { hash: b, eid: 300, slot: 0 },
          { hash: c, eid: 2, slot: 1 },
        ].sort((x, y) => (x.hash === y.hash ? x.eid - y.eid : x.hash < y.hash ? -1 : 1)),
      )
      expect(all).toEqual(expect.arrayContaining(await volume.lookup([a, b, c])))
      const paged = []
      for (let page = await volume.chunkRows(undefined, 2); page.length > 0; ) {
        expect(page.length).toBeLessThanOrEqual(2)
        paged.push(...page)
        page = await volume.chunkRows(page.at(-1), 2)
      }
      expect(paged).toEqual(all)
      const packed = []
      for (let page = await volume.packedChunkRows(undefined, 2); page.count > 0; ) {
        expect(page.count).toBeLessThanOrEqual(2)
        for (let index = 0; index < page.count; index++) {
          const own = { hash: page.hash(index), eid: page.eid(index), length: page.length(index) }
          packed.push({ ...own, chunkId: page.chunkId(index) })
        }
        page = await volume.packedChunkRows(page.last, 2)
      }
      expect(packed).toEqual(all.map(({ hash, eid, length, chunkId }) => ({ hash, eid, length, chunkId })))
      expect((await volume.packedChunkRows(undefined, 100)).bytes).toEqual(PackedRows.of(all).bytes)
      const some = await volume.chunkRowsOf([2, 300, 99])
      expect(some.map(({ hash, eid }) => `${eid} ${hash}`).sort()).toEqual([`2 ${b}`, `2 ${c}`, `300 ${b}`].sort())
      expect(await volume.chunkRowsOf([])).toEqual([])
    })

    test('giving spare bytes back changes nothing that is held', async () => {
      const fixture = await make()
      const { volume } = fixture
      for (let eid = 1; eid <= 20; eid++) await hold(fixture, [extent(eid, [hashOf(`${eid}`)])])
      await volume.remove([...Array(19).keys()].map((index) => index + 1))
      await volume.giveBack(Number.MAX_SAFE_INTEGER)
      expect(await volume.spareBytes()).toBe(0)
      expect(await volume.list(0, 100)).toEqual([20])
      expect((await volume.read(20))?.eid).toBe(20)
      expect(await volume.integrityProblems()).toEqual([])
    })

    test('the state counts what a publish relies on, and the greatest publish sequence it saw', async () => {
      const fixture = await make()
      const { volume } = fixture
      const counts = fixture.holdsFrom === 'stage'
      expect(await hold(fixture, [extent(4, [a]), extent(6, [b])], 10)).toBe(counts ? 1 : 0)
      expect(await hold(fixture, [extent(5, [c])], 8)).toBe(counts ? 2 : 0)
      const identity = identityOf(volume.number)
      const expected = { ...identity, transactions: counts ? 2 : 0, publishSequence: counts ? 10 : 0 }
      expect(await volume.state()).toEqual({ ...expected, highestEid: 6 })
      await volume.remove([6])
      expect(await volume.state()).toEqual({ ...expected, highestEid: 5 })
      expect(await (await fixture.reopen()).state()).toEqual({ ...expected, highestEid: 5 })
    })

    test('F-LAYOUT: a layout gives way to a newer one alone', async () => {
      const fixture = await make()
      const { volume } = fixture
      const named = (sequence: number, name: string): VolumeGroupLayout => ({ ...CONFORMANCE_LAYOUT, sequence, name })
      await volume.writeLayout(named(4, 'older'))
      await volume.writeLayout(named(5, 'as old'))
      expect(await volume.layout()).toEqual(CONFORMANCE_LAYOUT)
      await volume.writeLayout(named(8, 'newer'))
      expect(await volume.layout()).toEqual(named(8, 'newer'))
      expect(await volume.layoutSequence()).toBe(8)
      await volume.writeLayout(named(7, 'late'))
      expect(await (await fixture.reopen()).layout()).toEqual(named(8, 'newer'))
    })

    test('closed, and closed twice: a volume of its own refuses, the catalog’s volume lives as long as the catalog', async () => {
      const fixture = await make()
      const { volume } = fixture
      await hold(fixture, [extent(1, [a])])
      await volume.close()
      await volume.close()
      if (fixture.holdsFrom === 'complete') {
        expect((await volume.read(1))?.eid).toBe(1)
        return
      }
      await expect(volume.read(1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      await expect(volume.lookup([a])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      await expect(volume.stage([extent(2, [b])], 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      await expect(volume.state()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    })
  })
}
