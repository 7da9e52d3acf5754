/**
 * What was aimed at, beside what was measured. A target whose corpus or peer was not in the run is not listed.
 *
 * A ratio is reached when its median is; the range says how sure that is.
 */
import { folderTargets, type Target } from './folderTargets.js'
import { EDITS } from './libraryWorkload.js'
import { numberText, spreadText } from './markdown.js'
import type { Results } from './results.js'
import { medianOf, ratioOf, type Spread } from './statistics.js'
import {
  committingSeconds,
  droppingSeconds,
  droppingTools,
  forgettingSeconds,
  pastStartUpSeconds,
  reclaimingSeconds,
  restoringSeconds,
  toolRatio,
} from './storeReport.js'
import type { StoreResult, StoreRound } from './storeRounds.js'

const SUBJECT = 'varve'
/** The corpus that the bound on the store's size was set for: ten releases of TypeScript, 5.0 to 5.9. */
const SIZED_CORPUS = { name: 'ts10', storeBytesMax: 42e6 }
const LIBRARY_FACTORS_MIN = { [SUBJECT]: 10, 'varve, batched': 50 }

export function targetsOf(results: Results): Target[] {
  return [...results.stores.flatMap(storeTargets), ...folderTargets(results.folder), ...libraryTargets(results)]
}

function storeTargets(result: StoreResult): Target[] {
  const { corpus, kind } = result
  const restore = toolRatio(result, SUBJECT, 'restic', restoringSeconds)
  const restoring = atMostOne(`${corpus}: restore faster than restic's`, restore)
  if (kind === 'image') {
    const throughput = toolRatio(result, SUBJECT, 'restic', committingSeconds)
    return [...atMostOne(`${corpus}: commits at restic's throughput`, throughput), ...restoring]
  }
  const commits = toolRatio(result, SUBJECT, 'git', pastStartUpSeconds)
  return [
    ...atMostOne(`${corpus}: all commits no slower than git's, past start-up`, commits),
    ...sizeTarget(result),
    ...restoring,
    ...droppingTargets(result),
  ]
}

/** Condemning beside what restic needs to find out and give back; all of it beside the same of restic and borg. */
function droppingTargets(result: StoreResult): Target[] {
  const { corpus } = result
  const secondsOf = (name: string, pick: (round: StoreRound) => number) =>
    droppingTools(result)
      .find(({ tool }) => tool === name)
      ?.rounds.map(pick)
  const targets: Target[] = []
  const add = (aim: string, most: number, ratio: Spread | undefined): void => {
    if (ratio) targets.push({ aim, measured: `${spreadText(ratio)} of its time`, reached: ratio.median <= most })
  }
  const [forgotten, all] = [secondsOf(SUBJECT, forgettingSeconds), secondsOf(SUBJECT, droppingSeconds)]
  if (!forgotten || !all) return []
  for (const peer of ['restic', 'borg']) {
    const theirs = secondsOf(peer, droppingSeconds)
    const reclaimed = peer === 'restic' ? secondsOf(peer, reclaimingSeconds) : theirs
    if (!theirs || !reclaimed) continue
    add(
      `${corpus}: half the versions condemned in at most 0.1 × the time ${peer} gives them up in`,
      0.1,
      ratioOf(forgotten, reclaimed),
    )
    add(`${corpus}: condemned and their space back in at most 0.5 × ${peer}'s time`, 0.5, ratioOf(all, theirs))
  }
  return targets
}

function atMostOne(aim: string, ratio: Spread | undefined): Target[] {
  return ratio === undefined ? [] : [{ aim, measured: `${spreadText(ratio)} of its time`, reached: ratio.median <= 1 }]
}

function sizeTarget({ corpus, tools }: StoreResult): Target[] {
  const rounds = tools.find(({ tool }) => tool === SUBJECT)?.rounds ?? []
  if (corpus !== SIZED_CORPUS.name || rounds.length === 0) return []
  const bytes = medianOf(rounds.map((round) => round.storeBytes))
  return [
    {
      aim: `${corpus}: store of at most ${SIZED_CORPUS.storeBytesMax / 1e6} MB`,
      measured: `${numberText(bytes / 1e6)} MB`,
      reached: bytes <= SIZED_CORPUS.storeBytesMax,
    },
  ]
}

function libraryTargets({ library }: Results): Target[] {
  const rateOf = (name: string): number[] =>
    (library.find(({ contender }) => contender === name)?.rounds ?? []).map((run) => EDITS / run.editsSeconds)
  return Object.entries(LIBRARY_FACTORS_MIN).flatMap(([name, factor]) => {
    const ratio = ratioOf(rateOf(name), rateOf('isomorphic-git'))
    if (ratio === undefined) return []
    return {
      aim: `library, ${name}: at least ${factor} × isomorphic-git's commits/s`,
      measured: `${spreadText(ratio)} ×`,
      reached: ratio.median >= factor,
    }
  })
}
