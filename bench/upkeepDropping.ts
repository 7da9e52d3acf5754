/**
 * The older half of a larger corpus given up: found out and given back, by varve and by the backup tools that can do that. Each
 * commits all versions once; each round then begins with a copy of that store.
 */
import { cpSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compareTrees } from './compare.js'
import type { Corpus } from './corpora.js'
import type { Meter } from './measure.js'
import { sumOf } from './statistics.js'
import type { Dropping } from './storeRounds.js'
import { SUBJECT } from './tools/all.js'
import type { StoreTool, ToolStore } from './tools/tool.js'

export interface DroppingRounds {
  readonly tool: string
  readonly rounds: Dropping[]
}

export interface DroppingResult {
  readonly corpus: string
  readonly versions: number
  readonly rawBytes: number
  /** The subject's store of the kept versions alone. */
  readonly freshBytes: number
  readonly tools: readonly DroppingRounds[]
}

export async function measureDropping(
  corpus: Corpus,
  tools: readonly StoreTool[],
  rounds: number,
  meter: Meter,
  workFolder: string,
  say: (line: string) => void,
): Promise<DroppingResult> {
  const able = tools.filter((tool) => tool.storeIn(workFolder).dropOlder)
  const keep = Math.ceil(corpus.versions.length / 2)
  const folder = join(workFolder, 'dropping')
  const target = join(folder, 'restored')
  mkdirSync(target, { recursive: true })
  const homes = new Map<StoreTool, string>()
  for (const tool of able) {
    const home = join(folder, tool.name)
    await commitAll(tool.storeIn(home), corpus, home, meter)
    renameSync(home, `${home}.whole`)
    homes.set(tool, home)
    say(`dropping: ${tool.name} has committed ${corpus.versions.length} versions`)
  }
  const results = able.map((tool): DroppingRounds => ({ tool: tool.name, rounds: [] }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < able.length; turn++) {
      const place = (round + turn) % able.length
      const [tool, result] = [able[place] as StoreTool, results[place] as DroppingRounds]
      const home = homes.get(tool) as string
      cpSync(`${home}.whole`, home, { recursive: true, preserveTimestamps: true })
      const dropping = await drop(tool.storeIn(home), corpus, keep, target, meter)
      rmSync(home, { recursive: true })
      result.rounds.push(dropping)
      const { forgetting, reclaiming, beforeBytes, afterBytes, differences } = dropping
      say(
        `dropping, round ${round + 1}, ${tool.name}: ${forgetting.seconds.toFixed(2)} + ${reclaiming.seconds.toFixed(2)} s, ` +
          `${(beforeBytes / 1e6).toFixed(0)} to ${(afterBytes / 1e6).toFixed(0)} MB, ${differences} differences`,
      )
    }
  }
  const fresh = SUBJECT.storeIn(join(folder, 'fresh'))
  await commitAll(fresh, { ...corpus, versions: newest(corpus, keep) }, join(folder, 'fresh'), meter)
  return {
    corpus: corpus.name,
    versions: corpus.versions.length,
    rawBytes: sumOf(corpus.versions.map((version) => bytesIn(version.folder))),
    freshBytes: bytesIn(fresh.storeFolder),
    tools: results,
  }
}

function newest(corpus: Corpus, keep: number): Corpus['versions'] {
  const [first = corpus.versions[0], ...rest] = corpus.versions.slice(-keep)
  return [first, ...rest]
}

/** The last one twice, as `dropOlder` expects it. */
async function commitAll(store: ToolStore, corpus: Corpus, home: string, meter: Meter): Promise<void> {
  mkdirSync(home, { recursive: true })
  await meter.runAll(store.init)
  for (const [index, { folder }] of corpus.versions.entries()) {
    await meter.runAll(store.commit(folder, `version-${index + 1}`))
  }
  await meter.runAll(store.commit(corpus.versions.at(-1)?.folder ?? '', 'again'))
}

async function drop(store: ToolStore, corpus: Corpus, keep: number, target: string, meter: Meter): Promise<Dropping> {
  const { forget, reclaim } = store.dropOlder?.(keep) ?? { forget: [], reclaim: [] }
  await meter.run({ program: 'sync', args: [] })
  const beforeBytes = bytesIn(store.storeFolder)
  const forgetting = await meter.runAll(forget)
  const reclaiming = await meter.runAll(reclaim)
  const afterBytes = bytesIn(store.storeFolder)
  const last = corpus.versions.at(-1)?.folder ?? ''
  rmSync(target, { recursive: true })
  mkdirSync(target)
  await meter.runAll(store.restore(last, 'again', target))
  const { differences } = compareTrees(last, store.restoredAt(last, target))
  return { forgetting, reclaiming, beforeBytes, afterBytes, differences }
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  return sumOf(files.map((entry) => lstatSync(join(entry.parentPath, entry.name)).size))
}
