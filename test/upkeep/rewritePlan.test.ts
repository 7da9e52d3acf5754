/** What gc takes for worth rewriting. */
import { describe, expect, test } from 'vitest'
import type { ExtentBase } from '../../src/format/slots.js'
import { type Census, type ExtentTally, HeldSlots } from '../../src/upkeep/census.js'
import { GoingExtents } from '../../src/upkeep/goingExtents.js'

const RAW_BYTES = 1000
const SLOTS = 10
const NOTHING = { chunks: 0, bytes: 0 }

interface Told {
  readonly storedBytes: number
  /** Slots that may go, the first ones. */
  readonly ripe?: number
  readonly bases?: readonly ExtentBase[]
  readonly rows?: number
}

/** Extents of ten slots each, numbered from 1. */
function censusOf(told: readonly Told[]): Census {
  const held = new HeldSlots()
  const extents = new Map<number, ExtentTally>()
  for (const [index, { storedBytes, ripe = 0, bases = [], rows = SLOTS }] of told.entries()) {
    const eid = index + 1
    held.add(bases)
    const ripeBytes = (ripe * RAW_BYTES) / SLOTS
    const checksum = Buffer.alloc(8)
    const record = { eid, class: 0, rawBytes: RAW_BYTES, storedBytes, chunks: SLOTS, checksum, bases } as const
    extents.set(eid, { record, pv: 0, rows, deadBytes: ripeBytes, ripe, ripeBytes })
  }
  for (const [index, { ripe = 0 }] of told.entries()) {
    for (let slot = 0; slot < ripe; slot++) held.ripen(index + 1, slot)
  }
  return { extents, held, live: NOTHING, fresh: NOTHING, waiting: NOTHING, ripe: NOTHING, oldestWaitingMs: undefined }
}

function planned(told: readonly Told[], wasteTolerance = 0.2) {
  const going = new GoingExtents(censusOf(told), wasteTolerance)
  const eids = (tallies: readonly ExtentTally[]) => tallies.map(({ record }) => record.eid)
  return {
    whole: eids(going.whole),
    groups: going.groups.map(({ tallies, newStoredBytes }) => ({ eids: eids(tallies), newStoredBytes })),
    wasteBytes: going.wasteBytes,
  }
}

const all = (eid: number): ExtentBase => ({ eid, slots: [...new Array(SLOTS).keys()] })

describe('an extent without bases', () => {
  test('is rewritten when as much of it may go as is asked for, and not for less', () => {
    const told = [{ storedBytes: 500, ripe: 2 }, { storedBytes: 500, ripe: 1 }, { storedBytes: 500 }]
    expect(planned(told)).toEqual({ whole: [], groups: [{ eids: [1], newStoredBytes: 400 }], wasteBytes: 100 })
  })

  test('is dropped when all of it may go', () => {
    expect(planned([{ storedBytes: 500, ripe: SLOTS }])).toEqual({ whole: [1], groups: [], wasteBytes: 0 })
  })

  test('is left alone when its chunk table does not name all of it', () => {
    expect(planned([{ storedBytes: 500, ripe: 8, rows: 9 }]).groups).toEqual([])
  })
})

describe('what hangs together', () => {
  test('stays as it is where what is compressed against what may go would take as much without it', () => {
    const told = [
      { storedBytes: 500, ripe: SLOTS },
      { storedBytes: 50, bases: [all(1)] },
    ]
    // 50 of 550: the second would take the 500 of the first.
    expect(planned(told)).toEqual({ whole: [], groups: [], wasteBytes: RAW_BYTES })
    expect(planned(told, 0.05).groups).toEqual([{ eids: [1, 2], newStoredBytes: 500 }])
  })

  test('is rewritten where more comes back: of a chain of versions the older half', () => {
    const chain = Array.from({ length: 9 }, (_, index) => ({
      storedBytes: 100,
      ripe: index < 4 ? SLOTS : 0,
      bases: [all(index + 1)],
    }))
    const told = [{ storedBytes: 500, ripe: SLOTS }, ...chain]
    // The oldest that stays takes what the first took, all others what they take now.
    const eids = told.map((_, index) => index + 1)
    expect(planned(told)).toEqual({ whole: [], groups: [{ eids, newStoredBytes: 900 }], wasteBytes: 0 })
  })

  test('is compressed against what its base was, where that stays', () => {
    const told = [
      { storedBytes: 500 },
      { storedBytes: 100, ripe: SLOTS, bases: [all(1)] },
      { storedBytes: 50, bases: [all(2)] },
    ]
    expect(planned(told, 0).groups).toEqual([])
    const shorter = [told[0] as Told, { ...(told[1] as Told), storedBytes: 100 }, { storedBytes: 500, bases: [all(2)] }]
    expect(planned(shorter, 0.1).groups).toEqual([{ eids: [2, 3], newStoredBytes: 500 }])
  })

  test('is rewritten from where it is worth it on: what is older, and hardly dead, stays', () => {
    const told = [
      { storedBytes: 5000, ripe: 1 },
      { storedBytes: 500, bases: [{ eid: 1, slots: [9] }] },
      { storedBytes: 500, ripe: 8, bases: [{ eid: 1, slots: [8] }] },
    ]
    expect(planned(told).groups).toEqual([{ eids: [3], newStoredBytes: 100 }])
  })

  test('stays as it is where something damaged decodes through it', () => {
    const told = [
      { storedBytes: 500, ripe: 9 },
      { storedBytes: 500, ripe: 9, bases: [all(1)], rows: 9 },
      { storedBytes: 500, ripe: 9 },
    ]
    expect(planned(told).groups).toEqual([{ eids: [3], newStoredBytes: 50 }])
  })

  test('is a group of its own beside others', () => {
    const based = { storedBytes: 100, bases: [{ eid: 2, slots: [8, 9] }] }
    const told = [{ storedBytes: 500, ripe: 5 }, { storedBytes: 500, ripe: 5 }, based]
    expect(planned(told).groups.map(({ eids }) => eids)).toEqual([[1], [2, 3]])
  })
})
