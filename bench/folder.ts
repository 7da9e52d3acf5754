/**
 * A working folder, in varve and in Git: the first commit, looking at it unchanged, a commit of nothing, a commit of some
 * changed files, going back and forth between the two, and everything written into an empty folder.
 *
 * Each tool has a copy of the same tree. They alternate within a round, and the order moves on by one each round.
 */
import { appendFileSync, cpSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { compareTrees } from './compare.js'
import type { Meter, Step } from './measure.js'
import { medianOf } from './statistics.js'
import type { FolderTool } from './tools/folderTool.js'

export const FOLDER_TASKS = ['first commit', 'status', 'commit of nothing', 'commit', 'switch', 'export'] as const
export type FolderTask = (typeof FOLDER_TASKS)[number]

export interface FolderRound {
  /** Wall seconds of each task; of one that was repeated, the median. */
  readonly seconds: Readonly<Record<FolderTask, number>>
  /** What merely starting the tool takes. */
  readonly startSeconds: number
  /** The processes of each task. */
  readonly starts: Readonly<Record<FolderTask, number>>
  /** Of a folder with a thousand files. */
  readonly smallStatusSeconds: number
  readonly nodeSeconds: number
  readonly differences: number
}

export interface FolderToolRounds {
  readonly tool: string
  readonly rounds: FolderRound[]
}

export interface FolderResult {
  readonly files: number
  readonly folders: number
  readonly changedFiles: number
  readonly tools: readonly FolderToolRounds[]
}

const CHANGED_FILES = 1000
const SMALL_FILES = 1000
const REPEATS = 5
/** Longer than the tick of the clock that gives files their times: nothing is "racy" then. */
const SETTLE_MS = 1100

export async function runFolder(
  tree: string,
  tools: readonly FolderTool[],
  rounds: number,
  meter: Meter,
  workFolder: string,
  say: (line: string) => void,
): Promise<FolderResult> {
  const original = join(workFolder, 'tree')
  copyTree(tree, original)
  const files = filesIn(original)
  const small = join(workFolder, 'small')
  for (const file of files.slice(0, SMALL_FILES)) cpSync(join(original, file), join(small, file))
  const changed = spreadOver(files, CHANGED_FILES)
  const results = tools.map((tool): FolderToolRounds => ({ tool: tool.name, rounds: [] }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < tools.length; turn++) {
      const place = (round + turn) % tools.length
      const [tool, result] = [tools[place], results[place]]
      if (!tool || !result) continue
      const measured = await runOnce(tool, { original, small, changed }, meter, workFolder)
      result.rounds.push(measured)
      const told = FOLDER_TASKS.map((task) => `${task} ${measured.seconds[task].toFixed(2)}`).join(', ')
      say(`folder, round ${round + 1}, ${tool.name}: ${told} s, ${measured.differences} differences`)
    }
  }
  const folders = readdirSync(original, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory())
  return { files: files.length, folders: folders.length, changedFiles: changed.length, tools: results }
}

interface Trees {
  readonly original: string
  readonly small: string
  /** Paths of files that the second commit changes. */
  readonly changed: readonly string[]
}

async function runOnce(
  tool: FolderTool,
  { original, small, changed }: Trees,
  meter: Meter,
  workFolder: string,
): Promise<FolderRound> {
  const round = join(workFolder, 'round')
  rmSync(round, { recursive: true, force: true })
  const [folder, smallFolder, target] = [join(round, 'folder'), join(round, 'small'), join(round, 'target')]
  mkdirSync(target, { recursive: true })
  copyTree(original, folder)
  copyTree(small, smallFolder)
  const [at, atSmall] = [tool.in(folder), tool.in(smallFolder)]
  const timed = async (steps: readonly Step[]): Promise<number> => (await meter.runAll(steps)).seconds
  const repeated = async (steps: readonly Step[]): Promise<number> => {
    const all: number[] = []
    for (let repeat = 0; repeat < REPEATS; repeat++) all.push(await timed(steps))
    return medianOf(all)
  }
  try {
    await meter.runAll([...at.init, ...atSmall.init])
    await meter.run({ program: 'sync', args: [] })
    await setTimeout(SETTLE_MS)
    const first = await timed(at.commit('first'))
    await setTimeout(SETTLE_MS)
    const status = await repeated(at.status)
    const nothing = await repeated(at.commit('nothing'))
    await meter.runAll(at.branch('second'))
    for (const path of changed) appendFileSync(join(folder, path), '\n// changed\n')
    await setTimeout(SETTLE_MS)
    const second = await timed(at.commit('second'))
    const switches: number[] = []
    let differences = 0
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      switches.push(await timed(at.switchTo('main')))
      if (repeat === 0) differences += compareTrees(original, folder, tool.ownNames).differences
      switches.push(await timed(at.switchTo('second')))
    }
    const exported = await timed(at.exportTo('main', target))
    differences += compareTrees(original, target, tool.ownNames).differences
    await meter.runAll(atSmall.commit('first'))
    await setTimeout(SETTLE_MS)
    await timed(atSmall.status)
    const smallStatuses: number[] = []
    const nodes: number[] = []
    const starts: number[] = []
    for (let repeat = 0; repeat < 2 * REPEATS; repeat++) {
      nodes.push(await timed([{ program: process.execPath, args: ['-e', '0'] }]))
      starts.push(await timed([tool.versionStep]))
      smallStatuses.push(await timed(atSmall.status))
    }
    return {
      seconds: {
        'first commit': first,
        status,
        'commit of nothing': nothing,
        commit: second,
        switch: medianOf(switches),
        export: exported,
      },
      startSeconds: medianOf(starts),
      starts: {
        'first commit': at.commit('').length,
        status: at.status.length,
        'commit of nothing': at.commit('').length,
        commit: at.commit('').length,
        switch: at.switchTo('main').length,
        export: at.exportTo('main', target).length,
      },
      smallStatusSeconds: medianOf(smallStatuses),
      nodeSeconds: medianOf(nodes),
      differences,
    }
  } finally {
    rmSync(round, { recursive: true, force: true })
  }
}

/** With times, as an installation leaves them; without what would make the tools take different files. */
function copyTree(from: string, to: string): void {
  const filter = (path: string): boolean => !/[/\\]\.(git|varve|gitignore|varveignore)$/.test(path)
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, filter })
  removeEmptyFolders(to)
}

/** Git has none. */
function removeEmptyFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name))
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

function spreadOver(files: readonly string[], count: number): string[] {
  const step = Math.max(1, Math.floor(files.length / count))
  return files.filter((_, index) => index % step === 0).slice(0, count)
}

/** Past start-up: less what starting the tool as often takes. */
export function pastStart(round: FolderRound, task: FolderTask): number {
  return round.seconds[task] - round.starts[task] * round.startSeconds
}
