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
import { committingSeconds, pastStartUpSeconds, restoringSeconds, toolRatio } from './storeReport.js'
import type { StoreResult } from './storeRounds.js'

const SUBJECT = 'varve'
/** The corpus that the bound on the store's size was set for: ten releases of TypeScript, 5.0 to 5.9. */
const SIZED_CORPUS = { name: 'ts10', storeBytesMax: 42e6 }
const LIBRARY_FACTOR_MIN = 5

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
  ]
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
  const ratio = ratioOf(rateOf(SUBJECT), rateOf('isomorphic-git'))
  if (ratio === undefined) return []
  return [
    {
      aim: `library: at least ${LIBRARY_FACTOR_MIN} × isomorphic-git's commits/s`,
      measured: `${spreadText(ratio)} ×`,
      reached: ratio.median >= LIBRARY_FACTOR_MIN,
    },
  ]
}
