/** Volumes that are emptied, as a table for people. */
import type { Host } from './host.js'
import { megabytes, numberText, spreadText, table } from './markdown.js'
import type { MoveRun } from './moveRun.js'
import { medianOf, ratioOf, type Spread, spreadOf } from './statistics.js'

type Way = 'copy' | 'rows' | 'move'

export interface MoveResult {
  readonly content: string
  readonly rawBytes: number
  readonly extents: number
  readonly storedBytes: number
  /** Of the volume's file, which is what is copied. */
  readonly fileBytes: number
  readonly rounds: readonly Readonly<Record<Way, MoveRun>>[]
}

export interface MoveResults {
  readonly date: string
  readonly host: Host
  readonly version: string
  readonly results: readonly MoveResult[]
}

/** Of the time of a copy: 70 % of its throughput. */
const RATIO_MAX = 1.43
const WAYS: readonly (readonly [Way, string])[] = [
  ['copy', 'read, written, synced'],
  ['rows', 'rows by SQLite alone, unchecked'],
  ['move', '`pv move`'],
]

export function moveMarkdown({ date, host, version, results }: MoveResults): string {
  const targets = results.map((result) => {
    const ratio = ratioTo(result, 'copy')
    const measured = ratio ? spreadText(ratio) : '–'
    return [`${result.content}: at most ${RATIO_MAX} × the time of a copy`, measured, yesNo(ratio)]
  })
  return [
    '# Benchmark: pv move',
    '',
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ${host.system}; ` +
      `Node ${host.node}, SQLite ${host.sqlite}; ${date}, ${results[0]?.rounds.length ?? 0} rounds; ` +
      `load before the run ${numberText(host.loadBefore)}.`,
    `**Tools**: varve ${version}.`,
    '',
    '## Targets',
    ...table(['aim', 'measured', 'reached'], targets),
    '',
    ...results.flatMap(section),
    '## Method',
    'A store of three volumes, all contents on one of them, is committed once; then what that volume holds goes to an empty one, and back in',
    'the next round. The copy reads the file of the volume in pieces of 1 MiB, writes a new file and syncs it. Rows by SQLite alone: `INSERT …',
    'SELECT` into a file like that of a volume, 32 extents in a transaction, nothing looked at, and nothing dropped where it comes from. Each run is a',
    'process of its own, with a `sync` before it; starting it and opening the store are not counted. All that is read lies in the',
    'page cache. CPU is user and system time of the process, all threads. Other work may run on the machine: read ratios before absolutes;',
    'where it does, what takes more CPU loses more. `bench/move.ts` has the rest. Repeat: `npm run bench -- move`.',
    '',
  ].join('\n')
}

function section(result: MoveResult): string[] {
  const { content, rawBytes, extents, storedBytes, fileBytes, rounds } = result
  return [
    `## ${content}`,
    `${megabytes(rawBytes)} MB raw in ${extents} extents, ${megabytes(storedBytes)} MB stored, a file of ${megabytes(fileBytes)} MB. Seconds; medians with the ` +
      'smallest and largest; ratios round by round.',
    '',
    ...table(
      ['way', 'seconds', 'MB of the file a second', 'CPU', '× copy'],
      WAYS.map(([way, name]) => {
        const seconds = spreadOf(rounds.map((round) => round[way].seconds))
        const ratio = ratioTo(result, 'copy', way)
        return [
          name,
          spreadText(seconds),
          megabytes(fileBytes / seconds.median),
          numberText(medianOf(rounds.map((round) => round[way].cpuSeconds))),
          ratio && spreadText(ratio),
        ]
      }),
    ),
    '',
  ]
}

function ratioTo({ rounds }: MoveResult, other: Way, way: Way = 'move'): Spread | undefined {
  return ratioOf(
    rounds.map((round) => round[way].seconds),
    rounds.map((round) => round[other].seconds),
  )
}

function yesNo(ratio: Spread | undefined): string {
  return ratio && ratio.median <= RATIO_MAX ? 'yes' : '**no**'
}
