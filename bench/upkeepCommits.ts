/**
 * Commits of one small file through the library, alone and while a gc in another process condemns, drops and rewrites what half
 * the commits of a long history left. The times alone are taken before and after.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openBuilt } from './builtLibrary.js'
import { runChild } from './children.js'
import { Seeded } from './seeded.js'
import { medianOf } from './statistics.js'
import type { HistoryMade } from './upkeepHistory.js'

export interface CommitsRound {
  /** Milliseconds of each commit. */
  readonly alone: readonly number[]
  readonly meanwhile: readonly number[]
  readonly gcSeconds: number
  /** What gc did, by its own report: extents. */
  readonly dropped: number
  readonly rewritten: number
}

const COMMITS_ALONE = 60
/** Then gc is left alone, so that it comes to its end. */
const COMMITS_MEANWHILE_MAX = 500
const FILE_BYTES = 2000
/** A program that commits now and then, and not as fast as it can: several times a second. */
const PAUSE_MS = 100

export async function measureCommits(
  { path, commits }: HistoryMade,
  rounds: number,
  workFolder: string,
  say: (line: string) => void,
): Promise<CommitsRound[]> {
  const results: CommitsRound[] = []
  for (let round = 0; round < rounds; round++) {
    const copy = join(workFolder, 'commits.varve')
    cpSync(path, copy)
    const result = await runOnce(copy, Math.ceil(commits / 2))
    results.push(result)
    const [alone, meanwhile] = [medianOf(result.alone).toFixed(2), medianOf(result.meanwhile).toFixed(2)]
    say(
      `commits, round ${round + 1}: ${alone} ms alone, ${meanwhile} ms during ${result.gcSeconds.toFixed(1)} s of gc ` +
        `(${result.meanwhile.length} commits, ${result.dropped} extents dropped, ${result.rewritten} rewritten)`,
    )
  }
  return results
}

async function runOnce(path: string, keep: number): Promise<CommitsRound> {
  const { Repository } = await openBuilt()
  const repository = await Repository.open(path)
  const chance = new Seeded('commits')
  let number = 0
  const commitOnce = async (): Promise<number> => {
    const bytes = chance.bytes(FILE_BYTES)
    const startedMs = performance.now()
    const draft = await repository.draft('main')
    await draft.write(`folder-000/small-${number++ % 50}.txt`, bytes)
    await draft.commit({ message: `commit ${number}`, author: 'Bench <bench@example.org>' })
    const ms = performance.now() - startedMs
    await setTimeout(PAUSE_MS)
    return ms
  }
  const [alone, meanwhile]: [number[], number[]] = [[], []]
  try {
    await repository.prune({ keepLast: keep })
    for (let index = 0; index < COMMITS_ALONE; index++) alone.push(await commitOnce())
    const gc = { seconds: 0, dropped: 0, rewritten: 0, isDone: false }
    const collecting = collect(path).then((done) => Object.assign(gc, done, { isDone: true }))
    // Said where it is awaited.
    collecting.catch(() => Object.assign(gc, { isDone: true }))
    while (!gc.isDone && meanwhile.length < COMMITS_MEANWHILE_MAX) meanwhile.push(await commitOnce())
    await collecting
    for (let index = 0; index < COMMITS_ALONE; index++) alone.push(await commitOnce())
    return { alone, meanwhile, gcSeconds: gc.seconds, dropped: gc.dropped, rewritten: gc.rewritten }
  } finally {
    await repository.close()
  }
}

async function collect(path: string): Promise<{ seconds: number; dropped: number; rewritten: number }> {
  const command = join(import.meta.dirname, '../cli/varve.cjs')
  const sums = { seconds: 0, dropped: 0, rewritten: 0 }
  // Condemned by the first, gone with the second.
  for (const options of [[], ['--now']]) {
    const args = [command, '--store', path, '--no-progress', '--json', 'gc', ...options]
    const ended = await runChild(process.execPath, args, {
      folder: import.meta.dirname,
      environment: process.env,
      keepPrinted: true,
    })
    if (ended.status !== 0) throw new Error(`gc ended with ${ended.status ?? ended.signal}: ${ended.said.trim()}`)
    const report = JSON.parse(ended.printed) as { dropped: { extents: number }; rewritten: { extents: number } }
    sums.seconds += ended.seconds
    sums.dropped += report.dropped.extents
    sums.rewritten += report.rewritten.extents
  }
  return sums
}
