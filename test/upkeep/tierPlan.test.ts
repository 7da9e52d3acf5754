/** What goes to which tier: the policy by itself, over a store of numbers. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_MS, HOUR_MS } from '../../src/base/units.js'
import { decideTiers, isAboveMark } from '../../src/upkeep/tierPlan.js'
import { type Heat, heatAt } from '../../src/volume/heat.js'
import { HALF_LIFE_MS, HIGH_PART, HOT_READS, LOW_PART, REST_MS, type Tier } from '../../src/volume/tiers.js'

interface Part {
  readonly eid: number
  readonly bytes: number
  tier: Tier
  heat: Heat
}

interface Moved {
  readonly eid: number
  readonly to: Tier
  readonly ms: number
}

/** A group with two tiers; what is done to it is what heat.ts and logicalVolumeTiers.ts do. */
class Tiers {
  nowMs = 1_000 * DAY_MS
  isDraining = false
  readonly moves: Moved[] = []

  constructor(
    readonly parts: readonly Part[],
    readonly capacityBytes: number | null,
    readonly slowBytes = Number.POSITIVE_INFINITY,
  ) {}

  used(tier: Tier): number {
    return this.parts.reduce((sum, part) => sum + (part.tier === tier ? part.bytes : 0), 0)
  }

  read(eid: number): void {
    const part = this.part(eid)
    const { movedMs } = part.heat
    part.heat = { reads: heatAt(part.heat, this.nowMs) + 1, readMs: this.nowMs, movedMs }
  }

  /** @param most steps after which it is killed */
  run(most = Number.POSITIVE_INFINITY): Moved[] {
    const fast = { usedBytes: this.used('fast'), capacityBytes: this.capacityBytes }
    this.isDraining ||= isAboveMark(fast)
    const planned: Moved[] = []
    let slowBytes = this.used('slow')
    const extents = this.parts.map(({ eid, bytes, tier, heat }) => ({
      ...{ eid, bytes, tier, heat: heatAt(heat, this.nowMs) },
      isResting: heat.movedMs > 0 && this.nowMs - heat.movedMs < REST_MS,
    }))
    decideTiers(extents, { ...fast, isDraining: this.isDraining }, (eid, to) => {
      const { bytes } = this.part(eid)
      if (to === 'slow' && slowBytes + bytes > this.slowBytes) return false
      slowBytes += to === 'slow' ? bytes : -bytes
      planned.push({ eid, to, ms: this.nowMs })
      return true
    })
    const done = planned.slice(0, most)
    for (const { eid, to } of done) {
      const part = this.part(eid)
      part.tier = to
      const reads = to === 'slow' ? 0 : heatAt(part.heat, this.nowMs)
      part.heat = { reads, readMs: this.nowMs, movedMs: this.nowMs }
    }
    if (done.length === planned.length) this.isDraining = false
    this.moves.push(...done)
    return done
  }

  places(): string {
    return this.parts.map(({ eid, tier }) => `${eid}:${tier}`).join(' ')
  }

  private part(eid: number): Part {
    return this.parts.find((part) => part.eid === eid) as Part
  }
}

const NOW_MS = 1_000 * DAY_MS

function part(eid: number, tier: Tier, reads: number, bytes = 10, agoMs = 0): Part {
  return { eid, tier, bytes, heat: { reads, readMs: NOW_MS - agoMs, movedMs: 0 } }
}

const eids = (moves: readonly Moved[], to: Tier): number[] =>
  moves.filter((move) => move.to === to).map(({ eid }) => eid)

describe('what goes down', () => {
  test('nothing below the high-water mark, however cold', () => {
    const tiers = new Tiers(
      [1, 2, 3, 4, 5, 6, 7, 8].map((eid) => part(eid, 'fast', 0)),
      100,
    )
    expect(tiers.used('fast')).toBeLessThanOrEqual(HIGH_PART * 100)
    expect(tiers.run()).toEqual([])
  })

  test('above it the coldest, and of equals the oldest, until it is at the low one', () => {
    const tiers = new Tiers(
      [9, 8, 7, 6, 5, 4, 3, 2, 1].map((eid) => part(eid, 'fast', eid === 1 ? 3 : 1)),
      100,
    )
    expect(eids(tiers.run(), 'slow')).toEqual([2, 3])
    expect(tiers.used('fast')).toBe(LOW_PART * 100)
  })

  test('as far as there is room below', () => {
    const tiers = new Tiers(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((eid) => part(eid, 'fast', 1)),
      100,
      10,
    )
    expect(eids(tiers.run(), 'slow')).toEqual([1])
    expect(tiers.run()).toEqual([])
  })

  test('without a capacity, what was not used for weeks', () => {
    const tiers = new Tiers([part(1, 'fast', 4, 10, 27 * DAY_MS), part(2, 'fast', 4, 10, 29 * DAY_MS)], null)
    expect(eids(tiers.run(), 'slow')).toEqual([2])
  })
})

describe('what comes up', () => {
  test('what was read more than once, as far as it fits below the low-water mark, hottest first', () => {
    const tiers = new Tiers([part(1, 'slow', 1), part(2, 'slow', 2), part(3, 'slow', 5), part(4, 'slow', 3)], 30)
    // 21 bytes: two of them.
    expect(eids(tiers.run(), 'fast')).toEqual([3, 4])
  })

  test('in the place of what is clearly colder, and of nothing else', () => {
    const full = (reads: number): Tiers =>
      new Tiers([...[1, 2, 3, 4, 5, 6, 7].map((eid) => part(eid, 'fast', reads)), part(9, 'slow', 4)], 100)
    expect(full(2).run()).toEqual([])
    const { moves } = ((tiers) => {
      tiers.run()
      return tiers
    })(full(1.5))
    expect(moves.map(({ eid, to }) => `${eid} ${to}`)).toEqual(['1 slow', '9 fast'])
  })

  test('nothing goes down for what does not fit after all', () => {
    const parts = [part(1, 'fast', 0), part(2, 'fast', 9), ...[3, 4, 5, 6, 7].map((eid) => part(eid, 'fast', 9))]
    const tiers = new Tiers([...parts, part(8, 'slow', 5, 20)], 100)
    expect(tiers.run()).toEqual([])
  })

  test('once is not enough, and long ago is not either', () => {
    const tiers = new Tiers([part(1, 'slow', 1), part(2, 'slow', HOT_READS, 10, HOUR_MS)], 100)
    expect(tiers.run()).toEqual([])
  })
})

const tier = fc.constantFrom<Tier>('fast', 'slow')
const anyPart = fc.record({
  tier,
  bytes: fc.integer({ min: 1, max: 30 }),
  reads: fc.double({ min: 0, max: 8, noNaN: true }),
  agoMs: fc.integer({ min: 0, max: 60 * DAY_MS }),
  movedAgoMs: fc.option(fc.integer({ min: 0, max: 3 * REST_MS })),
})
const anyParts = fc.array(anyPart, { minLength: 1, maxLength: 12 })
const capacity = fc.option(fc.integer({ min: 10, max: 200 }))

function tiersOf(
  parts: readonly (typeof anyPart extends fc.Arbitrary<infer T> ? T : never)[],
  capacityBytes: number | null,
  rests = true,
): Tiers {
  return new Tiers(
    parts.map(({ tier, bytes, reads, agoMs, movedAgoMs }, index) => ({
      ...part(index + 1, tier, reads, bytes, agoMs),
      heat: { reads, readMs: NOW_MS - agoMs, movedMs: rests && movedAgoMs !== null ? NOW_MS - movedAgoMs : 0 },
    })),
    capacityBytes,
  )
}

describe('it comes to rest', () => {
  test('planned again without use in between, nothing moves', () => {
    fc.assert(
      fc.property(anyParts, capacity, (parts, capacityBytes) => {
        const tiers = tiersOf(parts, capacityBytes)
        tiers.run()
        expect(tiers.run()).toEqual([])
      }),
    )
  })

  test('and not later either, where there are marks', () => {
    fc.assert(
      fc.property(
        anyParts,
        fc.integer({ min: 10, max: 200 }),
        fc.integer({ min: 0, max: 100 }),
        (parts, capacityBytes, days) => {
          const tiers = tiersOf(parts, capacityBytes, false)
          tiers.run()
          tiers.nowMs += days * DAY_MS
          expect(tiers.run()).toEqual([])
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('killed after any step, the next run ends where one alone would have', () => {
    fc.assert(
      fc.property(
        anyParts,
        capacity,
        fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
        (parts, capacityBytes, kills) => {
          const whole = tiersOf(parts, capacityBytes)
          whole.run()
          const killed = tiersOf(parts, capacityBytes)
          for (const most of kills) killed.run(most)
          killed.run()
          expect(killed.places()).toBe(whole.places())
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('whatever is read at regular times: in the end each lies where it stays', () => {
    const trace = fc.record({
      parts: fc.array(
        fc.record({ tier, bytes: fc.integer({ min: 1, max: 30 }), everyDays: fc.integer({ min: 1, max: 40 }) }),
        {
          minLength: 2,
          maxLength: 8,
        },
      ),
      capacityBytes: fc.integer({ min: 10, max: 120 }),
      runHour: fc.nat(23),
    })
    fc.assert(
      fc.property(trace, ({ parts, capacityBytes, runHour }) => {
        const tiers = new Tiers(
          parts.map(({ tier: at, bytes }, index) => part(index + 1, at, 4, bytes)),
          capacityBytes,
        )
        let settled = 0
        const days = (40 * HALF_LIFE_MS) / DAY_MS
        for (let day = 0; day < days; day++) {
          for (let hour = 0; hour < 24; hour++) {
            // Each at an hour of its own.
            for (const [index, { everyDays }] of parts.entries()) {
              if (hour === (index * 5) % 24 && day % everyDays === index % everyDays) tiers.read(index + 1)
            }
            if (hour === runHour && tiers.run().length > 0) settled = day
            tiers.nowMs += HOUR_MS
          }
        }
        expect(settled).toBeLessThan(days / 2)
      }),
      { numRuns: 40 },
    )
  })

  test('of two that take turns, the one that is up stays, however often they are read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 * 24 }), fc.integer({ min: 1, max: 99 }), (everyHours, phase) => {
        const tiers = new Tiers([part(1, 'fast', 4), part(2, 'slow', 0)], 15)
        for (let turn = 0; turn < 60; turn++) {
          tiers.read(1)
          tiers.nowMs += Math.round((everyHours * HOUR_MS * phase) / 100)
          tiers.run()
          tiers.read(2)
          tiers.run()
          tiers.nowMs += Math.round((everyHours * HOUR_MS * (100 - phase)) / 100)
          tiers.run()
        }
        expect(tiers.moves).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('whatever is read, nothing is moved twice within a day', () => {
    const step = fc.record({ read: fc.array(fc.integer({ min: 1, max: 12 })), hours: fc.integer({ min: 0, max: 12 }) })
    fc.assert(
      fc.property(anyParts, capacity, fc.array(step, { maxLength: 30 }), (parts, capacityBytes, steps) => {
        const tiers = tiersOf(parts, capacityBytes, false)
        for (const { read, hours } of steps) {
          for (const eid of read) if (eid <= parts.length) tiers.read(eid)
          tiers.nowMs += hours * HOUR_MS
          tiers.run()
        }
        for (const [index, move] of tiers.moves.entries()) {
          const again = tiers.moves.slice(index + 1).find(({ eid }) => eid === move.eid)
          if (again) expect(again.ms - move.ms).toBeGreaterThanOrEqual(DAY_MS)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
