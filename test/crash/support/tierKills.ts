/**
 * kill -9 while `lv tier` moves extents between tiers: some go down, since the fast tier is too full, and some come up in their place.
 *
 * After each kill the store must be whole. In the end all lies where it lies in a copy of the store in which nobody was killed, and
 * nothing is left on any volume that the catalog does not name.
 */
import { cpSync, mkdirSync } from 'node:fs'
import { Repository } from '../../../src/index.js'
import { noteReads } from '../../../src/volume/heat.js'
import { Chance, noise } from './chance.js'
import { namelessIn, placesOf, runAndKill } from './copyKills.js'

export interface TierKillOptions {
  /** An empty folder. */
  readonly folder: string
  /** What `process.execPath` runs as varve. */
  readonly script: string
  /** In as many stores as it takes, each of which is tiered once. */
  readonly kills: number
  readonly seed: string
}

export interface TierKillReport {
  /** Of runs that had not ended yet. */
  kills: number
  /** Kills after which some extents had moved, and others not. */
  halfDone: number
  /** Empty when all is well; the run stops at the first. */
  readonly problems: string[]
}

const AUTHOR = 'Torture <torture@example.org>'
const FILE_BYTES = 900_000
/** In the slow tier: of these the first are hot. */
const OLD_FILES = 6
const HOT_FILES = 3
/** In the fast tier: nine of them are more than its high-water mark. */
const NEW_FILES = 9
const FAST_BYTES = 9_500_000
/** So that a run takes a second or two, in steps. */
const RATE = '12M'

export async function killTiers(options: TierKillOptions): Promise<TierKillReport> {
  const report: TierKillReport = { kills: 0, halfDone: 0, problems: [] }
  const chance = new Chance('tiers', options.seed)
  let lastMs = 2500
  for (let number = 0; report.kills < options.kills && report.problems.length === 0; number++) {
    const folder = `${options.folder}/${number}`
    mkdirSync(folder)
    const store = `${folder}/store.varve`
    await makeStore(folder, options.seed)
    cpSync(folder, `${folder}-whole`, { recursive: true })
    const before = await placesOf(store)
    const startedMs = Date.now()
    await runAndKill(options.script, `${folder}-whole/store.varve`, ['lv', 'tier', '--rate', RATE], 120_000)
    lastMs = Date.now() - startedMs
    const end = await placesOf(`${folder}-whole/store.varve`)
    if (end === before) report.problems.push(`${number}: nothing was moved`)
    while (await runAndKill(options.script, store, ['lv', 'tier', '--rate', RATE], chance.below(lastMs))) {
      report.kills++
      const after = await placesOf(store)
      if (after !== before && after !== end) report.halfDone++
      report.problems.push(
        ...(await look(store, options.seed, false)).map((problem) => `${number}, killed: ${problem}`),
      )
      // Else it might never end.
      if (after === end || report.problems.length > 0) break
    }
    if (await runAndKill(options.script, store, ['lv', 'tier'], 120_000))
      report.problems.push(`${number}: again it does not end`)
    if ((await placesOf(store)) !== end) report.problems.push(`${number}: ${await placesOf(store)}, not ${end}`)
    report.problems.push(...(await look(store, options.seed, true)).map((problem) => `${number}: ${problem}`))
  }
  return report
}

async function makeStore(folder: string, seed: string): Promise<void> {
  const repo = await Repository.create(`${folder}/store.varve`)
  try {
    await repo.changePhysicalVolume('0', { tags: ['slow'] })
    const add = async (first: number, count: number): Promise<void> => {
      for (let number = first; number < first + count; number++) {
        const draft = await repo.draft('main')
        await draft.write(String(number), noise(`${seed} ${number}`, FILE_BYTES))
        await draft.commit({ message: String(number), author: AUTHOR })
      }
    }
    await add(0, OLD_FILES)
    const { catalog, options } = repo.parts.group
    const hot: number[] = []
    catalog.eachExtent(({ record: { eid, storedBytes } }) => {
      if (storedBytes > FILE_BYTES / 2 && hot.length < HOT_FILES) hot.push(eid)
    })
    await repo.extendVolumeGroup(`${folder}/fast.varve`, { tags: ['fast'], capacityBytes: FAST_BYTES })
    await repo.convertLogicalVolume('default', { tiers: { fast: 'fast', slow: 'slow' } })
    await add(OLD_FILES, NEW_FILES)
    for (const [index, eid] of hot.entries()) {
      for (let time = 0; time < 20 + index; time++) {
        catalog.write(() => noteReads(catalog, [eid], options.clock.nowMs()))
      }
    }
  } finally {
    await repo.close()
  }
}

async function look(store: string, seed: string, isDone: boolean): Promise<string[]> {
  // Reading is use: what was read between a kill and the next run would end elsewhere.
  const repo = await Repository.open(store, { readOnly: true })
  try {
    const problems = (await repo.verify()).problems.map((problem) => JSON.stringify(problem))
    const snapshot = await repo.at('main')
    for (let number = 0; number < OLD_FILES + NEW_FILES; number++) {
      const bytes = await snapshot.read(String(number))
      if (!bytes.equals(noise(`${seed} ${number}`, FILE_BYTES))) problems.push(`file ${number} is something else`)
    }
    return isDone ? [...problems, ...(await namelessIn(repo))] : problems
  } finally {
    await repo.close()
  }
}
