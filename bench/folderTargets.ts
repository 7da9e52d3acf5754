/** What was aimed at for working folders. */
import { type FolderResult, type FolderRound, pastStart } from './folder.js'
import { numberText, spreadText } from './markdown.js'
import { ratioOf, spreadOf } from './statistics.js'

export interface Target {
  readonly aim: string
  readonly measured: string
  readonly reached: boolean
}

/** The tree that the bounds were set for. */
const FILES_MIN = 50_000
const NOTHING_SECONDS_MAX = 0.8

export function folderTargets(result: FolderResult | undefined): Target[] {
  const roundsOf = (name: string): readonly FolderRound[] =>
    result?.tools.find(({ tool }) => tool === name)?.rounds ?? []
  const [ours, theirs] = [roundsOf('varve'), roundsOf('git')]
  if (!result || ours.length === 0) return []
  const against = (aim: string, secondsOf: (round: FolderRound) => number, max: number): Target[] => {
    const ratio = ratioOf(ours.map(secondsOf), theirs.map(secondsOf))
    return ratio === undefined
      ? []
      : [{ aim, measured: `${spreadText(ratio)} of its time`, reached: ratio.median <= max }]
  }
  const nothing = spreadOf(ours.map((round) => round.seconds['commit of nothing']))
  const small = ratioOf(
    ours.map((round) => round.smallStatusSeconds),
    ours.map((round) => round.nodeSeconds),
  )
  const start = ratioOf(
    ours.map((round) => round.startSeconds),
    ours.map((round) => round.nodeSeconds),
  )
  const large: Target[] =
    result.files < FILES_MIN
      ? []
      : [
          ...against('first commit at most 0.7 × git’s add and commit', (round) => round.seconds['first commit'], 0.7),
          ...against(
            'status of an unchanged folder at most 3 × git’s, past start-up',
            (round) => pastStart(round, 'status'),
            3,
          ),
          {
            aim: `a commit of nothing in at most ${NOTHING_SECONDS_MAX} s`,
            measured: `${spreadText(nothing)} s`,
            reached: nothing.median <= NOTHING_SECONDS_MAX,
          },
          ...against(
            `switch between versions that differ in ${numberText(result.changedFiles)} files at most 1.5 × git’s`,
            (round) => round.seconds.switch,
            1.5,
          ),
          ...against(
            'export of all no slower than git checkout, past start-up',
            (round) => pastStart(round, 'export'),
            1,
          ),
        ]
  return [
    ...large,
    ...(small
      ? [
          {
            aim: 'status of 1,000 files at most 2 × `node -e 0`',
            measured: `${spreadText(small)} ×`,
            reached: small.median <= 2,
          },
        ]
      : []),
    ...(start
      ? [
          {
            aim: '`varve --version` at most 1.3 × `node -e 0`',
            measured: `${spreadText(start)} ×`,
            reached: start.median <= 1.3,
          },
        ]
      : []),
  ]
}
