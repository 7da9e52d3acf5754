/**
 * kill -9 while copies of extents come and go: `pv move`, `lv convert`, `vg balance`, at random moments of their work.
 *
 * After each kill the store is opened as the next command would, and must be whole: verify finds nothing, and every commit reads
 * back. The same command again ends well, and nothing is left on any volume that the catalog does not name.
 */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Repository } from '../../../src/index.js'
import { Chance, noise } from './chance.js'

export interface CopyKillOptions {
  /** An empty folder. */
  readonly folder: string
  /** What `process.execPath` runs as varve. */
  readonly script: string
  readonly kills: number
  readonly seed: string
  /** Of each of six commits: more than the engine takes at a time, all together, leaves more to be interrupted. */
  readonly commitBytes: number
  /** Of `pv move` alone. */
  readonly onlyMoves?: boolean | undefined
}

export interface CopyKillReport {
  /** Of commands that had not ended yet. */
  kills: number
  /** Commands that ended before they were killed. */
  ended: number
  /** Kills after which some copies had come or gone, and others not. */
  halfDone: number
  /** Empty when all is well; the run stops at the first. */
  readonly problems: string[]
}

const OTHERS: readonly (readonly string[])[] = [
  ['lv', 'convert', 'default', '-m', '1'],
  ['lv', 'convert', 'default', '-m', '0'],
  ['vg', 'balance'],
]
const COMMITS = 6
const VOLUMES = 4
const AUTHOR = 'Torture <torture@example.org>'

export async function killCopies(options: CopyKillOptions): Promise<CopyKillReport> {
  const report: CopyKillReport = { kills: 0, ended: 0, halfDone: 0, problems: [] }
  const store = `${options.folder}/store.varve`
  await makeStore(store, options)
  const chance = new Chance('copies', options.seed)
  let lastMs = 1500
  while (report.kills < options.kills && report.problems.length === 0) {
    const move = ['pv', 'move', String(chance.below(VOLUMES))]
    const command = options.onlyMoves ? move : chance.pick([move, ...OTHERS])
    const before = await placesOf(store)
    const startedMs = Date.now()
    const isKilled = await runAndKill(options.script, store, command, chance.below(lastMs))
    if (isKilled) report.kills++
    else report.ended++
    const after = await placesOf(store)
    const name = `after ${report.kills} kills, ${command.join(' ')}`
    await look(store, options, `${name}, killed`, report.problems)
    const againMs = Date.now()
    if (await runAndKill(options.script, store, command, 120_000))
      report.problems.push(`${name}: again it does not end`)
    // So that most are killed in the midst of it.
    lastMs = Math.max(300, Date.now() - (isKilled ? againMs : startedMs))
    const end = await placesOf(store)
    if (isKilled && after !== before && after !== end) report.halfDone++
    await look(store, options, `${name}, and again`, report.problems, true)
  }
  return report
}

async function makeStore(store: string, options: CopyKillOptions): Promise<void> {
  const repo = await Repository.create(store)
  try {
    for (let number = 1; number < VOLUMES; number++) await repo.extendVolumeGroup(`${options.folder}/pv${number}.varve`)
    await repo.convertLogicalVolume('default', { type: 'striped' })
    for (let number = 0; number < COMMITS; number++) {
      const draft = await repo.draft('main')
      await draft.write('f', contentOf(options, number))
      await draft.commit({ message: `${number}`, author: AUTHOR })
    }
  } finally {
    await repo.close()
  }
}

type Content = Pick<CopyKillOptions, 'seed' | 'commitBytes'>

function contentOf({ seed, commitBytes }: Content, number: number): Buffer {
  return noise(`${seed} ${number}`, commitBytes)
}

/** @returns whether it was at work still */
export async function runAndKill(
  script: string,
  store: string,
  command: readonly string[],
  afterMs: number,
): Promise<boolean> {
  const child = spawn(process.execPath, [script, '--store', store, ...command], { stdio: 'ignore' })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_code, signal) => resolve(signal)))
  const stop = new AbortController()
  await Promise.race([ended, sleep(afterMs, undefined, { signal: stop.signal }).catch(() => undefined)])
  stop.abort()
  child.kill('SIGKILL')
  return (await ended) !== null
}

/** Where all copies lie. */
export async function placesOf(store: string): Promise<string> {
  const repo = await Repository.open(store)
  try {
    const places: string[] = []
    repo.parts.group.catalog.eachExtent(({ record, pvs }) => places.push(`${record.eid}:${pvs}`))
    return places.join(' ')
  } finally {
    await repo.close()
  }
}

async function look(store: string, options: Content, name: string, problems: string[], isDone = false): Promise<void> {
  const repo = await Repository.open(store)
  try {
    const { problems: found } = await repo.verify()
    for (const problem of found) problems.push(`${name}: ${JSON.stringify(problem)}`)
    const age = COMMITS - 1
    const bytes = await (await repo.at(`main~${age}`)).read('f')
    if (!bytes.equals(contentOf(options, COMMITS - 1 - age))) problems.push(`${name}: main~${age} is something else`)
    if (isDone) problems.push(...(await namelessIn(repo)).map((problem) => `${name}: ${problem}`))
  } finally {
    await repo.close()
  }
}

/** Volumes that hold extents which the catalog does not name there. */
export async function namelessIn({ parts: { group } }: Repository): Promise<string[]> {
  const problems: string[] = []
  for (const volume of group.volumes) {
    const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
    const orphans = held.filter((eid) => !group.catalog.hasCopy(eid, volume.number))
    if (orphans.length > 0) problems.push(`volume ${volume.number} holds ${orphans.length} nameless extents`)
  }
  return problems
}
