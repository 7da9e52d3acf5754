/** What was aimed at for the upkeep of a store. A ratio is reached when its median is. */
import type { Target } from './folderTargets.js'
import { numberText, spreadText } from './markdown.js'
import { largestOf, medianOf, ratioOf, spreadOf } from './statistics.js'
import type { Dropping } from './storeRounds.js'
import type { CommitsRound } from './upkeepCommits.js'
import type { DroppingResult } from './upkeepDropping.js'
import type { MarkingResult } from './upkeepMarking.js'
import type { ReadingResult } from './upkeepReading.js'

export interface UpkeepMeasured {
  readonly marking?: MarkingResult | undefined
  readonly commits?: readonly CommitsRound[] | undefined
  readonly reading?: ReadingResult | undefined
  readonly dropping?: DroppingResult | undefined
}

const MARK_SECONDS_MAX = 1
const MARK_FASTER_MIN = 20
const MARK_BYTES_MAX = 200e6
const SETS_PART_MAX = 0.05
const COMMIT_RATIO_MAX = 1.2
const READING_PART_MIN = 0.7
const CONDEMN_RATIO_MAX = 0.1
const DROP_RATIO_MAX = 0.5
const RETURNED_PART_MIN = 0.9

export function upkeepTargets({ marking, commits, reading, dropping }: UpkeepMeasured): Target[] {
  return [
    ...(marking ? markingTargets(marking) : []),
    ...(commits && commits.length > 0 ? commitTargets(commits) : []),
    ...(reading && reading.rounds.length > 0 ? readingTargets(reading) : []),
    ...(dropping ? droppingTargets(dropping) : []),
  ]
}

function markingTargets({ commits, chunks, storeBytes, setsBytes, walks, fromSets }: MarkingResult): Target[] {
  const what = `${commits.toLocaleString('en')} commits, ${numberText(chunks / 1e6)} million chunks`
  const seconds = spreadOf(fromSets.map((run) => run.seconds))
  const faster = ratioOf(
    walks.map((run) => run.seconds),
    fromSets.map((run) => run.seconds),
  )
  const peak = largestOf(fromSets.map((run) => run.peakBytes))
  const part = setsBytes / storeBytes
  return [
    {
      aim: `${what}: marked from sets in at most ${MARK_SECONDS_MAX} s`,
      measured: `${spreadText(seconds)} s`,
      reached: seconds.median <= MARK_SECONDS_MAX,
    },
    ...(faster
      ? [
          {
            aim: `${what}: at least ${MARK_FASTER_MIN} × faster than the walk`,
            measured: `${spreadText(faster)} ×`,
            reached: faster.median >= MARK_FASTER_MIN,
          },
        ]
      : []),
    ...(peak === undefined
      ? []
      : [
          {
            aim: `${what}: in at most ${MARK_BYTES_MAX / 1e6} MB of memory, the whole process`,
            measured: `${numberText(peak / 1e6)} MB`,
            reached: peak <= MARK_BYTES_MAX,
          },
        ]),
    {
      aim: `${what}: sets of at most ${SETS_PART_MAX * 100} % of the store`,
      measured: `${numberText(part * 100)} %`,
      reached: part <= SETS_PART_MAX,
    },
  ]
}

function commitTargets(rounds: readonly CommitsRound[]): Target[] {
  const ratio = ratioOf(
    rounds.map(({ meanwhile }) => medianOf(meanwhile)),
    rounds.map(({ alone }) => medianOf(alone)),
  )
  if (!ratio) return []
  return [
    {
      aim: `a commit while gc is at work in at most ${COMMIT_RATIO_MAX} × its time`,
      measured: `${spreadText(ratio)} ×`,
      reached: ratio.median <= COMMIT_RATIO_MAX,
    },
  ]
}

function readingTargets({ rounds, isCold }: ReadingResult): Target[] {
  const targets: Target[] = []
  const add = (aim: string, theirs: readonly number[], ours: readonly number[]): void => {
    const part = ratioOf(theirs, ours)
    if (!part) return
    const reached = part.median >= READING_PART_MIN
    targets.push({ aim, measured: `${spreadText(part, 100)} %`, reached })
  }
  const least = `at least ${READING_PART_MIN * 100} %`
  add(
    `checksums compared at ${least} of the rate of ${isCold ? 'a cold' : 'a (warm!)'} \`cat\``,
    rounds.map(({ catSeconds }) => catSeconds),
    rounds.map(({ checksums }) => checksums.seconds),
  )
  add(
    `verify at ${least} of the rate of decoding and hashing alone`,
    rounds.map(({ loop }) => loop.seconds),
    rounds.map(({ verify }) => verify.seconds),
  )
  return targets
}

/** Of what the kept versions alone do not need, the part that came back. */
export function returnedPart(round: Dropping, freshBytes: number): number {
  return (round.beforeBytes - round.afterBytes) / (round.beforeBytes - freshBytes)
}

function droppingTargets({ corpus, tools, freshBytes }: DroppingResult): Target[] {
  const roundsOf = (name: string) => tools.find(({ tool }) => tool === name)?.rounds ?? []
  const ours = roundsOf('varve')
  if (ours.length === 0) return []
  const forgotten = ours.map(({ forgetting }) => forgetting.seconds)
  const all = ours.map(({ forgetting, reclaiming }) => forgetting.seconds + reclaiming.seconds)
  const targets: Target[] = []
  const add = (aim: string, most: number, mine: readonly number[], theirs: readonly number[]): void => {
    const ratio = ratioOf(mine, theirs)
    if (ratio) targets.push({ aim, measured: `${spreadText(ratio)} of its time`, reached: ratio.median <= most })
  }
  for (const peer of ['restic', 'borg']) {
    const theirs = roundsOf(peer).map(({ forgetting, reclaiming }) => forgetting.seconds + reclaiming.seconds)
    const most = CONDEMN_RATIO_MAX
    add(`${corpus}: half the versions condemned in at most ${most} × the time of ${peer}`, most, forgotten, theirs)
    const half = DROP_RATIO_MAX
    add(`${corpus}: condemned and their space back in at most ${half} × the time of ${peer}`, half, all, theirs)
  }
  const part = spreadOf(ours.map((round) => returnedPart(round, freshBytes)))
  targets.push({
    aim: `${corpus}: at least ${RETURNED_PART_MIN * 100} % of the bytes that only they needed back at the file system`,
    measured: `${spreadText(part, 100)} %`,
    reached: part.median >= RETURNED_PART_MIN,
  })
  return targets
}
