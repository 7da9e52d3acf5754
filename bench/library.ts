/** Document versioning through libraries: each contender in a process of its own, alternating in each round. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './children.js'
import { CONTENDERS } from './libraryContenders.js'
import type { LibraryRun } from './libraryRun.js'
import { EDITS } from './libraryWorkload.js'
import type { Meter } from './measure.js'

export interface ContenderRounds {
  readonly contender: string
  readonly method: string
  readonly rounds: LibraryRun[]
  failure: string | undefined
}

export async function runLibrary(
  rounds: number,
  meter: Meter,
  workFolder: string,
  say: (line: string) => void,
): Promise<ContenderRounds[]> {
  const results = CONTENDERS.map(
    ({ name, method }): ContenderRounds => ({ contender: name, method, rounds: [], failure: undefined }),
  )
  const folder = join(workFolder, 'library')
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < results.length; turn++) {
      const result = results[(round + turn) % results.length]
      if (result === undefined || result.failure !== undefined) continue
      mkdirSync(folder)
      await meter.run({ program: 'sync', args: [] })
      try {
        const run = await runInProcess(result.contender, folder)
        result.rounds.push(run)
        const rate = (EDITS / run.editsSeconds).toFixed(0)
        say(`library, round ${round + 1}, ${result.contender}: ${rate} commits/s`)
      } catch (error) {
        result.failure = String(error instanceof Error ? error.message : error)
        say(`library, round ${round + 1}, ${result.contender}: FAILED: ${result.failure}`)
      } finally {
        rmSync(folder, { recursive: true })
      }
    }
  }
  return results
}

async function runInProcess(contender: string, folder: string): Promise<LibraryRun> {
  const script = join(import.meta.dirname, 'libraryRun.ts')
  const ended = await runChild(process.execPath, ['--import', 'tsx', script, contender, folder], {
    folder: join(import.meta.dirname, '..'),
    environment: process.env,
    keepPrinted: true,
  })
  if (ended.status !== 0) throw new Error(reasonIn(ended.said) ?? `ended with status ${ended.status ?? ended.signal}`)
  return JSON.parse(ended.printed) as LibraryRun
}

/** The line that names the error, without the stack and its machine paths. */
function reasonIn(said: string): string | undefined {
  const line = said.split('\n').find((candidate) => /^\w*Error\b/.test(candidate))
  return line?.replaceAll(join(import.meta.dirname, '..'), '‹project›')
}
