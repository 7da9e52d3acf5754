/** What was aimed at for packed stores. A ratio is reached when its median is; a target without its peer is not listed. */
import type { Target } from './folderTargets.js'
import { numberText, spreadText } from './markdown.js'
import type { PackResult, PackRound, StoreState } from './packRounds.js'
import { largestOf, medianOf, ratioOf, type Spread } from './statistics.js'

const SUBJECT = 'varve'
/** The corpus that the bound on the store's size was set for: ten releases of TypeScript, 5.0 to 5.9. */
const SIZED_CORPUS = { name: 'ts10', bytesMax: 15e6 }
const PACKED_RATIO_MAX = 1.25
/** Of a repository of sources, state by state, which is what Git is made for. */
const STATES = { prefix: 'states', ratioMax: 1.1 }
const PACK_TIME_RATIO_MAX = 0.25
const ARCHIVE_RATIO_MAX = 1
const NEWEST_RATIO_MAX = 0.5
const OLDEST_RATIO_MAX = 0.7
const PEAK_BYTES_MAX = 300e6

/** A store at its smallest: of tools that do not pack, as it is after the commits. */
export function smallestOf({ fresh, packed }: PackRound): StoreState {
  return packed ?? fresh
}

/** Of the subject to the peer, round by round. Undefined if either has no such value. */
export function packRatio(
  { tools }: PackResult,
  peer: string,
  oursOf: (round: PackRound) => number | undefined,
  theirsOf: (round: PackRound) => number | undefined,
): Spread | undefined {
  const valuesOf = (name: string, pick: typeof oursOf): number[] =>
    (tools.find(({ tool }) => tool === name)?.rounds ?? []).map((round) => pick(round) ?? Number.NaN)
  const [ours, theirs] = [valuesOf(SUBJECT, oursOf), valuesOf(peer, theirsOf)]
  return [...ours, ...theirs].some(Number.isNaN) ? undefined : ratioOf(ours, theirs)
}

/** All commands of a round. */
function peakOf({ committing, fresh, packed, archived }: PackRound): number | undefined {
  const states = [fresh, packed].flatMap((state) => (state ? [state.newest, state.oldest] : []))
  const runs = [committing, ...states, packed?.packing, packed?.verifying, archived?.packing]
  return largestOf(runs.map((run) => run?.peakBytes))
}

export function packTargets(result: PackResult): Target[] {
  const { corpus } = result
  const ours = result.tools.find(({ tool }) => tool === SUBJECT)?.rounds ?? []
  if (ours.length === 0) return []
  const targets: Target[] = []
  const add = (aim: string, most: number, ratio: Spread | undefined): void => {
    if (ratio) targets.push({ aim: `${corpus}: ${aim}`, measured: spreadText(ratio), reached: ratio.median <= most })
  }
  if (corpus === SIZED_CORPUS.name) {
    const [most, bytes] = [SIZED_CORPUS.bytesMax, medianOf(ours.map(({ fresh }) => fresh.bytes))]
    const aim = `${corpus}: store of at most ${most / 1e6} MB right after the commits`
    targets.push({ aim, measured: `${numberText(bytes / 1e6)} MB`, reached: bytes <= most })
  }
  const gcBytes = ({ packed }: PackRound): number | undefined => packed?.contentBytes
  const gcSeconds = ({ packed }: PackRound): number | undefined => packed?.packing.seconds
  const sizeMax = corpus.startsWith(STATES.prefix) ? STATES.ratioMax : PACKED_RATIO_MAX
  const packedBytes = packRatio(result, 'git', ({ packed }) => packed?.bytes, gcBytes)
  add(`packed at most ${sizeMax} × the objects of \`git gc --aggressive\``, sizeMax, packedBytes)
  const packSeconds = packRatio(result, 'git', gcSeconds, gcSeconds)
  add(`packed in at most ${PACK_TIME_RATIO_MAX} × its time`, PACK_TIME_RATIO_MAX, packSeconds)
  const archiveBytes = packRatio(result, 'git', ({ archived }) => archived?.bytes, gcBytes)
  add(`packed with --archive at most ${ARCHIVE_RATIO_MAX} × its objects`, ARCHIVE_RATIO_MAX, archiveBytes)
  const newest = packRatio(result, 'restic', ({ packed }) => packed?.newest.seconds, newestSeconds)
  add(`packed, the newest restored in at most ${NEWEST_RATIO_MAX} × restic's time`, NEWEST_RATIO_MAX, newest)
  const oldest = packRatio(result, 'restic', ({ packed }) => packed?.oldest.seconds, oldestSeconds)
  add(`packed, the oldest restored in at most ${OLDEST_RATIO_MAX} × restic's time`, OLDEST_RATIO_MAX, oldest)
  const peak = largestOf(ours.map(peakOf))
  if (peak !== undefined) {
    const aim = `${corpus}: at most ${PEAK_BYTES_MAX / 1e6} MB of memory in any command`
    targets.push({ aim, measured: `${numberText(peak / 1e6)} MB`, reached: peak <= PEAK_BYTES_MAX })
  }
  return targets
}

export function newestSeconds(round: PackRound): number {
  return smallestOf(round).newest.seconds
}

export function oldestSeconds(round: PackRound): number {
  return smallestOf(round).oldest.seconds
}
