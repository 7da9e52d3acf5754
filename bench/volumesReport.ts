/** Commits, reads and writers of stores with several volumes, as tables for people. */
import type { Host } from './host.js'
import { numberText, spreadText, table } from './markdown.js'
import type { Delays } from './slowVolume.js'
import { medianOf, ratioOf, type Spread, spreadOf } from './statistics.js'
import type { Timing, Workload } from './volumeCommits.js'
import type { WritersRound } from './volumeWriters.js'

export interface VolumesResults {
  readonly date: string
  readonly host: Host
  readonly version: string
  readonly timings: readonly Timing[]
  readonly writers: readonly WritersRound[]
}

const STRIPES_MIN = 3
/** What two runs of the same differ by on a machine that others use too. */
const NOISE = 1.1
const MIRRORED_MIN = 0.6
const [ONE, STRIPES, LINEAR, MIRRORS] = ['1 volume', '4 stripes', '2 volumes, linear', '2 mirrors']
const LARGE: readonly Workload[] = ['noise', 'text']

export function volumesMarkdown(results: VolumesResults): string {
  const { date, host, version, timings, writers } = results
  return [
    '# Benchmark: volumes',
    '',
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ${host.system}; ` +
      `Node ${host.node}, SQLite ${host.sqlite}; ${date}; load before the run ${numberText(host.loadBefore)}.`,
    `**Tools**: varve ${version}.`,
    '',
    '## Targets',
    ...table(['aim', 'measured', 'reached'], targetsOf(timings)),
    '',
    '## Commits and reads',
    'Milliseconds; medians of rounds with the smallest and largest; of small commits the median of one.',
    '',
    ...table(
      ['what', 'delay', 'store', 'ms'],
      timings.map(({ workload, delays, shape, ms }) => [workload, delayText(delays), shape, spreadText(spreadOf(ms))]),
    ),
    '',
    '## Several writers',
    'Processes that commit to branches of their own at the same time; medians of rounds. Waited and held: parts of the time of all',
    'writers together, of the write lock of the catalog + of the other volumes. A commit: the median of the slowest writer.',
    '',
    ...table(
      [
        'commits',
        'store',
        'writers',
        'per s',
        'MB/s',
        'waited %',
        'held %',
        'longest held ms',
        'a commit ms',
        'longest ms',
        'cores',
      ],
      writerRows(writers),
    ),
    '',
    ...METHOD,
    '',
  ].join('\n')
}

const METHOD = [
  '## Method',
  'Each time a new store in one folder, in this process, all shapes in each round, forwards and backwards by turns; one round before',
  'the first is not counted. noise: 32 files of 1 MiB that nothing compresses; text: 32 MiB of made-up words; small: 30 commits of one',
  'document of 4 KB, one after the other; read: the export of one file of 32 MiB, the median of five by a store opened anew. 1 volume, stripes and mirrors have files of their own, and',
  'nothing but the catalog lies in its file; in one file, and in 4 files, it takes extents as well. All lie on one disk, so without a',
  'delay stripes cannot gain anything. A delay is that of a disk which does one thing at a time: for each staged transaction, for',
  'each extent in it, or for each extent read; it is waited for as a remote volume would be; blocking: as SQLite waits for a disk, which',
  'keeps the thread waiting that writes, and readers out of the volume. The waiting of writers is taken around each write transaction, from its call to its first statement.',
  'Other work ran on the machine: read ratios before absolutes. Repeat: `npm run bench -- volumes`.',
]

function targetsOf(timings: readonly Timing[]): string[][] {
  const times = (workload: Workload, delays: Delays, shape: string): readonly number[] =>
    timings.find(
      (each) => each.workload === workload && each.shape === shape && delayText(each.delays) === delayText(delays),
    )?.ms ?? []
  const row = (aim: string, least: number, workload: Workload, delays: Delays, [above, below]: [string, string]) => {
    const ratio = ratioOf(times(workload, delays, above), times(workload, delays, below))
    return ratio ? [[`${aim}, ${workload}`, timesText(ratio), ratio.median >= least ? 'yes' : '**no**']] : []
  }
  const slow = timings.flatMap(({ delays }) => delays.extentMs ?? [])
  const most = { extentMs: Math.max(...slow) }
  return [
    ...LARGE.flatMap((workload) =>
      row(`4 stripes ≥ ${STRIPES_MIN} × as fast as 1 volume, ${delayText(most)}`, STRIPES_MIN, workload, most, [
        ONE,
        STRIPES,
      ]),
    ),
    ...([...LARGE, 'small'] as const).flatMap((workload) =>
      row(`4 stripes no slower than 1 volume, but for noise of ${NOISE}`, 1 / NOISE, workload, {}, [ONE, STRIPES]),
    ),
    ...([...LARGE, 'small'] as const).flatMap((workload) =>
      row(`2 mirrors ≥ ${MIRRORED_MIN} × as fast as linear`, MIRRORED_MIN, workload, {}, [LINEAR, MIRRORS]),
    ),
    ...[{}, { readMs: 50 }].flatMap((delays) =>
      row(
        `reading 2 mirrors as fast as linear, but for noise of ${NOISE}, ${delayText(delays)}`,
        1 / NOISE,
        'read',
        delays,
        [LINEAR, MIRRORS],
      ),
    ),
  ]
}

function delayText({ stageMs, extentMs, readMs, blockMs, threads = true }: Delays): string {
  if (blockMs) return `${blockMs} ms an extent, blocking${threads ? '' : ', no threads'}`
  if (stageMs) return `${stageMs} ms a transaction`
  if (extentMs) return `${extentMs} ms an extent`
  return readMs ? `${readMs} ms a read` : 'none'
}

function timesText(ratio: Spread): string {
  return `${spreadText(ratio)} ×`
}

function writerRows(rounds: readonly WritersRound[]): string[][] {
  const groups = new Map<string, WritersRound[]>()
  for (const round of rounds) {
    const key = `${round.size}, ${round.shape}, ${round.writers}`
    groups.set(key, [...(groups.get(key) ?? []), round])
  }
  return [...groups.values()].map((group) => {
    const [{ size, shape, writers }] = group as [WritersRound]
    const middle = (of: (round: WritersRound) => number): number => medianOf(group.map(of))
    const both = (of: (round: WritersRound) => number, other: (round: WritersRound) => number): string =>
      `${numberText(100 * middle(of))} + ${numberText(100 * middle(other))}`
    return [
      ...[size, shape, String(writers), numberText(middle((round) => round.commitsPerSecond))],
      size === 'small' ? '–' : numberText(middle((round) => round.megabytesPerSecond)),
      both(
        (round) => round.waitedForCatalog,
        (round) => round.waitedForVolumes,
      ),
      both(
        (round) => round.heldCatalog,
        (round) => round.heldVolumes,
      ),
      ...[
        numberText(middle((round) => round.longestHeldMs)),
        numberText(middle((round) => round.medianMs)),
        numberText(middle((round) => round.longestMs)),
        numberText(middle((round) => round.processors)),
      ],
    ]
  })
}
