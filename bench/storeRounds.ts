/**
 * Every version of a corpus committed in turn, by each tool, in rounds.
 *
 * The tools alternate within a round and the order moves on by one each round, so that a slow minute of the machine
 * does not fall on one tool alone. A tool starts with a fresh store each time. What is timed are its commands only;
 * comparing, deleting and taking sizes are not. Right after the commits the tool is started as often as they started
 * it, to do nothing: the difference is what it needs past start-up.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Comparison, compareTrees } from './compare.js'
import { type Corpus, type CorpusKind, type CorpusSize, readThrough } from './corpora.js'
import { type Meter, type Run, together } from './measure.js'
import { sumOf } from './statistics.js'
import type { StoreTool, ToolStore } from './tools/tool.js'

export interface StoreRound {
  readonly commits: readonly Run[]
  /** All commits together. */
  readonly committing: Run
  /** What merely starting the tool as often took, in seconds. */
  readonly startUpSeconds: number
  /** The last version committed once more. */
  readonly again: Run
  readonly restoring: Run
  /** Of the store after the commits: lengths of its files, and what the file system allotted for them. */
  readonly storeBytes: number
  readonly allottedBytes: number
  readonly comparison: Comparison
  /** The older half of the versions given up, where the tool can do that. */
  readonly dropping: Dropping | undefined
}

export interface Dropping {
  readonly forgetting: Run
  readonly reclaiming: Run
  /** As `storeBytes`, before and after. */
  readonly beforeBytes: number
  readonly afterBytes: number
  /** Of the newest version, restored afterwards. */
  readonly differences: number
}

export interface ToolRounds {
  readonly tool: string
  readonly rounds: StoreRound[]
  /** Why it was left out from some round on. */
  failure: string | undefined
}

export interface StoreResult {
  readonly corpus: string
  readonly kind: CorpusKind
  readonly size: CorpusSize
  readonly versions: readonly string[]
  readonly tools: readonly ToolRounds[]
}

export async function runStoreRounds(
  corpus: Corpus,
  tools: readonly StoreTool[],
  rounds: number,
  meter: Meter,
  workFolder: string,
  say: (line: string) => void,
): Promise<StoreResult> {
  const size = readThrough(corpus)
  const results = tools.map((tool): ToolRounds => ({ tool: tool.name, rounds: [], failure: undefined }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < tools.length; turn++) {
      const place = (round + turn) % tools.length
      const [tool, result] = [tools[place], results[place]]
      if (tool === undefined || result === undefined || result.failure !== undefined) continue
      try {
        const measured = await runOnce(corpus, tool, meter, workFolder)
        result.rounds.push(measured)
        say(`${corpus.name}, round ${round + 1}, ${tool.name}: ${summaryOf(measured)}`)
      } catch (error) {
        // One tool that fails does not take the others' results away; the report says what happened.
        result.failure = withoutPaths(String(error instanceof Error ? error.message : error), corpus, workFolder)
        say(`${corpus.name}, round ${round + 1}, ${tool.name}: FAILED: ${result.failure}`)
      }
    }
  }
  const versions = corpus.versions.map((version) => version.name)
  return { corpus: corpus.name, kind: corpus.kind, size, versions, tools: results }
}

async function runOnce(corpus: Corpus, tool: StoreTool, meter: Meter, workFolder: string): Promise<StoreRound> {
  const folder = join(workFolder, 'round')
  const [home, target] = [join(folder, tool.name), join(folder, 'restored')]
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  mkdirSync(target)
  try {
    const store = tool.storeIn(home)
    // What the tool before left to be written is not this one's burden.
    await meter.run({ program: 'sync', args: [] })
    await meter.runAll(store.init)
    const commits: Run[] = []
    let starts = 0
    let [last, label] = [corpus.versions[0], '']
    for (const [index, version] of corpus.versions.entries()) {
      label = `version-${index + 1}`
      last = version
      const steps = store.commit(version.folder, label)
      starts += steps.length
      commits.push(await meter.runAll(steps))
    }
    const [storeBytes, allottedBytes] = sizesOf(store.storeFolder)
    const again = await meter.runAll(store.commit(last.folder, 'again'))
    const startUps = await meter.runAll(Array.from({ length: starts }, () => tool.versionStep))
    const restoring = await meter.runAll(store.restore(last.folder, label, target))
    const comparison = compareTrees(last.folder, store.restoredAt(last.folder, target))
    const dropping = await dropOlderHalf(corpus, store, last.folder, 'again', target, meter)
    return {
      commits,
      committing: together(commits),
      startUpSeconds: startUps.seconds,
      again,
      restoring,
      storeBytes,
      allottedBytes,
      comparison,
      dropping,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function dropOlderHalf(
  corpus: Corpus,
  store: ToolStore,
  last: string,
  label: string,
  target: string,
  meter: Meter,
): Promise<Dropping | undefined> {
  const keep = Math.ceil(corpus.versions.length / 2)
  const steps = corpus.versions.length < MANY_VERSIONS ? undefined : store.dropOlder?.(keep)
  if (!steps) return undefined
  const [beforeBytes] = sizesOf(store.storeFolder)
  const forgetting = await meter.runAll(steps.forget)
  const reclaiming = await meter.runAll(steps.reclaim)
  const [afterBytes] = sizesOf(store.storeFolder)
  rmSync(target, { recursive: true })
  mkdirSync(target)
  await meter.runAll(store.restore(last, label, target))
  const { differences } = compareTrees(last, store.restoredAt(last, target))
  return { forgetting, reclaiming, beforeBytes, afterBytes, differences }
}

/** Of fewer, half is not worth a figure. */
const MANY_VERSIONS = 4
const BLOCK_BYTES = 512

export function sizesOf(folder: string): [bytes: number, allotted: number] {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => lstatSync(join(entry.parentPath, entry.name)))
  return [sumOf(files.map((file) => file.size)), sumOf(files.map((file) => file.blocks * BLOCK_BYTES))]
}

function summaryOf(round: StoreRound): string {
  const { committing, again, restoring, storeBytes, comparison } = round
  const same = comparison.differences === 0 ? 'identical' : `${comparison.differences} DIFFERENCES`
  return (
    `commits ${committing.seconds.toFixed(2)} s, again ${again.seconds.toFixed(2)} s, ` +
    `store ${(storeBytes / 1e6).toFixed(1)} MB, restore ${restoring.seconds.toFixed(2)} s, ${same}`
  )
}

/** Results are kept with the project, and say nothing of the machine's folders. */
export function withoutPaths(text: string, corpus: Corpus, workFolder: string): string {
  const versions = corpus.versions.map((version) => [version.folder, `‹${corpus.name}/${version.name}›`] as const)
  const project = join(import.meta.dirname, '..')
  return [...versions, [workFolder, '‹work›'] as const, [project, '‹project›'] as const].reduce(
    (clean, [path, name]) => clean.replaceAll(path, name),
    text,
  )
}
