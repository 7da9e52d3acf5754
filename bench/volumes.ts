/**
 * `npm run bench -- volumes`: commits into stripes and mirrors beside those into one volume, reading them again, and several
 * writers of one store.
 */
import packageJson from '../package.json' with { type: 'json' }
import { describeHost } from './host.js'
import { runScenario } from './scenario.js'
import { timeAll, WORKLOADS } from './volumeCommits.js'
import { SHAPES } from './volumeShapes.js'
import { type VolumesResults, volumesMarkdown } from './volumesReport.js'
import { measureWriters } from './volumeWriters.js'

const ROUNDS = 3
const SLOW_ROUNDS = 3
const WRITER_ROUNDS = 2
const WITHOUT_THREADS = { blockMs: 20, threads: false }

const USAGE = `
npm run bench -- volumes [--work DIR] [--out FILE]

  --work DIR     where the stores are made, 500 MB at a time (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-volumes)
`.trim()

/** @returns the exit status */
export function volumes(args: readonly string[]): Promise<number> {
  return runScenario({ name: 'volumes', usage: USAGE, run: measureVolumes, markdown: volumesMarkdown }, args)
}

async function measureVolumes(workFolder: string): Promise<VolumesResults> {
  const host = describeHost(workFolder)
  const { oneFile, oneVolume, stripes, linear, mirrors, fourLinear, fourStriped } = SHAPES
  const [plain, pair] = [
    [oneVolume, stripes, linear, mirrors, oneFile],
    [linear, mirrors],
  ]
  const timings = [
    await timeAll(plain, WORKLOADS, {}, ROUNDS, workFolder),
    await timeAll(pair, ['read'], {}, ROUNDS, workFolder),
    await timeAll([oneVolume, stripes], WORKLOADS, { stageMs: 20 }, SLOW_ROUNDS, workFolder),
    await timeAll([oneVolume, stripes], ['noise', 'text'], { extentMs: 20 }, SLOW_ROUNDS, workFolder),
    await timeAll([oneVolume, stripes], ['noise', 'text'], { extentMs: 200 }, SLOW_ROUNDS, workFolder),
    await timeAll([oneVolume, stripes, mirrors], ['noise', 'text'], { blockMs: 20 }, SLOW_ROUNDS, workFolder),
    await timeAll([oneVolume, stripes, mirrors], ['noise', 'text'], WITHOUT_THREADS, SLOW_ROUNDS, workFolder),
    await timeAll(pair, ['read'], { readMs: 50 }, SLOW_ROUNDS, workFolder),
  ].flat()
  const writers = await measureWriters([oneFile, fourLinear, fourStriped], WRITER_ROUNDS, workFolder)
  return { date: new Date().toISOString().slice(0, 10), host, version: packageJson.version, timings, writers }
}
