/** Marking what gc keeps: from the sets that are kept of histories, beside the walk, each in a process of its own. */
import { cpSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runScript } from './ownProcess.js'
import type { HistoryMade } from './upkeepHistory.js'
import type { MarkRun } from './upkeepMarkRun.js'

export interface MarkingResult {
  readonly commits: number
  /** Rows of the chunk tables. */
  readonly chunks: number
  readonly storeBytes: number
  /** What making the sets added to the file. */
  readonly setsBytes: number
  readonly makingSeconds: number
  readonly walks: readonly MarkRun[]
  readonly fromSets: readonly MarkRun[]
  /** Whether both marked as much. */
  readonly isSame: boolean
}

const SCRIPT = 'upkeepMarkRun.ts'

export async function measureMarking(
  { path, storeBytes, commits }: HistoryMade,
  rounds: number,
  workFolder: string,
  say: (line: string) => void,
): Promise<MarkingResult> {
  // A copy: what is kept for the next run has no sets.
  const copy = join(workFolder, 'marking.varve')
  cpSync(path, copy)
  const making = await runScript<MarkRun>(SCRIPT, [copy, 'make'])
  const setsBytes = statSync(copy).size - storeBytes
  say(`marking: sets made in ${making.seconds.toFixed(1)} s, ${(setsBytes / 1e6).toFixed(1)} MB`)
  const [walks, fromSets]: [MarkRun[], MarkRun[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const [how, runs] of [['walk', walks] as const, ['sets', fromSets] as const]) {
      const run = await runScript<MarkRun>(SCRIPT, [copy, how])
      runs.push(run)
      const peak = ((run.peakBytes ?? Number.NaN) / 1e6).toFixed(0)
      say(`marking, round ${round + 1}, ${how}: ${run.marked} in ${run.seconds.toFixed(2)} s, ${peak} MB`)
    }
  }
  const isSame = [...walks, ...fromSets].every(({ marked }) => marked === making.marked)
  return { commits, chunks: making.rows, storeBytes, setsBytes, makingSeconds: making.seconds, walks, fromSets, isSame }
}
