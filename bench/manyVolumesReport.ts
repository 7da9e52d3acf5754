/** Groups of many volumes beside a store of one file, as a table for people. */
import type { Host } from './host.js'
import { numberText, spreadText, table } from './markdown.js'
import type { Spread } from './statistics.js'

export interface ManyVolumesResult {
  readonly volumes: number
  readonly chunks: number
  readonly openMs: Spread
  readonly firstMs: Spread
  readonly absentMs: Spread
  readonly presentMs: Spread
  readonly commitMs: Spread
}

export interface ManyVolumesResults {
  readonly date: string
  readonly host: Host
  readonly version: string
  /** Looked up together. */
  readonly hashes: number
  readonly results: readonly ManyVolumesResult[]
}

const OPEN_MS = 300
const ABSENT_RATIO = 1.5

export function manyVolumesMarkdown({ date, host, version, hashes, results }: ManyVolumesResults): string {
  const [one, many] = [results[0], results.at(-1)] as [ManyVolumesResult, ManyVolumesResult]
  const ratio = many.absentMs.median / one.absentMs.median
  return [
    '# Benchmark: many volumes',
    '',
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ${host.system}; ` +
      `Node ${host.node}, SQLite ${host.sqlite}; ${date}; load before the run ${numberText(host.loadBefore)}.`,
    `**Tools**: varve ${version}.`,
    '',
    '## Targets',
    ...table(
      ['aim', 'measured', 'reached'],
      [
        [
          `opening ${many.volumes} volumes in the library, at most ${OPEN_MS} ms`,
          `${numberText(many.openMs.median)} ms`,
          yesNo(many.openMs.median <= OPEN_MS),
        ],
        [
          `a hash that is nowhere, at most ${ABSENT_RATIO} times as long as with one volume`,
          `${numberText(ratio)} times`,
          yesNo(ratio <= ABSENT_RATIO),
        ],
      ],
    ),
    '',
    '## One file, and many',
    `Milliseconds: medians, with the smallest and the largest. Lookups are of ${hashes} hashes at a time; the first in a store that was just`,
    'opened reads all chunk tables of many volumes, and those after it ask by what was in them.',
    '',
    ...table(
      ['volumes', 'chunks', 'open', 'first lookup', 'of absent hashes', 'of present hashes', 'small commit, durable'],
      results.map(({ volumes, chunks, openMs, firstMs, absentMs, presentMs, commitMs }) => [
        `${volumes}`,
        chunks.toLocaleString('en'),
        ...[openMs, firstMs, absentMs, presentMs, commitMs].map((spread) => spreadText(spread)),
      ]),
    ),
    '',
    '## Method',
    'Two stores with chunks of 1 KiB on average, of the same random files, one of one file, one striped. In each round first the one, then',
    'the other is opened, asked, closed, opened again, and gets commits of one document of 4 KB. A first round is not counted. Files are in',
    'the cache of the system. `bench/manyVolumes.ts` has the rest. Repeat: `npm run bench -- many-volumes`.',
    '',
  ].join('\n')
}

function yesNo(reached: boolean): string {
  return reached ? 'yes' : '**no**'
}
