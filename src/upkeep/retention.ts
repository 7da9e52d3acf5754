/**
 * Which commits of a branch stay when it is thinned out, and why. Pure: it reads no store and removes nothing.
 *
 * Model: every rule gives reasons to stay; a commit without any goes. A calendar rule puts commits into buckets (the
 * hours, days, weeks, months or years that they are dated in) and keeps the newest of each of the last N buckets.
 * The order of commits is that of history; dates choose buckets alone, for they are only what some clock said.
 *
 * Guarantees, whatever the clocks: a commit from the future takes no other's place. Under calendar rules nor does a
 * latecomer, one that is dated more than a day before a commit it descends from: they choose among all commits, and again
 * among those that are none, so that nothing dated into the past takes its place. Within a day, dates and zones are believed.
 * What stays would stay again, under the same policy at the same moment.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { DAY_MS, formatDuration, HOUR_MS, MINUTE_MS } from '../base/units.js'
import { matchesName, requireNamePattern } from '../refs/nameGlob.js'

export interface RetentionCommit {
  readonly id: Hash
  readonly timeMs: number
  /** Minutes east of UTC: days and weeks are those of whoever made the commit. */
  readonly zoneMinutes: number
  /** Names of the tags that point to it. */
  readonly tags: readonly string[]
  /** A branch points to it. */
  readonly isTip: boolean
}

/** What stays. Absent, 0 and an empty list ask for nothing. */
export interface RetentionPolicy {
  /** As many commits as this, the newest of the history. */
  readonly keepLast?: number | undefined
  /** The newest commit of each of as many hours as this, counting those that have commits; the same for the next ones. */
  readonly keepHourly?: number | undefined
  readonly keepDaily?: number | undefined
  /** Weeks begin on Monday, as ISO 8601 has it. */
  readonly keepWeekly?: number | undefined
  readonly keepMonthly?: number | undefined
  readonly keepYearly?: number | undefined
  /** All commits that are at most this much older than the newest one. */
  readonly keepWithinMs?: number | undefined
  /** Commits with a tag that one of these matches whole: `*` is any text, slashes too, and `?` any one character. */
  readonly keepTags?: readonly string[] | undefined
}

export interface RetentionVerdict {
  readonly id: Hash
  readonly timeMs: number
  /** Why it stays, for people, such as `daily 2026-11-26`; if there is none, it goes. */
  readonly reasons: readonly string[]
}

/** As far as clocks that are set for the wrong zone are off, and real zones apart. */
const LEEWAY_MS = DAY_MS

interface CalendarRule {
  readonly option: 'keepHourly' | 'keepDaily' | 'keepWeekly' | 'keepMonthly' | 'keepYearly'
  readonly name: string
  /** The length of the shortest bucket. */
  readonly leastMs: number
  /** A number that grows with time; takes the time as the commit's own clock showed it, like `text`. */
  readonly bucket: (localMs: number) => number
  readonly text: (localMs: number) => string
}

const CALENDAR_RULES: readonly CalendarRule[] = [
  {
    option: 'keepHourly',
    name: 'hourly',
    leastMs: HOUR_MS,
    bucket: (localMs) => Math.floor(localMs / HOUR_MS),
    text: (localMs) => `${dateText(localMs)} ${new Date(localMs).toISOString().split('T')[1]?.slice(0, 2)}`,
  },
  {
    option: 'keepDaily',
    name: 'daily',
    leastMs: DAY_MS,
    bucket: (localMs) => Math.floor(localMs / DAY_MS),
    text: dateText,
  },
  { option: 'keepWeekly', name: 'weekly', leastMs: 7 * DAY_MS, bucket: weekOf, text: weekText },
  {
    option: 'keepMonthly',
    name: 'monthly',
    leastMs: 28 * DAY_MS,
    bucket: (localMs) => new Date(localMs).getUTCFullYear() * 12 + new Date(localMs).getUTCMonth(),
    text: (localMs) => dateText(localMs).slice(0, -'-01'.length),
  },
  {
    option: 'keepYearly',
    name: 'yearly',
    leastMs: 365 * DAY_MS,
    bucket: (localMs) => new Date(localMs).getUTCFullYear(),
    text: yearText,
  },
]

/** A commit that rules count. */
interface Counted {
  readonly commit: RetentionCommit
  readonly reasons: string[]
  /** The commit it descends from whose clock was more than `LEEWAY_MS` ahead of its own. */
  readonly datedBefore: Counted | undefined
}

/**
 * Which commits of one branch stay, each with the reasons. A commit stays if any rule keeps it; rules count on their own, as
 * restic's do, and not only what earlier rules left over, as borg's do.
 *
 * - **Calendar rules** count buckets that have commits, as both do, in the zone of each commit. The last buckets are those
 *   of the latest dates, so that a clock that fell back to 1970 uses up none of them. Of a bucket that commit stays which
 *   is the newest in history. restic's manual warns of an attacker who dates snapshots into past weeks, so that the real
 *   ones go: here the newest that is no latecomer stays beside it. While a latecomer stays, so does the commit of
 *   the latest date before it (`clock went back after it`), or nobody could tell the next time. And so that zones do not
 *   use up the number, what is the newest of its bucket and at most N − 1 units old stays in any case. The oldest commit
 *   is not kept where a number is not used up; restic and borg do that.
 * - **`keepWithinMs`** counts back from the date of the newest commit in history that is not in the future, or from
 *   `nowMs` if that is earlier; a commit just as old stays. So nothing goes because a machine was off for a year.
 *   borg counts from the wall clock, restic from the latest date of any snapshot.
 * - **In the future** is what is dated more than a day after `nowMs`. It stays until its time has come, and counts nowhere:
 *   not for `keepLast`, in no bucket, and not as the newest. restic leaves such snapshots alone too.
 * - **The tip** stays always; where it is in the future, so does the newest commit that is not.
 *
 * What this cannot do: commits that are simply made, one after the other, use up `keepLast`; beside it, give a rule that
 * goes by dates. And when the date of a commit from the future comes true, those made after it meanwhile become latecomers:
 * calendar rules count them as before, but do not guard them from others any more.
 *
 * @param commits of one branch by first parents, the newest first
 * @returns a verdict a commit, in the same order
 * @throws {VarveError} `INVALID_ARGUMENT` for a policy that keeps nothing, numbers that are not whole or below 0, and
 * patterns that no tag can match
 * @example
 * ```ts
 * // Of a branch without merges, where all parents are first ones.
 * const commits: RetentionCommit[] = []
 * for await (const { id, committer } of repo.log({ from: 'main' })) {
 *   commits.push({ id, ...committer, tags: [], isTip: commits.length === 0 })
 * }
 * for (const { id, reasons } of planRetention(commits, { keepLast: 3, keepDaily: 7 }, Date.UTC(2026, 10, 26))) {
 *   console.log(shortHash(id), reasons.length > 0 ? `stays: ${reasons.join(', ')}` : 'goes')
 * }
 * ```
 */
export function planRetention(
  commits: readonly RetentionCommit[],
  policy: RetentionPolicy,
  nowMs: number,
): RetentionVerdict[] {
  requirePolicy(policy)
  if (!Number.isFinite(nowMs))
    throw new VarveError('INVALID_ARGUMENT', `${nowMs} is no point in time`, { actual: nowMs })
  const isFuture = ({ timeMs }: RetentionCommit) => timeMs > nowMs + LEEWAY_MS
  const reasonsOf = commits.map((commit): string[] => [
    ...(commit.isTip ? ['tip'] : []),
    ...(isFuture(commit) ? ['in the future'] : []),
  ])
  const counted = withClocks(commits, reasonsOf, isFuture)
  if (counted[0] && counted[0].commit !== commits[0]) counted[0].reasons.push('newest not in the future')
  for (const [index, { reasons }] of counted.slice(0, policy.keepLast ?? 0).entries()) reasons.push(`last ${index + 1}`)
  for (const rule of CALENDAR_RULES) {
    const count = policy[rule.option] ?? 0
    keepBuckets(counted, rule, count, nowMs)
    keepBuckets(counted.filter(isInOrder), rule, count, nowMs)
  }
  keepWithin(counted, policy.keepWithinMs ?? 0, nowMs)
  for (const [index, { tags }] of commits.entries()) {
    for (const tag of tags) {
      if (policy.keepTags?.some((pattern) => matchesName(pattern, tag))) addReason(reasonsOf[index], `tag ${tag}`)
    }
  }
  for (const { reasons, datedBefore } of counted) {
    if (reasons.length > 0) addReason(datedBefore?.reasons, 'clock went back after it')
  }
  return commits.map(({ id, timeMs }, index) => ({ id, timeMs, reasons: reasonsOf[index] ?? [] }))
}

/** Those that are not in the future, the newest first. */
function withClocks(
  commits: readonly RetentionCommit[],
  reasonsOf: readonly string[][],
  isFuture: (commit: RetentionCommit) => boolean,
): Counted[] {
  const counted: Counted[] = []
  /** The one of the latest date so far, from the first commit on. */
  let latest: Counted | undefined
  for (const [index, commit] of [...commits.entries()].reverse()) {
    if (isFuture(commit)) continue
    const isBack = latest !== undefined && commit.timeMs < latest.commit.timeMs - LEEWAY_MS
    const one: Counted = { commit, reasons: reasonsOf[index] ?? [], datedBefore: isBack ? latest : undefined }
    if (latest === undefined || commit.timeMs > latest.commit.timeMs) latest = one
    counted.push(one)
  }
  return counted.reverse()
}

function isInOrder({ datedBefore }: Counted): boolean {
  return datedBefore === undefined
}

function keepBuckets(counted: readonly Counted[], rule: CalendarRule, count: number, nowMs: number): void {
  if (count === 0) return
  const newest = new Map<number, Counted>()
  for (const one of counted) {
    const bucket = rule.bucket(localMs(one.commit))
    if (!newest.has(bucket)) newest.set(bucket, one)
  }
  const last = new Set([...newest.keys()].sort((a, b) => b - a).slice(0, count))
  for (const [bucket, { commit, reasons }] of newest) {
    // In one zone, N - 1 units touch N buckets at most, those in `last`: this adds something only where zones are mixed.
    const isRecent = commit.timeMs >= nowMs - (count - 1) * rule.leastMs
    if (last.has(bucket) || isRecent) addReason(reasons, `${rule.name} ${rule.text(localMs(commit))}`)
  }
}

function keepWithin(counted: readonly Counted[], withinMs: number, nowMs: number): void {
  const newest = counted[0]
  if (withinMs === 0 || !newest) return
  const sinceMs = Math.min(newest.commit.timeMs, nowMs) - withinMs
  for (const { commit, reasons } of counted) {
    if (commit.timeMs >= sinceMs) reasons.push(`within ${formatDuration(withinMs)}`)
  }
}

function addReason(reasons: string[] | undefined, reason: string): void {
  if (reasons?.includes(reason) === false) reasons.push(reason)
}

function localMs({ timeMs, zoneMinutes }: RetentionCommit): number {
  return timeMs + zoneMinutes * MINUTE_MS
}

function dateText(localMs: number): string {
  return new Date(localMs).toISOString().split('T')[0] as string
}

function yearText(localMs: number): string {
  return dateText(localMs).slice(0, -'-01-01'.length)
}

/** Day 0 was a Thursday: weeks are counted from the Monday before it. */
function weekOf(localMs: number): number {
  return Math.floor((localMs / DAY_MS + 3) / 7)
}

/** A week is of the year that its Thursday is in. */
function weekText(localMs: number): string {
  const thursdayMs = weekOf(localMs) * 7 * DAY_MS
  const newYear = new Date(thursdayMs).setUTCMonth(0, 1)
  const week = 1 + Math.floor((thursdayMs - newYear) / (7 * DAY_MS))
  return `${yearText(thursdayMs)}-W${String(week).padStart(2, '0')}`
}

/** Nothing but a mistake asks for a branch of which only the tip is left. */
function requirePolicy(policy: RetentionPolicy): void {
  const { keepLast, keepWithinMs, keepTags = [] } = policy
  const calendar = CALENDAR_RULES.map(({ option }) => [option, policy[option]] as const)
  const numbers = [['keepLast', keepLast] as const, ...calendar, ['keepWithinMs', keepWithinMs] as const]
  for (const [option, value = 0] of numbers) {
    if (Number.isSafeInteger(value) && value >= 0) continue
    throw new VarveError('INVALID_ARGUMENT', `${option} is a whole number, 0 or more, not ${value}`, {
      expected: 'a whole number, 0 or more',
      actual: value,
      hint: 'Leave the option out, or give a large number to keep all.',
    })
  }
  for (const pattern of keepTags) requireNamePattern(pattern, 'tag')
  if (keepTags.length > 0 || numbers.some(([, value = 0]) => value > 0)) return
  throw new VarveError('INVALID_ARGUMENT', 'this policy keeps nothing', {
    hint: 'Say what stays, such as the last 3 commits, one of each of 7 days, or all within 30d.',
  })
}
