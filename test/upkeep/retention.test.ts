/** Which commits stay under a policy: by the calendar, and whatever the clocks of those who made them said. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { VarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import { planRetention, type RetentionCommit, type RetentionPolicy } from '../../src/upkeep/retention.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.parse('2026-11-26T12:00:00Z')
const LAST = 'newest not in the future'
const WENT_BACK = 'clock went back after it'
const CALENDAR = ['keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'] as const

/** Newest first, the first one the tip. A time without a zone is UTC; one with a zone is in it. */
function history(...times: string[]): RetentionCommit[] {
  return times.map((time, index) => {
    const zone = /([+-])(\d\d):(\d\d)$/.exec(time)
    const zoneMinutes = zone ? (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) : 0
    const timeMs = Date.parse(zone ? time : `${time}Z`)
    return { id: String(index).padStart(64, '0') as Hash, timeMs, zoneMinutes, tags: [], isTip: index === 0 }
  })
}

function reasons(commits: readonly RetentionCommit[], policy: RetentionPolicy, nowMs = NOW): string[] {
  return planRetention(commits, policy, nowMs).map((verdict) => verdict.reasons.join(', '))
}

function thrownBy(run: () => unknown): VarveError {
  try {
    run()
  } catch (error) {
    return error as VarveError
  }
  throw new Error('nothing was thrown')
}

test('the newest commit of each of the last buckets that have commits stays', () => {
  const commits = history(
    '2026-11-26T10:30',
    '2026-11-26T10:10',
    '2026-11-26T09:59',
    '2026-11-24T23:00',
    '2026-11-01T00:00',
  )
  expect(reasons(commits, { keepHourly: 3 })).toEqual([
    'tip, hourly 2026-11-26 10',
    '',
    'hourly 2026-11-26 09',
    'hourly 2026-11-24 23',
    '',
  ])
  expect(reasons(commits, { keepDaily: 2 })).toEqual(['tip, daily 2026-11-26', '', '', 'daily 2026-11-24', ''])
  expect(reasons(commits, { keepLast: 2, keepMonthly: 12 })).toEqual([
    'tip, last 1, monthly 2026-11',
    'last 2',
    '',
    '',
    '',
  ])
})

test('rules count on their own, and a commit has all its reasons', () => {
  const commits = history('2026-11-26T10:00', '2026-11-25T10:00', '2026-10-31T10:00', '2025-12-31T10:00')
  const all = {
    keepLast: 1,
    keepHourly: 1,
    keepDaily: 2,
    keepWeekly: 1,
    keepMonthly: 2,
    keepYearly: 2,
    keepWithinMs: DAY,
  }
  expect(reasons(commits, all)).toEqual([
    'tip, last 1, hourly 2026-11-26 10, daily 2026-11-26, weekly 2026-W48, monthly 2026-11, yearly 2026, within 1d',
    'daily 2026-11-25, within 1d',
    'monthly 2026-10',
    'yearly 2025',
  ])
})

test.each([
  ['2026-01-01T12:00', 'weekly 2026-W01'],
  ['2025-12-29T00:00', 'weekly 2026-W01'],
  ['2025-12-28T23:59', 'weekly 2025-W52'],
  ['2021-01-03T23:59', 'weekly 2020-W53'],
  ['2021-01-04T00:00', 'weekly 2021-W01'],
  ['1969-12-29T00:00', 'weekly 1970-W01'],
  ['1969-12-28T23:59', 'weekly 1969-W52'],
])('%s is in the ISO week of %s', (time, week) => {
  expect(reasons(history(time), { keepWeekly: 1 })).toEqual([`tip, ${week}`])
})

test('any date that a commit can have has its buckets', () => {
  const edge = { ...history('1970-01-01T00:00')[0]!, timeMs: -(2 ** 52), zoneMinutes: -1439 }
  const all = { keepHourly: 1, keepDaily: 1, keepWeekly: 1, keepMonthly: 1, keepYearly: 1 }
  expect(reasons([edge], all)[0]).toMatch(
    /^tip, hourly -140744-\d\d-\d\d \d\d, daily .*, weekly -140744-W\d\d, .*, yearly -140744$/,
  )
})

test('the day is that of the zone of the commit', () => {
  const commits = history('2026-11-26T00:30+02:00', '2026-11-25T23:30+02:00', '2026-11-24T23:30-05:00')
  expect(reasons(commits, { keepDaily: 9 })).toEqual(['tip, daily 2026-11-26', 'daily 2026-11-25', 'daily 2026-11-24'])
})

test('within counts from the newest commit, in whichever year that was', () => {
  const commits = history('2025-03-10T12:00', '2025-03-03T12:00', '2025-03-03T11:59:59.999', '2024-01-01T00:00')
  expect(reasons(commits, { keepWithinMs: 7 * DAY })).toEqual(['tip, within 7d', 'within 7d', '', ''])
  expect(reasons(commits, { keepWithinMs: 36 * HOUR })).toEqual(['tip, within 36h', '', '', ''])
})

test('within counts from now where a clock is a little ahead', () => {
  const commits = history('2026-11-27T11:00', '2026-11-26T01:00', '2026-11-25T23:59')
  expect(reasons(commits, { keepWithinMs: 12 * HOUR })).toEqual(['tip, within 12h', 'within 12h', ''])
})

test('commits from the future stay and count nowhere', () => {
  const commits = history(
    '2027-06-01T00:00',
    '2026-11-27T12:00',
    '2026-11-26T00:00',
    '2090-01-01T00:00',
    '2026-11-25T00:00',
  )
  expect(reasons(commits, { keepLast: 2, keepDaily: 2, keepYearly: 1, keepWithinMs: HOUR })).toEqual([
    'tip, in the future',
    `${LAST}, last 1, daily 2026-11-27, yearly 2026, within 1h`,
    'last 2, daily 2026-11-26',
    'in the future',
    '',
  ])
})

test('a clock that fell back to 1970 uses up no bucket, and its commits are in those of their dates', () => {
  const commits = history(
    '2026-11-26T10:00',
    '1970-01-02T00:00',
    '1970-01-01T00:00',
    '2026-11-25T10:00',
    '2026-11-24T10:00',
  )
  expect(reasons(commits, { keepDaily: 2 })).toEqual(['tip, daily 2026-11-26', '', '', 'daily 2026-11-25', ''])
  expect(reasons(commits, { keepDaily: 4 })).toEqual([
    'tip, daily 2026-11-26',
    'daily 1970-01-02',
    '',
    `daily 2026-11-25, ${WENT_BACK}`,
    'daily 2026-11-24',
  ])
})

test('commits that are dated into past weeks take no place of those that were there', () => {
  const good = ['2026-11-25T10:00', '2026-11-20T10:00', '2026-11-13T10:00', '2026-11-06T10:00']
  const slippedIn = ['2026-11-08T23:59', '2026-11-15T23:59', '2026-11-22T23:59']
  expect(reasons(history(...slippedIn, ...good), { keepWeekly: 3 })).toEqual([
    'tip',
    'weekly 2026-W46',
    'weekly 2026-W47',
    `weekly 2026-W48, ${WENT_BACK}`,
    'weekly 2026-W47',
    'weekly 2026-W46',
    '',
  ])
})

test('what was committed in the last hours stays, though clocks elsewhere show later ones', () => {
  const here = ['2026-11-26T03:30-08:00', '2026-11-26T02:30-08:00', '2026-11-26T01:30-08:00']
  const there = ['2026-11-26T18:00+09:00', '2026-11-26T17:00+09:00', '2026-11-26T16:00+09:00', '2026-11-26T15:00+09:00']
  const kept = reasons(history(...here, ...there), { keepHourly: 3 })
  expect(kept.slice(0, 3)).toEqual(['tip, hourly 2026-11-26 03', 'hourly 2026-11-26 02', ''])
  expect(kept.slice(3)).toEqual(['hourly 2026-11-26 18', 'hourly 2026-11-26 17', 'hourly 2026-11-26 16', ''])
})

test('tags are kept by whole names', () => {
  const tagged = history('2026-11-26T10:00', '2026-11-25T10:00', '2026-11-24T10:00', '2090-01-01T00:00')
  const names = [[], ['v1.0', 'release/2026', 'other'], ['xv1.0', 'v1.00'], ['v1.0']]
  const commits = tagged.map((commit, index) => ({ ...commit, tags: names[index]! }))
  expect(reasons(commits, { keepTags: ['v?.?', 'rel*26', 'v1*0'] })).toEqual([
    'tip',
    'tag v1.0, tag release/2026',
    'tag v1.00',
    'in the future, tag v1.0',
  ])
})

test.each([
  {},
  {
    keepLast: 0,
    keepHourly: 0,
    keepDaily: 0,
    keepWeekly: 0,
    keepMonthly: 0,
    keepYearly: 0,
    keepWithinMs: 0,
    keepTags: [],
  },
  ...['keepLast', ...CALENDAR, 'keepWithinMs'].flatMap((option) =>
    [-1, 1.5, Number.NaN].map((value) => ({ keepTags: ['v1'], [option]: value })),
  ),
  { keepLast: 1, keepTags: [''] },
  { keepLast: 1, keepTags: ['v[12]'] },
  { keepLast: 1, keepTags: ['v\\*'] },
])('%j is refused', (policy) => {
  const error = thrownBy(() => planRetention([], policy, NOW))
  expect(error.code).toBe('INVALID_ARGUMENT')
  expect(error.hint).toMatch(/\S/)
})

test('without a time there is no telling what is in the future', () => {
  expect(thrownBy(() => planRetention([], { keepLast: 1 }, Number.NaN)).code).toBe('INVALID_ARGUMENT')
})

/** Small numbers, so that buckets collide; now and then a clock that is off by a little, by much, or in the future. */
const stepMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 }).map((hours) => hours * HOUR) },
  { weight: 1, arbitrary: fc.integer({ min: -30, max: 0 }).map((hours) => hours * HOUR) },
  { weight: 1, arbitrary: fc.integer({ min: -60, max: 60 }).map((days) => days * DAY) },
)
const zone = fc.constantFrom(0, 0, 0, 60, 330, -480, 840, -720, 1439, -1439)
const tags = fc.oneof(
  { weight: 5, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.constantFrom(['v1'], ['w1', 'v2']) },
)

/** Newest first. A date is a step from the one before, unless that was odd: then from the last that was not. */
const anyHistory = fc
  .array(fc.record({ stepMs, zoneMinutes: zone, tags, isOdd: fc.boolean() }), { minLength: 1, maxLength: 30 })
  .map((steps) => {
    let timeMs = NOW - 30 * DAY
    const commits = steps.map(({ stepMs, zoneMinutes, tags, isOdd }, index): RetentionCommit => {
      const own = timeMs + stepMs
      if (!isOdd || (stepMs >= 0 && stepMs < 3 * DAY)) timeMs = own
      const isTip = index === steps.length - 1
      return { id: String(index).padStart(64, '0') as Hash, timeMs: own, zoneMinutes, tags, isTip }
    })
    return commits.reverse()
  })

const number = fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(6) })
const anyPolicy = fc
  .record({
    keepLast: number,
    keepHourly: number,
    keepDaily: number,
    keepWeekly: number,
    keepMonthly: number,
    keepYearly: number,
    keepWithinMs: fc.oneof(fc.constant(undefined), fc.constantFrom(0, HOUR, DAY, 10 * DAY)),
    keepTags: fc.constantFrom(undefined, ['v1'], ['v*']),
  })
  .filter(
    ({ keepTags, ...numbers }) => keepTags !== undefined || Object.values(numbers).some((value) => (value ?? 0) > 0),
  )

function kept(commits: readonly RetentionCommit[], policy: RetentionPolicy): Set<Hash> {
  const stays = planRetention(commits, policy, NOW).filter((verdict) => verdict.reasons.length > 0)
  return new Set(stays.map(({ id }) => id))
}

function expectAllOf(wanted: Iterable<Hash>, found: ReadonlySet<Hash>): void {
  expect([...wanted].filter((id) => !found.has(id))).toEqual([])
}

const RUNS = { numRuns: 3000 }

test('there is a verdict for each commit in its place, and the tip stays', () => {
  fc.assert(
    fc.property(anyHistory, anyPolicy, fc.integer({ min: -400, max: 400 }), (commits, policy, days) => {
      const verdicts = planRetention(commits, policy, NOW + days * DAY)
      expect(verdicts.map(({ id, timeMs }) => ({ id, timeMs }))).toEqual(
        commits.map(({ id, timeMs }) => ({ id, timeMs })),
      )
      expect(verdicts[0]?.reasons[0]).toBe('tip')
      for (const verdict of verdicts) expect(new Set(verdict.reasons).size).toBe(verdict.reasons.length)
    }),
    RUNS,
  )
})

test('in order, in one zone: as by walking back and counting each new bucket', () => {
  const texts: Readonly<Record<string, (local: string) => string>> = {
    keepHourly: (local) => `hourly ${local.slice(0, 13).replace('T', ' ')}`,
    keepDaily: (local) => `daily ${local.slice(0, 10)}`,
    keepMonthly: (local) => `monthly ${local.slice(0, 7)}`,
    keepYearly: (local) => `yearly ${local.slice(0, 4)}`,
  }
  const ages = fc.uniqueArray(fc.nat(3000), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(
      ages,
      zone,
      fc.constantFrom(...Object.keys(texts)),
      fc.integer({ min: 1, max: 6 }),
      (ages, zoneMinutes, option, count) => {
        const sorted = [...ages].sort((a, b) => a - b)
        const times = sorted.map(
          (age) => NOW - age * (option === 'keepHourly' ? 0.1 : option === 'keepDaily' ? 3 : 30) * HOUR,
        )
        const commits = times.map((timeMs, index): RetentionCommit => {
          return { id: String(index).padStart(64, '0') as Hash, timeMs, zoneMinutes, tags: [], isTip: false }
        })
        const seen = new Set<string>()
        const expected = times.map((timeMs) => {
          const text = texts[option]!(new Date(timeMs + zoneMinutes * 60_000).toISOString())
          const stays = !seen.has(text) && seen.size < count
          if (stays) seen.add(text)
          return stays ? text : ''
        })
        expect(reasons(commits, { [option]: count })).toEqual(expected)
      },
    ),
    RUNS,
  )
})

test('asking for more keeps all that stayed for less', () => {
  const more = fc.record({ keepLast: fc.nat(2), keepHourly: fc.nat(2), keepDaily: fc.nat(2), keepWeekly: fc.nat(2) })
  const later = fc.record({
    keepMonthly: fc.nat(2),
    keepYearly: fc.nat(2),
    keepWithinMs: fc.constantFrom(0, HOUR, 3 * DAY),
  })
  fc.assert(
    fc.property(anyHistory, anyPolicy, more, later, (commits, policy, ...extra) => {
      const wider: Record<string, unknown> = { ...policy, keepTags: [...(policy.keepTags ?? []), 'w?'] }
      for (const [option, by] of extra.flatMap(Object.entries)) wider[option] = Number(wider[option] ?? 0) + by
      expectAllOf(kept(commits, policy), kept(commits, wider))
    }),
    RUNS,
  )
})

/** Where commits are put in, and how far off their dates are. */
const additions = fc.array(
  fc.record({ at: fc.nat(30), amount: fc.integer({ min: 1, max: 100 * 24 }), zoneMinutes: zone }),
  { minLength: 1, maxLength: 8 },
)

function insert(
  commits: readonly RetentionCommit[],
  at: number,
  timeMs: number,
  zoneMinutes: number,
): RetentionCommit[] {
  const id = `f${commits.length}`.padEnd(64, '0') as Hash
  return commits.toSpliced(at, 0, { id, timeMs, zoneMinutes, tags: [], isTip: false })
}

test('commits with dates in the future make none of the rest go, also where one becomes the tip', () => {
  fc.assert(
    fc.property(anyHistory, anyPolicy, additions, fc.boolean(), (commits, policy, added, onTop) => {
      let more = [...commits]
      for (const { at, amount, zoneMinutes } of added) {
        more = insert(more, Math.min(at, more.length), NOW + DAY + amount ** 3, zoneMinutes)
      }
      if (onTop) more = insert(more, 0, NOW + DAY + 1, 0).map((commit, index) => ({ ...commit, isTip: index === 0 }))
      expectAllOf(kept(commits, policy), kept(more, policy))
    }),
    RUNS,
  )
})

test('commits dated more than a day before one they come after take no bucket of those in order', () => {
  fc.assert(
    fc.property(anyHistory, anyPolicy, additions, (commits, policy, added) => {
      const calendar = Object.fromEntries(CALENDAR.map((option) => [option, policy[option]]))
      const rules = { ...calendar, keepYearly: policy.keepYearly ?? 1, keepTags: ['v*'] }
      if (rules.keepYearly === 0) rules.keepYearly = 1
      const latestBelow = (list: readonly RetentionCommit[], at: number) => {
        return Math.max(...list.slice(at).map(({ timeMs }) => (timeMs > NOW + DAY ? Number.NEGATIVE_INFINITY : timeMs)))
      }
      let more = [...commits]
      for (const { at, amount, zoneMinutes } of added) {
        const latest = latestBelow(more, at)
        if (Number.isFinite(latest)) more = insert(more, at, latest - DAY - amount * HOUR, zoneMinutes)
      }
      const good = planRetention(commits, rules, NOW).filter(({ timeMs, reasons }, index) => {
        const isInOrder = timeMs >= latestBelow(commits, index) - DAY
        return isInOrder && reasons.some((reason) => reason !== WENT_BACK)
      })
      expectAllOf(
        good.map(({ id }) => id),
        kept(more, rules),
      )
    }),
    RUNS,
  )
})

test('what stays, stays again', () => {
  fc.assert(
    fc.property(anyHistory, anyPolicy, (commits, policy) => {
      const first = kept(commits, policy)
      const left = commits.filter(({ id }) => first.has(id))
      expectAllOf(first, kept(left, policy))
    }),
    { numRuns: 8000 },
  )
})

test('zones matter to calendar rules alone, and to them only as far as they move dates', () => {
  const zones = fc.array(zone, { minLength: 30, maxLength: 30 })
  fc.assert(
    fc.property(anyHistory, anyPolicy, zones, zone, (commits, policy, zones, shift) => {
      const { keepWithinMs, keepTags } = policy
      const other = commits.map((commit, index) => ({ ...commit, zoneMinutes: zones[index]! }))
      const without = { keepLast: 2, keepWithinMs, keepTags }
      expect(reasons(other, without)).toEqual(reasons(commits, without))
      // Everything at another time, in zones that show the same date.
      const moved = commits.map((commit) => ({
        ...commit,
        timeMs: commit.timeMs - shift * 60_000,
        zoneMinutes: commit.zoneMinutes + shift,
      }))
      expect(reasons(moved, policy, NOW - shift * 60_000)).toEqual(reasons(commits, policy))
    }),
    RUNS,
  )
})

test('whatever the clock of this machine says, a year off costs nothing that the numbers promise', () => {
  const inOrder = anyHistory.map((commits) => {
    const times = commits.map(({ timeMs }) => Math.min(timeMs, NOW)).sort((a, b) => b - a)
    return commits.map((commit, index) => ({ ...commit, timeMs: times[index]!, zoneMinutes: 0 }))
  })
  fc.assert(
    fc.property(inOrder, anyPolicy, fc.integer({ min: -60, max: 4000 }), (commits, policy, days) => {
      const later = planRetention(commits, policy, NOW + days * DAY).filter(({ reasons }) => reasons.length > 0)
      expectAllOf(kept(commits, policy), new Set(later.map(({ id }) => id)))
    }),
    RUNS,
  )
})

test('a pattern matches as the regular expression does', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\u{1f600}'), maxLength: 8 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?', '\u{1f600}'), minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pattern, text, (pattern, tag) => {
      const commits = [{ ...history('2026-11-26T00:00')[0]!, tags: [tag], isTip: false }]
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su')
      expect(reasons(commits, { keepTags: [pattern] })).toEqual([expression.test(tag) ? `tag ${tag}` : ''])
    }),
    RUNS,
  )
})
