/** Hit rates of ARC and LRU on recorded traces, as a table for people. */
import type { Host } from './host.js'
import { megabytes, numberText, table } from './markdown.js'

export interface CacheResult {
  readonly trace: string
  readonly kind: 'extents' | 'objects'
  readonly uses: number
  readonly distinct: number
  readonly distinctBytes: number
  readonly sizes: readonly {
    readonly maxBytes: number
    /** Parts of the uses that found it there. */
    readonly lru: number
    readonly arc: number
    /** No cache can do better: only what was never used before is missed. */
    readonly best: number
  }[]
}

export interface CacheResults {
  readonly date: string
  readonly host: Host
  readonly version: string
  readonly results: readonly CacheResult[]
}

export function cacheMarkdown({ date, host, version, results }: CacheResults): string {
  return [
    '# Benchmark: cache',
    '',
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ${host.system}; ` +
      `Node ${host.node}, SQLite ${host.sqlite}; ${date}.`,
    `**Tools**: varve ${version}.`,
    '',
    'Hit rates in percent of the uses of a trace, LRU / ARC. Best: of a cache that keeps everything.',
    '',
    ...section('extents', results),
    ...section('objects', results),
    '## Method',
    'A store of documents and an image of 8 KB pages, in ten versions, made from a seed; `bench/cacheTraces.ts` says what is done with it.',
    'Each use of an extent (a run of reads from it) and of an object is recorded in order, with its bytes, and then played to both',
    'caches, empty at first. LRU is the cache that ARC took the place of. Loads ahead are no uses. Nothing here depends on the clock.',
    '',
  ].join('\n')
}

function section(kind: CacheResult['kind'], all: readonly CacheResult[]): string[] {
  const results = all.filter((result) => result.kind === kind)
  const sizes = results[0]?.sizes.map(({ maxBytes }) => `${numberText(maxBytes / 2 ** 20)} MiB`) ?? []
  return [
    kind === 'extents' ? '## Extents' : '## Objects',
    ...table(
      ['trace', 'uses', 'distinct', 'MB', ...sizes, 'best'],
      results.map(({ trace, uses, distinct, distinctBytes, sizes: rates }) => [
        ...[trace, String(uses), String(distinct), megabytes(distinctBytes)],
        ...rates.map(({ lru, arc }) =>
          arc > lru + 0.001 ? `${rateText(lru)} / **${rateText(arc)}**` : `${rateText(lru)} / ${rateText(arc)}`,
        ),
        rateText(rates[0]?.best ?? 0),
      ]),
    ),
    '',
  ]
}

function rateText(rate: number): string {
  return (100 * rate).toFixed(1)
}
