/**
 * What gc marks, found once, in this process: by its walk, or from the sets that are kept of histories. Started by
 * upkeepMarking.ts, prints one line of JSON. `tsx bench/upkeepMarkRun.ts STORE walk|sets|make`
 */
import { readFileSync } from 'node:fs'
import type { ChunkLocation } from '../src/volume/physicalVolume.js'
import { openBuilt, openBuiltModule } from './builtLibrary.js'

export interface MarkRun {
  /** From the open store to all that is marked. */
  readonly seconds: number
  readonly openSeconds: number
  /** Rows of chunk tables that are marked, of all. */
  readonly marked: number
  readonly rows: number
  /** Of this process, at its largest, and before anything was marked. Linux alone says. */
  readonly peakBytes: number | undefined
  readonly beforeBytes: number | undefined
}

const PAGE_ROWS = 5000

async function run(path: string, how: string): Promise<MarkRun> {
  const { Repository } = await openBuilt()
  const { KeptMarking, WalkedMarking } =
    await openBuiltModule<typeof import('../src/upkeep/marking.js')>('upkeep/marking')
  const openedMs = performance.now()
  const repository = await Repository.open(path, { readOnly: how !== 'make' })
  const beforeBytes = memory('VmRSS')
  const startedMs = performance.now()
  // The whole reflog, as in a store that is younger than its term.
  const options = { reflogFrom: 1, onMarked: async () => undefined }
  const isWalk = how === 'walk'
  const marking = isWalk
    ? new WalkedMarking(repository.parts, options)
    : new KeptMarking(repository.parts, options, how === 'make')
  await marking.update()
  const seconds = (performance.now() - startedMs) / 1000
  const peakBytes = memory('VmHWM')
  let [marked, rows] = [0, 0]
  for (const volume of repository.parts.group.volumes) {
    for (let page = await volume.chunkRows(undefined, PAGE_ROWS); page.length > 0; ) {
      rows += page.length
      for (const row of page) if (marking.has(row)) marked++
      page = page.length < PAGE_ROWS ? [] : await volume.chunkRows(page.at(-1) as ChunkLocation, PAGE_ROWS)
    }
  }
  await repository.close()
  return { seconds, openSeconds: (startedMs - openedMs) / 1000, marked, rows, peakBytes, beforeBytes }
}

function memory(field: 'VmHWM' | 'VmRSS'): number | undefined {
  if (process.platform !== 'linux') return undefined
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return match ? Number(match[1]) * 1024 : undefined
}

const [path = '', how = ''] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await run(path, how))}\n`)
