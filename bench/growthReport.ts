/** Small commits in a store that grows, as a table for people. */
import type { Host } from './host.js'
import { megabytes, numberText, table } from './markdown.js'
import type { Spread } from './statistics.js'

export interface GrowthResult {
  readonly chunks: number
  readonly storeBytes: number
  readonly openMs: number
  readonly fullMs: Spread
  readonly batchedMs: Spread
}

export interface GrowthResults {
  readonly date: string
  readonly host: Host
  readonly version: string
  readonly results: readonly GrowthResult[]
}

/** The largest store's median is at most this many times the smallest's. */
const FLAT = 1.25

export function growthMarkdown({ date, host, version, results }: GrowthResults): string {
  const [full, batched] = [
    growthOf(results.map(({ fullMs }) => fullMs)),
    growthOf(results.map(({ batchedMs }) => batchedMs)),
  ]
  return [
    '# Benchmark: growth',
    '',
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ${host.system}; ` +
      `Node ${host.node}, SQLite ${host.sqlite}; ${date}; load before the run ${numberText(host.loadBefore)}.`,
    `**Tools**: varve ${version}.`,
    '',
    '## Targets',
    ...table(
      ['aim', 'measured', 'reached'],
      [
        ['a small commit, median, flat within 25 %', `${numberText(full)} of the least`, yesNo(full <= FLAT)],
        ['the same in a batch', `${numberText(batched)} of the least`, yesNo(batched <= FLAT)],
      ],
    ),
    '',
    '## A small commit',
    'Milliseconds; medians with the smallest and largest of all commits at that size.',
    '',
    ...table(
      ['chunks', 'store MB', 'open', 'durable commit', 'commit in a batch'],
      results.map(({ chunks, storeBytes, openMs, fullMs, batchedMs }) => [
        chunks.toLocaleString('en'),
        megabytes(storeBytes),
        numberText(openMs),
        spreadText(fullMs),
        spreadText(batchedMs),
      ]),
    ),
    '',
    '## Method',
    'One store with chunks of 1 KiB on average, filled with files that nothing compresses, and 200 documents of 4 KB. After a first round',
    'of commits, which is not counted and leaves the program compiled, it is brought to each size; there it is',
    'opened anew; then 50 commits to warm up and 300 that count, each of one document written anew, durable one by one; and the',
    'same within `batch`. `bench/growth.ts` has the rest. Repeat: `npm run bench -- growth`.',
    '',
  ].join('\n')
}

function growthOf(spreads: readonly Spread[]): number {
  const medians = spreads.map(({ median }) => median)
  return Math.max(...medians) / Math.min(...medians)
}

function spreadText({ median, min, max }: Spread): string {
  return `${numberText(median)} (${numberText(min)}–${numberText(max)})`
}

function yesNo(reached: boolean): string {
  return reached ? 'yes' : '**no**'
}
