/**
 * `npm run bench -- move`: what `pv move` takes, beside reading, writing and syncing a file of the same bytes. What a volume holds goes
 * to an empty one, and back in the next round.
 */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { openBuilt } from './builtLibrary.js'
import { runChild } from './children.js'
import { describeHost } from './host.js'
import { type MoveResult, type MoveResults, moveMarkdown } from './moveReport.js'
import type { MoveRun } from './moveRun.js'
import { runScript } from './ownProcess.js'
import { runScenario, say } from './scenario.js'
import { Seeded } from './seeded.js'

const ROUNDS = 7
const FILE_BYTES = 10e6
const AUTHOR = 'Bench <bench@example.org>'

const CONTENTS: readonly { readonly name: string; readonly files: number; readonly make: 'bytes' | 'text' }[] = [
  { name: 'incompressible', files: 24, make: 'bytes' },
  { name: 'text', files: 24, make: 'text' },
]

const USAGE = `
npm run bench -- move [--work DIR] [--out FILE]

  --work DIR     where the stores are made, 1 GB (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-pv-move)
`.trim()

/** @returns the exit status */
export function move(args: readonly string[]): Promise<number> {
  return runScenario({ name: 'pv-move', usage: USAGE, run: measureMoves, markdown: moveMarkdown }, args)
}

async function measureMoves(workFolder: string): Promise<MoveResults> {
  const host = describeHost(workFolder)
  const results: MoveResult[] = []
  for (const content of CONTENTS) {
    say(`${content.name} …`)
    results.push(await measure(content, workFolder))
  }
  return { date: new Date().toISOString().slice(0, 10), host, version: packageJson.version, results }
}

async function measure({ name, files, make }: (typeof CONTENTS)[number], workFolder: string): Promise<MoveResult> {
  const { Repository } = await openBuilt()
  const store = join(workFolder, `${name}.varve`)
  const volumes = ['1', '2'].map((number) => join(workFolder, `${name}.${number}`)) as [string, string]
  const repository = await Repository.create(store)
  for (const volume of volumes) await repository.extendVolumeGroup(volume)
  for (const pv of ['0', '2']) await repository.changePhysicalVolume(pv, { allocatable: false })
  const random = new Seeded(name)
  const draft = await repository.draft('main')
  for (let file = 0; file < files; file++) await draft.write(`${file}`, random[make](FILE_BYTES))
  await draft.commit({ message: 'all', author: AUTHOR })
  const [, held] = (await repository.volumeGroup()).physicalVolumes
  await repository.close()
  if (!held) throw new Error('there is no volume 1')
  const copy = join(workFolder, 'copy')
  const rounds: MoveResult['rounds'][number][] = []
  let fileBytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    const [from, to] = round % 2 === 0 ? ['1', '2'] : ['2', '1']
    const file = volumes[Number(from) - 1] as string
    fileBytes = statSync(file).size
    const measured = new Map<string, MoveRun>()
    const ways: [string, readonly string[]][] = [
      ['copy', ['copy', file, copy]],
      ['rows', ['rows', file, copy]],
      ['move', ['move', store, from, to]],
    ]
    // Only the copies change places: after the move nothing is left to copy.
    if (round % 4 >= 2) ways.unshift(...ways.splice(1, 1))
    for (const [way, args] of ways) {
      await runChild('sync', [], { folder: workFolder, environment: process.env })
      measured.set(way, await runScript<MoveRun>('moveRun.ts', args))
      for (const each of [copy, `${copy}-journal`]) rmSync(each, { force: true })
    }
    rounds.push(Object.fromEntries(measured) as unknown as MoveResult['rounds'][number])
  }
  const { extents, storedBytes } = held
  return { content: name, rawBytes: files * FILE_BYTES, extents, storedBytes, fileBytes, rounds }
}
