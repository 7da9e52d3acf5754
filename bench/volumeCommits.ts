/** Commits into stores of several shapes, and all of it read again: without delays, and on volumes that take their time. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Repository } from '../src/index.js'
import { say } from './scenario.js'
import { Seeded } from './seeded.js'
import type { Delays } from './slowVolume.js'
import { medianOf } from './statistics.js'
import { makeStore, openStore, type Shape } from './volumeShapes.js'

const FILE_BYTES = 2 ** 20
const FILES = 32
const DOCUMENT_BYTES = 4000
/** Of one store, the first not counted. */
const READINGS = 5
const WARM_UP = 5
const SMALL_COMMITS = 30
const AUTHOR = 'Bench <bench@example.org>'

export const WORKLOADS = ['noise', 'text', 'small'] as const
export type Workload = (typeof WORKLOADS)[number] | 'read'

export interface Timing {
  readonly shape: string
  readonly workload: Workload
  readonly delays: Delays
  /** One for each round: of a large commit or of reading all of it; of small ones, the median of one. */
  readonly ms: number[]
}

/** A draft's files, by path. */
export type Files = readonly (readonly [path: string, bytes: Buffer])[]

export function largeFiles(random: Seeded, kind: 'noise' | 'text', folder: string, files = FILES): Files {
  return Array.from({ length: files }, (_, number) => [
    `${folder}/${number}`,
    kind === 'noise' ? random.bytes(FILE_BYTES) : random.text(FILE_BYTES),
  ])
}

export function smallFile(random: Seeded, folder: string, number: number): Files {
  return [[`${folder}/${number % 50}.txt`, random.text(DOCUMENT_BYTES)]]
}

export async function commit(repository: Repository, branch: string, files: Files): Promise<void> {
  const draft = await repository.draft(branch)
  for (const [path, bytes] of files) await draft.write(path, bytes)
  await draft.commit({ message: 'bench', author: AUTHOR })
}

/** All shapes in each round, forwards and backwards by turns; a round before the first is not counted. */
export async function timeAll(
  shapes: readonly Shape[],
  workloads: readonly Workload[],
  delays: Delays,
  rounds: number,
  workFolder: string,
): Promise<Timing[]> {
  const timings = workloads.flatMap((workload) =>
    shapes.map((shape): Timing & { of: Shape } => ({ shape: shape.name, of: shape, workload, delays, ms: [] })),
  )
  for (let round = -1; round < rounds; round++) {
    for (const timing of round % 2 === 0 ? timings : [...timings].reverse()) {
      const ms = await timeOne(timing.of, timing.workload, delays, join(workFolder, 'commits'))
      if (round >= 0) timing.ms.push(ms)
    }
  }
  for (const { shape, workload, ms } of timings) {
    say(`${workload} ${JSON.stringify(delays)}, ${shape}: ${medianOf(ms).toFixed(1)} ms`)
  }
  return timings.map(({ of: _, ...timing }) => timing)
}

async function timeOne(shape: Shape, workload: Workload, delays: Delays, folder: string): Promise<number> {
  rmSync(folder, { recursive: true, force: true })
  const path = await makeStore(shape, folder)
  const random = new Seeded(workload)
  // Made beforehand: it takes longer than some commits.
  const made = workload === 'small' ? undefined : largeFiles(random, workload === 'noise' ? 'noise' : 'text', 'large')
  // Extents of one file are read ahead.
  const large: Files | undefined =
    made && workload === 'read' ? [['large', Buffer.concat(made.map(([, bytes]) => bytes))]] : made
  const writing = await openStore(path, workload === 'read' ? {} : delays)
  const ms = large
    ? await msOf(() => commit(writing, 'main', large))
    : await medianOfSmall(random, (files) => msOf(() => commit(writing, 'main', files)))
  await writing.close()
  const read = workload === 'read' ? await timeReading(path, delays, join(folder, 'restored')) : undefined
  rmSync(folder, { recursive: true })
  return read ?? ms
}

async function medianOfSmall(random: Seeded, timed: (files: Files) => Promise<number>): Promise<number> {
  const times: number[] = []
  for (let number = 0; number < WARM_UP + SMALL_COMMITS; number++) {
    const ms = await timed(smallFile(random, 'small', number))
    if (number >= WARM_UP) times.push(ms)
  }
  return medianOf(times)
}

/** By a store that is opened anew each time. The first comes too soon after the writing, of which mirrors have more. */
async function timeReading(path: string, delays: Delays, target: string): Promise<number> {
  const times: number[] = []
  for (let number = -1; number < READINGS; number++) {
    const reading = await openStore(path, delays)
    const ms = await msOf(() => reading.export('main', target))
    await reading.close()
    rmSync(target, { recursive: true })
    if (number >= 0) times.push(ms)
  }
  return medianOf(times)
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}
