/**
 * `npm run bench -- cache`: how often the store's caches have what is asked for, ARC beside LRU, on traces that are recorded while
 * a store is made and used.
 */
import packageJson from '../package.json' with { type: 'json' }
import { AdaptiveCache } from '../src/cas/adaptiveCache.js'
import { type CacheResult, type CacheResults, cacheMarkdown } from './cacheReport.js'
import { recordTraces, type Trace, type Use } from './cacheTraces.js'
import { describeHost } from './host.js'
import { runScenario, say } from './scenario.js'
import { sumOf } from './statistics.js'

/** The default is 16 MiB for each. Objects of this store take a few megabytes: smaller caches stand for larger stores. */
const SIZES_MIB = { extents: [4, 8, 16, 32, 64], objects: [0.25, 0.5, 1, 2, 16] } as const

const USAGE = `
npm run bench -- cache [--work DIR] [--out FILE]

  --work DIR     where the store is made, 500 MB (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-cache)
`.trim()

function resultsOf(trace: Trace): CacheResult[] {
  return (['extents', 'objects'] as const).flatMap((kind) => {
    const uses = trace[kind]
    if (uses.length === 0) return []
    const distinct = new Map(uses.map(({ key, bytes }) => [key, bytes]))
    const best = 1 - distinct.size / uses.length
    const sizes = SIZES_MIB[kind].map((size) => {
      const maxBytes = size * 2 ** 20
      return { maxBytes, lru: lruRate(uses, maxBytes), arc: arcRate(uses, maxBytes), best }
    })
    const distinctBytes = sumOf([...distinct.values()])
    return [{ trace: trace.name, kind, uses: uses.length, distinct: distinct.size, distinctBytes, sizes }]
  })
}

function arcRate(uses: readonly Use[], maxBytes: number): number {
  const cache = new AdaptiveCache<string, Use>(maxBytes)
  for (const use of uses) if (!cache.get(use.key)) cache.set(use.key, use, use.bytes)
  return cache.stats.hits / uses.length
}

/** The cache that was here before: what was used longest ago goes first. */
function lruRate(uses: readonly Use[], maxBytes: number): number {
  const held = new Map<string, number>()
  let [bytes, hits] = [0, 0]
  for (const use of uses) {
    if (held.delete(use.key)) hits++
    else bytes += use.bytes
    held.set(use.key, use.bytes)
    for (const [key, weight] of held) {
      if (bytes <= maxBytes) break
      held.delete(key)
      bytes -= weight
    }
  }
  return hits / uses.length
}

/** @returns the exit status */
export function cache(args: readonly string[]): Promise<number> {
  return runScenario({ name: 'cache', usage: USAGE, run: measureCaches, markdown: cacheMarkdown }, args)
}

async function measureCaches(workFolder: string): Promise<CacheResults> {
  const host = describeHost(workFolder)
  const traces = await recordTraces(workFolder, say)
  const date = new Date().toISOString().slice(0, 10)
  return { date, host, version: packageJson.version, results: traces.flatMap(resultsOf) }
}
